"""Small specs."""

from __future__ import annotations

from pathlib import Path

import pytest

TINY = """\
name: tiny
input: [3, 8, 8]
args: {width: 4, classes: 10}
stages:
  stem: {conv: {out: width, kernel: 3, padding: 1}}
  unit: {add: [[relu, {conv: {out: width, kernel: 3, padding: 1}}], identity]}
  pool: globalpool
  head: {linear: classes}
"""

WRONG = """\
name: wrong
input: [3, 8, 8]
stages:
  stem: {conv: 4}
  unit: {add: [{conv: 8}, identity]}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    return path
