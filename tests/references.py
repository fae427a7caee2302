"""Imports the reference libraries on demand."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch.library import Library

_SCHEMAS = tuple(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for op in ("nms", "qnms"))
_declared: list[Library] = []


@cache
def torchvision() -> ModuleType:
    """torchvision, also if its compiled ops, which models do not need, were built for another torch."""
    pytest.importorskip("torch")
    try:
        return _imported("torchvision")
    except RuntimeError:
        _declare_missing_ops()
        return importlib.import_module("torchvision")


@cache
def timm() -> ModuleType:
    """timm, which imports torchvision."""
    torchvision()
    return _imported("timm")


def _imported(name: str) -> ModuleType:
    module: ModuleType = pytest.importorskip(name)
    return module


def _declare_missing_ops() -> None:
    """Declares the schemas that torchvision's import needs; `_declared` keeps the library alive."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _declared.append(library)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
