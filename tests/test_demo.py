"""`make demo` runs, and what it prints is true."""

from __future__ import annotations

from tests.processes import ROOT, run_python


def test_the_demo_runs_and_shows_what_it_promises() -> None:
    done = run_python(ROOT / "examples" / "demo.py")
    assert done.returncode == 0, done.stderr
    for part in (
        "conv1: {conv: 4 * growth}",
        "14,149,480",
        "3,359,843,328",
        "2^82",
        "3×224×224 → 64×56×56",
        ":6:5: error:",
        "project the shortcut",
    ):
        assert part in done.stdout, part
