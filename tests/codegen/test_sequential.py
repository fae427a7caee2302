"""Parts that apply their children in order are used like torchvision's stages, and what is edited is what runs."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import archspec
from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx import flatten_model
from tests.hand import residual
from tests.processes import run_python
from tests.references import torchvision
from tests.sample import sampled, small

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""

LISTS = """
name: lists
input: [3, 8, 8]
blocks:
  unit: [{conv: {out: 4, kernel: 3, padding: 1}}, batchnorm, relu]
  pair: [unit, unit]
stages:
  features: [{conv: {out: 4, kernel: 3, padding: 1}}, relu, identity, {repeat: {times: 2, layers: [unit, unit]}}, pair, maxpool: 2]
  named: {layers: {conv0: {conv: 4}, norm0: batchnorm, relu0: relu}}
  pool: globalpool
  classifier: [{linear: 8}, relu, dropout, {linear: 5}]
"""


@pytest.fixture
def model() -> Any:
    return archspec.load(LISTS).build().eval()


@pytest.fixture
def image() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def calls(block: Any) -> list[str]:
    return [node.target for node in block.graph.nodes if node.op == "call_module"]


def check_follows(model: Any, others: Mapping[str, Callable[[Tensor], Tensor]], image: Tensor) -> None:
    """Others are one function, that of the children one after the other, and the graphs are of the children."""
    x = image
    with torch.no_grad():
        for layer in (*model.features, *model.named, model.pool, nn.Flatten(), *model.classifier):
            x = layer(x)
        for name, other in others.items():
            torch.testing.assert_close(other(image), x, msg=name)
    for part in (part for part in model.children() if isinstance(part, fx.GraphModule)):
        assert calls(part) == list(part._modules)
        part.graph.lint()
        assert all(f"self.{name}" in part.code or f'self, "{name}"' in part.code for name in part._modules)


def save_and_load(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


EDITS = {
    "nothing": "",
    "an item": "model.classifier[3] = nn.Linear(8, 7)",
    "the last": "model.classifier[-1] = nn.Linear(8, 7)",
    "an item of an item": "model.features[6][0] = nn.Identity()",
    "by its name": "model.named.conv0 = nn.Conv2d(4, 4, 3, padding=1)",
    "setattr": "setattr(model.classifier, '3', nn.Linear(8, 2))",
    "set_submodule": "model.set_submodule('features.0', nn.Conv2d(3, 4, 1))",
    "del the last": "del model.classifier[-1]",
    "del the first": "del model.features[6][0]",
    "del several": "del model.classifier[1:3]",
    "del a name": "del model.named.relu0",
    "del a name by index": "del model.named[1]",
    "pop": "model.classifier.pop(2)",
    "append": "model.classifier.append(nn.ReLU()).append(nn.Linear(5, 2))",
    "append what is there": "model.named.append(model.named.relu0)",
    "append a block": "model.features.append(copy.deepcopy(model.features[6][1]))",
    "insert": "model.classifier.insert(1, nn.LayerNorm(8))",
    "extend": "model.classifier.extend([nn.ReLU(), nn.Linear(5, 2)])",
    "+=": "model.classifier += nn.Sequential(nn.ReLU(), nn.Linear(5, 2))",
    "*=": "model.features[6] *= 2",
    "add_module": "model.classifier.add_module('last', nn.Linear(5, 2))",
    "one edit after another": "model.classifier.insert(0, nn.ReLU()); del model.classifier[1]; model.classifier[0] = nn.Linear(4, 8)",
    "a part of another network": "model.named = archspec.load(OTHER).build().eval().a",
    "a plain Sequential": "model.named = nn.Sequential(nn.Conv2d(4, 4, 1))",
}
OTHER = "{name: other, input: [4, 8, 8], stages: {a: [{conv: 4}, relu], b: relu}}"


def make_edited(edit: str) -> Any:
    model: Any = archspec.load(LISTS).build().eval()
    exec(EDITS[edit], globals() | {"model": model})  # noqa: S102 - our own text
    return model


@pytest.mark.parametrize("edit", sampled(EDITS, list(EDITS)[::2]))
def test_an_edit_is_what_runs(edit: str, image: Tensor) -> None:
    model = make_edited(edit)
    others = {
        "called": model,
        "interpreted": fx.Interpreter(model).run,
        "retraced": fx.symbolic_trace(model),
        "flat": flatten_model(model),
        "copied": copy.deepcopy(model),
        "shallow": copy.copy(model),
        "loaded": save_and_load(model),
    }
    check_follows(model, others, image)


@pytest.mark.parametrize("edit", sampled(EDITS, {"an item of an item"}))
def test_an_edit_is_what_is_compiled_exported_and_scripted(edit: str, image: Tensor) -> None:
    torch._dynamo.reset()
    model: Any = archspec.load(LISTS).build().eval()
    compiled: Any = torch.compile(model, backend="eager", fullgraph=True)
    compiled(image)
    exec(EDITS[edit], globals() | {"model": model})  # noqa: S102 - our own text
    others = {
        "compiled before": compiled,
        "compiled": torch.compile(model, backend="eager", fullgraph=True),
        "scripted": torch.jit.script(model),
        "traced": torch.jit.trace(model, image),  # type: ignore[no-untyped-call]
        "exported": torch.export.export(model, (image,)).module(),
    }
    check_follows(model, others, image)


def test_who_has_a_graph_sees_the_edit_in_it(model: Any) -> None:
    graph = model.classifier.graph
    model.classifier.append(nn.ReLU())
    assert model.classifier.graph is graph
    assert calls(model.classifier) == ["0", "1", "2", "3", "4"]


def test_a_part_that_applies_its_children_in_order_has_the_face_of_a_sequential(model: Any) -> None:
    features, classifier = model.features, model.classifier
    assert all(
        isinstance(part, nn.Sequential) for part in (features, model.named, classifier, features[6], features[6][0])
    )
    assert len(features) == 8
    units = ["unit"] * 4
    assert [type(layer).__name__ for layer in features] == ["Conv2d", "ReLU", *units, "pair", "MaxPool2d"]
    assert features[0] is features.get_submodule("0")
    assert features[-1] is features.get_submodule("7")
    assert model.named[0] is model.named.conv0
    assert list(features[1:3]) == [features[1], features[2]]
    assert type(features[:2]) is nn.Sequential
    assert len(features + classifier) == 12
    assert "append" in dir(features)
    with pytest.raises(IndexError, match="index 99 is out of range"):
        features[99]


def test_a_part_that_does_more_has_not(model: Any) -> None:
    residual_model = build(residual())
    assert not isinstance(residual_model.get_submodule("layer1.0"), nn.Sequential)
    assert not isinstance(model, nn.Sequential)
    with pytest.raises(TypeError, match="not subscriptable"):
        residual_model.layer1[0][0]


@pytest.mark.parametrize(
    "stages",
    [
        "{a: {repeat: {times: 2, layers: [{conv: 3}], share: true}}}",
        "{a: [{conv: 3}, {add: [identity, relu]}]}",
        "{a: {layers: {append: relu, conv: {conv: 3}}}}",
        "{a: [globalpool, {linear: 2}]}",
    ],
    ids=["a child applied twice", "a sum", "a child with a name of Sequential's", "a function between children"],
)
def test_a_part_that_only_looks_like_one_runs_its_graph(stages: str) -> None:
    model: Any = archspec.load(f"{{name: net, input: [3, 8, 8], stages: {stages}}}").build().eval()
    assert not isinstance(model.a, nn.Sequential)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(model(x), fx.Interpreter(model).run(x))


def test_named_modules_and_stages_are_those_of_torchvision() -> None:
    for name in ("resnet50", "vgg11_bn", "densenet121", "mobilenet_v2"):
        with torch.device("meta"):
            theirs: Any = torchvision().models.get_model(name)
        ours: Any = archspec.load(name).build(device="meta")
        in_theirs = {path for path, module in theirs.named_modules() if isinstance(module, nn.Sequential)}
        in_ours = {path for path, module in ours.named_modules() if isinstance(module, nn.Sequential)}
        assert in_theirs <= in_ours, (name, in_theirs - in_ours)
        for path in in_theirs - {""}:
            assert list(theirs.get_submodule(path)._modules) == list(ours.get_submodule(path)._modules), (name, path)


def test_the_children_but_the_last_in_a_sequential() -> None:
    model: Any = small("resnet18").build().eval()
    backbone = nn.Sequential(*list(model.children())[:-1])
    x = torch.randn(2, 3, 48, 48)
    torch.testing.assert_close(model.fc(backbone(x).flatten(1)), model(x))


def test_where_a_child_fails_the_place_is_that_of_the_child() -> None:
    model: Any = archspec.load(LISTS).build()
    del model.features[1]
    model.classifier[0] = nn.Linear(9, 8)
    for part, given, place in (
        (model.classifier, torch.zeros(2, 4), "in layer classifier.0 (linear) of lists, at <text>:11:17"),
        (model.features[5], torch.zeros(2, 5, 8, 8), "in layer features.6.0.0 (conv) of lists, at <text>:5:11"),
    ):
        with pytest.raises(RuntimeError) as caught:
            part(given)
        assert caught.value.__notes__[0] == place
    model.features[5].append(nn.Linear(7, 7))
    with pytest.raises(RuntimeError) as caught:
        model.features[5](torch.zeros(2, 4, 8, 8))
    assert not hasattr(caught.value, "__notes__"), "what the spec does not have has no place in it"


def test_a_call_keeps_its_place_where_others_are_deleted() -> None:
    model: Any = archspec.load(LISTS).build()
    del model.classifier[1]
    paths = {
        node.target: node.meta["custom"]["archspec"]["path"]
        for node in model.classifier.graph.nodes
        if node.op == "call_module"
    }
    assert paths == {"0": "classifier.0", "1": "classifier.2", "2": "classifier.3"}


def test_an_edit_of_the_graph_wins_over_the_order_of_the_children(model: Any, image: Tensor) -> None:
    head, before = model.classifier, model(image)
    node = next(node for node in head.graph.nodes if node.target == "1")
    node.replace_all_uses_with(node.args[0])
    head.graph.erase_node(node)
    assert torch.equal(model(image), before), "nothing changes before recompile()"
    head.recompile()
    assert not isinstance(head, nn.Sequential)
    assert type(head).__name__ == "layers"
    x = torch.randn(2, 4)
    assert torch.equal(head(x), head.get_submodule("3")(head.get_submodule("0")(x)))
    assert torch.equal(copy.deepcopy(head)(x), head(x))


def test_a_module_that_fx_adds_is_called_by_an_edit_of_the_graph(model: Any) -> None:
    head, x = model.classifier, torch.randn(2, 4)
    before = head(x)
    head.add_submodule("negate", nn.Threshold(1e9, -1.0))
    assert torch.equal(head(x), before)
    (output,) = head.graph.find_nodes(op="output")
    with head.graph.inserting_before(output):
        output.args = (head.graph.call_module("negate", output.args),)
    head.recompile()
    assert (head(x) == -1).all()


@pytest.mark.slow
def test_a_loaded_network_has_the_face_in_a_fresh_process(tmp_path: Path, model: Any, image: Tensor) -> None:
    model.classifier.append(nn.Linear(5, 2))
    torch.save((model, image, model(image)), tmp_path / "model.pt")
    code = f"""
import torch
model, image, expected = torch.load({str(tmp_path / "model.pt")!r}, weights_only=False)
assert torch.equal(model(image), expected)
model.classifier[-1] = torch.nn.Identity()
assert model(image).shape == (2, 5) and  len(model.features) == 8
print([node.target for node in model.classifier.graph.nodes if node.op == "call_module"])
"""
    done = run_python("-c", code)
    assert done.stdout.strip() == "['0', '1', '2', '3', '4']", done.stderr
