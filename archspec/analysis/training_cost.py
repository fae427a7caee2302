"""Estimates what a training step costs: multiply-accumulates of both passes, and bytes by optimiser and precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from archspec.analysis.counts import FLOAT32, count_macs, iter_owned_weights, sum_costs
from archspec.analysis.memory import count_kept_elements
from archspec.analysis.training_choices import (
    BYTES,
    OPTIMIZERS,
    PRECISIONS,
    STATE,
    Optimizer,
    Precision,
    TrainingCostError,
)
from archspec.ir.graph import Graph, Node, Value


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """The cost of a training step; what grows with the batch is for one sample.

    >>> import archspec
    >>> cost = archspec.load("resnet18").training_cost("adamw")
    >>> cost.backward_macs, cost.state
    (3510132736, 93516344)
    """

    optimizer: Optimizer
    precision: Precision
    forward_macs: int
    """Multiply-accumulates of the forward pass of one sample."""
    backward_macs: int
    """Multiply-accumulates of the backward pass of one sample."""
    params: int
    """Bytes of the parameters."""
    gradients: int
    """Bytes of their gradients."""
    state: int
    """Bytes of the optimiser's state."""
    activations: int
    """Bytes of the values that one sample keeps for the backward pass."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of both passes of one sample."""
        return self.forward_macs + self.backward_macs

    @property
    def fixed(self) -> int:
        """Bytes of parameters, gradients and state, for any batch."""
        return self.params + self.gradients + self.state

    def as_dict(self) -> dict[str, object]:
        """The cost as plain data, for `--json`."""
        return asdict(self)


def estimate_training_cost(graph: Graph, optimizer: Optimizer = "adamw", precision: Precision = "32") -> TrainingCost:
    """The cost of a training step in which all weights are trained, and gradients are those of the parameters only.

    The backward pass of a product of matrices, a convolution included, is one product as large for each operand that has a gradient:
    the weights, and the values that depend on weights. With "bf16" and "fp16", torch casts automatically: parameters, gradients
    and state stay in float32, values are kept in 16 bits; with "bf16-true", everything has 16 bits. The values kept are those of
    `estimate_memory`. Left out are running statistics, the copies of weights in 16 bits, and the workspace of ops.

    Raises:
        TrainingCostError: there is no such optimiser or precision.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> estimate_training_cost(graph, "sgd").state == 4 * 11689512
    True
    """
    for name, given, known in (("optimizer", optimizer, OPTIMIZERS), ("precision", precision, PRECISIONS)):
        if given not in known:
            raise TrainingCostError(f"there is no {name} {given!r}: expected {', '.join(known)}")
    moments, counts_steps = STATE[optimizer]
    params_bytes, value_bytes = BYTES[precision]
    params = sum_costs(graph).params
    tensors = sum(weight.trainable for _, weights in iter_owned_weights(graph) for weight in weights)
    return TrainingCost(
        optimizer,
        precision,
        count_macs(graph),
        count_backward_macs(graph),
        params * params_bytes,
        params * params_bytes,
        params * moments * params_bytes + (tensors * FLOAT32 if counts_steps else 0),
        count_kept_elements(graph) * value_bytes,
    )


def count_backward_macs(graph: Graph) -> int:
    """Multiply-accumulates of the backward pass for one sample.

    >>> import archspec
    >>> graph = archspec.load("resnet18").graph
    >>> count_backward_macs(graph) == 2 * 1814073344 - 118013952  # the image has no gradient
    True
    """
    with_gradient: set[Value] = set()
    total = 0
    for node in graph.ops:
        trained = any(weight.trainable for weight in node.weights)
        if trained or any(value in with_gradient for value in node.inputs):
            with_gradient.update(node.outputs)
        total += sum(_list_backward(node, with_gradient, trained=trained))
    return total


def _list_backward(node: Node, with_gradient: set[Value], *, trained: bool) -> Iterator[int]:
    """The products of a node's backward pass: of gradients with its operands, and with its weights."""
    scores = node.op.score_macs(node.input_shapes, node.output_shapes)
    products, followed = node.macs - scores, sum(value in with_gradient for value in node.inputs)
    if trained or followed:
        yield 2 * scores
    if trained:
        yield products
        followed = min(followed, 1)
    yield followed * products
