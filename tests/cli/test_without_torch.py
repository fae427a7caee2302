"""Commands that do not need torch do not import it, and the check can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import run_python

_COMMANDS = (
    ["check", "{spec}"],
    ["check", "{spec}", "--json"],
    ["summary", "{spec}"],
    ["count-paths", "{spec}", "--lengths"],
    ["count-paths", "{spec}", "--from", "unit", "--to", "head", "--list", "3", "--expand"],
    ["lesion", "{spec}", "--drop", "unit", "-o", "{spec}.lesion.yaml"],
    ["draw", "{spec}", "-o", "{spec}.svg"],
    ["report", "{spec}", "-o", "-"],
    ["diff", "{spec}", "{spec}"],
    ["pipeline", "{spec}", "--stages", "3"],
    ["schema"],
    ["list"],
    ["--help"],
    ["--version"],
)

_PROOF = """
import atexit, os, sys
atexit.register(lambda: os.write(2, f"torch imported: {'torch' in sys.modules}\\n".encode()))
"""
_COMMAND = """
from archspec.cli.commands import archspec
for arguments in {commands!r}:
    archspec(arguments, prog_name="archspec", standalone_mode=False)
    if "torch" in sys.modules:
        raise SystemExit(f"torch imported by {{arguments}}")
"""


def _after(code: str) -> str:
    """The report of a process that runs `code` on whether torch was imported."""
    done = run_python("-c", _PROOF + code)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


def test_commands_leave_torch_alone(tiny: Path) -> None:
    """All in one process, in which imports would be found at the end."""
    commands = [[argument.format(spec=tiny) for argument in arguments] for arguments in _COMMANDS]
    assert _after(_COMMAND.format(commands=commands)) == "torch imported: False"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", _COMMANDS, ids=" ".join)
def test_a_command_by_itself_leaves_torch_alone(arguments: list[str], tiny: Path) -> None:
    """In a process of its own, including imports at its start and end."""
    argv = ["archspec", *(argument.format(spec=tiny) for argument in arguments)]
    assert _after(f"sys.argv = {argv!r}\nfrom archspec.cli import main\nmain()") == "torch imported: False"


def test_load_and_its_counts_leave_torch_alone(tiny: Path) -> None:
    code = f"""
import archspec
arch = archspec.load({str(tiny)!r})
arch.params, arch.macs, arch.depth, arch.paths().total
arch.paths(source="unit").factors, list(arch.iter_paths()), arch.unravel(), arch.expansion(), arch.lesion(["unit"])
"""
    assert _after(code) == "torch imported: False"


@pytest.mark.slow
def test_the_proof_can_fail(tiny: Path) -> None:
    code = f"import archspec\narchspec.load({str(tiny)!r}).build()"
    assert _after(code) == "torch imported: True"
