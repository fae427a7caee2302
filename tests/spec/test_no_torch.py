"""The language never imports torch."""

from __future__ import annotations

from tests.processes import run_python

PROGRAM = """
import sys
import archspec
architecture = archspec.load("name: a\\ninput: [3, 8, 8]\\nstages: {one: {conv: 8}}\\n")
architecture.params, architecture.check_expectations()
archspec.check("name: a\\nstages: {one: conv}\\n")
%s
print("torch" in sys.modules)
"""


def imported(extra: str) -> str:
    return run_python("-c", PROGRAM % extra).stdout.strip()


def test_loading_and_checking_leave_torch_out() -> None:
    assert imported("") == "False"


def test_the_test_can_fail() -> None:
    assert imported("sys.modules['torch'] = sys") == "True"
