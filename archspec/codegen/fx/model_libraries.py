"""Imports torchvision and timm, also where torchvision's compiled ops were built for another torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from archspec.extras import UnavailableError, load_extra

_FAULT = "operator torchvision::"
_SCHEMAS = tuple(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for op in ("nms", "qnms"))
"""The ops that torchvision's Python code registers functions for without asking whether they exist."""
_declared: list[torch.library.Library] = []
"""Keeps the declarations alive."""


def load_model_library(name: str, purpose: str, error: Callable[[str], Exception] = UnavailableError) -> Any:
    """A module of torchvision or timm, as `load_extra` imports it.

    Wheels of torchvision and torch from different builds do not fit each other: the compiled ops do not load, and the import fails at
    the first that is missing, although only detection needs them. Then these ops are declared without a kernel, and the import is tried
    again: models work, and a call of such an op raises torchvision's own error, which names the builds.

    Args:
        name: the dotted name of the module.
        purpose: what needs it, as the beginning of a sentence.
        error: makes the exception from a message.

    Raises:
        Exception: that of `error`, if the library is not installed or its import fails for another reason.
    """
    install = f"pip install {name.partition('.')[0]}"
    return with_declared_ops(lambda: load_extra(name, purpose, install, error))


def with_declared_ops(load: Callable[[], Any]) -> Any:
    """What `load` returns, which imports torchvision; tried again with its missing ops declared if it fails for want of them."""
    try:
        return load()
    except Exception as fault:
        if _declared or not any(str(own).startswith(_FAULT) for own in (fault, fault.__cause__)):
            raise
    _declare_missing_ops()
    return load()


def _declare_missing_ops() -> None:
    """Declares the ops that torchvision's import asks for, and forgets the packages whose import stopped half-way."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
    halves = {"torchvision", "timm"} - sys.modules.keys()
    for name in [name for name in sys.modules if name.partition(".")[0] in halves]:
        del sys.modules[name]
