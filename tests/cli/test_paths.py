"""The commands `count-paths` and `lesion`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import archspec
from archspec import Limits
from archspec.cli.commands import archspec as command


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=input)


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in said(result).splitlines()]


def test_a_residual_network() -> None:
    found = lines(run("count-paths", "cifar_resnet110_A"))
    assert found[1] == "paths 18,014,398,509,481,984 2^54"
    assert found[3].startswith("20 to 34: 95.9776% of all paths")
    assert found[4] == "product 2^18 (stage1) × 2^18 (stage2) × 2^18 (stage3) over the stages"


def test_several_outputs() -> None:
    text = lines(run("count-paths", "googlenet_aux"))
    assert "to aux1 64 2^6" in text
    assert "aux1 … fc is no chain: 3 values lead across" in text
    data = json.loads(said(run("count-paths", "googlenet_aux", "--json")))
    assert data["outputs"] == {"fc": 4**9, "aux2": 4**6, "aux1": 4**3}


def test_between_two_parts() -> None:
    data = json.loads(said(run("count-paths", "resnet50", "--from", "layer2", "--to", "layer3.1", "--json")))
    assert (data["from"], data["to"], data["total"]) == ("layer2", "layer3.1", 2**6)
    assert data["lengths"] == {str(k): count for k, count in enumerate([1, 6, 15, 20, 15, 6, 1])}
    assert [(factor["parts"], factor["total"]) for factor in data["factors"]] == [
        (["layer2"], 2**4),
        (["layer3"], 2**2),
    ]
    assert "resnet50, from layer2 to layer3.1" in said(
        run("count-paths", "resnet50", "--from", "layer2", "--to", "layer3.1")
    )


def test_nothing_leads_backwards() -> None:
    assert lines(run("count-paths", "resnet50", "--from", "layer3", "--to", "layer2"))[1:] == ["paths 0"]


@pytest.mark.parametrize(("option", "name"), [("--from", "layer2.33"), ("--to", "layr2")])
def test_an_unknown_name_is_answered_with_the_nearest(option: str, name: str) -> None:
    result = run("count-paths", "resnet50", option, name)
    assert result.exit_code == 2
    assert f"the network has no part, input or output '{name}'; did you mean 'layer2" in result.stderr


def test_single_paths() -> None:
    found = lines(run("count-paths", "cifar_resnet20_A", "--list", 3))
    assert found[-3] == "0 no longer way anywhere"
    assert {found[-1].split()[0], found[-2].split()[0]} == {"1"}
    data = json.loads(said(run("count-paths", "googlenet", "--unit", "layers", "--list", 2, "--json")))
    assert [path["length"] for path in data["paths"]] == [13, 13]
    assert "weighted layers" in said(run("count-paths", "googlenet", "--list", 2))


def test_the_expansion_is_written_out() -> None:
    spec = "name: a\ninput: [4]\nstages:\n  body: {repeat: {times: 3, layers: [add: [{linear: 4}, identity]]}}\n"
    text = said(run("count-paths", "-", "--expand", input=spec))
    assert "x3 = x0 + W0 x0 + W1 x0 + W1 W0 x0 + W2 x0 + W2 W0 x0 + W2 W1 x0 + W2 W1 W0 x0\n8 terms" in text
    assert "dL/dW1 = (I + W2ᵀ) g x1ᵀ" in text
    data = json.loads(said(run("count-paths", "-", "--expand", "--json", input=spec)))
    assert data["expansion"]["terms"] == 8
    result = run("count-paths", "vgg11", "--expand")
    assert result.exit_code == 1
    assert "needs a chain of residual units" in result.stderr


@pytest.mark.slow
def test_a_number_of_thousands_of_digits() -> None:
    addends = ", ".join(["{linear: 4}", *["identity"] * 15])
    spec = f"name: a\ninput: [4]\nargs: {{n: 3600}}\nstages:\n  body: {{repeat: {{times: n, layers: [add: [{addends}]]}}}}\n"
    text = lines(run("count-paths", "-", input=spec))
    assert text[1] == "paths ≈ 6.791e4334 2^14400"
    assert not any(
        "%" in line for line in text
    )  # a distribution of 3,601 numbers of that size is only computed with --lengths
    data = json.loads(said(run("count-paths", "-", "--json", input=spec)), parse_int=str)
    assert len(data["total"]) == 4335
    assert data["lengths"] is None


# -- lesion ---------------------------------------------------------------------------------------------------------


def test_the_new_spec_is_the_lesioned_network(tmp_path: Path) -> None:
    out = tmp_path / "damaged.yaml"
    text = lines(run("lesion", "cifar_resnet110_A", "--random", 10, "--seed", 3, "-o", out))
    assert "paths 17,592,186,044,416 of 18,014,398,509,481,984 2^44 of 2^54" in text
    arch = archspec.load(out)
    assert (arch.name, arch.paths().total, arch.check_expectations()) == ("damaged", 2**44, ())
    direct = archspec.load("cifar_resnet110_A").lesion(random=10, seed=3)
    assert [node.path for node in arch.graph.ops] == [node.path for node in direct.graph.ops]


def test_earlier_passes_and_arguments_stay(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    said(run("lesion", "stochastic_depth_resnet110_cifar10", "--set", "n=3", "--drop", "stage1.1", "-o", first))
    said(run("lesion", first, "--swap", "stage2.1", "stage2.2", "-o", second))
    assert second.read_text(encoding="utf-8").startswith("extends: first.yaml\nname: second\n")
    arch = archspec.load(second)
    assert [use.word for use in arch.program.passes] == ["stochastic_depth", "lesion", "lesion"]
    assert arch.paths().total == 2**8
    assert sum(node.op.word == "droppath" for node in arch.graph.ops) == 8


def test_in_json(tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    data = json.loads(said(run("lesion", "vgg16", "--drop", "features.2", "-o", out, "--json")))
    assert data["paths"] == {"before": 1, "after": 1}
    assert data["without_shortcut"] == ["features.2"]
    assert data["params"]["before"] - data["params"]["after"] == 36_928


def test_what_breaks_the_only_path_is_said(tmp_path: Path) -> None:
    text = said(run("lesion", "vgg16", "--drop", "features.2", "-o", tmp_path / "out.yaml"))
    assert "features.2 has no shortcut: what enters it goes on in its place" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg16", "--drop", "features.0"], "vgg16.yaml:11:40: error: features.0 has no shortcut to fall back on"),
        (["resnet18", "--drop", "layer5"], "the network has no part 'layer5'; did you mean 'layer4'?"),
        (["resnet18", "--random", "9"], "9 blocks cannot be drawn from the 8 residual blocks"),
        (["resnet18", "--swap", "layer1.0", "layer2.1"], "layer1.0 and layer2.1 are not parts of the same stage"),
        (["resnet18"], "nothing to do: give --drop, --random or --swap"),
    ],
)
def test_what_cannot_be_writes_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = run("lesion", *arguments, "-o", tmp_path / "out.yaml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_written_over_by_accident(tmp_path: Path, tiny: Path) -> None:
    before = tiny.read_bytes()
    result = run("lesion", tiny, "--drop", "unit", "-o", tiny, "--force")
    assert result.exit_code == 2
    assert "is read by this command" in result.stderr
    out = tiny.parent / "out.yaml"
    out.write_text("mine\n", encoding="utf-8")
    result = run("lesion", tiny, "--drop", "unit", "-o", out)
    assert result.exit_code == 2
    assert "is there already; --force writes over it" in result.stderr
    assert out.read_text(encoding="utf-8") == "mine\n"
    said(run("lesion", tiny, "--drop", "unit", "-o", out, "--force"))
    assert archspec.load(out).paths().total == 1
    assert tiny.read_bytes() == before


def test_a_base_cannot_become_its_own_variant(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    said(run("lesion", "resnet18", "--drop", "layer1.1", "-o", first))
    said(run("lesion", first, "--drop", "layer2.1", "-o", second))
    before = first.read_bytes()
    result = run("lesion", second, "--drop", "layer3.1", "-o", first, "--force")
    assert result.exit_code == 2
    assert "first.yaml is a spec of second, which would be lost" in result.stderr
    assert first.read_bytes() == before


def test_a_spec_out_of_reach_cannot_be_extended(tmp_path: Path, tiny: Path) -> None:
    below = tiny.parent / "below"
    below.mkdir()
    result = run("lesion", tiny, "--drop", "unit", "-o", below / "out.yaml")
    assert result.exit_code == 2
    assert "a spec extends files of its own folder and below" in result.stderr
    result = run("lesion", "-", "--drop", "unit", "-o", below / "out.yaml", input=tiny.read_text(encoding="utf-8"))
    assert "standard input cannot be extended" in result.stderr
    assert list(below.iterdir()) == []


def test_a_new_spec_is_tried_within_the_limits_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Limits] = []
    monkeypatch.setattr("archspec.spec.compiler.compile_source", lambda _, __, limits, ___: seen.append(limits))
    said(run("lesion", "resnet18", "--drop", "layer1.1", "-o", tmp_path / "new.yaml", "--max-nodes", 200_000))
    assert [limits.nodes for limits in seen] == [200_000]
