"""Generated source: the same network, in readable code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archspec
from archspec.codegen.python.defaults import CONTAINER, DEFAULTS
from archspec.codegen.python.formatter import format_expression
from archspec.codegen.python.sequences import Vector
from archspec.codegen.python.solver import derive_formula
from tests.grammar.modules import check_printed, noise, printed
from tests.processes import run_python
from tests.sample import CORE, SMALL, bundled, sampled, small

GOLDENS = Path(__file__).parents[1] / "data" / "source"
LARGE: dict[str, dict[str, Any]] = {
    "alexnet": {"input": [3, 64, 64]},
    "dpn68": {"input": [3, 64, 64]},
    "inception_resnet_v1": {"input": [3, 128, 128]},
    "mobilenet_v2": {"input": [3, 64, 64]},
    "resnet18": {"input": [3, 64, 64]},
    "resnet50": {"input": [3, 64, 64]},
    "vgg11_bn": {"input": [3, 64, 64]},
    "vit_b_16": {"args": {"depth": 2}},
    "wide_resnet50_2": {"input": [3, 64, 64]},
}
"""Arguments that make networks small; they change only numbers in the code."""
FAMILIES = [
    *LARGE,
    "cifar10_densenet_bc_100_k12",
    "cifar10_resnext29_8x64d",
    "cifar10_wrn16_8",
    "cifar_preact_resnet110_A",
    "deeply_fused_3_d26",
    "dilnet_d14",
    "dmrnet_d14",
    "fractalnet20",
    "fractalnet20_droppath",
    "googlenet_aux",
    "highway_mnist_conv10_w16",
    "highway_mnist_fc10",
    "inception_v3_aux",
    "lstm",
    "lstm_cell_10_20",
    "resnet110_shortcut_gating",
    "stochastic_depth_resnet110_cifar10",
]
LINTED = ["resnet50", "densenet121", "googlenet", "lstm", "vit_b_16", "fractalnet20_droppath", "unet", "dpn68"]


def load(name: str) -> archspec.Architecture:
    return archspec.load({"extends": name, "name": name, **LARGE[name]} if name in LARGE else name)


@pytest.mark.parametrize("name", sampled(SMALL, CORE[::2]))
def test_a_small_network_is_printed_as_the_same_function(name: str) -> None:
    check_printed(small(name), small(name).build())


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_the_printed_network_is_the_same_function(name: str) -> None:
    arch = load(name)
    check_printed(arch, arch.build())


OPTIMISED = ["cifar10_densenet_bc_100_k12", "cifar10_wrn16_8", "inception_v3", "dpn68", "fractalnet20_droppath"]


@pytest.mark.parametrize("name", sampled(OPTIMISED, {"dpn68", "fractalnet20_droppath"}))
def test_an_optimised_network_is_printed_in_plain_torch(name: str) -> None:
    arch = small(name) if name in SMALL else load(name)
    optimised = arch.optimize(merge=name == "inception_v3")
    built, model = optimised.build().eval(), printed(optimised.source()).eval()
    model.load_state_dict(built.state_dict(), strict=True)
    given = noise(arch)
    with torch.no_grad():
        expected, found = arch.build().eval()(*given), model(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "cifar10_densenet_bc_100_k12", "highway_mnist_fc10"])
def test_the_printed_network_starts_from_the_same_distributions(name: str) -> None:
    arch = load(name)
    torch.manual_seed(0)
    model, built = printed(arch.source()), arch.build()
    for (key, one), (_, other) in zip(model.named_parameters(), built.named_parameters(), strict=True):
        assert one.shape == other.shape
        if other.std() == 0 or other.numel() < 500:
            assert torch.equal(one, other) or other.std() > 0, key
            continue
        assert one.std().item() == pytest.approx(other.std().item(), rel=0.15), key
        assert abs(one.mean().item() - other.mean().item()) < 0.3 * other.std().item(), key


LINTERS = {
    "check": ["ruff", "check", "--isolated"],
    "format": ["ruff", "format", "--isolated", "--check"],
    "types": ["mypy", "--strict"],
}


@pytest.mark.parametrize("linter", sampled(LINTERS, {"check"}))
def test_printed_code_passes_the_linters(linter: str, tmp_path: Path) -> None:
    for name in LINTED:
        text = bundled(name).source(f"archspec build {name} -o net.py")
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    for name in OPTIMISED:
        text = bundled(name).optimize(merge=True).source()
        (tmp_path / f"optimised_{name}.py").write_text(text, encoding="utf-8")
    done = run_python("-m", *LINTERS[linter], ".", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["resnet18", "cifar10_densenet_40_k12"])
def test_the_text_is_as_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDENS / f"{name}.txt"
    assert archspec.load(name).source(f"archspec build {name} -o net.py") == golden.read_text(encoding="utf-8")


def test_blocks_that_differ_in_numbers_share_a_class() -> None:
    text = archspec.load("resnet152").source()
    assert text.count("class ") == 3
    assert "for _ in range(depth - 1):" in text


def test_defaults_are_those_of_torch() -> None:
    import inspect

    for target, options in DEFAULTS.items():
        signature = inspect.signature(getattr(nn, target.removeprefix("torch.nn.")))
        for name, value in options.items():
            assert signature.parameters[name].default == value, (target, name)


def test_the_names_of_containers_are_those_of_torch() -> None:
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    assert {name for type_ in containers for name in dir(type_)} - set(dir(nn.Module)) == CONTAINER


def test_a_formula_gives_its_numbers() -> None:
    pairs: list[tuple[str, Vector, Vector, str]] = [
        ("width", (64, 128), (256, 512), "4 * width"),
        ("kernel", (1, 3, 7), (0, 1, 3), "kernel // 2"),
        ("depth", (3, 6), (2, 5), "depth - 1"),
    ]
    for name, values, vector, formula in pairs:
        found = derive_formula(name, values, vector)
        assert found is not None
        assert format_expression(found) == formula
    assert derive_formula("width", (64, 128), (65, 128)) is None


def test_the_generator_needs_no_torch() -> None:
    code = "import sys, archspec; archspec.load('lstm').source(); print('torch' in sys.modules)"
    assert run_python("-c", code).stdout.strip() == "False"


HEAD = "name: net\ninput: [4, 8, 8]\n"
WEIGHTED = "{conv: 4}, batchnorm"
UNUSUAL = {
    "a chain that is shared": "stages: {a: {repeat: {times: 2, layers: [{conv: 4}], share: true}}}",
    "turns that are shared, of several layers": f"stages: {{a: {{repeat: {{times: 3, layers: [{WEIGHTED}], share: true}}}}}}",
    "shared turns with names": f"stages: {{a: {{repeat: {{times: 3, name: t, layers: [{WEIGHTED}], share: true}}}}}}",
    "shared turns in turns": f"stages: {{a: {{repeat: {{times: 2, layers: [repeat: {{times: 2, share: true, layers: [{WEIGHTED}]}}]}}}}}}",
    "turns in shared turns": f"stages: {{a: {{repeat: {{times: 2, share: true, layers: [repeat: {{times: 2, layers: [{WEIGHTED}]}}]}}}}}}",
    "shared by each value": f"stages: {{a: [bundle: [identity, relu], each: {{share: true, layers: [{WEIGHTED}]}}, add: [identity]]}}",
    "a block that is shared": f"blocks: {{b: [{WEIGHTED}]}}\nstages: {{a: {{repeat: {{times: 2, share: true, layers: [b, b]}}}}}}",
    "shared in a residual unit": "stages: {a: {repeat: {times: 2, share: true, layers: [add: [[conv: 4, relu], identity]]}}}",
    "several results, one of them returned": "stages: {a: {mean: [[{split: [2, 1, 1]}, {each: {layers: [sigmoid]}}, {concat: [identity]}], relu]}}",
    "several outputs": "stages: {a: {conv: 4}, b: [globalpool, linear: 3], c: {from: a, conv: 2}}\noutputs: [a, b, c]",
    "an output that is the input": "stages: {a: identity}",
    "outputs that are one value": "stages: {a: relu, b: identity, c: identity}\noutputs: [a, b, c]",
    "a parameter alone": "stages: {a: {parameter: [3]}}",
    "branches of which one is dropped in another": (
        "stages: {a: {add: [[{add: [[conv: 4, droppath: {p: 0.5, mode: batch}], identity]}, conv: 4, droppath: {p: 0.5, mode: batch}], identity]}}"
    ),
    "branches that are summed": (
        "stages: {a: {add: [[conv: 4, droppath: {p: 0.5, mode: batch}], [conv: 4, droppath: {p: 0.5, mode: batch}], identity]}}"
    ),
    "negative, large and small numbers": "stages: {a: [scale: {by: -2.5, plus: -1e-7}, scale: 1e20, scale: -1e-20, flatten: 1, token: -1]}",
}


@pytest.mark.parametrize("body", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_networks_are_printed_as_they_are_built(body: str) -> None:
    arch = archspec.load(HEAD + body)
    check_printed(arch, arch.build())


NAMES = [
    "nn",
    "torch",
    "F",
    "Tensor",
    "self_",
    "lambda_",
    "range",
    "super",
    "i",
    "x",
    "out",
    "kept",
    "a-b",
    "a_b",
    "_initialise",
]
NAMES += [
    "append",
    "keys",
    "pop",
    "values",
    "__x",
    "__len__",
    "_",
    "None_",
    "print",
    "DropPath",
    "operator",
    "07",
    "add",
]


@pytest.mark.parametrize("form", ["chain", "sum", "block", "inputs"])
def test_names_of_modules_are_those_of_the_spec_whatever_they_mean_in_python(form: str) -> None:
    layers = ", ".join(f"{name}: {{conv: {{out: 4, bias_init: 0}}}}" for name in NAMES)
    inputs = ", ".join(f"{name}: [2, 4, 4]" for name in NAMES)
    texts = {
        "chain": f"{HEAD}stages: {{{layers}}}",
        "sum": f"{HEAD}stages: {{a: {{add: {{{layers}}}}}}}",
        "block": f"{HEAD}blocks: {{none: {{layers: {{{layers}}}}}, true_: none}}\nstages: {{a: none, b: [true_, relu]}}",
        "inputs": f"name: class\ninputs: {{{inputs}}}\nstages: {{s: [each: {{layers: [conv: 2]}}, concat: [identity]]}}",
    }
    arch = archspec.load(texts[form])
    check_printed(arch, arch.build())


def test_arguments_of_blocks_may_mean_something_in_python() -> None:
    names = [
        "self",
        "nn",
        "torch",
        "F",
        "Tensor",
        "i",
        "range",
        "super",
        "training",
        "type",
        "lambda",
        "Unit",
        "é",
        "weight",
    ]
    for name in names:
        text = f"{HEAD}blocks: {{unit: {{args: {{{name}: int}}, layers: [{{conv: {name}}}, {{pad: {{channels: [0, {name}]}}}}]}}}}"
        arch = archspec.load(f"{text}\nstages: {{a: {{unit: 4}}, b: {{unit: 6}}}}")
        check_printed(arch, arch.build())


def test_what_a_spec_says_of_itself_stands_in_a_docstring_and_ends_none() -> None:
    for text in ('"""', "\\", "\x1b[31mred", "\u202eback", 'ends in "', "a\rb", "'''"):
        spec = {"name": f"net {text}", "source": text, "input": [4], "stages": {"a": "relu"}}
        arch = archspec.load(spec)
        found = arch.source(f"archspec build {text}")
        assert all(line.isprintable() for line in found.splitlines())
        check_printed(arch, arch.build())


@pytest.mark.slow
def test_deep_and_long_networks_are_printed_and_run() -> None:
    nested = ["b0: [conv: 4]", *(f"b{at}: [b{at - 1}, conv: 4]" for at in range(1, 150))]
    deep = f"{HEAD}blocks:\n" + "".join(f"  {line}\n" for line in nested) + "stages: {a: b149}"
    wide = f"{HEAD}stages: {{a: {{add: [copies: {{times: 400, layers: [conv: 4]}}]}}}}"
    drops = "conv: 4"
    for _ in range(20):
        drops = f"add: [[{drops}, droppath: {{p: 0.5, mode: batch}}], identity]"
    for text in (deep, wide, f"{HEAD}stages: {{a: [relu, {drops}]}}"):
        arch = archspec.load(text)
        check_printed(arch, arch.build())
