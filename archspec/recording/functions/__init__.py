"""The functions of torch that are ops, by name: each handler makes the ops of one call."""

from __future__ import annotations

from archspec.recording.functions import attention, axes, elementwise, joins, layout, pools, weighted
from archspec.recording.functions.registry import HANDLERS

__all__ = ["HANDLERS", "attention", "axes", "elementwise", "joins", "layout", "pools", "weighted"]
