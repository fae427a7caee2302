"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382): residual branches that are dropped at random in training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archspec.ir.graph import Graph, Node, Value
from archspec.ir.signal_flow import find_residual_operands
from archspec.ops.dropout import DropPath, recover_fraction
from archspec.passes.base import PassError, keep_node, rebuild_graph

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


def stochastic_depth(
    graph: Graph,
    *,
    survival: Survival = 0.5,
    decay: Decay = "linear",
    mode: Mode = "batch",
    rescale: Rescale = "test",
) -> Graph:
    """Drops the residual branches of a network at random in training.

    A residual branch is an operand of an `add` that has more weighted layers behind it than the nearest one; the units are
    numbered l = 1 … L from the input. Each branch gets a `droppath` in front of its `add`. Weights keep their names.

    Raises:
        PassError: the network has no residual branch.
    """
    longer = {id: flags for id, flags in find_residual_operands(graph).items() if any(flags)}
    units = [node for node in graph.ops if node.op.word == "add" and node.id in longer]
    if not units:
        raise PassError("stochastic_depth needs residual branches, this network has none", help=_HELP)
    most = 1 - recover_fraction(survival)
    rates = {
        node.id: float(most if decay == "uniform" else most * number / len(units))
        for number, node in enumerate(units, start=1)
    }

    def change(new: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id not in rates:
            return keep_node(new, node, inputs)
        drop = DropPath(p=rates[node.id], mode=mode, rescale=rescale)
        dropped = tuple(
            new.add_node(
                drop,
                (value,),
                new.unique_path(graph.regions[node.region].path, "droppath"),
                region=node.region,
                span=node.span,
                use=node.use,
            )[0]
            if is_longer
            else value
            for value, is_longer in zip(inputs, longer[node.id], strict=True)
        )
        return keep_node(new, node, dropped)

    return rebuild_graph(graph, change)


_HELP = "a residual branch is what an add joins with a shortcut of fewer weighted layers"
