"""Names the arguments of blocks, as their authors did where that is known."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from keyword import iskeyword
from typing import Any

from archspec.importing.terms import Term

_NAMES = {"sizes": "width", "shape": "width", "channels": "width", "out": "width", "times": "depth"}
"""The words for fields whose own names do not say what they are."""
_KINDS: dict[str, tuple[str, ...]] = {
    "kernel": ("kernel", "ks", "k"),
    "stride": ("stride", "s"),
    "dilation": ("dilation", "dilate", "d"),
    "groups": ("group", "cardinality"),
    "padding": ("pad",),
    "p": ("drop", "prob", "rate", "survival", "p"),
    "times": ("depth", "num", "layers", "repeat", "blocks", "n", "times"),
}
"""Parts of names that say what a field is; where an author's name has none of those of a field, it is of something else."""
_OTHER = frozenset(part for parts in _KINDS.values() for part in parts if len(part) > 2) | {"eps", "momentum", "axis"}
"""Parts of names that a width does not have: those of other fields, and the channels that a part reads."""


def name_number(
    scopes: Sequence[Term], field: str, values: Sequence[Any], taken: Container[str], *, is_width: bool
) -> str:
    """The name for an argument: what the author of the parts calls the number that has these values, or a word for the field.

    An author's name is taken only if it is the only one whose values are those of the argument in each use, says what the field is, and says
    more than the word: `out_channels` is `out`.

    >>> parts = [Term("scope", "unit", given={"inplanes": 8, "planes": 8, "stride": 1}), Term("scope", "unit", given={"inplanes": 8, "planes": 16, "stride": 2})]
    >>> name_number(parts, "out", [8, 16], (), is_width=True), name_number(parts, "stride", [1, 2], (), is_width=False)
    ('planes', 'stride')
    """
    word = _NAMES.get(field, field)
    if is_width and all(value is None or value == scope.made for scope, value in zip(scopes, values, strict=True)):
        word = "out"
    allowed = _is_width if is_width else _is_of(field)
    names = [name for name in _iter_equal(scopes, values) if name not in taken and allowed(name)]
    says_more = len(names) == 1 and not names[0].startswith((field, word))
    return names[0] if says_more else word


def name_flag(scopes: Sequence[Term], counts: Sequence[int | None], taken: Container[str]) -> str | None:
    """What the author of parts calls that some layers are there; None if that has no name."""
    present = [None if count is None else bool(count) for count in counts]
    names = [
        name
        for name in _iter_equal(scopes, present)
        if name not in taken and all(isinstance(scope.given.get(name), bool) for scope in scopes)
    ]
    return names[0] if len(names) == 1 else None


def _iter_equal(scopes: Sequence[Term], values: Sequence[Any]) -> Iterable[str]:
    """Yields the names of the numbers of all scopes that have these values."""
    for name in scopes[0].given:
        known = [scope.given.get(name) for scope in scopes]
        usable = name.isidentifier() and not iskeyword(name)
        if usable and None not in known and all(own in (None, its) for own, its in zip(values, known, strict=True)):
            yield name


def _split(name: str) -> list[str]:
    return name.lower().strip("_").split("_")


def _is_width(name: str) -> bool:
    parts = _split(name)
    return not any(part in _OTHER or part.startswith("in") for part in parts)


def _is_of(field: str) -> Any:
    kinds = _KINDS.get(field, (field,))
    return lambda name: any(part == kind or (len(kind) > 2 and kind in part) for part in _split(name) for kind in kinds)
