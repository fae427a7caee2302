"""The exact errors of ops: message, field, help."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.ops.base import ShapeError

IMAGE = Shape.of(64, 56, 56)
RANKS = "channels and length, height and width, or depth, height and width"

ERRORS: list[tuple[str, dict[str, Any], tuple[Shape, ...], str, str | None]] = [
    (
        "conv",
        {"out": 8, "kernel": 7},
        (Shape.of(3, 3, 3),),
        "a kernel of 7 does not fit into 3×3 with padding 0",
        "kernel",
    ),
    (
        "conv",
        {"out": 8, "kernel": [1, 5], "padding": [0, 1]},
        (Shape.of(3, 3, 2),),
        "a kernel of 1×5 does not fit into 3×2 with padding 0×1",
        "kernel",
    ),
    ("conv", {"out": 48, "groups": 24}, (IMAGE,), "64 input channels do not divide into 24 groups", "groups"),
    ("conv", {"out": 50, "groups": 32}, (IMAGE,), "50 output channels do not divide into 32 groups", "groups"),
    ("conv", {"out": 8}, (Shape.of(64),), f"conv needs {RANKS}; got 64 features", None),
    (
        "conv",
        {"out": 8, "kernel": [3, 3, 3]},
        (IMAGE,),
        "kernel needs one number or 2, got 3: the input has 2 spatial axes",
        "kernel",
    ),
    (
        "conv",
        {"out": 8, "kernel": 5, "padding": 4, "padding_mode": "reflect"},
        (Shape.of(3, 4, 4),),
        "reflect padding of 4 is more than 4 elements give",
        "padding",
    ),
    (
        "conv",
        {"out": 2**40, "kernel": 3},
        (IMAGE,),
        "conv makes a value of 1099511627776×54×54, 3206175906594816 elements; at most 1099511627776 fit",
        None,
    ),
    (
        "convtranspose",
        {"out": 8, "padding": 2},
        (Shape.of(3, 3, 3),),
        "a padding of 2 leaves nothing of 3×3 with a kernel of 1",
        "padding",
    ),
    (
        "convtranspose",
        {"out": 8, "stride": 2, "output_padding": 2},
        (IMAGE,),
        "an output padding of 2 needs a stride or a dilation above it, got 2 and 1",
        "output_padding",
    ),
    (
        "linear",
        {"out": 10},
        (IMAGE,),
        "linear needs features, or channels as the last axis; got 64 channels × 56 height × 56 width",
        None,
    ),
    (
        "linear",
        {"out": 2**40},
        (Shape.of(64),),
        "linear has a weight of 70368744177664 elements; at most 1099511627776 fit",
        None,
    ),
    (
        "batchnorm",
        {},
        (Shape.of(2, 2, 2, 2, 2),),
        "batchnorm needs channels and at most 3 other axes; got 2 channels × 2 × 2 × 2 × 2",
        None,
    ),
    ("groupnorm", {"groups": 24}, (IMAGE,), "64 channels do not divide into 24 groups", "groups"),
    ("layernorm", {"axes": 4}, (IMAGE,), "layernorm over 4 axes needs as many, got 64×56×56", "axes"),
    (
        "instancenorm",
        {},
        (Shape.of(64, 1, 1),),
        "instancenorm needs more than one place in a channel, got 64×1×1",
        None,
    ),
    ("softmax", {"axis": 3}, (IMAGE,), "axis 3 is past the 3 axes of 64×56×56", "axis"),
    ("maxpool", {"kernel": 64}, (IMAGE,), "a kernel of 64 does not fit into 56×56 with padding 0", "kernel"),
    ("maxpool", {"kernel": 3, "padding": 2}, (IMAGE,), "a padding of 2 is more than half the kernel of 3", "padding"),
    (
        "avgpool",
        {"kernel": 3, "padding": 1},
        (Shape.of(4, 2, 2, 2),),
        "a kernel of 3 does not fit into 2×2×2, which has 3 axes",
        "kernel",
    ),
    ("globalpool", {}, (Shape.of(64),), "globalpool needs places beside the channels; got 64 features", None),
    ("add", {}, (IMAGE, Shape.of(64, 56, 55)), "add needs equal shapes", None),
    ("mean", {}, (IMAGE, Shape.of(65)), "mean needs equal shapes", None),
    ("concat", {}, (IMAGE, Shape.of(64, 28, 28)), "concat needs equal sizes on all axes but channels", None),
    (
        "multiply",
        {},
        (IMAGE, Shape.of(32)),
        "multiply needs gates that fit its first operand, 64 channels × 56 height × 56 width; got 32 features",
        None,
    ),
    ("split", {"sizes": [32, 16]}, (IMAGE,), "split needs sizes with the sum 64, got 32 + 16", "sizes"),
    ("slice", {"stop": 65}, (IMAGE,), "slice needs a part of 0 to 64, got 0 to 65", "stop"),
    ("slice", {"start": 64}, (IMAGE,), "slice needs a part of 0 to 64, got 64 to 64", "start"),
    ("pad", {"size": [1]}, (IMAGE,), "size needs one number or 2, got 1: the input has 2 spatial axes", "size"),
    ("token", {"index": 10}, (Shape.of(9, 4),), "there is no token 10 among 9", "index"),
    ("token", {"index": 0}, (Shape.of(9, 4),), "there is no token 0 among 9", "index"),
    (
        "token",
        {"index": 1},
        (IMAGE,),
        "token needs tokens beside other axes; got 64 channels × 56 height × 56 width",
        None,
    ),
    ("flatten", {"start": 3}, (IMAGE,), "start 3 is past the 3 axes of 64×56×56", "start"),
    ("reshape", {"sizes": [5, -1]}, (Shape.of(64),), "64 has 64 elements, which 5×-1 cannot hold", "sizes"),
    (
        "permute",
        {"axes": [1, 0]},
        (IMAGE,),
        "permute needs each axis of 64 channels × 56 height × 56 width once, 0 to 2, got 1, 0",
        "axes",
    ),
    ("upsample", {}, (IMAGE,), "upsample needs either scale or size", "scale"),
    ("upsample", {"scale": 2, "mode": "linear"}, (IMAGE,), "mode linear needs 1 spatial axis, got 64×56×56", "mode"),
    (
        "upsample",
        {"scale": 2, "align_corners": True},
        (IMAGE,),
        "align_corners does not go with nearest",
        "align_corners",
    ),
    ("channelshuffle", {"groups": 5}, (IMAGE,), "64 channels do not divide into 5 groups", "groups"),
    ("matmul", {}, (Shape.of(4, 5), Shape.of(6, 7)), "matmul needs 5 rows in its second operand, got 6", None),
    (
        "matmul",
        {"transpose": True},
        (Shape.of(4, 5), Shape.of(6, 7)),
        "matmul needs 5 rows in its transposed second operand, got 7",
        None,
    ),
    ("matmul", {}, (Shape.of(4), Shape.of(4)), "matmul needs two matrices, got 4 and 4", None),
    ("attention", {"heads": 5}, (Shape.of(7, 64),), "64 features do not divide into 5 heads", "heads"),
    (
        "attention",
        {"heads": 4},
        (IMAGE,),
        "attention needs tokens and features; got 64 channels × 56 height × 56 width",
        None,
    ),
    (
        "attention",
        {"heads": 4},
        (Shape.of(7, 64), Shape.of(7, 32)),
        "attention needs 64 features in keys and values, got 32",
        None,
    ),
    (
        "attention",
        {"heads": 4},
        (Shape.of(7, 64), Shape.of(5, 64), Shape.of(6, 64)),
        "attention needs as many values as keys, got 6 and 5",
        None,
    ),
    (
        "embedding",
        {"vocabulary": 9, "width": 4},
        (Shape.of(2, 3),),
        "embedding needs tokens alone; got 2 tokens × 3 features",
        None,
    ),
]


@pytest.mark.parametrize(("word", "fields", "inputs", "message", "field"), ERRORS)
def test_the_fact(
    word: str, fields: dict[str, Any], inputs: tuple[Shape, ...], message: str, field: str | None
) -> None:
    with pytest.raises(ShapeError) as caught:
        BY_WORD[word](**fields).infer(*inputs)
    assert (caught.value.message, caught.value.field) == (message, field)


RULE = "an operand has the sizes of the largest one, or 1 or no axis where that has more"


@pytest.mark.parametrize(
    ("word", "inputs", "help"),
    [
        (
            "add",
            (Shape.of(256, 56, 56), IMAGE),
            "the branch changes the channels from 64 to 256; project the shortcut, e.g. [conv: 256, batchnorm]",
        ),
        (
            "add",
            (Shape.of(128, 28, 28), IMAGE),
            (
                "the branch changes the channels from 64 to 128 and the size from 56×56 to 28×28; "
                "project the shortcut, e.g. [conv: {out: 128, stride: 2}, batchnorm]"
            ),
        ),
        (
            "mean",
            (Shape.of(64, 28, 28), IMAGE),
            (
                "the branch changes the size from 56×56 to 28×28; "
                "project the shortcut, e.g. [conv: {out: 64, stride: 2}, batchnorm]"
            ),
        ),
        (
            "add",
            (Shape.of(10), Shape.of(20)),
            "the branch changes the features from 20 to 10; project the shortcut, e.g. [linear: 10]",
        ),
        ("add", (Shape.of(64, 54, 54), IMAGE), RULE),
        ("add", (IMAGE, IMAGE, Shape.of(32, 56, 56)), RULE),
        ("add", (Shape.of(7, 64), Shape.of(8, 64)), RULE),
        (
            "multiply",
            (IMAGE, Shape.of(7)),
            "a gate has the sizes of the first operand, or 1 or no axis where that has more",
        ),
    ],
)
def test_the_help_of_a_join(word: str, inputs: tuple[Shape, ...], help: str | None) -> None:
    with pytest.raises(ShapeError) as caught:
        BY_WORD[word]().infer(*inputs)
    assert caught.value.help == help


def test_the_projection_that_is_advised_fits() -> None:
    projected = BY_WORD["conv"].model_validate({"out": 128, "stride": 2}).infer(IMAGE)
    assert BY_WORD["add"]().infer(Shape.of(128, 28, 28), *projected) == projected


def test_linear_advises_to_flatten_an_image() -> None:
    with pytest.raises(ShapeError) as caught:
        BY_WORD["linear"].model_validate({"out": 10}).infer(IMAGE)
    assert caught.value.help == (
        "put globalpool or flatten before it; of each place it is linear: {out: 10, axis: channels}"
    )


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("conv", {"out": 0}),
        ("conv", {"out": 8, "stride": 0}),
        ("dropout", {"p": 1.5}),
        ("batchnorm", {"eps": float("nan")}),
    ],
)
def test_fields_have_bounds(word: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BY_WORD[word](**fields)
