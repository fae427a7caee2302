"""Weight norm and spectral norm, compared with torch: names, outputs, gradients, and what becomes of them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import archspec
from tests.spec.references.normed import Discriminator, WaveNet

NETWORKS = Path(__file__).parents[1] / "spec" / "networks"
LAYERS: dict[str, tuple[str, str, Any]] = {
    "conv": ("[4, 6, 6]", "{out: 6, kernel: 3, groups: 2", lambda: nn.Conv2d(4, 6, 3, groups=2)),
    "convtranspose": ("{channels: 4, length: 6}", "{out: 3, kernel: 2, stride: 2", lambda: nn.ConvTranspose1d(4, 3, 2, 2)),
    "linear": ("[5, 4]", "{out: 3, bias: false", lambda: nn.Linear(4, 3, bias=False)),
}  # fmt: skip
RULES = {"weight_norm": {}, "spectral_norm": {"iterations": 2}}


def load(word: str, rule: str) -> archspec.Architecture:
    sizes, fields, _ = LAYERS[word]
    more = "".join(f", {name}: {value}" for name, value in RULES[rule].items())
    return archspec.load(
        f"{{name: layer, input: {sizes}, stages: {{layer: {{{word}: {fields}, parametrization: {rule}{more}}}}}}}}}"
    )


def make_twin(word: str, rule: str) -> nn.Module:
    names = {"iterations": "n_power_iterations"}
    options = {names[name]: value for name, value in RULES[rule].items()}
    layer: nn.Module = getattr(parametrizations, rule)(LAYERS[word][2](), **options)
    return nn.Sequential(layer)


def step(model: nn.Module, given: tuple[Tensor, ...]) -> list[Tensor]:
    """The output, the gradients and the buffers of one step of training."""
    made = model.train()(*given)
    made.square().sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return [made.detach(), *gradients, *model.buffers()]


def assert_equal(own: nn.Module, twin: nn.Module, *given: Tensor) -> None:
    """Two steps of training and an evaluation are the same to the bit."""
    for _ in range(2):
        assert all(map(torch.equal, step(own, given), step(twin, given)))
    assert torch.equal(own.eval()(*given), twin.eval()(*given))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("word", LAYERS)
def test_a_layer_is_torch_s(word: str, rule: str) -> None:
    arch, twin = load(word, rule), make_twin(word, rule)
    own = arch.build()
    names = {name.replace("layer.", "0."): value.shape for name, value in own.state_dict().items()}
    assert names == {name: value.shape for name, value in twin.state_dict().items()}
    assert arch.params == sum(weight.numel() for weight in twin.parameters())
    twin.load_state_dict(dict(zip(names, own.state_dict().values(), strict=True)), strict=True)
    assert_equal(own, twin, torch.randn(2, *next(iter(arch.input_shapes.values()))))


@pytest.mark.parametrize(
    ("name", "twin", "width"),
    [("wavenet", WaveNet, 12), ("sngan_discriminator", Discriminator, 16)],
)
def test_networks_are_those_of_torch(name: str, twin: Any, width: int) -> None:
    torch.manual_seed(0)
    arch = archspec.load(NETWORKS / f"{name}.yaml", width=width)
    own, other = arch.build(), twin(width)
    own.load_state_dict(other.state_dict(), strict=True)
    assert arch.params == sum(weight.numel() for weight in other.parameters())
    given = tuple(torch.randn(2, *sizes) for sizes in arch.input_shapes.values())
    assert torch.equal(own.eval()(*given), other.eval()(*given))
    mine, theirs = step(own, given), step(other, given)
    scale = max(float(value.abs().max()) for value in theirs)
    assert all(float((a - b).abs().max()) <= 1e-6 * scale for a, b in zip(mine, theirs, strict=True))


NORMED = """
name: normed
input: [4, 8, 8]
stages:
  conv: {conv: {out: 6, kernel: 3, bias: false, parametrization: weight_norm, init: {kind: orthogonal}}}
  bn: batchnorm
  up: {convtranspose: {out: 4, kernel: 2, stride: 2, parametrization: spectral_norm}}
  standard: {conv: {out: 5, kernel: 3, standardise: true, gain: 1.7}}
  pool: globalpool
  fc: {linear: {out: 3, parametrization: spectral_norm, init: 0.5}}
