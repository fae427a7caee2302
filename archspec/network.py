"""A network by its graph, and the analyses that do not run it."""

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
    """A graph with its counts and comparisons: each analysis is a module of `archspec.analysis`, imported when it is asked for.

    >>> import archspec
    >>> Network(archspec.load("resnet18").graph).params
    11689512
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @property
    def name(self) -> str:
        """The name of the network, as the spec gives it.

        >>> import archspec
        >>> archspec.load("resnet18").name
        'resnet18'
        """
        return self.graph.name

    @property
    def paper(self) -> str:
        """The paper or the author, as the `source` of the spec says.

        >>> import archspec
        >>> archspec.load("resnet18").paper
        'He et al. 2015, arXiv:1512.03385, Table 1'
        """
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
        """The sizes of each input by name, without the batch.

        >>> import archspec
        >>> archspec.load("resnet18").input_shapes
        {'input': (3, 224, 224)}
        """
        return {name: value.shape.sizes for name, value in self.graph.inputs.items()}

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each output by name, without the batch.

        >>> import archspec
        >>> archspec.load("resnet18").output_shapes
        {'output': (1000,)}
        """
        return {name: value.shape.sizes for name, value in self.graph.outputs.items()}

    @cached_property
    def params(self) -> int:
        """Trainable scalars: weights, biases, the affine pairs of normalisations. Shared ones count once.

        >>> import archspec
        >>> archspec.load("resnet18").params
        11689512
        """
        from archspec.analysis.counts import count_params

        return count_params(self.graph)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, linear layers and matrix products for one sample; FLOPs are twice as many.

        >>> import archspec
        >>> archspec.load("resnet18").macs
        1814073344
        """
        from archspec.analysis.counts import count_macs

        return count_macs(self.graph)

    @cached_property
    def depth(self) -> int:
        """Weighted layers on the longest path from an input to an output.

        >>> import archspec
        >>> archspec.load("resnet18").depth
        18
        """
        from archspec.analysis.counts import compute_depth

        return compute_depth(self.graph)

    @cached_property
    def expected_depth(self) -> ExpectedDepth | None:
        """How many residual branches stochastic depth keeps on average in training (Huang et al. 2016, arXiv:1603.09382); None where it drops none.

        >>> import archspec
        >>> archspec.load("stochastic_depth_resnet110_uniform").expected_depth.kept
        Fraction(27, 1)
        """
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
        """The paths from the inputs to the outputs, counted by channel range, and the distribution of their lengths.

        Args:
            unit: what a length counts: "modules", the joins that a path enters by a longer way than necessary (Veit et al. 2016,
                arXiv:1605.06431), or "layers", the weighted layers on it.
            gates: whether paths also go through gates.
            source: the input or the part, by name, that paths start in; all inputs if None.
            target: the output or the part, by name, that paths end in; all outputs if None.

        Raises:
            UnknownPartError: the network has nothing of that name.

        >>> import archspec
        >>> paths = archspec.load("resnet18").paths()
        >>> paths.total, paths.longest
        (256, 8)
        >>> archspec.load("resnet18").paths(source="layer2", target="layer3").total
        16
        """
        from archspec.analysis.paths import count_paths

        return count_paths(self.graph, unit=unit, gates=gates, source=source, target=target)

    def iter_paths(self, unit: LengthUnit = "modules", *, gates: bool = False) -> Iterator[SignalPath]:
        """The single paths, shortest first. The first ones are found at once, however many there are.

        >>> import archspec
        >>> next(archspec.load("resnet18").iter_paths("layers")).length
        5
        """
        from archspec.analysis.path_enumeration import iter_paths

        return iter_paths(self.paths(unit, gates=gates))

    def unravel(self, limit: int = 4096, unit: LengthUnit = "modules", *, gates: bool = False) -> nx.DiGraph[int]:
        """The tree of all paths; `archspec.analysis.path_enumeration.unravel_paths` says what its nodes and edges have.

        Raises:
            TooManyPathsError: there are more than `limit` paths.

        >>> import archspec
        >>> tree = archspec.load("unet").unravel()
        >>> sum(ends for _, ends in tree.nodes(data="ends"))
        5
        """
        from archspec.analysis.path_enumeration import unravel_paths

        return unravel_paths(self.paths(unit, gates=gates), limit)

    def expansion(self) -> Expansion:
        """A chain of residual units as the sum of its paths, if its branches are linear, and the gradients (Veit et al. 2016,
        arXiv:1605.06431, equation 6).

        Raises:
            SpecError: the network is no such chain.

        >>> import archspec
        >>> arch = archspec.load("{name: a, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}}}")
        >>> print(arch.expansion())
        x2 = x0 + W0 x0 + W1 x0 + W1 W0 x0
        """
        from archspec.analysis.expansion import expand_residual_chain

        return expand_residual_chain(self.graph)

    def summary(self, depth: int | None = None) -> Summary:
        """The table of layers with shapes and costs; `str` of it is for people, its `as_dict` for programs.

        `depth` is how many levels of parts it shows: 1 the stages only, None everything.

        >>> import archspec
        >>> [(row.name, row.params) for row in archspec.load("resnet18").summary(depth=1).rows][-1]
        ('fc', 513000)
        """
        from archspec.report.summary import summarise_network

        return summarise_network(self.graph, depth=depth)

    def diff(self, other: Network) -> Diff:
        """The differences between this network and another: parts by their names, counts, stages.

        >>> import archspec
        >>> archspec.load("resnet18").diff(archspec.load("resnet18", classes=10)).parts[0].names
        ('fc',)
        """
        from archspec.analysis.diff import diff_networks

        return diff_networks(self.graph, other.graph)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {escape_unprintable(self.name)}: {self.params:,} params, {self.macs:,} MACs, depth {self.depth}>"
