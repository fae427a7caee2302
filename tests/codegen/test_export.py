"""Exports compute the same, weights can be read back, and failed exports write nothing."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import archspec
from archspec.cli.commands import archspec as command
from archspec.codegen.errors import WeightsError, WeightsWarning
from archspec.codegen.fx.checkpoint import read_weights
from archspec.codegen.fx.weight_files import compare_weights
from tests.references import torchvision
from tests.sample import Load, networks

SMALL = """
name: small
input: [3, 8, 8]
args: {classes: 5}
stages:
  conv: {conv: {out: 4, kernel: 3}}
  bn: batchnorm
  relu: relu
  pool: globalpool
  fc: {linear: classes}
"""


@pytest.fixture
def small() -> archspec.Architecture:
    return archspec.load(SMALL)


def outputs(model: torch.nn.Module, given: list[torch.Tensor]) -> list[torch.Tensor]:
    with torch.no_grad():
        found = model(*given)
    return list(found) if isinstance(found, tuple) else [found]


@pytest.mark.parametrize("load", networks("lstm", slow=("resnet18", "cifar10_densenet_40_k12", "highway_mnist_fc10")))
def test_onnx_is_the_same_function_for_every_batch(load: Load, tmp_path: Path) -> None:
    arch = load()
    arch.save(tmp_path / "net.onnx")
    content = (tmp_path / "net.onnx").read_bytes()
    onnx.checker.check_model(content)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == list(arch.input_shapes)
    for batch in (1, 3):
        given = [torch.randn(batch, *sizes) for sizes in arch.input_shapes.values()]
        found = session.run(None, {one.name: x.numpy() for one, x in zip(session.get_inputs(), given, strict=True)})
        for mine, theirs in zip(outputs(arch.build().eval(), given), found, strict=True):
            np.testing.assert_allclose(mine.numpy(), theirs, rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("load", networks("cifar_resnet20_A", slow=["resnet18", "cifar10_densenet_40_k12"]))
def test_an_optimised_network_leaves_in_every_form(load: Load, tmp_path: Path) -> None:
    arch = load()
    given = [torch.randn(3, *sizes) for sizes in arch.input_shapes.values()]
    (expected,) = outputs(arch.build().eval(), given)
    arch.optimize().save(tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession((tmp_path / "net.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": given[0].numpy()})
    np.testing.assert_allclose(expected.numpy(), found, rtol=0, atol=1e-4)
    arch.optimize().save(tmp_path / "net.pt2")
    program = torch.export.load(io.BytesIO((tmp_path / "net.pt2").read_bytes())).module()
    assert (expected - outputs(program, given)[0]).abs().max() <= 1e-5 * expected.abs().max()
    arch.optimize().save(tmp_path / "net.safetensors")
    weights = load_file(tmp_path / "net.safetensors")
    model = arch.optimize().build(seed=5).eval()
    model.load_state_dict(weights)
    assert (expected - outputs(model, given)[0]).abs().max() <= 1e-5 * expected.abs().max()
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        assert file.metadata()["archspec.optimized"] == "inference"


@pytest.mark.parametrize(
    "load", networks("lstm", slow=["cifar10_densenet_40_k12", "stochastic_depth_resnet110_cifar10"])
)
def test_pt2_is_the_same_function_for_every_batch(load: Load, tmp_path: Path) -> None:
    arch = load()
    arch.save(tmp_path / "net.pt2")
    program = torch.export.load(io.BytesIO((tmp_path / "net.pt2").read_bytes())).module()
    for batch in (1, 3):
        given = [torch.randn(batch, *sizes) for sizes in arch.input_shapes.values()]
        for mine, theirs in zip(outputs(arch.build().eval(), given), outputs(program, given), strict=True):
            assert (mine - theirs).abs().max() <= 1e-5


def test_safetensors_hold_the_weights_and_the_spec(tmp_path: Path) -> None:
    arch = archspec.load(SMALL, classes=7)
    path = tmp_path / "net.safetensors"
    arch.save(path, seed=3)
    with safe_open(path, "pt") as file:
        about = file.metadata()
    assert about["archspec.spec"] == SMALL
    assert about["archspec.sha256"] == hashlib.sha256(SMALL.encode()).hexdigest()
    assert about["archspec.set.classes"] == "7"
    built = arch.build(weights=path)
    for key, tensor in arch.build(seed=3).state_dict().items():
        assert torch.equal(built.state_dict()[key], tensor)


@pytest.mark.parametrize("wrap", [None, "state_dict", "model"])
def test_a_torch_checkpoint_is_taken(wrap: str | None, small: archspec.Architecture, tmp_path: Path) -> None:
    state = small.build(seed=3).state_dict()
    torch.save(state if wrap is None else {wrap: state, "epoch": 3}, tmp_path / "net.pth")
    built = small.build(weights=tmp_path / "net.pth")
    assert all(torch.equal(built.state_dict()[key], tensor) for key, tensor in state.items())


def test_a_checkpoint_with_code_in_it_is_refused(small: archspec.Architecture, tmp_path: Path) -> None:
    torch.save(SimpleNamespace(a=1), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="neither safetensors nor a whole torch checkpoint of tensors"):
        small.build(weights=tmp_path / "net.pth")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_an_error(ending: str, share: float, small: archspec.Architecture, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    state = small.build().state_dict()
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError):
        small.build(weights=path)


def test_what_does_not_fit_stands_in_a_table(small: archspec.Architecture, tmp_path: Path) -> None:
    state = small.build(seed=3).state_dict()
    state["fc.weight"] = torch.zeros(2, 4)
    state["more"] = torch.zeros(1)
    del state["bn.weight"]
    save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(WeightsError) as caught:
        small.build(weights=tmp_path / "net.safetensors")
    lines = str(caught.value).splitlines()[1:]
    assert [line.split() for line in lines] == [
        ["missing", "bn.weight"],
        ["unexpected", "more"],
        ["mis-shaped", "fc.weight", "expected", "5×4,", "got", "2×4"],
    ]
    with pytest.warns(WeightsWarning, match="7 of 9 tensors taken, 2 of its 9 left out"):
        loose = small.build(weights=tmp_path / "net.safetensors", strict=False).state_dict()
    assert torch.equal(loose["conv.weight"], state["conv.weight"])
    assert torch.equal(loose["fc.weight"], small.build().state_dict()["fc.weight"])


def test_torchvisions_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    models = torchvision().models
    asked = []

    def get_model(name: str, weights: str) -> torch.nn.Module:
        asked.append((name, weights))
        model: torch.nn.Module = models.resnet18()
        return model

    monkeypatch.setattr(models, "get_model", get_model)
    arch = archspec.load("resnet18")
    assert arch.build(weights="torchvision:resnet18").state_dict()["fc.weight"].shape == (1000, 512)
    assert asked == [("resnet18", "DEFAULT")]
    with pytest.raises(WeightsError, match="torchvision has no network 'resnet19'"):
        read_weights("torchvision:resnet19")


def test_equal_weights_fit() -> None:
    assert compare_weights({"a": torch.zeros(1)}, {"a": torch.zeros(1)}).exact


@pytest.mark.parametrize("ending", archspec.list_endings("source", "program", "weights"))
def test_the_command_writes_each_form(ending: str, tmp_path: Path) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(SMALL, encoding="utf-8")
    out = tmp_path / f"net{ending}"
    done = CliRunner().invoke(command, ["build", str(spec), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert out.stat().st_size > 500
    assert sorted(one.name for one in tmp_path.iterdir()) == [out.name, "small.yaml"]


def test_the_command_optimises(tmp_path: Path) -> None:
    out = tmp_path / "net.py"
    done = CliRunner().invoke(command, ["build", "resnet18", "--optimize", "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "BatchNorm" not in out.read_text(encoding="utf-8")
    assert "archspec build resnet18 --optimize -o" in out.read_text(encoding="utf-8")
    done = CliRunner().invoke(command, ["build", "resnet18", "--optimize", "--json", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["params"] == archspec.load("resnet18").optimize().params


@pytest.mark.parametrize("ending", [".pt2", ".onnx", ".safetensors"])
def test_wrong_weights_write_nothing(ending: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.safetensors").write_bytes(b"nothing")
    out = tmp_path / f"net{ending}"
    out.write_text("old", encoding="utf-8")
    done = CliRunner().invoke(
        command, ["build", "lstm", "--weights", str(tmp_path / "wrong.safetensors"), "-o", str(out)]
    )
    assert done.exit_code == 2
    assert "not a whole safetensors file" in done.output
    assert out.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "net.txt"], "ends in .py, .pt2, .onnx, .safetensors, .pt, .pth, not 'net.txt'"),
        (["-o", "no/such/folder/net.py"], "no/such/folder/net.py: no such folder: no/such/folder"),
        (["--weights", "no-such-file.pth"], "No such file or directory"),
        (["--weights", "a.pth", "-o", "net.py"], "source holds no weights"),
    ],
)
def test_what_cannot_be_done_is_the_command_lines_fault(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, ["build", "lstm", *arguments])
    assert done.exit_code == 2
    assert said in done.output
    assert not list(tmp_path.iterdir())


def test_weights_that_are_left_out_are_named(small: archspec.Architecture, tmp_path: Path) -> None:
    spec, weights = tmp_path / "small.yaml", tmp_path / "part.safetensors"
    spec.write_text(SMALL, encoding="utf-8")
    state = small.build().state_dict()
    del state["fc.bias"]
    save_file(state, weights)
    done = CliRunner().invoke(
        command, ["build", str(spec), "--weights", str(weights), "--no-strict", "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    assert "fc.bias" in done.output
    assert set(load_file(weights)) == set(state)
