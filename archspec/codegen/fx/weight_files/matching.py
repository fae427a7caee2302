"""Translates the names of a checkpoint's tensors to those of the network: prefixes, wrappers, and names of older releases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.codegen.fx.weight_files.mappings import Described, TensorMapping
from archspec.codegen.fx.weight_files.prefix_pairs import describe_pairs, find_prefix_pairs, rename

COUNTER = "num_batches_tracked"
"""The counter of batch normalisations since torch 0.4.1, which may be missing in a `state_dict`."""
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""The name components that `torch.compile`, FSDP and activation checkpointing insert before wrapped modules."""
_MOST_PREFIXES = 32
_AVERAGES = "n_averaged"
"""The counter of `torch.optim.swa_utils.AveragedModel`."""
_HOOKS = "torch's older weight norm or spectral norm"
_OLD_NAMES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("torchvision's DenseNet before 0.3", re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\."), r"\1\2."),
    ("torchvision's ViT of 0.12", re.compile(r"(\bmlp)\.linear_1\."), r"\1.0."),
    ("torchvision's ViT of 0.12", re.compile(r"(\bmlp)\.linear_2\."), r"\1.3."),
    (_HOOKS, re.compile(r"\bweight_g$"), "parametrizations.weight.original0"),
    (_HOOKS, re.compile(r"\bweight_v$"), "parametrizations.weight.original1"),
    (_HOOKS, re.compile(r"\bweight_orig$"), "parametrizations.weight.original"),
    (_HOOKS, re.compile(r"\bweight_([uv])$"), r"parametrizations.weight.0._\1"),
    ("normalisations of TensorFlow's names", re.compile(r"\bgamma$"), "weight"),
    ("normalisations of TensorFlow's names", re.compile(r"\bbeta$"), "bias"),
)
"""Changed names: the library, the old pattern, and the replacement."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """The changes of names."""

    prefix: str = ""
    """The prefix that was removed."""
    rivals: tuple[str, ...] = ()
    """Other prefixes below which as many names match."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A mapping of a checkpoint, with the network's names as far as they match."""

    mapping: TensorMapping
    tensors: dict[str, Described]
    others: dict[str, Any]
    hits: int
    """The number of names that match."""
    shaped: int
    """The number of these whose shapes match too."""
    renamed: Renamed

    @property
    def score(self) -> tuple[int, int]:
        return self.hits, self.shaped


def match_names(mapping: TensorMapping, own: Mapping[str, Described], part: str = "") -> Match:
    """Matches the names of a mapping with `own`, those of a network; with `part`, only names below that prefix."""
    renaming = _Renaming(own)
    below = {key: renaming.unwrap(key) for key in (*mapping.tensors, *mapping.others) if _is_below(key, part)}
    shapes = {below[name]: tuple(tensor.shape) for name, tensor in mapping.tensors.items() if name in below}
    prefix, rivals = _choose_prefix(shapes, own, renaming.update)
    added = "" if prefix else _choose_added_prefix(shapes, own, renaming.update)
    names = {name: renaming.update(added + inner.removeprefix(prefix)) for name, inner in below.items()}
    if len(set(names.values())) < len(names):
        names = {name: name for name in below}
    notes = _describe_prefix(prefix, added, list(shapes))
    pairs = {} if _has_all(names.values(), own) else _find_pairs(shapes, own)
    if pairs:
        prefix, rivals, notes = "", [], [describe_pairs(pairs)]
        names = {name: rename(inner, pairs) for name, inner in below.items()}
    notes += renaming.describe(name for name in names if names[name] in own)
    return _make_match(mapping, names, own, Renamed(prefix, tuple(rivals), tuple(notes)))


def _has_all(names: Iterable[str], own: Mapping[str, Described]) -> bool:
    """Whether the names include all that a network needs."""
    return {name for name in own if not is_counter(name)} <= set(names)


def _find_pairs(shapes: Mapping[str, tuple[int, ...]], own: Mapping[str, Described]) -> dict[str, str]:
    """The prefixes of the network for those of a checkpoint, if several differ."""
    got = {name: strip_ones(shape) for name, shape in shapes.items() if not is_counter(name) and name != _AVERAGES}
    needed = {name: strip_ones(tuple(part.shape)) for name, part in own.items() if not is_counter(name)}
    return find_prefix_pairs(got, needed)


def is_counter(key: str) -> bool:
    return key.rpartition(".")[2] == COUNTER


def _is_below(name: object, part: str) -> bool:
    return isinstance(name, str) and (not part or name.startswith(f"{part}."))


def _make_match(
    mapping: TensorMapping, names: Mapping[str, str], own: Mapping[str, Described], renamed: Renamed
) -> Match:
    by_own_name = {names[name]: tensor for name, tensor in mapping.tensors.items() if name in names}
    tensors = {name: tensor for name, tensor in by_own_name.items() if name in own or name != _AVERAGES}
    others = {names.get(name, name): part for name, part in mapping.others.items()}
    hits = [name for name in tensors if name in own]
    shaped = sum(1 for name in hits if have_same_shape(own[name], tensors[name]))
    return Match(mapping, tensors, others, len(hits), shaped, renamed if hits else Renamed())


