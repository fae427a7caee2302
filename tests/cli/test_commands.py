"""The output of the commands, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archspec.cli.commands import archspec
from tests.cli import surface


def run(*arguments: object, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(archspec, [str(argument) for argument in arguments], input=input)


def said(result: Result) -> str:
    """The standard output of a successful command."""
    assert result.exit_code == 0, result.output
    return result.stdout


def test_build_reports_what_was_built_and_run(tiny: Path) -> None:
    text = said(run("build", tiny, "--device", "cpu"))
    for part in ("tiny", "3×8×8", "310", "multiply-accumulates", "batch of 2", "on cpu"):
        assert part in text


def test_build_in_json(tiny: Path) -> None:
    data = json.loads(said(run("build", tiny, "--device", "cpu", "--batch", "3", "--json")))
    # 4·(27 + 1) + 4·(36 + 1) + 10·(4 + 1) weights and biases
    assert data["params"] == 310
    # 64 positions of 4·27, 64 of 4·36, and 4·10
    assert data["macs"] == 64 * 4 * 27 + 64 * 4 * 36 + 40
    assert data["depth"] == 3
    assert data["results"] == {"output": [3, 10]}
    assert data["device"] == "cpu"
    assert data["forward_seconds"] > 0


def test_set_changes_the_network(tiny: Path) -> None:
    data = json.loads(said(run("build", tiny, "--device", "cpu", "--set", "classes=7", "--set", "width=8", "--json")))
    assert data["outputs"] == {"output": [7]}
    assert data["params"] == 8 * 28 + 8 * 73 + 7 * 9


def test_standard_input(tiny: Path) -> None:
    data = json.loads(said(run("count-paths", "-", "--json", input=tiny.read_bytes())))
    assert data["total"] == 2


def test_check_of_a_good_spec(tiny: Path) -> None:
    assert said(run("check", tiny)) == "1 checked, none wrong\n"


def test_check_reports_every_file(tiny: Path, wrong: Path) -> None:
    result = run("check", tiny, wrong, wrong)
    assert result.exit_code == 1
    assert result.stdout == "3 checked, 2 wrong\n"
    assert result.stderr.count(f"{wrong}:5:10: error: ") == 2
    assert "^^^" in result.stderr


def test_check_in_json(tiny: Path, wrong: Path) -> None:
    result = run("check", tiny, wrong, "--json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert not data["ok"]
    assert [(one["file"], len(one["diagnostics"])) for one in data["files"]] == [(str(tiny), 0), (str(wrong), 1)]
    assert data["files"][1]["diagnostics"][0]["line"] == 5
    assert result.stderr == ""


def test_check_holds_a_spec_to_what_it_expects(tiny: Path) -> None:
    tiny.write_text(tiny.read_text(encoding="utf-8") + "expect: {params: 311}\n", encoding="utf-8")
    result = run("check", tiny)
    assert result.exit_code == 1
    assert f"{tiny}:9:" in result.stderr
    assert "310" in result.stderr


@pytest.mark.parametrize("command", ["build", "summary", "count-paths"])
def test_a_wrong_spec_is_exit_1_with_its_place(command: str, wrong: Path) -> None:
    result = run(command, wrong)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"{wrong}:5:10: error: ")


@pytest.mark.parametrize("command", ["build", "summary", "count-paths"])
def test_a_wrong_spec_in_json(command: str, wrong: Path) -> None:
    result = run(command, wrong, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["diagnostics"][0]["column"] == 10
    assert result.stderr == ""


def test_count_paths(tiny: Path) -> None:
    text = said(run("count-paths", tiny, "--lengths"))
    assert "2^1" in text
    assert "0 to 1, mean 0.50" in text
    assert text.count("50.00%") == 2


def test_count_paths_in_layers(tiny: Path) -> None:
    data = json.loads(said(run("count-paths", tiny, "--unit", "layers", "--json")))
    assert data["lengths"] == {"2": 1, "3": 1}


def test_summary(tiny: Path) -> None:
    text = said(run("summary", tiny))
    for stage in ("stem", "unit", "pool", "head"):
        assert stage in text
    assert "310" in text


def test_schema_is_a_json_schema() -> None:
    data = json.loads(said(run("schema")))
    assert data["$schema"].startswith("https://json-schema.org/")
    assert {"name", "stages"} <= set(data["properties"])


def test_list_names_every_bundled_spec() -> None:
    from archspec.api import bundled

    names = [one["name"] for one in json.loads(said(run("list", "--json")))]
    assert sorted(names) == sorted(bundled())
    network = next(one for one in json.loads(said(run("list", "vgg11_bn", "--json"))) if one["name"] == "vgg11_bn")
    row = next(row for row in network["ledger"] if row["source"] == "torchvision")
    assert (row["reference"], row["params"], row["work"]) == ("torchvision:vgg11_bn", 132868840, "7.609 G")
    text = said(run("list"))
    for name in bundled():
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("arguments", "some", "none"),
    [
        (["resnet50"], "resnet50_v1", "resnet18 "),
        (["*_C"], "resnet18_C", "resnet50"),
        (["--family", "highway"], "highway_mnist_fc10", "vgg16"),
        (["--year", "2014"], "vgg16", "densenet"),
        (["--source", "pycls"], "resnet101", "vgg16"),
        (["--max-params", "300000"], "cifar_resnet20_A", "vgg16"),
        (["--max-macs", "1000000000"], "alexnet", "resnet50"),
        (["--family", "vgg", "--year", "2015"], "no bundled network is like that", "vgg"),
    ],
)
def test_list_filters(arguments: list[str], some: str, none: str) -> None:
    text = said(run("list", *arguments))
    assert some in text
    assert none not in text


def test_help_of_every_command_has_its_options() -> None:
    for name, command in surface.commands().items():
        text = said(run(*name.split(), "--help"))
        for parameter in command.params:
            for option in parameter.opts:
                assert option in text or parameter.param_type_name == "argument"


def test_version() -> None:
    assert said(run("--version")).startswith("archspec ")


def test_decompile_writes_a_spec_of_its_own(tiny: Path, tmp_path: Path) -> None:
    text = said(run("decompile", tiny, "-o", "-"))
    out = tmp_path / "alone.yaml"
    assert said(run("decompile", tiny, "-o", out)) == f"written: {out}\n"
    assert out.read_text(encoding="utf-8") == text
    again = tmp_path / "again.yaml"
    said(run("decompile", out, "-o", again))
    assert again.read_text(encoding="utf-8") == text
    counts = [json.loads(said(run("build", spec, "--device", "cpu", "--json")))["params"] for spec in (tiny, out)]
    assert counts[0] == counts[1]
    assert "is read by this command" in run("decompile", tiny, "-o", tiny).output


def test_import_writes_a_spec_and_its_weights_and_says_what_was_proven(tmp_path: Path) -> None:
    source, out, weights = "tests.recording.models:LeNet", tmp_path / "net.yaml", tmp_path / "net.safetensors"
    given = ("import", source, "--input", "1,28,28", "--args", "classes=7", "--name", "lenet")
    text = said(run(*given, "-o", out, "--weights", weights))
    for part in ("state_dict loads strictly", "equal bit by bit", f"written: {out}", f"written: {weights}"):
        assert part in text
    assert out.read_text().startswith(f"name: lenet\nsource: {source}\ninput: [1, 28, 28]\n")
    assert said(run("build", out, "--weights", weights, "--device", "cpu"))
    assert said(run(*given, "--no-proof", "-o", "-")) == out.read_text()


def test_import_lists_all_problems_and_writes_nothing(tmp_path: Path) -> None:
    out, source = tmp_path / "net.yaml", "tests.recording.test_models:Unknown"
    result = run("import", source, "--input", "1,28,28", "-o", out, "--partial", tmp_path / "parts")
    assert result.exit_code == 1
    assert not out.exists()
    assert "error: the model (test_models.py:" in result.stderr
    assert "torch's erfinv is no op of the language (2 times)" in result.stderr
    assert "2 problems" in result.stderr
    data = json.loads(run("import", source, "--input", "1,28,28", "-o", out, "--json").stdout)
    assert [problem["count"] for problem in data["problems"]] == [2, 1]
    missing = run("import", "tests.recording.models:LeNet", "-o", out)
    assert missing.exit_code == 2
    assert "give one, such as 3,224,224" in missing.stderr


@pytest.mark.parametrize("command", [("summary",), ("count-paths",), ("draw", "-o", "-"), ("diff",)])
def test_commands_take_a_model_in_place_of_a_spec(command: tuple[str, ...]) -> None:
    model = "tests.recording.models:Bridge"
    assert said(run(*command, *[model] * (1 + ("diff" in command)), "--input", "3,5,5"))


def test_a_model_without_a_spec_is_refused_in_place_of_one() -> None:
    wrong = run("summary", "tests.recording.test_models:Unknown", "--input", "1,28,28")
    assert wrong.exit_code == 2
    assert "erfinv is no op of the language" in wrong.stderr
