"""Plots are written atomically, are reproducible, and have axis labels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archspec.errors import ExportError
from archspec.experiments.gradients import Gradients
from archspec.experiments.lesions import Deletions, Lesions, Shuffles, ShuffleTrial
from archspec.experiments.plot import Result, save_plot
from archspec.experiments.track import ExperimentError
from tests.sample import sampled

RESULTS: list[tuple[list[Result], list[str]]] = [
    ([Lesions("one", 0.1, {"a": 0.2, "b": 0.5}), Lesions("two", 0.1, {"b": 0.9})], ["one", "two", "test error"]),
    ([Deletions("one", 2, 0.1, {1: (0.2, 0.3), 2: (0.9,)})], ["one", "test error", "random blocks deleted"]),
    ([Shuffles("one", 3, 0.1, (ShuffleTrial(1, 0.5, 0.2), ShuffleTrial(2, -0.5, 0.7)))], ["Kendall", "test error"]),
    ([Gradients("one", 2, 4, 1.0, {0: (1.0,), 1: (0.5, 0.1), 2: (0.0,)})], ["length of the path", "L2 norm"]),
]


@pytest.mark.parametrize("number", sampled(range(len(RESULTS)), {0}))
def test_a_picture_says_what_it_shows(number: int, tmp_path: Path) -> None:
    results, words = RESULTS[number]
    one, other, raster = tmp_path / "one.svg", tmp_path / "other.svg", tmp_path / "one.png"
    for path in (one, other, raster):
        save_plot(path, results)
    text = one.read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []
    assert text == other.read_text(encoding="utf-8")
    assert raster.read_bytes().startswith(b"\x89PNG")


def test_pictures_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match=r"ends in .png, .svg, not 'one.gif'"):
        save_plot(tmp_path / "one.gif", RESULTS[0][0])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExperimentError, match="a picture needs matplotlib, which is not installed"):
        save_plot(tmp_path / "one.svg", RESULTS[0][0])
    assert list(tmp_path.iterdir()) == []
