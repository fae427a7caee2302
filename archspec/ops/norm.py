"""Normalisations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archspec.ir.shape import AxisName, Shape
from archspec.ops.axes import Axis, axis_of, channel_axis, channels_first, spatial_rank
from archspec.ops.axis_order import arrange_axes, move_last
from archspec.ops.base import FIRST, Call, Category, Count, Op, Operand, Probability, Result, ShapeError, Weight
from archspec.ops.initial import Initial, Positive, Real, name_initial
from archspec.ops.rules import keep_non_defaults


class TrackedNorm(Op):
    """The base class of normalisations with running statistics; the defaults of each are torch's."""

    category: ClassVar[Category] = "norm"

    eps: Positive = Field(1e-5, description="added to the variance, against a division by zero")
    momentum: Probability = Field(0.1, description="share of the newest minibatch in the running statistics")
    affine: bool = Field(True, description="whether each channel has a learned factor and a learned shift")
    track: bool = Field(True, description="whether running statistics are kept, for use in evaluation")
    init: Initial | None = Field(None, description="initialisation of the factors; ones if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the shifts; zeros if absent")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        channels = (inputs[0].channels,)
        tracked = (
            Weight("running_mean", channels, trainable=False),
            Weight("running_var", channels, trainable=False),
            Weight("num_batches_tracked", (), trainable=False),
        )
        return (_affine_weights(channels) if self.affine else ()) + (tracked if self.track else ())

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init, self.bias_init) if self.affine else {}

    def _construct(self, name: str, channels: int) -> Call:
        """The module of torch that it is."""
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        options = keep_non_defaults(
            eps=(self.eps, usual["eps"]),
            momentum=(self.momentum, usual["momentum"]),
            affine=(self.affine, usual["affine"]),
            track_running_stats=(self.track, usual["track"]),
        )
        return Call(f"torch.nn.{name}", {"num_features": channels, **options})


class BatchNorm(TrackedNorm):
    """Batch normalisation (Ioffe and Szegedy 2015) of the channels, the first axis, over at most 3 others."""

    word: ClassVar[str] = "batchnorm"
    elementwise: ClassVar[bool] = True

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        shape = inputs[0]
        channels_first(self, shape)
        if shape.rank > 4:
            advice = "put flatten: 1 before it: all places are one axis then"
            raise ShapeError(f"batchnorm needs channels and at most 3 other axes; got {shape.described}", help=advice)
        if not shape.batched:
            advice = (
                "a value that is the same for each sample has no statistics: normalise it with layernorm or groupnorm"
            )
            raise ShapeError(f"batchnorm needs a batch; got {shape.described}", help=advice)
        return (shape,)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        return (self._construct(f"BatchNorm{max(1, inputs[0].rank - 1)}d", inputs[0].channels),)


class ScaleShift(Op):
    """A factor and a shift for each channel: what a batch normalisation is in evaluation.

    Its one weight is the parameter itself, [2, channels, 1, …]: the factors, then the shifts.
    """

    word: ClassVar[str] = "scaleshift"
    internal: ClassVar[bool] = True
    category: ClassVar[Category] = "norm"
    elementwise: ClassVar[bool] = True

    relu: bool = Field(False, description="whether what comes out is rectified")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("", channel_pair_sizes(inputs[0])),)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        applied = Call("torch.addcmul", args=(Result(2), Operand(0), Result(1)))
        rectified = Call("torch.nn.functional.relu", args=(Result(3),), keywords={"inplace": True})
        return (
            (*make_channel_pair(inputs[0]), applied, rectified)
            if self.relu
            else (*make_channel_pair(inputs[0]), applied)
        )


def channel_pair_sizes(shape: Shape) -> tuple[int, ...]:
    """The sizes of a parameter of two numbers per channel that broadcasts to values of this shape."""
    return (2, *(size if axis == shape.channel_axis else 1 for axis, size in enumerate(shape.sizes)))


