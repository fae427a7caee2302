"""Names in generated code: of a function's arguments and of attributes."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

from archspec.codegen.module_tree import ModulePart
from archspec.ir.names import UniqueNames, append_underscores

USED = frozenset(["self", "torch", "nn", "F", "Tensor", "operator", "super", "range", "enumerate", "zip", "str", "_"])
"""What the code of a class uses itself."""


def make_identifier(text: str, stem: str = "_") -> str:
    """The text as a name of Python's; one that cannot begin a name gets `stem` in front.

    Two leading underscores, which Python replaces inside a class, are one.
    """
    plain = re.sub(r"^__+", "_", re.sub(r"\W", "_", unicodedata.normalize("NFKC", text)))
    if keyword.iskeyword(plain):
        return f"{plain}_"
    return plain if plain.isidentifier() else stem + plain


def make_argument_names(names: Iterable[str]) -> list[str]:
    """Names that are given to a network's inputs as they can stand in a function's signature, no two equal."""
    identifiers = UniqueNames(variant=append_underscores)
    plain = map(make_identifier, names)
    return [identifiers.take(f"_{name}" if name in USED else name) for name in plain]


def name_part_arguments(part: ModulePart) -> list[str]:
    """What the values that enter a part are called in its `forward`."""
    return ["x"] if len(part.inputs) == 1 else [f"x{number}" for number in range(len(part.inputs))]


def is_attribute(name: str) -> bool:
    """Whether generated code that contains `name` as an attribute accesses the attribute of exactly that name."""
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
