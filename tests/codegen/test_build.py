"""Built networks: outputs, names, and shared classes and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx import flatten_model
from archspec.ir.graph import Graph
from archspec.ops.activation import ReLU
from archspec.ops.join import Add, Bundle
from archspec.ops.linear import Linear
from archspec.ops.tensor import Identity
from tests.hand import Hand, basic, conv, dense, recurrent, residual, transformer, two_stream

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""

NETWORKS = {
    "residual": residual(),
    "dense": dense(),
    "recurrent": recurrent(),
    "odd": recurrent(odd=True),
    "two_stream": two_stream(),
    "transformer": transformer(),
}


def samples(graph: Graph, batch: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, *value.shape.sizes, generator=generator) for value in graph.inputs.values()]


def tensors(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def types(model: nn.Module, kind: str) -> list[Any]:
    return [type(module) for module in model.modules() if type(module).__name__ == kind]


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_have_the_shapes_of_the_graph(name: str) -> None:
    graph = NETWORKS[name]
    results = tensors(build(graph)(*samples(graph, 3)))
    assert [tuple(result.shape) for result in results] == [(3, *value.shape.sizes) for value in graph.outputs.values()]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_those_of_the_graph(name: str) -> None:
    graph = NETWORKS[name]
    named = [(f"{node.name}.{weight.name}".rstrip("."), weight.shape) for node in graph.ops for weight in node.weights]
    expected = dict(named)  # a bare parameter has the name of its node
    assert {key: tuple(value.shape) for key, value in build(graph).state_dict().items()} == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_a_flat_network_is_equal(name: str) -> None:
    graph = NETWORKS[name]
    model = build(graph).eval()
    flat = flatten_model(model)
    assert not any(isinstance(module, fx.GraphModule) for module in flat.children())
    assert list(flat.state_dict()) == list(model.state_dict())
    assert not flat.training
    assert all(map(torch.equal, tensors(flat(*samples(graph))), tensors(model(*samples(graph)))))
    flat.graph.lint()


def test_residual_network_is_the_function_that_torch_computes() -> None:
    model = build(residual((1,))).eval()
    image = torch.randn(2, 3, 8, 8)
    x = model.relu(model.bn1(model.conv1(image)))
    unit = model.get_submodule("layer1.0")
    y = unit.bn2(unit.conv2(unit.relu(unit.bn1(unit.conv1(x)))))
    expected = model.fc(torch.relu(y + x).mean((2, 3)))
    torch.testing.assert_close(model(image), expected)


def test_recurrent_network_is_the_function_that_torch_computes() -> None:
    model = build(recurrent(2))
    x, start, kept = torch.randn(3, 5, 4)
    state, carried = start, kept
    for _ in range(2):
        summed = model.cell.from_x(x) + model.cell.from_state(state) + carried
        carried = summed.relu()
        state = summed * carried
    assert torch.equal(model(x, start, kept), state)
    assert torch.equal(model(x=x, carried=kept, state=start), state)


def test_scopes_with_modules_are_blocks_and_the_others_are_not() -> None:
    model = build(two_stream())
    assert [type(child).__name__ for child in model.children()] == ["merge", "merge"]
    hand = Hand()
    region = hand.region("plain", "plain")
    x = hand.one(Add(), x := hand.input("input", 4), x, region=region)
    model = build(hand.give(output=hand.one(Linear(out=2), x, name="fc")))
    assert list(dict(model.named_modules())) == ["", "fc"]


def test_uses_of_one_path_share_one_block_where_they_are_equal() -> None:
    model = build(recurrent())
    calls = [node for node in model.graph.nodes if node.op == "call_module"]
    assert [node.target for node in calls] == ["cell"] * 3
    assert isinstance(model.cell, fx.GraphModule)


def test_uses_of_one_path_that_differ_stand_in_the_code_around_them() -> None:
    model, equal = build(recurrent(odd=True)), build(recurrent())
    assert not isinstance(model.cell, fx.GraphModule)
    assert [node.target for node in model.graph.nodes if node.op == "call_module"].count("cell.from_x") == 3
    assert list(model.state_dict()) == list(equal.state_dict())


def test_an_output_that_only_some_uses_need_does_not_part_them() -> None:
    # The carried value of the last turn is unused.
    assert type(build(recurrent(2)).cell).__name__ == "cell"


def test_different_options_cannot_share_a_module() -> None:
    hand = Hand()
    x = hand.input("input", 4, 8, 8)
    y = hand.one(conv(4, 3), x, name="conv")
    with pytest.raises(ValueError, match="conv is used with different options"):
        build(hand.give(output=hand.one(conv(4, 5), y, name="conv")))


def test_equal_blocks_share_one_class_and_others_do_not() -> None:
    model = build(residual((3, 3)))
    first, *rest = types(model.layer1, "basic")
    assert set(rest) == {first}
    widening, *wide = types(model.layer2, "basic")
    assert len({first, widening, *wide}) == 3
    layers = types(build(dense()), "denselayer")
    assert len({layer.forward.__code__.co_filename for layer in layers}) == len(layers) == 4


def test_the_code_of_blocks_that_differ_in_shapes_is_the_same_text() -> None:
    model = build(dense())
    codes = {module.code for module in model.modules() if type(module).__name__ == "denselayer"}
    assert len(codes) == 1


def test_a_module_without_a_name_gets_one() -> None:
    model = build(transformer())
    assert [name for name, module in model.named_modules() if type(module).__name__ == "DropPath"] == [
        "encoder.0.drop",
        "encoder.1.drop",
    ]
    hand = Hand()
    x = hand.one(ReLU(), hand.input("input", 4), name="relu")
    x = hand.one(ReLU(), hand.one(ReLU(), x))
    assert list(dict(build(hand.give(output=x)).named_children())) == ["relu", "relu_1", "relu_2"]


def test_values_that_nothing_computes_take_no_module() -> None:
    hand = Hand()
    left, right = hand.input("left", 3), hand.input("right", 3)
    region = hand.region("both", "both")
    a, b = hand.add(Bundle(), left, hand.one(Identity(), right, region=region), region=region)
    model = build(hand.give(b=b, a=a, same=b))
    x, y = torch.randn(2, 2, 3)
    assert all(got is given for got, given in zip(model(x, y), (y, x, y), strict=True))
    assert not list(model.children())


def test_a_scope_whose_nodes_are_apart_stands_in_the_code_around_it() -> None:
    hand = Hand()
    x = hand.input("input", 4)
    region = hand.region("a", "a")
    x = hand.one(Linear(out=4), x, name="one", region=region)
    x = hand.one(ReLU(), x, name="relu")
    model = build(hand.give(output=hand.one(Linear(out=4), x, name="two", region=region)))
    assert list(model.state_dict()) == ["a.one.weight", "a.one.bias", "a.two.weight", "a.two.bias"]
    given = torch.randn(2, 4)
    assert torch.equal(model(given), model.a.two(model.relu(model.a.one(given))))


def test_a_module_of_a_block_can_be_used_outside_of_it() -> None:
    hand = Hand()
    x = hand.input("input", 4)
    before = hand.one(Linear(out=4), x, name="block.fc")
    region = hand.region("block", "block")
    inner = hand.one(ReLU(), hand.one(Linear(out=4), before, name="fc", region=region), name="relu", region=region)
    model = build(hand.give(output=inner))
    given = torch.randn(2, 4)
    fc = model.block.fc
    assert torch.equal(model(given), torch.relu(fc(fc(given))))
    assert list(model.state_dict()) == ["block.fc.weight", "block.fc.bias"]


@pytest.mark.parametrize("name", ["torch", "self", "class", "left-eye", "2nd", "input"])
def test_any_name_can_be_an_input(name: str) -> None:
    hand = Hand()
    x = hand.input(name, 4)
    model = build(hand.give(output=hand.one(Add(), hand.one(Linear(out=4), x, name="fc"), x)))
    given = torch.randn(2, 4)
    assert torch.equal(model(given), model.fc(given) + given)


def test_a_module_can_be_named_by_a_number_or_with_a_dash() -> None:
    hand = Hand()
    x = basic(hand, hand.input("input", 4, 8, 8), "my-block", 4, hand.region("0", "stage"))
    model = build(hand.give(output=x))
    assert next(iter(model.state_dict())) == "0.my-block.conv1.weight"
    assert model(torch.randn(1, 4, 8, 8)).shape == (1, 4, 8, 8)


def test_no_function_is_anonymous() -> None:
    for graph in NETWORKS.values():
        for module in build(graph).modules():
            if isinstance(module, fx.GraphModule):
                functions = [node.target for node in module.graph.nodes if node.op == "call_function"]
                assert all(function.__name__.isidentifier() for function in functions)
                module.graph.lint()


def test_print_reads_like_the_architecture() -> None:
    text = str(build(residual((1,))))
    assert text.startswith("residual(\n  (conv1): Conv2d(3, 4")
    assert "  (layer1): stage(\n    (0): basic(\n      (conv1): Conv2d(4, 4" in text
    assert "def forward" not in text


def test_code_is_there_to_be_read() -> None:
    model = build(residual((1,)))
    assert "relu = self.relu(bn1)" in model.code
    assert "class layer1(torch.nn.Module)" in model.print_readable(print_output=False)


def test_every_call_knows_its_place() -> None:
    graph = residual((2,))
    flat = flatten_model(build(graph))
    places = [node.meta["custom"]["archspec"] for node in flat.graph.nodes if node.op.startswith("call")]
    named = dict.fromkeys((one["path"], one["op"], one["at"]) for one in places if one["op"] != "add")
    assert list(named) == [(node.name, node.op.word, str(node.span)) for node in graph.ops if node.path]
    unit = next(place for place in places if place["path"] == "layer1.1.conv1")
    assert unit["uses"][0] == {"block": "basic(width=4)", "at": "hand.yaml:12:5"}
    assert unit["network"] == "residual"
    assert [place["path"] for place in places if place["op"] == "add"] == ["layer1.0", "layer1.1"]


def test_a_long_network_builds_in_linear_time() -> None:
    hand = Hand()
    x = hand.input("input", 4)
    for number in range(3000):
        x = hand.one(ReLU(), x, name="relu", region=hand.region(f"block{number}", "block"))
    model = build(hand.give(output=x), device="meta")
    assert len(types(model, "block")) == 3000
    assert len(set(types(model, "block"))) == 1
