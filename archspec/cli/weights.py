"""The options for weights, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from archspec import WeightsError
from archspec.cli.console import echo_json, print_lines
from archspec.cli.errors import describe_os_error

if TYPE_CHECKING:
    from archspec import WeightReport

_WEIGHTS = "A checkpoint, an index of shards, a folder, torchvision:NAME, timm:NAME or hub:ORG/NAME; FILE#KEY is a part of a file."
_ADAPT = "What of them is made to fit: head, channels, positions, patches, some of them with commas."


@dataclass
class WeightsOption:
    """The options for weights, and the report on how they were loaded, which is not printed with `as_json`."""

    weights: str | None
    strict: bool
    adapt: str
    as_json: bool
    counts: bool = False
    """Whether the number of loaded tensors is printed even if all fit."""
    report: WeightReport | None = None

    def tell(self, report: WeightReport) -> None:
        """Prints on standard error which tensors were adapted and which were not loaded; with `--json`, only keeps the report."""
        self.report = report
        if self.as_json:
            return
        table = str(report.fit).splitlines()
        if self.counts or not self.strict:
            print_lines(f"{'warning' if table else 'note'}: {report.counts}", *table, err=True)
        for note in report.notes:
            print_lines(f"note: {report.source}: {note}", err=True)

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments for `Architecture.build`, `try_out` and `save`."""
        return {"weights": self.weights, "strict": self.strict, "adapt": self.adapt, "report": self.tell}

    @property
    def facts(self) -> dict[str, Any]:
        """The report for `--json`; empty without weights."""
        return {} if self.report is None else {"weights": self.report.as_dict()}


@contextmanager
def print_weights_errors(*, as_json: bool) -> Iterator[None]:
    """With `--json`, prints why weights do not fit or a file cannot be read or written, before the error ends the command."""
    try:
        yield
    except WeightsError as error:
        if as_json:
            echo_json(error.as_dict())
        raise
    except OSError as error:
        if as_json and not isinstance(error, BrokenPipeError):
            echo_json({"error": describe_os_error(error), "help": None})
        raise


def weights_options(command: Callable[..., None], *, adapt: str = "", without: str = "") -> Callable[..., None]:
    """Adds `--weights`, `--strict` and `--adapt`; `adapt` is the default of `--adapt`, `without` is appended to the help of `--weights`."""
    for option in (
        click.option("--adapt", default=adapt, show_default=bool(adapt), metavar="KINDS", help=_ADAPT),
        click.option("--strict/--no-strict", default=True, help="Whether the weights must fit key by key."),
        click.option("--weights", metavar="F", help=_WEIGHTS + without),
    ):
        command = option(command)
    return command
