"""Binds trees to layers: resolves each word, and reports the errors that can be found without shapes."""

from __future__ import annotations

from dataclasses import replace

from archspec.errors import Note
from archspec.ops import BY_WORD
from archspec.ops.base import Op
from archspec.spans import Span
from archspec.spec.argument_binder import bind_arguments, bind_fields
from archspec.spec.bound_tree import (
    ArgumentUse,
    BlockUse,
    JoinUse,
    Layer,
    NamedLayer,
    OpUse,
    Reuse,
    Sequential,
    ValueUse,
    is_module_path,
    makes_no_module,
)
from archspec.spec.computed_names import is_computed_name
from archspec.spec.document import Entry
from archspec.spec.layer_binder import LayerBinder, make_empty_layer
from archspec.spec.layer_forms import (
    advise_name,
    advise_no_word,
    advise_with,
    advise_words,
    is_cut,
    without_rests,
)
from archspec.spec.loop_binder import NEEDED_FORM, bind_loop
from archspec.spec.networks import NetworkLoader, bind_network
from archspec.spec.symbols import (
    ITERATORS,
    MODIFIERS,
    SEQUENTIAL,
    STRUCTURE,
    SymbolTable,
    advise_unseen,
    explain_unknown_word,
    find_unseen,
    is_layer_word,
)
from archspec.spec.value_names import bind_labels, bind_sources
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree
from archspec.suggestions import did_you_mean


