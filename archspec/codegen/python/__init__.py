"""The back end of plain source: a graph becomes the text of a Python module that needs nothing but torch."""

from __future__ import annotations

from archspec.codegen.python.about import describe_network
from archspec.codegen.python.network import print_source

__all__ = ["describe_network", "print_source"]