def have_same_shape(own: Described, got: Described) -> bool:
    """Whether two shapes are equal, apart from leading axes of length one."""
    return strip_ones(tuple(own.shape)) == strip_ones(tuple(got.shape))


def strip_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its leading axes of length one.

    >>> strip_ones((1, 197, 768)), strip_ones((1,))
    ((197, 768), ())
    """
    while shape[:1] == (1,):
        shape = shape[1:]
    return shape


class _Renaming:
    """The changes of single names that the network does not have."""

    def __init__(self, own: Mapping[str, Described]) -> None:
        self._own = own
        self._wrappers = [wrapper for wrapper in _WRAPPERS if not any(wrapper in name for name in own)]

    def unwrap(self, name: str) -> str:
        for wrapper in self._wrappers:
            name = name.replace(wrapper, "")
        return name

    def update(self, name: str) -> str:
        """The current name for an old one, if the network has only the current one."""
        if name in self._own:
            return name
        return next((new for new in self._newer_names(name) if new in self._own), name)

    def _newer_names(self, name: str) -> Iterable[str]:
        return (pattern.sub(text, name) for _, pattern, text in _OLD_NAMES)

    def describe(self, names: Iterable[str]) -> list[str]:
        """Notes on the changes of names, one for each kind."""
        names = list(names)
        said = [
            f"{wrapper!r} was left out of names" for wrapper in self._wrappers if any(wrapper in name for name in names)
        ]
        for kind in dict.fromkeys(kind for kind, _, _ in _OLD_NAMES):
            patterns = [pattern for other, pattern, _ in _OLD_NAMES if other == kind]
            old = [name for name in names if name not in self._own and any(map_.search(name) for map_ in patterns)]
            if old:
                said.append(f"{len(old)} names were those of {kind}, such as {quote_name(old[0])}")
        return said


def _choose_prefix(
    shapes: Mapping[str, tuple[int, ...]], own: Mapping[str, Described], update: Callable[[str], str]
) -> tuple[str, list[str]]:
    """The prefix below which most names match, the shortest of several; and others with as many matches.

    >>> from torch import zeros
    >>> own = {"conv.weight": zeros(1)}
    >>> _choose_prefix({"module.model.conv.weight": (1,), "criterion.weight": (2,)}, own, str)
    ('module.model.', [])
    """
    if shapes.keys() >= own.keys():
        return "", []
    hits, shaped = Counter[str](), Counter[str]()
    for name, shape in shapes.items():
        for prefix in _iter_prefixes(name):
            inner = update(name.removeprefix(prefix))
            if inner in own:
                hits[prefix] += 1
                shaped[prefix] += strip_ones(shape) == strip_ones(tuple(own[inner].shape))
    best = max(((hits[prefix], shaped[prefix]) for prefix in hits), default=(0, 0))
    chosen = sorted((prefix for prefix in hits if (hits[prefix], shaped[prefix]) == best), key=len)
    return (chosen[0], [other for other in chosen if not other.startswith(chosen[0])]) if chosen else ("", [])


def _iter_prefixes(name: str) -> Iterable[str]:
    """Yields the empty prefix and each that ends in a dot."""
    yield ""
    place = name.find(".")
    for _ in range(_MOST_PREFIXES):
        if place < 0:
            return
        yield name[: place + 1]
        place = name.find(".", place + 1)


def _choose_added_prefix(
    shapes: Mapping[str, tuple[int, ...]], own: Mapping[str, Described], update: Callable[[str], str]
) -> str:
    """The prefix that all names of the network have and those of the checkpoint lack, if more names match with it."""
    shared = find_shared_prefix(own)
    prefixes = [prefix for prefix in _iter_prefixes(shared) if len(prefix) <= len(shared)]
    return max(prefixes, key=lambda prefix: sum(update(prefix + name) in own for name in shapes), default="")


def find_shared_prefix(names: Iterable[str]) -> str:
    """The longest common prefix of names that ends in a dot.

    >>> find_shared_prefix(["net.one.weight", "net.one.bias", "net.two"])
    'net.'
    """
    names = list(names)
    first, last = min(names, default=""), max(names, default="")
    length = next(
        (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[: first.rfind(".", 0, length) + 1]


def _describe_prefix(prefix: str, added: str, names: list[str]) -> list[str]:
    if added:
        return [f"{added!r} was put before each of its {len(names)} names"]
    having = sum(1 for name in names if name.startswith(prefix))
    of = f"all {having}" if having == len(names) else f"{having} of {len(names)}"
    return [f"the prefix {prefix!r} of {of} names was left out"] if prefix else []
