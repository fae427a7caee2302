"""Imports optional packages on demand, with an error that says how to install them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from archspec.errors import ArchspecError

_LONGEST = 300


class UnavailableError(ArchspecError, ImportError):
    """Raised if an optional package is not installed or cannot be imported.

    >>> load_extra("no_such_package", "drawing", "pip install it")
    Traceback (most recent call last):
        ...
    archspec.extras.UnavailableError: drawing needs no_such_package, which is not installed: pip install it
    """


def load_extra(name: str, purpose: str, install: str, error: Callable[[str], Exception] = UnavailableError) -> Any:
    """The module of an optional package.

    Args:
        name: the dotted name of the module.
        purpose: what needs it, as the beginning of a sentence: "writing ONNX".
        install: the command that installs it: "pip install 'archspec-nn[export]'".
        error: makes the exception from a message.

    Raises:
        Exception: that of `error`, if the package is not installed or its import fails, with the reason: a missing shared library,
            another missing package, or a build for another version of torch.

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
    """The reason why the import of a module failed: its package is missing or broken."""
    package = name.partition(".")[0]
    if isinstance(fault, ModuleNotFoundError) and fault.name == package:
        return f"{package}, which is not installed: {install}"
    reason = " ".join(str(fault).split()) or "no reason given"
    return f"{package}, which is installed but cannot be imported: {type(fault).__name__}: {reason[:_LONGEST]}"
