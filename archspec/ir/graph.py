"""The one graph in the middle: values with shapes, nodes with names, and the regions that hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from archspec import meter
from archspec.errors import Source, Span, Use
from archspec.ir.names import PathNames
from archspec.ir.shape import Shape
from archspec.ir.weight_provenance import WeightMap

if TYPE_CHECKING:
    import networkx as nx

    from archspec.ops.base import Op, Weight

Path = tuple[str, ...]
"""A module's place: the names of its regions and its own; in torch they are joined by dots."""

_NODE = 12  # units of work for a node and its shapes
UNKNOWN_SPAN = Span(Source("<graph>", ""), 1, 1)


@dataclass(frozen=True, slots=True, init=False)
class Value:
    """Output number `index` of node `node`, with its shape."""

    node: int
    index: int
    shape: Shape
    users: list[int] = field(compare=False, repr=False)
    """The numbers of the nodes that read it, in order, once for each operand; the graph adds to them while it grows."""

    def __init__(self, node: int, index: int, shape: Shape) -> None:
        _set_node(self, node)
        _set_index(self, index)
        _set_shape(self, shape)
        _set_users(self, [])

    def __hash__(self) -> int:
        return hash((self.node, self.index))


# A graph makes a value for each output: past the guard of a frozen class, that takes a third of the time.
_set_node, _set_index, _set_shape, _set_users = (
    Value.__dict__[name].__set__ for name in ("node", "index", "shape", "users")
)


@dataclass(frozen=True, slots=True)
class Region:
    """One use of a named part of the network: a stage, a block, a turn of an iterator.

    `parent` is the number of the region around it (the network itself, number 0, has none). Its nodes are consecutive in the
    graph. Weights that are shared make several regions with one path.
    """

    id: int
    path: Path
    kind: str
    """What it is: the name of its block, or "" for a part that only groups."""
    arguments: Mapping[str, object]
    span: Span
    parent: int | None

    @property
    def name(self) -> str:
        return ".".join(self.path)


class Node(NamedTuple):
    """One op applied to values. Nodes of one path share their weights."""

    id: int
    op: Op
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    path: Path
    """Empty where the op has no module of its own and was given no name."""
    region: int
    span: Span
    use: Use | None

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return tuple(value.shape for value in self.inputs)

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        return tuple(value.shape for value in self.outputs)

    @property
    def weights(self) -> tuple[Weight, ...]:
        return self.op.weights(*self.input_shapes)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one application, for one sample."""
        return self.op.macs(self.input_shapes, self.output_shapes)


@dataclass(frozen=True, slots=True)
class Input:
    """The node of a network's input."""

    id: int
    name: str
    outputs: tuple[Value, ...]
    span: Span
    region: int = 0


@dataclass
class Graph:
    """A network: a directed acyclic graph of ops, built in topological order, each value shaped as it is made.

    Raises `ShapeError` (from the op) where inputs do not fit; the caller knows the place and says it.
    """

    name: str
    source: str = ""
    nodes: list[Node | Input] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    inputs: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    weight_provenance: tuple[WeightMap, ...] = ()
    """What the passes did to the weights, first to last."""
    inference: bool = False
    """Whether it is for inference alone: a back end may choose kernels that cannot be trained through."""
    _dag: nx.MultiDiGraph[int] | None = field(default=None, init=False, repr=False, compare=False)
    _names: PathNames | None = field(default=None, init=False, repr=False, compare=False)
    """Made when it is first asked for, and kept from then on."""
    _origin: tuple[Graph, Collection[int]] | None = field(default=None, init=False, repr=False, compare=False)
    """The graph that a pass makes this one of, whose names are taken here, and the nodes that it leaves out."""

    def __post_init__(self) -> None:
        if not self.regions:
            self.regions.append(Region(0, (), self.name, {}, UNKNOWN_SPAN, None))

    def copy_without_nodes(self, left_out: Collection[int] = ()) -> Graph:
        """A graph with this one's name, regions and history, and without its nodes: what a pass begins with.

        All names of this graph are taken in the new one, but for those of the nodes `left_out`.
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
        """The names that are taken in it."""
        if self._names is None:
            self._names = self._collect_names()
        return self._names

    def unique_path(self, region: Path, stem: str) -> Path:
        """Takes a name for a new node or region inside the regions of path `region`.

        Returns:
            The whole path: it ends in `stem` or, where that is taken, in `stem2`, `stem3`, …; a number goes on.
        """
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
        self.nodes.append(Input(value.node, name, (value,), span))
        self.inputs[name] = value
        return value

    def add_region(self, path: Path, kind: str, arguments: Mapping[str, object], span: Span, parent: int) -> Region:
        """Adds a region; the nodes added from now on may belong to it, until one is added outside."""
        region = Region(len(self.regions), path, kind, arguments, span, parent)
        self.regions.append(region)
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
        """Adds a node and gives its outputs. Raises `ShapeError`."""
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
        """Adds a node whose output shapes are known already, as `op.infer` gives them for `inputs`."""
        id = len(self.nodes)
        outputs = tuple([Value(id, index, shape) for index, shape in enumerate(shapes)])
        self.nodes.append(Node(id, op, inputs, outputs, path, region, span, use))
        for value in inputs:
            value.users.append(id)
        if self._names is not None:
            self._names.add(path)
        return outputs

    @property
    def dag(self) -> nx.MultiDiGraph[int]:
        """The wiring, for networkx: a node is its number and has its `node`; an edge's key is the position of the operand that
        it feeds, and its `output` says which output of its tail it carries.

        It is made when it is first asked for, and frozen: `networkx.MultiDiGraph(graph.dag)` is a copy that can be changed.
        """
        if self._dag is None or len(self._dag) != len(self.nodes):
            self._dag = _build_dag(self.nodes)
        return self._dag

    @property
    def ops(self) -> Iterator[Node]:
        """The nodes that compute, in topological order."""
        return (node for node in self.nodes if isinstance(node, Node))

    def users(self, value: Value) -> list[Node]:
        """The nodes that read a value, in order, once for each operand."""
        return [node for id in value.users if isinstance(node := self.nodes[id], Node)]

    @property
    def whole_numbers(self) -> frozenset[Value]:
        """The values that some op reads whole numbers from, as an embedding does, or an op that only moves them there."""
        values: set[Value] = set()
        for node in reversed(self.nodes):
            if isinstance(node, Node):
                moved = node.op.moves and not values.isdisjoint(node.outputs)
                values.update(
                    value for position, value in enumerate(node.inputs) if moved or position in node.op.indices
                )
        return frozenset(values)

    def holds_indices(self, value: Value) -> bool:
        """Whether a value holds whole numbers."""
        return value in self.whole_numbers

    def enclosing_regions(self, region: int) -> tuple[Region, ...]:
        """A region and those around it, outermost (the network) first."""
        chain: list[Region] = []
        current: int | None = region
        while current is not None:
            chain.append(self.regions[current])
            current = self.regions[current].parent
        return tuple(reversed(chain))


def _build_dag(nodes: list[Node | Input]) -> nx.MultiDiGraph[int]:
    import networkx as nx  # most of what a command would need to start, and few need it

    dag: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    for node in nodes:
        dag.add_node(node.id, node=node)
        for position, value in enumerate(node.inputs if isinstance(node, Node) else ()):
            dag.add_edge(value.node, node.id, key=position, output=value.index)
    nx.freeze(dag)
    return dag


def is_noop(node: Node) -> bool:
    """Whether a node is no box: it changes nothing."""
    return node.op.word in {"identity", "bundle"} or (
        node.op.join and len(node.inputs) == 1 and node.op.word != "multiply"
    )
