"""Reads the ledger: what others publish of the bundled networks, and which of their models each is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from archspec.spec import bundled

Published = int | str
"""A count: exact, or as it is printed, such as `"4.089 G"`."""
EXCEPTIONS = "exceptions"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What one source says of a bundled network.

    >>> row = next(row for row in load_ledger() if row.reference == "torchvision:resnet50")
    >>> row.spec, row.params, row.work, row.convention
    ('resnet50', 25557032, '4.089 G', 'macs')
    """

    spec: str
    source: str
    convention: str
    """The convention of counting (`archspec summary --convention`) that `work` follows."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the spec for which the numbers are."""
    input: tuple[int, ...] | None = None
    """The sizes of the input for which the numbers are; the spec's own if absent."""
    reference: str | None = None
    """The model with the same weights by name, as for `archspec check SPEC --against`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The keyword arguments that make the reference."""
    sample: tuple[int, ...] | Mapping[str, tuple[int, ...]] | None = None
    """A smaller input, or several by name, at which outputs are compared."""
    outputs: Literal["equal", "rounding"] = "equal"
    """How the outputs of both agree with the same weights: bit by bit, or but for rounding."""
    same_order: bool = True
    """Whether the weights of both are in the same order."""
    params: Published | None = None
    work: Published | None = None
    acts: Published | None = None
    depth: int | None = None
    paths: int | None = None
    where: str = ""
    """The place in the source."""
    reason: str = ""
    """Why a number, the outputs or the order of the weights are not exactly ours."""

    @property
    def published(self) -> dict[str, Published]:
        """The published counts by name."""
        counts = {name: getattr(self, name) for name in ("params", "work", "acts", "depth", "paths")}
        return {name: count for name, count in counts.items() if count is not None}

    @property
    def name(self) -> str:
        """The source, the spec, what it is given, and the reference if its name is another.

        >>> next(row.name for row in load_ledger() if row.spec == "vit_b_16" and row.args)
        'torchvision-vit_b_16-image_height=384-image_width=384'
        """
        given = dict(self.args) | ({"input": "x".join(map(str, self.input))} if self.input else {})
        model = (self.reference or "").rpartition(":")[2]
        other = (model,) if model not in {"", self.spec} else ()
        return "-".join((self.source, self.spec, *(f"{name}={value}" for name, value in given.items()), *other))


@lru_cache(maxsize=1)
def load_ledger() -> tuple[LedgerRow, ...]:
    """All rows, source by source.

    >>> sorted({row.source for row in load_ledger()})[:2]
    ['checkpoints', 'implementations']
    """
    files = sorted(_find_folder().glob("*.json"))
    return tuple(row for file in files if file.stem != EXCEPTIONS for row in _read_rows(file))


def load_exceptions() -> dict[str, str]:
    """The bundled networks of which nobody publishes a number, with the reason.

    >>> load_exceptions()["unet"]
    'Figure 1 of the paper gives the layers and no count; tests/test_functions.py compares with it.'
    """
    exceptions: dict[str, str] = json.loads((_find_folder() / f"{EXCEPTIONS}.json").read_text(encoding="utf-8"))
    return exceptions


def load_titles() -> dict[str, str]:
    """What each source is, by its name."""
    return {
        file.stem: _read(file)["title"] for file in sorted(_find_folder().glob("*.json")) if file.stem != EXCEPTIONS
    }


def _find_folder() -> Path:
    return bundled.find_bundled_folder() / "ledger"


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _read_rows(file: Path) -> list[LedgerRow]:
    content = _read(file)
    rows = ({**row, **_read_sizes(row)} for row in content["rows"])
    return [LedgerRow(**{"source": file.stem, "convention": content["convention"], **row}) for row in rows]


def _read_sizes(row: dict[str, Any]) -> dict[str, Any]:
    given = {name: row[name] for name in ("input", "sample") if name in row}
    return {name: sizes if isinstance(sizes, dict) else tuple(sizes) for name, sizes in given.items()}
