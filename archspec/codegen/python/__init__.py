"""The source back end, which writes a graph as a Python module that needs only torch."""

from __future__ import annotations

from archspec.codegen.python.about import describe_network
from archspec.codegen.python.network import print_source

__all__ = ["describe_network", "print_source"]
