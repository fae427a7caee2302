"""Gives advice for layers in a form that the language does not have."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Any, get_args, get_origin

from archspec.ops import BY_WORD
from archspec.ops.base import Op
from archspec.spec.bound_tree import BlockDef
from archspec.spec.document import Entry
from archspec.spec.foreign_advice import advise_argument, translate_argument, translate_word
from archspec.spec.foreign_words import NOTHING
from archspec.spec.symbols import ITERATORS, MODIFIERS, SEQUENTIAL, SymbolTable, can_name_module, is_layer_word
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, format_flow
from archspec.suggestions import find_nearest


def is_layer(tree: Tree, names: SymbolTable) -> bool:
    """Whether a part looks like a layer: a layer's word, alone or with arguments, or a list with one."""
    match tree:
        case Scalar(text=text):
            return names.is_layer(text)
        case Sequence(items=items):
            return any(is_layer(item, names) for item in items)
    keys = [key.text for key, _ in tree if key.text not in MODIFIERS]
    return len(keys) == 1 and (is_layer_word(keys[0]) or keys[0] in names.blocks)


def advise_name(key: Scalar, layer: Tree, names: SymbolTable) -> str | None:
    """Advice on how to name a layer, if an unknown key has a layer as its value."""
    if not can_name_module(key.text) or _takes_layers(key.text) or not is_layer(layer, names):
        return None
    if isinstance(layer, Scalar) and (layer.text in BY_WORD or layer.text in names.blocks):
        return f"a name for a layer stands behind as: {{{layer.text}: {{}}, as: {key.text}}}"
    if isinstance(layer, Mapping) and "as" not in layer.by_name:
        return f"a name for a layer stands behind as: {format_flow(layer)[:-1]}, as: {key.text}}}"
    return f"names for layers stand under a word of their own: {{layers: {{{key.text}: {format_flow(layer)}}}}}"


def advise_block_argument(
    block: BlockDef, name: str, arguments: Tree | None, names: SymbolTable
) -> tuple[str | None, str | None]:
    """Advice for an argument that a block does not have, and the block's argument that may be meant."""
    given = arguments.by_name if isinstance(arguments, Mapping) else {}
    layer = _find_layer_argument(block, given)
    if layer is not None and (is_layer_word(name) or name in names.blocks):
        return f"{_BEHIND}: {block.name}: {{{layer}: {{{name[:60]}: …}}}}", layer
    return advise_argument(name, block.parameters), translate_argument(name, block.parameters)


def advise_bare_layer(block: BlockDef, argument: Tree, names: SymbolTable) -> tuple[str | None, str | None]:
    """Advice for a layer as the bare argument of a block whose first argument is none, and the argument that may be meant."""
    layer = _find_layer_argument(block, ())
    if layer is None or not is_layer(argument, names):
        return None, None
    return f"{_BEHIND}: {block.name}: {{{layer}: {format_flow(argument)}}}", layer


_BEHIND = "a layer stands behind the name of its argument"


def _find_layer_argument(block: BlockDef, given: Container[str]) -> str | None:
    """The argument of a block that a layer without a name may be meant for: a layer that is required, or else any, that is not given."""
    layers = [own for own in block.parameters.values() if own.kind == "layer" and own.name not in given]
    return next((own.name for own in sorted(layers, key=lambda own: own.default is not None)), None)


def advise_words(words: list[Entry], names: SymbolTable) -> str:
    """Advice for a layer with several words: arguments in braces, a list, or names."""
    (first, value), *rest = words
    modifier = next((find_nearest(key.text, MODIFIERS) for key, _ in rest if not is_layer(key, names)), None)
    op = BY_WORD.get(first.text)
    if op is not None and not op.join and all(key.text not in BY_WORD for key, _ in rest):
        fields = [(translate_argument(key.text, op.model_fields), inner) for key, inner in rest]
        if all(name is not None for name, _ in fields):
            own = [(key.text, inner) for key, inner in value] if isinstance(value, Mapping) else [(op.first, value)]
            given = ", ".join(f"{name}: {format_flow(inner)}" for name, inner in (*own, *fields) if name is not None)
            return f"the arguments of {op.word} stand in braces: {op.word}: {{{given}}}"
    if modifier is not None:
        return f"did you mean {modifier!r}?"
    if all(names.is_layer(key.text) for key, _ in words):
        return f"layers in order are a list: [{', '.join(map(_format_item, words))}]"
    return f"names for layers stand under a word of their own: {{layers: {{{', '.join(_format_entry(key, inner) for key, inner in words)}}}}}"


