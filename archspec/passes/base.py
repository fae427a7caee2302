"""Names for what passes add."""

from __future__ import annotations

from collections.abc import Collection

from archspec import meter
from archspec.ir.graph import Graph, Path


class FreeNames:
    """Names for new modules and scopes beside the old ones: `droppath`, `droppath2`, …

    The names of nodes that the pass is to leave out, `without`, are free.
    """

    def __init__(self, graph: Graph, without: Collection[int] = ()) -> None:
        paths = {node.path for node in graph.ops if node.id not in without} | {region.path for region in graph.regions}
        meter.charge_work("passes", sum(len(path) * (2 + len(path) // 8) for path in paths))
        self.taken = {path[:length] for path in paths for length in range(1, len(path) + 1)}
        self.counts: dict[Path, int] = {}

    def take(self, around: Path, name: str) -> Path:
        """The path of a new thing inside `around`, called `name` or, if that is taken, `name2`, `name3`, …; a number goes on."""
        first = (*around, name)
        count = self.counts.get(first, 1)
        path = first if count == 1 else _numbered(around, name, count)
        while path in self.taken:
            count += 1
            path = _numbered(around, name, count)
        self.counts[first] = count
        self.taken.add(path)
        return path


def _numbered(around: Path, name: str, count: int) -> Path:
    return (*around, str(int(name) + count - 1) if name.isdecimal() else f"{name}{count}")
