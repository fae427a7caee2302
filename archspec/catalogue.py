"""The bundled networks with their papers and counts, known without compiling any of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from archspec import library
from archspec.diagnostics import Source
from archspec.language.reader import read
from archspec.language.tree import Mapping, plain


@dataclass(frozen=True, slots=True)
class Entry:
    """One bundled network.

    `params`, `macs`, `depth` and `paths` are what its spec expects, which `archspec check` verifies; the numbers of the paper are
    the paper's own, rounded as they are there, and `note` says why they differ.
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

    def as_dict(self) -> dict[str, object]:
        """The entry as plain data, for `--json`."""
        return asdict(self)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Entry, ...]:
    """All bundled networks, family by family in the order of the catalogue."""
    rows = json.loads((library.folder() / "catalogue.json").read_text(encoding="utf-8"))
    return tuple(Entry(**row, **_expected(row["name"])) for row in rows)


def _expected(name: str) -> dict[str, Any]:
    path = library.folder() / f"{name}.yaml"
    tree = read(Source(path.name, path.read_text(encoding="utf-8")))
    assert isinstance(tree, Mapping)
    expected = plain(tree.by_name["expect"])
    return {count: expected[count] for count in ("params", "macs", "depth", "paths")}