def make_channel_pair(shape: Shape) -> tuple[Call, ...]:
    """Calls for a parameter of two numbers per channel; result 1 has the first ones, result 2 the second ones."""
    stored = Call("torch.nn.Parameter", {"shape": channel_pair_sizes(shape)}, args=())
    return (stored, *(Call("operator.getitem", args=(Result(0), index)) for index in (0, 1)))


class GroupNorm(Op):
    """Group normalisation (Wu and He 2018): each sample's groups of channels, the first axis, each by itself."""

    word: ClassVar[str] = "groupnorm"
    category: ClassVar[Category] = "norm"
    first: ClassVar[str | None] = "groups"

    groups: Count = Field(description="groups of channels that are normalised together")
    eps: Positive = Field(1e-5, description="added to the variance, against a division by zero")
    affine: bool = Field(True, description="whether each channel has a learned factor and a learned shift")
    init: Initial | None = Field(None, description="initialisation of the factors; ones if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the shifts; zeros if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        channels_first(self, inputs[0])
        channels = inputs[0].channels
        if channels % self.groups:
            raise ShapeError(f"{channels} channels do not divide into {self.groups} groups", field="groups")
        if not inputs[0].batched and inputs[0].numel == self.groups:
            advice = "take fewer groups, or normalise a value that has a batch"
            raise ShapeError(f"groupnorm needs more than one number in a group, got {inputs[0].described}", help=advice)
        return (inputs[0],)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return _affine_weights((inputs[0].channels,)) if self.affine else ()

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = {"num_groups": self.groups, "num_channels": inputs[0].channels}
        options |= keep_non_defaults(eps=(self.eps, 1e-5), affine=(self.affine, True))
        return arrange_axes(Call("torch.nn.GroupNorm", options), inputs[0], batch=True)

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init, self.bias_init) if self.affine else {}


class AxesNorm(Op):
    """The base class of normalisations over some axes of each sample."""

    category: ClassVar[Category] = "norm"

    axes: Count | AxisName | Annotated[tuple[Axis, ...], Field(min_length=1)] | None = Field(
        None,
        description="axes that are normalised together: a name, a list of names or numbers, or how many, counted from the last; "
        "the channels if absent",
    )

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        self.normalized_axes(inputs[0])
        return (inputs[0],)

    def lower_to(self, name: str, options: Mapping[str, Any], shape: Shape) -> tuple[Call, ...]:
        """The calls of torch's module of that name, over those axes."""
        sizes = self.normalized_sizes(shape)
        whole = {"normalized_shape": sizes[0] if len(sizes) == 1 else sizes, **options}
        return arrange_axes(Call(f"torch.nn.{name}", whole), shape, move_last(shape, *self.normalized_axes(shape)))

    def normalized_sizes(self, shape: Shape) -> tuple[int, ...]:
        """The sizes of the axes that are normalised together."""
        return tuple(shape.sizes[axis] for axis in self.normalized_axes(shape))

    def normalized_axes(self, shape: Shape) -> tuple[int, ...]:
        """The axes that are normalised together, in the order of the weights. Raises `ShapeError`."""
        if self.axes is None:
            return (channel_axis(self, shape),)
        if isinstance(self.axes, int):
            if self.axes > shape.rank:
                advice = f"it has {shape.rank}: axes is how many, or a list of them"
                raise ShapeError(
                    f"{self.word} over {self.axes} axes needs as many, got {shape}", field="axes", help=advice
                )
            return tuple(range(shape.rank - self.axes, shape.rank))
        given = (self.axes,) if isinstance(self.axes, str) else self.axes
        axes = tuple(axis_of(self, axis, shape, "axes") for axis in given)
        if len(set(axes)) < len(axes):
            raise ShapeError(f"{self.word} has an axis twice", field="axes", help="each axis is named once")
        return axes


