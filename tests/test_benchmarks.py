"""Every benchmark runs with tiny networks, and the page is made from its results; times are not checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks import compiling, drawing, gpu, gpu_inference, measure, memory, ways
from benchmarks.measure import RATIO, Ratio, turns
from benchmarks.page import PAGE, Result, Section, Table, page, save, saved, unexplained
from benchmarks.sections import SECTIONS
from tests.references import timm, torchvision
from tests.sample import sampled


@pytest.mark.parametrize("section", sampled(SECTIONS, [drawing.SECTION]), ids=lambda section: section.name)
def test_a_section_runs_and_is_read_back(section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision(), timm()
    if "torchinfo" in section.packages:
        pytest.importorskip("torchinfo")
    monkeypatch.setattr(measure, "REST", 0.0)
    monkeypatch.setattr(ways, "BACKEND", "aot_eager")
    monkeypatch.setattr(compiling, "answer", compiled_here)
    monkeypatch.setattr(gpu, "answer", answered_here)
    result = section.measured(quick=True)
    save(section.name, result, tmp_path)
    found = saved(section.name, tmp_path)
    assert found is not None
    assert list(map(str, found.tables)) == list(map(str, result.tables))
    text = page([section], tmp_path)
    assert all((str(table) in text) == table.on_page for table in result.tables)
    for table in result.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def compiled_here(*arguments: str, env: Mapping[str, str]) -> object:
    """Replaces three processes that would be too slow for a test."""
    assert arguments[:2] == ("-m", "benchmarks.compiling")
    assert not list(Path(env["TORCHINDUCTOR_CACHE_DIR"]).iterdir())
    return compiling.asked(arguments[2:])


def answered_here(*arguments: str, env: Mapping[str, str]) -> object:
    assert arguments[:2] == ("-m", "benchmarks.gpu_inference")
    return gpu_inference.time_first_answer(arguments[2], int(arguments[3]), arguments[4])


def test_the_page_is_made_of_the_last_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(SECTIONS), "run: python -m benchmarks --render"


def test_a_ratio_is_judged_as_it_is_printed() -> None:
    assert Ratio("work", "peer", 1.004, 1.0, aim=1.0).cells[-3:] == ("1.00", "≤ 1", "yes")
    assert Ratio("work", "peer", 1.006, 1.0, aim=1.0).cells[-3:] == ("1.01", "≤ 1", "no")
    assert Ratio("work", "peer", 2**20, 2**22, bytes=True).cells[2:] == ("1 MiB", "4 MiB", "0.25", "–", "–")


def test_a_missed_aim_asks_for_a_reason(tmp_path: Path) -> None:
    section = Section("slow", "Slow things", "about", lambda _: iter(()))
    assert "Not measured yet" in page([section], tmp_path)
    table = Table(RATIO, [Ratio("work", "peer", 2, 1, aim=1).cells, Ratio("work", "peer", 1, 2, aim=1).cells])
    save("slow", Result("2020-01-01", "a machine", {"torch": "2"}, 2, (table,)), tmp_path)
    assert unexplained([section], tmp_path) == ["slow"]
    assert "| [Slow things](#slow-things) | slow | 1 of 2 |" in page([section], tmp_path)


def test_turns_begin_with_each_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "REST", 0.0)
    seen: list[str] = []
    seconds = turns({name: lambda name=name: seen.append(name) for name in "abc"}, 3)  # type: ignore[misc]
    assert "".join(seen) == "abc" + "abc" + "acb" + "cab"
    assert {name: len(times) for name, times in seconds.items()} == {"a": 3, "b": 3, "c": 3}


def test_memory_is_what_is_held_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak memory of a process as on Linux, where it is reset before the measurement."""

    def held(resident: int, highest: int) -> None:
        (tmp_path / "status").write_text(f"Name:\tx\nVmHWM:\t{highest} kB\nVmRSS:\t{resident} kB\n", encoding="ascii")

    monkeypatch.setattr(memory, "HERE", tmp_path)
    held(100, 900)
    assert memory.growth(lambda: held(200, 700)) == 1024 * (700 - 100)
    assert (tmp_path / "clear_refs").read_text(encoding="ascii") == "5"
    assert memory.of_process("-c", "") > 0


def test_a_wrong_answer_is_not_timed() -> None:
    import torch

    images = torch.ones(2, 3)
    case = ways.Case.__new__(ways.Case)
    assert isinstance(ways.ready(lambda _, x: lambda: 1.0005 * x, case, images, images), ways.Ready)
    assert ways.ready(lambda _, x: lambda: 1.5 * x, case, images, images) == "output differs from eager's by 5.0e-01"

    def fails(_: ways.Case, __: torch.Tensor) -> ways.Run:
        raise RuntimeError("no such op\nmore")

    assert ways.ready(fails, case, images, images) == "RuntimeError: no such op"
