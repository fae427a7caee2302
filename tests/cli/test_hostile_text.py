"""Names, sources, keys, file names and arguments with escape sequences, which never reach a screen or a file unescaped.

All commands are run, and every option that takes a text gets such texts.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pypdf
import pytest
from click.testing import Result

import archspec
from archspec.cli.output import OutputFile
from archspec.printable import is_printable
from tests.cli.surface import commands, outputs, run, words, write_spec

WORDS = (
    "\x1b[2J\x1b]0;owned\x07",  # clears the screen, sets the title, rings the bell
    "\u202etxt.exe\u2066",  # turns the order of characters around
    "\x9b31m\x85\x8d",  # the same in one byte each
    "a\u200bb\u2060\ufeff",  # without width
    "line\nfeed\rreturn\ttab",
    "\u2028\u2029\x0b\x0c",
    "[red]bold[/red] :smile: [link=http://x]y[/link]",  # markup of rich
    "\u0301\U000e0041\u3164",
)
NAME = "".join(WORDS)
STYLE = re.compile(r"\x1b\[(?:0|1|2|31|35|36)m")
"""The styles that the screen writes: bold, dim, three colours, and their end."""
FORMULAS = ("$\\frac{", "a$b$c", "_hidden", "$$")
DATA = (".onnx", ".pt2", ".safetensors", ".pt", ".pth", ".png")
"""Binary files; a spec in them is unchanged."""


def yaml(text: str) -> str:
    """A scalar of YAML in double quotes."""
    return '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"'


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec with a hostile name, source and file name."""
    return write_spec(tmp_path_factory.mktemp("hostile"), yaml(NAME), "row\x1b[2J\u202e[red].yaml")


@pytest.fixture(scope="module")
def weights(spec: Path) -> Path:
    path = spec.with_name("w\x1b[2J.safetensors")
    archspec.load(spec).save(path)
    return path


def unprintable(text: str) -> list[str]:
    """The lines of a text with unprintable characters."""
    return [line for line in text.split("\n") if not is_printable(STYLE.sub("", line))]


def safe(result: Result) -> None:
    assert unprintable(result.stdout) == []
    assert unprintable(result.stderr) == []


def lines() -> Iterator[tuple[str, str]]:
    """Each command with each of its options and arguments that take a text."""
    for name, command in commands().items():
        yield name, ""
        for one in command.params:
            if (
                isinstance(one.type, click.types.StringParamType | click.Path | click.Tuple | OutputFile)
                or one.nargs == -1
            ):
                yield name, one.name or ""


