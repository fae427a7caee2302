"""Binds the passes that a document asks for."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from archspec.errors import Collector
from archspec.spec.bound_tree import ArgumentField, PassUse, locate_fields
from archspec.spec.document import Document
from archspec.spec.literals import UNKNOWN, evaluate_literal, field_type
from archspec.spec.pydantic_errors import report_validation_error
from archspec.spec.symbols import SymbolTable
from archspec.spec.yaml_tree import Mapping, Scalar, Tree, describe_tree
from archspec.suggestions import did_you_mean


def bind_passes(document: Document, names: SymbolTable, errors: Collector) -> Iterator[PassUse]:
    """Binds the passes of a document, whose arguments may name those of the document; adds its diagnostics to `errors`."""
    if not document.passes:
        return
    from archspec.passes.registry import BY_WORD

    for tree in document.passes:
        key: Scalar
        arguments: Tree | None = None
        if isinstance(tree, Scalar):
            key = tree
        elif isinstance(tree, Mapping) and len(tree.entries) == 1:
            key, arguments = tree.entries[0]
        else:
            errors.report(f"a pass is a word, or a word with arguments, got {describe_tree(tree)}", tree.span)
            continue
        if key.text not in BY_WORD:
            errors.report(f"{key.text[:60]!r} is no pass", key.span, help=did_you_mean(key.text, BY_WORD))
            continue
        model = BY_WORD[key.text].arguments
        if arguments is not None and not isinstance(arguments, Mapping):
            errors.report(
                f"{key.text} needs its arguments by name, got {describe_tree(arguments)}",
                arguments.span,
                help=f"for example {key.text}: {{{next(iter(model.model_fields), 'name')}: …}}",
            )
            continue
        fields = tuple(
            ArgumentField(own.text, value.span if own.text in model.model_fields else own.span, value)
            for own, value in arguments or ()
        )
        _check_pass(key, model, fields, names, errors)
        yield PassUse(key.text, key.span, fields)


def _check_pass(
    key: Scalar, model: type[BaseModel], fields: tuple[ArgumentField, ...], names: SymbolTable, errors: Collector
) -> None:
    values = {
        field.name: evaluate_literal(field.value, names, errors, field_type(model, field.name)) for field in fields
    }
    known = {name: value for name, value in values.items() if value is not UNKNOWN}
    try:
        model.model_validate(known, strict=True)
    except ValidationError as error:
        report_validation_error(
            error, key.text, model, locate_fields(fields), span=key.span, errors=errors, given=values
        )
