"""Warns of arguments of ops that have no effect because of another argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archspec.errors import Collector
from archspec.spec import yaml_tree
from archspec.spec.bound_tree import OpUse

_AFFINE = ("init", "bias_init")

_ITERATIONS = (("iterations",), lambda given: given["parametrization"] != "spectral_norm", "there is no spectral norm")
_IDLE: Mapping[str, tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], bool], str], ...]] = {
    **{
        word: ((("bias_init",), lambda given: given["bias"] is False, "there is no bias"), _ITERATIONS)
        for word in ("convtranspose", "linear")
    },
    "conv": (
        (("bias_init",), lambda given: given["bias"] is False, "there is no bias"),
        (("padding_mode",), lambda given: given["padding"] in (0, [0], [0, 0], [0, 0, 0]), "there is no padding"),
        (("eps", "gain"), lambda given: given["standardise"] is False, "the kernel is not standardised"),
        _ITERATIONS,
    ),
    **dict.fromkeys(
        ("batchnorm", "instancenorm"),
        (
            (_AFFINE, lambda given: given["affine"] is False, "there is neither factor nor shift"),
            (("momentum",), lambda given: given["track"] is False, "no running statistics are kept"),
        ),
    ),
    "groupnorm": ((_AFFINE, lambda given: given["affine"] is False, "there is neither factor nor shift"),),
    "layernorm": (
        ((*_AFFINE, "bias"), lambda given: given["affine"] is False, "there is neither factor nor shift"),
        (("bias_init",), lambda given: given["bias"] is False, "there is no shift"),
    ),
}
"""By op: fields, the condition under which they have no effect, and the reason."""

_NORMAL, _UNIFORM = frozenset(("mean", "std")), frozenset(("low", "high"))
_KAIMING = frozenset(("mode", "nonlinearity", "slope"))
INIT_FIELDS: Mapping[str, frozenset[str]] = {
    "kaiming_normal": _KAIMING,
    "kaiming_uniform": _KAIMING,
    "xavier_normal": frozenset(("gain",)),
    "xavier_uniform": frozenset(("gain",)),
    "orthogonal": frozenset(("gain",)),
    "normal": _NORMAL,
    "trunc_normal": _NORMAL | _UNIFORM,
    "uniform": _UNIFORM,
    "constant": frozenset(("value",)),
}
"""The fields that each kind of initialisation uses."""


def check_idle_fields(use: OpUse, errors: Collector) -> None:
    """Warns of each argument of a use of an op that has no effect."""
    given = {name: field.default for name, field in use.op.model_fields.items()}
    given |= {field.name: _plain_value(field.value) for field in use.fields}
    own = {field.name: field for field in use.fields if not field.default}
    for names, idle, why in _IDLE.get(use.op.word, ()):
        for name in own.keys() & set(names):
            if idle(given) and given[name] != use.op.model_fields[name].default:
                errors.warn(f"{name} of {use.op.word} changes nothing: {why}", own[name].span)
    for name in own.keys() & set(_AFFINE):
        _check_init(name, use.op.word, own[name].value, errors)


def _check_init(name: str, word: str, init: yaml_tree.Tree, errors: Collector) -> None:
    """Warns of fields that this kind of initialisation does not use."""
    if not isinstance(init, yaml_tree.Mapping):
        return
    given = {key.text: _plain_value(value) for key, value in init}
    kind = given.get("kind")
    read = INIT_FIELDS.get(kind) if isinstance(kind, str) else None
    if read is None:
        return
    for key, _ in init:
        if key.text not in read | {"kind"}:
            message = f"{key.text} of {name} of {word} changes nothing: {kind} does not read it"
            errors.warn(message, key.span, help=f"{kind} reads {', '.join(sorted(read))}")
    if "slope" in given.keys() & read and given.get("nonlinearity", "relu") != "leaky_relu":
        message = f"slope of {name} of {word} changes nothing: it belongs to leaky_relu"
        errors.warn(message, init.keys["slope"].span, help="add nonlinearity: leaky_relu, or leave slope out")


def _plain_value(value: yaml_tree.Tree) -> Any:
    """The value of a constant, or the text of an expression."""
    return yaml_tree.to_plain_data(value)
