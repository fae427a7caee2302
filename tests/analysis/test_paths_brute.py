"""Path counts and lengths of random small graphs, compared with an enumeration of all routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from random import Random

import pytest

from archspec.analysis import path_enumeration as one_by_one
from archspec.analysis import path_factors
from archspec.analysis.counts import compute_depth
from archspec.analysis.path_enumeration import iter_paths, unravel_paths
from archspec.analysis.path_sums import LengthUnit
from archspec.analysis.paths import count_paths
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat, Multiply
from archspec.ops.tensor import Split
from tests.sample import sampled

MOST_ROUTES = 2000


@dataclass(frozen=True)
class Route:
    """One route from an input: the channels that it reaches and its two lengths."""

    low: int
    high: int
    layers: int = 0
    modules: int = 0


@dataclass
class Enumeration:
    """A random graph with a list of all routes to each value, which does not use the ops' `routes`."""

    rng: Random
    gates: bool
    graph: Graph = field(default_factory=lambda: Graph("random"))
    routes: dict[Value, list[Route]] = field(default_factory=dict)

    def input(self, channels: int) -> None:
        value = self.graph.add_input(f"input{len(self.graph.inputs)}", Shape.of(channels, 4, 4))
        self.routes[value] = [Route(0, channels)]

    def any(self) -> Value:
        return self.rng.choice(list(self.routes)[-6:])

    def alike(self, channels: int) -> Value:
        return self.rng.choice([value for value in self.routes if value.shape.channels == channels])

    def grow(self) -> None:
        steps = [self.conv, self.conv, self.relu, self.split, self.concat, self.add, self.add, self.multiply]
        self.rng.choice(steps)()

    def conv(self) -> None:
        value = self.any()
        channels = value.shape.channels
        groups = self.rng.choice([size for size in (1, 1, 2, 3, 4) if channels % size == 0])
        out = groups * self.rng.choice([1, 2, 4])
        (made,) = self.graph.add_node(Conv(out=out, groups=groups), (value,))
        per, wide = channels // groups, out // groups
        self.routes[made] = [
            Route(r.low // per * wide, ((r.high - 1) // per + 1) * wide, r.layers + 1, r.modules)
            for r in self.routes[value]
        ]

    def relu(self) -> None:
        value = self.any()
        (made,) = self.graph.add_node(ReLU(), (value,))
        self.routes[made] = list(self.routes[value])

    def split(self) -> None:
        value = self.any()
        if value.shape.channels < 2:
            return
        cut = self.rng.randrange(1, value.shape.channels)
        parts = self.graph.add_node(Split(sizes=(cut, value.shape.channels - cut)), (value,))
        for part, start in zip(parts, (0, cut), strict=True):
            stop = start + part.shape.channels
            self.routes[part] = [
                Route(max(r.low, start) - start, min(r.high, stop) - start, r.layers, r.modules)
                for r in self.routes[value]
                if max(r.low, start) < min(r.high, stop)
            ]

    def concat(self) -> None:
        values = [self.any() for _ in range(self.rng.choice([2, 3]))]
        if sum(value.shape.channels for value in values) <= 24:
            offsets = [sum(value.shape.channels for value in values[:at]) for at in range(len(values))]
            (made,) = self.graph.add_node(Concat(), tuple(values))
            self.meet(made, values, offsets)

    def add(self) -> None:
        first = self.any()
        values = [first, *(self.alike(first.shape.channels) for _ in range(self.rng.choice([1, 1, 2])))]
        (made,) = self.graph.add_node(Add(), tuple(values))
        self.meet(made, values, [0] * len(values))

    def multiply(self) -> None:
        signal = self.any()
        thin = [value for value in self.routes if value.shape.channels == 1]
        gate = self.rng.choice(thin or [self.alike(signal.shape.channels)])
        (made,) = self.graph.add_node(Multiply(), (signal, gate))
        if not self.gates:
            self.routes[made] = list(self.routes[signal])
            return
        self.meet(made, [signal, gate], [0, 0])
        if gate.shape.channels != signal.shape.channels:
            carried = len(self.routes[signal])
            self.routes[made][carried:] = [
                Route(0, signal.shape.channels, r.layers, r.modules) for r in self.routes[made][carried:]
            ]

    def meet(self, made: Value, values: list[Value], offsets: list[int]) -> None:
        fewest = [min((r.layers for r in self.routes[value]), default=None) for value in values]
        nearest = min((few for few in fewest if few is not None), default=0)
        self.routes[made] = [
            Route(r.low + offset, r.high + offset, r.layers, r.modules + (few is not None and few > nearest))
            for value, offset, few in zip(values, offsets, fewest, strict=True)
            for r in self.routes[value]
        ]


def enumerated(seed: int, gates: bool) -> tuple[Enumeration, list[Route]]:
    rng = Random(seed)
    one = Enumeration(rng, gates)
    for _ in range(rng.choice([1, 1, 2])):
        one.input(rng.choice([1, 4, 6, 12]))
    for _ in range(rng.randrange(4, 18)):
        if max(map(len, one.routes.values())) > MOST_ROUTES:
            break
        one.grow()
    ends = [list(one.routes)[-1], *rng.choices(list(one.routes), k=rng.choice([0, 0, 1, 2]))]
    one.graph.outputs = {f"output{at}": value for at, value in enumerate(ends)}
    return one, [route for value in ends for route in one.routes[value]]


@pytest.mark.parametrize("seed", sampled(range(400), range(0, 400, 20)))
@pytest.mark.parametrize("gates", [False, True])
def test_counts_and_lengths_are_those_of_single_routes(seed: int, gates: bool) -> None:
    one, routes = enumerated(seed, gates)
    units: tuple[LengthUnit, ...] = ("modules", "layers")
    for unit in units:
        found = count_paths(one.graph, unit, gates)
        expected = Counter(route.modules if unit == "modules" else route.layers for route in routes)
        assert found.total == len(routes)
        assert found.lengths == dict(sorted(expected.items()))
        assert list(found.lengths) == sorted(expected)
        assert found.longest == max(expected, default=None)
        assert found.shortest == min(expected, default=None)
        weighed = sum(length * count for length, count in expected.items())
        assert found.mean == (Fraction(weighed, len(routes)) if routes else None)


@pytest.mark.parametrize("seed", sampled(range(100), range(0, 100, 5)))
def test_depth_is_the_longest_path_in_layers(seed: int) -> None:
    one, routes = enumerated(seed, gates=False)
    assert compute_depth(one.graph) == max((route.layers for route in routes), default=0)


@pytest.mark.parametrize("seed", sampled(range(100), range(0, 100, 5)))
def test_pairs_of_inputs_and_outputs_add_up(seed: int) -> None:
    one, routes = enumerated(seed, gates=False)
    pairs = [
        count_paths(one.graph, source=start, target=end).total
        for start in one.graph.inputs
        for end in one.graph.outputs
    ]
    assert sum(pairs) == len(routes)


def test_random_graphs_are_worth_testing() -> None:
    """Most have several routes, some have routes that end early, and gates matter in some."""
    many = [len(enumerated(seed, gates=False)[1]) for seed in range(100)]
    gated = [len(enumerated(seed, gates=True)[1]) for seed in range(100)]
    assert sum(count > 4 for count in many) > 30
    assert sum(few < more for few, more in zip(many, gated, strict=True)) > 10


@pytest.mark.parametrize("first", sampled(range(0, 2000, 50), range(0, 2000, 200)))
@pytest.mark.parametrize("gates", [False, True])
def test_single_paths_are_those_of_the_enumeration(first: int, gates: bool) -> None:
    """Fifty graphs a test: 4,000 in all."""
    for seed in range(first, first + 50):
        one, routes = enumerated(seed, gates)
        for unit in UNITS:
            found = list(iter_paths(count_paths(one.graph, unit, gates)))
            lengths = [route.length for route in found]
            assert lengths == sorted(lengths)
            ends = Counter((r.steps[-1].channels[0], r.steps[-1].channels[-1] + 1, r.length) for r in found)
            assert ends == Counter((r.low, r.high, r.modules if unit == "modules" else r.layers) for r in routes)
            assert max(Counter(map(trail, found)).values(), default=1) == repeats(one.graph)


UNITS: tuple[LengthUnit, ...] = ("modules", "layers")


def trail(route: one_by_one.SignalPath) -> tuple[tuple[int, int | None, int, range], ...]:
    """A key of a path: its nodes, operands, outputs and channels."""
    return tuple((step.node.id, step.operand, step.output, step.channels) for step in route.steps)


def repeats(graph: Graph) -> int:
    """The number of repeated outputs of the same value, whose paths count once for each."""
    ends = Counter(value for value in graph.outputs.values() if count_paths(graph, target=value).total)
    return max(ends.values(), default=1)


@pytest.mark.parametrize("seed", sampled(range(200), range(0, 200, 10)))
def test_the_tree_of_paths_has_each_path_once(seed: int) -> None:
    one, routes = enumerated(seed, gates=False)
    tree = unravel_paths(count_paths(one.graph), limit=10**6)
    assert sum(data["ends"] for _, data in tree.nodes(data=True)) == len(routes)
    assert all(degree <= 1 for _, degree in tree.in_degree())
    assert all(tree.nodes[leaf]["ends"] for leaf, degree in tree.out_degree() if not degree)
    assert Counter(data["length"] for _, data in tree.nodes(data=True) for _ in range(data["ends"])) == Counter(
        route.modules for route in routes
    )


def named(seed: int) -> Graph:
    """A random graph with named nodes in three regions of random sizes."""
    graph = enumerated(seed, gates=False)[0].graph
    rng = Random(seed)
    cuts = sorted(rng.choices(range(len(graph.nodes)), k=2))
    graph.nodes = [
        node._replace(path=(f"part{sum(node.id > cut for cut in cuts)}", f"op{node.id}"))
        if isinstance(node, Node)
        else node
        for node in graph.nodes
    ]
    return graph


def walked(graph: Graph, start: str, end: str, unit: LengthUnit) -> Counter[int]:
    """The lengths of all paths from where they enter `start` to where they leave `end`, step by step."""

    def inside(name: str) -> set[int]:
        return {node.id for node in graph.ops if node.name == name or node.path[0] == name}

    first, last = inside(start), inside(end)
    ends = {v for node in graph.ops if node.id not in last for v in node.inputs} | set(graph.outputs.values())
    leaving = {value for id in last for value in graph.nodes[id].outputs if value in ends}
    leaving = leaving or set(graph.nodes[max(last)].outputs)
    counts = count_paths(graph, unit)
    found: Counter[int] = Counter()

    def enter(node: Node, operand: int, channels: range, length: int) -> None:
        if not node.op.carries(operand, len(node.inputs)):
            return
        length += counts.cost(node, operand)
        for index, value in enumerate(node.outputs):
            reached = node.op.routes(operand, channels, node.input_shapes, node.output_shapes, index)
            if reached:
                go(value, reached, length)

    def go(value: Value, channels: range, length: int) -> None:
        found[length] += value in leaving
        for node in graph.ops:
            for operand, read in enumerate(node.inputs):
                if read == value:
                    enter(node, operand, channels, length)

    for id in first:
        node = graph.nodes[id]
        assert isinstance(node, Node)
        for operand, value in enumerate(node.inputs):
            if value.node not in first:
                enter(node, operand, range(value.shape.channels), 0)
    return +found


@pytest.mark.parametrize("first", sampled(range(0, 1000, 50), range(0, 1000, 200)))
def test_paths_between_parts_are_those_that_a_walk_finds(first: int) -> None:
    several = 0
    for seed in range(first, first + 50):
        graph = named(seed)
        names = [*(node.name for node in graph.ops), *sorted({node.path[0] for node in graph.ops})]
        rng = Random(seed)
        start, end = rng.choice(names), rng.choice(names)
        for unit in UNITS:
            found = count_paths(graph, unit, source=start, target=end)
            expected = walked(graph, start, end, unit)
            assert found.lengths == dict(sorted(expected.items()))
            assert Counter(route.length for route in iter_paths(found)) == expected
            assert prod(factor.total for factor in found.factors) == found.total or not found.total
            several += found.total > 1
    assert several > 2


@pytest.mark.parametrize("seed", sampled(range(300), range(0, 300, 15)))
def test_the_factors_multiply_to_the_total(seed: int) -> None:
    graph = named(seed)
    found = count_paths(graph)
    assert prod(factor.total for factor in found.factors) == found.total or not found.total
    parts = [part for factor in found.factors for part in factor.parts]
    assert len(parts) == len(set(parts)) or not found.total


@pytest.mark.parametrize("first", sampled(range(0, 1000, 50), range(0, 1000, 250)))
@pytest.mark.parametrize("gates", [False, True])
def test_parts_are_separated_where_ways_in_and_ways_on_multiply(
    first: int, gates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sweeps from one value to the next find the same as a sweep over the whole graph for each of them."""
    separated = 0
    for seed in range(first, first + 50):
        graph = named(seed)

        def separate(_: object, ways: Mapping[Value, int], graph: Graph = graph) -> frozenset[Value]:
            total = count_paths(graph, gates=gates).total
            return frozenset(
                value
                for value in ways
                if count_paths(graph, gates=gates, target=value).total
                * count_paths(graph, gates=gates, source=value).total
                == total
            )

        found = count_paths(graph, gates=gates).factors
        with monkeypatch.context() as patch:
            patch.setattr(path_factors, "_find_separating_values", separate)
            assert count_paths(graph, gates=gates).factors == found
        separated += len(found) > 1
    assert separated > 5


@pytest.mark.parametrize("seed", sampled(range(300), range(0, 300, 15)))
def test_the_narrowest_range_is_that_of_all_ranges(seed: int) -> None:
    found = count_paths(enumerated(seed, gates=False)[0].graph)
    if not found.total:
        assert found.narrowest_range() is None
        return
    for share in (Fraction(1, 2), Fraction(95, 100), Fraction(1)):
        ranges = [
            (low, high) for low in found.lengths for high in found.lengths if found.share_within(low, high) >= share
        ]
        expected = min(ranges, key=lambda ends: (ends[1] - ends[0], -found.share_within(*ends), ends[0]))
        assert found.narrowest_range(share) == expected
