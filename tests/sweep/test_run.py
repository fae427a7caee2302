"""Sweeps: rows, resuming after kills, several processes and machines, and the choice of points."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner

import archspec
from archspec import files
from archspec.cli.commands import archspec as command
from archspec.sweep import merging
from archspec.sweep.axes import Progression
from archspec.sweep.choose import ChoiceError, find_front, read_table, select_rows
from archspec.sweep.evaluate import restore_point
from archspec.sweep.figures import Kind, save_figure
from archspec.sweep.run import run_sweep
from archspec.sweep.space import read_space
from archspec.sweep.store import Store, StoreError

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

SPACE = """name: small
base: highway_mnist_fc10
over:
  depth: {from: 1, to: 4}
  width: {from: 4, to: 20}
  classes: [10, 0]
where: [params < 13000]
"""
"""136 points, of which 68 are no networks."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that nothing interrupted."""
    folder = tmp_path_factory.mktemp("sweep") / "whole"
    run_sweep(read_space(SPACE), folder, batch=8)
    return folder


def test_each_row_has_the_counts_of_its_network(whole: Path) -> None:
    _, rows = read_table(whole)
    assert len(rows) == 136
    good = [row for row in rows if row["status"] == "ok"]
    for row in good[::7]:
        arch = archspec.load("highway_mnist_fc10", depth=row["arg_depth"], width=row["width"])
        assert (row["params"], row["macs"], row["depth"], row["paths"]) == (
            arch.params,
            arch.macs,
            arch.depth,
            arch.paths().total,
        )
    assert all(row["params"] >= 13_000 for row in rows if row["status"] == "excluded")
    invalid = [row for row in rows if row["status"] == "invalid"]
    assert len(invalid) == 68
    assert {row["message"] for row in invalid} == {"out of linear needs at least 1, got 0"}


def test_a_run_that_is_there_counts_nothing_again(whole: Path) -> None:
    before = (whole / "points.parquet").read_bytes()
    outcome = run_sweep(read_space(SPACE), whole, batch=8)
    assert (outcome.points, outcome.counted) == (136, 0)
    assert (whole / "points.parquet").read_bytes() == before


