"""Lists the bundled networks with their papers and counts, without compiling them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import Mapping, to_plain_data


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """One bundled network.

    `params`, `macs`, `depth` and `paths` are those in its spec's `expect`, which `archspec check` verifies; the numbers of the paper
    are rounded as they are there, and `note` says why they differ.

    >>> entry = next(entry for entry in load_zoo() if entry.name == "resnet50")
    >>> entry.paper, entry.arxiv, entry.params
    ('He et al. 2015', '1512.03385', 25557032)
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
def load_zoo() -> tuple[ZooEntry, ...]:
    """All bundled networks, family by family in the order of the catalogue.

    >>> sorted({entry.family for entry in load_zoo()})[:3]
    ['AlexNet', 'Deep fusion', 'DenseNet']
    """
    rows = json.loads((bundled.find_bundled_folder() / "catalogue.json").read_text(encoding="utf-8"))
    return tuple(ZooEntry(**row, **_read_expected_counts(row["name"])) for row in rows)


def _read_expected_counts(name: str) -> dict[str, Any]:
    path = bundled.find_bundled_folder() / f"{name}.yaml"
    tree = read_tree(Source(path.name, path.read_text(encoding="utf-8")))
    assert isinstance(tree, Mapping)
    expected = to_plain_data(tree.by_name["expect"])
    return {count: expected[count] for count in ("params", "macs", "depth", "paths")}
