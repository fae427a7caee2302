"""Path counts and lengths against an enumeration of single routes, on random small graphs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

import pytest

from archspec.analysis.counts import depth
from archspec.analysis.paths import Unit, paths
from archspec.graph import Graph, Value
from archspec.ops.activation import ReLU
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat, Multiply
from archspec.ops.tensor import Split
from archspec.shape import Shape

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
    """A random graph, and beside it the list of all routes to each value, made without a look at how the ops describe theirs."""

    rng: Random
    gates: bool
    graph: Graph = field(default_factory=lambda: Graph("random"))
    routes: dict[Value, list[Route]] = field(default_factory=dict)

    def input(self, channels: int) -> None:
        value = self.graph.input(f"input{len(self.graph.inputs)}", Shape.of(channels, 4, 4))
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
        (made,) = self.graph.add(Conv(out=out, groups=groups), (value,))
        per, wide = channels // groups, out // groups
        self.routes[made] = [
            Route(r.low // per * wide, ((r.high - 1) // per + 1) * wide, r.layers + 1, r.modules)
            for r in self.routes[value]
        ]

    def relu(self) -> None:
        value = self.any()
        (made,) = self.graph.add(ReLU(), (value,))
        self.routes[made] = list(self.routes[value])

    def split(self) -> None:
        value = self.any()
        if value.shape.channels < 2:
            return
        cut = self.rng.randrange(1, value.shape.channels)
        parts = self.graph.add(Split(sizes=(cut, value.shape.channels - cut)), (value,))
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
            (made,) = self.graph.add(Concat(), tuple(values))
            self.meet(made, values, offsets)

    def add(self) -> None:
        first = self.any()
        values = [first, *(self.alike(first.shape.channels) for _ in range(self.rng.choice([1, 1, 2])))]
        (made,) = self.graph.add(Add(), tuple(values))
        self.meet(made, values, [0] * len(values))

    def multiply(self) -> None:
        signal = self.any()
        thin = [value for value in self.routes if value.shape.channels == 1]
        gate = self.rng.choice(thin or [self.alike(signal.shape.channels)])
        (made,) = self.graph.add(Multiply(), (signal, gate))
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


@pytest.mark.parametrize("seed", range(400))
@pytest.mark.parametrize("gates", [False, True])
def test_counts_and_lengths_are_those_of_single_routes(seed: int, gates: bool) -> None:
    one, routes = enumerated(seed, gates)
    units: tuple[Unit, ...] = ("modules", "layers")
    for unit in units:
        found = paths(one.graph, unit, gates)
        expected = Counter(route.modules if unit == "modules" else route.layers for route in routes)
        assert found.total == len(routes)
        assert found.lengths == dict(sorted(expected.items()))
        assert list(found.lengths) == sorted(expected)
        assert found.longest == max(expected, default=None)
        assert found.shortest == min(expected, default=None)
        weighed = sum(length * count for length, count in expected.items())
        assert found.mean == (Fraction(weighed, len(routes)) if routes else None)


@pytest.mark.parametrize("seed", range(100))
def test_depth_is_the_longest_path_in_layers(seed: int) -> None:
    one, routes = enumerated(seed, gates=False)
    assert depth(one.graph) == max((route.layers for route in routes), default=0)


@pytest.mark.parametrize("seed", range(100))
def test_pairs_of_inputs_and_outputs_add_up(seed: int) -> None:
    one, routes = enumerated(seed, gates=False)
    pairs = [
        paths(one.graph, source=start, target=end).total for start in one.graph.inputs for end in one.graph.outputs
    ]
    assert sum(pairs) == len(routes)


def test_random_graphs_are_worth_testing() -> None:
    """Most have several routes, some have cut ones, and gates matter in some."""
    many = [len(enumerated(seed, gates=False)[1]) for seed in range(100)]
    gated = [len(enumerated(seed, gates=True)[1]) for seed in range(100)]
    assert sum(count > 4 for count in many) > 30
    assert sum(few < more for few, more in zip(many, gated, strict=True)) > 10
