"""Networks at other sizes of their inputs: the same as with those sizes in the spec, as torch counts it, or an answer that says what to do."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.utils.flop_counter import FlopCounterMode

import archspec
from archspec.ir.text import format_graph
from tests.cli.surface import commands, run, words, write_spec
from tests.references import torchvision
from tests.sample import every_spec

PLAIN = "name: plain\ninput: [3, 16, 16]\nstages: {conv: {conv: 4}, flat: flatten, fc: {linear: 2}}"
SQUARE = "name: square\nargs: {side: 8}\ninput: [3, side, side]\nstages: {conv: {conv: 4}, pool: globalpool, fc: {linear: 2}}"
SIDED = SQUARE.replace("{linear: 2}", "{linear: side}")


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("resnet50", (320, 256), {}),
        ("densenet121", (256, 256), {}),
        ("mobilenet_v2", (320, 192), {}),
        ("vgg16", (256, 320), {}),
        ("alexnet", (512, 512), {}),
        ("googlenet", (256, 224), {"aux_logits": False, "init_weights": False}),
        ("vit_b_16", (384, 384), {"image_size": 384}),
    ],
)
def test_counts_at_another_size_are_those_of_torch(name: str, size: tuple[int, int], options: dict[str, Any]) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = getattr(torchvision().models, name)(**options).eval()
        outputs = model(torch.zeros(1, 3, *size))
    arch = archspec.load(name, input=(3, *size))
    assert arch.macs == counter.get_total_flops() / 2
    assert arch.params == sum(weight.numel() for weight in model.parameters())
    assert arch.output_shapes == {"output": outputs.shape[1:]}


def test_sizes_from_outside_are_those_of_the_spec(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(PLAIN)
    expected = format_graph(archspec.load(PLAIN.replace("[3, 16, 16]", "[3, 24, 20]")).graph)
    for given in (
        (3, 24, 20),
        [3, 24, 20],
        "3,24,20",
        "3x24x20",
        "3×24×20",
        "[3, 24, 20]",
        torch.Size((3, 24, 20)),
        np.array([3, 24, 20]),
        "input=3,24,20",
        {"input": "3 24 20"},
    ):
        assert format_graph(archspec.load(path, input=given).graph) == expected


def test_a_size_that_is_an_argument_is_its_value() -> None:
    whole = archspec.load("lstm", input={"sequence": (8, 12)})
    assert whole.input_shapes == {"sequence": (8, 12), "h": (20,), "c": (20,)}
    assert format_graph(whole.graph) == format_graph(archspec.load("lstm", steps=8, features=12).graph)
    assert archspec.load("lstm", input={"h": 7}).input_shapes["c"] == (7,)
    assert archspec.load(SIDED, input=(3, 9, 9)).output_shapes == {"output": (9,)}
    assert archspec.load(SQUARE, input=(3, 9, 12)).input_shapes == {"input": (3, 9, 12)}  # nothing else reads it
    named = archspec.load(
        "name: a\ninput: {channels: 4, length: 100}\nstages: {conv: {conv: {out: 2, kernel: 3}}}", input="2,50"
    )
    assert named.output_shapes == {"output": (2, 48)}


def test_positions_grow_with_the_picture() -> None:
    small: dict[str, Any] = {"depth": 1, "heads": 2, "width": 16, "mlp": 16}
    arch = archspec.load("vit_b_16", input=(3, 64, 96), **small)
    assert dict(arch.graph.weight_shapes)["encoder.pos_embedding"] == (1, 4 * 6 + 1, 16)
    (warning,) = arch.warnings
    assert "encoder.pos_embedding" in warning.message and "--adapt positions" in str(warning.help)
    weights = archspec.load("vit_b_16", **small).build(seed=1).state_dict()
    with pytest.raises(archspec.WeightsError, match="14×14 positions, expected 4×6"):
        arch.build(weights=weights)
    with pytest.warns(archspec.WeightsNote, match="resized from 14×14 to 4×6"):
        arch.build(weights=weights, adapt="positions")


WRONG = [
    ("resnet18", "512", "got 512", "all sizes are needed: 3,512,512"),
    ("resnet18", "512x384", "got 512,384", "the channels come first: 3,512,384"),
    ("resnet18", "512,384,3", "got 512,384,3", "the channels come first: 3,512,384"),
    ("resnet18", "1,3,512,384", "got 1,3,512,384", "an input has no batch: 3,512,384"),
    ("resnet18", "N,3,512,384", "got N,3,512,384", "an input has no batch: 3,512,384"),
    ("resnet18", "-1,512,384", "got -1,512,384", "an input has no batch"),
    ("resnet18", "3,512,5.5", "a whole number of at least 1, got '5.5'", None),
    ("resnet18", "3,0,224", "a whole number of at least 1, got '0'", None),
    ("resnet18", "", "at least one size, got none", "for example 3,512,512"),
    ("resnet18", "image=3,64,64", "resnet18 has no input 'image'", "there is input"),
    ("resnet18", "3,1000000000000,4", "an input has at most", None),
    ("lstm", "5,10", "lstm has 3 inputs: sequence, h, c", "say which one: sequence=5,10"),
    ("lstm", "sequenc=5,10", "lstm has no input 'sequenc'", "did you mean 'sequence'?"),
    ("lstm", "h=5,10", "got 5,10", "an input has no batch: 10"),
    ("lstm", "sequence=5", "[steps, features] (tokens, features); got 5", "for example 5,10"),
    ("vgg16", "3,16,16", "a kernel of 2 does not fit into 1×1", None),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "given", "message", "advice"), WRONG)
def test_sizes_that_are_none_get_an_answer(spec: str, given: str, message: str, advice: str | None) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(spec, input=given)
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert diagnostic.help == advice
    assert "input=" in str(diagnostic)


@pytest.mark.parametrize(
    ("text", "given", "overrides", "message"),
    [
        (SIDED, (3, 8, 9), {}, "height and width of the input are both 'side' in square, got 8 and 9"),
        (SIDED, (3, 9, 9), {"side": 8}, "the height is 'side', which is given as 8, got 9"),
        (SIDED.replace("side, side]", "2 * side, side]"), (3, 8, 8), {}, "the height is 2 * side in square, got 8"),
    ],
)
def test_sizes_that_an_argument_cannot_have(text: str, given: Any, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(archspec.SpecError, match=message.replace("*", r"\*")):
        archspec.load(text, input=given, **overrides)


def test_a_parameter_of_fixed_size_says_what_would_let_it_grow() -> None:
    text = "name: fixed\ninput: [3, 8, 8]\nstages: {flat: [flatten: 1], add: {add: [identity, {parameter: [3, 64]}]}}\n"
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(text, input=(3, 12, 12))
    (diagnostic,) = caught.value.diagnostics
    assert "make it arithmetic of arguments" in str(diagnostic.help)
    assert diagnostic.notes[-1].text == "input is 3×12×12 in the place of 3×8×8"


def test_weights_of_another_size_are_warned_of() -> None:
    (warning,) = archspec.load(PLAIN, input=(3, 20, 20)).warnings
    assert warning.message == "the weights of fc (linear) depend on the size of the input: 2×1600 here"
    assert "globalpool" in str(warning.help)
    assert not archspec.load(PLAIN, input=(1, 16, 16)).warnings  # other channels are meant to have other weights
    assert not archspec.load("resnet18", input=(3, 96, 64)).warnings


def test_what_a_spec_expects_is_about_its_own_size() -> None:
    assert archspec.check("resnet18", input=(3, 96, 64)) == ()
    assert [found.severity for found in archspec.check("resnet18", input=(3, 96))] == ["error"]
    assert archspec.load("resnet18", input=(3, 96, 64)).check_expectations()


@pytest.mark.parametrize("spec", [SQUARE, SIDED, PLAIN])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_saved_spec_has_the_input(spec: str, tmp_path: Path, *, from_file: bool) -> None:
    (tmp_path / "own.yaml").write_text(spec)
    arch = archspec.load(tmp_path / "own.yaml" if from_file else spec, input=(4, 24, 24))
    arch.save(tmp_path / "large.yaml")
    again = archspec.load(tmp_path / "large.yaml")
    assert again.input_shapes == {"input": (4, 24, 24)}
    assert format_graph(again.graph) == format_graph(arch.graph)


def test_files_say_the_input(tmp_path: Path) -> None:
    archspec.load(PLAIN, input=(3, 20, 24)).save(tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        assert file.metadata()["archspec.input.input"] == "3,20,24"
    archspec.load(PLAIN, input=(3, 20, 24)).save_pretrained(tmp_path / "folder")
    assert archspec.load(tmp_path / "folder").input_shapes == {"input": (3, 20, 24)}
    model = archspec.from_pretrained(tmp_path / "folder", input=(3, 20, 24))
    assert model.state_dict()["fc.weight"].shape == (2, 1920)


def test_saved_inputs_of_several(tmp_path: Path) -> None:
    text = "name: two\ninputs: {left: [4], right: [8]}\nstages: {both: {concat: [left, right]}}\n"
    archspec.load(text, input={"right": 6}).save(tmp_path / "two.yaml")
    assert archspec.load(tmp_path / "two.yaml").input_shapes == {"left": (4,), "right": (6,)}


TAKE_A_SPEC = [
    name
    for name, command in commands().items()
    if any(one.name in ("spec", "specs", "before") for one in command.params)
]


@pytest.mark.parametrize("name", TAKE_A_SPEC)
def test_every_command_that_takes_a_spec_takes_its_input(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write_spec(tmp_path)
    done = run(
        *words(name, spec),
        "--input",
        "1,8",
        *(
            ["-o", "out.yaml" if name == "decompile" else "out.pt"]
            if any(one.name in ("out", "output") and one.required for one in commands()[name].params)
            else []
        ),
    )
    assert done.exit_code == 2, done.stderr
    assert "the input of row is [1, 8, 8] (channels, height, width); got 1,8" in done.stderr + done.stdout
    assert "the channels come first: 1,1,8" in done.stderr + done.stdout


def test_the_command_line_shows_another_size() -> None:
    for text in ("3,320,256", "3x320x256", "input=3,320,256"):
        done = run("summary", "resnet18", "--input", text, "--json")
        assert done.exit_code == 0, done.stderr
        assert '"macs": 2961428480' in done.stdout
    assert "other sizes of it: --input" in run("summary", "resnet18", "--set", "input=3,320,256").stderr
    assert "given twice" in run("summary", "resnet18", *itertools.chain(*[("--input", "3,64,64")] * 2)).stderr
    assert "--input=3,64,64" in run("build", "resnet18", "--input", "3,64,64", "-o", "-", "--format", "py").stdout


@pytest.mark.parametrize("name", every_spec())
def test_a_bundled_network_at_twice_its_size(name: str) -> None:
    """It is the network that a spec with those sizes is, and every weight that is another one is warned of."""
    own = archspec.load(name)
    (sizes, *others) = own.input_shapes.values()
    if others or len(sizes) != 3 or name == "unet":  # whose crops are for one size
        pytest.skip("it is for one size, or for no pictures")
    large = archspec.load(name, input=(sizes[0], 2 * sizes[1], 2 * sizes[2]))
    before, after = own.graph.weight_shapes, large.graph.weight_shapes
    changed = {key.rpartition(".")[0] or key for key in before if before[key] != after.get(key)}
    told = " ".join(warning.message for warning in large.warnings)
    first = sorted(changed, key=list(dict.fromkeys(key.rpartition(".")[0] or key for key in before)).index)[:1]
    assert all(layer in told for layer in (first if "may depend on the size" in told else changed))
    assert bool(large.warnings) == bool(changed)
