"""Built networks with torch's tools: compiled, exported, copied, saved, moved."""

from __future__ import annotations

import copy
import io
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch._dynamo.testing import CompileCounter
from torch._dynamo.utils import counters

from archspec.codegen.fx import build as build_graph
from tests.hand import recurrent, residual, transformer, two_stream

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def blocks(model: nn.Module, kind: str = "basic") -> list[Any]:
    return [module for module in model.modules() if type(module).__name__ == kind]


@torch.no_grad()
def test_equal_blocks_compile_once(image: Tensor) -> None:
    model = build(residual((17,))).eval()
    expected = model(image)
    counter: Any = CompileCounter()
    units = blocks(model)
    for unit in units:
        unit.compile(backend=counter, fullgraph=True)
    assert torch.equal(model(image), expected)
    assert len(units) == 17
    assert counter.frame_count <= 2


@pytest.mark.slow
def test_the_whole_compiles_without_a_break(image: Tensor) -> None:
    model = build(residual()).eval()
    compiled: Any = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(image), model(image))
    model.train()
    compiled(image).sum().backward()
    assert model.conv1.weight.grad is not None
    assert not counters["graph_break"]


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no C++ compiler on the PATH")
def test_inductor_computes_the_same(image: Tensor) -> None:
    model = build(residual((1,))).eval()
    compiled: Any = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(image), model(image), rtol=1e-4, atol=1e-5)


def test_hooks_on_a_block_run_in_eager_and_compiled(image: Tensor) -> None:
    model = build(residual()).eval()
    seen: list[torch.Size] = []
    model.get_submodule("layer2.0").register_forward_hook(lambda module, given, result: seen.append(result.shape))
    model(image)
    compiled: Any = torch.compile(model, backend="eager", fullgraph=True)
    compiled(image)
    assert seen == [(2, 8, 4, 4)] * 2


@pytest.mark.parametrize("strict", [False, True])
def test_export_with_a_free_batch(image: Tensor, strict: bool) -> None:
    model = build(residual((2,))).eval()
    batch = {0: torch.export.Dim.DYNAMIC}
    exported = torch.export.export(model, (image,), dynamic_shapes=(batch,), strict=strict)
    more = torch.cat([image, image, image])
    torch.testing.assert_close(exported.module()(more), model(more))


def test_places_survive_an_export(image: Tensor) -> None:
    exported = torch.export.export(build(residual((2,))).eval(), (image,))
    calls = [node for node in exported.graph.nodes if node.op == "call_function"]
    paths = [node.meta["custom"]["archspec"]["path"] for node in calls]
    assert len(paths) == 20
    assert paths[3:9] == [f"layer1.0.{name}" for name in ("conv1", "bn1", "relu", "conv2", "bn2")] + ["layer1.0"]
    assert calls[3].meta["custom"]["archspec"]["at"] == "hand.yaml:5:5"


def test_export_of_several_inputs_and_outputs_and_of_a_batch_size() -> None:
    batch = {0: torch.export.Dim.DYNAMIC}
    for graph in (two_stream(), recurrent(), transformer()):
        model = build(graph).eval()
        given = tuple(torch.randn(2, *value.shape.sizes) for value in graph.inputs.values())
        exported = torch.export.export(model, given, dynamic_shapes=(batch,) * len(given))
        more = tuple(torch.randn(5, *value.shape.sizes) for value in graph.inputs.values())
        torch.testing.assert_close(exported.module()(*more), model(*more))


def test_a_copy_is_equal_and_apart(image: Tensor) -> None:
    model = build(residual()).eval()
    unit = model.get_submodule("layer1.0")
    seen: list[str] = []
    unit.register_forward_hook(lambda module, given, result: seen.append("called"))
    twin = copy.deepcopy(model)
    assert torch.equal(twin(image), model(image))
    assert seen == ["called"] * 2
    assert {type(one) for one in blocks(twin)} == {type(one) for one in blocks(model)}
    assert twin.layer1.graph.owning_module is twin.layer1
    assert twin.layer1.graph is not model.layer1.graph
    with torch.no_grad():
        twin.conv1.weight.zero_()
    assert not torch.equal(twin(image), model(image))
    places = [node.meta.get("custom") for node in unit.graph.nodes]
    assert [node.meta.get("custom") for node in twin.get_submodule("layer1.0").graph.nodes] == places


