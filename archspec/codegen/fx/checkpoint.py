"""Weights from files into networks: whether they fit, key by key, and torchvision's own."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from archspec import extras
from archspec.codegen.errors import WeightsError, WeightsWarning
from archspec.codegen.fx.weight_files import WeightFile, compute_read_limit, open_weights
from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.numerals import format_sizes

TORCHVISION = "torchvision:"
_INSTALL = "pip install 'archspec-nn[export]'"
_SHOWN = 12


class Described(Protocol):
    """A tensor, or one that has not been read yet."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> torch.dtype: ...


@dataclass(frozen=True, slots=True)
class WeightFit:
    """How weights fit a network: keys that only one side has, and those of another shape or of a type that cannot become its own.

    Of the last two: (expected, got).
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    mistyped: dict[str, tuple[torch.dtype, torch.dtype]] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped or self.mistyped)

    @property
    def refused(self) -> set[str]:
        """The keys that both sides have and that cannot be taken."""
        return {*self.misshaped, *self.mistyped}

    def __str__(self) -> str:
        rows = [("missing", key, "") for key in self.missing]
        rows += [("unexpected", quote_name(key), "") for key in self.unexpected]
        for key, sizes in self.misshaped.items():
            rows.append(("mis-shaped", key, "expected {}, got {}".format(*map(format_sizes, sizes))))
        for key, types in self.mistyped.items():
            rows.append(("mis-typed", key, "expected {}, got {}".format(*map(_format_type, types))))
        width = max((len(key) for _, key, _ in rows), default=0)
        lines: list[str] = []
        for fault in dict.fromkeys(fault for fault, _, _ in rows):
            chosen = [row for row in rows if row[0] == fault]
            lines += [f"  {fault:10}  {key:{width}}  {detail}".rstrip() for _, key, detail in chosen[:_SHOWN]]
            if len(chosen) > _SHOWN:
                lines.append(f"  {fault:10}  and {len(chosen) - _SHOWN} more")
        return "\n".join(lines)


def load_weights(model: nn.Module, weights: str | Path, *, strict: bool = True) -> WeightFit:
    """Loads weights from a file into a network; not `strict`, those that fit. Warns (`WeightsWarning`) of values that are not finite.

    Returns:
        How the weights fit: keys that only one side has, and those of another shape or type.

    Raises:
        WeightsError: they cannot be read, or they are not those of the network and `strict` is asked for. Then the network is
            as it was.
        OSError: the file cannot be read.

    >>> import archspec
    >>> arch = archspec.load("lstm")
    >>> arch.export("lstm.safetensors", seed=1)
    >>> load_weights(arch.build(), "lstm.safetensors").exact
    True
    """
    own = model.state_dict()
    with _open(weights, compute_read_limit(count_bytes(own))) as source:
        fit = compare_weights(own, source.tensors)
        if strict:
            _check(fit, weights)
        taken = source.load([key for key in own if key in source.tensors and key not in fit.refused])
    copy_weights(_convert(taken, own, weights), own)
    return fit


def load_own_weights(model: nn.Module, weights: str | Path, *, limit: int | None = None) -> None:
    """Puts the weights of a whole network into a part of it. Raises as `load_weights` does, where one of its own is missing."""
    own = model.state_dict()
    with _open(weights, limit) as source:
        _check(compare_weights(own, {key: source.tensors[key] for key in own if key in source.tensors}), weights)
        taken = source.load(list(own))
    copy_weights(_convert(taken, own, weights), own)


def read_weights(weights: str | Path, *, limit: int | None = None) -> dict[str, Tensor]:
    """The tensors of a file by name, or of `torchvision:NAME`. Raises `WeightsError`, `OSError`."""
    with _open(weights, limit) as source:
        taken = source.load(list(source.tensors))
    _warn_of_infinities(taken, weights)
    return taken


def copy_weights(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copies weights into those of a network, `own`, its `state_dict`.

    torch's `load_state_dict` looks through all keys of a module for each of its children, which takes minutes with thousands of blocks.

    >>> import archspec
    >>> model, other = (archspec.load("lstm").build(seed=seed) for seed in (0, 1))
    >>> copy_weights(other.state_dict(), model.state_dict())
    >>> all(bool((model.state_dict()[name] == weight).all()) for name, weight in other.state_dict().items())
    True
    """
    with torch.no_grad():
        for key, weight in weights.items():
            own[key].copy_(weight)


