"""Terminals with other encodings, without colours, narrow ones, and pipes."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import archspec
from archspec.cli.console import Screen
from archspec.cli.output import OutputFile
from archspec.columns import display_width
from tests.cli.surface import commands, run, words, write_spec

NAME = "naïve 网络 3×3 → ² …"
NAMES = list(commands())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec, its weights and a spec that is wrong."""
    folder = tmp_path_factory.mktemp("specs")
    spec = write_spec(folder, f'"{NAME}"')
    archspec.load(spec).save(folder / "row.safetensors")
    text = spec.read_text(encoding="utf-8")
    (folder / "wrong.yaml").write_text(text.replace("globalpool", "{conv: {out: 4, kernel: 301}}"), encoding="utf-8")
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def line(name: str) -> list[str]:
    """The command line of a command, in the folder of the specs."""
    needed = any(isinstance(one.type, OutputFile) and one.required for one in commands()[name].params)
    files = {
        "lesion": ["-o", "out.yaml", "--force"],
        "train": ["-o", "out.pt"],
        "decompile": ["-o", "out.yaml"],
        "import": ["-o", "out.yaml"],
    }
    out = files.get(name, ["-o", "out.svg"] if needed else [])
    return [*words(name, "row.yaml", weights=Path("row.safetensors")), *out]


# -- encodings ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("charset", ["cp1252", "ascii", "cp437", "gbk"])
@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_in_any_encoding(name: str, charset: str) -> None:
    if name in ("train", "experiment delete", "experiment shuffle", "experiment gradients") and charset != "ascii":
        return  # slow, and they print as the others do
    result = run(*line(name), charset=charset)
    assert result.exit_code == 0, result.stderr_bytes
    text = result.stdout_bytes.decode(charset)  # raises on errors
    assert "\N{REPLACEMENT CHARACTER}" not in text
    if name not in ("claims", "list", "schema", "check", "draw", "report", "decompile", "import"):
        shown = {"ascii": "na\\u00efve \\u7f51\\u7edc 3x3 -> ^2 ...", "cp1252": "naïve \\u7f51\\u7edc 3×3 -> ² …"}
        escaped = {"ascii": "na\\u00efve \\u7f51\\u7edc 3\\u00d73 \\u2192 \\u00b2 \\u2026"}
        assert any(known.get(charset, "") in text for known in (shown, escaped))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("charset", ["cp1252", "ascii", "utf-16"])
def test_mistakes_and_help_too(charset: str) -> None:
    wrong = run("check", "wrong.yaml", charset=charset)
    assert wrong.exit_code == 1
    assert "wrong.yaml:12:8: error: linear needs" in wrong.stderr_bytes.decode(charset)
    assert run("check", "网.yaml", charset=charset).exit_code == 2
    assert run("--网", charset=charset).exit_code == 2
    for name in NAMES:
        assert "Usage" in run(*name.split(), "--help", charset=charset).stdout_bytes.decode(charset)


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
    ],
    ids=["cp1252", "C"],
)
def test_a_process_in_another_encoding(variables: dict[str, str], here: Path) -> None:
    code = (
        "import sys, runpy\n"
        "from archspec.cli.commands import archspec\n"
        "for line in (['summary', 'row.yaml'], ['check', 'wrong.yaml'], ['summary', 'w\\xe4rong.yaml'], ['list', 'resnet18']):\n"
        "    try:\n        archspec(line, prog_name='archspec')\n"
        "    except SystemExit as ended:\n        print(sys.stdout.encoding, ended.code, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, **variables}, cwd=here, check=False
    )
    assert b"Traceback" not in done.stderr
    text = done.stdout.decode("ascii" if "LC_ALL" in variables else "cp1252")
    assert [row.split()[1] for row in text.splitlines() if re.fullmatch(r"[\w.-]+ \d", row)] == ["0", "1", "2", "0"]
    assert "1x8x8" in text or "1×8×8" in text


def test_characters_that_no_encoding_lacks() -> None:
    for encoding, text in [
        ("cp1252", "3×3 -> ^T"),
        ("ascii", "3x3 -> ^T"),
        ("no-such-encoding", "3x3 -> ^T"),
        ("utf-8", "3×3 → ᵀ"),
    ]:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        screen = Screen(stream, "standard output")
        screen.stream = _Named(encoding)
        assert screen.text("3×3 → ᵀ") == text


class _Named(io.StringIO):
    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


