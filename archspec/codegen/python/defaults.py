"""The defaults of torch's modules, by which blocks with and without an option share a class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.ops.base import Call

_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}
_BATCHNORM = {"eps": 1e-5, "momentum": 0.1}

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    **{f"torch.nn.Conv{rank}d": _CONV for rank in (1, 2, 3)},
    **{f"torch.nn.BatchNorm{rank}d": _BATCHNORM for rank in (1, 2, 3)},
    **{f"torch.nn.MaxPool{rank}d": {"padding": 0, "dilation": 1, "ceil_mode": False} for rank in (1, 2, 3)},
    **{f"torch.nn.AvgPool{rank}d": {"padding": 0, "ceil_mode": False} for rank in (1, 2, 3)},
    "torch.nn.Linear": {"bias": True},
    "torch.nn.Dropout": {"p": 0.5},
}
"""By module, its options with defaults that may differ between equal blocks."""

POSITIONAL: Mapping[str, tuple[str, ...]] = {
    **{f"torch.nn.Conv{rank}d": ("in_channels", "out_channels", "kernel_size") for rank in (1, 2, 3)},
    **{f"torch.nn.ConvTranspose{rank}d": ("in_channels", "out_channels", "kernel_size") for rank in (1, 2, 3)},
    **{f"torch.nn.BatchNorm{rank}d": ("num_features",) for rank in (1, 2, 3)},
    **{f"torch.nn.InstanceNorm{rank}d": ("num_features",) for rank in (1, 2, 3)},
    **{f"torch.nn.{kind}Pool{rank}d": ("kernel_size",) for kind in ("Max", "Avg") for rank in (1, 2, 3)},
    **{f"torch.nn.Adaptive{kind}Pool{rank}d": ("output_size",) for kind in ("Max", "Avg") for rank in (1, 2, 3)},
    "torch.nn.Linear": ("in_features", "out_features"),
    "torch.nn.Dropout": ("p",),
    "torch.nn.Embedding": ("num_embeddings", "embedding_dim"),
    "torch.nn.GroupNorm": ("num_groups", "num_channels"),
    "torch.nn.LayerNorm": ("normalized_shape",),
    "torch.nn.MultiheadAttention": ("embed_dim", "num_heads"),
    "torch.nn.LocalResponseNorm": ("size",),
}
"""By module, the options that are written as positional arguments."""

CONTAINER = frozenset(
    [
        *("append", "clear", "extend", "insert", "items", "keys", "pop", "update", "values", "__add__", "__contains__"),
        *("__delitem__", "__getitem__", "__iadd__", "__imul__", "__iter__", "__len__", "__mul__", "__rmul__"),
        *("__setitem__", "_get_abs_string_index", "_get_item_by_idx"),
    ]
)
"""The attributes of torch's containers that other modules lack, which no member may have as its name."""

_ORDER = ("stride", "padding", "output_padding", "dilation", "ceil_mode", "groups", "bias")


def fill_defaults(call: Call) -> dict[str, Any]:
    """The options of a module's call, positional ones first, completed with the defaults."""
    defaults = dict(DEFAULTS.get(call.target, {}))
    order = dict.fromkeys((*POSITIONAL.get(call.target, ()), *_ORDER, *defaults, *call.options))
    given = defaults | dict(call.options)
    if not call.target.startswith("torch.nn."):
        return {name: given[name] for name in order if name in given}
    return {name: _simplify_sizes(given[name], shape=name == "normalized_shape") for name in order if name in given}


def _simplify_sizes(value: Any, *, shape: bool) -> Any:
    """A single number for a list of equal ones; a shape is kept unless it has one axis."""
    if not isinstance(value, list | tuple):
        return value
    items = tuple(value)
    equal = len(items) == 1 or (not shape and items and all(item == items[0] for item in items))
    return items[0] if equal else items
