"""Reports blocks that use themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from archspec.errors import Collector
from archspec.spec.bound_tree import BlockDef, BlockUse, Layer, iter_layers


def check_cycles(blocks: Mapping[str, BlockDef], errors: Collector) -> None:
    """Reports each block that uses itself, directly or through others, at the use that closes the cycle."""
    uses = {name: dict(_find_used_blocks(block)) for name, block in blocks.items()}
    try:
        TopologicalSorter(uses).prepare()
    except CycleError:
        _report_cycles(uses, errors)


def _report_cycles(uses: Mapping[str, Mapping[str, Layer]], errors: Collector) -> None:
    import networkx as nx  # slow to import, and only needed for an error

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(uses)
    graph.add_edges_from((name, used) for name, layers in uses.items() for used in layers)
    trail: dict[str, None] = {}
    for name, used, kind in nx.dfs_labeled_edges(graph):
        if kind == "forward":
            trail[used] = None
        elif kind == "reverse":
            trail.popitem()
        elif used in trail:
            names = list(trail)
            cycle = [*names[names.index(used) :], used]
            errors.report(f"the block {used} uses itself: {_format_cycle(cycle)}", uses[name][used].span)


def _format_cycle(cycle: list[str]) -> str:
    return " → ".join(cycle if len(cycle) <= 12 else [*cycle[:6], "…", *cycle[-5:]])


def _find_used_blocks(block: BlockDef) -> Iterator[tuple[str, Layer]]:
    """The blocks that a block's layers, and the defaults of its arguments, use."""
    for outer in block.layers:
        yield from ((layer.block, layer) for layer in iter_layers(outer) if isinstance(layer, BlockUse))
