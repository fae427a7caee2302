"""Printed source: the same network, in code that people would have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archspec
from archspec.backends.source import families
from archspec.backends.source.defaults import DEFAULTS
from tests.processes import run_python
from tests.sample import SMALL, bundled, sampled, small

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
"""What is changed for the sake of time: the code is the same but for numbers."""
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


def printed(text: str) -> nn.Module:
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(text, "<printed>", "exec"), names)  # noqa: S102 - this is what the text is for
    classes = [one for one in names.values() if isinstance(one, type) and one.__module__ == "printed"]
    model = classes[-1]()
    assert isinstance(model, nn.Module)
    return model


def load(name: str) -> archspec.Architecture:
    return archspec.load({"extends": name, "name": name, **LARGE[name]} if name in LARGE else name)


def noise(arch: archspec.Architecture) -> list[torch.Tensor]:
    return [torch.randn(2, *sizes) for sizes in arch.input_shapes.values()]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_network_is_printed_as_the_same_function(name: str) -> None:
    check_printed(small(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_the_printed_network_is_the_same_function(name: str) -> None:
    check_printed(load(name))


def check_printed(arch: archspec.Architecture) -> None:
    built, model = arch.build(), printed(arch.source())
    built.load_state_dict(model.state_dict(), strict=True)
    model.load_state_dict(built.state_dict(), strict=True)
    assert list(model.state_dict()) == list(built.state_dict())
    given = noise(arch)
    for training in (False, True):
        outputs = []
        for one in (built.train(training), model.train(training)):
            torch.manual_seed(1)
            with torch.no_grad():
                found = one(*given)
            outputs.append(found if isinstance(found, tuple) else (found,))
        for mine, theirs in zip(*outputs, strict=True):
            assert torch.equal(mine, theirs), training


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


@pytest.mark.parametrize("linter", sampled(LINTERS, {"check", "format"}))
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


def test_a_formula_gives_its_numbers() -> None:
    assert families.derived("width", (64, 128), (256, 512)) == "4 * width"
    assert families.derived("kernel", (1, 3, 7), (0, 1, 3)) == "kernel // 2"
    assert families.derived("width", (64, 128), (65, 128)) is None


def test_the_generator_needs_no_torch() -> None:
    code = "import sys, archspec; archspec.load('lstm').source(); print('torch' in sys.modules)"
    assert run_python("-c", code).stdout.strip() == "False"
