"""Lists all commands and how to run each of them, so that new ones are tested without being named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import click
from click.testing import CliRunner, Result

from archspec.cli.commands import archspec
from archspec.cli.output import OutputFile
from tests.hub import collect_uploads

SPEC = """\
name: {name}
source: {name}
input: [1, 8, 8]
args: {{width: 2}}
defaults: {{conv: {{bias: false, padding: same}}}}
blocks:
  unit: {{layers: [add: [[batchnorm, relu, {{conv: {{out: channels, kernel: 3}}}}], identity]]}}
stages:
  stem: {{conv: {{out: width, kernel: 3}}}}
  body: [repeat: {{times: 3, layers: [unit]}}]
  pool: globalpool
  fc: {{linear: 10}}
"""
"""A network for every command: it can be trained on digits, and has residual blocks."""

_QUICK = {"epochs": "1", "draws": "1", "samples": "4", "most": "1", "device": "cpu"}
"""Values of options for quick runs."""
_BATCH = {"train": "512"}
_ARGUMENTS = {"repo": "me/row", "number": "4.11G", "source": "tests.recording.models:Bridge"}
"""Values of arguments that are no SPEC."""
_NEEDED = {"claims": ["fractal"], "lesion": ["--drop", "body.1"], "import": ["--input", "3,5,5", "--name", "row"]}


def write_spec(folder: Path, name: str = "row", file: str = "row.yaml") -> Path:
    """The spec of a network that is called `name`, given as a scalar of YAML."""
    path = folder / file
    path.write_text(SPEC.format(name=name), encoding="utf-8")
    return path


def commands() -> dict[str, click.Command]:
    """Every command on a spec by its words, those of groups too; `tests/sweep` has those on spaces and their results."""
    return {name: command for name, command in iter_commands(archspec, ()) if not name.startswith("sweep")}


def iter_commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from iter_commands(inner, (*words, name))
    else:
        yield " ".join(words), command


def words(name: str, spec: str | Path, *, weights: Path | None = None, without: Sequence[str] = ()) -> list[str]:
    """The command line that runs a command on a spec, without the options `without` and without -o."""
    command = commands()[name]
    arguments = [one.name for one in command.params if isinstance(one, click.Argument) and one.required]
    given = [_ARGUMENTS.get(name or "", str(spec)) for name in arguments]
    for one in command.params:
        if not isinstance(one, click.Option) or one.name in without or isinstance(one.type, OutputFile):
            continue
        value = _BATCH.get(name) if one.name == "batch" else _QUICK.get(one.name or "")
        given += [one.opts[0], value] if value else []
        if one.name == "weights" and name.startswith("experiment") and weights is not None:
            given += [one.opts[0], str(weights)]
    return [*name.split(), *given, *_NEEDED.get(name, [])]


def outputs() -> list[tuple[str, str]]:
    """Each command that writes a file, with each ending that the file can have."""
    found = [(name, one.type) for name, command in commands().items() for one in command.params if "-o" in one.opts]
    return [
        (name, ending)
        for name, type_ in found
        if isinstance(type_, OutputFile)
        for ending in type_.endings or (".yaml",)
    ]


def run(*given: object, charset: str = "utf-8", **variables: str | None) -> Result:
    """The result of a command with an encoding of its streams and with environment variables."""
    unset = dict.fromkeys(("COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"))
    runner = CliRunner(charset, env={**unset, **variables})
    with collect_uploads() if "push" in given[:1] else nullcontext():
        result = runner.invoke(archspec, [str(word) for word in given], prog_name="archspec")
    assert result.exception is None or isinstance(result.exception, SystemExit), (given, result.exception)
    assert b"Traceback" not in result.stdout_bytes + result.stderr_bytes
    return result
