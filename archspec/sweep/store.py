"""Keeps the rows of a sweep in Parquet files: parts that are written atomically, and one table of all when it is done.

A folder has `space.yaml`, `parts/*.parquet` while the sweep runs, and `points.parquet` with the rows in the order of the points; a second
table, `timings.parquet`, says how long each point took and where, which a repetition does not repeat; each measure has a table, too.
Numbers beyond 64 bits are decimal text. A row is found by its digest, so that a sweep that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from archspec import extras, files
from archspec.errors import ArchspecError
from archspec.sweep.merging import GROUP, Keys, TableFiles, parse_digest

Row = dict[str, Any]

SPACE, BASE = "space.yaml", "base.yaml"
TIMINGS = {"digest": "text", "seconds": "float", "machine": "text"}
_TYPES = {"int": "int64", "float": "float64", "text": "string"}


class StoreError(ArchspecError, RuntimeError):
    """Raised if a folder is not that of a sweep, or is that of another one."""


class Store:
    """The tables of one sweep in a folder.

    Args:
        folder: is made if it does not exist.
        tables: for each table the kind of each of its columns, "int", "float" or "text", by name; one is `digest`.
    """

    def __init__(self, folder: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
        self.folder, self.tables = folder, tables
        self.parts = folder / "parts"
        self.pyarrow = extras.load_extra("pyarrow", "a sweep", "pip install 'archspec-nn[sweep]'")
        self.parquet = extras.load_extra("pyarrow.parquet", "a sweep", "pip install 'archspec-nn[sweep]'")

    def prepare(self, space: str, base: str | None) -> None:
        """Makes the folder for a space and a base that is a file, or finds it. Raises `StoreError` if it is that of something else."""
        kept = self.folder / SPACE
        if not kept.exists() and self.folder.exists() and any(self.folder.iterdir()):
            raise StoreError(f"{self.folder} holds something else than a sweep")
        own = self.folder / BASE
        if kept.exists() and (own.read_text(encoding="utf-8") if own.exists() else None) != base:
            raise StoreError(f"{self.folder} holds points of another base: name another folder")
        files.make_folder(self.parts)
        for path, text in ((own, base), (kept, space)):
            if text is not None and (not path.exists() or path.read_text(encoding="utf-8") != text):
                files.write_atomically(path, text)

    def add(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Writes rows of some tables as one more part of each, in order. Raises OSError; the parts before are unchanged."""
        for table, own in rows.items():
            self._write(self.parts / f"{table}-{own[0]['digest']}.parquet", own, table)

    def find_keys(self, table: str) -> Keys:
        """The digests of all rows of a table, as numbers."""
        return Keys(parse_digest(row["digest"]) for row in self.iter_rows(table, ["digest"]))

    def rows(self, table: str) -> dict[str, Row]:
        """All rows of a table by their digests, those of the finished table first."""
        return {row["digest"]: row for row in self.iter_rows(table)}

    def iter_rows(self, table: str, columns: list[str] | None = None) -> Iterator[Row]:
        """The rows of a table, or some columns of them, of which some are in memory at a time. Raises `StoreError`."""
        for path in self.list_files(table):
            with self.open_part(path) as file:
                for batch in file.iter_batches(GROUP // 4, columns=columns, use_threads=False):
                    yield from batch.to_pylist()

    def finish(self, tables: Iterable[str], order: Sequence[int] | None = None) -> None:
        """Writes each table as one file, with the rows of these digests, as numbers, in this order, or else all, and removes the parts."""
        for name in tables:
            paths = self.list_files(name)
            if not paths:
                continue
            tables_of_rows = TableFiles(paths, self._schema(name), self.open_part).iter_tables(order)
            with files.replace_file(self.folder / f"{name}.parquet") as file:
                self._write_tables(file, name, tables_of_rows)
            for path in paths:
                if path.parent == self.parts:
                    path.unlink()

    def list_files(self, table: str) -> list[Path]:
        """The files of a table, the finished one first."""
        whole = self.folder / f"{table}.parquet"
        return [*([whole] if whole.exists() else []), *sorted(self.parts.glob(f"{table}-*.parquet"))]

    @contextmanager
    def open_part(self, path: Path) -> Iterator[Any]:
        """One file as a `pyarrow.parquet.ParquetFile`. Raises `StoreError`, also for what cannot be read in the block."""
        try:
            with self.parquet.ParquetFile(path) as file:
                yield file
        except (self.pyarrow.ArrowException, OSError) as error:
            raise StoreError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error

    def _write(self, path: Path, rows: Sequence[Row], table: str) -> None:
        named = [{name: row.get(name) for name in self.tables[table]} for row in rows]
        with files.replace_file(path) as file:
            self._write_tables(file, table, [self.pyarrow.Table.from_pylist(named, schema=self._schema(table))])

    def _write_tables(self, file: IO[bytes], name: str, tables: Iterable[Any]) -> None:
        with self.parquet.ParquetWriter(file, self._schema(name), compression="zstd") as writer:
            for table in tables:
                writer.write_table(table)

    def _schema(self, table: str) -> Any:
        columns = self.tables[table].items()
        return self.pyarrow.schema([(name, getattr(self.pyarrow, _TYPES[kind])()) for name, kind in columns])


def read_rows(folder: Path, joined: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """The rows of a sweep in a folder, finished or not, with columns of its other tables. Raises `StoreError`."""
    if not (folder / SPACE).exists():
        raise StoreError(f"{folder} is not the folder of a sweep: it has no space.yaml")
    store = Store(folder, {})
    others = [(store.rows(table), columns) for table, columns in joined.items() if store.list_files(table)]
    for digest, row in store.rows("points").items():
        yield row | {name: rows.get(digest, {}).get(name) for rows, columns in others for name in columns}
