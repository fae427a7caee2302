"""Finds the layers that can absorb a batch normalisation, and computes their weights."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archspec.ir.graph import Graph, Node, Path, Value
from archspec.ir.weight_provenance import (
    BatchNormConstant,
    ConstantInputResponse,
    ScaledWeight,
    StackedWeights,
    WeightSlice,
    WeightSource,
    WeightSum,
)
from archspec.ops.base import Op, per_axis
from archspec.ops.conv import Conv
from archspec.ops.linear import Linear
from archspec.ops.norm import BatchNorm, channel_pair_sizes
from archspec.ops.transposed_conv import ConvTranspose


@dataclass(frozen=True, slots=True)
class Absorption:
    """A batch normalisation and the neighbouring layer that absorbs it."""

    norm: Node
    layer: Node


def find_batchnorms(graph: Graph) -> Iterator[Node]:
    """The batch normalisations with running statistics, which in evaluation are a factor and a shift."""
    return (node for node in graph.ops if isinstance(node.op, BatchNorm) and node.op.track and node.path)


def can_absorb_output(layer: Node) -> bool:
    """Whether the weights of a layer can absorb a factor and a shift of each output channel."""
    match layer.op:
        case Conv():
            return bool(layer.path)
        case ConvTranspose(groups=groups):
            return bool(layer.path) and groups == 1
        case Linear():
            return bool(layer.path) and layer.inputs[0].shape.rank == 1
    return False


def can_absorb_input(layer: Node) -> bool:
    """Whether the weights of a layer can absorb a factor and a shift of its input; not with zero padding."""
    match layer.op:
        case Conv(padding_mode="zeros") as op:
            return bool(layer.path) and not any(_total_padding(op, layer.inputs[0].shape.rank - 1))
        case Conv() | Linear():
            return can_absorb_output(layer)
    return False


def _total_padding(conv: Conv, rank: int) -> tuple[int, ...]:
    if conv.padding == "same":
        return tuple(size - 1 for size in per_axis(conv.kernel, rank, "kernel"))
    return per_axis(conv.padding, rank, "padding")


def absorbing_consumers(graph: Graph, value: Value) -> list[Node]:
    """The consumers of a value, if all of them can absorb a factor and a shift of it; else an empty list."""
    consumers = graph.users(value)
    return consumers if not graph.is_output(value) and all(map(can_absorb_input, consumers)) else []


def consistent_absorptions(graph: Graph, absorptions: list[Absorption]) -> list[Absorption]:
    """The absorptions that respect shared weights.

    All uses of a layer absorb the same normalisation, and all uses of a normalisation are absorbed.
    """
    while True:
        partners: dict[Path, set[Path]] = defaultdict(set)
        for absorption in absorptions:
            partners[absorption.layer.path].add(absorption.norm.path)
        met = Counter(
            node.path for node in {absorption.layer.id: absorption.layer for absorption in absorptions}.values()
        )
        met += Counter(
            node.path for node in {absorption.norm.id: absorption.norm for absorption in absorptions}.values()
        )
        wrong = {
            absorption.norm.path
            for absorption in absorptions
            if len(partners[absorption.layer.path]) > 1
            or met[absorption.layer.path] < graph.path_uses[absorption.layer.path]
            or met[absorption.norm.path] < graph.path_uses[absorption.norm.path]
        }
        if not wrong:
            return absorptions
        absorptions = [absorption for absorption in absorptions if absorption.norm.path not in wrong]


def add_bias(layer: Node) -> Op:
    """The op of a layer with a bias."""
    changed = {"bias": True} if getattr(layer.op, "bias", False) else {"bias": True, "bias_init": None}
    op: Op = layer.op.model_copy(update=changed)
    return op


def scale_outputs(absorption: Absorption) -> dict[str, WeightSource]:
    """The weights of a layer that absorbs the normalisation after it."""
    layer, norm = absorption.layer, absorption.norm
    factor, shift = batchnorm_constant(norm, "factor"), batchnorm_constant(norm, "shift")
    weight = ScaledWeight(
        WeightSlice(f"{layer.name}.weight"), factor, axis=1 if isinstance(layer.op, ConvTranspose) else 0
    )
    bias = WeightSum((ScaledWeight(WeightSlice(f"{layer.name}.bias"), factor), shift)) if _has_bias(layer) else shift
    return {"weight": weight, "bias": bias}


def scale_inputs(absorption: Absorption, *, rectified: bool = False) -> dict[str, WeightSource]:
    """The weights of a layer that absorbs the normalisation before it, or the factor and shift after its clamp if `rectified`."""
    layer, norm = absorption.layer, absorption.norm
    factor, shift = (
        batchnorm_constant(norm, "factor", rectified=rectified),
        batchnorm_constant(norm, "shift", rectified=rectified),
    )
    groups = layer.op.groups if isinstance(layer.op, Conv) else 1
    weight = WeightSlice(f"{layer.name}.weight")
    through = ConstantInputResponse(weight, shift, groups)
    bias = WeightSum((WeightSlice(f"{layer.name}.bias"), through)) if _has_bias(layer) else through
    return {"weight": ScaledWeight(weight, factor, axis=1, groups=groups), "bias": bias}


def stack_constants(norm: Node, first: ConstantName, second: ConstantName) -> dict[str, WeightSource]:
    """The weight of the op that replaces a normalisation: two constants for each channel."""
    pair = (
        batchnorm_constant(norm, first, rectified=first == "low"),
        batchnorm_constant(norm, second, rectified=first == "low"),
    )
    return {"": StackedWeights(pair, channel_pair_sizes(norm.inputs[0].shape))}


ConstantName = Literal["factor", "shift", "low", "high"]


def batchnorm_constant(norm: Node, name: ConstantName, *, rectified: bool = False) -> BatchNormConstant:
    """One of the constants of a normalisation."""
    assert isinstance(norm.op, BatchNorm), "only these are asked for"
    return BatchNormConstant(norm.name, norm.op.eps, norm.op.affine, name, rectified)


def _has_bias(layer: Node) -> bool:
    return any(weight.name == "bias" for weight in layer.weights)
