"""torch.jit.script and torch.jit.trace take every network."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

import archspec
from tests.grammar.modules import noise
from tests.passes.outputs import evaluated
from tests.sample import SMALL, bundled, computable, sampled, small


def load(name: str) -> archspec.Architecture:
    return small(name) if name in SMALL else bundled(name)


def run(model: Any, given: list[Tensor]) -> tuple[Tensor, ...]:
    with torch.no_grad():
        out = model(*given)
    return tuple(out) if isinstance(out, tuple) else (out,)


def save_and_load(scripted: Any) -> Any:
    file = io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    return torch.jit.load(file)  # type: ignore[no-untyped-call]


def check_scripts(model: Any, given: list[Tensor], *, thoroughly: bool = True) -> None:
    """That a network is scripted and traced as the same function; thoroughly, also after saving, and in training."""
    expected = run(model.eval(), given)
    close: Any = {"rtol": 1e-4, "atol": 1e-5 * max(value.abs().max().item() for value in expected)}
    scripted = torch.jit.script(model)
    torch.testing.assert_close(run(scripted, given), expected, **close)
    if thoroughly:
        torch.testing.assert_close(run(save_and_load(scripted), given), expected, **close)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        traced = torch.jit.trace(model.eval(), tuple(given), check_trace=False)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(run(traced, given), expected, **close)
    if thoroughly:
        run(scripted.train(), given)  # last: running statistics are the network's own


EVERY_KIND = (
    "cifar10_densenet_40_k12",
    "fractalnet20_droppath",
    "lstm",
    "resnetv2_18",
    "stochastic_depth_resnet110_cifar10",
    "vit_b_16",
)
"""Growing values, drop-path, several inputs and outputs, blocks of equal structure, branches under an `if`, attention."""


@pytest.mark.parametrize("name", computable({"fractalnet20_droppath", "vit_b_16"}))
def test_every_network_is_scripted_and_traced(name: str) -> None:
    arch = load(name)
    check_scripts(evaluated(arch, torch.float32), list(noise(arch)), thoroughly=name in EVERY_KIND)


@pytest.mark.parametrize("name", sampled(sorted(SMALL), {"cifar10_densenet_40_k12", "llama3_8b"}))
def test_an_optimised_network_is_scripted_and_traced(name: str) -> None:
    arch = load(name)
    check_scripts(arch.optimize().build(), list(noise(arch)))


def test_a_network_of_any_name_is_scripted() -> None:
    spec = "{name: my-net, input: [3, 8, 8], stages: {a-stage: [{conv: 4}, relu], b: {conv: 2}}}"
    arch = archspec.load(spec)
    check_scripts(arch.build(), list(noise(arch)))


def test_a_network_that_recomputes_blocks_is_scripted() -> None:
    arch = small("resnet18")
    check_scripts(arch.build(checkpoint="blocks"), list(noise(arch)))


def test_a_scripted_part_has_the_face_of_a_sequential() -> None:
    scripted: Any = torch.jit.script(small("vgg11").build(device="meta"))
    assert len(scripted.classifier) == 9
    assert [type(layer) for layer in scripted.classifier[:2]] == [nn.Dropout, nn.Linear], (
        "torch gives the modules that were scripted"
    )


def test_stochastic_depth_is_drawn_by_a_script() -> None:
    torch.manual_seed(0)
    scripted = torch.jit.script(small("stochastic_depth_resnet110_cifar10").build().train())
    given = noise(small("stochastic_depth_resnet110_cifar10"))
    with torch.no_grad():
        assert len({round(scripted(*given).sum().item(), 4) for _ in range(8)}) > 1
