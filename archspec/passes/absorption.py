"""What the passes that take batch normalisations apart have in common: who takes over which, and what becomes of the weights."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archspec.carried import GONE, Carried, Norm, Piece, Stacked, Sum, Through, Times
from archspec.graph import Graph, Node, Path, Value
from archspec.ops.base import Op, per_axis
from archspec.ops.conv import Conv, ConvTranspose
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm, per_channel
from archspec.passes.chains import Wiring


@dataclass(frozen=True, slots=True)
class Absorption:
    """A layer takes over a batch normalisation beside it."""

    norm: Node
    layer: Node


def norms_of(graph: Graph) -> Iterator[Node]:
    """The batch normalisations that in evaluation are a factor and a shift: those with running statistics."""
    return (node for node in graph.ops if isinstance(node.op, BatchNorm) and node.op.track and node.path)


def gives_way(layer: Node) -> bool:
    """Whether each output channel of a layer has weights of its own, which can take over a factor and a shift."""
    match layer.op:
        case Conv():
            return bool(layer.path)
        case ConvTranspose(groups=groups):
            return bool(layer.path) and groups == 1
        case Linear():
            return bool(layer.path) and layer.inputs[0].shape.rank == 1
    return False


def takes_in(layer: Node) -> bool:
    """Whether a layer's weights can take over a factor and a shift of its input: no zero is added around that."""
    match layer.op:
        case Conv(padding_mode="zeros") as op:
            return bool(layer.path) and not any(_padding(op, layer.inputs[0].shape.rank - 1))
        case Conv() | Linear():
            return gives_way(layer)
    return False


def _padding(conv: Conv, rank: int) -> tuple[int, ...]:
    if conv.padding == "same":
        return tuple(size - 1 for size in per_axis(conv.kernel, rank, "kernel"))
    return per_axis(conv.padding, rank, "padding")


def takers(wiring: Wiring, value: Value) -> list[Node]:
    """The layers that read a value, if layers that can take over a factor and a shift of it are all that read it."""
    found = wiring.graph.users(value)
    return found if value not in wiring.outputs and all(map(takes_in, found)) else []


def agreed(graph: Graph, found: list[Absorption]) -> list[Absorption]:
    """The absorptions in which what is shared stays shared.

    All uses of a layer take over the same normalisation, and of a normalisation all uses are taken over.
    """
    uses = Counter(node.path for node in graph.ops)
    while True:
        partners: dict[Path, set[Path]] = defaultdict(set)
        for one in found:
            partners[one.layer.path].add(one.norm.path)
        met = Counter(node.path for node in {one.layer.id: one.layer for one in found}.values())
        met += Counter(node.path for node in {one.norm.id: one.norm for one in found}.values())
        wrong = {
            one.norm.path
            for one in found
            if len(partners[one.layer.path]) > 1
            or met[one.layer.path] < uses[one.layer.path]
            or met[one.norm.path] < uses[one.norm.path]
        }
        if not wrong:
            return found
        found = [one for one in found if one.norm.path not in wrong]


def biased(new: Graph, layer: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """Adds a layer as it was, but with a bias."""
    changed = {"bias": True} if getattr(layer.op, "bias", False) else {"bias": True, "bias_init": None}
    op: Op = layer.op.model_copy(update=changed)
    return new.add(op, inputs, layer.path, scope=layer.scope, span=layer.span, use=layer.use)


def scaled_outputs(absorption: Absorption) -> dict[str, Carried]:
    """The weights of a layer that takes over the normalisation after it."""
    layer, norm = absorption.layer, absorption.norm
    factor, shift = constant(norm, "factor"), constant(norm, "shift")
    weight = Times(Piece(f"{layer.name}.weight"), factor, axis=1 if isinstance(layer.op, ConvTranspose) else 0)
    bias = Sum((Times(Piece(f"{layer.name}.bias"), factor), shift)) if _has_bias(layer) else shift
    return {f"{layer.name}.weight": weight, f"{layer.name}.bias": bias, **_gone(norm)}


def scaled_inputs(absorption: Absorption, *, rectified: bool) -> dict[str, Carried]:
    """The weights of a layer that takes over the normalisation before it, or what follows the clamp of a rectified one."""
    layer, norm = absorption.layer, absorption.norm
    factor, shift = constant(norm, "factor", rectified=rectified), constant(norm, "shift", rectified=rectified)
    groups = layer.op.groups if isinstance(layer.op, Conv) else 1
    weight = Piece(f"{layer.name}.weight")
    through = Through(weight, shift, groups)
    bias = Sum((Piece(f"{layer.name}.bias"), through)) if _has_bias(layer) else through
    scaled = Times(weight, factor, axis=1, groups=groups)
    return {f"{layer.name}.weight": scaled, f"{layer.name}.bias": bias, **_gone(norm)}


def stacked(norm: Node, first: Constant, second: Constant) -> dict[str, Carried]:
    """The one weight of what stands in the place of a normalisation: two numbers for each channel."""
    pair = (constant(norm, first, rectified=first == "low"), constant(norm, second, rectified=first == "low"))
    return {norm.name: Stacked(pair, per_channel(norm.inputs[0].shape)), **_gone(norm)}


Constant = Literal["factor", "shift", "low", "high"]


def constant(norm: Node, what: Constant, *, rectified: bool = False) -> Norm:
    """One of the constants of a normalisation."""
    assert isinstance(norm.op, BatchNorm), "only these are asked for"
    return Norm(norm.name, norm.op.eps, norm.op.affine, what, rectified)


def _has_bias(layer: Node) -> bool:
    return any(weight.name == "bias" for weight in layer.weights)


def _gone(norm: Node) -> dict[str, Carried]:
    return {f"{norm.name}.num_batches_tracked": GONE}
