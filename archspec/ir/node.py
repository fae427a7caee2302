"""Defines values, nodes, inputs and regions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeGuard

from archspec.ir.shape import Shape
from archspec.spans import Source, Span, Use

if TYPE_CHECKING:
    from archspec.ops.base import Op, Weight

Path = tuple[str, ...]
"""The names of a module's regions and its own; torch joins them by dots."""

OperandRef = tuple[int, int]
"""A use of a value: the id of the consumer and the position of the operand."""

UNKNOWN_SPAN = Span(Source("<graph>", ""), 1, 1)


@dataclass(frozen=True, slots=True, init=False)
class Value:
    """Output number `index` of node `node`, with its shape.

    >>> import archspec
    >>> value = archspec.load("resnet18").graph.outputs["output"]
    >>> value.index, value.shape.sizes
    (0, (1000,))
    """

    node: int
    index: int
    shape: Shape
    users: Sequence[int] = field(compare=False, repr=False)
    """The ids of its consumers, in order, once for each operand; the graph adds to them while it is built."""

    def __init__(self, node: int, index: int, shape: Shape) -> None:
        _set_node(self, node)
        _set_index(self, index)
        _set_shape(self, shape)
        set_users(self, [])

    def __hash__(self) -> int:
        return hash((self.node, self.index))


# Setting the slots directly bypasses the frozen dataclass and takes a third of the time.
_set_node, _set_index, _set_shape, set_users = (
    Value.__dict__[name].__set__ for name in ("node", "index", "shape", "users")
)


@dataclass(frozen=True, slots=True)
class Region:
    """One use of a named part of the network: a stage, a block, a turn of an iterator.

    `parent` is the id of the region around it; the network itself, region 0, has none. The nodes of a region are consecutive in the
    graph. Parts that share their weights are several regions of one path.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> region = next(region for region in graph.regions if region.kind == "basic")
    >>> region.path, dict(region.arguments)["width"], graph.regions[region.parent].path
    (('layer1', '0'), 64, ('layer1',))
    """

    id: int
    path: Path
    kind: str
    """The name of its block; "" if it is no use of a block."""
    arguments: Mapping[str, object]
    span: Span
    parent: int | None

    @property
    def name(self) -> str:
        return ".".join(self.path)


class Node(NamedTuple):
    """One op applied to values. Nodes of one path share their weights.

    >>> import archspec
    >>> node = next(archspec.load("resnet18").graph.ops)
    >>> node.name, node.op.word, node.output_shapes[0].sizes, node.macs
    ('conv1', 'conv', (64, 112, 112), 118013952)
    """

    id: int
    op: Op
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    path: Path
    """Empty if the op has neither a module of its own nor a name."""
    region: int
    span: Span
    use: Use | None

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return tuple([value.shape for value in self.inputs])

    @property
    def output_shapes(self) -> tuple[Shape, ...]:
        return tuple([value.shape for value in self.outputs])

    @property
    def weights(self) -> tuple[Weight, ...]:
        return self.op.weights(*self.input_shapes)

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of its weights, by their names in the `state_dict`."""
        return {f"{self.name}.{weight.name}" if weight.name else self.name: weight.shape for weight in self.weights}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one application, for one sample."""
        return self.op.macs(self.input_shapes, self.output_shapes)

    @property
    def acts(self) -> int:
        """The activations of one application that `Op.acts` defines, for one sample."""
        return self.op.acts(self.input_shapes, self.output_shapes)


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the network.

    >>> import archspec
    >>> archspec.load("resnet18").graph.nodes[0].name
    'input'
    """

    id: int
    name: str
    outputs: tuple[Value, ...]
    span: Span
    region: int = 0

    @property
    def inputs(self) -> tuple[Value, ...]:
        """Empty, as an input has no operands."""
        return ()


class GraphContents(Protocol):
    """The contents of a `Graph`, for modules that derive facts from it.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> len(graph.nodes), list(graph.inputs), list(graph.outputs)
    (69, ['input'], ['output'])
    """

    @property
    def nodes(self) -> Sequence[Node | Input]: ...
    @property
    def regions(self) -> Sequence[Region]: ...
    @property
    def outputs(self) -> Mapping[str, Value]: ...
    @property
    def ops(self) -> Iterator[Node]: ...


def computes(part: object) -> TypeGuard[Node]:
    """Whether a part of a graph is a node that computes: no input, no region and no no-op.

    >>> import archspec
    >>> list(map(computes, archspec.load("resnet18").graph.nodes[:2]))
    [False, True]
    """
    return isinstance(part, Node) and not is_noop(part)


def is_noop(node: Node | Input) -> bool:
    """Whether a node returns its operands unchanged: an identity, a bundle, or a join of one operand.

    >>> import archspec
    >>> is_noop(next(archspec.load("resnet18").graph.ops))
    False
    """
    return isinstance(node, Node) and node.op.passes_through(len(node.inputs))
