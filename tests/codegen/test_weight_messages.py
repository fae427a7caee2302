"""The exact messages that say why weights do not fit, with their advice."""

from __future__ import annotations

import argparse
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from archspec import Architecture, WeightsNote, load
from archspec.cli.commands import archspec as command
from archspec.codegen.errors import WeightsError
from tests.checkpoints import NET, Weights, save_zip, tiny, trained
from tests.weight_files import saved


@pytest.fixture(scope="module")
def weights() -> Weights:
    return trained(tiny())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.yaml").write_text(NET.replace(", inputs: 3", ""), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(*words: str) -> Result:
    return CliRunner().invoke(command, ["build", "net.yaml", "--device", "cpu", *words])


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, b"content")
    return buffer.getvalue()


def arrays(weights: Weights) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, *(weight.numpy() for weight in weights.values()))
    return buffer.getvalue()


NEITHER = "neither safetensors nor a whole torch checkpoint of tensors: "
NOT_THESE = "these are not the weights of this network: "
LOOSE = "--no-strict, or strict=False, takes what fits"
ALONE = "save the tensors alone: torch.save(model.state_dict(), file)"
OTHER_NAMES = "expected conv1.weight, bn1.weight, bn1.bias and 5 more, got "


def without(weights: Weights, part: str) -> Weights:
    return {name: weight for name, weight in weights.items() if part not in name}


def replaced(weights: Weights, *pairs: tuple[str, str]) -> Weights:
    names = {name: name for name in weights}
    for old, new in pairs:
        names = {name: now.replace(old, new) for name, now in names.items()}
    return {names[name]: weight for name, weight in weights.items()}


def below(prefix: str, weights: Weights) -> Weights:
    return {prefix + name: weight for name, weight in weights.items()}


LINES: dict[str, tuple[Callable[[Weights], bytes], str, str]] = {
    "pointer": (
        lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 46830571\n",
        NEITHER + "it is a Git LFS pointer to a file of 46.8 MB",
        "fetch the file itself: git lfs pull",
    ),
    "page": (
        lambda _: b"\n<!doctype html>\n<html><head><title>Virus scan warning</title>",
        NEITHER + "it is an HTML page, not the file that was asked for",
        "the server answered with a page: a login, a confirmation or an error; download the file again",
    ),
    "xml": (
        lambda _: b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        NEITHER + "it is an XML document, as a server answers with an error",
        "download the file again",
    ),
    "json": (
        lambda _: b'{"error": "Invalid username or password."}',
        NEITHER + "it is JSON, as a server answers with an error; an index of shards ends in .index.json",
        "",
    ),
    "run": (
        lambda _: archive("run1/log.txt", "run1/best.pth"),
        NEITHER + "a zip archive with run1/best.pth in it",
        "unpack it, and name that file",
    ),
    "arrays": (
        arrays,
        NEITHER + "an archive of NumPy's arrays",
        "give them as a mapping: arch.build(weights=dict(numpy.load(file)))",
    ),
    "namespace": (
        lambda _: saved(argparse.Namespace(lr=0.1)),
        NEITHER + "it holds argparse.Namespace, which is no tensor, mapping, list, number or text",
        ALONE,
    ),
    "keys": (
        lambda _: saved({"epoch": 1, "lr": 0.1, "args": argparse.Namespace()}),
        "expected tensors by name, got the keys epoch, lr, args without tensors below them; argparse.Namespace in it was not read",
        "",
    ),
    "optimizer": (
        lambda weights: saved({"state": {0: {"momentum_buffer": weights["fc.bias"]}}, "param_groups": [{"lr": 0.1}]}),
        "expected tensors by name, got the state of an optimizer",
        "",
    ),
    "module": (
        lambda _: saved(torch.nn.Sequential(torch.nn.Linear(3, 3))),
        NOT_THESE
        + f"of its 2 names, all below '0.', none is the network's: {OTHER_NAMES}0.weight, 0.bias; "
        + "it is a pickled torch.nn.modules.container.Sequential, whose state_dict was read and of which nothing was run",
        "",
    ),
    "more": (
        lambda weights: saved({"state_dict": below("model.", weights) | {"criterion.weight": torch.ones(7)}}),
        NOT_THESE + "it has all of the network's tensors and 1 more: criterion.weight; "
        "the prefix 'model.' of 8 of 9 names was left out",
        LOOSE,
    ),
    "fewer": (
        lambda weights: saved(without(weights, "bn1")),
        NOT_THESE + "4 of the network's 7 tensors are missing: bn1.weight, bn1.bias, bn1.running_mean and 1 more",
        LOOSE,
    ),
    "head": (
        lambda weights: saved(weights | {"fc.weight": torch.ones(1000, 8), "fc.bias": torch.ones(1000)}),
        NOT_THESE + "the head fc has 1000 classes, expected 7",
        'adapt them with --adapt head, or adapt="head"',
    ),
    "grey": (
        lambda weights: saved(below("module.", weights | {"conv1.weight": torch.ones(8, 1, 3, 3)})),
        NOT_THESE + "conv1.weight is for 1 input channel, expected 3; the prefix 'module.' of all 8 names was left out",
        'adapt them with --adapt channels, or adapt="channels"',
    ),
    "kernel": (
        lambda weights: saved(weights | {"conv1.weight": torch.ones(8, 3, 7, 7)}),
        NOT_THESE + "conv1.weight is for patches of 7×7, expected 3×3",
        'adapt them with --adapt patches, or adapt="patches"',
    ),
    "sibling": (
        lambda _: saved(load("cifar_resnet20_A").build().state_dict()),
        NOT_THESE + "it has the tensors of cifar_resnet20_A",
        "build cifar_resnet20_A",
    ),
    "several": (
        lambda weights: saved({"model": weights, "ema": {name: weight + 1 for name, weight in weights.items()}}),
        "several of its parts fit the network equally well: model, ema",
        "name the one that is meant: several.pt#model",
    ),
    "type": (
        lambda weights: saved(weights | {"fc.weight": weights["fc.weight"].to(torch.int8)}),
        NOT_THESE + "1 of another type; expected 8 tensors, got 8",
        "",
    ),
}
"""By name: how a file is made, the message, and its advice."""


