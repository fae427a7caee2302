"""Published numbers of paths, on networks built by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from math import comb

import pytest

import archspec
from archspec.analysis.path_factors import Factor
from archspec.analysis.paths import PathCounts, count_paths
from archspec.ir.graph import Graph, Value
from archspec.ir.shape import Shape
from archspec.ops.attention import Parameter
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Concat, Mean, Multiply
from archspec.ops.tensor import Pad, Split
from tests.work import count_lines


class Net(Graph):
    """A graph with short methods to add nodes; all values are 4×4 images."""

    def start(self, channels: int) -> Value:
        return self.add_input("input", Shape.of(channels, 4, 4))

    def conv(self, value: Value, out: int | None = None, groups: int = 1) -> Value:
        return self.add_node(Conv(out=out or value.shape.channels, groups=groups), (value,))[0]

    def sum(self, *values: Value) -> Value:
        return self.add_node(Add(), values)[0]

    def mean(self, *values: Value) -> Value:
        return self.add_node(Mean(), values)[0]

    def concat(self, *values: Value) -> Value:
        return self.add_node(Concat(), values)[0]

    def split(self, value: Value, *sizes: int) -> tuple[Value, ...]:
        return self.add_node(Split(sizes=sizes), (value,))

    def end(self, *values: Value) -> Net:
        self.outputs = {f"output{at}": value for at, value in enumerate(values)}
        return self


def residual(units: int) -> Net:
    net = Net("residual")
    value = net.conv(net.start(1))
    for _ in range(units):
        value = net.sum(net.conv(net.conv(value)), value)
    return net.end(net.conv(value))


def test_the_paths_of_a_residual_network_are_binomial() -> None:
    """He et al. 2015, ResNet-110: 54 units; Veit et al. 2016, section 4.1."""
    found = count_paths(residual(54))
    assert found.total == 18_014_398_509_481_984
    assert found.lengths == {length: comb(54, length) for length in range(55)}
    assert (found.shortest, found.longest, found.mean) == (0, 54, Fraction(27))
    assert found.share_within(19, 35) == Fraction(17_657_095_043_635_292, 2**54)
    assert round(float(found.share_within(19, 35)) * 100, 4) == 98.0166
    assert found.share_within(5, 17) == Fraction(81_725_384_002_200, 2**54)
    assert round(float(found.share_within(5, 17)) * 100, 4) == 0.4537
    assert found.narrowest_range() == (20, 34)
    assert round(float(found.share_within(20, 34)), 6) == 0.959776


def test_lengths_in_layers_count_what_every_path_passes() -> None:
    found = count_paths(residual(54), "layers")
    assert found.lengths == {2 + 2 * units: comb(54, units) for units in range(55)}


def test_a_projection_is_as_short_as_its_way_allows() -> None:
    """The skip connection with one convolution is the shortest operand; the branch with three counts."""
    net = Net("projected")
    start = net.start(4)
    branch = net.conv(net.conv(net.conv(start)), 8)
    assert count_paths(net.end(net.sum(branch, net.conv(start, 8)))).lengths == {0: 1, 1: 1}


def test_parallel_edges_are_different_paths() -> None:
    net = Net("doubled")
    value = net.start(4)
    assert count_paths(net.end(net.sum(value, value))).lengths == {0: 2}


@pytest.mark.parametrize(("units", "exponent"), [((6, 12, 24, 16), 58), ((6, 12, 32, 32), 82)])
def test_densenet(units: tuple[int, ...], exponent: int) -> None:
    """Huang et al. 2016, Table 1: each layer of a dense block reads the concatenation of all layers before."""
    nested, flat = (dense(units, flat) for flat in (False, True))
    assert count_paths(nested).total == count_paths(flat).total == 2**exponent
    assert count_paths(nested).lengths == {length: comb(exponent, length) for length in range(exponent + 1)}
    assert count_paths(nested).lengths == count_paths(flat).lengths


def dense(units: tuple[int, ...], flat: bool) -> Net:
    net = Net("dense")
    value = net.conv(net.start(3), 8)
    for depth in units:
        values = [value]
        for _ in range(depth):
            grown = net.conv(net.conv(values[-1] if not flat else together(net, values), 8), 2)
            values = [*values, grown] if flat else [net.concat(values[-1], grown)]
        value = net.conv(together(net, values), 8)
    return net.end(value)


def together(net: Net, values: list[Value]) -> Value:
    return values[0] if len(values) == 1 else net.concat(*values)


@pytest.mark.parametrize("units", [(3, 4, 20, 3)])
def test_dual_path_networks_count_the_same_in_both_forms(units: tuple[int, ...]) -> None:
    """Chen et al. 2017, DPN-92: 4^4 · 3^26 paths, with two streams or with one that is split."""
    apart, joined = dual_path(units, joined=False), dual_path(units, joined=True)
    assert count_paths(apart).total == count_paths(joined).total == 650_717_652_052_224
    assert count_paths(apart).lengths == count_paths(joined).lengths


def dual_path(units: tuple[int, ...], *, joined: bool) -> Net:
    net = Net("dual path")
    value = net.conv(net.start(3), 8)
    for depth in units:
        residual, dense = net.split(net.conv(value, 10), 6, 4)
        for turn in range(depth):
            both = value if not turn else net.concat(residual, dense)
            if joined and turn:
                residual, dense = net.split(both, 6, both.shape.channels - 6)
            delta, growth = net.split(net.conv(net.conv(both, 5), 8), 6, 2)
            residual, dense = net.sum(residual, delta), net.concat(dense, growth)
        value = net.concat(residual, dense)
    return net.end(net.conv(value, 10))


@pytest.mark.parametrize(("columns", "blocks", "total"), [(3, 5, 3_125), (4, 5, 11_881_376), (4, 4, 456_976)])
def test_fractalnet(columns: int, blocks: int, total: int) -> None:
    """Larsson et al. 2016, equation 1, with coinciding joins merged: T = T² + 1 for each column."""
    net = Net("fractal")
    value = net.start(2)
    for _ in range(blocks):
        value = net.mean(*fractal(net, value, columns))
    found = count_paths(net.end(value), "layers")
    assert found.total == total
    assert (found.longest, found.shortest) == (blocks * 2 ** (columns - 1), blocks)


def fractal(net: Net, value: Value, columns: int) -> list[Value]:
    if columns == 1:
        return [net.conv(value)]
    inner = fractal(net, value, columns - 1)
    middle = net.mean(*inner) if len(inner) > 1 else inner[0]
    return [net.conv(value), *fractal(net, middle, columns - 1)]


@pytest.mark.parametrize("blocks", [1, 2, 9])
def test_merge_and_run(blocks: int) -> None:
    """Zhao et al. 2016: (p, q) becomes (2p + q, p + 2q), and the last block sums everything up."""
    net = Net("merge and run")
    left = right = net.conv(net.start(2))
    for _ in range(blocks - 1):
        merged = net.mean(left, right)
        left, right = net.sum(merged, net.conv(left)), net.sum(merged, net.conv(right))
    end = net.sum(net.mean(left, right), net.conv(left), net.conv(right))
    assert count_paths(net.end(end)).total == 4 * 3 ** (blocks - 1)


def test_resnext_shows_its_branches_only_where_they_are_written() -> None:
    """Xie et al. 2016, figure 3: 32 branches and the skip connection are 33 paths in form (a), 2 in form (c)."""
    apart, grouped = Net("a"), Net("c")
    value, other = apart.start(4), grouped.start(4)
    for _ in range(16):
        branches = [apart.conv(apart.conv(apart.conv(value, 1)), 4) for _ in range(32)]
        value = apart.sum(*branches, value)
        other = grouped.sum(grouped.conv(grouped.conv(grouped.conv(other, 32), groups=32), 4), other)
    assert count_paths(apart.end(value)).total == 33**16
    assert count_paths(grouped.end(other)).total == 2**16


def test_googlenet_has_four_ways_through_each_of_nine_modules() -> None:
    """Szegedy et al. 2014, Table 1."""
    net = Net("inception")
    value = net.start(4)
    for _ in range(9):
        value = net.conv(net.concat(*(net.conv(value, 2) for _ in range(4))), 4)
    assert count_paths(net.end(value)).total == 262_144


def test_gates_carry_nothing_unless_asked() -> None:
    """Srivastava et al. 2015, a highway layer: two paths, and two more through the gates."""
    net = Net("highway")
    value = net.start(4)
    made = net.add_node(Multiply(), (net.conv(value), net.conv(value)))[0]
    carried = net.add_node(Multiply(), (value, net.conv(value)))[0]
    net.end(net.sum(made, carried))
    assert count_paths(net).lengths == {0: 1, 1: 1}
    assert count_paths(net, gates=True).total == 4


def test_a_slice_ends_the_routes_that_it_does_not_hold() -> None:
    net = Net("cut")
    start = net.start(4)
    kept, _ = net.split(net.concat(net.conv(start), net.conv(start)), 4, 4)
    assert count_paths(net.end(kept)).total == 1


def test_groups_keep_routes_apart() -> None:
    """No path leads from one group to another."""
    net = Net("groups")
    start = net.start(4)
    low, _ = net.split(net.conv(net.concat(net.conv(start), net.conv(start)), groups=2), 4, 4)
    assert count_paths(net.end(low)).total == 1


@pytest.mark.parametrize("before", [0, 4])
def test_a_shortcut_padded_with_zeros_adds_no_route(before: int) -> None:
    """He et al. 2015, option A: strided subsampling, and zeros for the new channels."""
    net = Net("option a")
    value = net.conv(net.start(3), 8)
    for stage in range(3):
        for turn in range(3):
            wide = value.shape.channels
            if stage and not turn:
                (shortcut,) = net.add_node(Pad(size=0, channels=(before, wide - before)), (value,))
                value = net.sum(net.conv(net.conv(value, 2 * wide)), shortcut)
            else:
                value = net.sum(net.conv(net.conv(value)), value)
    found = count_paths(net.end(net.conv(value, 10)))
    assert found.lengths == {length: comb(9, length) for length in range(10)}


@pytest.mark.parametrize("gates", [False, True])
def test_a_learned_constant_starts_no_path(gates: bool) -> None:
    """Positional embeddings and a layer scale."""
    net = Net("constants")
    value = net.start(4)
    (positions,) = net.add_node(Parameter(shape=(4, 4, 4)), (value,))
    value = net.sum(net.conv(value), positions)
    (scale,) = net.add_node(Parameter(shape=(4,), batched=False), (value,))
    (value,) = net.add_node(Multiply(), (value, scale))
    assert count_paths(net.end(value), "layers", gates=gates).lengths == {1: 1}
    assert count_paths(net, gates=gates).lengths == {0: 1}


def test_all_pairs_of_inputs_and_outputs() -> None:
    net = Net("pairs")
    left, right = net.add_input("left", Shape.of(4, 4, 4)), net.add_input("right", Shape.of(4, 4, 4))
    both = net.sum(left, net.conv(right))
    net.end(both, net.sum(both, right), left)
    assert count_paths(net).total == 2 + 3 + 1
    assert count_paths(net, source="right", target="output1").lengths == {0: 1, 1: 1}
    assert count_paths(net, source=both).total == 2
    assert count_paths(net, source="right", target="output2").lengths == {}


def test_no_path_has_no_longest() -> None:
    net = Net("apart")
    net.add_input("left", Shape.of(4, 4, 4))
    found: PathCounts = count_paths(net.end(net.add_input("right", Shape.of(4, 4, 4))), source="left")
    assert (found.total, found.longest, found.shortest, found.mean) == (0, None, None, None)
    assert found.share_within(0, 9) == 0


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(LookupError, match="the network has no part, input or output 'outptu0'; did you mean 'output0'"):
        count_paths(residual(1), target="outptu0")


def test_plain_data() -> None:
    assert count_paths(residual(2)).as_dict() == {
        "unit": "modules",
        "gates": False,
        "total": 4,
        "longest": 2,
        "shortest": 0,
        "mean": 1.0,
        "range_of_95_percent": {"from": 0, "to": 2, "share": 1.0, "paths": 4},
        "factors": [{"parts": ["residual"], "total": 4, "why": None}],
        "outputs": {},
        "lengths": {"0": 1, "1": 2, "2": 1},
    }


def test_six_hundred_units_are_counted() -> None:
    """ResNet-1202 has 600."""
    assert sum(count_paths(residual(600)).lengths.values()) == 2**600


@pytest.mark.slow
def test_a_long_chain_is_counted_without_its_lengths() -> None:
    net = residual(10_000)
    assert count_paths(net).total == 2**10_000
    assert not count_paths(net).lengths_are_cheap


@pytest.mark.parametrize(
    "count", [lambda net: count_paths(net).total, lambda net: count_paths(net).lengths], ids=["total", "lengths"]
)
def test_the_work_grows_with_the_network_and_not_with_its_paths(count: Callable[[Net], object]) -> None:
    single, double = (count_lines(partial(count, residual(units))) for units in (50, 100))
    assert single < double < 2.1 * single


def test_the_work_of_the_product_grows_with_the_stages() -> None:
    """Each of the values between the stages is one that all paths pass, on all channels."""

    def factor(stages: int) -> None:
        unit = {"add": [{"conv": {"out": 8, "kernel": 3, "padding": 1}}, "identity"]}
        arch = archspec.load(
            {"name": "chain", "input": [8, 4, 4], "stages": {f"stage{n}": unit for n in range(stages)}}
        )
        paths = arch.paths()
        assert paths.total == 2**stages
        lines.append(count_lines(lambda: factors.append(paths.factors)))

    lines: list[int] = []
    factors: list[tuple[Factor, ...]] = []
    factor(30)
    factor(60)
    assert [len(found) for found in factors] == [30, 60]
    assert lines[0] < lines[1] < 2.1 * lines[0]


def test_paths_that_start_in_a_later_part_are_not_ended_by_a_slice() -> None:
    factor, _ = archspec.load("lstm_cell_10_20").paths(source="cell").factors
    assert (factor.name, factor.total) == ("cell.input_gates … cell.memory", 3)
    assert factor.reason == "some paths start in a later part"
