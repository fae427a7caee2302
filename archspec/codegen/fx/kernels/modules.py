"""The kernels: a convolution with what follows it, and concatenations that grow in place."""

from __future__ import annotations

from collections.abc import Iterable
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

    __jit_ignored_attributes__ = ("_packed",)

    def __init__(self, *args: Any, relu: bool = False, overwrites: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.relu, self.overwrites = relu, overwrites
        self._packed: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        if not torch.jit.is_scripting():  # type: ignore[attr-defined] # torch.jit.script leaves out what is inside
            if self._can_fuse(x, other):
                return self._fused(x, other)
        return self._unfused(x, other)

    def _fused(self, x: Tensor, other: Tensor | None) -> Tensor:
        weight, bias = self.weight, self.bias
        shape = (self.padding, self.stride, self.dilation, self.groups)
        packed = self._reordered(weight, x)
        activation = "relu" if self.relu else None
        if other is None:
            made: Tensor = _convolve(x, packed, bias, *shape, activation or "none", [], "")
            return made
        add = _add_in_place if self.overwrites and other.is_contiguous(memory_format=torch.channels_last) else _add
        first = (other, x) if add is _add_in_place else (x, other)
        summed: Tensor = add(*first, packed, bias, *shape, "add", 1.0, activation, [], "")
        return summed

    def _can_fuse(self, x: Tensor, other: Tensor | None) -> bool:
        """Whether the kernel takes such values: images on the CPU in float32, with the channels that they should have."""
        fits = (
            x.is_cpu
            and x.dtype == self.weight.dtype == torch.float32
            and (other is None or other.dtype == torch.float32)
            and x.dim() == 4
            and x.shape[1] == self.in_channels
            and x.numel() > 0
        )
        return fits and not _is_traced((x, self.weight) if other is None else (x, self.weight, other))

    def _unfused(self, x: Tensor, other: Tensor | None) -> Tensor:
        made = self._conv_forward(x, self.weight, self.bias)
        if other is not None:
            made = torch.add(made, other)
        return functional.relu(made, inplace=True) if self.relu else made

    def _reordered(self, weight: Tensor, x: Tensor) -> Tensor:
        """The weight in the blocks that the kernel reads."""
        state = (weight.data_ptr(), None if weight.is_inference() else weight._version)
        if self._packed is None or self._packed[0] != state:
            shape = (self.padding, self.stride, self.dilation, self.groups)
            reordered = torch.ops.mkldnn._reorder_convolution_weight(weight.detach(), *shape, x.shape)
            self._packed = state, reordered
        return self._packed[1]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: the reordered weight is made anew."""
        return {**self.__dict__, "_packed": None}

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, relu={self.relu}"  # type: ignore[no-untyped-call]


def append_to_buffer(
    base: Tensor, room: int | None, starts: list[int], added: list[Tensor], parts: list[Tensor]
) -> Tensor:
    """A value [batch, channels, …] and more parts behind it, along the channels.

    With `room`, they are written into new memory for so many channels; without it, into the room that an earlier call has left
    behind `base`. `added` are values that are added to the base, each from the channel in `starts` on: in place if nothing is copied, so
    that `base` is another value then. Without them it stays what it was.
    """
    if not torch.jit.is_scripting():  # type: ignore[attr-defined] # torch.jit.script leaves out what is inside
        if not _is_traced((base, *parts, *added)):
            return _write_behind(base, room, zip(starts, added, strict=True), parts)
    return torch.cat([_add_into_base(base, starts, added)] + parts, 1)  # noqa: RUF005 - torch.jit.script knows no other


def _write_behind(base: Tensor, room: int | None, added: Iterable[tuple[int, Tensor]], parts: list[Tensor]) -> Tensor:
    channels = base.shape[1]
    if room is None:
        width = channels + sum(part.shape[1] for part in parts)
        memory = base.as_strided((len(base), width, *base.shape[2:]), base.stride())
    else:
        flat = base.dim() == 4 and base.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if flat else torch.contiguous_format
        size = (len(base), room, *base.shape[2:])
        memory = torch.empty(size, dtype=base.dtype, device=base.device, memory_format=layout)
        memory.narrow(1, 0, channels).copy_(base)
    for start, value in added:
        memory.narrow(1, start, value.shape[1]).add_(value)
    for part in parts:
        memory.narrow(1, channels, part.shape[1]).copy_(part)
        channels += part.shape[1]
    return memory.narrow(1, 0, channels)


def _add_into_base(base: Tensor, starts: list[int], added: list[Tensor]) -> Tensor:
    for number, start in enumerate(starts):
        end = start + added[number].shape[1]
        base = torch.cat([base[:, :start], base[:, start:end] + added[number], base[:, end:]], 1)
    return base


def _is_traced(values: Iterable[Tensor]) -> bool:
    """Whether operations are recorded, for a gradient or a trace, which would not see what our kernel computes."""
    if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
        return True
    gradients = torch.is_grad_enabled()
    return any(type(value) not in _PLAIN or (gradients and value.requires_grad) for value in values)


_PLAIN = (Tensor, nn.Parameter)
_convolve: Any
_add: Any
_add_in_place: Any
if hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
    _convolve = torch.ops.mkldnn._convolution_pointwise.default
    _add = torch.ops.mkldnn._convolution_pointwise.binary
    _add_in_place = torch.ops.mkldnn._convolution_pointwise_.binary
