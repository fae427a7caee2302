"""Bundled networks are built, imported as any other model is, and come back as the same graph."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import pytest
import torch

import archspec
from archspec.ir.graph import Graph, Input, Node
from archspec.ops.base import Op
from tests.sample import SMALL, computable, sampled, small

QUICK = {
    *(
        "alexnet",
        "cifar10_densenet_40_k12",
        "dpn68",
        "fractalnet20_droppath",
        "gpt2",
        "llama3_8b",
        "mobilenet_v3_small",
    ),
    *("resnetv2_50x1_bit", "shufflenet_v2_x0_5", "swin_v2_t", "unet"),
}
HIDDEN: Mapping[str, str] = {}
"""Networks whose modules do not show all of their graph, and why."""


def describe_op(op: Op) -> Op:
    """An op without initialisations, which are values of weights and no calls, and with sizes for those that have names."""
    fields = type(op).model_fields
    plain = {name: fields[name].default for name in ("init", "bias_init") if name in fields}
    return op.model_copy(update=plain | ({"shape": ()} if op.reads_batch and "shape" in fields else {}))


def describe_graph(graph: Graph) -> list[Any]:
    """The layers of a graph in order, each with its operands; names are those of weights.

    Constants, which read nothing but a batch, stand where they are read.
    """
    places: dict[int, Any] = {}
    layers: list[Any] = []
    for node in graph.nodes:
        op = describe_op(node.op) if isinstance(node, Node) else None
        constant = op is not None and op.reads_batch
        named = isinstance(node, Input) or node.weight_shapes
        operands = [] if constant else [(places[value.node], value.index) for value in node.inputs]
        layer = (op, node.name if named else "", operands, [value.shape for value in node.outputs])
        places[node.id] = layer if constant else len(layers)
        layers += [] if constant else [layer]
    return layers


def check_round_trip(arch: archspec.Architecture) -> None:
    torch.manual_seed(0)
    model = arch.build()
    sizes = [value.shape.sizes for value in arch.graph.inputs.values()]
    result = archspec.imported(model, sizes, name=arch.name, proof=False)
    assert result.problems == ()
    again = result.require()
    comparison = again.check_against(model)
    assert comparison.largest_difference == 0.0, comparison.diagnostics
    assert (again.params, again.macs) == (arch.params, arch.macs)
    if arch.name not in HIDDEN:
        for before, after in zip_longest(describe_graph(arch.graph), describe_graph(again.graph)):
            assert after == before


@pytest.mark.parametrize("name", sampled(SMALL, QUICK))
def test_a_small_network_comes_back(name: str) -> None:
    check_round_trip(small(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in computable() if name not in SMALL or SMALL[name]])
def test_a_network_comes_back(name: str) -> None:
    check_round_trip(archspec.load(name))
