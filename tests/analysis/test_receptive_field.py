"""Receptive fields of small networks, compared with numbers computed by hand."""

from __future__ import annotations

from archspec.analysis.receptive_field import ReceptiveField, SpatialField, compute_receptive_fields
from archspec.ir.graph import Graph, Value
from archspec.ir.shape import Shape
from archspec.ops.activation import ReLU
from archspec.ops.attention import Parameter
from archspec.ops.base import Op
from archspec.ops.conv import Conv
from archspec.ops.join import Add, Multiply
from archspec.ops.layout import Upsample
from archspec.ops.linear import Linear
from archspec.ops.pool import GlobalPool, MaxPool


def through(*ops: Op) -> ReceptiveField:
    graph = Graph("chain")
    value = graph.add_input("input", Shape.of(3, 64, 64))
    for op in ops:
        (value,) = graph.add_node(op, (value,))
    return compute_receptive_fields(graph)[-1]


def test_the_stem_of_a_residual_network() -> None:
    stem = (Conv(out=4, kernel=7, stride=2, padding=3), ReLU(), MaxPool(kernel=3, stride=2, padding=1))
    assert through(*stem[:2]) == SpatialField((7, 7), (2, 2))
    assert through(*stem) == SpatialField((11, 11), (4, 4))
    assert through(*stem, Conv(out=4, kernel=3, padding=1)) == SpatialField((19, 19), (4, 4))


def test_axes_are_apart_and_dilation_counts() -> None:
    assert through(Conv(out=4, kernel=(1, 7))) == SpatialField((1, 7), (1, 1))
    assert through(Conv(out=4, kernel=3, dilation=(1, 4), stride=(2, 1))) == SpatialField((3, 9), (2, 1))


def test_everything_sticks() -> None:
    assert through(GlobalPool(), Linear(out=2)) == "everything"


def test_a_feature_vector_has_no_places() -> None:
    graph = Graph("vector")
    graph.add_input("input", Shape.of(5))
    assert compute_receptive_fields(graph) == [SpatialField((), ())]


def test_a_join_sees_what_the_widest_operand_sees() -> None:
    graph = Graph("join")
    start = graph.add_input("input", Shape.of(4, 64, 64))
    (tall,) = graph.add_node(Conv(out=4, kernel=(5, 1), padding=(2, 0)), (start,))
    (wide,) = graph.add_node(Conv(out=4, kernel=(1, 3), padding=(0, 1)), (start,))
    graph.add_node(Add(), (tall, wide, start))
    assert compute_receptive_fields(graph)[-1] == SpatialField((5, 3), (1, 1))


def test_a_gate_that_sees_everything_lets_the_output_see_it() -> None:
    graph = Graph("gate")
    start: Value = graph.add_input("input", Shape.of(4, 64, 64))
    (gate,) = graph.add_node(GlobalPool(), (start,))
    graph.add_node(Multiply(), (start, gate))
    assert compute_receptive_fields(graph)[-1] == "everything"


def test_a_learned_constant_sees_nothing() -> None:
    graph = Graph("positions")
    start = graph.add_input("input", Shape.of(4, 8, 8))
    (seen,) = graph.add_node(Conv(out=4, kernel=3, padding=1), (start,))
    (learned,) = graph.add_node(Parameter(shape=(4, 8, 8)), (seen,))
    graph.add_node(Add(), (seen, learned))
    assert compute_receptive_fields(graph)[2:] == [None, SpatialField((3, 3), (1, 1))]


def test_an_upsampling_halves_the_step() -> None:
    field = through(Conv(out=4, kernel=3, stride=2, padding=1), Upsample(scale=2), Conv(out=4, kernel=2))
    assert isinstance(field, SpatialField)
    assert field.step == (1, 1)
    assert field.size == (4, 4)
