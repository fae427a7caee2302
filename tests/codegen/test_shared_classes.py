"""Networks of one architecture have one class, so that torch stacks them; others have not."""

from __future__ import annotations

import copy
import gc
import io
import weakref
from typing import Any

import torch
from torch import fx, nn

import archspec
from tests.sample import small

SPEC = """
name: net
input: [3, 8, 8]
args: {width: 4}
blocks: {unit: [add: [[{conv: width}, batchnorm, relu], identity]]}
stages: {stem: {conv: width}, body: {repeat: {times: 3, layers: [unit]}}, head: [globalpool, {linear: 2}]}
"""


def kinds(model: nn.Module) -> list[type]:
    return [type(module) for module in model.modules()]


def test_two_builds_share_their_classes() -> None:
    arch = archspec.load(SPEC)
    first = arch.build(seed=0)
    again = archspec.load(SPEC)
    others = [arch.build(seed=1), again.build(device="meta"), again.build(dtype=torch.float64), copy.deepcopy(first)]
    file = io.BytesIO()
    torch.save(first, file)
    file.seek(0)
    others.append(torch.load(file, weights_only=False))
    assert all(kinds(other) == kinds(first) for other in others)


def test_networks_that_differ_share_what_is_equal_in_them() -> None:
    model: Any = archspec.load(SPEC).build()
    wider: Any = archspec.load(SPEC, width=6).build()
    longer: Any = archspec.load(SPEC.replace("times: 3", "times: 4")).build()
    named: Any = archspec.load(SPEC.replace("name: net", "name: other")).build()
    assert len({type(model), type(wider), type(longer), type(named)}) == 4
    assert type(model.body) is not type(longer.body)
    assert type(model.body[0]) is type(longer.body[3]) is type(named.body[0]) is not type(wider.body[0])


def test_an_edit_of_one_build_leaves_the_other_as_it_was() -> None:
    arch = archspec.load(SPEC)
    first: Any = arch.build().eval()
    second: Any = arch.build().eval()
    x = torch.randn(2, 3, 8, 8)
    before = second(x)
    node = next(node for node in first.graph.nodes if node.target == "body")
    node.replace_all_uses_with(node.args[0])
    first.graph.erase_node(node)
    first.recompile()
    del second.body[:0]
    assert not torch.equal(first(x), before)
    assert torch.equal(second(x), before)
    assert type(arch.build()) is type(second) is not type(first)


def test_a_class_goes_with_the_last_network_that_has_it() -> None:
    model = archspec.load(SPEC.replace("name: net", "name: passing")).build(device="meta")
    kind = weakref.ref(type(model))
    del model
    gc.collect()
    assert kind() is None


def test_an_ensemble_is_stacked_and_mapped() -> None:
    arch = small("resnet18")
    models = [arch.build(seed=seed).eval() for seed in range(3)]
    params, buffers = torch.func.stack_module_state(models)
    base = copy.deepcopy(models[0]).to("meta")

    def call(params: Any, buffers: Any, x: torch.Tensor) -> Any:
        return torch.func.functional_call(base, (params, buffers), (x,))

    x = torch.randn(2, 3, 48, 48)
    together = torch.vmap(call, in_dims=(0, 0, None))(params, buffers, x)
    expected = torch.stack([model(x) for model in models])
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_more_networks_than_torch_compiles_of_one_function_are_compiled_whole() -> None:
    torch._dynamo.reset()
    for width in range(1, 11):
        model = archspec.load(f"{{name: net, input: [3], stages: {{a: [{{linear: {width}}}, relu]}}}}").build()
        compiled: Any = torch.compile(model, backend="eager", fullgraph=True)
        assert compiled(torch.zeros(2, 3)).shape == (2, width)
    torch._dynamo.reset()


def test_a_graph_that_is_assigned_is_a_class_of_its_own() -> None:
    model: Any = archspec.load(SPEC).build()
    graph = fx.Graph()
    graph.output(graph.placeholder("x"))
    model.body.graph = graph
    x = torch.ones(1, 4, 2, 2)
    assert torch.equal(model.body(x), x)
    assert not isinstance(model.body, nn.Sequential)
