"""Latency and test errors of the points of a sweep, and searches by Optuna."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import archspec
from archspec.cli.commands import archspec as command
from archspec.errors import SpecError
from archspec.sweep import latency
from archspec.sweep.choose import read_table, select_rows
from archspec.sweep.conditions import parse_condition
from archspec.sweep.evaluate import restore_point
from archspec.sweep.measures import LatencySettings, TrainingSettings
from archspec.sweep.run import run_sweep
from archspec.sweep.space import Space, read_space
from archspec.sweep.training import train_network

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

TINY = """name: tiny
input: [64]
args: {width: 8}
stages: {body: [linear: width, relu], fc: {linear: 10}}
"""


def make_space(folder: Path, rest: str) -> Space:
    """A space over the width of a small network for digits."""
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "space.yaml").write_text(f"name: small\nbase: tiny.yaml\n{rest}", encoding="utf-8")
    return read_space(folder / "space.yaml")


def test_points_that_are_networks_are_measured_once(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = "over: {width: [4, 8, 0]}\nmeasure: {latency: {repeats: 3}, test_error: {epochs: 1, seeds: 2}}\n"
    first = run_sweep(make_space(tmp_path, text), tmp_path / "out")
    assert (first.counted, first.measured) == (3, {"latency": 2, "test_error": 2})
    counted = (tmp_path / "out" / "points.parquet").read_bytes()
    again = run_sweep(make_space(tmp_path, text), tmp_path / "out")
    assert (again.counted, again.measured) == (0, {"latency": 0, "test_error": 0})
    longer = run_sweep(make_space(tmp_path, text.replace("repeats: 3", "repeats: 4")), tmp_path / "out")
    assert longer.measured == {"latency": 2, "test_error": 0}
    assert (tmp_path / "out" / "points.parquet").read_bytes() == counted
    rows = read_table(tmp_path / "out")[1]
    assert [row["test_error"] is None for row in rows] == [False, False, True]
    for row in rows[:2]:
        assert 0 < row["latency_low"] <= row["latency"] <= row["latency_high"]
        assert row["latency_note"].startswith("cpu")
        assert 0 <= row["test_error_low"] <= row["test_error"] <= row["test_error_high"] <= 1


def test_a_test_error_is_that_of_the_command_train(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    make_space(tmp_path, "over: {width: [8]}\n")
    line = ["train", str(tmp_path / "tiny.yaml"), "-o", str(tmp_path / "w.pt"), "--epochs", "2", "--seed", "1"]
    result = CliRunner().invoke(command, [*line, "--device", "cpu", "--set", "width=16", "--json"])
    assert result.exit_code == 0, result.output
    error = train_network(tmp_path / "tiny.yaml", {"width": 16}, TrainingSettings(epochs=2), seed=1)
    assert f'"test_error": {error}' in result.output


def test_networks_run_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    ran: list[int] = []
    prepare = latency._prepare_run

    def record(spec: Any, point: Any, batch: int, place: Any) -> Any:
        run = prepare(spec, point, batch, place)

        def run_and_record() -> object:
            ran.append(point["width"])
            return run()

        return run_and_record

    monkeypatch.setattr(latency, "_prepare_run", record)
    points = [{"width": 4}, {"width": 0}, {"width": 8}]
    rows = latency.measure_latency(TINY, points, LatencySettings(repeats=3, batch=2))
    assert ran == [4, 8] * 3
    assert rows[1] == {"latency_note": "out of linear needs at least 1, got 0"}


def test_a_training_that_cannot_be_done_says_why(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    space = make_space(tmp_path, "over: {width: [4]}\nmeasure: {test_error: {data: mnist}}\n")
    result = CliRunner().invoke(command, ["sweep", str(tmp_path / "space.yaml"), "-d", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "1× no test_error: there are no data 'mnist'" in result.output
    assert not run_sweep(space, tmp_path / "out").measured["test_error"]


@pytest.mark.parametrize(
    ("rest", "place", "message"),
    [
        ("measure: [flops]", "2:11", "'flops' is not measured"),
        ("measure: {params: {}}", "2:11", "'params' is not measured"),
        ("measure: {latency: {batch: 0}}", "2:21", "batch of latency needs at least 1, got 0"),
        ("measure: {latency: fast}", "2:20", "latency needs a mapping of settings, got 'fast'"),
        ("measure: 3", "2:10", "measure needs names of measures, got 3"),
        ("search: {objectives: [test_error]}", "2:9", "'test_error' is neither counted nor measured"),
        ("search: {objectives: [-accuracy]}", "2:9", "'accuracy' is neither counted nor measured"),
        ("search: {trials: 3}", "2:9", "search needs 'objectives'"),
        ("sample: 3, search: {objectives: [macs]}", "2:9", "a search draws points by itself"),
    ],
)
def test_mistakes_in_measures_and_searches_have_their_places(rest: str, place: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_space(f"{{name: s, base: b, over: {{n: [1, 2]}},\n{rest}}}")
    first = caught.value.diagnostics[0]
    assert (first.message, f"{first.span.line}:{first.span.column}") == (message, place)


def test_counts_may_be_named_among_the_measures() -> None:
    space = read_space("{name: s, base: b, over: {n: [1, 2]}, measure: [params, macs, latency]}")
    assert dict(space.measures) == {"latency": LatencySettings()}


SEARCH = """over: {width: {log_uniform: [4, 64]}, classes: [10, 12]}
where: [params <= 3000]
search: {sampler: SAMPLER, objectives: [macs, -params], trials: 6}
"""


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_search_evaluates_as_many_points_as_it_says_and_goes_on(tmp_path: Path, sampler: str) -> None:
    optuna = pytest.importorskip("optuna")
    (tmp_path / "tiny.yaml").write_text(
        TINY.replace("8}", "8, classes: 10}").replace(": 10}}", ": classes}}"), encoding="utf-8"
    )
    path = tmp_path / "space.yaml"
    path.write_text(f"name: s\nbase: tiny.yaml\n{SEARCH.replace('SAMPLER', sampler)}", encoding="utf-8")
    outcome = run_sweep(read_space(path), tmp_path / "out")
    space, rows = read_table(tmp_path / "out")
    found = select_rows(rows)
    assert len(found) == 6
    assert outcome.points == len(rows) == outcome.counted
    for row in rows:
        params = archspec.load(TINY.replace("linear: 10", f"linear: {row['classes']}"), width=row["width"]).params
        assert (row["params"], row["status"]) == (params, "ok" if params <= 3000 else "excluded")
        assert restore_point(space, row)["width"] == row["width"]
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "out" / "journal.log"))
    )
    (study,) = optuna.get_all_study_summaries(storage)
    assert study.n_trials >= len(rows)
    assert run_sweep(read_space(path), tmp_path / "out").counted == 0
    path.write_text(path.read_text(encoding="utf-8").replace("trials: 6", "trials: 8"), encoding="utf-8")
    assert run_sweep(read_space(path), tmp_path / "out").counted >= 2
    assert len(select_rows(read_table(tmp_path / "out")[1])) == 8


def test_a_search_builds_nothing_that_its_conditions_exclude(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("torch")
    rest = """over: {width: {from: 2, to: 40}}