# -- colours --------------------------------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "terminal", "pipe"),
    [
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "unknown"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, False),
        ({"TERM": "xterm", "CLICOLOR": "0"}, False, False),
        ({"TERM": "xterm", "CLICOLOR": "1"}, True, False),
        ({"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True, True),
        ({"TERM": "xterm", "CLICOLOR_FORCE": "0"}, True, False),
        ({"TERM": "xterm", "CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_who_gets_colours(
    variables: dict[str, str], terminal: bool, pipe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Screen(_Terminal(), "standard output").coloured is terminal
    assert Screen(io.StringIO(), "standard output").coloured is pipe


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudoterminals")
@pytest.mark.parametrize(
    ("variables", "escapes"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
    ids=["xterm", "dumb", "NO_COLOR"],
)
def test_on_a_terminal(variables: dict[str, str], escapes: bool, here: Path) -> None:
    """Diagnostics, tables and progress, with or without escape sequences, in the width of the terminal."""
    code = (
        "import time\nfrom archspec.cli.commands import archspec\nfrom archspec.cli.console import guard_streams\n"
        "from archspec.cli.progress import track_progress\n"
        "with guard_streams():\n    for _ in track_progress(range(3), 'row'): time.sleep(0.11)\n"
        "for line in (['check', 'wrong.yaml'], ['count-paths', 'row.yaml'], ['list']):\n"
        "    try:\n        archspec(line)\n    except SystemExit:\n        pass\n"
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
    }
    said = _in_terminal([sys.executable, "-c", code], kept | variables, columns=50, cwd=here)
    assert ("\x1b" in said) is escapes
    assert "error" in said
    assert "row" in said
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).replace("\r", "\n").splitlines()
    assert max(map(display_width, shown)) <= 50


def _in_terminal(command: list[str], variables: dict[str, str], *, columns: int, cwd: Path) -> str:
    """All that a command says on a terminal so many columns wide."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables, cwd=cwd) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux's error for a closed end
                break
            if not part:
                break
            said += part
        os.close(ours)
        assert process.wait() == 0
    return said.decode()


# -- widths ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("schema", "train")])
def test_every_command_fits_the_screen(name: str, columns: int) -> None:
    more = {"count-paths": ["--lengths", "--list", "3", "--expand"], "summary": ["--depth", "4"]}.get(name, [])
    for given in ([*line(name), *more], [*name.split(), "--help"], [*name.split(), "--no-such-option"]):
        if name == "draw" and "-o" not in given and len(given) > 2:
            given += ["-o", "out.svg"]
        result = run(*given, COLUMNS=str(columns))
        for text in (*result.stdout.splitlines(), *result.stderr.splitlines()):
            assert display_width(text) <= columns, text


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("columns", [40, 60])
def test_mistakes_fit_the_screen(columns: int) -> None:
    result = run("check", "wrong.yaml", "missing.yaml", COLUMNS=str(columns))
    assert max(map(display_width, result.stderr.splitlines())) <= columns
    excerpt, carets = (text for text in result.stderr.splitlines() if re.match(r" +\d* \| ", text))
    at = carets.index("^")
    assert excerpt[at : at + 6] == "linear"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("bad", ["", "0", "-3", "abc", "²"])
def test_columns_that_are_no_number(bad: str) -> None:
    assert run("list", COLUMNS=bad).stdout == run("list").stdout


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["list", "summary", "pipeline", "count-paths", "diff"])
def test_a_pipe_cuts_nothing(name: str) -> None:
    given = {"diff": ["diff", "resnet50", "resnext50_32x4d"], "count-paths": ["count-paths", "resnet50"]}.get(
        name, line(name)
    )
    text = run(*given).stdout
    assert "no room" not in text
    assert max(map(len, text.splitlines())) > 80
    for word in ("summary", "list"):
        assert "…" not in run(word, *(["densenet121", "--depth", "9"] if word == "summary" else [])).stdout.replace(
            " … ", ""
        )


@pytest.mark.usefixtures("here")
def test_every_command_of_a_group_wraps_its_help() -> None:
    for name, command in commands().items():
        assert command.context_class.__module__ == "archspec.cli.help", f"{name} has click's own help"
        assert isinstance(command, click.Command)


def test_completion_is_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'archspec'; from archspec.cli import main; main()"],
        env={**os.environ, "_ARCHSPEC_COMPLETE": "bash_source", "COLUMNS": "30"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "complete -o nosort -F _archspec_completion archspec" in done.stdout
