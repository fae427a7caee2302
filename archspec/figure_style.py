"""The look of figures that matplotlib draws, and its import on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec import extras

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The colours of Okabe and Ito (2008), which colour-blind readers can tell apart; series differ in their markers too."""
MARKS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "archspec",
}


def load_matplotlib(error: Callable[[str], Exception] = extras.UnavailableError) -> Any:
    """The package matplotlib, imported with what plotting needs, so that a broken installation is reported before the work.

    Raises:
        Exception: that of `error`, if it is not installed or cannot be imported.

    >>> load_matplotlib().__name__
    'matplotlib'
    """
    names = ("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib")
    return [extras.load_extra(name, "a picture", "pip install 'archspec-nn[plot]'", error) for name in names][-1]
