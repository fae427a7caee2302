"""Activations in place: which ones are, and that outputs and gradients do not change."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import archspec
from archspec.codegen.fx import build
from archspec.codegen.fx.emit import resolve_target
from archspec.codegen.fx.inplace_sum import add
from archspec.codegen.inplace import FRESH, OVERWRITING
from archspec.ir.graph import Graph, Value
from archspec.ops.activation import ReLU, Sigmoid
from archspec.ops.base import Op
from archspec.ops.join import Add, Concat
from archspec.ops.norm import BatchNorm, GroupNorm
from archspec.ops.pool import MaxPool
from archspec.ops.tensor import Split
from archspec.ops.transposed_conv import ConvTranspose
from tests.hand import Hand, conv, dense, recurrent, residual
from tests.sample import sampled

SMALL = [
    "cifar_resnet20_A",
    "cifar_preact_resnet110_A",
    "cifar10_densenet_40_k12",
    "dpn68",
    "mobilenet_v2",
    "fractalnet20",
]


def in_place(model: nn.Module) -> dict[str, bool]:
    found = {name: module for name, module in model.named_modules() if isinstance(module, nn.ReLU | nn.ReLU6)}
    return {name: module.inplace for name, module in found.items()}


def plain(model: Any) -> Any:
    """A copy without in-place activations."""
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return twin


def gradients(model: nn.Module, *given: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    given = tuple(one.clone().requires_grad_() for one in given)
    found = model(*given)
    total = sum(one.square().mean() for one in (found if isinstance(found, tuple) else (found,)))
    assert isinstance(total, Tensor)
    return list(torch.autograd.grad(total, [*given, *model.parameters()]))


def after(op: Op, operands: int) -> Any:
    """A network whose activation reads the result of `op` alone."""
    hand = Hand()
    made = hand.one(op, *[hand.input("input", 4, 8, 8)] * operands, name="made")
    return hand.give(output=hand.one(ReLU(), made, name="relu"))


@pytest.mark.parametrize(
    ("op", "operands", "expected"),
    [
        (conv(4), 1, True),
        (ConvTranspose(out=4), 1, True),
        (BatchNorm(), 1, True),
        (GroupNorm(groups=2), 1, True),
        (MaxPool(kernel=2), 1, False),
        (Sigmoid(), 1, False),
        (ReLU(), 1, False),
        (Add(), 1, False),  # the input itself
        (Add(), 2, True),
        (Concat(), 1, False),
        (Concat(), 2, True),
    ],
)
def test_what_the_operand_is_made_by(op: Op, operands: int, expected: bool) -> None:
    assert in_place(build(after(op, operands)))["relu"] is expected


def test_a_sum_is_written_over_and_its_operands_are_not() -> None:
    model = build(residual())
    assert set(in_place(model).values()) == {True}
    image = torch.randn(2, 3, 8, 8)
    before = image.clone()
    model(image)
    assert torch.equal(image, before)


def test_an_input_stays_as_it_is() -> None:
    hand = Hand()
    model = build(hand.give(output=hand.one(ReLU(), hand.input("input", 4), name="relu")))
    given = -torch.ones(2, 4)
    model(given)
    assert torch.equal(given, -torch.ones(2, 4))


def test_the_input_of_a_block_stays_as_it_is() -> None:
    hand = Hand()
    x = hand.one(conv(4), hand.input("input", 4, 8, 8), name="conv")
    region = hand.region("block", "block")
    y = hand.one(ReLU(), x, name="relu", region=region)
    model: Any = build(hand.give(output=hand.one(conv(4), y, name="conv", region=region)))
    given = torch.randn(2, 4, 8, 8)
    before = given.clone()
    model.block(given)
    assert torch.equal(given, before)


CONSUMERS: dict[str, Callable[[Hand, Value, Value], dict[str, Value]]] = {
    "output": lambda hand, made, activated: {"made": made, "activated": activated},
    "op": lambda hand, made, activated: {"sum": hand.one(Add(), made, activated)},
    "part": lambda hand, made, activated: {
        "joined": hand.one(Concat(), *hand.add(Split(sizes=(1, 3)), made), activated)
    },
}
"""Other consumers of an activation's operand."""


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_a_value_with_another_consumer_stays(consumer: str) -> None:
    hand = Hand()
    made = hand.one(conv(4), hand.input("input", 4, 8, 8), name="conv")
    activated = hand.one(ReLU(), made, name="relu")
    model = build(hand.give(**CONSUMERS[consumer](hand, made, activated)))
    assert in_place(model) == {"relu": False}


