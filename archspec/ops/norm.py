"""Normalisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archspec.ops.base import Call, Initial, Op, ShapeError, Weight
from archspec.ops.rules import differing
from archspec.shape import Shape

Positive = Annotated[float, Field(ge=0)]


class BatchNorm(Op):
    """Batch normalisation (Ioffe and Szegedy 2015) of the first axis, the channels."""

    word: ClassVar[str] = "batchnorm"
    elementwise: ClassVar[bool] = True

    eps: Positive = Field(1e-5, description="added to the variance, against a division by zero")
    momentum: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="share of the newest minibatch in the running statistics"
    )
    affine: bool = Field(True, description="whether each channel has a learned factor and a learned shift")
    track: bool = Field(True, description="whether running statistics are kept, for use in evaluation")
    init: Initial | None = Field(None, description="initialisation of the factors; ones if absent")
    bias_init: Initial | None = Field(None, description="initialisation of the shifts; zeros if absent")

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        if not 1 <= inputs[0].rank <= 4:
            raise ShapeError(f"batchnorm needs [channels] and at most 3 spatial axes, got {inputs[0]}")
        return (inputs[0],)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        channels = inputs[0].sizes[0]
        affine = (Weight("weight", (channels,)), Weight("bias", (channels,)))
        tracked = (
            Weight("running_mean", (channels,), trainable=False),
            Weight("running_var", (channels,), trainable=False),
            Weight("num_batches_tracked", (), trainable=False),
        )
        return (affine if self.affine else ()) + (tracked if self.track else ())

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        options = differing(
            eps=(self.eps, 1e-5),
            momentum=(self.momentum, 0.1),
            affine=(self.affine, True),
            track_running_stats=(self.track, True),
        )
        rank = max(1, inputs[0].rank - 1)
        return (Call(f"torch.nn.BatchNorm{rank}d", {"num_features": inputs[0].sizes[0], **options}),)

    def initial(self) -> Mapping[str, Initial]:
        given = {"weight": self.init, "bias": self.bias_init}
        return {name: init for name, init in given.items() if init is not None and self.affine}