where: [params <= 900]
measure: {test_error: {epochs: 1}}
search: {objectives: [test_error, params], trials: 3}
"""
    outcome = run_sweep(make_space(tmp_path, rest), tmp_path / "out", processes=1)
    rows = read_table(tmp_path / "out")[1]
    assert outcome.measured == {"test_error": 3}
    assert {row["test_error"] is not None for row in rows if row["status"] == "ok"} == {True}
    assert {row["test_error"] for row in rows if row["status"] != "ok"} <= {None}


def test_a_search_ends_with_the_points_of_its_space(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = make_space(tmp_path, "over: {width: [2, 4, 6]}\nsearch: {objectives: [params], trials: 50}\n")
    assert run_sweep(space, tmp_path / "out").points == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_search_that_is_killed_ten_times_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    make_space(tmp_path, "over: {width: {from: 1, to: 500}}\nsearch: {objectives: [params, -macs], trials: 40}\n")
    line = [sys.executable, "-m", "archspec", "sweep", str(tmp_path / "space.yaml"), "-d", str(tmp_path / "out")]
    draw = random.Random(0)
    for _ in range(10):
        running = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        time.sleep(draw.uniform(1, 3))
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    assert subprocess.run(line, check=False, stdout=subprocess.DEVNULL).returncode == 0
    rows = select_rows(read_table(tmp_path / "out")[1])
    assert len(rows) == len({row["digest"] for row in rows}) == 40
    assert all(row["params"] == archspec.load(TINY, width=row["width"]).params for row in rows)


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("macs <= 8", 0.2),
        ("macs <= 20", 0),
        ("macs <= 5 and macs <= 8", 0.7),
        ("macs <= 5 or macs <= 8", 0.2),
        ("not macs > 1", 1),
        ("kind == 'wide'", 1),
    ],
)
def test_how_far_a_condition_is_from_holding(text: str, violation: float) -> None:
    assert parse_condition(text).measure_violation({"macs": 10, "kind": "thin"}) == pytest.approx(violation)
