"""Keeps the rows of a sweep in Parquet files: parts that are written atomically, and one table of all when it is done.

A folder has `space.yaml`, `parts/*.parquet` while the sweep runs, and `points.parquet` with the rows in the order of the points; a second
table, `timings.parquet`, says how long each point took and where, which a repetition does not repeat. Numbers beyond 64 bits are decimal
text. A row is found by its digest, so that a sweep that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archspec import extras, files
from archspec.errors import ArchspecError

Row = dict[str, Any]

SPACE, BASE = "space.yaml", "base.yaml"
TIMINGS = ("digest", "seconds", "machine")
_TYPES = {"int": "int64", "float": "float64", "text": "string"}


class StoreError(ArchspecError, RuntimeError):
    """Raised if a folder is not that of a sweep, or is that of another one."""


class Store:
    """The rows of one sweep in a folder.

    Args:
        folder: is made if it does not exist.
        columns: the kind of each column of the points, "int", "float" or "text", by name; one is `digest`.
    """

    def __init__(self, folder: Path, columns: Mapping[str, str]) -> None:
        self.folder, self.columns = folder, dict(columns)
        self.parts = folder / "parts"
        self.pyarrow = extras.load_extra("pyarrow", "a sweep", "pip install 'archspec-nn[sweep]'")
        self.parquet = extras.load_extra("pyarrow.parquet", "a sweep", "pip install 'archspec-nn[sweep]'")

    def prepare(self, space: str, base: str | None) -> None:
        """Makes the folder for a space and a base that is a file, or finds it. Raises `StoreError` if it is that of something else."""
        kept = self.folder / SPACE
        if not kept.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise StoreError(f"{self.folder} holds something else than a sweep")
            files.make_folder(self.parts)
            if base is not None:
                files.write_atomically(self.folder / BASE, base)
            files.write_atomically(kept, space)
        files.make_folder(self.parts)

    def add(self, rows: Sequence[Row], timings: Sequence[Row]) -> None:
        """Writes rows as one more part, and their timings. Raises OSError; the parts before are unchanged."""
        name = f"{rows[0]['digest']}.parquet"
        self._write(self.parts / f"timings-{name}", timings, {"digest": "text", "seconds": "float", "machine": "text"})
        self._write(self.parts / f"points-{name}", rows, self.columns)

    def find_digests(self) -> set[str]:
        """The digests of all rows."""
        return {
            digest for path in self.list_files("points") for digest in self.read(path, ["digest"])["digest"].to_pylist()
        }

    def rows(self) -> list[Row]:
        """All rows, those of the finished table first."""
        return _merge_rows(row for path in self.list_files("points") for row in self.read(path).to_pylist())

    def finish(self, order: Sequence[str]) -> None:
        """Writes one table of the rows with these digests, in this order, and removes the parts."""
        for kind, columns in (
            ("points", self.columns),
            ("timings", {"digest": "text", "seconds": "float", "machine": "text"}),
        ):
            paths = self.list_files(kind)
            known = {
                row["digest"]: row for row in _merge_rows(row for path in paths for row in self.read(path).to_pylist())
            }
            rows = [known[digest] for digest in order if digest in known]
            self._write(self.folder / f"{kind}.parquet", rows, columns)
            for path in paths:
                if path.parent == self.parts:
                    path.unlink()

    def list_files(self, kind: str) -> list[Path]:
        """The files of "points" or "timings", the finished table first."""
        whole = self.folder / f"{kind}.parquet"
        return [*([whole] if whole.exists() else []), *sorted(self.parts.glob(f"{kind}-*.parquet"))]

    def read(self, path: Path, columns: list[str] | None = None) -> Any:
        """The `pyarrow.Table` of one file. Raises `StoreError`."""
        try:
            return self.parquet.read_table(path, columns=columns)
        except (self.pyarrow.ArrowException, OSError) as error:
            raise StoreError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error

    def _write(self, path: Path, rows: Sequence[Row], columns: Mapping[str, str]) -> None:
        schema = self.pyarrow.schema([(name, getattr(self.pyarrow, _TYPES[kind])()) for name, kind in columns.items()])
        table = self.pyarrow.Table.from_pylist(
            [{name: row.get(name) for name in columns} for row in rows], schema=schema
        )
        content = self.pyarrow.BufferOutputStream()
        self.parquet.write_table(table, content, compression="zstd")
        files.write_atomically(path, content.getvalue().to_pybytes())


def _merge_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows without repetitions of a digest."""
    return list({row["digest"]: row for row in rows}.values())


def read_rows(folder: Path) -> Iterator[Row]:
    """The rows of a sweep in a folder, finished or not, with their timings. Raises `StoreError`."""
    if not (folder / SPACE).exists():
        raise StoreError(f"{folder} is not the folder of a sweep: it has no space.yaml")
    store = Store(folder, {})
    seconds = {row["digest"]: row for path in store.list_files("timings") for row in store.read(path).to_pylist()}
    for row in store.rows():
        yield {**row, **{name: seconds.get(row["digest"], {}).get(name) for name in TIMINGS[1:]}}
