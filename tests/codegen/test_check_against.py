"""A spec is compared with another model: weights by name, values with that model's weights, and the first layer that differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.codegen.fx.reference_models import make_reference
from archspec.spec.bundled import find_bundled_folder
from tests.cli.surface import run
from tests.references import timm, torchvision
from tests.sample import sampled

torch = pytest.importorskip("torch")

FACTORY = """
import torch
from torch import nn


class Unit(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, stride=2)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, 5)

    def forward(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.conv2(x))
        return self.fc(self.pool(x).flatten(1))


def make(width=4):
    return Unit(width)


def fail():
    raise RuntimeError("no weights here")


model = Unit()
number = 3


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("three channels, please")
"""
SPEC = """\
name: unit
input: [3, 8, 8]
args: {width: 4}
stages:
  conv1: {conv: {out: width, kernel: 3, padding: 1, bias: false}}
  bn1: batchnorm
  relu1: relu
  conv2: {conv: {out: width, kernel: 3, padding: 1, stride: 2}}
  relu2: relu
  pool: globalpool
  fc: {linear: 5}
"""
MISTAKES = {
    "stride": ("stride: 2", "stride: 1", "conv2", "conv2 is the first whose value differs: 4×8×8, in Unit 4×4×4", 8),
    "eps": (
        "bn1: batchnorm",
        "bn1: {batchnorm: {eps: 1e-3}}",
        "bn1",
        "bn1 is the first whose value differs from Unit",
        6,
    ),
    "order": (
        "  bn1: batchnorm\n  relu1: relu\n",
        "  relu1: relu\n  bn1: batchnorm\n",
        "relu1",
        "relu1 is the first whose value differs from Unit",
        6,
    ),
    "activation": ("relu2: relu", "relu2: gelu", "relu2", "relu2 is the first whose value differs from Unit", 9),
    "padding mode": (
        "padding: 1, stride: 2",
        "padding: 1, padding_mode: circular, stride: 2",
        "conv2",
        "conv2 is the first whose value differs from Unit",
        8,
    ),
    "pool": ("globalpool", "{globalpool: max}", "pool", "pool is the first whose value differs from Unit", 10),
}
"""A wrong line of the spec: what it says, what it should not, the module, the message, its line."""


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(FACTORY, encoding="utf-8")
    return path


@pytest.fixture
def unit(factory: Path) -> Any:
    return make_reference(f"{factory}:make")


def test_equal_networks_are_equal_bit_by_bit(unit: Any) -> None:
    before = {key: tensor.clone() for key, tensor in unit.state_dict().items()}
    comparison = archspec.load(SPEC).check_against(unit.train())
    assert (comparison.same, comparison.outputs, comparison.largest_difference) == (True, "equal", 0.0)
    assert comparison.diagnostics == ()
    assert unit.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in unit.state_dict().items()), "the model is a copy"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_first_layer_that_differs_is_named(mistake: str, unit: Any) -> None:
    right, wrong, name, message, line = MISTAKES[mistake]
    assert right in SPEC
    arch = archspec.load(SPEC.replace(right, wrong))
    comparison = arch.check_against(unit)
    errors = [diagnostic for diagnostic in comparison.diagnostics if diagnostic.severity == "error"]
    assert comparison.outputs == "different"
    assert not comparison.same
    assert comparison.first_difference == name
    assert errors[0].message.startswith(message)
    assert errors[0].span.line in {line, line + 1}
    assert (errors[0].help or "").startswith("its input")


def test_a_missing_bias_is_told_at_its_layer(unit: Any) -> None:
    arch = archspec.load(SPEC.replace("stride: 2", "stride: 2, bias: false"))
    comparison = arch.check_against(unit)
    (error,) = comparison.diagnostics
    assert error.message == "Unit also has conv2.bias 4"
    assert error.span.line == 8
    assert comparison.outputs == "not compared"
    assert comparison.keys == (9, 10)


def test_other_shapes_and_keys_are_told_at_their_layers(factory: Path) -> None:
    comparison = archspec.load(SPEC).check_against(f"{factory}:make", {"width": 6})
    messages = [diagnostic.message for diagnostic in comparison.diagnostics]
    assert f"conv1.weight is 4×3×3×3, in {factory}:make 6×3×3×3" in messages
    assert len(messages) <= 9
    renamed = archspec.load(SPEC.replace("  fc:", "  head:")).check_against(make_reference(f"{factory}:model"))
    assert [diagnostic.message for diagnostic in renamed.diagnostics] == [
        "head.weight 5×4 is not in Unit",
        "head.bias 5 is not in Unit",
        "Unit also has fc.weight 5×4, fc.bias 5",
    ]


def test_a_difference_without_a_module_is_told() -> None:
    class Scaled(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(x) + x

    comparison = archspec.load("{name: a, input: [4], stages: {fc: {linear: 4}}}").check_against(Scaled())
    (error,) = comparison.diagnostics
    assert "the outputs differ, while all modules that both have agree" in error.message
    assert comparison.first_difference is None


def test_constant_weights_do_not_hide_a_branch() -> None:
    """A fresh normalisation with a factor of 0, as `zero_init_residual` makes, would make any branch look right."""

    class Branch(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = torch.nn.Conv2d(2, 2, 3, padding=1), torch.nn.BatchNorm2d(2)
            torch.nn.init.zeros_(self.bn.weight)

        def forward(self, x: Any) -> Any:
            return x + self.bn(self.conv(x))

    layers = "{name: a, input: [2, 4, 4], stages: {body: {add: [{layers: {conv: {conv: {out: 2, kernel: 3, padding: same, %s}}, bn: batchnorm}}, identity]}}}"
    model = torch.nn.Sequential()
    model.add_module("body", Branch())
    assert archspec.load(layers % "dilation: 1").check_against(model).same
    comparison = archspec.load(layers % "dilation: 2").check_against(model)
    assert (comparison.same, comparison.first_difference) == (False, "body.conv")


def test_rounding_is_no_difference() -> None:
    class Pointwise(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(64, 8)

        def forward(self, x: Any) -> Any:
            return sum(self.fc.weight[:, index] * x[:, index : index + 1] for index in range(64)) + self.fc.bias

    comparison = archspec.load("{name: a, input: [64], stages: {fc: {linear: 8}}}").check_against(Pointwise())
    assert comparison.same
    assert comparison.outputs == "rounding"
    assert comparison.largest_difference is not None
    assert comparison.largest_difference < 1e-12


def test_another_order_of_keys_is_a_warning() -> None:
    model = torch.nn.ModuleDict({"b": torch.nn.Linear(4, 4), "a": torch.nn.Linear(4, 4)})
    model.forward = lambda x: model["b"](model["a"](x))
    comparison = archspec.load("{name: n, input: [4], stages: {a: {linear: 4}, b: {linear: 4}}}").check_against(model)
    (warning,) = comparison.diagnostics
    assert comparison.same
    assert not comparison.same_order
    assert (warning.severity, warning.message) == (
        "warning",
        "the keys are in another order: a.weight stands where ModuleDict has b.weight",
    )


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("resnet50", "'resnet50' is no reference: expected torchvision:NAME, timm:NAME, "),
        ("{file}:missing", "has no 'missing'"),
        ("{file}:mke", "did you mean 'make'?"),
        ("{file}:fail", "raises RuntimeError: no weights here"),
        ("{file}:number", "is a int: expected a function, a class or a module"),
        ("os:getcwd", "os:getcwd returns a str: expected a torch.nn.Module"),
        ("nowhere.py:make", "there is no file nowhere.py"),
        ("no_such_module_:make", "the module 'no_such_module_' cannot be imported: ModuleNotFoundError"),
        ("{file}:Fails", "raises ValueError for 2×3×8×8: three channels, please"),
    ],
)
def test_a_reference_that_fails_is_a_wrong_command(reference: str, message: str, factory: Path, tmp_path: Path) -> None:
    spec = tmp_path / "unit.yaml"
    spec.write_text(
        SPEC if "Fails" not in reference else "{name: a, input: [3, 8, 8], stages: {a: relu}}", encoding="utf-8"
    )
    result = run("check", spec, "--against", reference.format(file=factory))
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_command_tells_what_it_compared(factory: Path, tmp_path: Path) -> None:
    spec = tmp_path / "unit.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    result = run("check", spec, "--against", f"{factory}:make")
    assert result.exit_code == 0
    assert "outputs     equal  bit by bit" in result.stdout
    assert run("check", spec, "--against", f"{factory}:make", "--args", "width=6", "--set", "width=6").exit_code == 0
    spec.write_text(SPEC.replace("stride: 2", "stride: 1"), encoding="utf-8")
    wrong = run("check", spec, "--against", f"{factory}:make", "--json")
    data = json.loads(wrong.stdout)
    assert wrong.exit_code == 1
    assert (data["same"], data["first_difference"], data["diagnostics"][0]["line"]) == (False, "conv2", 8)
    assert run("check", spec, spec, "--against", f"{factory}:make").exit_code == 2
    assert run("check", spec, "--set", "width=3").exit_code == 2


LIBRARIES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "torchvision": ("mobilenet_v2", "torchvision:mobilenet_v2", {"input": [3, 64, 64]}, {}),
    "arguments": ("resnet18", "torchvision:resnet18", {"classes": 10, "input": [3, 64, 64]}, {"num_classes": 10}),
    "timm": ("resnetv2_18", "timm:resnetv2_18", {"input": [3, 64, 64]}, {}),
    "auxiliary outputs": (
        "googlenet",
        "torchvision:googlenet",
        {"input": [3, 96, 96]},
        {"aux_logits": False, "init_weights": False},
    ),
}


@pytest.mark.parametrize("case", sampled(LIBRARIES, {"arguments", "timm"}))
@pytest.mark.filterwarnings("ignore")
def test_networks_of_libraries_are_the_same(case: str) -> None:
    torchvision(), timm()
    spec, reference, given, arguments = LIBRARIES[case]
    comparison = archspec.load(spec, **given).check_against(reference, arguments)
    assert comparison.outputs == "equal", [str(diagnostic) for diagnostic in comparison.diagnostics]
    assert comparison.same


def test_the_strides_of_the_paper_are_told_from_those_of_torchvision() -> None:
    torchvision()
    comparison = archspec.load("resnet50_v1", input=[3, 64, 64]).check_against("torchvision:resnet50")
    assert comparison.first_difference == "layer2.0.conv1"
    with pytest.raises(
        archspec.ReferenceModelError, match="torchvision has no model 'resnet19'; did you mean 'resnet18'"
    ):
        make_reference("torchvision:resnet19")


MADE = {
    "stride": ("rexnet_100", "out: stem, kernel: 3, stride: 2", "out: stem, kernel: 3, stride: 1", "stem.conv"),
    "eps": ("rexnet_100", "bn: batchnorm, act: act", "bn: {batchnorm: {eps: 1e-3}}, act: act", "stem.bn"),
    "activation inside a normalisation": (
        "rexnet_100",
        "stride: 1, groups: 1, act: silu",
        "stride: 1, groups: 1, act: relu",
        "stem.bn",
    ),
    "order of operands": (
        "cspresnet50",
        "concat: [kept, identity]",
        "concat: [identity, kept]",
        "stages.0.conv_transition.conv",
    ),
    "order of layers": (
        "rexnet_100",
        "      - repeat: {times: gate, layers: [{squeeze: {}, as: se}]}\n      - {relu6: {}, as: act_dw}\n",
        "      - {relu6: {}, as: act_dw}\n      - repeat: {times: gate, layers: [{squeeze: {}, as: se}]}\n",
        "features.3.act_dw",
    ),
    "clipping": ("rexnet_100", "{relu6: {}, as: act_dw}", "{relu: {}, as: act_dw}", "features.0.act_dw"),
    "gate": ("ghostnet_100", "gate: hardsigmoid", "gate: sigmoid", "blocks.3.0.se.gate"),
    "bias": ("ghostnet_100", "conv_stem: {conv: {out", "conv_stem: {conv: {bias: true, out", None),
    "missing normalisation": ("ghostnet_100", ", bn_dw: batchnorm", "", None),
    "missing operand": ("poolformer_s12", ", scale: -1]", "]", "stages.0.blocks.0.token_mixer"),
    "pool": ("dla60", "bottom3: {maxpool: 2}", "bottom3: {avgpool: 2}", "level3.tree1.project.0"),
    "eps of a layer norm": ("poolformer_s12", "layernorm: {eps: 1e-6}", "layernorm: {eps: 1e-4}", "head.norm"),
}
"""A mistake in a network of timm: what its spec says and should not, and the first module that differs; None if it is a key."""
NO_LINE = {"missing normalisation", "missing operand"}
"""Mistakes without a line: the layer is not there."""


@pytest.mark.parametrize("mistake", sampled(MADE, {"clipping", "activation inside a normalisation"}))
@pytest.mark.filterwarnings("ignore")
def test_a_mistake_in_a_network_of_timm_is_named_with_its_line(mistake: str) -> None:
    timm()
    spec, right, wrong, first = MADE[mistake]
    text = (find_bundled_folder() / f"{spec}.yaml").read_text(encoding="utf-8")
    assert right in text
    line = text[: text.index(right)].count("\n") + 1
    arch = archspec.load(text.replace(right, wrong).partition("\nexpect:")[0], input=[3, 32, 32])
    comparison = arch.check_against(f"timm:{spec}")
    error = str(comparison.diagnostics[0])
    assert comparison.first_difference == first
    assert mistake in NO_LINE or f":{line}:" in error or f"(line {line})" in error, error
