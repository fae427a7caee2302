"""Binds the iterators: `repeat`, `copies`, `each` and `nest`."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping

from archspec.errors import Collector
from archspec.spec.bound_tree import Layer, Loop, Sequential
from archspec.spec.expressions import is_name
from archspec.spec.foreign_advice import advise_key, translate_key
from archspec.spec.layer_binder import LayerBinder
from archspec.spec.literals import check_value
from archspec.spec.symbols import SymbolTable, check_module_name
from archspec.spec.yaml_tree import Mapping, Scalar, Tree, describe_tree
from archspec.suggestions import did_you_mean

_TURN_FIELDS: AbstractMapping[str, tuple[str, ...]] = {
    "repeat": ("times", "layers", "index", "start", "name", "share"),
    "copies": ("times", "layers", "index", "start", "name"),
    "nest": ("times", "core", "layers", "index", "start", "name"),
    "each": ("layers", "index", "start", "name", "share"),
}

_NEEDED: AbstractMapping[str, tuple[str, ...]] = {
    "repeat": ("times", "layers"),
    "copies": ("times", "layers"),
    "nest": ("times", "core", "layers"),
    "each": ("layers",),
}
NEEDED_FORM: AbstractMapping[str, str] = {
    **{word: f"{{{', '.join(f'{part}: …' for part in parts)}}}" for word, parts in _NEEDED.items()},
    "layers": "[…]",
    "sequential": "[conv: …, relu]",
}
"""A smallest example of each iterator's and of `layers`' arguments, for advice."""
_TURN_HELP: AbstractMapping[str, str] = {
    "times": "times: how many turns",
    "core": "core: the layer at the bottom",
    "layers": "layers: what is done in each turn",
}


def bind_loop(binder: LayerBinder, key: Scalar, arguments: Tree, names: SymbolTable) -> Layer:
    word = key.text
    if not isinstance(arguments, Mapping):
        return binder.report(
            f"{word} needs a mapping, got {describe_tree(arguments)}",
            arguments.span,
            f"write {word}: {NEEDED_FORM[word]}",
        )
    parts = arguments.by_name
    for name, own in arguments.keys.items():
        if name not in _TURN_FIELDS[word]:
            known = _TURN_FIELDS[word]
            advice = advise_key("an iterator", name, known) or did_you_mean(name, known)
            binder.errors.report(f"{word} has no argument {name[:60]!r}", own.span, help=advice)
    unknown = [name for name in parts if name not in _TURN_FIELDS[word]]
    meant = {translate_key("an iterator", name, _TURN_FIELDS[word]) for name in unknown}
    for name in _NEEDED[word]:
        if name not in parts and name not in meant:
            binder.errors.report(f"{word} needs {name!r}", key.span, help=_TURN_HELP[name])
    for name in ("times", "start"):
        if name in parts:
            check_value(parts[name], "int", f"{name} of {word}", names, binder.errors)
    index = _read_index(binder.errors, parts.get("index"), names)
    inner = names.in_loop(index, core=word == "nest")
    empty = Sequential(span=key.span, items=(), named=False)
    return Loop(
        span=key.span,
        word=word,  # type: ignore[arg-type]
        times=parts.get("times"),
        start=parts.get("start"),
        core=binder.bind_layer(parts["core"], names.nested()) if word == "nest" and "core" in parts else None,
        index=index,
        prefix=_read_prefix(binder.errors, parts.get("name")),
        share=_read_share(binder.errors, parts.get("share")),
        body=binder.bind_layers(parts["layers"], inner) if "layers" in parts else empty,
        places={name: own.span for name, own in arguments.keys.items()},
    )


def _read_index(errors: Collector, tree: Tree | None, names: SymbolTable) -> str | None:
    if tree is None:
        return None
    if not isinstance(tree, Scalar) or not is_name(tree.text):
        errors.report(f"index needs a name, got {describe_tree(tree)}", tree.span)
        return None
    if names.is_other(tree.text) or tree.text in ("channels", "input", "core"):
        errors.report(
            f"{tree.text!r} already means something else", tree.span, help="choose another name for the index"
        )
        return None
    return tree.text


def _read_prefix(errors: Collector, tree: Tree | None) -> str | None:
    if tree is None:
        return None
    if not isinstance(tree, Scalar):
        errors.report(f"name needs a word, got {describe_tree(tree)}", tree.span)
        return None
    return tree.text if check_module_name(tree, errors, prefix=True) else None


def _read_share(errors: Collector, tree: Tree | None) -> bool:
    if tree is None:
        return False
    if not isinstance(tree, Scalar) or tree.kind != "bool":
        errors.report(f"share needs true or false, got {describe_tree(tree)}", tree.span)
        return False
    return tree.truth