def compare_weights(own: Mapping[str, Described], got: Mapping[str, Described]) -> WeightFit:
    """How the weights `got` fit a network that has `own`."""
    both = [key for key in own if key in got]
    shapes = {key: (tuple(own[key].shape), tuple(got[key].shape)) for key in both}
    types = {key: (own[key].dtype, got[key].dtype) for key in both}
    return WeightFit(
        tuple(key for key in own if key not in got),
        tuple(key for key in got if key not in own),
        {key: pair for key, pair in shapes.items() if pair[0] != pair[1]},
        {key: pair for key, pair in types.items() if not _agree(*pair)},
    )


def count_bytes(weights: Mapping[str, Tensor]) -> int:
    """How many bytes weights take."""
    return sum(weight.numel() * weight.element_size() for weight in weights.values())


def not_finite(weight: Tensor) -> int:
    """How many values of a tensor are infinite or no numbers."""
    if weight.dtype.itemsize == 1 and weight.is_floating_point():
        weight = weight.float()  # types of 8 bits have few operations of their own
    return weight.numel() - int(weight.isfinite().sum())


def _agree(expected: torch.dtype, got: torch.dtype) -> bool:
    """Whether numbers of a type may be taken for those of another: reals of any precision, whole numbers for whole numbers.

    A count that was made a real number is taken back where it is whole (`_convert`).
    """
    if got.is_complex or torch.bool in (got, expected):
        return got == expected
    return got.is_floating_point or not expected.is_floating_point


def _convert(taken: Mapping[str, Tensor], own: Mapping[str, Tensor], weights: str | Path) -> dict[str, Tensor]:
    """Weights in the types of the network's own. Raises `WeightsError` where a whole number is expected and got is none."""
    converted = {key: weight.to(own[key].dtype) for key, weight in taken.items()}
    counts = [key for key in taken if taken[key].is_floating_point() and not own[key].is_floating_point()]
    for key in counts:
        if not torch.equal(converted[key].double(), taken[key].double()):
            raise WeightsError(f"{weights}: {quote_name(key)} is not of whole numbers, as the network's own is")
    _warn_of_infinities(converted, weights)
    return converted


def _warn_of_infinities(taken: Mapping[str, Tensor], weights: str | Path) -> None:
    counts = {key: not_finite(weight) for key, weight in taken.items()}
    wrong = {key: count for key, count in counts.items() if count}
    if wrong:
        shown = ", ".join(f"{key} ({count:,})" for key, count in list(wrong.items())[:_SHOWN])
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        total = sum(wrong.values())
        values = "value that is" if total == 1 else "values that are"
        text = f"{weights}: {total:,} {values} not finite, in {shown}{more}"
        warnings.warn(text, WeightsWarning, stacklevel=3)


def _check(fit: WeightFit, weights: str | Path) -> None:
    if not fit.exact:
        raise WeightsError(f"{weights}: these are not the weights of this network\n{fit}")


@dataclass(frozen=True, slots=True)
class _InMemory:
    """Weights that are there already, as an open file of them."""

    tensors: Mapping[str, Tensor]

    def load(self, names: Iterable[str]) -> dict[str, Tensor]:
        return {name: self.tensors[name] for name in names}


@contextmanager
def _open(weights: str | Path, limit: int | None) -> Iterator[_InMemory | WeightFile]:
    if str(weights).startswith(TORCHVISION):
        yield _InMemory(_torchvision(str(weights).removeprefix(TORCHVISION)))
        return
    with open_weights(Path(weights), limit=limit) as file:
        yield file


def _torchvision(name: str) -> dict[str, Tensor]:
    models = extras.load_extra("torchvision.models", f"{TORCHVISION}{name}", "pip install torchvision", WeightsError)
    if name not in models.list_models():
        raise WeightsError(f"torchvision has no network {name!r}")
    state: dict[str, Tensor] = models.get_model(name, weights="DEFAULT").state_dict()
    return state


def _format_type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
