"""Values that are made again in the backward pass and not kept: concatenations, and what a normalisation and a ReLU make of them.

Pleiss et al. 2017, arXiv:1707.06990: a dense block keeps what its layers add, and neither what they read nor what they make of it on
the way to their convolution. All that is made again is cheap; no convolution is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from archspec.ir.graph import Graph, Node, Value
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Concat
from archspec.ops.norm import BatchNorm
from archspec.passes.chains import joins_channels, leads_with_channels
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


@dataclass(frozen=True)
class NormReluConv:
    """A batch normalisation, a ReLU and a convolution, each read by the next alone, and the concatenation that feeds them, if any.

    All are numbers of nodes in one region.
    """

    concat: int | None
    norm: int
    relu: int
    conv: int

    @property
    def inner(self) -> tuple[int, ...]:
        """The nodes whose values are not kept, in order."""
        return tuple(node for node in (self.concat, self.norm, self.relu) if node is not None)


def find_recomputable(graph: Graph) -> tuple[Graph, Mapping[int, NormReluConv]]:
    """A graph in which each such chain has a concatenation of its own, and its chains by the number of their convolution.

    No concatenation reads another one: what a dense block keeps is what its layers add.
    """
    spread = split_concats(graph)
    return spread, {chain.conv: chain for chain in _find_chains(spread)}


def _find_chains(graph: Graph) -> Iterator[NormReluConv]:
    for norm in graph.ops:
        relu = graph.only_user(norm.outputs[0]) if isinstance(norm.op, BatchNorm) else None
        conv = graph.only_user(relu.outputs[0]) if relu is not None and isinstance(relu.op, ReLU) else None
        if relu is None or conv is None or not isinstance(conv.op, Conv) or conv.op.padding_mode != "zeros":
            continue
        if not norm.path or not conv.path or len({norm.region, relu.region, conv.region}) > 1:
            continue
        before = graph.nodes[norm.inputs[0].node]
        own = isinstance(before, Node) and _concatenates_channels(before) and before.region == norm.region
        alone = own and graph.only_user(norm.inputs[0]) is norm
        yield NormReluConv(before.id if alone else None, norm.id, relu.id, conv.id)


@graph_pass("back end", keeps="training")
def split_concats(graph: Graph) -> Graph:
    """The graph whose concatenations read no concatenations, with one more before each normalisation that begins a chain."""
    starts = {chain.norm for chain in _find_chains(graph)}
    parts: dict[Value, tuple[Value, ...]] = {}
    for node in graph.ops:
        if _concatenates_channels(node):
            parts[node.outputs[0]] = tuple(part for value in node.inputs for part in parts.get(value, (value,)))
    unread = {
        value
        for value in parts
        if not graph.is_output(value)
        and all(consumer.id in starts or consumer.outputs[0] in parts for consumer in graph.users(value))
    }

    def concatenate(rewriter: Rewriter, node: Node, value: Value) -> Values:
        return rewriter.add(Concat(axis=0), rewriter.find_values(parts[value], node), node)

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.outputs[0] in unread:
            return ()
        if node.outputs[0] in parts:
            return concatenate(rewriter, node, node.outputs[0])
        if node.id in starts and node.inputs[0] in parts:
            return rewriter.keep(node, concatenate(rewriter, node, node.inputs[0]))
        return None

    return rewrite_graph(graph, rewrite)


def _concatenates_channels(node: Node) -> bool:
    """Whether a node is a concatenation along dimension 1 of its tensors."""
    return joins_channels(node) and leads_with_channels(node)


def call_recomputed(norm: nn.Module, relu: nn.Module, conv: nn.Module, *parts: Tensor) -> Tensor:
    """conv(relu(norm(the parts, joined along the channels))).

    In training, what is between the parts and the result is not kept but made again in the backward pass; the normalisation's
    running statistics are updated once. The modules themselves are not called then, nor are their hooks. Where that cannot be done
    (under `torch.compile`, transforms of torch.func, a norm in evaluation), they are. Under autocast the convolution
    computes in autocast's type, as it does when the modules are called.
    """
    if _can_recompute(norm, conv, parts):
        given = (norm.weight, norm.bias, conv.weight, conv.bias, *parts)
        made: Tensor = _RecomputedFunction.apply(norm, conv, *given)  # type: ignore[no-untyped-call]
        return made
    result: Tensor = conv(relu(norm(_concat(parts))))
    return result


_PLAIN = (Tensor, nn.Parameter)


def _can_recompute(norm: nn.Module, conv: nn.Module, parts: tuple[Tensor, ...]) -> bool:
    if not norm.training or not torch.is_grad_enabled():
        return False
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return False
    if torch._C._are_functorch_transforms_active() or any(type(part) not in _PLAIN for part in parts):
        return False
    return any(tensor.requires_grad for tensor in (*norm.parameters(), *conv.parameters(), *parts))


class _RecomputedFunction(torch.autograd.Function):
    """Keeps the parts, the weights and the statistics of the batch, and nothing else that is between the parts and the result."""

    @staticmethod
    def forward(ctx: Any, norm: Any, conv: Any, *given: Any) -> Tensor:
        factor, shift, weight, bias, *parts = given
        running = (norm.running_mean, norm.running_var)
        normal, mean, invstd = torch.native_batch_norm(
            _concat(parts), factor, shift, *running, True, norm.momentum, norm.eps
        )
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        ctx.eps, ctx.conv, ctx.precision = norm.eps, conv, _autocast_dtype(parts[0])
        ctx.save_for_backward(factor, shift, weight, mean, invstd, *parts)
        operands = (_cast_operand(operand, ctx.precision) for operand in (normal.relu_(), weight, bias))
        result: Tensor = conv._conv_forward(*operands)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        factor, shift, weight, mean, invstd, *parts = ctx.saved_tensors
        _, _, of_factor, of_shift, of_weight, of_bias, *of_parts = ctx.needs_input_grad
        before = any((of_factor, of_shift, *of_parts))
        joined = _concat(parts)
        rectified = _normalise(joined, factor, shift, mean, invstd, ctx.eps).relu_()
        wanted = [before, of_weight, of_bias]
        gradient, to_weight, to_bias = _convolution_gradients(
            ctx.conv, gradient, rectified, weight, ctx.precision, wanted
        )
        if not before:
            return None, None, None, None, to_weight, to_bias, *(None for _ in parts)
        torch.ops.aten.threshold_backward.grad_input(gradient, rectified, 0, grad_input=gradient)
        del rectified
        wanted = [any(of_parts), of_factor, of_shift]
        to_joined, to_factor, to_shift = torch.ops.aten.native_batch_norm_backward(
            gradient, joined, factor, None, None, mean, invstd, True, ctx.eps, wanted
        )
        to_parts = _split_gradient(to_joined, parts) if any(of_parts) else [None] * len(parts)
        return None, None, to_factor, to_shift, to_weight, to_bias, *to_parts


def _normalise(value: Tensor, factor: Any, shift: Any, mean: Tensor, invstd: Tensor, eps: float) -> Tensor:
    """A value normalised by the statistics of its batch, to the same bit as when they were computed."""
    if value.is_cuda:
        return torch.batch_norm_elemt(value, factor, shift, mean, invstd, eps)
    if mean.dtype in (torch.bfloat16, torch.float16):  # the statistics were rounded after they had been used
        return torch.native_batch_norm(value, factor, shift, None, None, True, 0.0, eps)[0]
    scale = invstd if factor is None else invstd * factor
    return torch.native_batch_norm(value, scale, shift, mean, torch.ones_like(mean), False, 0.0, 0.0)[0]


def _convolution_gradients(
    conv: Any, gradient: Tensor, given: Tensor, weight: Tensor, precision: torch.dtype | None, wanted: list[bool]
) -> tuple[Any, Any, Any]:
    """The gradients of a convolution's input, weight and bias, of those that are wanted, in the types of these."""
    sizes = None if conv.bias is None else list(conv.bias.shape)
    ends = [0] * len(conv.stride)
    options = (conv.stride, conv.padding, conv.dilation, False, ends, conv.groups)
    operands = (_cast_operand(given, precision), _cast_operand(weight, precision))
    to_given, to_weight, to_bias = torch.ops.aten.convolution_backward(gradient, *operands, sizes, *options, wanted)
    return (
        to_given.to(given.dtype) if wanted[0] else None,
        to_weight.to(weight.dtype) if wanted[1] else None,
        to_bias.to(conv.bias.dtype) if wanted[2] else None,
    )


def _autocast_dtype(value: Tensor) -> torch.dtype | None:
    """The type that convolutions compute in under autocast; None without it."""
    device = value.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None


def _cast_operand(operand: Any, precision: torch.dtype | None) -> Any:
    """An operand of a convolution in the type that autocast gives it; float64 is not changed."""
    if precision is None or operand is None or operand.dtype == torch.float64:
        return operand
    return operand.to(precision)


def _split_gradient(gradient: Tensor, parts: Sequence[Tensor]) -> list[Tensor]:
    """The gradient of joined parts as those of the parts, each in its own type."""
    pieces = torch.split(gradient, [part.shape[1] for part in parts], 1)
    return [piece.to(part.dtype) for piece, part in zip(pieces, parts, strict=True)]


def _concat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(parts), 1) if len(parts) > 1 else parts[0]
