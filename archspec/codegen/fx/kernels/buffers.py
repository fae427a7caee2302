"""Concatenation in a shared buffer."""

from __future__ import annotations

import torch
from torch import Tensor

from archspec.codegen.fx.kernels.tracing import is_traced

Added = tuple[tuple[int, Tensor], ...]


def append_to_buffer(base: Tensor, room: int | None, added: Added, parts: tuple[Tensor, ...]) -> Tensor:
    """Concatenates a value [batch, channels, …] and more parts along the channels.

    With `room`, they are written into a new buffer of so many channels; without it, after `base` in the buffer of an earlier call.
    `added` are values that are added to the base, each from a channel on; without a copy this changes `base` in place.
    """
    if is_traced((base, *parts, *(value for _, value in added))):
        return torch.cat((_add_into_base(base, added), *parts), 1)
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


def _add_into_base(base: Tensor, added: Added) -> Tensor:
    for start, value in added:
        end = start + value.shape[1]
        base = torch.cat((base[:, :start], base[:, start:end] + value, base[:, end:]), 1)
    return base
