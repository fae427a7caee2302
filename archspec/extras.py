"""Packages that only some of archspec needs: imported when they are asked for, with a clear answer where they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from archspec.errors import ArchspecError

_LONGEST = 300


class UnavailableError(ArchspecError, ImportError):
    """An optional package is not installed, or cannot be imported.

    >>> load_extra("no_such_package", "drawing", "pip install it")
    Traceback (most recent call last):
        ...
    archspec.extras.UnavailableError: drawing needs no_such_package, which is not installed: pip install it
    """


def load_extra(name: str, purpose: str, install: str, error: Callable[[str], Exception] = UnavailableError) -> Any:
    """The module of an optional package.

    Args:
        name: the module's, as `import` takes it.
        purpose: what needs it, as the beginning of a sentence: "writing ONNX".
        install: what installs it: "pip install 'archspec-nn[export]'".
        error: makes the exception of a message.

    Raises:
        Exception: `error`'s, where the package is not installed, and also where it is but fails to import, with the reason: a shared
            library that is missing, another package that it needs, a build for another version of torch.

    >>> load_extra("json", "reading", "pip install json").loads("[1]")
    [1]
    >>> load_extra("no_such_package.part", "drawing", "pip install it")
    Traceback (most recent call last):
    ...
    archspec.extras.UnavailableError: drawing needs no_such_package, which is not installed: pip install it
    """
    try:
        import_module(name.partition(".")[0])
        return import_module(name)
    except Exception as fault:  # a broken package raises anything: ImportError, OSError, RuntimeError, AttributeError
        raise error(f"{purpose} needs {explain_missing(name, fault, install)}") from fault


def explain_missing(name: str, fault: Exception, install: str) -> str:
    """Why the import of a module failed: its package is not there, or is there and is broken."""
    package = name.partition(".")[0]
    if isinstance(fault, ModuleNotFoundError) and fault.name == package:
        return f"{package}, which is not installed: {install}"
    reason = " ".join(str(fault).split()) or "no reason given"
    return f"{package}, which is installed but cannot be imported: {type(fault).__name__}: {reason[:_LONGEST]}"
