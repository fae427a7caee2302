"""`make demo` delights, and says nothing untrue."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo_runs_and_shows_what_it_promises() -> None:
    demo = [sys.executable, str(ROOT / "examples" / "demo.py")]
    here = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(demo, capture_output=True, check=False, encoding="utf-8", env=here, timeout=300)
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
