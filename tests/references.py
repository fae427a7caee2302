"""Imports the reference libraries on demand."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import pytest


@cache
def torchvision() -> ModuleType:
    """torchvision, also if its compiled ops, which models do not need, were built for another torch."""
    return _load("torchvision")


@cache
def timm() -> ModuleType:
    """timm, which imports torchvision."""
    return _load("timm")


def _load(name: str) -> ModuleType:
    pytest.importorskip("torch")
    from archspec.codegen.fx.model_libraries import load_model_library
    from archspec.extras import UnavailableError

    try:
        module: ModuleType = load_model_library(name, "a test")
    except UnavailableError as error:
        pytest.skip(str(error))
    return module
