"""Declares the arguments of blocks and documents, whose kinds follow from their defaults or types."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping

from archspec.errors import Collector
from archspec.ir.shape import MEASURED
from archspec.ops import OPTIONS
from archspec.spans import Span
from archspec.spec.binder import Binder
from archspec.spec.bound_tree import ArgumentDef, ArgumentKind, BlockDef, Layer
from archspec.spec.document import Document, Entry
from archspec.spec.expressions import is_name, is_part_name
from archspec.spec.literals import NOT_TRUTH, check_value
from archspec.spec.symbols import TYPES, SymbolTable, check_declared_name, is_layer_word
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree
from archspec.suggestions import did_you_mean, find_nearest


class ArgumentBinder:
    """Declares the arguments of one document; adds its diagnostics to `errors`."""

    def __init__(self, blocks: AbstractMapping[str, BlockDef], errors: Collector) -> None:
        self.blocks, self.errors = blocks, errors

    def declare_all(self, entries: AbstractMapping[str, Entry], names: SymbolTable) -> dict[str, ArgumentDef]:
        """The declared arguments in order; each may use those before it. Adds their kinds to `names`."""
        result = {}
        for name, (key, tree) in entries.items():
            parameter = self.declare_argument(key, tree, names)
            layer = parameter is not None and parameter.kind == "layer"
            good = check_declared_name(key, "an argument", self.errors, layer=layer)
            names.arguments[name] = "number" if parameter is None else parameter.kind
            if parameter is not None and good:  # an argument with a reported name is left out
                result[name] = parameter
        return result

    def declare_argument(self, key: Scalar, tree: Tree, names: SymbolTable) -> ArgumentDef | None:
        kind = self.infer_kind(tree, names)
        if kind is None:
            advice = f"a type ({', '.join(TYPES)}), a number, true or false, a layer"
            self.errors.report(
                f"{key.text} needs a default or a type, got {describe_tree(tree)}", tree.span, help=advice
            )
            return None
        if isinstance(tree, Scalar) and tree.kind == "string" and not _may_be_option(tree):
            advice = f"numbers, arithmetic, true and false stand unquoted: {key.text}: {tree.text}"
            self.errors.report(f"{key.text} is the text {tree.text[:60]!r}, which no op takes", tree.span, help=advice)
        if isinstance(tree, Scalar) and tree.kind == "word" and tree.text in TYPES:
            return ArgumentDef(key.text, key.span, kind, None)
        misspelt = next(self.misspelt(tree, names), None) if kind == "number" else None
        if misspelt is not None:
            word, meant = misspelt
            self.errors.report(f"{describe_tree(word)} is no number here", word.span, help=f"did you mean {meant!r}?")
            kind = self.infer_word_kind(meant, names)
        elif kind != "layer":
            check_value(tree, kind, key.text, names, self.errors)
        return ArgumentDef(key.text, key.span, kind, tree)

    def misspelt(self, tree: Tree, names: SymbolTable) -> Iterator[tuple[Scalar, str]]:
        """The unknown words of a default, each with the nearest known word."""
        known = (*names.arguments, *names.layer_words(), *OPTIONS, *NOT_TRUTH, *MEASURED)
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if isinstance(item, Scalar) and item.kind == "word" and is_name(item.text) and item.text not in known:
                meant = find_nearest(item.text, known)
                if meant is not None:
                    yield item, meant

    def apply_overrides(self, parameters: dict[str, ArgumentDef], document: Document) -> dict[str, ArgumentDef]:
        """The document's arguments with the values from outside."""
        given = {
            name: self.declare_override(parameters, document, name, tree) for name, tree in document.overrides.items()
        }
        return {**parameters, **{name: parameter for name, parameter in given.items() if parameter is not None}}

    def declare_override(
        self, parameters: AbstractMapping[str, ArgumentDef], document: Document, name: str, tree: Tree
    ) -> ArgumentDef | None:
        """The document's argument of this name with a value from outside; None if that is wrong, which is reported."""
        declared = parameters.get(name)
        if declared is None:
            advice = did_you_mean(name, parameters) or f"{document.name} takes no arguments"
            advice = _INPUT if name.lower() in _SIZES else advice
            place = Span(tree.span.source, 1, 1, len(name))
            self.errors.report(f"{document.name} has no argument {name[:60]!r}", place, help=advice)
            return None
        names = SymbolTable(self.blocks, {})
        if declared.kind != "layer" and not check_value(tree, declared.kind, name, names, self.errors):
            return None
        return ArgumentDef(name, declared.span, declared.kind, tree)

    def bind_defaults(
        self, parameters: AbstractMapping[str, ArgumentDef], outer: dict[str, ArgumentKind], binder: Binder
    ) -> dict[str, ArgumentDef]:
        """The arguments with bound defaults of kind layer; all blocks must be declared before."""
        names = SymbolTable(self.blocks, dict(outer))
        result = {}
        for name, parameter in parameters.items():
            default = parameter.default
            if parameter.kind == "layer" and default is not None and not isinstance(default, Layer):
                default = binder.bind_layer(default, names)
            result[name] = ArgumentDef(name, parameter.span, parameter.kind, default)
            names.arguments[name] = parameter.kind
        return result

    def infer_kind(self, tree: Tree, names: SymbolTable) -> ArgumentKind | None:
        """The kind of an argument, from its default."""
        if isinstance(tree, Mapping):
            return "layer"
        if isinstance(tree, Sequence):
            numbers = bool(tree.items) and all(
                self.infer_kind(item, names) in ("number", "int", "float") for item in tree
            )
            return "number" if numbers else "layer"
        if tree.kind in ("number", "bool"):
            return "number" if tree.kind == "number" else "bool"
        if tree.kind in ("null", "not finite"):
            return None
        return "option" if tree.kind == "string" else self.infer_word_kind(tree.text, names)

    def infer_word_kind(self, word: str, names: SymbolTable) -> ArgumentKind:
        if word in TYPES:
            return TYPES[word]
        if word in names.arguments:
            return names.arguments[word]
        if is_layer_word(word) or word in self.blocks:
            return "layer"
        return "option" if word in OPTIONS else "number"


_SIZES = frozenset(("input", "inputs", "input_size", "input_shape", "image_size", "img_size", "imgsz", "resolution"))
_INPUT = "the input is no argument; other sizes of it: --input 3,512,512, or input=(3, 512, 512)"


def _may_be_option(scalar: Scalar) -> bool:
    """Whether a quoted text can be an option, a name, or the name of a part of the network."""
    word = scalar.text in OPTIONS or is_part_name(scalar.text) or is_name(scalar.text)
    return word and scalar.text.lower() not in ("true", "false")
