"""Warnings that are of use to whoever typed the command."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archspec import CheckpointWarning, WeightsWarning
from archspec.cli.console import print_lines


@contextmanager
def show_warnings() -> Iterator[None]:
    """Says on standard error what archspec's back end warns of, each once; warnings of others are as they were."""
    with warnings.catch_warnings():
        for category in (CheckpointWarning, WeightsWarning):
            warnings.simplefilter("default", category)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, CheckpointWarning | WeightsWarning):
                print_lines(f"warning: {message}", err=True)
            else:
                before(message, category, *place, **options)

        warnings.showwarning = show
        yield
