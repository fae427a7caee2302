"""Merges the Parquet files of a table into one with its rows in a given order, some rows at a time, so that memory does not grow with it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from archspec import extras

GROUP = 2**14
"""The rows that are in memory together, and those of a row group."""
_OPEN = 8  # row groups of the old files that are kept for the next one


def parse_digest(digest: str) -> int:
    """A digest of 16 hexadecimal digits as a number, which takes 8 bytes in an array instead of a hundred.

    >>> parse_digest("00000000000000ff")
    255
    """
    return int(digest, 16)


class Keys:
    """The digests of some rows, in order, as numbers that are found by bisection.

    >>> 3 in Keys([5, 3, 3]), 4 in Keys([5, 3, 3])
    (True, False)
    """

    def __init__(self, keys: Iterable[int]) -> None:
        self.ordered = array("Q", keys)
        self.places = array("Q", sorted(range(len(self.ordered)), key=self.ordered.__getitem__))

    def __contains__(self, key: int) -> bool:
        return self.find_last(key) is not None

    def find_last(self, key: int) -> int | None:
        """The position of the last of the equal keys; None if there is none."""
        place = bisect_right(self.places, key, key=self.ordered.__getitem__) - 1
        return self.places[place] if place >= 0 and self.ordered[self.places[place]] == key else None

    def first_ones(self) -> Iterator[int]:
        """Each key once, in the order in which they come first."""
        for position, key in enumerate(self.ordered):
            if self.places[bisect_left(self.places, key, key=self.ordered.__getitem__)] == position:
                yield key


class TableFiles:
    """The row groups of the Parquet files of one table, of which a later row replaces an earlier one with the same digest.

    Args:
        paths: the files.
        schema: the columns that the rows get.
        open_file: opens one as a `pyarrow.parquet.ParquetFile`.
    """

    def __init__(
        self, paths: Sequence[Path], schema: Any, open_file: Callable[[Path], AbstractContextManager[Any]]
    ) -> None:
        self.schema, self.open_file = schema, open_file
        self.groups: list[tuple[Path, int]] = []
        sizes = []
        keys = array("Q")
        for path in paths:
            with open_file(path) as file:
                for group in range(file.num_row_groups):
                    digests = file.read_row_group(group, ["digest"], use_threads=False)["digest"].to_pylist()
                    keys.extend(map(parse_digest, digests))
                    self.groups.append((path, group))
                    sizes.append(len(digests))
        self.starts = [0, *accumulate(sizes)]
        self.keys = Keys(keys)
        self.read_group = lru_cache(_OPEN)(self._read_group)

    def iter_tables(self, order: Iterable[int] | None) -> Iterator[Any]:
        """The rows of these keys in this order, or all rows, as tables of some rows each; at least one, which may be empty."""
        places = (self.keys.find_last(key) for key in (self.keys.first_ones() if order is None else order))
        chosen = array("Q", (place for place in places if place is not None))
        for first in range(0, max(1, len(chosen)), GROUP):
            yield self.read_rows(chosen[first : first + GROUP])

    def read_rows(self, places: Sequence[int]) -> Any:
        """The rows at these positions, as one `pyarrow.Table`."""
        ordered = sorted(range(len(places)), key=places.__getitem__)
        by_group: dict[int, list[int]] = {}
        for turn in ordered:
            group = bisect_right(self.starts, places[turn]) - 1
            by_group.setdefault(group, []).append(places[turn] - self.starts[group])
        pieces = [self.read_group(group).take(rows) for group, rows in by_group.items()]
        pieces = pieces or [self.schema.empty_table()]
        back = [0] * len(ordered)
        for position, turn in enumerate(ordered):
            back[turn] = position
        return (
            extras.load_extra("pyarrow", "a sweep", "pip install 'archspec-nn[sweep]'")
            .concat_tables(pieces)
            .take(back)
            .combine_chunks()
        )

    def _read_group(self, group: int) -> Any:
        path, number = self.groups[group]
        with self.open_file(path) as file:
            return file.read_row_group(number, use_threads=False).cast(self.schema)
