"""Shapes: lookup, normalisation and merging of axis names."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from archspec.ir import shape
from archspec.ir.shape import Names, Shape, normalize_names
from archspec.ops import axes, axis_order, regroup
from archspec.ops.axes import shared_names
from archspec.ops.base import ShapeError


@pytest.mark.parametrize("module", [shape, axis_order, axes, regroup], ids=lambda module: module.__name__)
def test_the_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module, extraglobs={"Shape": Shape}).failed == 0


def test_either_word_finds_the_channels() -> None:
    image, vector = Shape.of(3, 8, 6), Shape.of(5)
    assert [image.axis("channels"), image.axis("features"), vector.axis("channels")] == [0, 0, 0]
    assert image.axis("tokens") is None


def test_a_value_without_channels_is_one_channel() -> None:
    nameless = Shape((2, 16), (None, None))
    assert nameless.channel_axis is None
    assert nameless.channels == 1


def test_the_order_of_places_does_not_depend_on_where_they_stand() -> None:
    usual = Shape.of(3, 8, 6)
    turned = usual.permuted((2, 0, 1))
    assert [turned.sizes[axis] for axis in turned.places] == [usual.sizes[axis] for axis in usual.places] == [8, 6]
    assert usual.spatial == turned.spatial == (8, 6)


def test_dimensions_count_the_batch() -> None:
    assert [Shape.of(4, 8, batched=batched).dim(1) for batched in (True, False)] == [2, 1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("channels",), ("features",)),
        (("features", "length"), ("channels", "length")),
        (("features", "channels"), ("features", None)),
        ((None, None), (None, None)),
    ],
)
def test_names_are_spelled_in_one_way(names: Names, expected: Names) -> None:
    assert normalize_names(names) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("tokens", None), (None, "features"), ("tokens", "features")),
        ((None, None, "features"), ("height", "width", "channels"), ("height", "width", "channels")),
        (("tokens", "features"), ("channels", "length"), None),
        (("tokens", None), (None, "tokens"), None),
    ],
)
def test_operands_name_their_axes_together(one: Names, other: Names, expected: Names | None) -> None:
    shapes = Shape((4,) * len(one), one), Shape((4,) * len(other), other)
    if expected is not None:
        assert shared_names("add", shapes) == expected
        return
    with pytest.raises(ShapeError, match="needs the same axes"):
        shared_names("add", shapes)
