"""Compares the counts of a reference that is written as a function, at full size and on the device "meta"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import archspec
from tests.zoo.in_order import InOrder

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")


def same_counts(spec: str, reference: Callable[[InOrder, Any], Any], **arguments: Any) -> None:
    """Checks that the reference takes every tensor of the network, in its shape, and has the spec's MACs."""
    arch = archspec.load(spec, **arguments)
    tensors = InOrder(arch.build(device="meta").eval())
    image = torch.zeros(1, *arch.input_shapes["input"], device="meta")
    with flop_counter.FlopCounterMode(display=False) as counted, torch.no_grad():
        output = reference(tensors, image)
    assert not tensors.left
    assert tuple(output.shape[1:]) == arch.output_shapes["output"]
    assert counted.get_total_flops() == 2 * arch.macs
