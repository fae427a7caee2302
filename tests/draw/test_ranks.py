"""Pictures of any shape in ranks: nothing is crossed, lines do not coincide, places have the least costs."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

import archspec
from archspec.draw import THEMES, draw_picture
from archspec.draw.compose import compose_scene
from archspec.draw.layered.assembly import lay_out_layered
from archspec.draw.layered.channels import _Line, _order_lines
from archspec.draw.layered.coordinates import Constraint, solve_distances
from archspec.draw.layout import compute_layout
from archspec.draw.picture import Box, Cluster, Direction, Edge, Line, Picture
from archspec.view.skip_connections import Flow
from tests.draw.test_columns import corners, make_picture, places
from tests.draw.test_geometry import check_scene, find_bent_chains, find_coinciding
from tests.sample import bundled
from tests.work import count_lines

LIGHT = THEMES["light"]
FLOWS: tuple[Flow, ...] = ("flow", "flow", "flow", "identity", "gate")


def make_random_picture(seed: int, direction: Direction) -> Picture:
    """A random graph whose frames hold boxes in a row, as regions hold ops; some arrows have labels."""
    chosen = random.Random(seed)
    count = chosen.randint(4, 14)
    clusters = [Cluster("f0", "a frame"), Cluster("f1", "one inside", 2, parent="f0"), Cluster("f2", "another")]
    bounds = sorted(chosen.choices(range(count), k=5))
    inside = ["f0"] * (bounds[1] - bounds[0]) + ["f1"] * (bounds[2] - bounds[1]) + ["f0"] * (bounds[3] - bounds[2])
    inside += ["f2"] * (bounds[4] - bounds[3])
    around = [None] * bounds[0] + inside + [None] * (count - bounds[4])
    boxes = [
        Box(f"b{n}", "conv", (Line("+" if sign else f"a box {'wide ' * chosen.randint(0, 4)}{n}"),), cluster=frame, sign=sign)
        for n, frame in enumerate(around)
        for sign in [chosen.random() < 0.3]
    ]  # fmt: skip
    pairs = {tuple(sorted(chosen.sample(range(count), 2))) for _ in range(2 * count)}
    edges = [
        Edge(f"b{tail}", f"b{head}", chosen.choice(FLOWS), chosen.choice(["", "", f"{tail}×{head}"]))
        for tail, head in sorted(pairs)
    ]
    held = {box.cluster for box in boxes} | ({"f0"} if "f1" in around else set())
    used = [cluster for cluster in clusters if cluster.id in held]
    return Picture("random", "", tuple(boxes), tuple(edges), tuple(used), direction=direction)


@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(n, marks=pytest.mark.slow) for n in range(30, 400))])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_nothing_is_crossed_in_random_pictures(seed: int, direction: Direction) -> None:
    laid = lay_out_layered(make_random_picture(seed, direction))
    check_scene(compose_scene(laid, LIGHT))
    assert find_coinciding(laid) == find_bent_chains(laid) == []
    assert len(laid.curves) == len(laid.picture.edges)


def test_a_chain_beside_a_bypass_is_straight() -> None:
    picture = make_picture("a-b b-c c-D a-D a-e e-D")
    edges = tuple(
        replace(edge, flow="identity") if (edge.tail, edge.head) == ("a", "D") else edge for edge in picture.edges
    )
    laid = lay_out_layered(replace(picture, edges=edges))
    at = places(laid)
    assert at["a"][0] == at["b"][0] == at["c"][0] == at["D"][0]
    assert corners(laid, "a-D")[0][1] == at["a"][1]
    assert corners(laid, "a-D")[-1][1] == pytest.approx(at["D"][1], abs=9)


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "dmrnet_d14"])
def test_long_pictures_of_layers_have_the_shape_of_a_sheet(name: str) -> None:
    laid = compute_layout(draw_picture(bundled(name).graph, "layers"))
    check_scene(compose_scene(laid, LIGHT))
    assert find_coinciding(laid) == []
    assert 0.5 < laid.width / laid.height < 1.5


def test_wrapped_chains_keep_order_and_axis() -> None:
    edges = " ".join(f"b{number}-b{number + 1}" for number in range(99))
    laid = lay_out_layered(make_picture(edges))
    check_scene(compose_scene(laid, LIGHT))
    at = places(laid)
    axes = sorted({x for x, _ in at.values()})
    assert 2 < len(axes) < 8
    order = sorted(at, key=lambda id: (at[id][0], at[id][1]))
    assert order == [f"b{number}" for number in range(100)]
    heights = [sum(x == axis for x, _ in at.values()) for axis in axes]
    assert max(heights) - min(heights[:-1]) <= 1


def test_parameters_are_above_what_reads_them() -> None:
    at = places(lay_out_layered(make_picture("a-b b-c c-d p-d")))
    assert at["c"][1] == at["p"][1] < at["d"][1]


def test_what_closes_a_cycle_leads_up() -> None:
    laid = lay_out_layered(make_picture("a-b b-c c-b c-d b-b"))
    start, *_, end = corners(laid, "c-b")
    assert start[1] > end[1]
    check_scene(compose_scene(laid, LIGHT))


@pytest.mark.parametrize("seed", range(6))
def test_places_have_the_least_costs(seed: int) -> None:
    chosen = random.Random(seed)
    count = 9
    hard: list[Constraint] = [(n, n + 1, chosen.randint(5, 30), None) for n in range(count - 1) if n % 3 < 2]
    soft: list[Constraint] = []
    for _ in range(12):
        first, second = chosen.sample(range(count), 2)
        length, weight = chosen.randint(-9, 9), chosen.randint(1, 12)
        soft += [(first, second, length, weight), (second, first, -length, weight)]
    least = solve_with_scipy(count, hard, soft)
    for solution in solve_distances(count, [*hard, *soft]):
        assert all(solution[j] - solution[i] >= length for i, j, length, _ in hard)
        assert compute_costs(solution, soft) == pytest.approx(least)


def compute_costs(places: list[int], soft: list[Constraint]) -> int:
    return sum((weight or 0) * max(0, length - (places[j] - places[i])) for i, j, length, weight in soft)


def solve_with_scipy(count: int, hard: list[Constraint], soft: list[Constraint]) -> float:
    """The least costs, with a variable for what each soft constraint lacks."""
    rows, bounds = [], []
    for number, (i, j, length, weight) in enumerate([*hard, *soft]):
        row = np.zeros(count + len(soft))
        row[i], row[j] = 1, -1
        if weight is not None:
            row[count + number - len(hard)] = -1
        rows.append(row)
        bounds.append(-length)
    costs = [0] * count + [weight for *_, weight in soft]
    free: list[tuple[int | None, None]] = [(None, None)] * count + [(0, None)] * len(soft)
    return float(linprog(costs, np.array(rows), bounds, bounds=free).fun)


@pytest.mark.parametrize("seed", range(20))
def test_lines_are_ordered_by_the_crossings_with_those_that_are_left(seed: int) -> None:
    """The order by rates that are kept up to date is the one by rates that are computed anew for each line."""
    chosen = random.Random(seed)
    lines = [
        _Line((index, index), chosen.randrange(40), [chosen.randrange(40) for _ in range(chosen.randint(1, 3))])  # type: ignore[arg-type]
        for index in range(chosen.randint(1, 16))
    ]

    def rate(line: _Line, pending: list[_Line]) -> tuple[int, int]:
        others = [other for other in pending if other is not line and line.meets(other)]
        crossings = sum(line.count_above(other) - other.count_above(line) for other in others)
        return sum(line.must_be_below(other) for other in others), crossings

    pending, ordered = list(lines), []
    while pending:
        ordered.append(min(pending, key=lambda line: rate(line, pending)))
        pending.remove(ordered[-1])
    assert _order_lines(lines) == ordered


def test_the_work_for_branches_side_by_side_is_the_square_of_their_number() -> None:
    def draw(count: int) -> int:
        branches = ", ".join(f"conv: {index + 1}" for index in range(count))
        picture = archspec.load(f"name: wide\ninput: [4, 8, 8]\nstages: {{s: {{concat: [{branches}]}}}}\n").draw(
            "layers"
        )
        return count_lines(lambda: compute_layout(picture))

    assert draw(120) < 4.5 * draw(60)