class LayerNorm(AxesNorm):
    """Layer normalisation (Ba et al. 2016) over the features, or channels, or over other axes."""

    word: ClassVar[str] = "layernorm"

    eps: Positive = Field(1e-5, description="added to the variance, against a division by zero")
    affine: bool = Field(
        True, description="whether each element of those axes has a learned factor and a learned shift"
    )
    bias: bool = Field(True, description="whether there is a shift beside the factor")
    init: Initial | None = Field(None, description="initialisation of the factors; ones if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the shifts; zeros if absent")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        pair = _affine_weights(self.normalized_sizes(inputs[0]))
        return pair[: (1 + self.bias) if self.affine else 0]

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(
            eps=(self.eps, 1e-5), elementwise_affine=(self.affine, True), bias=(self.bias, True)
        )
        return self.lower_to("LayerNorm", options, inputs[0])

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init, self.bias_init if self.bias else None) if self.affine else {}


class RMSNorm(AxesNorm):
    """Division by the root of the mean square (Zhang and Sennrich 2019, arXiv:1910.07467) over the features, or other axes."""

    word: ClassVar[str] = "rmsnorm"

    eps: Positive | None = Field(
        None, description="added to the mean square; the least step of the type at 1 if absent"
    )
    affine: bool = Field(True, description="whether each element of those axes has a learned factor")
    init: Initial | None = Field(None, description="initialisation of the factors; ones if absent")

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return _affine_weights(self.normalized_sizes(inputs[0]))[: int(self.affine)]

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(eps=(self.eps, None), elementwise_affine=(self.affine, True))
        return self.lower_to("RMSNorm", options, inputs[0])

    def initial(self) -> Mapping[str, Initial]:
        return name_initial(self.init) if self.affine else {}


class InstanceNorm(TrackedNorm):
    """Instance normalisation (Ulyanov et al. 2016): each sample's channels, the first axis, each by itself."""

    word: ClassVar[str] = "instancenorm"

    affine: bool = Field(False, description="whether each channel has a learned factor and a learned shift")
    track: bool = Field(False, description="whether running statistics are kept, for use in evaluation")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        spatial_rank(self, inputs[0])
        if math.prod(inputs[0].spatial) == 1:
            raise ShapeError(f"instancenorm needs more than one place in a channel, got {inputs[0]}")
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        norm = self._construct(f"InstanceNorm{inputs[0].rank - 1}d", inputs[0].channels)
        return arrange_axes(norm, inputs[0], batch=True)


class LRN(Op):
    """Local response normalisation (Krizhevsky et al. 2012, section 3.3), across neighbouring channels, as torch scales it."""

    word: ClassVar[str] = "lrn"
    category: ClassVar[Category] = "norm"
    first: ClassVar[str | None] = "size"

    size: Count = Field(5, description="neighbouring channels that are summed")
    alpha: Real = Field(1e-4, description="factor of the mean of squares")
    beta: Real = Field(0.75, description="exponent")
    k: Real = Field(1.0, description="added to the mean of squares")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        spatial_rank(self, inputs[0])
        return (inputs[0],)

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = keep_non_defaults(alpha=(self.alpha, 1e-4), beta=(self.beta, 0.75), k=(self.k, 1.0))
        norm = Call("torch.nn.LocalResponseNorm", {"size": self.size, **options})
        if inputs[0].rank < 4:
            return arrange_axes(norm, inputs[0], batch=True)
        # For volumes torch refuses a tensor that is not contiguous, as after a permute.
        if inputs[0].batched:
            return (Call(".contiguous"), replace(norm, args=(Result(0),)))
        whole = (Call("torch.unsqueeze", args=(*FIRST, 0)), Call(".contiguous", args=(Result(0),)))
        return (*whole, replace(norm, args=(Result(1),)), Call("torch.squeeze", args=(Result(2), 0)))


def _affine_weights(sizes: tuple[int, ...]) -> tuple[Weight, ...]:
    return (Weight("weight", sizes), Weight("bias", sizes))