@pytest.mark.parametrize("name", LINES)
def test_the_line_says_what_differs(name: str, weights: Weights, folder: Path) -> None:
    make, message, help = LINES[name]
    (folder / f"{name}.pt").write_bytes(make(weights))
    done = build("--weights", f"{name}.pt")
    first, *rest = done.stderr.splitlines()
    assert done.exit_code == 2
    assert first == f"Error: {name}.pt: {message}"
    assert [line for line in rest if line.startswith("help:")] == ([f"help: {help}"] if help else [])
    assert all(line.startswith(("  missing", "  unexpected", "  mis-", "help:")) for line in rest)


@pytest.mark.parametrize("name", LINES)
def test_the_same_as_data(name: str, weights: Weights, folder: Path) -> None:
    make, message, help = LINES[name]
    (folder / f"{name}.pt").write_bytes(make(weights))
    done = build("--weights", f"{name}.pt", "--json", "-o", "net.safetensors")
    assert done.exit_code == 2
    data = json.loads(done.stdout)
    assert (data["error"], data["help"]) == (f"{name}.pt: {message}", help or None)
    assert ("weights" in data) == message.startswith(NOT_THESE)
    assert not (folder / "net.safetensors").exists()


def test_the_table_as_data(weights: Weights, folder: Path) -> None:
    given = without(weights, "bn1.bias") | {"fc.bias": torch.ones(9), "more": torch.ones(1)}
    save_zip(given | {"conv1.weight": weights["conv1.weight"] > 0}, folder)
    data = json.loads(build("--weights", "w.pth.tar", "--json").stdout)["weights"]
    assert data == {
        "source": "w.pth.tar",
        "taken": 5,
        "total": 8,
        "available": 8,
        "notes": [],
        "fresh": ["conv1.weight", "bn1.bias", "fc.bias"],
        "missing": ["bn1.bias"],
        "unexpected": ["more"],
        "misshaped": {"fc.bias": {"expected": [7], "got": [9]}},
        "mistyped": {"conv1.weight": {"expected": "float32", "got": "bool"}},
    }


def test_what_was_done_as_data_and_as_notes(weights: Weights, folder: Path) -> None:
    save_zip(below("module.", weights), folder)
    note = "the prefix 'module.' of all 8 names was left out"
    done = build("--weights", "w.pth.tar")
    assert (done.exit_code, done.stderr) == (0, f"note: w.pth.tar: {note}\n")
    done = build("--weights", "w.pth.tar", "--json")
    assert done.stderr == ""
    assert json.loads(done.stdout)["weights"]["notes"] == [note]
    done = build("--weights", "w.pth.tar", "--json", "-o", "net.safetensors")
    assert json.loads(done.stdout)["weights"]["taken"] == 8


def test_without_strictness_the_first_line_counts(weights: Weights, folder: Path) -> None:
    save_zip(below("module.", without(weights, "fc.bias")) | {"module.more": torch.ones(1)}, folder)
    done = build("--weights", "w.pth.tar", "--no-strict")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "warning: w.pth.tar: 7 of 8 tensors taken, 1 of its 8 left out",
        "  missing     fc.bias",
        "  unexpected  more",
        "note: w.pth.tar: the prefix 'module.' of all 8 names was left out",
    ]
    save_zip(weights, folder)
    done = build("--weights", "w.pth.tar", "--no-strict")
    assert done.stderr == "note: w.pth.tar: 8 of 8 tensors taken, 0 of its 8 left out\n"