def test_a_copy_of_shared_weights_shares_them() -> None:
    twin = copy.deepcopy(build(recurrent()))
    assert [node.target for node in twin.graph.nodes if node.op == "call_module"] == ["cell"] * 3
    assert len(list(twin.parameters())) == 4


def test_a_saved_network_comes_back(image: Tensor) -> None:
    model = build(residual()).eval()
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert torch.equal(loaded(image), model(image))
    assert str(loaded) == str(model)
    assert loaded.code == model.code
    assert len({type(one) for one in blocks(loaded)}) == len({type(one) for one in blocks(model)})
    pairs = zip(loaded.layer1.graph.nodes, model.layer1.graph.nodes, strict=True)
    assert all(one.meta.get("custom") == other.meta.get("custom") for one, other in pairs)


def test_a_state_dict_goes_round() -> None:
    model, other = build(residual(), seed=0), build(residual(), seed=1)
    other.load_state_dict(model.state_dict(), strict=True)
    assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_an_edit_of_one_block_leaves_its_equals_alone(image: Tensor) -> None:
    model = build(residual((3,))).eval()
    expected = model(image)
    first, second, third = blocks(model)
    code = third.code
    x = torch.randn(2, 4, 8, 8)
    before, edited = third(x), second
    for node in list(edited.graph.nodes):
        if node.target == "relu2":
            node.replace_all_uses_with(node.args[0])
            edited.graph.erase_node(node)
    edited.recompile()
    assert type(edited) is not type(first) is type(third)
    assert type(edited).__name__ == "basic"
    assert third.code == code
    assert torch.equal(third(x), before)
    assert edited(x).min() < 0
    assert not torch.equal(model(image), expected)


def test_recompile_without_an_edit_changes_nothing() -> None:
    model = build(residual((2,)))
    kinds = [type(module) for module in model.modules()]
    model.recompile()
    assert [type(module) for module in model.modules()] == kinds


def test_recompile_reaches_the_blocks_inside(image: Tensor) -> None:
    model = build(residual((2,))).eval()
    unit = blocks(model)[0]
    for node in list(unit.graph.nodes):
        if node.target == "relu2":
            node.replace_all_uses_with(node.args[0])
            unit.graph.erase_node(node)
    assert "relu2" in unit.code
    model.recompile()
    assert "relu2" not in unit.code


def test_dtype_memory_format_and_mode(image: Tensor) -> None:
    model = build(residual(), dtype=torch.bfloat16)
    assert {value.dtype for value in model.parameters()} == {torch.bfloat16}
    assert model(image.bfloat16()).dtype == torch.bfloat16
    double = build(residual()).to(torch.float64, memory_format=torch.channels_last).eval()
    result = double(image.double().contiguous(memory_format=torch.channels_last))
    assert result.dtype == torch.float64
    assert all(module.training for module in model.modules())
    assert not any(module.training for module in double.modules())


def test_meta_network_has_shapes_and_no_values() -> None:
    model = build(residual(), device="meta")
    assert {value.device.type for value in model.state_dict().values()} == {"meta"}
    assert model(torch.empty(7, 3, 8, 8, device="meta")).shape == (7, 5)
    real = model.to_empty(device="cpu")
    real.load_state_dict(build(residual()).state_dict())
    assert real(torch.randn(2, 3, 8, 8)).isfinite().all()


def test_fx_can_trace_interpret_and_transform_it(image: Tensor) -> None:
    model = build(residual()).eval()
    assert torch.equal(fx.symbolic_trace(model)(image), model(image))
    assert torch.equal(fx.Interpreter(model).run(image), model(image))
    assert torch.equal(fx.Transformer(model).transform()(image), model(image))
    assert torch.equal(copy.copy(model)(image), model(image))