class Binder(LayerBinder):
    """Resolves the word of each layer."""

    networks: NetworkLoader | None = None
    """Loads the networks that are parts of this one."""

    def bind_word(self, scalar: Scalar, names: SymbolTable) -> Layer:
        word, span = scalar.text, scalar.span
        if scalar.kind in ("word", "string") and word in BY_WORD:
            return self.bind_op(BY_WORD[word], None, span, names)
        if scalar.kind in ("word", "string") and names.is_block(word):
            return self.bind_block(word, None, span, names)
        if names.arguments.get(word) == "layer" or (word == "core" and names.core):
            return ArgumentUse(span=span, name=word)
        if names.is_value(word):
            return ValueUse(span=span, name=word)
        if word in STRUCTURE:
            return self.report(f"{word} needs arguments", span, f"write {word}: {NEEDED_FORM.get(word, 'name')}")
        if scalar.kind in ("number", "bool"):
            return self.report(f"a layer is a word, a list or a mapping, got {word[:60]}", span)
        message, advice, notes = explain_unknown_word(word if scalar.kind != "null" else "", names)
        return self.report(message, span, advice, notes=notes)

    def bind_use(self, tree: Mapping, names: SymbolTable, *, branch: bool = False) -> Layer:
        """Binds a word with arguments and the modifiers `from`, `with` and `as`."""
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
        source = tuple(bind_sources(parts["from"], names, self.errors)) if "from" in parts else ()
        if "as" in parts and is_computed_name(parts["as"]):
            layer = self.name_computed(layer, parts["as"], names)
            labels: tuple[Scalar, ...] = ()
        else:
            labels = tuple(bind_labels(parts["as"], names, self.errors)) if "as" in parts else ()
        if len(labels) == 1:
            self.check_numbered(layer, labels[0])
        if not source and not labels:
            return layer
        if len(labels) == 1:
            names.layers[-1][labels[0].text] = layer
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
        """Reports a word with a colon and no arguments."""
        word = key.text
        before = len(self.errors.diagnostics)
        self.bind_word(key, names)
        if ":" not in word and (is_layer_word(word) or word in names.blocks) and len(self.errors.diagnostics) == before:
            advice = f"write {word}: {{}}" if modified else f"write {word} without the colon"
            return self.report(f"{word} has nothing behind its colon", key.span, advice)
        return make_empty_layer(key.span)

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
        if own is not None:
            self.check_with(word, arguments, own, names)
        if isinstance(arguments, Scalar) and arguments.kind == "null":
            return self.without_arguments(key, names, modified=modified)
        if word in STRUCTURE and word not in ITERATORS:
            return self.bind_structure(key, arguments, names)
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
            if op.join:
                return self.bind_join(op, arguments, own, key.span, names)
            return self.bind_op(op, arguments, key.span, names)
        if names.is_block(word):
            return self.bind_block(word, arguments, key.span, names)
        if names.arguments.get(word) == "layer" or names.is_value(word):
            meaning = "a layer that was handed in" if word in names.arguments else "a named value"
            named = isinstance(arguments, Mapping) and not arguments.by_name and word in names.arguments
            advice = f"a name for it is a key: layers: {{name: {word}}}" if named else None
            return self.report(f"{word} is {meaning} and takes no arguments", key.span, advice)
        message, advice, notes = explain_unknown_word(word, names, alone=False)
        return self.report(message, key.span, advise_name(key, arguments, names) or advice, notes=notes)

    def bind_structure(self, key: Scalar, arguments: Tree, names: SymbolTable) -> Layer:
        """Binds a word that is neither an op nor an iterator nor declared."""
        match key.text:
            case "sequential":
                return self.bind_sequential(arguments, names)
            case "reuse":
                return self.bind_reuse(arguments, key.span, names)
            case "network":
                return bind_network(self, self.networks, arguments, key.span, names)
            case _:
                return self.bind_layers(arguments, names)

    def bind_sequential(self, arguments: Tree, names: SymbolTable) -> Layer:
        """Binds layers in order that are a scope of their own, with the next number."""
        if isinstance(arguments, Scalar):
            advice = f"write {SEQUENTIAL}: [{arguments.text[:60]}]"
            return self.report(f"{SEQUENTIAL} needs a list, got {describe_tree(arguments)}", arguments.span, advice)
        layer = self.bind_layers(arguments, names)
        return replace(layer, numbered=True) if isinstance(layer, Sequential) else layer

    def bind_reuse(self, name: Tree, span: Span, names: SymbolTable) -> Layer:
        """Binds the second use of a named layer."""
        if not isinstance(name, Scalar):
            return self.report(f"reuse needs the name of a layer, got {describe_tree(name)}", name.span)
        layer = names.find_layer(name.text)
        if layer is not None and not makes_no_module(layer):
            return Reuse(span=span, name=name.text, layer=layer)
        seen = any(name.text in frame for frame in names.frames)
        if layer is None and not seen and (is_module_path(name.text) or name.text in names.named):
            return Reuse(span=span, name=name.text)
        if layer is not None or seen:
            advice = f"the value is used by its name alone: {name.text}"
            return self.report(f"{name.text!r} is a value and no layer that could be applied again", name.span, advice)
        layers = [known for frame in names.layers for known in frame]
        hidden = find_unseen(name.text, names)
        nearest = advise_unseen(name.text) if hidden else did_you_mean(name.text, layers)
        return self.report(f"{name.text[:60]!r} is no named layer here", name.span, nearest, notes=hidden)

    def check_with(self, word: str, arguments: Tree, own: Tree, names: SymbolTable) -> None:
        """Reports a `with` of a known word that is no join."""
        op = BY_WORD.get(word)
        known = op is not None or word in names.blocks or names.is_value(word) or word in STRUCTURE
        if known and not (op is not None and op.join):
            form = advise_with(op, arguments, own) if op is not None else _WITH
            self.errors.report(f"{word[:60]} takes no 'with'", own.span, help=form)

    def bind_block(self, word: str, arguments: Tree | None, span: Span, names: SymbolTable) -> Layer:
        return BlockUse(
            span=span, block=word, arguments=bind_arguments(self, names.blocks[word], arguments, span, names)
        )

    def bind_op(self, op: type[Op], arguments: Tree | None, span: Span, names: SymbolTable) -> Layer:
        if op.join and arguments is None:
            return self.report(f"{op.word} joins branches", span, f"write {op.word}: [identity, …]")
        return OpUse(span=span, op=op, fields=bind_fields(self, op, arguments, span, names))

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
        return JoinUse(span=span, op=op, fields=bind_fields(self, op, own, span, names), branches=branches)


_WITH = "with holds the own arguments of a join"
