"""Compares the traces of two batch sizes: what differs is the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from archspec.recording.trace import BatchSize, MadeRef, Trace, TraceError


def merge_traces(first: Trace, second: Trace, batches: tuple[int, int]) -> Trace:
    """The first trace with `BatchSize` for the numbers that are multiples of the batch.

    Raises:
        TraceError: the model does something else for the other batch size.
    """
    merge = _Merging(batches).merge
    for call, other in zip(first.calls, second.calls, strict=False):
        if (call.target, call.path, call.results) != (other.target, other.path, other.results):
            message = f"what it computes depends on the batch size: it calls {call.target} or {other.target}"
            raise TraceError(message, ".".join(call.scope), call.line)
        call.args, call.keywords = merge(call.args, other.args), merge(call.keywords, other.keywords)
        call.sizes = merge(call.sizes, other.sizes)
    if len(first.calls) != len(second.calls) or first.outputs != second.outputs:
        raise TraceError("what it computes depends on the batch size")
    first.inputs = merge(first.inputs, second.inputs)
    return first


class _Merging:
    def __init__(self, batches: tuple[int, int]) -> None:
        self.batches = batches

    def merge(self, own: Any, other: Any) -> Any:
        """One value for those of both traces."""
        if isinstance(own, tuple):
            return tuple(map(self.merge, own, other))
        if isinstance(own, Mapping):
            return {key: self.merge(value, other[key]) for key, value in own.items()}
        if isinstance(own, slice):
            return slice(*map(self.merge, (own.start, own.stop, own.step), (other.start, other.stop, other.step)))
        if type(own) is int and own != other:
            return self._merge_numbers(own, other)
        return self._merge_made(own, other) if isinstance(own, MadeRef) else own

    def _merge_made(self, own: MadeRef, other: Any) -> MadeRef:
        """A tensor that both runs make, or that of each sample if all have the same."""
        if isinstance(other, MadeRef):
            first, second = own.values, other.values
            if torch.equal(first, second):
                return own
            rows = (len(first), len(second)) if first.dim() and second.dim() else ()
            if rows == self.batches and all(torch.equal(first[:1].expand_as(each), each) for each in (first, second)):
                return MadeRef(first[0], batched=True)
        raise TraceError("a tensor that it makes in each pass depends on the batch size")

    def _merge_numbers(self, own: int, other: int) -> BatchSize:
        times, rest = divmod(own, self.batches[0])
        if rest or other != times * self.batches[1]:
            raise TraceError(f"a size depends on the batch size, but is no multiple of it: {own} and {other}")
        return BatchSize(times)
