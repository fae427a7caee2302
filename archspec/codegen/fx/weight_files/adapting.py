"""Finds and applies adaptations of weights of a network with another head, other inputs or other patches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt

from torch import Tensor

from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.fit import Shape, WeightFit
from archspec.codegen.fx.weight_files.matching import strip_ones
from archspec.codegen.fx.weight_files.resampling import (
    adapt_channels,
    find_token_count,
    resample_patches,
    resample_positions,
)
from archspec.numerals import format_sizes

KINDS = ("head", "channels", "positions", "patches")
"""The kinds of adaptation: classes, input channels, positional embeddings, the size of patches or kernels."""
Grid = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A difference between weights and a network, and the computation that makes them fit."""

    kinds: tuple[str, ...]
    """The kinds, all of which must be requested."""
    keys: tuple[str, ...]
    difference: str
    done: str
    compute: Callable[[Tensor], Tensor] | None = None
    """The computation; with None the network keeps its initial values."""


def parse_kinds(adapt: str | Iterable[str]) -> tuple[str, ...]:
    """The requested kinds, from names or from one text with commas. Raises `WeightsError`.

    >>> parse_kinds("head,channels")
    ('head', 'channels')
    """
    words = adapt.split(",") if isinstance(adapt, str) else list(adapt)
    kinds = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    for kind in kinds:
        if kind not in KINDS:
            raise WeightsError(f"adapt has {kind!r}, expected some of {', '.join(KINDS)}")
    return kinds


def find_adaptations(own: Collection[str], fit: WeightFit, grids: Iterable[Grid] = ()) -> list[Adaptation]:
    """The adaptations that make weights fit; `grids` are the heights and widths of the network's values."""
    pairs = {key: (strip_ones(expected), strip_ones(got)) for key, (expected, got) in fit.misshaped.items()}
    tables = [adaptation for key, pair in pairs.items() for adaptation in _find_table(key, *pair, tuple(grids))]
    rest = apply_to_fit(fit, tables)
    heads = list(_find_heads(own, rest))
    kernels = [
        adaptation
        for key, pair in apply_to_fit(rest, heads).misshaped.items()
        for adaptation in _find_kernel(key, *pair)
    ]
    return [*kernels, *tables, *heads]


def apply_to_fit(fit: WeightFit, chosen: Iterable[Adaptation]) -> WeightFit:
    """The fit of weights after adaptations."""
    settled = {key for adaptation in chosen for key in adaptation.keys}
    heads = tuple(
        {f"{key.rpartition('.')[0]}." for adaptation in chosen if adaptation.compute is None for key in adaptation.keys}
    )
    return replace(
        fit,
        missing=tuple(key for key in fit.missing if key not in settled),
        unexpected=tuple(key for key in fit.unexpected if not key.startswith(heads)) if heads else fit.unexpected,
        misshaped={key: pair for key, pair in fit.misshaped.items() if key not in settled},
    )


def _find_heads(own: Collection[str], fit: WeightFit) -> Iterator[Adaptation]:
    """Adaptations of layers with another number of outputs, and of a last layer that the weights lack."""
    pairs = {
        key: pair for key, pair in fit.misshaped.items() if pair[0][:1] != pair[1][:1] and pair[0][1:] == pair[1][1:]
    }
    for layer in dict.fromkeys(_layer(key) for key, (expected, _) in pairs.items() if len(expected) > 1):
        keys = tuple(key for key in pairs if _layer(key) == layer)
        (after, *_), (before, *_) = pairs[keys[0]]
        text = f"the head {layer} has {before} classes, expected {after}"
        yield Adaptation(
            ("head",), keys, text, f"the head {layer} of {before} classes was left out; that of {after} is fresh"
        )
    last = _layer(list(own)[-1]) if own else ""
    keys = tuple(key for key in own if _layer(key) == last)
    if fit.missing and set(fit.missing) == set(keys):
        yield Adaptation(
            ("head",), keys, f"the head {last} is not in it", f"the head {last}, which is not in it, is fresh"
        )


def _layer(key: str) -> str:
    return key.rpartition(".")[0]


def _find_table(key: str, expected: Shape, got: Shape, grids: tuple[Grid, ...]) -> list[Adaptation]:
    """The adaptation of a table of positional embeddings, if it is one."""
    if "pos" not in key.lower() or len(expected) != 2 or len(got) != 2 or expected[1] != got[1]:
        return []
    after, before = expected[0], got[0]
    square = find_token_count(before, after)
    grid = (
        next((grid for grid in grids if find_token_count(before, after, grid) is not None), None)
        if square is None
        else None
    )
    tokens = find_token_count(before, after, grid)
    if tokens is None:
        return []
    new = grid or (isqrt(after - tokens),) * 2
    old = (isqrt(before - tokens),) * 2
    text = f"{key} is for {format_sizes(old)} positions, expected {format_sizes(new)}"
    done = f"{key} was resized from {format_sizes(old)} to {format_sizes(new)} positions"
    return [Adaptation(("positions",), (key,), text, done, partial(resample_positions, grid=new, tokens=tokens))]


def _find_kernel(key: str, expected: Shape, got: Shape) -> list[Adaptation]:
    """The adaptation of a convolution with other input channels or another kernel size, if it is one."""
    if len(expected) != len(got) or len(expected) < 3 or expected[0] != got[0]:
        return []
    steps: list[tuple[str, str, str, Callable[[Tensor], Tensor]]] = []
    if expected[1] != got[1]:
        how = "summed" if expected[1] == 1 else "repeated and scaled"
        text, done = (
            f"is for {_count_channels(got[1])}, expected {expected[1]}",
            f"was {how} from {_count_channels(got[1])} to {expected[1]}",
        )
        steps.append(("channels", text, done, partial(adapt_channels, channels=expected[1])))
    if expected[2:] != got[2:] and len(expected) == 4:
        sizes = format_sizes(got[2:]), format_sizes(expected[2:])
        text, done = (
            "is for patches of {}, expected {}".format(*sizes),
            "was resized from patches of {} to {}".format(*sizes),
        )
        steps.append(("patches", text, done, partial(resample_patches, size=(expected[2], expected[3]))))
    elif expected[2:] != got[2:]:
        return []
    kinds, texts, dones, functions = zip(*steps, strict=True)
    return [
        Adaptation(
            kinds, (key,), f"{key} {' and '.join(texts)}", f"{key} {' and '.join(dones)}", partial(_compose, functions)
        )
    ]


def _count_channels(count: int) -> str:
    return f"{count} input {'channel' if count == 1 else 'channels'}"


def _compose(functions: tuple[Callable[[Tensor], Tensor], ...], weight: Tensor) -> Tensor:
    for function in functions:
        weight = function(weight)
    return weight
