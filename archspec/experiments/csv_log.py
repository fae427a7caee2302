"""Logs the metrics of a run as lines of CSV, in a file that is whole at any moment."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import Logger
from lightning_fabric.utilities.rank_zero import rank_zero_only

from archspec import files


class CSVLog(Logger):
    """A logger of Fabric that replaces its file with each line; Fabric's own appends, so that a killed run leaves half a line.

    The columns are the metrics of the first line and `step`, in alphabetical order, as in Fabric's.

    >>> log = CSVLog(Path("metrics.csv"))
    >>> log.log_metrics({"loss": 0.5, "epoch": 1}, step=3)
    >>> Path("metrics.csv").read_text().splitlines()
    ['epoch,loss,step', '1,0.5,3']
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._path.name

    @property
    def version(self) -> str:
        """The folder of the file."""
        return self._path.parent.name

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Writes all lines so far and this one; only in the first process.

        Raises:
            OSError: the file cannot be written, and is as it was.
        """
        self._rows.append({**metrics, "step": step})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, sorted(self._rows[0]))
        writer.writeheader()
        writer.writerows(self._rows)
        files.make_folder(self._path.parent)
        files.write_atomically(self._path, text.getvalue())

    def log_hyperparams(self, *given: Any, **options: Any) -> None:
        """Nothing: they are in `run.json`."""
