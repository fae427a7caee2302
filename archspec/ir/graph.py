"""The graph of a network: nodes, values, regions, inputs and outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from archspec import meter
from archspec.errors import ArchspecError, Span, Use
from archspec.ir.dag import build_dag
from archspec.ir.names import PathNames
from archspec.ir.node import UNKNOWN_SPAN, Input, Node, Path, Region, Value, is_noop, set_users
from archspec.ir.regions import RegionTree
from archspec.ir.shape import Shape
from archspec.ir.uses import collect_outputs, count_path_uses, find_whole_numbers

if TYPE_CHECKING:
    import networkx as nx

    from archspec.ir.weight_provenance import WeightMap
    from archspec.ops.base import Op

__all__ = ["UNKNOWN_SPAN", "FrozenGraphError", "Graph", "Input", "Node", "Path", "Region", "Value", "is_noop"]

_NODE = 12  # units of work for a node and its shapes

Derived = TypeVar("Derived")


class FrozenGraphError(ArchspecError, TypeError):
    """Raised if something is added to a frozen graph.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> graph.add_output("again", graph.outputs["output"])
    Traceback (most recent call last):
        ...
    archspec.ir.graph.FrozenGraphError: nothing can be added to the graph resnet18, or read from another: it is frozen
    """


@dataclass
class Graph:
    """A network: a directed acyclic graph of ops, built in topological order with the shapes of all values.

    It is built with `add_input`, `add_region`, `add_node` and `add_output` until it is frozen. Facts derived from a frozen graph are
    cached.

    Raises `ShapeError` if inputs do not fit an op; the caller adds the span.

    >>> from archspec.ir.shape import Shape
    >>> from archspec.ops import BY_WORD
    >>> graph = Graph("net")
    >>> image = graph.add_input("image", Shape.of(3, 8, 8))
    >>> (relu,) = graph.add_node(BY_WORD["relu"](), (image,), graph.unique_path((), "relu"))
    >>> graph.add_output("output", relu)
    >>> graph.only_user(image).name, graph.freeze().is_output(relu)
    ('relu', True)
    """

    name: str
    source: str = ""
    nodes: Sequence[Node | Input] = field(default_factory=list)
    regions: Sequence[Region] = field(default_factory=list)
    inputs: Mapping[str, Value] = field(default_factory=dict)
    outputs: Mapping[str, Value] = field(default_factory=dict)
    weight_provenance: tuple[WeightMap, ...] = ()
    """The weight maps of the passes, in order."""
    inference: bool = False
    """Whether it is for inference only, so that a back end may choose kernels without a backward pass."""
    frozen: bool = field(default=False, init=False, compare=False)
    _names: PathNames | None = field(default=None, init=False, repr=False, compare=False)
    _origin: tuple[Graph, Collection[int]] | None = field(default=None, init=False, repr=False, compare=False)
    """The graph before the pass, whose names are taken here, and the ids of the nodes that the pass leaves out."""
    _derived: dict[Callable[[Graph], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.regions:
            self.regions = [Region(0, (), self.name, {}, UNKNOWN_SPAN, None)]
        if not isinstance(self.nodes, list):
            self.freeze()

    def __setattr__(self, name: str, value: object) -> None:
        if self.__dict__.get("frozen"):
            raise FrozenGraphError(f"{name} of the graph {self.name} cannot be set: the graph is frozen")
        object.__setattr__(self, name, value)

    def freeze(self) -> Graph:
        """Completes the graph and returns it.

        Its lists become tuples, adding to it raises `FrozenGraphError`, and derived facts are cached.
        `dataclasses.replace` makes a frozen graph of the same nodes with another name, history or purpose.
        """
        if self.frozen:
            return self
        for node in self.nodes:
            for value in node.outputs:
                set_users(value, tuple(value.users))
        self.nodes, self.regions = tuple(self.nodes), tuple(self.regions)
        self.inputs, self.outputs = MappingProxyType(dict(self.inputs)), MappingProxyType(dict(self.outputs))
        self._origin, self._names = None, None
        self.frozen = True
        return self

    def derive(self, function: Callable[[Graph], Derived]) -> Derived:
        """The result of a function of this graph, cached if the graph is frozen."""
        if not self.frozen:
            return function(self)
        if function not in self._derived:
            self._derived[function] = function(self)
        return self._derived[function]  # type: ignore[no-any-return]

    def copy_without_nodes(self, left_out: Collection[int] = ()) -> Graph:
        """A graph with this one's name, regions and weight maps and without its nodes, with which a pass begins.

        All names of this graph are taken in the new one, except those of the nodes `left_out`.
        """
        graph = Graph(
            self.name,
            self.source,
            regions=list(self.regions),
            weight_provenance=self.weight_provenance,
            inference=self.inference,
        )
        graph._origin = self, left_out
        return graph

    @property
    def names(self) -> PathNames:
        """The names of its modules and regions."""
        if self.frozen:
            return self.derive(Graph._collect_names)
        if self._names is None:
            self._names = self._collect_names()
        return self._names

    def unique_path(self, region: Path, stem: str) -> Path:
        """Takes a name for a new node or region inside the regions of path `region`.

        Returns:
            The whole path. It ends in `stem` or, if that is taken, in `stem2`, `stem3`, …; a stem that is a number is counted up.
        """
        if self.frozen:
            raise self._refuse()
        return self.names.take(region, stem)

    def _collect_names(self) -> PathNames:
        origin, left_out = self._origin or (self, ())
        paths = {node.path for node in origin.ops if node.id not in left_out}
        paths.update(node.path for node in self.ops)
        paths.update(region.path for region in self.regions)
        meter.charge_work("passes", sum(len(path) * (2 + len(path) // 8) for path in paths))
        names = PathNames()
        for path in paths:
            names.add(path)
        return names

    def add_input(self, name: str, shape: Shape, span: Span = UNKNOWN_SPAN) -> Value:
        """Adds an input of the network."""
        value = Value(len(self.nodes), 0, shape)
        if self.frozen:
            raise self._refuse()
        self.nodes.append(Input(value.node, name, (value,), span))  # type: ignore[attr-defined]
        self.inputs[name] = value  # type: ignore[index]
        return value

    def add_output(self, name: str, value: Value) -> None:
        """Makes a value an output of the network."""
        if self.frozen:
            raise self._refuse()
        self.outputs[name] = value  # type: ignore[index]

    def add_region(self, path: Path, kind: str, arguments: Mapping[str, object], span: Span, parent: int) -> Region:
        """Adds a region. Its nodes are those that are added next, without others between them."""
        region = Region(len(self.regions), path, kind, arguments, span, parent)
        if self.frozen:
            raise self._refuse()
        self.regions.append(region)  # type: ignore[attr-defined]
        if self._names is not None:
            self._names.add(path)
        return region

    def add_node(
        self,
        op: Op,
        inputs: tuple[Value, ...],
        path: Path = (),
        *,
        region: int = 0,
        span: Span = UNKNOWN_SPAN,
        use: Use | None = None,
    ) -> tuple[Value, ...]:
        """Adds a node and returns its outputs. Raises `ShapeError`."""
        meter.charge_work("nodes", _NODE + (len(inputs) + len(path)) // 4)
        return self.add_shaped_node(
            op, inputs, op.infer(*[value.shape for value in inputs]), path, region=region, span=span, use=use
        )

    def add_shaped_node(
        self,
        op: Op,
        inputs: tuple[Value, ...],
        shapes: tuple[Shape, ...],
        path: Path = (),
        *,
        region: int = 0,
        span: Span = UNKNOWN_SPAN,
        use: Use | None = None,
    ) -> tuple[Value, ...]:
        """Adds a node whose output shapes, those of `op.infer`, are known, and returns its outputs."""
        id = len(self.nodes)
        outputs = tuple([Value(id, index, shape) for index, shape in enumerate(shapes)])
        try:
            for value in inputs:
                value.users.append(id)  # type: ignore[attr-defined]
            self.nodes.append(Node(id, op, inputs, outputs, path, region, span, use))  # type: ignore[attr-defined]
        except AttributeError:  # a frozen graph has tuples
            raise self._refuse() from None
        if self._names is not None:
            self._names.add(path)
        return outputs

    def _refuse(self) -> FrozenGraphError:
        return FrozenGraphError(f"nothing can be added to the graph {self.name}, or read from another: it is frozen")

    @property
    def dag(self) -> nx.MultiDiGraph[int]:
        """The graph for networkx, as `archspec.ir.dag.build_dag` describes it, built on first use."""
        return self.derive(build_dag)

    @property
    def region_tree(self) -> RegionTree:
        """The nodes, members, inputs and outputs of all regions."""
        return self.derive(RegionTree)

    @property
    def ops(self) -> Iterator[Node]:
        """The nodes that compute, in topological order."""
        return (node for node in self.nodes if isinstance(node, Node))

    def producer(self, value: Value) -> Node | Input:
        """The node that produces a value."""
        return self.nodes[value.node]

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of all weights, by their names in the `state_dict`."""
        return {name: shape for node in self.ops for name, shape in node.weight_shapes.items()}

    def users(self, value: Value) -> list[Node]:
        """The consumers of a value, in order, once for each operand."""
        return [node for id in value.users if isinstance(node := self.nodes[id], Node)]

    def uses(self, value: Value) -> Iterator[tuple[Node, int]]:
        """The uses of a value, in order: the consumer, and the position of the operand."""
        for user in dict.fromkeys(value.users):
            node = self.nodes[user]
            assert isinstance(node, Node), "an input reads nothing"
            yield from ((node, position) for position, operand in enumerate(node.inputs) if operand == value)

    def only_user(self, value: Value) -> Node | None:
        """The only consumer of a value, with one use of it; None if it has others or is an output of the network."""
        return self.users(value)[0] if len(value.users) == 1 and not self.is_output(value) else None

    def is_output(self, value: Value) -> bool:
        """Whether the network returns a value."""
        return value in self.derive(collect_outputs)

    def count_uses(self, node: Node | Input) -> int:
        """The number of uses of a node's outputs; being an output of the network is one."""
        return sum(len(value.users) + self.is_output(value) for value in node.outputs)

    @property
    def path_uses(self) -> Counter[Path]:
        """The number of nodes of each path; nodes of one path share a module."""
        return self.derive(count_path_uses)

    def shares_module(self, node: Node) -> bool:
        """Whether a node shares its module, and so its weights, with others."""
        return bool(node.path) and self.path_uses[node.path] > 1

    def users_outside(self, nodes: Collection[int]) -> set[int]:
        """The ids of the consumers of some nodes outside these; with the number of nodes of the graph, if the network returns one of the values."""
        outputs = [value for id in nodes for value in self.nodes[id].outputs]
        users = {user for value in outputs for user in value.users if user not in nodes}
        return users | {len(self.nodes)} if any(map(self.is_output, outputs)) else users

    @property
    def whole_numbers(self) -> frozenset[Value]:
        """The values that an op such as an embedding reads as integers, directly or through ops that only move elements."""
        return self.derive(find_whole_numbers)

    def holds_indices(self, value: Value) -> bool:
        """Whether a value holds integers."""
        return value in self.whole_numbers

    def enclosing_regions(self, region: int) -> tuple[Region, ...]:
        """A region and those around it, the outermost (the network) first."""
        chain = [self.regions[region]]
        while (parent := chain[-1].parent) is not None:
            chain.append(self.regions[parent])
        return tuple(reversed(chain))
