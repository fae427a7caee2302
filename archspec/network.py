"""Defines `Network`, a graph with the analyses that do not run it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from archspec.ir.graph import Graph
from archspec.printable import escape_unprintable

if TYPE_CHECKING:
    import networkx as nx

    from archspec.analysis.count_explanation import CountExplanation
    from archspec.analysis.diff import Diff
    from archspec.analysis.expansion import Expansion
    from archspec.analysis.expected_depth import ExpectedDepth
    from archspec.analysis.path_enumeration import SignalPath
    from archspec.analysis.path_sums import LengthUnit
    from archspec.analysis.paths import PathCounts
    from archspec.analysis.receptive_field import Reduction
    from archspec.analysis.training_choices import Optimizer, Precision
    from archspec.analysis.training_cost import TrainingCost
    from archspec.report.table import Summary


class Network:
    """A graph with its analyses; each is a module of `archspec.analysis`, imported on first use.

    >>> import archspec
    >>> Network(archspec.load("resnet18").graph).params
    11689512
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @property
    def name(self) -> str:
        """The name of the network in the spec.

        >>> import archspec
        >>> archspec.load("resnet18").name
        'resnet18'
        """
        return self.graph.name

    @property
    def paper(self) -> str:
        """The paper or author: the `source` of the spec.

        >>> import archspec
        >>> archspec.load("resnet18").paper
        'He et al. 2015, arXiv:1512.03385, Table 1'
        """
        return self.graph.source

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """The graph for networkx, frozen; `networkx.MultiDiGraph` of it is a mutable copy.

        Returns:
            Nodes by id, in topological order, each with `op` (its word, `input` for an input of the network), `name` (its path in the
            `state_dict`), `shapes` (sizes of its outputs, without the batch), `params`, `macs` (of one sample), `span` (its span in
            the spec) and `node` itself. An edge leads from a producer to a consumer; its key is the position of the operand, its
            `output` the index of the producer's output, its `shape` the sizes.

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

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of each output, or its features, in order.

        >>> import archspec
        >>> archspec.load("resnet50").features(["layer2", "layer4"]).channels
        (512, 2048)
        """
        return tuple(value.shape.channels for value in self.graph.outputs.values())

    @property
    def reduction(self) -> tuple[Reduction, ...]:
        """How many places of the input, on each axis, a place of each output stands for; None for an output without places.

        >>> import archspec
        >>> archspec.load("resnet50").features(["layer2", "layer4"]).reduction
        (8, 32)
        """
        from archspec.analysis.receptive_field import list_reductions

        reductions = list_reductions(self.graph)
        return tuple(reductions[value] for value in self.graph.outputs.values())

    @cached_property
    def params(self) -> int:
        """Trainable scalars: weights, biases, affine parameters of normalisations. Shared ones count once.

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
    def acts(self) -> int:
        """Elements that convolutions, linear layers, products of matrices and pools with a window write, for one sample (Dollár
        et al. 2021, arXiv:2103.06877).

        >>> import archspec
        >>> archspec.load("resnet50").acts
        11315688
        """
        from archspec.analysis.counts import sum_costs

        return sum_costs(self.graph).acts

    def count(self, convention: str = "macs") -> int:
        """The work for one sample by a convention: macs, flops, pycls, fvcore, timm, thop or deepspeed.

        Raises:
            UnknownConventionError: there is no convention of that name.

        >>> import archspec
        >>> archspec.load("resnet50").count("pycls")
        4089185256
        """
        from archspec.analysis.conventions import find_convention
        from archspec.analysis.work import count_work

        return find_convention(convention).count(count_work(self.graph))

    def explain_count(self, number: str) -> CountExplanation:
        """Which rules of counting give a number as papers and tools print it, and where they differ.

        Raises:
            PrintedNumberError: the text is no count.

        >>> import archspec
        >>> [rule.name for rule in archspec.load("resnet50").explain_count("4.13 GMACs").rules]
        ['thop']
        """
        from archspec.analysis.count_explanation import explain_count

        return explain_count(self.graph, number)

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
        """The number of residual branches that stochastic depth keeps on average (Huang et al. 2016, arXiv:1603.09382); None without stochastic depth.

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
            unit: the unit of lengths: "modules", the joins that a path enters by a residual branch (Veit et al. 2016, arXiv:1605.06431),
                or "layers", the weighted layers on it.
            gates: whether paths also go through gates.
            source: the name of the input or part where paths start; all inputs if None.
            target: the name of the output or part where paths end; all outputs if None.

        Raises:
            UnknownPartError: the network has no input, output or part of that name.

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
        """Yields the paths, the shortest first and without computing the others.

        >>> import archspec
        >>> next(archspec.load("resnet18").iter_paths("layers")).length
        5
        """
        from archspec.analysis.path_enumeration import iter_paths

        return iter_paths(self.paths(unit, gates=gates))

    def unravel(self, limit: int = 4096, unit: LengthUnit = "modules", *, gates: bool = False) -> nx.DiGraph[int]:
        """The tree of all paths; `archspec.analysis.path_enumeration.unravel_paths` describes its nodes and edges.

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

    def summary(
        self,
        depth: int | None = None,
        convention: str = "macs",
        training: Optimizer | None = None,
        precision: Precision = "32",
    ) -> Summary:
        """The summary of parts with shapes and costs; `str` of it is a table, `as_dict` plain data.

        Args:
            depth: the number of levels of parts that it shows: 1 only the stages, None everything.
            convention: the rule by which work is counted, as for `count`.
            training: the optimiser for the cost of a training step, which is left out if None.
            precision: the precision of training.

        Raises:
            UnknownConventionError: there is no convention of that name.

        >>> import archspec
        >>> [(row.name, row.params) for row in archspec.load("resnet18").summary(depth=1).rows][-1]
        ('fc', 513000)
        """
        from archspec.report.summary import summarise_network

        return summarise_network(self.graph, depth, convention, training, precision)

    def training_cost(self, optimizer: Optimizer = "adamw", precision: Precision = "32") -> TrainingCost:
        """What a training step costs: multiply-accumulates of both passes, bytes by optimiser and precision.

        Args:
            optimizer: plain-sgd (without momentum), sgd, nesterov, adagrad, rmsprop, adam or adamw.
            precision: 32, bf16 or fp16 (torch casts automatically), or bf16-true (everything in 16 bits).

        >>> import archspec
        >>> cost = archspec.load("resnet50").training_cost("adamw", "bf16")
        >>> cost.forward_macs, cost.backward_macs, cost.fixed
        (4089184256, 8060354560, 408913156)
        """
        from archspec.analysis.training_cost import estimate_training_cost

        return estimate_training_cost(self.graph, optimizer, precision)

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
