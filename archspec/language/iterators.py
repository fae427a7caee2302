"""The iterators of a spec, bound: what each needs, and what it may be given."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from typing import TYPE_CHECKING

from archspec.diagnostics import Collector, did_you_mean
from archspec.expressions import is_name
from archspec.language.foreign import advise_key, translate_key
from archspec.language.layers import Chain, Layer, Turns
from archspec.language.literals import check_value
from archspec.language.tree import Mapping, Scalar, Tree, describe
from archspec.language.words import Names, check_module_name

if TYPE_CHECKING:
    from archspec.language.binder import Binder

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
}
"""What an iterator, or `layers`, has at least behind its colon."""
_TURN_HELP: AbstractMapping[str, str] = {
    "times": "times: how many turns",
    "core": "core: the layer at the bottom",
    "layers": "layers: what is done in each turn",
}


def turns(binder: Binder, key: Scalar, arguments: Tree, names: Names) -> Layer:
    word = key.text
    if not isinstance(arguments, Mapping):
        return binder.wrong(
            f"{word} needs a mapping, got {describe(arguments)}",
            arguments.span,
            f"write {word}: {NEEDED_FORM[word]}",
        )
    parts = arguments.by_name
    for name, own in arguments.keys.items():
        if name not in _TURN_FIELDS[word]:
            known = _TURN_FIELDS[word]
            advice = advise_key("an iterator", name, known) or did_you_mean(name, known)
            binder.found.report(f"{word} has no argument {name[:60]!r}", own.span, help=advice)
    unknown = [name for name in parts if name not in _TURN_FIELDS[word]]
    meant = {translate_key("an iterator", name, _TURN_FIELDS[word]) for name in unknown}
    for name in _NEEDED[word]:
        if name not in parts and name not in meant:
            binder.found.report(f"{word} needs {name!r}", key.span, help=_TURN_HELP[name])
    for name in ("times", "start"):
        if name in parts:
            check_value(parts[name], "int", f"{name} of {word}", names, binder.found)
    index = _index(binder.found, parts.get("index"), names)
    inner = names.turn(index, core=word == "nest")
    empty = Chain(span=key.span, items=(), named=False)
    return Turns(
        span=key.span,
        word=word,  # type: ignore[arg-type]
        times=parts.get("times"),
        start=parts.get("start"),
        core=binder.layer(parts["core"], names.inside()) if word == "nest" and "core" in parts else None,
        index=index,
        prefix=_prefix(binder.found, parts.get("name")),
        share=_share(binder.found, parts.get("share")),
        body=binder.layers(parts["layers"], inner) if "layers" in parts else empty,
        places={name: own.span for name, own in arguments.keys.items()},
    )


def _index(found: Collector, tree: Tree | None, names: Names) -> str | None:
    if tree is None:
        return None
    if not isinstance(tree, Scalar) or not is_name(tree.text):
        found.report(f"index needs a name, got {describe(tree)}", tree.span)
        return None
    if names.is_other(tree.text) or tree.text in ("channels", "input", "core"):
        found.report(f"{tree.text!r} already means something else", tree.span, help="choose another name for the index")
        return None
    return tree.text


def _prefix(found: Collector, tree: Tree | None) -> str | None:
    if tree is None:
        return None
    if not isinstance(tree, Scalar):
        found.report(f"name needs a word, got {describe(tree)}", tree.span)
        return None
    return tree.text if check_module_name(tree, found, prefix=True) else None


def _share(found: Collector, tree: Tree | None) -> bool:
    if tree is None:
        return False
    if not isinstance(tree, Scalar) or tree.kind != "bool":
        found.report(f"share needs true or false, got {describe(tree)}", tree.span)
        return False
    return tree.truth