def test_a_larger_space_counts_what_is_new(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    small = read_space(SPACE.replace("to: 20", "to: 10"))
    first = run_sweep(small, folder)
    grown = run_sweep(read_space(SPACE), folder)
    assert (first.counted, grown.counted) == (56, 80)
    assert (folder / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


START = "import sys; from pathlib import Path; from archspec.sweep.run import run_sweep; from archspec.sweep.space import read_space"


def run_elsewhere(folder: Path, processes: int, scheduler: str | None = None) -> subprocess.Popen[bytes]:
    """A process that runs the sweep, the leader of a group of its own."""
    call = f"run_sweep(read_space({SPACE!r}), Path({str(folder)!r}), batch=4, processes={processes}, scheduler={scheduler!r})"
    code = f"{START}\nif __name__ == '__main__': {call}"
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def wait_for(holds: Callable[[], object]) -> None:
    """Waits until something holds, or for a minute or two."""
    for _ in range(5000):
        if holds():
            return
        time.sleep(0.02)


def kill_at_random(folder: Path, processes: int, kills: int, draw: random.Random, scheduler: str | None = None) -> None:
    """Runs the sweep until it has ended, and kills it before some number of times."""
    for _ in range(kills):
        started = run_elsewhere(folder, processes, scheduler)
        parts = len(list(folder.glob("parts/points-*")))
        wait_for(lambda: started.poll() is not None or len(list(folder.glob("parts/points-*"))) > parts)  # noqa: B023
        time.sleep(draw.uniform(0, 0.1))
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
    assert run_elsewhere(folder, processes, scheduler).wait(timeout=300) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups")
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    kill_at_random(tmp_path / "killed", 1, 2, random.Random(0))
    assert (tmp_path / "killed" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups")
def test_ten_kills_of_a_pool_lose_and_double_nothing(whole: Path, tmp_path: Path) -> None:
    kill_at_random(tmp_path / "killed", 2, 10, random.Random(1))
    assert (tmp_path / "killed" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


def find_worker(parent: int) -> int:
    """The id of a process of the pool that another one started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_bytes()
            if int(fields[1]) == parent and b"spawn_main" in line:
                return int(path.parent.name)
    raise AssertionError("no worker")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
def test_workers_that_are_killed_are_replaced(whole: Path, tmp_path: Path) -> None:
    running = run_elsewhere(tmp_path / "pool", 2)
    wait_for(lambda: running.poll() is not None or list((tmp_path / "pool").glob("parts/points-*")))
    os.kill(find_worker(running.pid), signal.SIGKILL)
    assert running.wait(timeout=300) == 0
    assert (tmp_path / "pool" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


@pytest.mark.slow
def test_a_cluster_counts_the_same_while_one_of_its_workers_is_killed(whole: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        running = run_elsewhere(tmp_path / "cluster", 1, cluster.scheduler_address)
        wait_for(lambda: running.poll() is not None or list((tmp_path / "cluster").glob("parts/points-*")))
        worker = next(iter(cluster.workers.values()))
        os.kill(worker.process.pid, signal.SIGKILL)
        assert running.wait(timeout=300) == 0
    assert (tmp_path / "cluster" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups")
def test_ten_kills_of_a_run_on_a_cluster_lose_and_double_nothing(whole: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask distributed is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        kill_at_random(tmp_path / "killed", 1, 10, random.Random(2), cluster.scheduler_address)
    assert (tmp_path / "killed" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


def test_the_command_says_that_a_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "space.yaml").write_text(SPACE, encoding="utf-8")

    def write(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "write_atomically", write)
    result = CliRunner().invoke(command, ["sweep", str(tmp_path / "space.yaml"), "-d", str(tmp_path / "out")])
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (2, True)
    assert "No space left on device" in result.output
    assert "Traceback" not in result.output


def test_a_table_is_merged_in_any_order_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "GROUP", 3)
    store = Store(tmp_path / "store", {"points": {"digest": "text", "value": "int"}})
    store.prepare("", None)
    digests = [f"{number:016x}" for number in random.Random(0).sample(range(2**62), 40)]
    for round in range(2):  # later rows replace earlier ones
        for first in range(0, 40, 5):
            own = digests[first : first + 5]
            store.add({"points": [{"digest": digest, "value": 100 * round + first} for digest in own[round:]]})
        store.finish(["points"])
    whole = {digest: 100 * bool(place % 5) + place // 5 * 5 for place, digest in enumerate(digests)}
    assert {digest: row["value"] for digest, row in store.rows("points").items()} == whole
    order = random.Random(1).sample(digests, 30)
    store.finish(["points"], [merging.parse_digest(digest) for digest in order])
    assert [(row["digest"], row["value"]) for row in store.rows("points").values()] == [
        (digest, whole[digest]) for digest in order
    ]


def test_points_that_are_drawn_twice_are_counted_once(tmp_path: Path) -> None:
    text = "{name: drawn, base: highway_mnist_fc10, over: {width: {uniform: [4, 7]}}, sample: 40}"
    outcome = run_sweep(read_space(text), tmp_path / "drawn", batch=3)
    assert outcome.points == outcome.counted == 4
    assert len(read_table(tmp_path / "drawn")[1]) == 4
    assert run_sweep(read_space(text), tmp_path / "drawn").counted == 0


def test_a_folder_of_another_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("{name: net, input: [4], args: {width: 3}, stages: {fc: {linear: width}}}")
    space = tmp_path / "space.yaml"
    space.write_text("{name: s, base: net.yaml, over: {width: [1, 2]}}", encoding="utf-8")
    run_sweep(read_space(space), tmp_path / "out")
    (tmp_path / "net.yaml").write_text("{name: net, input: [5], args: {width: 3}, stages: {fc: {linear: width}}}")
    with pytest.raises(StoreError, match="holds points of another base"):
        run_sweep(read_space(space), tmp_path / "out")


@pytest.mark.parametrize(
    ("axis", "cells"),
    [
        ("[1, identity, true, 1.5]", ["1", "identity", "true", "1.5"]),
        ("[99999999999999999999, 3]", ["99999999999999999999", "3"]),
        ("[1, 2.5]", [1.0, 2.5]),
        ("[1e400, 2.5]", ["1" + "0" * 400, "2.5"]),
        ("[[conv: 2], null, 4]", ['[{"conv":2}]', "null", "4"]),
    ],
)
def test_values_of_several_kinds_are_text(axis: str, cells: list[object], tmp_path: Path) -> None:
    space = read_space(f"{{name: kinds, base: highway_mnist_fc10, over: {{width: {axis}}}}}")
    run_sweep(space, tmp_path / "kinds")
    _, rows = read_table(tmp_path / "kinds")
    assert [row["width"] for row in rows] == cells
    assert [restore_point(space, row) for row in rows] == [dict(point) for point in space.points()]


def test_counts_beyond_a_table_s_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More digits of paths than Python writes, and more MACs than a column of integers has room for."""
    monkeypatch.chdir(tmp_path)
    limit = sys.get_int_max_str_digits()
    Path("paths.yaml").write_text(
        "name: paths\ninput: [4]\nargs: {n: 2}\nstages: {body: {repeat: {times: n, layers: [add: [copies: {times: 100, layers: [identity]}]]}}}\n",
        encoding="utf-8",
    )
    Path("macs.yaml").write_text(
        "name: macs\ninput: [1, 1048576, 1048576]\nargs: {n: 1}\nstages: {body: [conv: {out: n, kernel: 524289, padding: 262144}]}\n",
        encoding="utf-8",
    )
    sys.set_int_max_str_digits(1300)
    try:
        run_sweep(read_space("{name: many, base: paths.yaml, over: {n: [1, 700]}}"), Path("many"))
        (_, row) = read_table(Path("many"))[1]
        assert row["paths"] == 100**700
        assert "≈ 1.000e1400" in CliRunner().invoke(command, ["sweep", "show", "many"]).output
    finally:
        sys.set_int_max_str_digits(limit)
    run_sweep(read_space("{name: large, base: macs.yaml, over: {n: [1, 0]}}"), Path("large"))
    assert next(row["message"] for row in read_table(Path("large"))[1]) == "macs has more than 64 bits"


def test_a_range_takes_no_memory() -> None:
    space = read_space("{name: s, base: highway_mnist_fc10, over: {width: {from: 1, to: 1e9, step: 1}}, sample: 3}")
    assert space.size == 10**9
    assert all(1 <= point["width"] <= 10**9 for point in space.points())
    numbers = Progression(Fraction(1, 2), Fraction(3), 5)
    assert [*numbers] == [0.5, 3.5, 6.5, 9.5, 12.5]
    assert [*numbers[1::2]] == [3.5, 9.5] == [*Progression(Fraction(7, 2), Fraction(6), 2)]
    assert numbers[-1] == 12.5


def test_a_folder_has_one_space_and_one_run(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.yaml").write_text(SPACE, encoding="utf-8")
    Path("other.yaml").write_text(SPACE.replace("name: small", "name: other"), encoding="utf-8")
    before = (whole / "points.parquet").read_bytes()
    refused = CliRunner().invoke(command, ["sweep", "other.yaml", "-d", str(whole)])
    assert (refused.exit_code, (whole / "points.parquet").read_bytes()) == (2, before)
    assert "holds points of the space small, and this is other: name another folder" in refused.stderr
    Path("small").mkdir()
    with files.hold_folder(Path("small")):
        held = CliRunner().invoke(command, ["sweep", "space.yaml"])
    assert (held.exit_code, held.stderr) == (2, "Error: small: another process writes into it\n")
    assert not any(Path("small").iterdir())


def test_rows_without_a_value_come_last() -> None:
    rows = [{"status": "ok", "word": word} for word in ("b", None, "c", "a")]
    assert [row["word"] for row in select_rows(rows, sort="word")] == ["a", "b", "c", None]
    assert [row["word"] for row in select_rows(rows, sort="-word")] == ["c", "b", "a", None]


def test_the_space_of_the_readme_is_as_large_as_it_says() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(# equal_cost.*?)```", readme, re.DOTALL)
    assert len(list(read_space(text).points())) == 500
    assert read_space(text).size == 868


def test_a_full_disk_ends_in_an_error_and_keeps_what_was_written(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.replace_file
    written: list[Path] = []

    @contextmanager
    def replace(path: Path) -> Iterator[IO[bytes]]:
        if len(written) > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        with real(path) as file:
            yield file

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace_file", replace)
        with pytest.raises(OSError, match="No space left"):
            run_sweep(read_space(SPACE), tmp_path / "full", batch=8)
    _, rows = read_table(tmp_path / "full")
    assert len(rows) in {24, 32}
    run_sweep(read_space(SPACE), tmp_path / "full", batch=8)
    assert (tmp_path / "full" / "points.parquet").read_bytes() == (whole / "points.parquet").read_bytes()


def test_commands_run_show_and_pick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text("{name: net, extends: highway_mnist_fc10, args: {classes: 5}}", encoding="utf-8")
    Path("space.yaml").write_text(
        "{name: mine, base: net.yaml, over: {depth: [1, 2, 3], width: [8, 16]}, where: [params < 14000]}",
        encoding="utf-8",
    )
    run = CliRunner().invoke(command, ["sweep", "space.yaml"])
    assert (run.exit_code, run.output.split()[:2]) == (0, ["points", "6"])
    rows = json.loads(CliRunner().invoke(command, ["sweep", "show", "mine", "--sort", "-macs", "--json"]).output)
    assert [(row["arg_depth"], row["width"]) for row in rows] == [(2, 16), (1, 16), (3, 8), (2, 8), (1, 8)]
    table = CliRunner().invoke(command, ["sweep", "show", "mine", "--where", "arg_depth > 1", "--top", "1"]).output
    assert table.splitlines()[1].split()[1:3] == ["2", "8"]
    Path("net.yaml").unlink()
    picked = CliRunner().invoke(command, ["sweep", "pick", "mine", rows[0]["digest"][:6], "-o", "best.yaml"])
    assert picked.exit_code == 0, picked.output
    assert archspec.load("best.yaml").params == rows[0]["params"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing"], "is not the folder of a sweep"),
        (["show", "whole", "--sort", "flops"], "the sweep has no column 'flops'"),
        (["show", "whole", "--where", "params >"], "--where: 'params >' is no condition"),
        (["show", "whole", "--pareto", ","], "--pareto: expected names of columns, got ','"),
        (["pick", "whole", "zz", "-o", "a.yaml"], "no point begins with 'zz'"),
        (["pick", "whole", "", "-o", "a.yaml"], "136 points begin with ''"),
        (["run", "space.yaml", "-d", "taken"], "taken holds something else than a sweep"),
    ],
)
def test_mistakes_on_the_command_line(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("whole").symlink_to(whole)
    Path("space.yaml").write_text(SPACE, encoding="utf-8")
    Path("taken").mkdir()
    Path("taken/thesis.tex").write_text("", encoding="utf-8")
    result = CliRunner().invoke(command, ["sweep", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_front_has_no_point_that_another_beats() -> None:
    draw = random.Random(0)
    rows = [{"a": draw.randrange(9), "b": draw.randrange(9), "id": number} for number in range(80)]

    def beats(first: dict[str, int], second: dict[str, int]) -> bool:
        return (first["a"] <= second["a"] and first["b"] >= second["b"]) and (first["a"], first["b"]) != (
            second["a"],
            second["b"],
        )

    best = [row["id"] for row in rows if not any(beats(other, row) for other in rows)]
    assert sorted(row["id"] for row in find_front(rows, ["a", "-b"])) == best


@pytest.mark.slow
def test_the_equal_cost_settings_of_the_resnext_paper_are_found(tmp_path: Path) -> None:
    """Table 2 of Xie et al. 2016, with nothing else told; the fast test of the page of sweeps finds them, too."""
    run_sweep(read_space("resnext_cardinality"), tmp_path / "equal")
    _, rows = read_table(tmp_path / "equal")
    assert [(row["groups"], row["base"]) for row in rows if row["status"] == "ok"] == [
        (1, 64),
        (2, 40),
        (4, 24),
        (8, 14),
        (32, 4),
    ]


FIGURES = [
    ("scatter", ("params", "-depth"), "width"),
    ("distribution", ("macs",), "arg_depth"),
    ("parallel", ("arg_depth", "width", "params"), "status"),
    ("heat", ("arg_depth", "width", "macs"), None),
]


@pytest.mark.parametrize(
    ("kind", "columns", "colour"), FIGURES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_figures_are_drawn_and_are_the_same_each_time(
    whole: Path, tmp_path: Path, kind: Kind, columns: tuple[str, ...], colour: str | None
) -> None:
    rows = select_rows(read_table(whole)[1])
    for name in ("first.svg", "second.svg"):
        save_figure(tmp_path / name, kind, rows, columns, colour)
    text = (tmp_path / "first.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "second.svg").read_text(encoding="utf-8")
    assert all(f">{column.removeprefix('-')}<" in text for column in columns)


@pytest.mark.parametrize(
    ("kind", "columns"), [("scatter", ("n", "-paths")), ("distribution", ("paths",)), ("parallel", ("n", "paths"))]
)
def test_numbers_of_paths_beyond_all_floats_are_drawn_by_their_logarithms(
    tmp_path: Path, kind: Kind, columns: tuple[str, ...]
) -> None:
    rows = [{"n": n, "paths": 2 ** (n * 100)} for n in (1, 2, 40)]
    save_figure(tmp_path / "paths.svg", kind, rows, columns)
    assert ">log10 paths<" in (tmp_path / "paths.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        ("scatter", ("params",), "a scatter figure needs 2 columns, got params"),
        ("heat", ("params", "macs"), "a heat figure needs 3 columns"),
        ("scatter", ("params", "flops"), "the sweep has no column 'flops'"),
        ("scatter", ("params", "structure"), "structure needs numbers for this figure"),
    ],
)
def test_a_figure_without_its_columns_says_so(
    whole: Path, tmp_path: Path, kind: Kind, columns: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ChoiceError, match=message):
        save_figure(tmp_path / "a.svg", kind, select_rows(read_table(whole)[1]), columns)


def test_a_table_fits_the_screen(whole: Path) -> None:
    for width in (20, 40, 80):
        result = CliRunner().invoke(command, ["sweep", "show", str(whole), "--top", "3"], env={"COLUMNS": str(width)})
        assert max(map(len, result.output.splitlines())) <= width


@pytest.mark.parametrize("address", [pytest.param("tcp://127.0.0.1:9", marks=pytest.mark.slow), "nowhere", "\x1b[2J"])
def test_without_a_scheduler_the_error_names_its_address(tmp_path: Path, address: str) -> None:
    pytest.importorskip("distributed", reason="dask distributed is not installed")
    (tmp_path / "space.yaml").write_text(SPACE, encoding="utf-8")
    line = ["sweep", str(tmp_path / "space.yaml"), "-d", str(tmp_path / "out"), "--scheduler", address]
    result = CliRunner().invoke(command, line)
    assert result.exit_code == 2
    assert "no scheduler at" in result.output
    assert "\x1b" not in result.output


def test_names_of_files_that_are_hostile_are_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(command, ["sweep", "\x1b[2J.yaml"])
    assert (result.exit_code, "\x1b" in result.output) == (2, False)
    shown = CliRunner().invoke(command, ["sweep", "show", "\x1b[2J"])
    assert (shown.exit_code, "\x1b" in shown.output) == (2, False)


def test_the_commands_of_the_page_say_what_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text(encoding="utf-8")
    Path("equal_cost.yaml").write_text(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0], encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    commands = [part for block in blocks for part in re.split(r"^\$ archspec ", block, flags=re.MULTILINE)[1:]]
    assert len(commands) == 4
    for line, _, answer in (part.partition("\n") for part in commands):
        output = CliRunner().invoke(command, shlex.split(line)).output
        assert output == (answer or "written: equal_cost.svg\n"), line
    assert archspec.load("resnext50.yaml").params == archspec.load("resnext50_32x4d").params


def test_a_figure_without_a_name_gets_that_of_the_folder(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = CliRunner().invoke(command, ["sweep", "plot", str(whole), "params", "macs"])
    assert (drawn.exit_code, drawn.stdout) == (0, "written: whole.svg\n")
    assert Path("whole.svg").read_text(encoding="utf-8").startswith("<?xml")
