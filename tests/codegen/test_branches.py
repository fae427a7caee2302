"""Branches that stochastic depth drops are not computed; nothing else about a built network changes."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch._dynamo.testing import CompileCounter

import archspec
from archspec.codegen.fx import DropPath
from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx import flatten_model as flat
from archspec.ops.activation import ReLU
from archspec.ops.dropout import DropPath as Drop
from archspec.ops.join import Add
from tests.hand import Hand, residual

build: Callable[..., Any] = build_graph
flatten: Callable[..., Any] = flat
"""Any, because a type checker cannot know the modules that a network has."""

SPEC = "stochastic_depth_resnet110_cifar10"

THREE_WAYS = """
name: three_ways
input: [4, 6, 6]
defaults: {conv: {kernel: 3, padding: 1}}
stages:
  unit: [add: [[conv: 4, droppath: {p: 0.5, mode: batch}], [conv: 4, droppath: {p: 0.5, mode: batch}], identity]]
"""

NESTED = """
name: nested
input: [4, 6, 6]
defaults: {conv: {kernel: 3, padding: 1}, droppath: {p: 0.5, mode: batch}}
stages:
  unit: [add: [[conv: 4, add: [[conv: 4, relu, droppath], identity], relu, droppath], identity]]
"""


def network(**more: Any) -> Any:
    return archspec.load(SPEC, n=2, **more).build()


def gradients(model: nn.Module) -> list[Tensor | None]:
    return [parameter.grad for parameter in model.parameters()]


def code(model: nn.Module, name: str) -> str:
    """The code of a block of a network."""
    block: Any = model.get_submodule(name)
    return str(block.code)


def test_survivors_are_scaled_where_the_spec_says_so(images: Tensor, draws: list[bool]) -> None:
    spec = f"name: x\nextends: {SPEC}\npasses: [stochastic_depth: {{survival: 0.5, decay: uniform, rescale: train}}]\n"
    model = archspec.load(spec, n=2).build()
    unit: Any = model.get_submodule("stage1.0")
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(unit(x), torch.relu(2.0 * unit.branch(x) + x))
    draws[:] = [False]
    assert torch.equal(unit(x), torch.relu(x))
    unit.eval()
    assert torch.equal(unit(x), torch.relu(unit.branch(x) + x))


def test_a_dropped_branch_is_not_computed(images: Tensor, draws: list[bool]) -> None:
    model = network()
    called: list[str] = []
    for name, module in model.named_modules():
        module.register_forward_hook(lambda module, given, result, name=name: called.append(name))
    draws[:] = [False, True] * 3
    model(images).sum().backward()
    for stage, (unit, kept) in product((1, 2, 3), ((0, False), (1, True))):
        within = f"stage{stage}.{unit}"
        assert (f"{within}.branch.conv1" in called) == kept
        assert f"{within}.droppath" in called
        branch = model.get_submodule(f"{within}.branch")
        assert all((parameter.grad is not None) == kept for parameter in branch.parameters())
        assert branch.get_submodule("middle.0").num_batches_tracked == kept


def test_an_optimiser_leaves_dropped_weights_alone(images: Tensor, draws: list[bool]) -> None:
    model = network()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    model(images).sum().backward()
    optimiser.step()
    before = copy.deepcopy(model.state_dict())
    optimiser.zero_grad()
    draws[:] = [False]
    model(images).sum().backward()
    optimiser.step()
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith("stage1.0.branch") for name in moved)
    assert "stage1.1.branch.conv1.weight" in moved


def test_modules_and_names_are_those_of_the_network_without_it() -> None:
    plain, model = archspec.load("cifar_resnet110_A", n=2).build(), network()
    changed = {name.rpartition(".")[0] for name in model.state_dict()} - {
        n.rpartition(".")[0] for n in plain.state_dict()
    }
    assert not changed
    assert len(list(model.modules())) == len({id(module) for module in model.modules()})
    drops = [name for name, module in model.named_modules() if isinstance(module, DropPath)]
    assert drops == [f"stage{stage}.{unit}.droppath" for stage in (1, 2, 3) for unit in (0, 1)]


def outputs(model: nn.Module, x: Tensor, times: int = 4) -> list[Tensor]:
    torch.manual_seed(3)
    with torch.no_grad():
        return [model(x) for _ in range(times)]


def test_equal_seeds_draw_the_same_whatever_the_structure(images: Tensor) -> None:
    model = network()
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    others = [flatten(copy.deepcopy(model)), copy.deepcopy(model), torch.load(file, weights_only=False)]
    expected = outputs(model, images)
    assert not torch.equal(expected[0], expected[1])
    for other in others:
        assert all(map(torch.equal, outputs(other, images), expected))
        assert "_kept is False" in "".join(m.code for m in other.modules() if isinstance(m, fx.GraphModule))


def test_draws_have_their_probabilities() -> None:
    layer, x = DropPath(0.3, mode="batch"), torch.ones(1)
    torch.manual_seed(0)
    found = [layer.draw(x) for _ in range(4000)]
    assert set(found) == {True, False}
    assert sum(map(bool, found)) / 4000 == pytest.approx(0.7, abs=0.03)
    assert {DropPath(1.0, mode="batch").draw(x) for _ in range(9)} == {False}
    assert {DropPath(p, mode=mode).draw(x) for p, mode in ((0.0, "batch"), (0.5, "row"))} == {None}  # type: ignore[arg-type]


def test_a_flat_network_and_an_edited_one_skip_too(images: Tensor, draws: list[bool]) -> None:
    model = network()
    unit = model.get_submodule("stage1.0")
    extra = next(node for node in unit.graph.nodes if node.target == "droppath").args[0]
    with unit.graph.inserting_after(extra):
        twice = unit.graph.call_function(torch.mul, (extra, 2.0))
    extra.replace_all_uses_with(twice, lambda user: user is not twice)
    model.recompile()
    assert "    mul = torch.mul(branch, 2.0)" in unit.code
    x = torch.randn(2, 16, 4, 4)
    assert torch.equal(unit(x), torch.relu(2.0 * unit.branch(x) + x))
    called: list[bool] = []
    model.get_submodule("stage1.0.branch.conv1").register_forward_hook(lambda *_: called.append(True))
    for one in (model, flatten(model)):
        draws[:] = [False] * 6
        one(images)
        assert not called
        one(images)
        assert called.pop()


def test_a_fault_in_a_branch_is_located(images: Tensor, draws: list[bool]) -> None:
    model = network()
    model.get_submodule("stage2.0").branch.conv2 = nn.Conv2d(5, 32, 3)
    for one in (model, flatten(model)):
        with pytest.raises(RuntimeError) as caught:
            one(images)
        assert caught.value.__notes__[0].startswith("in layer stage2.0.branch.conv2 (conv) of stochastic_depth")


@pytest.mark.parametrize("compiled", [False, True])
def test_compiled_blocks_compute_the_branch_and_multiply(compiled: bool) -> None:
    torch._dynamo.reset()
    model = archspec.load(SPEC, n=4).build()
    units: list[Any] = [model.get_submodule(f"stage1.{number}") for number in range(4)]
    counter: Any = CompileCounter()
    for unit in units:
        unit.droppath.p = 0.5
        if compiled:
            unit.compile(backend=counter, fullgraph=True)
    x = torch.randn(2, 16, 4, 4)
    for unit in units:
        results = [unit(x) for _ in range(12)]
        dropped = [torch.equal(result, torch.relu(x)) for result in results]
        assert any(dropped)
        assert not all(dropped)
        tracked = unit.branch.get_submodule("middle.0").num_batches_tracked.item()
        assert tracked == (12 if compiled else dropped.count(False))
    assert counter.frame_count == (4 if compiled else 0)  # a probability each
    torch._dynamo.reset()


@pytest.mark.slow
def test_the_whole_compiles_and_exports_in_training(images: Tensor) -> None:
    torch._dynamo.reset()
    model = network()
    compiled: Any = torch.compile(model, backend="aot_eager", fullgraph=True)
    compiled(images).sum().backward()
    assert all(grad is not None for grad in gradients(model))
    exported = torch.export.export(model, (images,))
    assert "bernoulli" in exported.graph_module.code
    calls = [node for node in exported.graph.nodes if node.op == "call_function" and "convolution" in str(node.target)]
    assert len(calls or [n for n in exported.graph.nodes if "conv2d" in str(n.target)]) == 13
    torch._dynamo.reset()


def test_traced_networks_still_draw(images: Tensor) -> None:
    traced = fx.symbolic_trace(network())
    found = outputs(traced, images, 6)
    assert any(not torch.equal(found[0], other) for other in found)


def three_ways(kept: tuple[bool, bool], model: Any, x: Tensor) -> Tensor:
    branches = (
        model.unit.get_submodule(name)(x) if keep else torch.zeros_like(x)
        for name, keep in zip("02", kept, strict=True)
    )
    first, second = branches
    return first * 2 + second * 2 + x


@pytest.mark.parametrize("kept", list(product((False, True), repeat=2)))
def test_branches_of_one_sum_drop_each_by_itself(draws: list[bool], kept: tuple[bool, bool]) -> None:
    model = archspec.load(THREE_WAYS).build()
    unit: Any = model.get_submodule("unit")
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    draws[:] = kept
    result = model(x)
    torch.testing.assert_close(result, three_ways(kept, model, x))
    result.sum().backward()
    assert [unit.get_submodule(name).weight.grad is not None for name in "02"] == list(kept)


@pytest.mark.parametrize("kept", [(False,), (True, False), (True, True)])
def test_a_branch_inside_a_branch(draws: list[bool], kept: tuple[bool, ...]) -> None:
    model = archspec.load(NESTED).build()
    x = torch.randn(2, 4, 6, 6, requires_grad=True)
    draws[:] = kept
    model(x).sum().backward()
    grads = [value is not None for value in gradients(model)]
    assert grads == [kept[0]] * 2 + [kept == (True, True)] * 2
    assert not draws
    assert "        if " in code(model, "unit")


def test_where_nothing_has_the_shape_beforehand_the_branch_is_computed(draws: list[bool]) -> None:
    spec = THREE_WAYS.replace("add:", "concat:")
    model = archspec.load(spec).build()
    x = torch.randn(2, 4, 6, 6)
    draws[:] = [False, True]
    result = model(x)
    assert result.shape == (2, 12, 6, 6)
    assert not result[:, :4].any()
    assert "_kept" not in code(model, "unit")


def test_a_value_that_is_used_elsewhere_is_computed() -> None:
    spec = "name: x\ninput: [4, 6, 6]\nstages: {a: {conv: 4}, b: {add: [[a, droppath: {p: 1, mode: batch}], a]}}\n"
    model = archspec.load(spec).build()
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(model(x), model.get_submodule("a")(x))


def test_networks_without_it_have_the_code_that_they_had() -> None:
    for graph in (residual(), archspec.load("vit_b_16").graph):
        assert "_kept" not in build(graph, device="meta").code


def test_blocks_that_differ_in_the_mode_have_their_own_code() -> None:
    template = "unit{}: {{add: [[conv: 4, droppath: {{p: 1, mode: {}}}], identity]}}"
    stages = [template.format(number, mode) for number, mode in enumerate(("row", "batch", "row"))]
    model = archspec.load(f"name: x\ninput: [4, 6, 6]\nstages: {{{', '.join(stages)}}}\n").build()
    codes = [code(model, f"unit{number}") for number in range(3)]
    assert ["_kept" in one for one in codes] == [False, True, False]


def test_the_name_of_what_was_drawn_is_free() -> None:
    hand = Hand()
    x = hand.one(ReLU(), hand.input("input", 4), name="droppath_kept")
    y = hand.one(ReLU(), x, name="relu")
    y = hand.one(Drop(p=1.0, mode="batch"), y, name="droppath")
    model = build(hand.give(output=hand.one(Add(), y, x)))
    given = torch.randn(3, 4)
    assert torch.equal(model(given), given.relu())
    assert "droppath_kept_ = self.droppath.draw(droppath_kept)" in model.code
