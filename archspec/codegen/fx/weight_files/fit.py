"""Compares weights with a network key by key, and reports the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.codegen.fx.weight_files.mappings import Described
from archspec.codegen.fx.weight_files.matching import have_same_shape, is_counter
from archspec.numerals import format_sizes

_SHOWN = 12
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WeightFit:
    """The comparison of weights with a network: keys that only one side has, and keys with another shape or an incompatible type.

    The latter have (expected, got).
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshaped: dict[str, tuple[Shape, Shape]]
    mistyped: dict[str, tuple[torch.dtype, torch.dtype]] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped or self.mistyped)

    @property
    def refused(self) -> set[str]:
        """The keys of both sides that cannot be loaded."""
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

    def as_dict(self) -> dict[str, Any]:
        """The table of differences as plain data."""
        return {
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "misshaped": {k: {"expected": list(a), "got": list(b)} for k, (a, b) in self.misshaped.items()},
            "mistyped": {
                k: {"expected": _format_type(a), "got": _format_type(b)} for k, (a, b) in self.mistyped.items()
            },
        }


@dataclass(frozen=True, slots=True)
class WeightReport:
    """A report on what was loaded from a source of weights, and on the changes before.

    >>> import archspec
    >>> arch = archspec.load("lstm")
    >>> arch.save("lstm.safetensors", seed=1)
    >>> reports = []
    >>> model = arch.build(weights="lstm.safetensors", report=reports.append)
    >>> [report.counts for report in reports]
    ['lstm.safetensors: 4 of 4 tensors taken, 0 of its 4 left out']
    """

    source: str
    fit: WeightFit
    taken: int
    total: int
    """The number of tensors of the network, without counters that the weights lack."""
    available: int
    """The number of tensors of the source."""
    notes: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    """The network's tensors that were not loaded and keep their initial values."""

    @property
    def counts(self) -> str:
        """The numbers of loaded and of unused tensors, as text."""
        unused = self.available - self.taken
        return f"{self.source}: {self.taken} of {self.total} tensors taken, {unused} of its {self.available} left out"

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for `--json`."""
        counts = {"source": self.source, "taken": self.taken, "total": self.total, "available": self.available}
        return counts | {"notes": list(self.notes), "fresh": list(self.fresh)} | self.fit.as_dict()


def compare_weights(own: Mapping[str, Described], got: Mapping[str, Described]) -> WeightFit:
    """Compares the weights `got` with `own`, those of a network. Counters of batch normalisations may be missing, as in torch.

    >>> compare_weights({"a": torch.zeros(2)}, {"a": torch.zeros(3), "b": torch.zeros(1)}).unexpected
    ('b',)
    """
    both = [key for key in own if key in got]
    shapes = {
        key: (tuple(own[key].shape), tuple(got[key].shape)) for key in both if not have_same_shape(own[key], got[key])
    }
    types = {key: (own[key].dtype, got[key].dtype) for key in both}
    return WeightFit(
        tuple(key for key in own if key not in got and not is_counter(key)),
        tuple(key for key in got if key not in own),
        shapes,
        {key: pair for key, pair in types.items() if not _agree(*pair)},
    )


def _agree(expected: torch.dtype, got: torch.dtype) -> bool:
    """Whether one type may be converted to another: floats to floats of any precision, integers to integers.

    A float is converted to an integer if its value is whole.
    """
    if got.is_complex or torch.bool in (got, expected):
        return got == expected
    return got.is_floating_point or not expected.is_floating_point


def _format_type(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
