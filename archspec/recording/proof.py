"""Proves an import: the network takes the model's weights, and computes the same values, gradients and running statistics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.codegen.fx.module_values import TOLERANCE, compare_tensors, flatten_tensors
from archspec.codegen.fx.reference_comparison import ReferenceComparison, compare_with_reference
from archspec.codegen.fx.trial import make_noise
from archspec.ir.graph import Graph

_BATCH = 2
_DROPS = frozenset(("DropPath", "StochasticDepth"))


@dataclass(frozen=True, slots=True)
class ImportProof:
    """What was compared between an imported network and its model, with the model's own weights.

    >>> import archspec, torch
    >>> archspec.imported(torch.nn.Sequential(torch.nn.Linear(4, 2)), (4,)).proof.holds
    True
    """

    strict: bool
    """Whether the network takes the model's `state_dict`, key by key."""
    output_difference: float | None
    """The largest difference between outputs in evaluation mode; None if the weights do not fit."""
    gradient_difference: float | None
    """The largest difference between gradients of one training step in float64, relative to the largest gradient of that tensor; dropout
    and stochastic depth are off. None if there was no step."""
    statistics_difference: float | None
    """The same of buffers after that step: running means and variances."""
    reason: str = ""
    """The first difference, or why there was no training step."""

    @property
    def holds(self) -> bool:
        """Whether outputs are equal bit by bit, and gradients and statistics up to rounding."""
        steps = (self.gradient_difference, self.statistics_difference)
        return self.output_difference == 0 and all(own is None or own <= TOLERANCE for own in steps)

    def as_dict(self) -> dict[str, object]:
        """The proof as plain data, for `--json`."""
        return {**asdict(self), "holds": self.holds}


def prove_import(graph: Graph, build: Callable[[], nn.Module], model: nn.Module, name: str) -> ImportProof:
    """Compares a network with the model that it was imported from, which is copied and stays as it is.

    Args:
        graph: the graph of the network.
        build: builds it on the CPU in float32.
        model: the model.
        name: its name in messages.
    """
    comparison = compare_with_reference(graph, build, model, name)
    if comparison.outputs != "equal":
        fits = comparison.outputs != "not compared"
        return ImportProof(fits, comparison.largest_difference, None, None, _explain(comparison))
    try:
        gradients, statistics = _compare_training(graph, build(), copy.deepcopy(model))
    except Exception as fault:  # noqa: BLE001 -- a user's model raises anything in training mode
        return ImportProof(True, 0.0, None, None, f"training mode fails: {type(fault).__name__}: {fault}"[:300])
    return ImportProof(True, 0.0, gradients, statistics)


def _explain(comparison: ReferenceComparison) -> str:
    return comparison.diagnostics[0].message if comparison.diagnostics else f"the outputs are {comparison.outputs}"


def _compare_training(graph: Graph, ours: nn.Module, theirs: nn.Module) -> tuple[float, float]:
    """The largest differences of gradients and of buffers after a step of both, in float64."""
    ours.load_state_dict(theirs.state_dict(), strict=True)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = [make_noise(graph, value, _BATCH, torch.device("cpu")) for value in graph.inputs.values()]
    inputs = [value.double() if value.is_floating_point() else value for value in inputs]
    directions: list[Tensor] = []
    for model in (theirs, ours):
        outputs = _run_training(model.double(), inputs)
        if not directions:
            directions = [torch.randn(value.shape, generator=generator, dtype=value.dtype) for value in outputs]
        sum((value * own).sum() for value, own in zip(outputs, directions, strict=True)).backward()  # type: ignore[union-attr]
    gradients = [{key: own.grad for key, own in model.named_parameters() if own.grad is not None} for model in (ours, theirs)]
    buffers = [dict(model.named_buffers()) for model in (ours, theirs)]
    if gradients[0].keys() != gradients[1].keys():
        raise ValueError("other weights have gradients")
    return _find_largest(*gradients), _find_largest(*buffers)


def _find_largest(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    scale = max((float(own.abs().max()) for own in theirs.values() if own.numel()), default=0.0)
    pairs = [(own, theirs[key]) for key, own in ours.items() if key in theirs and own.numel()]
    return max((_compare(own, other, scale) for own, other in pairs), default=0.0)


def _compare(own: Tensor, other: Tensor, scale: float) -> float:
    """The difference of two tensors; one that is nearly zero beside all others is rounding of zero."""
    if own.is_floating_point() and own.shape == other.shape and scale:
        if float((own - other).abs().max()) <= TOLERANCE * scale:
            return 0.0
    return compare_tensors(own.double(), other.double())


def _run_training(model: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd) or type(module).__name__ in _DROPS:
            module.eval()
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    with _WithoutDropout():
        return flatten_tensors(model(*inputs))




class _WithoutDropout(TorchFunctionMode):
    """Turns off the dropout of functions."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in {"dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"}:
            return args[0] if args else keywords["input"]
        if name == "scaled_dot_product_attention":
            args, keywords = args[:4], {key: own for key, own in keywords.items() if key != "dropout_p"}
        return func(*args, **keywords)
