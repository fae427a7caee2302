"""The pass `stochastic_depth` (Huang et al. 2016, arXiv:1603.09382)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archspec.ir.graph import Graph, Node
from archspec.ir.signal_flow import find_residual_operands
from archspec.ops.dropout import DropPath, recover_fraction
from archspec.ops.join import Add
from archspec.passes.contract import graph_pass
from archspec.passes.rewriter import Rewriter, Values, rewrite_graph

Survival = Annotated[
    float, Field(gt=0, le=1, description="survival probability p_L of the last residual branch, in (0, 1]")
]
Decay = Annotated[
    Literal["linear", "uniform"],
    Field(description="linear: p_l = 1 - l/L (1 - p_L), equation 4; uniform: p_l = p_L for all l"),
]
Mode = Annotated[
    Literal["batch", "row"], Field(description="one draw a minibatch, as in the paper, or one for each sample")
]
Rescale = Annotated[
    Literal["test", "train"],
    Field(
        description="test: outputs are multiplied by p_l at test time, equation 5; train: survivors are divided by it"
    ),
]


@graph_pass(
    "spec",
    keeps=None,
    needs="residual branches, this network has none",
    advice="a residual branch is what an add joins with a shortcut of fewer weighted layers",
)
def stochastic_depth(
    graph: Graph,
    *,
    survival: Survival = 0.5,
    decay: Decay = "linear",
    mode: Mode = "batch",
    rescale: Rescale = "test",
) -> Graph:
    """Drops the residual branches of a network at random in training.

    A residual branch is an operand of an `add` with more weighted layers before it than another operand has; the units are
    numbered l = 1 … L from the input. Each branch gets a `droppath` before its `add`. Weights keep their names.

    Raises:
        PassError: the network has no residual branch.

    >>> from archspec import load
    >>> from archspec.ir.text import format_graph
    >>> before = load("{name: unit, input: [4, 8, 8], stages: {body: [{add: [conv: 4, identity]}]}}")
    >>> print(format_graph(stochastic_depth(before.graph)))
    %0 = input input: 4×8×8
    %1 = conv(out=4) %0: 4×8×8  body.0
    %2 = droppath(p=0.5, mode=batch, rescale=test) %1: 4×8×8  body.droppath
    %3 = add %2 %0: 4×8×8
    output = %3
    """
    longer = {id: flags for id, flags in find_residual_operands(graph).items() if any(flags)}
    units = [node.id for node in graph.ops if isinstance(node.op, Add) and node.id in longer]
    rates = dict(zip(units, _compute_rates(len(units), survival, decay), strict=True))

    def rewrite(rewriter: Rewriter, node: Node) -> Values | None:
        if node.id not in rates:
            return None
        drop = DropPath(p=rates[node.id], mode=mode, rescale=rescale)
        operands = zip(rewriter.operands(node), longer[node.id], strict=True)
        dropped = (
            rewriter.add(drop, (value,), node, path=rewriter.unique_path(node.region, "droppath"))[0]
            if is_longer
            else value
            for value, is_longer in operands
        )
        return rewriter.keep(node, tuple(dropped))

    return rewrite_graph(graph, rewrite)


def _compute_rates(units: int, survival: float, decay: Decay) -> list[float]:
    """The probability of dropping the residual branch of each unit, 1 - p_l."""
    most = 1 - recover_fraction(survival)
    return [float(most if decay == "uniform" else most * number / units) for number in range(1, units + 1)]
