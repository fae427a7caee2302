"""The kernels: a convolution with what follows it, and concatenations that grow in place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class FusedConv2d(nn.Conv2d):
    """A convolution, a sum with `other` if one is given, and a ReLU if `relu`, in one kernel of oneDNN.

    Takes [batch, in_channels, height, width] and `other` of the shape of the output. The weight is reordered once, for the first input
    that comes, and again when it has changed. If `overwrites`, the memory of `other` may become that of the output.

    Where that kernel cannot be used (another device or type, a gradient that is asked for, a network that is traced or compiled),
    the three are computed one after the other; `other` is left alone then.
    """

    def __init__(self, *args: Any, relu: bool = False, overwrites: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.relu, self.overwrites = relu, overwrites
        self._packed: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        if not self._is_plain(x, other):
            return self._unfused(x, other)
        shape = (self.padding, self.stride, self.dilation, self.groups)
        weight, activation = self._reordered(x), "relu" if self.relu else None
        if other is None:
            made: Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, weight, self.bias, *shape, activation or "none", [], ""
            )
            return made
        if self.overwrites and other.is_contiguous(memory_format=torch.channels_last):
            overwritten: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
                other, x, weight, self.bias, *shape, "add", 1.0, activation, [], ""
            )
            return overwritten
        summed: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(
            x, other, weight, self.bias, *shape, "add", 1.0, activation, [], ""
        )
        return summed

    def _is_plain(self, x: Tensor, other: Tensor | None) -> bool:
        if type(x) is not Tensor or x.dim() != 4 or not x.numel() or x.shape[1] != self.in_channels:
            return False
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return False
        given = (x, self.weight) if other is None else (x, self.weight, other)
        if torch.is_grad_enabled() and any(one.requires_grad for one in given):
            return False
        return all(one.dtype == torch.float32 and one.device.type == "cpu" for one in given)

    def _unfused(self, x: Tensor, other: Tensor | None) -> Tensor:
        made = super().forward(x)
        if other is not None:
            made = torch.add(made, other)
        return functional.relu(made, inplace=True) if self.relu else made

    def _reordered(self, x: Tensor) -> Tensor:
        """The weight in the blocks that the kernel reads."""
        weight = self.weight
        state = (weight.data_ptr(), None if weight.is_inference() else weight._version)
        if self._packed is None or self._packed[0] != state:
            reordered = torch.ops.mkldnn._reorder_convolution_weight(
                weight.detach(), self.padding, self.stride, self.dilation, self.groups, x.shape
            )
            self._packed = state, reordered
        return self._packed[1]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: the reordered weight is made anew."""
        return {**self.__dict__, "_packed": None}

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, relu={self.relu}"  # type: ignore[no-untyped-call]


def begin(room: int, *parts: Tensor) -> Tensor:
    """The parts [batch, channels, …] one after the other along the channels, in memory that has room for `room` channels."""
    if _is_watched(parts):
        return torch.cat(parts, 1)
    first = parts[0]
    flat = first.dim() == 4 and first.is_contiguous(memory_format=torch.channels_last)
    layout = torch.channels_last if flat else torch.contiguous_format
    memory = torch.empty(
        (len(first), room, *first.shape[2:]), dtype=first.dtype, device=first.device, memory_format=layout
    )
    return _written(memory, 0, parts)


def extend(grown: Tensor, *parts: Tensor) -> Tensor:
    """What `begin` or `extend` gave, with more parts behind it: they are written into the room that is left there.

    What was there before is not touched, so that `grown` stays what it was.
    """
    if _is_watched((grown, *parts)):
        return torch.cat((grown, *parts), 1)
    channels = grown.shape[1]
    width = channels + sum(part.shape[1] for part in parts)
    memory = grown.as_strided((len(grown), width, *grown.shape[2:]), grown.stride())
    return _written(memory, channels, parts)


def _written(memory: Tensor, start: int, parts: tuple[Tensor, ...]) -> Tensor:
    for part in parts:
        memory.narrow(1, start, part.shape[1]).copy_(part)
        start += part.shape[1]
    return memory.narrow(1, 0, start)


def _is_watched(parts: tuple[Tensor, ...]) -> bool:
    """Whether values are followed, for a gradient or a trace, which memory that changes would mislead."""
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return True
    return any(type(part) is not Tensor or (torch.is_grad_enabled() and part.requires_grad) for part in parts)
