"""Translates initialisation schemes to functions of torch.nn.init."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.ops.initial import Init, Initial

_KAIMING = {"a": ("slope", 0.0), "mode": ("mode", "fan_in"), "nonlinearity": ("nonlinearity", "leaky_relu")}
_GAIN = {"gain": ("gain", 1.0)}
_ARGUMENTS: Mapping[str, Mapping[str, tuple[str, Any]]] = {
    "kaiming_normal": _KAIMING,
    "kaiming_uniform": _KAIMING,
    "xavier_normal": _GAIN,
    "xavier_uniform": _GAIN,
    "normal": {"mean": ("mean", 0.0), "std": ("std", 1.0)},
    "trunc_normal": {"mean": ("mean", 0.0), "std": ("std", 1.0), "a": ("low", -2.0), "b": ("high", 2.0)},
    "uniform": {"a": ("low", 0.0), "b": ("high", 1.0)},
    "constant": {"val": ("value", None)},
    "orthogonal": _GAIN,
}
"""By scheme, the arguments of torch.nn.init's function of that name: the field of each, and its default."""


def find_initialiser(scheme: Initial) -> tuple[str, dict[str, Any]]:
    """The function of `torch.nn.init` for a scheme, and its arguments that are not the defaults; a number is a constant.

    >>> find_initialiser(Init(kind="xavier_uniform", gain=2.0)), find_initialiser(0)
    (('xavier_uniform_', {'gain': 2.0}), ('constant_', {'val': 0.0}))
    """
    if not isinstance(scheme, Init):
        return "constant_", {"val": float(scheme)}
    given = {name: (getattr(scheme, field), default) for name, (field, default) in _ARGUMENTS[scheme.kind].items()}
    return f"{scheme.kind}_", {
        name: value for name, (value, default) in given.items() if value is not None and value != default
    }
