"""Functions of each element."""

from __future__ import annotations

from typing import Any

from archspec.ops.rules import keep_non_defaults
from archspec.recording.functions.registry import function, is_number
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.raising import Raising

_PLAIN = (
    *("relu", "relu6", "silu", "hardswish", "hardsigmoid", "sigmoid", "tanh", "selu"),
    *("abs", "exp", "log", "sin", "cos"),
)
_POWERS = {"square": 2.0, "sqrt": 0.5, "reciprocal": -1.0, "rsqrt": -0.5}


def apply_elementwise(on: Raising, word: str, input: Any, fields: dict[str, Any] | None = None) -> Operand:
    """An op of each element, which leaves the layout as it is."""
    operand = on.operand(input)
    return operand.with_value(on.add_one(word, fields or {}, operand.value))


@function(*_PLAIN)
def raise_plain(on: Raising, input: Any, inplace: bool = False) -> Operand:
    return apply_elementwise(on, on.call.target, input)


@function("square", "sqrt", "rsqrt", "reciprocal")
def raise_power_of_name(on: Raising, input: Any) -> Operand:
    return apply_elementwise(on, "power", input, {"exponent": _POWERS[on.call.target]})


@function("pow")
def raise_power(on: Raising, input: Any, exponent: Any) -> Operand:
    if not is_number(exponent):
        raise UnsupportedCallError("pow of two tensors")
    return apply_elementwise(on, "power", input, {"exponent": float(exponent)})


@function("leaky_relu")
def raise_leaky_relu(on: Raising, input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Operand:
    return apply_elementwise(on, "leakyrelu", input, keep_non_defaults(slope=(negative_slope, 0.01)))


@function("elu")
def raise_elu(on: Raising, input: Any, alpha: float = 1.0, inplace: bool = False) -> Operand:
    return apply_elementwise(on, "elu", input, keep_non_defaults(alpha=(float(alpha), 1.0)))


@function("gelu")
def raise_gelu(on: Raising, input: Any, approximate: str = "none") -> Operand:
    return apply_elementwise(on, "gelu", input, keep_non_defaults(approximate=(approximate, "none")))


@function("hardtanh")
def raise_hardtanh(
    on: Raising, input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Operand:
    if (min_val, max_val) == (0.0, 6.0):
        return apply_elementwise(on, "relu6", input)
    return apply_elementwise(on, "clamp", input, {"low": float(min_val), "high": float(max_val)})


@function("clamp", "clip", "clamp_min", "clamp_max")
def raise_clamp(on: Raising, input: Any, min: Any = None, max: Any = None) -> Operand:
    low, high = (None, min) if on.call.target == "clamp_max" else (min, max)
    if not all(bound is None or is_number(bound) for bound in (low, high)):
        raise UnsupportedCallError("clamp by tensors")
    bounds = {"low": low, "high": high}
    return apply_elementwise(on, "clamp", input, {name: float(own) for name, own in bounds.items() if own is not None})


@function("dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d")
def raise_dropout(on: Raising, input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Operand:
    """Dropout; in evaluation the trace has its probability and no effect."""
    if p == 0:
        return on.operand(input)
    word = "dropout" if on.call.target == "dropout" else "spatialdropout"
    return apply_elementwise(on, word, input, {"p": p})


@function(
    "contiguous", "clone", "detach", "float", "to", "type", "type_as", "alias", "positive", "cpu", "double", "identity"
)
def raise_nothing(on: Raising, input: Any, *args: Any, **keywords: Any) -> Operand:
    """A function that changes no element."""
    return on.operand(input)


@function("neg", "negative")
def raise_negation(on: Raising, input: Any) -> Operand:
    return apply_elementwise(on, "scale", input, {"by": -1.0})
