"""The passes: rewrites of the elaborated graph, plain functions in one tuple."""

from __future__ import annotations

from pydantic import BaseModel

from archspec.passes.base import Pass, PassError, make_arguments_model
from archspec.passes.drop_path import drop_path
from archspec.passes.grouped_paths import grouped_paths
from archspec.passes.lesion import lesion
from archspec.passes.separate_paths import separate_paths
from archspec.passes.stochastic_depth import stochastic_depth

PASSES: tuple[Pass, ...] = (stochastic_depth, drop_path, grouped_paths, separate_paths, lesion)
"""All passes that a spec may ask for by name."""

BY_WORD: dict[str, Pass] = {function.__name__: function for function in PASSES}
ARGUMENTS: dict[str, type[BaseModel]] = {word: make_arguments_model(function) for word, function in BY_WORD.items()}

__all__ = ["ARGUMENTS", "BY_WORD", "PASSES", "PassError"]
