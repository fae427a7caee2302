"""Graphs built node by node, for tests that need no spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archspec.ir.graph import Graph, Path, Value
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.base import FIRST, Batch, Call, Op, Result, Weight
from archspec.ops.conv import Conv
from archspec.ops.initial import Initial
from archspec.ops.join import Add, Concat, Multiply
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm
from archspec.ops.pool import GlobalPool, MaxPool
from archspec.ops.tensor import Split
from archspec.spans import Source, Span, Use

SOURCE = Source("hand.yaml", "\n" * 200)


class Hand:
    """Builds a graph. Each node has the next line of an imaginary spec."""

    def __init__(self, name: str = "hand") -> None:
        self.graph = Graph(name)
        self.uses: dict[int, Use] = {}

    def input(self, name: str = "input", *sizes: int) -> Value:
        return self.graph.add_input(name, Shape.of(*sizes), self.span())

    def span(self) -> Span:
        return Span(SOURCE, len(self.graph.nodes) + 1, 5)

    def region(self, name: str, kind: str = "", parent: int = 0) -> int:
        """Opens a region, named below its parent; dots make a path of several names."""
        around = self.graph.regions[parent]
        path = (*around.path, *name.split("."))
        region = self.graph.add_region(path, kind, {}, self.span(), parent)
        self.uses[region.id] = Use(kind or name, {"width": 4}, self.span(), self.uses.get(parent))
        return region.id

    def add(self, op: Op, *inputs: Value, name: str = "", region: int = 0) -> tuple[Value, ...]:
        around: Path = self.graph.regions[region].path
        path = (*around, *name.split(".")) if name else ()
        return self.graph.add_node(op, inputs, path, region=region, span=self.span(), use=self.uses.get(region))

    def one(self, op: Op, *inputs: Value, name: str = "", region: int = 0) -> Value:
        return self.add(op, *inputs, name=name, region=region)[0]

    def give(self, **outputs: Value) -> Graph:
        self.graph.outputs = {**self.graph.outputs, **outputs}
        return self.graph


def conv(out: int, kernel: int = 3, stride: int = 1, **more: object) -> Conv:
    return Conv(out=out, kernel=kernel, stride=stride, padding="same", bias=False, **more)


def basic(hand: Hand, x: Value, name: str, width: int, parent: int, stride: int = 1) -> Value:
    """A residual unit as torchvision names it."""
    region = hand.region(name, "basic", parent)
    y = hand.one(conv(width, stride=stride), x, name="conv1", region=region)
    y = hand.one(BatchNorm(), y, name="bn1", region=region)
    y = hand.one(ReLU(), y, name="relu", region=region)
    y = hand.one(conv(width), y, name="conv2", region=region)
    y = hand.one(BatchNorm(), y, name="bn2", region=region)
    if stride > 1 or x.shape.channels != width:
        inner = hand.region("downsample", "", region)
        x = hand.one(conv(width, 1, stride), x, name="0", region=inner)
        x = hand.one(BatchNorm(), x, name="1", region=inner)
    y = hand.one(Add(), y, x, region=region)
    return hand.one(ReLU(), y, name="relu2", region=region)


def residual(depths: tuple[int, ...] = (3, 2), width: int = 4, size: int = 8, classes: int = 5) -> Graph:
    """A residual network with a stage for each of `depths`, for images of 3 × size × size."""
    hand = Hand("residual")
    x = hand.input("input", 3, size, size)
    x = hand.one(conv(width), x, name="conv1")
    x = hand.one(BatchNorm(), x, name="bn1")
    x = hand.one(ReLU(), x, name="relu")
    for stage, depth in enumerate(depths):
        region = hand.region(f"layer{stage + 1}", "stage")
        for unit in range(depth):
            x = basic(hand, x, str(unit), width * 2**stage, region, 2 if stage and not unit else 1)
    x = hand.one(GlobalPool(), x, name="avgpool")
    return hand.give(output=hand.one(Linear(out=classes), x, name="fc"))


def dense(depth: int = 4, growth: int = 3, size: int = 8) -> Graph:
    """One dense block, in which each layer reads the outputs of all layers before."""
    hand = Hand("dense")
    x = hand.input("input", 3, size, size)
    block = hand.region("features.denseblock1", "denseblock")
    for layer in range(depth):
        region = hand.region(f"denselayer{layer + 1}", "denselayer", block)
        y = hand.one(BatchNorm(), x, name="norm1", region=region)
        y = hand.one(ReLU(), y, name="relu1", region=region)
        y = hand.one(conv(growth), y, name="conv1", region=region)
        x = hand.one(Concat(), x, y, region=region)
    x = hand.one(MaxPool(kernel=2), x, name="features.pool0")
    return hand.give(output=x)


def recurrent(turns: int = 3, size: int = 4, odd: bool = False) -> Graph:
    """A cell applied several times with the same weights to a state, a carried value and one input.

    With `odd` the last turn leaves out the gate, so that it differs from the others.
    """
    hand = Hand("recurrent")
    x = hand.input("x", size)
    state, carried = hand.input("state", size), hand.input("carried", size)
    for turn in range(turns):
        region = hand.region("cell", "cell")
        given = hand.one(Linear(out=size), x, name="from_x", region=region)
        kept = hand.one(Linear(out=size), state, name="from_state", region=region)
        summed = hand.one(Add(), given, kept, carried, region=region)
        carried = hand.one(ReLU(), summed, name="relu", region=region)
        state = summed if odd and turn == turns - 1 else hand.one(Multiply(), summed, carried, region=region)
    return hand.give(state=state)


def two_stream(size: int = 6) -> Graph:
    """Two inputs, a bundle of two values through each unit, a split, and two outputs in another order."""
    hand = Hand("two_stream")
    left, right = hand.input("left", 4, size, size), hand.input("right", 4, size, size)
    for unit in range(2):
        region = hand.region(f"unit{unit}", "merge")
        merged = hand.one(Add(), left, right, region=region)
        a = hand.one(conv(4), left, name="left", region=region)
        b = hand.one(conv(4), right, name="right", region=region)
        left, right = hand.one(Add(), a, merged, region=region), hand.one(Add(), b, merged, region=region)
    first, second, _ = hand.add(Split(sizes=(1, 2, 1)), left)
    return hand.give(second=second, right=right, first=first)


class Token(Op):
    """A learned token before a sequence."""

    word: ClassVar[str] = "token"

    init: Initial | None = None

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0].replace(0, inputs[0].sizes[0] + 1),)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", (1, 1, inputs[0].sizes[1])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (
            Call("torch.nn.Parameter", {"shape": (1, 1, inputs[0].sizes[1])}),
            Call(".expand", args=(Result(0), Batch(), -1, -1)),
            Call("torch.cat", args=((Result(1), *FIRST),), keywords={"dim": 1}),
        )

    def initial(self) -> Mapping[str, Initial]:
        return {} if self.init is None else {"": self.init}


class Attention(Op):
    """torch's self-attention, which has weights in an inner module and several results."""

    word: ClassVar[str] = "attend"

    init: Initial | None = None

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        width = inputs[0].sizes[1]
        shapes = {"in_proj_weight": (3 * width, width), "in_proj_bias": (3 * width,)}
        shapes |= {"out_proj.weight": (width, width), "out_proj.bias": (width,)}
        return tuple(Weight(name, shape) for name, shape in shapes.items())

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"embed_dim": inputs[0].sizes[1], "num_heads": 1, "batch_first": True}
        attended = Call("torch.nn.MultiheadAttention", options, FIRST * 3, {"need_weights": False})
        return (attended, Call("operator.getitem", args=(Result(0), 0)))

    def initial(self) -> Mapping[str, Initial]:
        return {} if self.init is None else {"out_proj.weight": self.init}


class Drop(Op):
    """Stochastic depth: a module of archspec without weights."""

    word: ClassVar[str] = "drop"

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (Call("archspec.codegen.fx.modules.DropPath", {"p": 0.5}),)


def transformer(tokens: int = 4, features: int = 6, init: Initial | None = None) -> Graph:
    """A learned token, and attention with an unnamed drop in each of two equal regions."""
    hand = Hand("transformer")
    x = hand.one(Token(init=init), hand.input("input", tokens, features), name="class_token")
    for number in range(2):
        region = hand.region(f"encoder.{number}", "layer")
        y = hand.one(Attention(init=init), x, name="attention", region=region)
        x = hand.one(Add(), hand.one(Drop(), y, region=region), x, region=region)
    return hand.give(output=x)
