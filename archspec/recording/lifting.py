"""Inverts the lowering of ops to modules of torch.nn: which field an option is, found by lowering each op with other fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

from archspec.ir.shape import Shape
from archspec.ops import OPS
from archspec.ops.base import Call, Op
from archspec.recording.functions.registry import per_axis

_SIZE = 12
_SHAPES = (Shape.of(_SIZE), *(Shape.image(_SIZE, *(9,) * rank) for rank in (1, 2, 3)))
_NEEDED = {"out": 12, "kernel": 3, "groups": 2, "size": 3, "heads": 2, "vocabulary": 5, "width": 7}
_DERIVED = frozenset(("in_channels", "in_features", "num_features", "num_channels", "num_parameters", "embed_dim"))
"""The options that follow from the input."""

COMPUTED = ("parametrization", "iterations")
"""The fields that no option of a constructor is."""


@dataclass(frozen=True, slots=True)
class ModuleForm:
    """An op that lowers to one module: which field is which option."""

    op: type[Op]
    fields: Mapping[str, str]


@lru_cache(maxsize=1)
def find_forms() -> Mapping[str, ModuleForm]:
    """The form of each module that an op lowers to, found by lowering the op with other values for each field.

    >>> form = find_forms()["torch.nn.Conv2d"]
    >>> form.op.word, form.fields["kernel_size"]
    ('conv', 'kernel')
    """
    forms: dict[str, ModuleForm] = {}
    for op in OPS:
        for shape in _SHAPES:
            needed = {
                name: _NEEDED[name]
                for name, field in op.model_fields.items()
                if field.is_required() and name in _NEEDED
            }
            plain = _lower(op, needed, shape)
            if plain is None:
                continue
            strided = (
                {**needed, "stride": 3} if "stride" in op.model_fields else needed
            )  # an output padding needs a stride
            fields = dict((*_find_options(op, strided, shape), *_find_options(op, needed, shape)))
            forms.setdefault(plain.target, ModuleForm(op, fields))
    return forms


def _lower(op: type[Op], fields: Mapping[str, Any], shape: Shape) -> Call | None:
    """The one call of a module that an op with these fields is; None if it is none or more."""
    try:
        made = op.model_validate(dict(fields))
        made.infer(shape)
        calls = made.lower(shape)
    except Exception:  # noqa: BLE001 -- probing: most fields and shapes do not fit
        return None
    single = (
        len(calls) == 1 and calls[0].stateful and calls[0].target.startswith("torch.nn.") and not calls[0].is_tensor
    )
    return calls[0] if single else None


def _find_options(op: type[Op], needed: Mapping[str, Any], shape: Shape) -> Iterator[tuple[str, str]]:
    """Yields the options that change with a field, with the name of that field."""
    plain = _lower(op, needed, shape)
    for name, field in op.model_fields.items():
        for value in _list_alternatives(field.annotation, needed.get(name, field.default)):
            other = _lower(op, {**needed, name: value}, shape)
            if plain is None or other is None or other.target != plain.target:
                continue
            changed = [
                option
                for option in {**plain.options, **other.options}
                if plain.options.get(option) != other.options.get(option)
            ]
            yield from ((option, name) for option in changed)


def _list_alternatives(annotation: Any, default: Any) -> list[Any]:
    values = [value for kind in _iter_types(annotation) for value in _list_values(kind)]
    return [value for value in values if value != default]


def _list_values(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    return {bool: (True, False), int: (1, 2, 3, 4, 6), float: (0.25, 0.3)}.get(kind, ())


def _iter_types(annotation: Any) -> Iterator[Any]:
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _iter_types(part)


def lift_module(target: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | str:
    """The word and the fields of the op that lowers to a module of these options, or why there is none.

    Args:
        target: the class of the module: `torch.nn.Conv2d`.
        options: the arguments of its constructor that differ from their defaults.

    >>> lift_module("torch.nn.Conv2d", {"in_channels": 3, "out_channels": 8, "kernel_size": (3, 3), "padding": 1})
    ('conv', {'out': 8, 'kernel': 3, 'padding': 1})
    >>> lift_module("torch.nn.Bilinear", {})
    'nn.Bilinear is no op of the language'
    """
    name = target.rpartition(".")[2]
    form = find_forms().get(target)
    if form is None:
        return f"nn.{name} is no op of the language"
    own = {option: _normalize(value) for option, value in options.items() if option not in _DERIVED}
    own = _resolve_padding(own)
    computed = {name: own.pop(name) for name in COMPUTED if name in own}
    unknown = [option for option in own if option not in form.fields]
    if unknown:
        return f"nn.{name} with {', '.join(f'{option}={own[option]!r}' for option in unknown)}"
    fields = {form.fields[option]: value for option, value in own.items()} | computed
    if form.op.word == "prelu":
        fields = {} if options.get("num_parameters", 1) == 1 else {"shared": False}
    if form.op.word in {"maxpool", "avgpool"} and fields.get("stride") == fields.get("kernel"):
        fields.pop("stride", None)
    defaults = {name: field.default for name, field in form.op.model_fields.items() if not field.is_required()}
    return form.op.word, {
        name: value for name, value in fields.items() if name not in defaults or defaults[name] != value
    }


def _normalize(value: Any) -> Any:
    return per_axis(value) if isinstance(value, tuple) else value


def _resolve_padding(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a convolution with its padding as a number, where that is said by a word."""
    padding = options.get("padding")
    if padding == "valid":
        return {name: value for name, value in options.items() if name != "padding"}
    return options
