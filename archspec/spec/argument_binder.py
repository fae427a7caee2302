"""Binds the arguments of ops and blocks, and checks each against its op or block."""

from __future__ import annotations

from archspec.errors import Note
from archspec.ops.base import Op
from archspec.spans import Span
from archspec.spec.axis_arguments import field_of, read_axis_arguments
from archspec.spec.bound_tree import ArgumentField, BlockDef, Layer
from archspec.spec.layer_binder import LayerBinder
from archspec.spec.layer_forms import advise_bare_layer, advise_block_argument, entries_without_rests
from archspec.spec.literals import check_fields, check_value
from archspec.spec.symbols import KIND_DESCRIPTIONS, SymbolTable
from archspec.spec.yaml_tree import Mapping, Scalar, Tree, count_items, describe_tree

_OP, _FIELD = 6, 3  # units of work for the arguments of an op, and for each of their items


def bind_fields(
    binder: LayerBinder, op: type[Op], arguments: Tree | None, span: Span, names: SymbolTable
) -> tuple[ArgumentField, ...]:
    """The arguments of an op, including those that come from `defaults`."""
    given: list[ArgumentField] = []
    arguments = read_axis_arguments(op, arguments, binder.errors)
    if isinstance(arguments, Mapping):
        given = [
            field_of(op, key.text, _locate_field(op, key, value), value)
            for key, value in entries_without_rests(arguments)
        ]
    elif arguments is not None and op.first is not None:
        given = [field_of(op, op.first, arguments.span, arguments)]
    elif arguments is not None:
        known = ", ".join(op.model_fields)
        alone = f"write {op.word} without the colon"
        advice = f"{alone}, or name its arguments: {known}" if known else alone
        binder.errors.report(f"{op.word} takes no bare argument", arguments.span, help=advice)
    own = {field.name for field in given}
    inherited = [
        field_of(op, name, value.span, value, default=True)
        for name, (_, value) in binder.defaults.get(op.word, {}).items()
        if name not in own
    ]
    fields = (*inherited, *given)
    present = {field.name for field in fields}
    lacking = [name for name, field in op.model_fields.items() if field.is_required() and name not in present]
    if arguments is None and lacking and names.find_layer(op.word) is not None:
        advice = f"the word is the op; to use the value of the layer {op.word}, name that otherwise"
        binder.errors.report(f"{op.word} needs {lacking[0]!r}", span, help=advice)
        return fields
    binder.meter.charge("binding", _OP + _FIELD * sum(count_items(field.value) for field in fields), span)
    check_fields(op, fields, span, names, binder.document, binder.errors)
    return fields


def bind_arguments(
    binder: LayerBinder, block: BlockDef, arguments: Tree | None, span: Span, names: SymbolTable
) -> dict[str, Tree | Layer]:
    """The arguments of a use of a block: trees for numbers and the like, layers for layers."""
    given: dict[str, tuple[Span, Tree]] = {}
    if isinstance(arguments, Mapping):
        given = {key.text: (key.span, value) for key, value in entries_without_rests(arguments)}
    elif arguments is not None and block.parameters:
        given = {next(iter(block.parameters)): (arguments.span, arguments)}
    elif arguments is not None:
        binder.errors.report(
            f"{block.name} takes no arguments", arguments.span, help=f"write {block.name} without the colon"
        )
    bound: dict[str, Tree | Layer] = {}
    meant: set[str | None] = set()
    for name, (place, tree) in given.items():
        parameter = block.parameters.get(name)
        if parameter is None:
            advice, argument = advise_block_argument(block, name, arguments, names)
            binder.errors.report(f"{block.name} has no argument {name[:60]!r}", place, help=advice)
            meant.add(argument)
        elif parameter.kind != "layer" and tree is arguments and (said := advise_bare_layer(block, tree, names))[0]:
            kind = KIND_DESCRIPTIONS[parameter.kind]
            message = f"{name} of {block.name} needs {kind}, got {describe_tree(tree)}"
            binder.errors.report(message, tree.span, help=said[0])
            meant.add(said[1])
        elif parameter.kind == "layer":
            bound[name] = binder.bind_layer(tree, names.nested())
        elif check_value(tree, parameter.kind, f"{name} of {block.name}", names, binder.errors):
            bound[name] = tree
    for parameter in block.parameters.values():
        if parameter.default is None and parameter.name not in given and parameter.name not in meant:
            note = (Note(parameter.span, "declared here"),)
            kind = f"{parameter.name} is of type {parameter.kind}"
            binder.errors.report(f"{block.name} needs {parameter.name!r}", span, notes=note, help=kind)
    return bound


def _locate_field(op: type[Op], key: Scalar, value: Tree) -> Span:
    """The span of an error about a field: its value, or its name if there is no such field."""
    return value.span if key.text in op.model_fields and not isinstance(value, Mapping) else key.span
