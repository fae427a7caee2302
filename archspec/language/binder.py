"""Trees to layers: finds out what each word means, and reports whatever can be known without shapes."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import replace

from archspec import meter
from archspec.diagnostics import Collector, Note, Span
from archspec.language.axes import arguments_of, field_of
from archspec.language.document import Entry
from archspec.language.forms import (
    advise_block_argument,
    advise_name,
    advise_no_word,
    advise_with,
    advise_words,
    entries_without_rests,
    is_cut,
    without_rests,
)
from archspec.language.iterators import NEEDED_FORM, turns
from archspec.language.layers import (
    ArgumentUse,
    Block,
    BlockUse,
    Chain,
    Field,
    Item,
    JoinUse,
    Layer,
    OpUse,
    ValueUse,
)
from archspec.language.literals import check_fields, check_value
from archspec.language.tree import Mapping, Scalar, Sequence, Tree, count, describe
from archspec.language.words import (
    ITERATORS,
    MODIFIERS,
    Names,
    check_module_name,
    is_layer_word,
    unknown,
    unknown_value,
)
from archspec.ops import BY_WORD
from archspec.ops.base import Op

_LAYER, _OP, _FIELD = 4, 6, 3
"""The units of work of a layer, of the arguments of an op, and of each item of them."""


class Binder:
    """Binds the layers of one document; what is wrong goes into `found`, and an identity stands in its place."""

    def __init__(
        self, defaults: AbstractMapping[str, AbstractMapping[str, Entry]], document: Names, found: Collector
    ) -> None:
        self.defaults, self.document, self.found = defaults, document, found
        self.meter = meter.current()

    # -- the forms of `layers` and `layer` ------------------------------------------------------------------------

    def layers(self, tree: Tree, names: Names) -> Layer:
        """A body: a word, a list, or a mapping of names to layers."""
        return self.named_chain(tree, names.inside()) if isinstance(tree, Mapping) else self.layer(tree, names)

    def layer(self, tree: Tree, names: Names, *, branch: bool = False) -> Layer:
        self.meter.charge("binding", _LAYER, tree.span)
        if isinstance(tree, Scalar):
            return self.word(tree, names)
        if isinstance(tree, Sequence):
            inner = names.inside()
            items = tuple(Item(None, self.layer(item, inner)) for item in without_rests(tree))
            return Chain(span=tree.span, items=items, named=False)
        return self.use(tree, names, branch=branch)

    def named_chain(self, tree: Mapping, names: Names) -> Chain:
        return Chain(span=tree.span, items=tuple(self.items(tree, names)), named=True)

    def items(self, tree: Mapping, names: Names, *, branch: bool = False) -> Iterator[Item]:
        """The named layers of a mapping; each name can be used behind it."""
        for key, value in tree:
            good = check_module_name(key, self.found)
            layer = self.layer(value, names, branch=branch)
            names.add_value(key)
            yield Item(key if good else None, layer)

    def word(self, scalar: Scalar, names: Names) -> Layer:
        word, span = scalar.text, scalar.span
        if names.is_clash(word):
            return _nothing(span)
        if scalar.kind in ("word", "string") and word in BY_WORD:
            return self.op(BY_WORD[word], None, span, names)
        if scalar.kind in ("word", "string") and word in names.blocks:
            return BlockUse(span=span, block=word, arguments=self.arguments(names.blocks[word], None, span, names))
        if names.arguments.get(word) == "layer" or (word == "core" and names.core):
            return ArgumentUse(span=span, name=word)
        if names.is_value(word):
            return ValueUse(span=span, name=word)
        if word in (*ITERATORS, "layers"):
            return self.wrong(f"{word} needs arguments", span, f"write {word}: {NEEDED_FORM[word]}")
        if scalar.kind in ("number", "bool"):
            return self.wrong(f"a layer is a word, a list or a mapping, got {word[:60]}", span)
        message, advice, notes = unknown(word if scalar.kind != "null" else "", names)
        return self.wrong(message, span, advice, notes=notes)

    def use(self, tree: Mapping, names: Names, *, branch: bool = False) -> Layer:
        """A word with arguments, and perhaps `from`, `with`, `as`."""
        words = [(key, value) for key, value in tree if key.text not in MODIFIERS]
        if len(words) != 1:
            return self.not_one_word(tree, words, names)
        key, arguments = words[0]
        parts = tree.by_name
        if "after" in parts:
            advice = "from: name applies a layer to a named value"
            self.found.report(
                "'after' gives a place to a stage of a spec that extends another", tree.keys["after"].span, help=advice
            )
        modified = len(tree.entries) > 1
        layer = self.applied(key, arguments, parts.get("with"), names, branch=branch, modified=modified)
        source = tuple(self.sources(parts["from"], names)) if "from" in parts else ()
        labels = tuple(self.labels(parts["as"], names)) if "as" in parts else ()
        if not source and not labels:
            return layer
        return replace(layer, source=source, names=labels)

    def not_one_word(self, tree: Mapping, words: list[Entry], names: Names) -> Layer:
        if not words:
            start = tree.entries[0][0].span if tree.entries else tree.span
            return self.wrong("a layer needs one word: an op, a block or a named value", start, advise_no_word(tree))
        if is_cut(words[0][1]):
            return self.applied(*words[0], None, names, branch=True)
        return self.wrong(
            f"a layer has one word, here are {len(words)}",
            words[1][0].span,
            advise_words(words, names),
            notes=(Note(words[0][0].span, words[0][0].text),),
        )

    def without_arguments(self, key: Scalar, names: Names, *, modified: bool) -> Layer:
        """Reports a word with a colon and nothing behind it."""
        word = key.text
        if names.is_clash(word):
            return _nothing(key.span)
        before = len(self.found.found)
        self.word(key, names)
        if ":" not in word and (is_layer_word(word) or word in names.blocks) and len(self.found.found) == before:
            advice = f"write {word}: {{}}" if modified else f"write {word} without the colon"
            return self.wrong(f"{word} has nothing behind its colon", key.span, advice)
        return _nothing(key.span)

    def applied(
        self, key: Scalar, arguments: Tree, own: Tree | None, names: Names, *, branch: bool, modified: bool = False
    ) -> Layer:
        word = key.text
        if names.is_clash(word):
            return _nothing(key.span)
        known = word in BY_WORD or word in names.blocks or names.is_value(word) or word in (*ITERATORS, "layers")
        if own is not None and known and not (word in BY_WORD and BY_WORD[word].join):
            form = advise_with(BY_WORD[word], arguments, own) if word in BY_WORD else _WITH
            self.found.report(f"{word[:60]} takes no 'with'", own.span, help=form)
        if isinstance(arguments, Scalar) and arguments.kind == "null":
            return self.without_arguments(key, names, modified=modified)
        if word == "layers":
            return self.layers(arguments, names)
        if word in ITERATORS:
            if word == "copies" and not branch:
                self.found.report(
                    "copies stand side by side inside a join",
                    key.span,
                    help="for example concat: [copies: {…}]; in series it is repeat",
                )
            return turns(self, key, arguments, names)
        if word in BY_WORD:
            op = BY_WORD[word]
            return (
                self.join(op, arguments, own, key.span, names) if op.join else self.op(op, arguments, key.span, names)
            )
        if word in names.blocks:
            return BlockUse(
                span=key.span, block=word, arguments=self.arguments(names.blocks[word], arguments, key.span, names)
            )
        if names.arguments.get(word) == "layer" or names.is_value(word):
            what = "a layer that was handed in" if word in names.arguments else "a named value"
            return self.wrong(f"{word} is {what} and takes no arguments", key.span)
        message, advice, notes = unknown(word, names, alone=False)
        return self.wrong(message, key.span, advise_name(key, arguments, names) or advice, notes=notes)

    def wrong(self, message: str, span: Span, advice: str | None = None, *, notes: tuple[Note, ...] = ()) -> Layer:
        self.found.report(message, span, help=advice, notes=notes)
        return _nothing(span)

    def sources(self, tree: Tree, names: Names) -> Iterator[Scalar]:
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if not isinstance(item, Scalar):
                self.found.report(f"from needs a name or a list of names, got {describe(item)}", item.span)
            elif names.is_value(item.text):
                yield item
            else:
                message, advice, notes = unknown_value(item.text, names)
                self.found.report(message, item.span, help=advice, notes=notes)

    def labels(self, tree: Tree, names: Names) -> Iterator[Scalar]:
        for item in tree.items if isinstance(tree, Sequence) else (tree,):
            if not isinstance(item, Scalar):
                self.found.report(f"as needs a name or a list of names, got {describe(item)}", item.span)
            elif item.text in names.frames[-1]:
                self.found.report(
                    f"the name {item.text!r} is already given in this list", item.span, help="choose another name"
                )
            elif item.text in names.blocks or item.text in names.arguments:
                message = f"as cannot name a value {item.text!r}: it is {names.what(item.text)}"
                advice = f"choose another name; as a key, it names the module only: layers: {{{item.text}: …}}"
                self.found.report(message, item.span, help=advice)
            elif check_module_name(item, self.found):
                names.add_value(item)
                yield item

    # -- ops, joins, blocks ---------------------------------------------------------------------------------------

    def op(self, op: type[Op], arguments: Tree | None, span: Span, names: Names) -> Layer:
        if op.join and arguments is None:
            return self.wrong(f"{op.word} joins branches", span, f"write {op.word}: [identity, …]")
        return OpUse(span=span, op=op, fields=self.fields(op, arguments, span, names))

    def join(self, op: type[Op], arguments: Tree, own: Tree | None, span: Span, names: Names) -> Layer:
        inner = names.inside()
        branches: tuple[Item, ...]
        if isinstance(arguments, Mapping):
            branches = tuple(self.items(arguments, inner, branch=True))
        elif isinstance(arguments, Sequence):
            branches = tuple(Item(None, self.layer(item, inner, branch=True)) for item in without_rests(arguments))
        else:
            branches = (Item(None, self.layer(arguments, inner, branch=True)),)
        if not branches:
            self.found.report(f"{op.word} needs at least one branch", span, help="identity is the value itself")
        if own is not None and not isinstance(own, Mapping):
            self.found.report(f"with needs a mapping, got {describe(own)}", own.span)
            own = None
        return JoinUse(span=span, op=op, fields=self.fields(op, own, span, names), branches=branches)

    def fields(self, op: type[Op], arguments: Tree | None, span: Span, names: Names) -> tuple[Field, ...]:
        """The arguments of an op, those of `defaults` that it does not give itself included."""
        given: list[Field] = []
        arguments = arguments_of(op, arguments, self.found)
        if isinstance(arguments, Mapping):
            given = [
                field_of(op, key.text, _place(op, key, value), value) for key, value in entries_without_rests(arguments)
            ]
        elif arguments is not None and op.first is not None:
            given = [field_of(op, op.first, arguments.span, arguments)]
        elif arguments is not None:
            known = ", ".join(op.model_fields)
            alone = f"write {op.word} without the colon"
            advice = f"{alone}, or name its arguments: {known}" if known else alone
            self.found.report(f"{op.word} takes no bare argument", arguments.span, help=advice)
        own = {field.name for field in given}
        inherited = [
            field_of(op, name, value.span, value, default=True)
            for name, (_, value) in self.defaults.get(op.word, {}).items()
            if name not in own
        ]
        fields = (*inherited, *given)
        self.meter.charge("binding", _OP + _FIELD * sum(count(field.value) for field in fields), span)
        check_fields(op, fields, span, names, self.document, self.found)
        return fields

    def arguments(self, block: Block, arguments: Tree | None, span: Span, names: Names) -> dict[str, Tree | Layer]:
        """The arguments of a use of a block: trees for numbers and the like, layers for layers."""
        given: dict[str, tuple[Span, Tree]] = {}
        if isinstance(arguments, Mapping):
            given = {key.text: (key.span, value) for key, value in entries_without_rests(arguments)}
        elif arguments is not None and block.parameters:
            given = {next(iter(block.parameters)): (arguments.span, arguments)}
        elif arguments is not None:
            self.found.report(
                f"{block.name} takes no arguments", arguments.span, help=f"write {block.name} without the colon"
            )
        bound: dict[str, Tree | Layer] = {}
        meant: set[str | None] = set()
        for name, (place, tree) in given.items():
            parameter = block.parameters.get(name)
            if parameter is None:
                advice, argument = advise_block_argument(block, name, arguments, names)
                self.found.report(f"{block.name} has no argument {name[:60]!r}", place, help=advice)
                meant.add(argument)
            elif parameter.kind == "layer":
                bound[name] = self.layer(tree, names.inside())
            elif check_value(tree, parameter.kind, f"{name} of {block.name}", names, self.found):
                bound[name] = tree
        for parameter in block.parameters.values():
            if parameter.default is None and parameter.name not in given and parameter.name not in meant:
                note = (Note(parameter.span, "declared here"),)
                kind = f"{parameter.name} is of type {parameter.kind}"
                self.found.report(f"{block.name} needs {parameter.name!r}", span, notes=note, help=kind)
        return bound


_WITH = "with holds the own arguments of a join"


def _nothing(span: Span) -> Layer:
    """What stands in the place of a layer that is wrong."""
    return Chain(span=span, items=(), named=False)


def _place(op: type[Op], key: Scalar, value: Tree) -> Span:
    """Where a field's fault is shown: at its value, or at its name if there is no such field."""
    return value.span if key.text in op.model_fields and not isinstance(value, Mapping) else key.span
