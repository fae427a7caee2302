"""The graph of a network: nodes, values, regions, inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archspec import meter
from archspec.errors import ArchspecError
from archspec.ir.names import PathNames
from archspec.ir.node import UNKNOWN_SPAN, Input, Node, OperandRef, Path, Region, Value, computes, is_noop, set_users
from archspec.ir.queries import GraphQueries
from archspec.ir.shape import Shape
from archspec.spans import Span, Use

if TYPE_CHECKING:
    from archspec.ir.weight_provenance import WeightMap
    from archspec.ops.base import Op

__all__ = [
    "UNKNOWN_SPAN",
    "FrozenGraphError",
    "Graph",
    "Input",
    "Node",
    "OperandRef",
    "Path",
    "Region",
    "Value",
    "computes",
    "is_noop",
]

_NODE = 12  # units of work for a node and its shapes


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
class Graph(GraphQueries):
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
