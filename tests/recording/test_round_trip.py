"""Bundled networks are built, imported as any other model is, and come back as the same graph."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import pytest
import torch
from _pytest.mark import ParameterSet

import archspec
from archspec.ir.graph import Graph, Input, Node
from archspec.ops.base import Op
from tests.recording.call_graph import CallGraph
from tests.sample import SMALL, bases, sampled, small

QUICK = {
    *(
        "alexnet",
        "cifar10_densenet_40_k12",
        "dpn68",
        "fractalnet20_droppath",
        "gpt2",
        "llama3_8b",
        "lstm",
        "mobilenet_v3_small",
    ),
    *("resnetv2_50x1_bit", "shufflenet_v2_x0_5", "unet"),
}
FEW_PARAMS, MOST_PARAMS = 15_000_000, 40_000_000
SPELLED: Mapping[str, str] = {
    "convnext_tiny": "a flatten of what is flat, and a padding by number",
    "convformer_s18": "a padding by number for the one that keeps the size",
    "googlenet_aux": "the stride of a pool is that of its kernel",
    "highway_mnist_conv10_w16": "the same",
    "lraspp_mobilenet_v3_large": "places are given by a second operand, and a gate is multiplied by 1",
    "resnetv2_50x1_bit": "a convolution whose kernel is not standardised has an eps",
    "shufflenet_v2_x0_5": "a mean over the places is a global pool, which torch computes so",
    "skresnet18": "values of branches are stacked after all are computed, and axes by number",
    "stochastic_depth_resnet110_cifar10": "a branch that may be dropped is computed after the other one",
    "swin_t": "a roll by 0 is no call, and axes of tables have no names",
    "swin_v2_t": "the same",
    "unet": "axes by number",
    "vit_b_16": "axes by number, and a dropout of nothing",
}
"""Networks that say in other words what an import says: both are the same calls of torch."""
ROUNDED: Mapping[str, str] = {
    "pvt_v2_b2": "attention of one head is read without an axis of heads, for which torch has another kernel",
}
"""Networks whose import computes the same values up to rounding."""


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


def import_again(arch: archspec.Architecture) -> archspec.Imported:
    torch.manual_seed(0)
    sizes = [value.shape.sizes for value in arch.graph.inputs.values()]
    return archspec.imported(arch.build(), sizes, name=arch.name, proof=False)


def makes_same_calls(arch: archspec.Architecture, again: archspec.Architecture) -> bool:
    calls = CallGraph()
    one, other = (calls.number_outputs(own.graph).values() for own in (arch, again))
    return [*one] == [*other]


def select_moderate() -> list[ParameterSet]:
    """Networks that extend no other, in full size, up to `MOST_PARAMS`; the large half of them is exhaustive."""
    params = {entry.name: entry.params for entry in archspec.load_zoo() if entry.params <= MOST_PARAMS}
    names = [name for name in bases() if SMALL.get(name, True) and name in params]
    return sampled(names, (), [name for name in names if params[name] <= FEW_PARAMS])


@pytest.mark.parametrize("name", sampled(SMALL, QUICK))
def test_a_small_network_comes_back(name: str) -> None:
    arch = small(name)
    result = import_again(arch)
    assert result.problems == ()
    again = result.require()
    comparison = again.check_against(result.model)
    assert comparison.largest_difference == 0.0, comparison.diagnostics
    assert (again.params, again.macs) == (arch.params, arch.macs)
    if name not in SPELLED:
        for before, after in zip_longest(describe_graph(arch.graph), describe_graph(again.graph)):
            assert after == before
    assert makes_same_calls(arch, again)


@pytest.mark.parametrize("name", select_moderate())
def test_a_network_comes_back(name: str) -> None:
    """In full size: as the same calls, or else with the same values."""
    arch = archspec.load(name)
    result = import_again(arch)
    assert result.problems == ()
    again = result.require()
    assert (again.params, again.macs) == (arch.params, arch.macs)
    if not makes_same_calls(arch, again):
        largest = again.check_against(result.model).largest_difference
        assert largest is not None
        assert largest <= (1e-6 if name in ROUNDED else 0.0)