def test_a_part_of_a_value_is_not_written_over() -> None:
    hand = Hand()
    made = hand.one(conv(4), hand.input("input", 4, 8, 8), name="conv")
    left, right = hand.add(Split(sizes=(2, 2)), made)
    left = hand.one(ReLU(), left, name="relu")
    model = build(hand.give(output=hand.one(Concat(), left, right)))
    assert in_place(model) == {"relu": False}


def test_an_activation_of_several_uses_needs_all_of_them() -> None:
    def shared(*, also: bool) -> Any:
        hand = Hand()
        x = hand.input("input", 4, 8, 8)
        for _ in range(2):
            region = hand.region("turn", "turn")
            made = hand.one(conv(4), x, name="conv", region=region)
            x = hand.one(ReLU(), made, name="relu", region=region)
        return hand.give(output=x, **({"made": made} if also else {}))

    assert in_place(build(shared(also=False))) == {"turn.relu": True}
    assert in_place(build(shared(also=True))) == {"turn.relu": False}


def test_a_value_that_is_kept_for_later_stays() -> None:
    assert in_place(build(recurrent())) == {"cell.relu": False}


MODULES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    **{f"Conv{n}d": ({"in_channels": 4, "out_channels": 4, "kernel_size": 1}, (4, 4, 4)[:n]) for n in (1, 2, 3)},
    **{
        f"ConvTranspose{n}d": ({"in_channels": 4, "out_channels": 4, "kernel_size": 1}, (4, 4, 4)[:n])
        for n in (1, 2, 3)
    },
    **{f"BatchNorm{n}d": ({"num_features": 4}, (4, 4, 4)[:n]) for n in (1, 2, 3)},
    "GroupNorm": ({"num_groups": 2, "num_channels": 4}, (4,)),
    "LayerNorm": ({"normalized_shape": 5}, (5,)),
}


@pytest.mark.parametrize("target", sorted(FRESH))
@pytest.mark.parametrize("activation", sorted(OVERWRITING))
def test_gradients_do_not_change(target: str, activation: str) -> None:
    name = target.rpartition(".")[2]
    if name in MODULES:
        options, sizes = MODULES[name]
        make = resolve_target(target)(**options)
        given = torch.randn(3, 4, *sizes, requires_grad=True)
    else:
        make = (lambda x: torch.add(x, x)) if name == "add" else (lambda x: torch.cat((x,), dim=1))
        given = torch.randn(3, 4, 4, requires_grad=True)
    assert not make(given)._is_view()
    results = []
    for inplace in (False, True):
        found = resolve_target(activation)(inplace=inplace)(make(given))
        results.append((found, *torch.autograd.grad(found.square().sum(), given)))
    assert all(map(torch.equal, *results))


@pytest.mark.parametrize("name", sampled(SMALL, {"cifar_resnet20_A", "cifar10_densenet_40_k12", "mobilenet_v2"}))
def test_networks_compute_the_same(name: str) -> None:
    arch = archspec.load({"extends": name, "name": name, "input": [3, 32, 32]})
    model = arch.build(seed=0)
    assert any(in_place(model).values())
    image = torch.randn(2, 3, 32, 32)
    twin = plain(model)
    assert all(map(torch.equal, gradients(model, image), gradients(twin, image)))
    with torch.inference_mode():
        assert torch.equal(model.eval()(image), twin.eval()(image))


HANDS: dict[str, Callable[[], Graph]] = {"residual": residual, "dense": dense}


@pytest.mark.parametrize("name", sampled(HANDS, {"dense"}))
def test_in_the_hands_of_torch(name: str) -> None:
    model = build(HANDS[name]())
    image = torch.randn(2, 3, 8, 8)
    expected = gradients(plain(model), image)
    for one in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), fx.symbolic_trace(model)):  # noqa: S301
        assert all(in_place(one).values())
        assert all(map(torch.equal, gradients(one, image), expected))
    compiled: Any = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(gradients(compiled, image), expected)
    exported = torch.export.export(model.eval(), (image,)).module()
    assert torch.equal(exported(image), plain(model)(image))