@pytest.mark.parametrize("ending", [".safetensors", ".onnx"])
def test_nothing_taken_is_an_error_and_nothing_is_written(ending: str, folder: Path) -> None:
    save_zip({"a.weight": torch.ones(1)}, folder)
    done = build("--weights", "w.pth.tar", "--no-strict", "-o", f"net{ending}")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[0] == (
        "Error: w.pth.tar: 0 of 7 tensors taken, 1 of its 1 left out: "
        f"of its 1 name, none is the network's: {OTHER_NAMES}a.weight"
    )
    assert not (folder / f"net{ending}").exists()


def test_a_file_that_is_not_there_as_data(folder: Path) -> None:
    done = build("--weights", "none.pt", "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]) == (2, "none.pt: No such file or directory")


def test_an_address_is_not_fetched(folder: Path) -> None:
    done = build("--weights", "https://example.org/resnet50.pth")
    assert done.exit_code == 2
    first, advice = done.stderr.splitlines()
    assert first == "Error: https://example.org/resnet50.pth: an address, of which archspec fetches nothing"
    assert advice.startswith("help: download the file first")


def test_adapting_on_the_command_line(weights: Weights, folder: Path) -> None:
    save_zip(weights, folder)
    done = build("--weights", "w.pth.tar", "--set", "classes=3", "--adapt", "head,channels")
    assert (done.exit_code, done.stderr) == (
        0,
        "note: w.pth.tar: the head fc of 7 classes was left out; that of 3 is fresh\n",
    )
    done = build("--weights", "w.pth.tar", "--adapt", "heads")
    assert done.stderr == "Error: adapt has 'heads', expected some of head, channels, positions, patches\n"


def test_an_experiment_reads_the_same_files(weights: Weights, folder: Path) -> None:
    spec = "name: row\ninput: [64]\nstages: {one: {add: [{linear: 64}, identity]}, fc: {linear: 10}}\n"
    (folder / "row.yaml").write_text(spec, encoding="utf-8")
    own = trained(load(spec))
    save_zip({"state_dict": below("module.", own), "args": argparse.Namespace()}, folder)
    run = ["experiment", "lesion", "row.yaml", "--device", "cpu", "--json"]
    done = CliRunner().invoke(command, [*run, "--weights", "w.pth.tar"])
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "note: w.pth.tar: the prefix 'module.' of all 4 names was left out",
        "note: w.pth.tar: argparse.Namespace in it was not read",
    ]
    assert json.loads(done.stdout)[0]["network"] == "row"
    save_zip(weights, folder)
    done = CliRunner().invoke(command, [*run, "--weights", "w.pth.tar"])
    assert done.exit_code == 2
    assert NOT_THESE in json.loads(done.stdout)["error"]


def test_the_sibling_with_an_auxiliary_head() -> None:
    theirs = {
        f"module.{name}": weight for name, weight in load("googlenet_aux").build(device="meta").state_dict().items()
    }
    given = {name: torch.empty(weight.shape, dtype=weight.dtype) for name, weight in theirs.items()}
    with pytest.raises(WeightsError) as caught:
        load("googlenet").build(weights=given)
    assert "it has the tensors of googlenet_aux" in caught.value.message
    assert caught.value.help == f"build googlenet_aux; {LOOSE}"


@pytest.mark.parametrize("given", [3, "", ["a"]])
def test_what_is_neither_a_file_nor_a_mapping(given: Any) -> None:
    with pytest.raises(WeightsError, match="expected a file of weights"):
        tiny().build(weights=given)


def test_an_empty_network_takes_nothing() -> None:
    empty: Architecture = load("name: none\ninput: [3]\nstages: {one: relu}\n")
    with pytest.raises(WeightsError, match=r"it has all of the network's tensors and 1 more: a"):
        empty.build(weights={"a": torch.ones(1)})


def test_the_page_about_weights_runs(weights: Weights, folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    torch.save({"state_dict": without(weights, "fc.bias") | {"more": torch.ones(1)}}, folder / "last.ckpt")
    done = build("--weights", "last.ckpt", "--no-strict")
    assert f"\n{done.stderr.splitlines()[0]}\n" in page
    torch.save({"state_dict": weights}, folder / "last.ckpt")
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeightsNote)
        for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
            exec(code, names)  # noqa: S102 - our own text
    assert names["reports"][0].taken == 6
