"""The back end of plain source: a graph becomes the text of a Python module that needs nothing but torch."""

from __future__ import annotations

from archspec.backends.source.about import about
from archspec.backends.source.network import source

__all__ = ["about", "source"]
