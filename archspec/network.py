"""A network by its graph, and all that can be known of it without running it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from archspec.ir.graph import Graph
from archspec.printable import escape_unprintable

if TYPE_CHECKING:
    import networkx as nx

    from archspec.analysis.diff import Diff
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.expected_depth import ExpectedDepth
    from archspec.analysis.path_enumeration import SignalPath
    from archspec.analysis.path_sums import LengthUnit
    from archspec.analysis.paths import PathCounts
    from archspec.report.table import Summary


class Network:
    """A graph, counted and compared: each analysis is a module of `archspec.analysis`, imported when it is asked for."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def paper(self) -> str:
        """The paper or the author, as the spec says."""
        return self.graph.source

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """The wiring for networkx, frozen: `networkx.MultiDiGraph` of it is a copy that can be changed.

        Returns:
            Nodes by number, in topological order, each with `op` (its word, `input` for an input of the network), `name` (its path
            in the `state_dict`), `shapes` (sizes of its outputs, without the batch), `params`, `macs` (of one sample), `span` (where
            the spec makes it) and `node` itself. An edge leads from a node to one that reads it; its key is the position of the
            operand, its `output` which output of its tail that is, its `shape` the sizes.

        >>> import archspec, networkx
        >>> dag = archspec.load("resnet18").to_networkx()
        >>> [dag.nodes[1][fact] for fact in ("op", "name", "shapes", "params", "macs")]
        ['conv', 'conv1', ((64, 112, 112),), 9408, 118013952]

        All paths pass the nodes that dominate the last one, so these are where the network can be cut at a single value:

        >>> dominators = networkx.immediate_dominators(networkx.DiGraph(dag), 0)
        >>> nodes = [max(dag)]
        >>> while nodes[-1] > 0:
        ...     nodes.append(dominators[nodes[-1]])
        >>> len(dag), len(nodes), [dag.nodes[id]["op"] for id in nodes[:4]]
        (69, 23, ['linear', 'globalpool', 'relu', 'add'])
        """
        return self.graph.dag

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each input, without the batch."""
        return {name: value.shape.sizes for name, value in self.graph.inputs.items()}

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each output, without the batch."""
        return {name: value.shape.sizes for name, value in self.graph.outputs.items()}

    @cached_property
    def params(self) -> int:
        """Trainable scalars: weights, biases, the affine pair of a normalisation. Shared ones count once."""
        from archspec.analysis.counts import count_params

        return count_params(self.graph)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products for one sample; FLOPs are twice as many."""
        from archspec.analysis.counts import count_macs

        return count_macs(self.graph)

    @cached_property
    def depth(self) -> int:
        """Weighted layers on the longest path."""
        from archspec.analysis.counts import compute_depth

        return compute_depth(self.graph)

    @cached_property
    def expected_depth(self) -> ExpectedDepth | None:
        """How many residual branches stochastic depth keeps on average in training; None where it drops none."""
        from archspec.analysis.expected_depth import expected_depth

        return expected_depth(self.graph)

    def paths(
        self,
        unit: LengthUnit = "modules",
        *,
        gates: bool = False,
        source: str | None = None,
        target: str | None = None,
    ) -> PathCounts:
        """The paths from the inputs to the outputs, counted by channel range, and how their lengths are distributed.

        `source` and `target` are inputs, outputs or parts by name: paths start where they enter one and end where they leave
        the other. Raises `LookupError` where there is nothing of that name.
        """
        from archspec.analysis.paths import count_paths

        return count_paths(self.graph, unit=unit, gates=gates, source=source, target=target)

    def iter_paths(self, unit: LengthUnit = "modules", *, gates: bool = False) -> Iterator[SignalPath]:
        """The single paths, shortest first: their nodes, names, lengths. However many there are, the first come at once."""
        from archspec.analysis.path_enumeration import iter_paths

        return iter_paths(self.paths(unit, gates=gates))

    def unravel(self, limit: int = 4096, unit: LengthUnit = "modules", *, gates: bool = False) -> nx.DiGraph[int]:
        """The tree of all paths: `archspec.analysis.path_enumeration` says what its nodes and edges have.

        Raises:
            TooManyPathsError: there are more than `limit` paths.
        """
        from archspec.analysis.path_enumeration import unravel_paths

        return unravel_paths(self.paths(unit, gates=gates), limit)

    def expansion(self) -> Expansion:
        """The sum of products that a chain of residual units is when its branches are linear, and its gradient's.

        Raises:
            SpecError: the network is no such chain.
        """
        from archspec.analysis.expansion import expand_residual_chain

        return expand_residual_chain(self.graph)

    def summary(self, depth: int | None = None) -> Summary:
        """The table of layers with shapes and costs; `str` of it is for people, its `as_dict` for programs."""
        from archspec.report.summary import summarise_network

        return summarise_network(self.graph, depth=depth)

    def diff(self, other: Network) -> Diff:
        """What differs between this network and another: parts by their names, counts, stages."""
        from archspec.analysis.diff import diff_networks

        return diff_networks(self.graph, other.graph)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {escape_unprintable(self.name)}: {self.params:,} params, {self.macs:,} MACs, depth {self.depth}>"
