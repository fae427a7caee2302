"""Every error gives a message and an exit code, and never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archspec.cli.commands import archspec
from tests.processes import run_python, start_archspec


def refused(*arguments: object, exit_code: int = 2) -> str:
    """The message with which a command ends."""
    result: Result = CliRunner().invoke(archspec, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize("command", ["build", "summary", "count-paths", "check"])
class TestSpecsThatAreNotThere:
    def test_no_such_file(self, command: str, tmp_path: Path) -> None:
        assert "missing.yaml" in refused(command, tmp_path / "missing.yaml")

    def test_nearly_a_bundled_name(self, command: str) -> None:
        assert "resnet50" in refused(command, "resnet5O")

    def test_a_directory(self, command: str, tmp_path: Path) -> None:
        assert str(tmp_path) in refused(command, tmp_path)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable for root")
    def test_not_readable(self, command: str, tiny: Path) -> None:
        tiny.chmod(0)
        assert str(tiny) in refused(command, tiny)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "noise.yaml"
    path.write_bytes(b"name: \xff\xfe")
    assert f"{path}:1:7: error: " in refused("summary", path, exit_code=1)


def test_standard_input_that_is_no_text() -> None:
    result = CliRunner().invoke(archspec, ["summary", "-"], input=b"name: \xff\xfe")
    assert result.exit_code == 1
    assert ":1:7: error: " in result.stderr


def test_a_limit(tiny: Path) -> None:
    assert "3" in refused("summary", tiny, "--max-nodes", 3, exit_code=1)
    assert "20 bytes" in refused("summary", tiny, "--max-bytes", 20, exit_code=1)


@pytest.mark.parametrize("given", ["width", "=3"])
def test_set_that_is_no_assignment(given: str, tiny: Path) -> None:
    assert "--set" in refused("summary", tiny, "--set", given)


@pytest.mark.parametrize("given", ["width=[1", "width=*x"])
def test_set_that_cannot_be_read(given: str, tiny: Path) -> None:
    assert refused("summary", tiny, "--set", given).startswith(f"--set {given}: error: ")


def test_set_that_makes_the_spec_wrong(tiny: Path) -> None:
    assert f"{tiny}:5:" in refused("summary", tiny, "--set", "width=-1", exit_code=1)


def test_set_of_an_argument_that_the_spec_has_not(tiny: Path) -> None:
    message = refused("summary", tiny, "--set", "widht=3")
    assert "widht" in message
    assert "width" in message.replace("widht", "")


@pytest.mark.parametrize("arguments", [["frobnicate"], ["check"], ["build", "resnet50", "--device", "tpu"]])
def test_wrong_command_lines(arguments: list[str]) -> None:
    assert "Usage" in refused(*arguments)


def test_a_device_that_is_not_there(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in refused("build", tiny, "--device", "cuda")


def test_no_torch(tiny: Path) -> None:
    hidden = f"import sys; sys.modules['torch'] = None; sys.argv = ['archspec', 'build', {str(tiny)!r}]"
    code = f"{hidden}; from archspec.cli import main; main()"
    done = run_python("-c", code)
    assert done.returncode == 2
    assert "archspec-nn[torch]" in done.stderr
    assert "Traceback" not in done.stderr


def test_more_memory_than_any_machine_has(tiny: Path) -> None:
    assert "memory" in refused("build", tiny, "--device", "cpu", "--batch", 2_000_000_000)


def test_a_reader_that_goes_away() -> None:
    """`archspec list | head -1`."""
    with start_archspec("list") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == b""


def begin_spec(process: subprocess.Popen[bytes]) -> None:
    """Writes the beginning of a spec, more than a pipe's buffer, so that the process is reading and waits for the rest."""
    assert process.stdin is not None
    process.stdin.write(b"name: tiny\n" + b"# a comment\n" * 20_000)
    process.stdin.flush()


def test_an_interrupt() -> None:
    with start_archspec("check", "-") as process:
        begin_spec(process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_an_interrupt_that_is_ignored() -> None:
    """As for a background job of a shell, which goes on."""
    with start_archspec("check", "-", interrupt=signal.SIG_IGN) as process:
        begin_spec(process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(b"input: [4]\nstages: {one: relu}\n")
    assert (process.returncode, said) == (0, b"1 checked, none wrong\n")


def test_diagnostics_have_colours_on_a_terminal_only(wrong: Path) -> None:
    plain = CliRunner().invoke(archspec, ["check", str(wrong)])
    assert "\x1b" not in plain.stderr
    coloured = CliRunner().invoke(archspec, ["check", str(wrong)], color=True)
    assert "\x1b[31m" in coloured.stderr
    silent = CliRunner(env={"NO_COLOR": "1"}).invoke(archspec, ["check", str(wrong)], color=True)
    assert "\x1b" not in silent.stderr
