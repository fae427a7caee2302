"""Makes names of arguments and attributes in generated code."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

from archspec.codegen.module_tree import ModulePart
from archspec.ir.names import UniqueNames, append_underscores

USED = frozenset(["self", "torch", "nn", "F", "Tensor", "operator", "super", "range", "enumerate", "zip", "str", "_"])
"""Names that the code of a class uses itself."""


def make_identifier(text: str, stem: str = "_") -> str:
    """The text as a Python identifier, with `stem` in front if it cannot begin one.

    Two leading underscores, which Python mangles inside a class, become one.
    """
    plain = re.sub(r"^__+", "_", re.sub(r"\W", "_", unicodedata.normalize("NFKC", text)))
    if keyword.iskeyword(plain):
        return f"{plain}_"
    return plain if plain.isidentifier() else stem + plain


def make_argument_names(names: Iterable[str]) -> list[str]:
    """Unique identifiers for the inputs of a network, in a function's signature."""
    identifiers = UniqueNames(variant=append_underscores)
    plain = map(make_identifier, names)
    return [identifiers.take(f"_{name}" if name in USED else name) for name in plain]


def name_part_arguments(part: ModulePart) -> list[str]:
    """The names of a part's inputs in its `forward`."""
    return ["x"] if len(part.inputs) == 1 else [f"x{number}" for number in range(len(part.inputs))]


def is_attribute(name: str) -> bool:
    """Whether generated code that contains `name` as an attribute accesses the attribute of exactly that name."""
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
