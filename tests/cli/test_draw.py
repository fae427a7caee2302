"""The commands that draw, report and compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from archspec.cli.commands import archspec


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(archspec, list(map(str, arguments)))
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("ending", "start"),
    [
        (".svg", b"<svg"),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".dot", b"digraph"),
        (".mmd", b"flowchart"),
        (".html", b"<!DOCTYPE"),
    ],
)
def test_the_ending_chooses_the_format(ending: str, start: bytes, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / f"net{ending}"
    code, output = run("draw", tiny, "-o", file)
    assert (code, output) == (0, f"written: {file}\n")
    assert file.read_bytes().startswith(start)


def test_a_fitted_picture_to_scale(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.svg"
    assert run("draw", tiny, "--fit", "page", "--scale", "-o", file)[0] == 0
    assert "square root of the resolution" in file.read_text(encoding="utf-8")


def test_dot_goes_to_standard_output(tiny: Path) -> None:
    code, output = run("draw", tiny, "--detail", "layers", "--direction", "LR", "-o", "-")
    assert code == 0
    assert output.startswith("digraph")
    assert 'rankdir="LR"' in output


def test_arguments_are_overridden(tiny: Path) -> None:
    assert "conv 3×3, 32" in run("draw", tiny, "--set", "width=32", "--detail", "layers", "-o", "-")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "net.gif"], "expected a file that ends in .svg, .png, .pdf, .dot, .mmd, .html, .tex, not 'net.gif'"),
        (["--depth", "1", "-o", "-"], "--detail stages has no levels"),
        (["--detail", "blocks", "--scale", "-o", "net.svg"], "--detail blocks has no scale; leave --scale out"),
        (["--fit", "page", "-o", "net.mmd"], "a flowchart of Mermaid has no size; leave --fit out"),
        (["--detail", "layers", "--max-boxes", "3", "-o", "-"], "more than 3 boxes; leave --fold on"),
        (["--detail", "layers", "--no-compact", "-o", "-"], "--detail layers is not compact"),
        (["-o", "/no/such/folder/a.svg"], "/no/such/folder/a.svg: no such folder: /no/such/folder"),
    ],
)
def test_what_cannot_be_drawn_is_said(arguments: list[str], message: str, tiny: Path) -> None:
    code, output = run("draw", tiny, *arguments)
    assert code == 2
    assert message in output


def test_a_wrong_spec_is_the_specs_fault(wrong: Path) -> None:
    for command in ("draw", "report"):
        code, output = run(command, wrong, "-o", "-")
        assert code == 1
        assert "add needs equal shapes" in output


def test_a_report_is_written(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.html"
    assert run("report", tiny, tiny, "-o", file) == (0, f"written: {file}\n")
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert run("report", tiny, tiny, tiny, "-o", file)[0] == 0
    assert run("report", *[tiny] * 7, "-o", file)[0] == 2
    assert run("report", tiny, "-o", tmp_path / "net.pdf")[0] == 2


def test_a_difference_is_told_and_is_data(tiny: Path) -> None:
    code, output = run("diff", "resnet50", "resnext50_32x4d")
    assert code == 0
    assert "groups 1 → 32" in output
    assert "-528,128 (-2.1%)" in output
    assert "no difference" in run("diff", tiny, tiny)[1]
    code, output = run("diff", tiny, "vgg11", "--json")
    assert code == 0
    assert json.loads(output)["equal"] is False
    assert run("diff", "-", "-")[0] == 2
