"""Activation checkpointing of blocks: their values are recomputed in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


def call_checkpointed(block: nn.Module, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs a block's `call` and keeps only its arguments for the backward pass.

    Random numbers are the same in both passes. Running statistics are updated only in the first.
    """
    return checkpoint(call, *args, use_reentrant=False, context_fn=partial(_checkpoint_contexts, block), **kwargs)


def can_checkpoint(given: Iterable[Any]) -> bool:
    """Whether a call is eager and not traced."""
    return torch._C._get_tracing_state() is None and not any(isinstance(value, fx.Proxy) for value in given)


def _checkpoint_contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _without_tracking(block)


@contextmanager
def _without_tracking(block: nn.Module) -> Iterator[None]:
    """Makes the normalisations in a block update copies of their running statistics."""
    norms = [norm for norm in block.modules() if isinstance(norm, _NormBase)]
    statistics = [dict(norm._buffers) for norm in norms]
    for norm, own in zip(norms, statistics, strict=True):
        norm._buffers.update({name: None if buffer is None else buffer.clone() for name, buffer in own.items()})
    try:
        yield
    finally:
        for norm, own in zip(norms, statistics, strict=True):
            norm._buffers.update(own)
