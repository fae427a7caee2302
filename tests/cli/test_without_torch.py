"""torch is a guest: what needs no torch must not import it, and the proof of that must be able to fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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

_RUN = """
import atexit, os, sys
atexit.register(lambda: os.write(2, f"torch imported: {'torch' in sys.modules}\\n".encode()))
"""


def _after(code: str) -> str:
    """What a process that runs `code` says of torch when it ends."""
    done = subprocess.run([sys.executable, "-c", _RUN + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", _COMMANDS, ids=" ".join)
def test_command_leaves_torch_alone(arguments: list[str], tiny: Path) -> None:
    argv = ["archspec", *(argument.format(spec=tiny) for argument in arguments)]
    assert _after(f"sys.argv = {argv!r}\nfrom archspec.cli import main\nmain()") == "torch imported: False"


def test_load_and_its_counts_leave_torch_alone(tiny: Path) -> None:
    code = (
        f"import archspec\narch = archspec.load({str(tiny)!r})\narch.params, arch.macs, arch.depth, arch.paths().total"
    )
    assert _after(code) == "torch imported: False"


def test_paths_and_lesions_leave_torch_alone(tiny: Path) -> None:
    code = f"""
import archspec
arch = archspec.load({str(tiny)!r})
arch.paths(source="unit").factors, list(arch.iter_paths()), arch.unravel(), arch.expansion(), arch.lesion(["unit"])
"""
    assert _after(code) == "torch imported: False"


def test_the_proof_can_fail(tiny: Path) -> None:
    code = f"import archspec\narchspec.load({str(tiny)!r}).build()"
    assert _after(code) == "torch imported: True"
