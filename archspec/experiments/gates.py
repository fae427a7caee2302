"""Inserts gates at residual joins, which choose the operands that the gradient passes through.

The gradient at the input is a sum over the operands of each join. A gate is the identity in the forward pass, and in the backward pass
it passes the gradient or stops it. With one operand open at each of n joins in series, the gradient at the input is that of one of
2^n paths; these sum to the whole gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archspec.codegen.fx import build
from archspec.experiments.track import ExperimentError
from archspec.experiments.weights import fit_weights
from archspec.ir.graph import Graph, Node, Path
from archspec.ir.signal_flow import find_residual_operands, propagate_routes
from archspec.ops.dropout import DropPath
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph


class Gate(nn.Module):
    """The identity, whose gradient is zero unless the gate is open.

    >>> gate = Gate()
    >>> gate.open = False
    >>> gate(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self) -> None:
        super().__init__()
        self.open = True

    def forward(self, x: Tensor) -> Tensor:
        passed: Tensor = _GateFunction.apply(x, self)  # type: ignore[no-untyped-call]
        return passed


class _GateFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Gate) -> Tensor:
        ctx.gate = gate
        ctx.set_materialize_grads(False)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None]:
        return (grads[0] if ctx.gate.open else None), None


@dataclass(frozen=True)
class JoinGates:
    """The gates of one residual join: those of its residual branches and those of its skip connections.

    >>> gates = JoinGates((Gate(),), (Gate(),))
    >>> gates.set_open(branch=True, shortcut=False)
    >>> gates.shortcuts[0].open
    False
    """

    branches: tuple[Gate, ...]
    shortcuts: tuple[Gate, ...]

    def set_open(self, *, branch: bool, shortcut: bool) -> None:
        """Sets which operands the gradient passes through."""
        for gate in self.branches:
            gate.open = branch
        for gate in self.shortcuts:
            gate.open = shortcut


@dataclass(frozen=True)
class GatedNetwork:
    """A network in evaluation mode, with a gate at each operand of its residual joins, which are in series.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> gated = insert_gates(arch.graph, arch.build().state_dict())
    >>> pixels = torch.ones(1, 4, dtype=torch.float64, requires_grad=True)
    >>> loss = gated.loss(pixels, torch.tensor([0]))
    >>> parts = sum(gated.gradient(loss, pixels, through) for through in ([], [0], [1], [0, 1]))
    >>> torch.allclose(parts, gated.gradient(loss, pixels))
    True
    """

    model: nn.Module
    joins: tuple[JoinGates, ...]

    def loss(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """The sum of the samples' losses; in evaluation mode samples are independent."""
        return nn.functional.cross_entropy(self.model(pixels), labels, reduction="sum")

    def gradient(self, loss: Tensor, pixels: Tensor, through: Collection[int] | None = None) -> Tensor:
        """The gradient of `loss` with respect to `pixels`. May be called several times for one loss.

        At the joins with an index in `through` it passes only through the residual branches, at the others only through the skip
        connections; with None it is the whole gradient.
        """
        for index, join in enumerate(self.joins):
            join.set_open(branch=through is None or index in through, shortcut=through is None or index not in through)
        gradient: Tensor | None = torch.autograd.grad(loss, pixels, retain_graph=True, allow_unused=True)[0]
        return torch.zeros_like(pixels) if gradient is None else gradient


def insert_gates(graph: Graph, weights: Mapping[str, Tensor], device: torch.device | str = "cpu") -> GatedNetwork:
    """Builds a network with gates and its weights in float64, which small gradients need.

    Raises:
        ExperimentError: it has no residual joins, a path bypasses one of them, or weights are missing.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> gated = insert_gates(arch.graph, arch.build().state_dict())
    >>> len(gated.joins)
    2
    """
    flags = {id: longer for id, longer in find_residual_operands(graph).items() if any(longer) and not all(longer)}
    if not flags:
        raise ExperimentError(f"{graph.name} has no residual branches")
    _check_row(graph, flags)
    watched, places = _add_gate_nodes(graph, flags)
    model = build(watched, device=device, dtype=torch.float64).eval()
    fit_weights(model, weights)
    model.requires_grad_(False)
    gates = {path: Gate() for pair in places for paths in pair for path in paths}
    for path, gate in gates.items():
        model.set_submodule(".".join(path), gate)
    joins = tuple(JoinGates(*(tuple(gates[path] for path in paths) for paths in pair)) for pair in places)
    return GatedNetwork(model, joins)


def _check_row(graph: Graph, flags: Mapping[int, tuple[bool, ...]]) -> None:
    """Raises `ExperimentError` unless every path passes all the joins."""
    fewest = {
        node.id: [min(routes.values(), default=0) for routes in reached]
        for node, reached in propagate_routes(graph, 0, min, lambda node, _: int(node.id in flags), int.__add__)
    }
    passed = min(fewest[value.node][value.index] for value in graph.outputs.values())
    if passed != len(flags):
        raise ExperimentError(
            f"{graph.name} has {len(flags)} residual joins and a path that passes only {passed} of them:"
            " the gradient is split by paths only where the joins stand in a row"
        )


def _add_gate_nodes(
    graph: Graph, flags: Mapping[int, tuple[bool, ...]]
) -> tuple[Graph, list[tuple[tuple[Path, ...], tuple[Path, ...]]]]:
    """The graph with a module at each operand of each join, and the module paths: of the branches and of the skip connections."""
    gate_paths: list[tuple[tuple[Path, ...], tuple[Path, ...]]] = []

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id not in flags:
            return None
        paths = [rewriter.unique_path(node.region, "gate") for _ in node.inputs]
        passed = [
            rewriter.add(DropPath(p=0.0), (value,), node, path=path)[0]
            for value, path in zip(rewriter.operands(node), paths, strict=True)
        ]
        ways = list(zip(paths, flags[node.id], strict=True))
        gate_paths.append(
            (tuple(path for path, longer in ways if longer), tuple(path for path, longer in ways if not longer))
        )
        return rewriter.keep(node, tuple(passed))

    return rewrite_graph(graph, rewrite), gate_paths
