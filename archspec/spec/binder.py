"""Trees to layers: finds out what each word means, and reports whatever can be known without shapes."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import replace

from archspec import meter
from archspec.errors import Collector, Note, Span
from archspec.ops import BY_WORD
from archspec.ops.base import Op
from archspec.spec.axis_arguments import field_of, read_axis_arguments
from archspec.spec.bound_tree import (
    ArgumentField,
    ArgumentUse,
    BlockDef,
    BlockUse,
    JoinUse,
    Layer,
    NamedLayer,
    OpUse,
    Sequential,
    ValueUse,
)
from archspec.spec.document import Entry
from archspec.spec.layer_forms import (
    advise_block_argument,
    advise_name,
    advise_no_word,
    advise_with,
    advise_words,
    entries_without_rests,
    is_cut,
    without_rests,
)
from archspec.spec.literals import check_fields, check_value
from archspec.spec.loop_binder import NEEDED_FORM, bind_loop
from archspec.spec.symbols import (
    ITERATORS,
    MODIFIERS,
    SymbolTable,
    check_module_name,
    explain_unknown_word,
    is_layer_word,
    unknown_value,
)
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, count_items, describe_tree

_LAYER, _OP, _FIELD = 4, 6, 3
"""The units of work of a layer, of the arguments of an op, and of each item of them."""


class Binder:
    """Binds the layers of one document; what is wrong goes into `errors`, and an identity stands in its place."""

    def __init__(
        self, defaults: AbstractMapping[str, AbstractMapping[str, Entry]], document: SymbolTable, errors: Collector
    ) -> None:
        self.defaults, self.document, self.errors = defaults, document, errors
        self.meter = meter.find_meter()

    # -- the forms of `layers` and `layer` ------------------------------------------------------------------------

    def bind_layers(self, tree: Tree, names: SymbolTable) -> Layer:
        """A body: a word, a list, or a mapping of names to layers."""
        return (
            self.bind_named_layers(tree, names.nested()) if isinstance(tree, Mapping) else self.bind_layer(tree, names)
        )

    def bind_layer(self, tree: Tree, names: SymbolTable, *, branch: bool = False) -> Layer:
        self.meter.charge("binding", _LAYER, tree.span)
        if isinstance(tree, Scalar):
            return self.bind_word(tree, names)
        if isinstance(tree, Sequence):
            inner = names.nested()
            items = tuple(NamedLayer(None, self.bind_layer(item, inner)) for item in without_rests(tree))
            return Sequential(span=tree.span, items=items, named=False)
        return self.bind_use(tree, names, branch=branch)

    def bind_named_layers(self, tree: Mapping, names: SymbolTable) -> Sequential:
        return Sequential(span=tree.span, items=tuple(self.bind_items(tree, names)), named=True)

    def bind_items(self, tree: Mapping, names: SymbolTable, *, branch: bool = False) -> Iterator[NamedLayer]:
        """The named layers of a mapping; each name can be used behind it."""
        for key, value in tree:
            good = check_module_name(key, self.errors)
            layer = self.bind_layer(value, names, branch=branch)
            names.add_value(key)
            yield NamedLayer(key if good else None, layer)

    def bind_word(self, scalar: Scalar, names: SymbolTable) -> Layer:
        word, span = scalar.text, scalar.span
        if names.is_clash(word):
            return _empty_layer(span)
        if scalar.kind in ("word", "string") and word in BY_WORD:
            return self.bind_op(BY_WORD[word], None, span, names)
        if scalar.kind in ("word", "string") and word in names.blocks:
            return BlockUse(span=span, block=word, arguments=self.bind_arguments(names.blocks[word], None, span, names))
        if names.arguments.get(word) == "layer" or (word == "core" and names.core):
            return ArgumentUse(span=span, name=word)
        if names.is_value(word):
            return ValueUse(span=span, name=word)
        if word in (*ITERATORS, "layers"):
            return self.report(f"{word} needs arguments", span, f"write {word}: {NEEDED_FORM[word]}")
        if scalar.kind in ("number", "bool"):
            return self.report(f"a layer is a word, a list or a mapping, got {word[:60]}", span)
        message, advice, notes = explain_unknown_word(word if scalar.kind != "null" else "", names)
        return self.report(message, span, advice, notes=notes)

    def bind_use(self, tree: Mapping, names: SymbolTable, *, branch: bool = False) -> Layer:
        """A word with arguments, and perhaps `from`, `with`, `as`."""
        words = [(key, value) for key, value in tree if key.text not in MODIFIERS]
        if len(words) != 1:
            return self.report_word_count(tree, words, names)
        key, arguments = words[0]
        parts = tree.by_name
        if "after" in parts:
            advice = "from: name applies a layer to a named value"
            self.errors.report(
                "'after' gives a place to a stage of a spec that extends another", tree.keys["after"].span, help=advice
            )
        modified = len(tree.entries) > 1
        layer = self.bind_application(key, arguments, parts.get("with"), names, branch=branch, modified=modified)
        source = tuple(self.bind_sources(parts["from"], names)) if "from" in parts else ()
        labels = tuple(self.bind_labels(parts["as"], names)) if "as" in parts else ()
        if not source and not labels:
            return layer
        return replace(layer, source=source, names=labels)

    def report_word_count(self, tree: Mapping, words: list[Entry], names: SymbolTable) -> Layer:
        if not words:
            start = tree.entries[0][0].span if tree.entries else tree.span
            return self.report("a layer needs one word: an op, a block or a named value", start, advise_no_word(tree))
        if is_cut(words[0][1]):
            return self.bind_application(*words[0], None, names, branch=True)
        return self.report(
            f"a layer has one word, here are {len(words)}",
            words[1][0].span,
            advise_words(words, names),
            notes=(Note(words[0][0].span, words[0][0].text),),
        )

    def without_arguments(self, key: Scalar, names: SymbolTable, *, modified: bool) -> Layer:
        """Reports a word with a colon and nothing behind it."""
        word = key.text
        if names.is_clash(word):
            return _empty_layer(key.span)
        before = len(self.errors.diagnostics)
        self.bind_word(key, names)
        if ":" not in word and (is_layer_word(word) or word in names.blocks) and len(self.errors.diagnostics) == before:
            advice = f"write {word}: {{}}" if modified else f"write {word} without the colon"
            return self.report(f"{word} has nothing behind its colon", key.span, advice)
        return _empty_layer(key.span)

    def bind_application(
        self,
        key: Scalar,
        arguments: Tree,
        own: Tree | None,
        names: SymbolTable,
        *,
        branch: bool,
        modified: bool = False,
    ) -> Layer:
        word = key.text
        if names.is_clash(word):
            return _empty_layer(key.span)
        known = word in BY_WORD or word in names.blocks or names.is_value(word) or word in (*ITERATORS, "layers")
        if own is not None and known and not (word in BY_WORD and BY_WORD[word].join):
            form = advise_with(BY_WORD[word], arguments, own) if word in BY_WORD else _WITH
            self.errors.report(f"{word[:60]} takes no 'with'", own.span, help=form)
        if isinstance(arguments, Scalar) and arguments.kind == "null":
            return self.without_arguments(key, names, modified=modified)
        if word == "layers":
            return self.bind_layers(arguments, names)
        if word in ITERATORS:
            if word == "copies" and not branch:
                self.errors.report(
                    "copies stand side by side inside a join",
                    key.span,
                    help="for example concat: [copies: {…}]; in series it is repeat",
                )
            return bind_loop(self, key, arguments, names)
        if word in BY_WORD:
            op = BY_WORD[word]
            return (
                self.bind_join(op, arguments, own, key.span, names)
                if op.join
                else self.bind_op(op, arguments, key.span, names)
            )
        if word in names.blocks:
            return BlockUse(
                span=key.span, block=word, arguments=self.bind_arguments(names.blocks[word], arguments, key.span, names)
            )
        if names.arguments.get(word) == "layer" or names.is_value(word):
            meaning = "a layer that was handed in" if word in names.arguments else "a named value"
            return self.report(f"{word} is {meaning} and takes no arguments", key.span)
        message, advice, notes = explain_unknown_word(word, names, alone=False)
        return self.report(message, key.span, advise_name(key, arguments, names) or advice, notes=notes)

    def report(self, message: str, span: Span, advice: str | None = None, *, notes: tuple[Note, ...] = ()) -> Layer:
        self.errors.report(message, span, help=advice, notes=notes)
        return _empty_layer(span)

    def bind_sources(self, tree: Tree, names: SymbolTable) -> Iterator[Scalar]:
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if not isinstance(item, Scalar):
                self.errors.report(f"from needs a name or a list of names, got {describe_tree(item)}", item.span)
            elif names.is_value(item.text):
                yield item
            else:
                message, advice, notes = unknown_value(item.text, names)
                self.errors.report(message, item.span, help=advice, notes=notes)

    def bind_labels(self, tree: Tree, names: SymbolTable) -> Iterator[Scalar]:
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if not isinstance(item, Scalar):
                self.errors.report(f"as needs a name or a list of names, got {describe_tree(item)}", item.span)
            elif item.text in names.frames[-1]:
                self.errors.report(
                    f"the name {item.text!r} is already given in this list", item.span, help="choose another name"
                )
            elif item.text in names.blocks or item.text in names.arguments:
                message = f"as cannot name a value {item.text!r}: it is {names.describe(item.text)}"
                advice = f"choose another name; as a key, it names the module only: layers: {{{item.text}: …}}"
                self.errors.report(message, item.span, help=advice)
            elif check_module_name(item, self.errors):
                names.add_value(item)
                yield item

    # -- ops, joins, blocks ---------------------------------------------------------------------------------------

    def bind_op(self, op: type[Op], arguments: Tree | None, span: Span, names: SymbolTable) -> Layer:
        if op.join and arguments is None:
            return self.report(f"{op.word} joins branches", span, f"write {op.word}: [identity, …]")
        return OpUse(span=span, op=op, fields=self.bind_fields(op, arguments, span, names))

    def bind_join(self, op: type[Op], arguments: Tree, own: Tree | None, span: Span, names: SymbolTable) -> Layer:
        inner = names.nested()
        branches: tuple[NamedLayer, ...]
        if isinstance(arguments, Mapping):
            branches = tuple(self.bind_items(arguments, inner, branch=True))
        elif isinstance(arguments, Sequence):
            branches = tuple(
                NamedLayer(None, self.bind_layer(item, inner, branch=True)) for item in without_rests(arguments)
            )
        else:
            branches = (NamedLayer(None, self.bind_layer(arguments, inner, branch=True)),)
        if not branches:
            self.errors.report(f"{op.word} needs at least one branch", span, help="identity is the value itself")
        if own is not None and not isinstance(own, Mapping):
            self.errors.report(f"with needs a mapping, got {describe_tree(own)}", own.span)
            own = None
        return JoinUse(span=span, op=op, fields=self.bind_fields(op, own, span, names), branches=branches)

    def bind_fields(
        self, op: type[Op], arguments: Tree | None, span: Span, names: SymbolTable
    ) -> tuple[ArgumentField, ...]:
        """The arguments of an op, those of `defaults` that it does not give itself included."""
        given: list[ArgumentField] = []
        arguments = read_axis_arguments(op, arguments, self.errors)
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
            self.errors.report(f"{op.word} takes no bare argument", arguments.span, help=advice)
        own = {field.name for field in given}
        inherited = [
            field_of(op, name, value.span, value, default=True)
            for name, (_, value) in self.defaults.get(op.word, {}).items()
            if name not in own
        ]
        fields = (*inherited, *given)
        self.meter.charge("binding", _OP + _FIELD * sum(count_items(field.value) for field in fields), span)
        check_fields(op, fields, span, names, self.document, self.errors)
        return fields

    def bind_arguments(
        self, block: BlockDef, arguments: Tree | None, span: Span, names: SymbolTable
    ) -> dict[str, Tree | Layer]:
        """The arguments of a use of a block: trees for numbers and the like, layers for layers."""
        given: dict[str, tuple[Span, Tree]] = {}
        if isinstance(arguments, Mapping):
            given = {key.text: (key.span, value) for key, value in entries_without_rests(arguments)}
        elif arguments is not None and block.parameters:
            given = {next(iter(block.parameters)): (arguments.span, arguments)}
        elif arguments is not None:
            self.errors.report(
                f"{block.name} takes no arguments", arguments.span, help=f"write {block.name} without the colon"
            )
        bound: dict[str, Tree | Layer] = {}
        meant: set[str | None] = set()
        for name, (place, tree) in given.items():
            parameter = block.parameters.get(name)
            if parameter is None:
                advice, argument = advise_block_argument(block, name, arguments, names)
                self.errors.report(f"{block.name} has no argument {name[:60]!r}", place, help=advice)
                meant.add(argument)
            elif parameter.kind == "layer":
                bound[name] = self.bind_layer(tree, names.nested())
            elif check_value(tree, parameter.kind, f"{name} of {block.name}", names, self.errors):
                bound[name] = tree
        for parameter in block.parameters.values():
            if parameter.default is None and parameter.name not in given and parameter.name not in meant:
                note = (Note(parameter.span, "declared here"),)
                kind = f"{parameter.name} is of type {parameter.kind}"
                self.errors.report(f"{block.name} needs {parameter.name!r}", span, notes=note, help=kind)
        return bound


_WITH = "with holds the own arguments of a join"


def _empty_layer(span: Span) -> Layer:
    """What stands in the place of a layer that is wrong."""
    return Sequential(span=span, items=(), named=False)


def _locate_field(op: type[Op], key: Scalar, value: Tree) -> Span:
    """Where a field's fault is shown: at its value, or at its name if there is no such field."""
    return value.span if key.text in op.model_fields and not isinstance(value, Mapping) else key.span
