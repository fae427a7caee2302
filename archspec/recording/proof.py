"""Proves an import: the network takes the model's weights, and computes the same values, gradients and running statistics."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.codegen.fx.module_state import read_state
from archspec.codegen.fx.module_values import TOLERANCE, flatten_tensors
from archspec.codegen.fx.reference_comparison import ReferenceComparison, compare_with_reference
from archspec.codegen.fx.reference_models import ReferenceModelError
from archspec.codegen.fx.trial import make_noise
from archspec.ir.graph import Graph
from archspec.printable import shorten_text

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
    """The largest difference between outputs in evaluation mode relative to the largest output: 0.0 if they are equal bit by bit in float32,
    else that in float64; None if the weights do not fit."""
    gradient_difference: float | None
    """The largest difference between gradients of one training step, without dropout and stochastic depth, relative to the largest
    gradient: 0.0 if all are equal in float32, else that in float64; None if there was no step."""
    statistics_difference: float | None
    """The same of buffers after that step: running means and variances."""
    reason: str = ""
    """The first difference, or why there was no training step."""

    @property
    def holds(self) -> bool:
        """Whether outputs, gradients and statistics are equal up to rounding; outputs mostly are equal bit by bit."""
        steps = (self.gradient_difference, self.statistics_difference)
        return (
            self.output_difference is not None
            and self.output_difference <= TOLERANCE
            and all(own is None or own <= TOLERANCE for own in steps)
        )

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
    network = build()
    try:
        comparison = compare_with_reference(graph, lambda: network, model, name)
    except ReferenceModelError:
        raise
    except Exception as fault:  # noqa: BLE001 -- what torch raises for a network that does not run has any type
        return ImportProof(False, None, None, None, _describe(fault))
    difference = comparison.largest_difference
    if comparison.outputs not in {"equal", "rounding"}:
        return ImportProof(comparison.outputs == "different", difference, None, None, _explain(comparison))
    try:
        gradients, statistics = _compare_training(graph, network, copy.deepcopy(model).cpu().float())
    except Exception as fault:  # noqa: BLE001 -- a user's model raises anything in training mode
        return ImportProof(True, difference, None, None, _describe(fault))
    return ImportProof(True, difference, gradients, statistics)


def _describe(fault: Exception) -> str:
    return f"{type(fault).__name__}: {shorten_text(' '.join(str(fault).split()), 200)}"


def _explain(comparison: ReferenceComparison) -> str:
    return comparison.diagnostics[0].message if comparison.diagnostics else f"the outputs are {comparison.outputs}"


def _compare_training(graph: Graph, ours: nn.Module, theirs: nn.Module) -> tuple[float, float]:
    """The largest differences of gradients and of buffers after a step of both: none in float32, or those in float64."""
    weights = copy.deepcopy(read_state(theirs))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = [make_noise(graph, value, _BATCH, torch.device("cpu")) for value in graph.inputs.values()]
    differences = _step_both(ours.float(), theirs, weights, inputs)
    if differences == (0.0, 0.0):
        return differences
    doubled = [value.double() if value.is_floating_point() else value for value in inputs]
    return _step_both(ours.double(), theirs.double(), weights, doubled)


def _step_both(
    ours: nn.Module, theirs: nn.Module, weights: Mapping[str, Any], inputs: list[Tensor]
) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(0)
    directions: list[Tensor] = []
    for model in (theirs, ours):
        model.load_state_dict(weights, strict=model is ours)
        model.zero_grad()
        outputs = _run_training(model, inputs)
        directions = directions or [torch.randn(own.shape, generator=generator, dtype=own.dtype) for own in outputs]
        torch.stack([(own * way).sum() for own, way in zip(outputs, directions, strict=True)]).sum().backward()  # type: ignore[no-untyped-call]
    gradients = [
        {key: own.grad for key, own in model.named_parameters() if own.grad is not None} for model in (ours, theirs)
    ]
    if gradients[0].keys() != gradients[1].keys():
        return math.inf, math.inf  # other weights have gradients
    return _find_largest(*gradients), _find_largest(*(dict(model.named_buffers()) for model in (ours, theirs)))


def _find_largest(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """The largest difference of two tensors of one name, relative to the largest value of all."""
    pairs = [(own.double(), theirs[key].double()) for key, own in ours.items() if key in theirs and own.numel()]
    scale = max((float(other.abs().max()) for _, other in pairs), default=0.0)
    differences = (float((own - other).abs().max()) for own, other in pairs if not torch.equal(own, other))
    return max((difference / scale for difference in differences), default=0.0)


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
