"""The passes that a document asks for, bound."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping

from pydantic import BaseModel, ValidationError

from archspec.diagnostics import Collector, did_you_mean
from archspec.language.document import Document
from archspec.language.explain import explain
from archspec.language.layers import Field, PassUse, places
from archspec.language.literals import UNKNOWN, field_type, literal
from archspec.language.tree import Mapping, Scalar, Tree, describe
from archspec.language.words import Names

Rewrites = AbstractMapping[str, type[BaseModel]]
"""The passes that a document may ask for, by their words, with their arguments."""


def bind_passes(document: Document, rewrites: Rewrites, names: Names, found: Collector) -> Iterator[PassUse]:
    """The passes of a document, whose arguments may name its own; what is wrong goes into `found`."""
    for tree in document.passes or ():
        key: Scalar
        arguments: Tree | None = None
        if isinstance(tree, Scalar):
            key = tree
        elif isinstance(tree, Mapping) and len(tree.entries) == 1:
            key, arguments = tree.entries[0]
        else:
            found.report(f"a pass is a word, or a word with arguments, got {describe(tree)}", tree.span)
            continue
        model = rewrites.get(key.text)
        if model is None:
            found.report(f"{key.text[:60]!r} is no pass", key.span, help=did_you_mean(key.text, rewrites))
            continue
        if arguments is not None and not isinstance(arguments, Mapping):
            found.report(
                f"{key.text} needs its arguments by name, got {describe(arguments)}",
                arguments.span,
                help=f"for example {key.text}: {{{next(iter(model.model_fields), 'name')}: …}}",
            )
            continue
        fields = tuple(
            Field(own.text, value.span if own.text in model.model_fields else own.span, value)
            for own, value in arguments or ()
        )
        _check(key, model, fields, names, found)
        yield PassUse(key.text, key.span, fields)


def _check(key: Scalar, model: type[BaseModel], fields: tuple[Field, ...], names: Names, found: Collector) -> None:
    values = {field.name: literal(field.value, names, found, field_type(model, field.name)) for field in fields}
    known = {name: value for name, value in values.items() if value is not UNKNOWN}
    try:
        model.model_validate(known, strict=True)
    except ValidationError as error:
        explain(error, key.text, model, places(fields), span=key.span, into=found, given=values)
