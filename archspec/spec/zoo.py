"""Lists the bundled networks with their papers, counts and ledger, without compiling them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.ledger import LedgerRow, load_ledger
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import to_plain_data

_COUNTS = ("params", "macs", "depth", "paths")
_INHERITED = ("family", "year", "paper", "arxiv")


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One bundled network.

    `params`, `macs`, `depth` and `paths` are those in its spec's `expect`, which `archspec check` verifies; the numbers of the paper
    are rounded as they are there, and `note` says why they differ. `ledger` has the numbers of other sources.

    >>> entry = next(entry for entry in load_zoo() if entry.name == "resnet50")
    >>> entry.paper, entry.arxiv, entry.params
    ('He et al. 2015', '1512.03385', 25557032)
    >>> entry.sources
    ('implementations', 'pycls', 'timm', 'torchvision')
    """

    name: str
    family: str
    year: int
    paper: str
    arxiv: str | None
    params: int
    macs: int
    depth: int
    paths: int
    paper_params: int | None = None
    paper_macs: int | None = None
    paper_error: str | None = None
    note: str = ""
    ledger: tuple[LedgerRow, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that its counts or its function are compared with, sorted."""
        return tuple(sorted({row.source for row in self.ledger}))

    def as_dict(self) -> dict[str, object]:
        """The entry as plain data, for `--json`."""
        return asdict(self)


@lru_cache(maxsize=1)
def load_zoo() -> tuple[ZooEntry, ...]:
    """All bundled networks, family by family in the order of the catalogue.

    A network that the catalogue does not name has the family, the year and the paper of the one that it extends, and stands behind it.

    >>> sorted({entry.family for entry in load_zoo()})[:1]
    ['AlexNet']
    """
    rows = json.loads((bundled.find_bundled_folder() / "catalogue.json").read_text(encoding="utf-8"))
    specs = {name: _read_spec(name) for name in bundled.list_bundled_names()}
    known: dict[str, dict[str, Any]] = {row["name"]: row for row in rows}
    variants = sorted(specs.keys() - known.keys(), key=lambda name: (specs[name]["expect"]["params"], name))
    described = {name: _describe(name, specs, known) for name in (*known, *variants)}
    ledger = {name: tuple(rows) for name, rows in _group_ledger().items()}
    entries = [ZooEntry(**row, **_counts(specs[name]), ledger=ledger.get(name, ())) for name, row in described.items()]
    families = {family: place for place, family in enumerate(dict.fromkeys(entry.family for entry in entries))}
    return tuple(sorted(entries, key=lambda entry: families[entry.family]))


def _describe(name: str, specs: Mapping[str, Any], known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The catalogue's row of a network, or that of the first one among those that it extends, by turns."""
    if name in known:
        return known[name]
    base = _describe(specs[name]["extends"], specs, known)
    return {"name": name, **{field: base[field] for field in _INHERITED}}


def _counts(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {count: spec["expect"][count] for count in _COUNTS}


def _group_ledger() -> dict[str, list[LedgerRow]]:
    rows = sorted(load_ledger(), key=lambda row: row.spec)
    return {spec: list(members) for spec, members in itertools.groupby(rows, key=lambda row: row.spec)}


def _read_spec(name: str) -> dict[str, Any]:
    path = bundled.find_bundled_folder() / f"{name}.yaml"
    data: dict[str, Any] = to_plain_data(read_tree(Source(path.name, path.read_text(encoding="utf-8"))))
    return data