def test_per_sample_gradients() -> None:
    model = build(residual()).eval()
    weights: dict[str, Tensor] = dict(model.named_parameters())

    def loss(weights: dict[str, Tensor], image: Tensor) -> Any:
        return torch.func.functional_call(model, weights, (image[None],)).square().sum()

    images = torch.randn(3, 3, 8, 8)
    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, images)
    single = torch.func.grad(loss)(weights, images[1])
    for name in weights:
        torch.testing.assert_close(found[name][1], single[name])


def test_printed_source_writes_over_the_same() -> None:
    names: dict[str, Any] = {"__name__": "printed"}
    arch = archspec.load("cifar_preact_resnet110_A")
    exec(compile(arch.source(), "<printed>", "exec"), names)  # noqa: S102 - this is what the text is for
    model = [one for one in names.values() if isinstance(one, type) and one.__module__ == "printed"][-1]()
    assert sorted(in_place(model).values()) == sorted(in_place(arch.build()).values())


def sums_in_place(model: nn.Module) -> int:
    """The number of the calls that add in place."""
    parts = [part for part in model.modules() if isinstance(part, fx.GraphModule)]
    return sum(node.target is add for part in parts for node in part.graph.nodes)


SUMS: dict[str, tuple[str, int]] = {
    "the branch": ("[{conv: 4}, {add: [[relu, {conv: 4}, batchnorm], identity]}]", 1),
    "the second operand": ("[{conv: 4}, relu, {add: [identity, {conv: 4}]}]", 1),
    "no activation, whose gradient needs its result": ("[sigmoid, {add: [[{conv: 4}, relu], identity]}]", 0),
    "no input": ("[add: [relu, identity]]", 0),
    "no value with another consumer": ("[{conv: 4}, {add: [identity, relu]}]", 0),
    "the sum so far": ("[add: [relu, sigmoid, identity]]", 1),
}
"""What is written over, in a network with so many sums that are."""


@pytest.mark.parametrize("what", SUMS)
def test_what_a_sum_is_added_into(what: str) -> None:
    layers, expected = SUMS[what]
    arch = archspec.load(f"{{name: sums, input: [4, 8, 8], stages: {{body: {layers}}}}}")
    model = arch.build()
    assert sums_in_place(model) == expected
    image = torch.randn(2, 4, 8, 8)
    kept, twin = image.clone(), fx.symbolic_trace(copy.deepcopy(model))
    assert all(map(torch.equal, gradients(model, image), gradients(twin, image)))
    assert torch.equal(image, kept)


def test_a_sum_that_stochastic_depth_enters_stays() -> None:
    layers = "[add: [[{conv: 4}, {droppath: 0.5}], {conv: 4}]]"
    arch = archspec.load(f"{{name: dropped, input: [4, 8, 8], stages: {{body: {layers}}}}}")
    assert not sums_in_place(arch.build())


def test_a_trace_has_the_sums_of_torch() -> None:
    model = build(residual())
    assert sums_in_place(model)
    traced = fx.symbolic_trace(model)
    assert any(node.target is torch.add for node in traced.graph.nodes)
    assert not sums_in_place(traced)
    scripted = torch.jit.script(model)
    image = torch.randn(2, 3, 8, 8)
    assert torch.equal(scripted(image), model(image))
    recorded = torch.jit.trace(model.eval(), image)  # type: ignore[no-untyped-call]
    assert not any("add_" in str(node) for node in recorded.inlined_graph.nodes() if "batch_norm" not in str(node))


def test_the_wider_type_of_a_sum_is_kept() -> None:
    """As under autocast, where a convolution gives bfloat16 and its input is float32."""
    arch = archspec.load("{name: mixed, input: [4, 8, 8], stages: {body: [add: [{conv: 4}, identity]]}}")
    model, image = arch.build(), torch.randn(2, 4, 8, 8)
    assert sums_in_place(model)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = model(image), fx.symbolic_trace(model)(image)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_a_sum_is_in_the_memory_of_its_operand() -> None:
    arch = archspec.load("{name: unit, input: [4, 8, 8], stages: {body: [add: [{conv: 4, as: branch}, identity]]}}")
    model, made = arch.build(), []
    (layer,) = (module for module in model.modules() if isinstance(module, nn.Conv2d))
    layer.register_forward_hook(lambda *given: made.append(given[2].data_ptr()))
    with torch.inference_mode():
        assert model(torch.randn(2, 4, 8, 8)).data_ptr() == made[0]