@pytest.mark.parametrize(
    ("name", "given", "colour"), [*((*line, "1") for line in lines()), *((name, "", None) for name in commands())]
)
def test_nothing_unprintable_is_printed(
    name: str,
    given: str,
    colour: str | None,
    spec: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = words(name, spec, weights=weights, without=(given,))
    option = next((one for one in commands()[name].params if one.name == given), None)
    hostile = [NAME] * max(1, option.nargs if option else 1)
    if isinstance(option, click.Argument):
        line = [*name.split(), *hostile]
    elif option is not None and not isinstance(option.type, OutputFile):
        line += [option.opts[-1], *hostile]
    if any(isinstance(one.type, OutputFile) and (one.required or one is option) for one in commands()[name].params):
        line += ["-o", str(tmp_path / f"{NAME}.yaml")]
    safe(run(*line, CLICOLOR_FORCE=colour))


@pytest.mark.parametrize(
    "name", [name for name, command in commands().items() if any(one.name == "as_json" for one in command.params)]
)
def test_json_is_json_and_says_the_same(name: str, spec: Path, weights: Path, tmp_path: Path) -> None:
    required = any(isinstance(one.type, OutputFile) and one.required for one in commands()[name].params)
    needed = required or name == "train"  # or the folder of a run
    out = ["-o", str(spec.with_name("o.yaml" if name in ("lesion", "import") else "o.pt")), "--force"] if needed else []
    line = [*words(name, spec, weights=weights), *(out if name == "lesion" else out[:2]), "--json"]
    result = run(*line)
    safe(result)
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    if name not in ("claims", "list", "check", "import"):  # these are not about a network with that name
        assert NAME in set(texts(data))


def texts(data: object) -> Iterator[str]:
    """All text in data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from (text for pair in data.items() for part in pair for text in texts(part))
    elif isinstance(data, list):
        yield from (text for part in data for text in texts(part))


@pytest.mark.parametrize(
    ("name", "ending"), [one for one in outputs() if one[1] not in DATA and one[0].split()[0] != "experiment"]
)
def test_files_hold_nothing_unprintable(name: str, ending: str, spec: Path, weights: Path, tmp_path: Path) -> None:
    out = spec.with_name(f"o\x1b[2J\u202e\n{ending}")
    result = run(*words(name, spec, weights=weights), "-o", out, *(["--force"] if name == "lesion" else []))
    assert result.exit_code == 0, result.output
    safe(result)
    content = out.read_bytes()
    if ending == ".pdf":
        document = pypdf.PdfReader(io.BytesIO(content))
        assert document.metadata is not None
        assert unprintable(f"{document.metadata.title}\n{document.pages[0].extract_text()}") == []
        return
    assert unprintable(content.decode("utf-8")) == []


@pytest.mark.parametrize("detail", ["stages", "blocks", "layers", "paths"])
def test_however_much_a_picture_shows(detail: str, spec: Path) -> None:
    for format in ("svg", "dot", "mmd"):
        result = run("draw", spec, "--detail", detail, "--format", format, "-o", "-")
        assert result.exit_code == 0
        safe(result)


@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_pictures_of_experiments_too(ending: str, spec: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / f"a{ending}"
    assert run(*words("experiment lesion", spec, weights=weights), "-o", out).exit_code == 0
    if ending == ".svg":
        assert unprintable(out.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_is_no_formula_of_a_picture(name: str, weights: Path, tmp_path: Path) -> None:
    spec, out = write_spec(tmp_path, yaml(name)), tmp_path / "a.svg"
    line = words("experiment lesion", spec, weights=weights)
    assert run(*line, "--beside", spec, weights, "-o", out).exit_code == 0
    assert name in out.read_text(encoding="utf-8")


def test_mistakes_in_such_a_spec(tmp_path: Path) -> None:
    for text in (
        f"name: {yaml(NAME)}\ninput: [3, 8, 8]\nstages: {{{yaml(NAME)}: relu}}\n",
        f"name: a\ninput: [3, 8, 8]\nstages: {{one: {yaml(NAME)}}}\n",
        f"name: a\ninput: [3, 8, 8]\nargs: {{{yaml(NAME)}: 1}}\nstages: {{one: relu}}\n",
        f"name: a\ninput: [3, 8, 8]\nstages: {{one: {{conv: {{{yaml(NAME)}: 1}}}}}}\n",
        f"name: a\nextends: {yaml(NAME)}\n",
        f"name: a\nextends: {yaml(NAME + '.yaml')}\n",
        "name: a\ninput: [3, 8, 8]\nstages: {one: \u202erelu\u200b}\n",
        "name: a\ninput: [3, 8, 8]\nstages: {one: re\x1b[2Jlu}\n",
    ):
        path = tmp_path / "a.yaml"
        path.write_bytes(text.encode())
        for line in (["check", path], ["check", path, "--json"], ["summary", path], ["build", path, "--json"]):
            result = run(*line, CLICOLOR_FORCE="1")
            safe(result)
            assert result.exit_code == 1


def test_keys_of_weights(tmp_path: Path, spec: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({NAME: torch.zeros(1), "stem.weight": torch.zeros(3)}, path)
    for flag in ("--strict", "--no-strict"):
        result = run("build", spec, "--weights", path, flag, "--device", "cpu")
        safe(result)
        assert "\\x1b[2J" in result.stderr


def test_words_of_an_option_that_is_not_there() -> None:
    for line in (
        [f"--{NAME}"],
        [NAME],
        ["summary", f"--{NAME}"],
        ["summary", "resnet18", "--depth", NAME],
        ["draw", "resnet18", "--detail", NAME],
    ):
        result = run(*line)
        safe(result)
        assert result.exit_code == 2


def test_the_proof_can_fail() -> None:
    assert unprintable("a\nb\x1b[8m\nc\u202e") == ["b\x1b[8m", "c\u202e"]
    assert unprintable("\x1b[1mbold\x1b[0m") == []


def test_one_line_stays_one_line(spec: Path) -> None:
    """A name with a line break cannot imitate the output of archspec."""
    out = run("summary", spec).stdout
    assert "line\\nfeed\\rreturn\\ttab" in out.splitlines()[0]


def test_what_others_print_goes_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    from archspec.cli.console import guard_streams, print_lines

    with guard_streams():
        print(NAME)  # noqa: T201 -- what is tested
        click.echo(click.style(NAME, fg="red"), color=True)
        sys.stderr.write(NAME)
        print_lines(NAME, (("bold", "bold"), (NAME, "")))
    out, err = capsys.readouterr()
    assert unprintable(out) == []
    assert unprintable(err) == []
    assert "\\x07" in out


def test_progress_shows_names_as_text() -> None:
    from archspec.cli.bars import draw_bars
    from archspec.cli.console import Screen
    from archspec.cli.progress import PlainProgress

    control = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # of rich: colours, and where it writes
    makers: tuple[Callable[[Screen], Any], ...] = (draw_bars, PlainProgress)
    for make in makers:
        stream = io.StringIO()
        target = Screen(stream, "standard error")
        target.isatty = lambda: True  # type: ignore[method-assign]
        with make(target) as progress:
            for name in WORDS:
                task = progress.add_task(name, total=2, completed=0, note=name)
                progress.advance(task)
                progress.update(task, note=name)
        text = control.sub("", stream.getvalue()).replace("\r", "\n")
        assert unprintable(text) == []
        assert "[red]" in text
