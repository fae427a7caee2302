"""The passes: checked rewrites of the graph, in one registry (`archspec.passes.registry`)."""

from __future__ import annotations

from archspec.passes.contract import Pass, PassError, graph_pass

__all__ = ["Pass", "PassError", "graph_pass"]
