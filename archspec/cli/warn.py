"""Shows the warnings of the back ends on standard error."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archspec import CheckpointWarning, CudaGraphWarning, WeightsNote, WeightsWarning
from archspec.cli.console import print_lines

_SHOWN = (CheckpointWarning, CudaGraphWarning, WeightsNote, WeightsWarning)


@contextmanager
def show_warnings() -> Iterator[None]:
    """Prints archspec's own warnings about checkpoints and weights, each once; other warnings keep their filters."""
    with warnings.catch_warnings():
        for category in _SHOWN:
            warnings.simplefilter("default", category)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, _SHOWN):
                word = "note" if issubclass(category, WeightsNote) else "warning"
                first, *table = str(message).splitlines()
                print_lines(f"{word}: {first}", *table, err=True)
            else:
                before(message, category, *place, **options)

        warnings.showwarning = show
        yield
