"""Tables of summaries and comparisons as LaTeX, CSV and Markdown, read back: their numbers are the graph's."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import archspec
from archspec.analysis.counts import sum_costs
from archspec.markup import escape_latex, escape_markdown
from archspec.numerals import format_bytes, format_rounded
from archspec.report.table import COLUMNS, format_cells
from tests.cli.surface import run, write_spec
from tests.markup import read_latex, read_latex_rows, read_markdown, read_markdown_tables
from tests.sample import every_spec

HOSTILE = r"a|b & 50% $x_1^2$ #3 {c} ~ \input{d} <e> `f` *g* [h] -- … × → ≈ “i”"


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", every_spec())
def test_the_numbers_of_each_table_are_those_of_the_graph(name: str) -> None:
    arch = archspec.load(name)
    summary, cost = arch.summary(depth=2), sum_costs(arch.graph)
    rows = read_csv(summary.to_csv())
    totals = {
        column: sum(int(row["times"]) * int(row[column]) for row in rows if row["level"] == "0")
        for column in ("params", "buffers", "macs", "memory")
    }
    assert totals == {
        "params": arch.params,
        "buffers": cost.buffers,
        "macs": arch.macs,
        "memory": cost.memory,
    }
    for row, part in zip(rows, summary.rows, strict=True):
        assert [row["name"], int(row["params"]), int(row["macs"])] == [part.name, part.params, part.macs]
        sizes = [tuple(map(int, text.split("x"))) for text in row["output"].split(", ") if text != "scalar"]
        assert sizes == [sizes for sizes in part.output if sizes]
    shown = [list(format_cells(row, whole=True)) for row in summary.rows]
    heads, *latex = read_latex_rows(summary.to_latex())
    ((_, *markdown),) = read_markdown_tables(summary.to_markdown())
    assert heads == [column.head for column in COLUMNS]
    assert latex == markdown == [*shown, latex[-1]]
    assert latex[-1][3:7] == [
        f"{arch.params:,}",
        format_rounded(arch.macs),
        format_rounded(cost.acts),
        format_bytes(cost.memory),
    ]
    for text in (summary.to_latex(), summary.to_markdown()):
        assert f"{arch.params:,} trainable scalars" in text
        assert f"{arch.macs:,} multiply-accumulates" in text


def test_names_are_text_in_each_format() -> None:
    assert read_latex(escape_latex(HOSTILE)) == HOSTILE
    assert read_markdown(escape_markdown(HOSTILE)) == HOSTILE
    summary = archspec.load({"name": HOSTILE, "input": [3, 8, 8], "stages": {"a": {"conv": 4}}}).summary()
    assert escape_markdown(HOSTILE) in summary.to_markdown()
    assert summary.to_latex().splitlines()[0] == f"% {HOSTILE}"
    broken = archspec.load({"name": "a\n\\input{b}\x1b", "input": [4], "stages": {"a": "relu"}}).summary()
    assert broken.to_latex().splitlines()[0] == r"% a\n\input{b}\x1b"


@pytest.mark.parametrize(("ending", "word"), [(".tex", "latex"), (".csv", "csv"), (".md", "markdown")])
def test_a_command_and_the_library_write_the_same_table(ending: str, word: str, tmp_path: Path) -> None:
    arch = archspec.load("resnet18")
    expected = getattr(arch.summary(depth=1), f"to_{word}")()
    path = tmp_path / f"table{ending}"
    arch.save(path, kind="table", depth=1)
    assert path.read_text(encoding="utf-8") == expected
    written = run("summary", "resnet18", "--depth", 1, "-o", path)
    assert (written.stdout, path.read_text(encoding="utf-8")) == (f"written: {path}\n", expected)
    for given in ([], ["-o", "-"]):
        assert run("summary", "resnet18", "--depth", 1, "--format", word, *given, COLUMNS="30").stdout == expected
    other = tmp_path / "table.txt"
    assert run("summary", "resnet18", "--depth", 1, "--format", word, "-o", other).exit_code == 0
    assert other.read_text(encoding="utf-8") == expected


def test_json_beside_a_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    facts = json.loads(run("summary", "resnet18", "-o", path, "--json").stdout)
    assert (facts["written"], facts["params"]) == (str(path), 11_689_512)
    assert path.exists()
    both = run("summary", "resnet18", "--format", "csv", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert "not both" in both.stderr


@pytest.mark.parametrize(
    "command", [["summary", "resnet18"], ["diff", "resnet18", "resnet34"]], ids=lambda given: given[0]
)
def test_what_a_table_cannot_be_is_said(command: list[str], tmp_path: Path) -> None:
    assert "expected a file that ends in" in run(*command, "-o", tmp_path / "a.txt").stderr
    assert "'html' is not" in run(*command, "--format", "html").stderr
    assert "has no ending" in run(*command, "-o", "-").stderr
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_as_markdown_has_the_numbers_of_both(tmp_path: Path) -> None:
    old, new = archspec.load("resnet50"), archspec.load("resnext50_32x4d")
    text = run("diff", "resnet50", "resnext50_32x4d", "--format", "markdown").stdout
    counts, stages = read_markdown_tables(text)
    assert counts[0] == ["", "before", "after", "difference"]
    assert text.startswith("### resnet50 → resnext50\\_32x4d\n")
    delta = new.params - old.params
    assert counts[1] == ["params", f"{old.params:,}", f"{new.params:,}", f"{delta:,} ({delta / old.params:+.1%})"]
    assert counts[2][:3] == ["macs", f"{old.macs:,}", f"{new.macs:,}"]
    changed = [stage for stage in old.diff(new).stages if stage.before != stage.after]
    assert [row[1] for row in stages[1:]] == [f"{stage.after.params:,}" for stage in changed if stage.after]
    assert "- changed layer1.0.conv2, " in text
    assert text == archspec.render_comparison(old.diff(new))
    old.save(tmp_path / "a.md", kind="comparison", other=new)
    assert run("diff", "resnet50", "resnext50_32x4d", "-o", tmp_path / "b.md").exit_code == 0
    assert (tmp_path / "a.md").read_text() == (tmp_path / "b.md").read_text() == text


def test_a_comparison_of_equal_networks_and_of_hostile_names(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, name=json.dumps("a|b\n<c>"))
    text = run("diff", spec, spec, "--format", "markdown").stdout
    assert text == "### a\\|b\\\\n\\<c\\> → a\\|b\\\\n\\<c\\>\n\nno difference\n"


def test_a_long_list_of_changes_is_folded() -> None:
    text = archspec.render_comparison(archspec.load("googlenet").diff(archspec.load("googlenet_paper")))
    assert "<details><summary>" in text
    assert text.count("\n- ") > 20


COMPILER = next(filter(shutil.which, ("pdflatex", "tectonic")), None)


@pytest.mark.skipif(COMPILER is None, reason="neither pdflatex nor tectonic is installed")
@pytest.mark.parametrize("name", ["resnet50", "lstm", "hostile"])
def test_latex_compiles(name: str, tmp_path: Path) -> None:
    spec = {"name": HOSTILE, "input": [3, 8, 8], "stages": {"a_b": {"conv": 4}}}
    table = archspec.load(spec if name == "hostile" else name).summary(depth=2).to_latex()
    document = f"\\documentclass{{article}}\\usepackage{{booktabs,lmodern}}\\usepackage[T1]{{fontenc}}\\begin{{document}}\n{table}{escape_latex(HOSTILE)}\n\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if COMPILER == "pdflatex" else []
    done = subprocess.run(
        [str(COMPILER), *options, "table.tex"], cwd=tmp_path, capture_output=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