"""


@pytest.fixture(scope="module")
def trained() -> tuple[archspec.Architecture, nn.Module, Tensor]:
    arch, image = archspec.load(NORMED), torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    model = arch.build()
    with torch.no_grad():
        model(image)
        model.get_parameter("conv.parametrizations.weight.original0").mul_(3.0)
    return arch, model.eval(), image


def test_weights_are_computed_once_in_an_optimised_network(
    trained: tuple[archspec.Architecture, nn.Module, Tensor],
) -> None:
    arch, model, image = trained
    optimised = arch.optimize()
    assert sorted(optimised.build(device="meta").state_dict()) == [
        f"{layer}.{name}" for layer in ("conv", "fc", "standard", "up") for name in ("bias", "weight")
    ]
    faster = optimised.build(weights=model).eval()
    assert torch.allclose(faster(image), model(image), atol=1e-5)
    rows = faster.get_parameter("up.weight").detach().movedim(1, 0).flatten(1)
    assert float(torch.linalg.matrix_norm(rows, 2)) == pytest.approx(1.0, abs=0.05)


def test_weights_are_initialised_before_they_are_normed() -> None:
    model: Any = archspec.load(NORMED).build()
    rows = model.conv.weight.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(6), atol=1e-5)
    assert torch.allclose(model.fc.weight, torch.full((3, 5), 15**-0.5), atol=1e-5)
    names: dict[str, Any] = {"__name__": "made"}
    exec(archspec.load(NORMED).source(), names)  # noqa: S102 - our own text
    made = names["Normed"]()
    rows = made.conv.weight.flatten(1)
    assert torch.allclose(rows @ rows.T, torch.eye(6), atol=1e-5)
    assert torch.allclose(made.fc.weight, torch.full((3, 5), 15**-0.5), atol=1e-5)
    made.load_state_dict(model.state_dict(), strict=True)
    image = torch.randn(2, 4, 8, 8)
    assert_equal(model, made, image)


def test_exported_programs_compute_the_same(trained: tuple[archspec.Architecture, nn.Module, Tensor]) -> None:
    _, model, image = trained
    program = torch.export.export(model, (image,)).module()
    assert torch.allclose(program(image), model(image), atol=1e-6)


def test_an_import_finds_them() -> None:
    twin = make_twin("conv", "spectral_norm")
    found = archspec.imported(twin.eval(), (4, 6, 6))
    assert found.spec is not None
    assert "parametrization: spectral_norm, iterations: 2" in found.spec
    assert found.proof is not None
    assert found.proof.holds
    twin = nn.Sequential(parametrizations.orthogonal(nn.Linear(3, 3)))
    (problem,) = archspec.imported(twin, (3,)).problems
    assert problem.message == "torch.nn.Linear with the parametrization weight: _Orthogonal"


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("rule", RULES)
def test_checkpoints_of_torch_s_older_hooks_are_read(rule: str, tmp_path: Path) -> None:
    """`torch.nn.utils.weight_norm` and `spectral_norm`, which most published checkpoints have."""
    arch = load("conv", rule)
    layer = getattr(nn.utils, rule)(LAYERS["conv"][2]())
    old = nn.Sequential()
    old.add_module("layer", layer)
    torch.save(old.state_dict(), tmp_path / "old.pt")
    image = torch.randn(2, 4, 6, 6)
    with pytest.warns(archspec.WeightsNote, match="torch's older weight norm or spectral norm"):
        model = arch.build(weights=tmp_path / "old.pt")
    assert torch.allclose(model.eval()(image), old.eval()(image), atol=1e-6)


def test_a_layer_that_is_used_again_is_counted_once() -> None:
    text = "{name: a, input: [4], stages: {one: {linear: {out: 4, parametrization: weight_norm}}, two: {reuse: one}}}"
    arch = archspec.load(text)
    assert (arch.params, len(arch.build().state_dict())) == (4 * 4 + 4 + 4, 3)
    value = torch.randn(2, 4)
    plain = arch.build()
    assert torch.allclose(arch.optimize().build(weights=plain).eval()(value), plain(value), atol=1e-6)
