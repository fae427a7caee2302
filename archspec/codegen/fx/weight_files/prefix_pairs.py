"""Finds several prefixes of a checkpoint's names that differ in the network: `backbone.` is removed, and `head.` becomes `fc.`.

Parts are matched by the names and shapes in them, and not by their order, which safetensors does not keep. If two parts have the same
contents and neither has the network's name, nothing is renamed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
_Content = frozenset[tuple[str, Shape]]
"""The tensors of a part, by their names relative to it, with their shapes."""
_ROUNDS = 64
_SHOWN = 6


def find_prefix_pairs(got: Shapes, own: Shapes) -> dict[str, str]:
    """The prefix of the network for each prefix of the checkpoint `got`, if they match all tensors of the network; else empty.

    The last layer may have another number of outputs.

    >>> find_prefix_pairs({"backbone.conv.weight": (8, 3), "head.weight": (5, 8)}, {"conv.weight": (8, 3), "fc.weight": (2, 8)})
    {'backbone.conv.': 'conv.', 'head.': 'fc.'}
    >>> find_prefix_pairs({"a.weight": (8, 8), "b.weight": (8, 8)}, {"x.weight": (8, 8), "y.weight": (8, 8)})
    {}
    """
    if len(got) != len(own):
        return {}
    pairs, rest = _pair_parts(list(_Part.of(got).children.values()), _Part.of(own))
    if rest:
        pairs |= _pair_head(rest, own, {rename(name, pairs) for name in got})
    return pairs if {rename(name, pairs) for name in got} == own.keys() else {}


def rename(name: str, pairs: Mapping[str, str]) -> str:
    """A name with its prefix replaced.

    >>> rename("head.bias", {"head.": "fc."})
    'fc.bias'
    """
    end = len(name)
    while end > 0:
        if name[:end] in pairs:
            return pairs[name[:end]] + name[end:]
        end = name.rfind(".", 0, end - 1) + 1
    return name


def describe_pairs(pairs: Mapping[str, str]) -> str:
    """A note on the replaced prefixes, each once and without common last components.

    >>> describe_pairs({"backbone.conv.": "conv.", "backbone.bn.": "bn.", "model.head.": "out.head."})
    "prefixes of names were others: 'backbone.' was left out, 'model.head.' became 'out.head.'"
    """
    short = {old: _shorten(old, new) for old, new in pairs.items()}
    count = Counter(short.values())
    shown = (ends if not ends[1] or count[ends] > 1 else (old, pairs[old]) for old, ends in short.items())
    said = [
        f"{old!r} became {new!r}" if new else f"{old!r} was left out" for old, new in dict.fromkeys(shown) if old != new
    ]
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return f"prefixes of names were others: {', '.join(said[:_SHOWN])}{more}"


def _shorten(old: str, new: str) -> tuple[str, str]:
    """Two prefixes without their common last components."""
    words, others = (prefix.removesuffix(".").split(".") for prefix in (old, new))
    while words and others and words[-1] == others[-1]:
        del words[-1], others[-1]
    before, after = ("".join(f"{word}." for word in part) for part in (words, others))
    return before, after


@dataclass
class _Part:
    """The tensors with one prefix, and the parts inside."""

    prefix: str
    children: dict[str, _Part] = field(default_factory=dict)
    tensors: dict[str, Shape] = field(default_factory=dict)

    @classmethod
    def of(cls, shapes: Shapes) -> _Part:
        """The part of all tensors; each tensor is also a part."""
        whole = cls("")
        for name, shape in shapes.items():
            part, words = whole, name.split(".")
            for place, word in enumerate(words):
                end = "." if place < len(words) - 1 else ""
                part = part.children.setdefault(word, cls(f"{part.prefix}{word}{end}"))
                part.tensors[".".join(words[place + 1 :])] = shape
        return whole

    @property
    def name(self) -> str:
        """The last component of the prefix."""
        return self.prefix.rstrip(".").rpartition(".")[2]

    @cached_property
    def content(self) -> _Content:
        return frozenset(self.tensors.items())

    @property
    def is_layer(self) -> bool:
        """Whether it contains only tensors."""
        return bool(self.children) and not any(child.children for child in self.children.values())

    def walk(self) -> Iterator[_Part]:
        """Yields the parts inside, outer ones first."""
        for child in self.children.values():
            yield child
            yield from child.walk()


def _pair_parts(parts: list[_Part], ours: _Part) -> tuple[dict[str, str], list[_Part]]:
    """The prefixes of the network for parts, larger ones first; and the parts without a match."""
    pairs, rest = dict[str, str](), list[_Part]()
    for _ in range(_ROUNDS):
        free = list(_iter_free(ours, pairs.values()))
        found = _find_unique(parts, free, by_name=False) or _find_unique(parts, free, by_name=True)
        pairs |= found
        parts = [part for part in parts if part.prefix not in found]
        if not found:
            rest += [part for part in parts if part.is_layer or not part.children]
            parts = [child for part in parts if not part.is_layer for child in part.children.values()]
        if not parts:
            break
    return pairs, rest + parts


def _iter_free(ours: _Part, taken: Iterable[str]) -> Iterator[_Part]:
    """Yields the parts of the network that do not overlap with taken ones."""
    below = set(taken)
    above = {outer for prefix in below for outer in _iter_outer(prefix)}
    for part in ours.walk():
        if part.prefix not in below | above and below.isdisjoint(_iter_outer(part.prefix)):
            yield part


def _iter_outer(prefix: str) -> Iterator[str]:
    """Yields the prefixes of the parts around a part."""
    end = prefix.rfind(".", 0, -1)
    while end > 0:
        yield prefix[: end + 1]
        end = prefix.rfind(".", 0, end)


def _find_unique(parts: Sequence[_Part], free: Sequence[_Part], *, by_name: bool) -> dict[str, str]:
    """The unique matches between parts with the same contents and, with `by_name`, the same name."""
    known: dict[object, list[str]] = {}
    for part in free:
        known.setdefault(_describe(part, by_name=by_name), []).append(part.prefix)
    claims: dict[str, list[str]] = {}
    for part in parts:
        same = known.get(_describe(part, by_name=by_name), [])
        if len(same) == 1:
            claims.setdefault(same[0], []).append(part.prefix)
    return {claimants[0]: prefix for prefix, claimants in claims.items() if len(claimants) == 1}


def _describe(part: _Part, *, by_name: bool) -> object:
    """The key by which parts match; single tensors also need the same name."""
    return (part.content, part.name) if by_name or not part.children else part.content


def _pair_head(rest: list[_Part], own: Shapes, taken: set[str]) -> dict[str, str]:
    """The last layer of the network for the only layer that is left, if only the number of outputs differs."""
    layer = next(reversed(list(own))).rpartition(".")[0]
    lacking = {name.rpartition(".")[2]: shape for name, shape in own.items() if name not in taken}
    whole = all(name.startswith(f"{layer}.") for name in own if name not in taken)
    if len(rest) > 1 or not whole or lacking.keys() != rest[0].tensors.keys():
        return {}
    same = all(shape[1:] == lacking[name][1:] for name, shape in rest[0].tensors.items())
    return {rest[0].prefix: f"{layer}."} if same else {}