def _takes_layers(word: str) -> bool:
    """Whether an unknown word stands for a join or an iterator, in another library or misspelt."""
    takers = (*(op.word for op in BY_WORD.values() if op.join), *ITERATORS, "layers", SEQUENTIAL)
    close = translate_word(word) or find_nearest(word, takers)
    return close in takers and word.rstrip("0123456789_") not in takers


def advise_no_word(tree: Mapping) -> str:
    """Advice for a layer that only names a value, or that is empty."""
    parts = ", ".join(_format_entry(key, value) for key, value in tree)
    return (
        f"identity leaves a value as it is: {{identity: {{}}, {parts}}}" if parts else "a layer that does nothing is []"
    )


def _format_item(entry: Entry) -> str:
    key, value = entry
    return key.text if isinstance(value, Scalar) and value.kind == "null" else _format_entry(key, value)


def _format_entry(key: Scalar, value: Tree) -> str:
    return f"{key.text}: {format_flow(value)}"


def is_cut(tree: Tree) -> bool:
    """Whether a text was cut at a comma inside a parenthesis, as YAML does in braces and brackets."""
    if not isinstance(tree, Scalar) or not tree.plain or tree.text.count("(") <= tree.text.count(")"):
        return False
    rest = tree.span.source.line(tree.span.line)[tree.span.column - 1 + tree.span.length :]
    return rest.lstrip().startswith(",")


def without_rests(tree: Sequence) -> Iterator[Tree]:
    """The items of a list without the rests of texts that were cut at a comma."""
    cut = False
    for item in tree:
        rest = cut and isinstance(item, Scalar) and item.plain
        cut = (cut and rest and isinstance(item, Scalar) and ")" not in item.text) or _last_is_cut(item)
        if not rest:
            yield item


def entries_without_rests(tree: Mapping) -> Iterator[Entry]:
    """The entries of a mapping without the rests of texts that were cut at a comma."""
    cut = False
    for key, value in tree:
        rest = cut and key.plain and isinstance(value, Scalar) and value.kind == "null"
        cut = (rest and ")" not in key.text) or _last_is_cut(value)
        if not rest:
            yield key, value


def advise_list(tree: Scalar) -> str | None:
    """Advice for a list that is written in parentheses."""
    text = tree.span.source.line(tree.span.line)[tree.span.column - 1 :]
    inside = _PARENTHESES.match(text if tree.span.length <= len(tree.text) else tree.text)
    return (
        f"a list stands in brackets: [{', '.join(part.strip() for part in inside[1].split(','))}]" if inside else None
    )


def advise_value(op: type[Op], name: str, value: Tree | None) -> str | None:
    """Advice for a field without a value, or with all arguments of its op in a list."""
    field = op.model_fields.get(name)
    if field is None or value is None:
        return None
    if isinstance(value, Scalar) and value.kind == "null" and not field.is_required():
        left_out = f"left out, {name} is {str(field.default).lower()}"
        said = NOTHING.get((op.word, name))
        return f"{said}; {left_out}" if said is not None else left_out
    fields = list(op.model_fields)
    only_one = name == op.first == fields[0] and not _takes_lists(field.annotation)
    if isinstance(value, Sequence) and only_one and 1 < len(value.items) <= 3:
        given = ", ".join(f"{field}: {format_flow(item)}" for field, item in zip(fields, value, strict=False))
        return f"arguments have names: {op.word}: {{{given}}}"
    return None


def _takes_lists(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(map(_takes_lists, get_args(annotation)))


def advise_with(op: type[Op], arguments: Tree, own: Tree) -> str:
    """Advice for an op that is no join and has arguments in `with`."""
    said = "with holds the own arguments of a join"
    if not isinstance(own, Mapping):
        return said
    given = [*arguments] if isinstance(arguments, Mapping) else [(op.first, arguments)] if op.first is not None else []
    inside = [
        _format_entry(key, value) if isinstance(key, Scalar) else f"{key}: {format_flow(value)}"
        for key, value in (*given, *own)
    ]
    return f"{said}; those of {op.word} stand in braces: {op.word}: {{{', '.join(inside)}}}"


_PARENTHESES = re.compile(r"\(([^()\[\]{}]+(?:,[^()\[\]{}]+)+)\)")


def _last_is_cut(tree: Tree) -> bool:
    while isinstance(tree, Mapping) and tree.entries:
        tree = tree.entries[-1][1]
    return is_cut(tree)
