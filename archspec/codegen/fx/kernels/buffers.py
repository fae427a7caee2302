"""Concatenation in a shared buffer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch._jit_internal import is_scripting

from archspec.codegen.fx.kernels.channelwise import finish_convolution
from archspec.codegen.fx.kernels.tracing import is_traced


def append_to_buffer(
    base: Tensor, room: int | None, starts: list[int], added: list[Tensor], parts: list[Tensor]
) -> Tensor:
    """Concatenates a value [batch, channels, …] and more parts along the channels.

    With `room`, they are written into a new buffer of so many channels; without it, after `base` in the buffer of an earlier call.
    `added` are values that are added to the base, each from the channel in `starts` on; without a copy this changes `base` in place.
    """
    if not is_scripting():  # torch.jit.script leaves out what is inside
        if not is_traced((base, *parts, *added)):
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
        finish_convolution(memory.narrow(1, start, value.shape[1]), None, value, None)
    for part in parts:
        memory.narrow(1, channels, part.shape[1]).copy_(part)
        channels += part.shape[1]
    return memory.narrow(1, 0, channels)


def _add_into_base(base: Tensor, starts: list[int], added: list[Tensor]) -> Tensor:
    for number, start in enumerate(starts):
        end = start + added[number].shape[1]
        base = torch.cat([base[:, :start], base[:, start:end] + added[number], base[:, end:]], 1)
    return base
