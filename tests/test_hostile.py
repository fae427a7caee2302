"""Every spec is compiled within bounds of work and memory, and errors are located; bounds are in units of work.

Cases and limits are small; the slow tests have full size and the default limits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec import Budget, Limits
from archspec.spans import Source
from tests import hostile, laborious
from tests.sample import sampled
from tests.work import count_lines

SCALE = 50
SMALL = Limits(bytes=100_000, items=2000, nodes=2000, layers=100_000, work=60_000)
CASES = dict(hostile.cases(SCALE))
LABORIOUS = dict(laborious.cases(2 * SCALE))
SAID = {
    "too many bytes": "a spec has at most 1",
    "keys": "no op, block, layer argument or named value",
    "too many keys": "items",
    "latin-1": "byte 0xf6 is not UTF-8",
    "BOM and latin-1": "byte 0xf6 is not UTF-8",
    "NUL": "character U+0000 is not text",
    "alias bomb": "an anchor (&a0) is not part of the language",
    "doubling layer arguments": "the network would have more than",
    "doubling blocks of identities": "layers, identities counted",
    "deep blocks below the limit of size": "more than 500 layers inside one another",
    "cyclic default": "the block b0 uses itself",
    "line separators": ":4:8: error",
    "identities for each of many": "layers, identities counted",
    "nodes": "the network would have more than",
    "nest of nodes": "the network would have more than",
    "more paths than Python prints": "expected paths 1, got ≈ 1.000e4400 (+≈ 9.999e4399)",
    "words that are hard to tell apart": "is no op, block",
}
ASKED = {
    "more paths than Python prints": Limits(work=300_000),
    "words that are hard to tell apart": Limits(work=400_000),
}
"""Limits of cases that are not about the size of the text."""
AGREED = frozenset(("deep blocks", "deep layer arguments"))
"""Cases that are networks if they are small."""


def assert_bounded(found: tuple[archspec.Diagnostic, ...], budget: Budget) -> None:
    """Checks that each diagnostic is of reasonable length and has a span, and that the work is within the budget, or its end is reported."""
    for diagnostic in found:
        assert 1 <= diagnostic.span.line <= len(diagnostic.span.source.lines) + 1
        assert diagnostic.span.column >= 1
        assert len(str(diagnostic)) < 20_000
        assert len(repr(diagnostic.as_dict())) < 200_000
    assert len(found) <= 101
    ended = any("units of work" in diagnostic.message for diagnostic in found)
    assert ended or budget.units <= budget.most


def checked(path: Path, limits: Limits) -> tuple[tuple[archspec.Diagnostic, ...], Budget]:
    budget = Budget(limits)
    return archspec.check(path, limits=budget), budget


@pytest.mark.parametrize("name", CASES)
def test_it_ends_with_a_diagnostic(name: str, tmp_path: Path) -> None:
    ends(name, CASES[name], ASKED.get(name, SMALL), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_ends_with_a_diagnostic_at_full_size(name: str, tmp_path: Path) -> None:
    ends(name, whole(hostile.cases)[name], Limits(), tmp_path)


@cache
def whole(cases: Callable[[], Iterator[tuple[str, Any]]]) -> dict[str, Any]:
    """Cases at their full size."""
    return dict(cases())


def ends(name: str, content: str | bytes, limits: Limits, folder: Path) -> None:
    path = folder / "hostile.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    found, budget = checked(path, limits)
    assert_bounded(found, budget)
    if found or name not in AGREED or limits == Limits():
        assert SAID.get(name, "") in str(found[0])


# -- cases that take much work ------------------------------------------------------------------------------------------

LINES = 60  # the most lines of Python that are executed for one unit of work


@pytest.mark.parametrize("name", sampled(LABORIOUS, list(LABORIOUS)[::3]))
def test_what_takes_work_is_charged_before_it_is_done(name: str) -> None:
    budget = Budget(Limits(work=30_000))
    found: list[archspec.Diagnostic] = []
    lines = count_lines(lambda: found.extend(archspec.check(Source("laborious.yaml", LABORIOUS[name]), limits=budget)))
    assert_bounded(tuple(found), budget)
    assert lines <= LINES * min(budget.units, budget.most) + 20_000


@pytest.mark.slow
@pytest.mark.parametrize("name", LABORIOUS)
def test_what_takes_work_ends_at_the_default_budget(name: str) -> None:
    budget = Budget()
    assert_bounded(archspec.check(Source("laborious.yaml", whole(laborious.cases)[name]), limits=budget), budget)


# -- specs that extend one another --------------------------------------------------------------------------------------


def chain(folder: Path, count: int, last: str) -> Path:
    """Specs each of which extends the next, and the last one `last`."""
    for at in range(count):
        target = f"{at + 1}.yaml" if at + 1 < count else last
        (folder / f"{at}.yaml").write_text(f"name: n{at}\nextends: {target}\n")
    return folder / "0.yaml"


@pytest.mark.parametrize(
    ("count", "last"),
    [(1, "0.yaml"), (3, "0.yaml"), (100, "0.yaml"), (1, "../../../../etc/passwd.yaml"), (1, "/etc/hosts.yaml"), (1, "link.yaml"),
     (1, "folder.yaml"), (1, "pipe.yaml"), (1, "x" * 100_000 + ".yaml"), (1, "loop.yaml")],
)  # fmt: skip
def test_extends_ends_and_stays_inside(count: int, last: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret\ninput: [3]\nstages: {one: relu}\n")
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "loop.yaml").symlink_to(inside / "loop.yaml")
    (inside / "folder.yaml").mkdir()
    os.mkfifo(inside / "pipe.yaml")
    found, budget = checked(chain(inside, count, last), Limits())
    assert_bounded(found, budget)
    text = str(found[0])
    assert "secret" not in text
    assert any(said in text for said in ("extend", "outside", "cannot be read"))


def test_a_chain_within_the_limit_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("name: base\ninput: [3, 8, 8]\nstages: {one: relu}\n")
    assert archspec.load(chain(tmp_path, 15, "base.yaml")).name == "n0"


def test_stages_that_are_put_behind_others_are_charged(tmp_path: Path) -> None:
    stages = ", ".join(f"s{at}: relu" for at in range(1000))
    (tmp_path / "base.yaml").write_text(f"name: base\ninput: [3, 8, 8]\nstages: {{{stages}}}\n")
    moved = ", ".join(f"t{at}: {{relu: {{}}, after: s{at}}}" for at in range(1000))
    (tmp_path / "moved.yaml").write_text(f"name: moved\nextends: base.yaml\nstages: {{{moved}}}\n")
    found, budget = checked(tmp_path / "moved.yaml", Limits(work=100_000))
    assert_bounded(found, budget)
    assert "takes more than 100,000 units of work" in str(found[0])


# -- limits -------------------------------------------------------------------------------------------------------------


def test_limits_are_options() -> None:
    spec = "name: a\ninput: [3, 8, 8]\nstages: {one: {repeat: {times: 20, layers: [relu]}}}\n"
    assert len(list(archspec.load(spec, limits=Limits(nodes=21)).graph.ops)) == 20
    with pytest.raises(archspec.SpecError, match="more than 19 nodes"):
        archspec.load(spec, limits=Limits(nodes=19))


UNFORESEEN = "name: a\ninput: [3, 8, 8]\nstages: {one: {repeat: {times: 1000 * channels, layers: [relu]}}}\n"


def test_what_cannot_be_foreseen_stops_at_the_limit() -> None:
    with pytest.raises(archspec.SpecError, match="has more than 100 nodes"):
        archspec.load(UNFORESEEN, limits=Limits(nodes=100))
    with pytest.raises(archspec.SpecError, match="takes more than 1,000 layers, identities counted"):
        archspec.load(UNFORESEEN.replace("relu", "identity"), limits=Limits(layers=1000))
    with pytest.raises(archspec.SpecError, match="takes more than 1,000 units of work"):
        archspec.load(UNFORESEEN, limits=Limits(work=1000))


def test_a_pass_makes_no_more_nodes_than_the_limit() -> None:
    units = "{repeat: {times: 30, name: u, layers: [add: [identity, conv: 4]]}}"
    spec = f"name: a\ninput: [4, 8, 8]\nstages: {{one: {units}}}\npasses: [stochastic_depth]\n"
    assert len(archspec.load(spec, limits=Limits(nodes=91)).graph.nodes) == 91
    with pytest.raises(archspec.SpecError, match="has more than 80 nodes"):
        archspec.load(spec, limits=Limits(nodes=80))


def test_layers_inside_one_another_up_to_the_limit() -> None:
    blocks = "".join(f"  b{at}: [layers: [b{at - 1}]]\n" for at in range(1, 120))
    spec = f"name: a\ninput: [3, 8, 8]\nblocks:\n  b0: relu\n{blocks}stages: {{one: b119}}\n"
    assert len(list(archspec.load(spec).graph.ops)) == 1
