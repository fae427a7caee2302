"""Resolves the words at one place of a spec, and checks new names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from keyword import iskeyword

from archspec import meter
from archspec.errors import Collector, Note
from archspec.ops import BY_WORD
from archspec.printable import shorten_text
from archspec.spans import Span
from archspec.spec.bound_tree import ArgumentKind, BlockDef, Layer
from archspec.spec.expressions import is_name
from archspec.spec.foreign_advice import advise_layer
from archspec.spec.reserved_names import RESERVED
from archspec.spec.yaml_tree import Scalar
from archspec.suggestions import did_you_mean

ITERATORS = ("repeat", "copies", "nest", "each")
REUSE = "reuse"
NETWORK = "network"
SEQUENTIAL = "sequential"
STRUCTURE = (*ITERATORS, REUSE, NETWORK, "layers", SEQUENTIAL)
"""The words of layers that are no ops."""
MODIFIERS = ("from", "with", "as", "after")
TYPES: Mapping[str, ArgumentKind] = {"int": "int", "float": "float", "bool": "bool", "layer": "layer"}
KEYWORDS = frozenset((*STRUCTURE, *MODIFIERS, *TYPES, "input", "core", "channels"))

_NAMES = 16  # names that are copied for one unit of work
_LONGEST_NAME = 200
_MODULE_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}(\.[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}})*")
PARENTHESES = re.compile(r"\(((?:[^()]|\([^()]*\))+)\)")
"""The computed parts of a name."""

_BRACES = re.compile(r"\$?[{<\[]\w+[}>\]]|%[ds]")


@dataclass
class SymbolTable:
    """The names that are declared at one place: arguments with their kinds, and named values by frame."""

    blocks: Mapping[str, BlockDef]
    arguments: dict[str, ArgumentKind]
    frames: list[set[str]] = field(default_factory=lambda: [{"input"}])
    core: bool = False
    stages: AbstractSet[str] = frozenset()
    """All stages of the document, in scope or not."""
    layers: list[dict[str, Layer]] = field(default_factory=lambda: [{}])
    """The named layers, by frame."""
    named: dict[str, Span] = field(default_factory=dict)
    """The spans of all values that have been named so far, in scope or not."""

    def __post_init__(self) -> None:
        meter.charge_work("binding", (len(self.arguments) + len(self.frames)) // _NAMES)

    def nested(self, *values: str) -> SymbolTable:
        """A nested table for a list or mapping, which may add names of its own."""
        return replace(self, frames=[*self.frames, set(values)], layers=[*self.layers, {}])

    def body(self, arguments: Mapping[str, ArgumentKind]) -> SymbolTable:
        """The table for the layers of a block, in which the named values around its use are not in scope."""
        return SymbolTable(self.blocks, dict(arguments), stages=self.stages, named=self.named)

    def in_loop(self, index: str | None, *, core: bool = False) -> SymbolTable:
        """The table inside an iterator, with its index and, for a `nest`, with `core`."""
        arguments: dict[str, ArgumentKind] = {**self.arguments, index: "int"} if index else self.arguments
        return replace(
            self,
            arguments=arguments,
            frames=[*self.frames, set()],
            layers=[*self.layers, {}],
            core=self.core or core,
        )

    def is_value(self, word: str) -> bool:
        return any(word in frame for frame in self.frames) and not self.is_other(word)

    def is_other(self, word: str) -> bool:
        """Whether a word is an op, a block or an argument, and so cannot name a value."""
        return is_layer_word(word) or word in self.blocks or word in self.arguments

    def add_value(self, name: Scalar, layer: Layer | None = None) -> None:
        """Adds a named value, with the layer of this name if it is one that can be applied again."""
        self.frames[-1].add(name.text)
        if layer is not None:
            self.layers[-1][name.text] = layer
        self.named.setdefault(name.text, name.span)

    def find_layer(self, name: str) -> Layer | None:
        """The named layer in scope, or None."""
        return next((frame[name] for frame in reversed(self.layers) if name in frame), None)

    def describe(self, word: str) -> str:
        """A description of a word for which `is_other` is true."""
        if word in self.arguments:
            return "an argument"
        return "a block" if word in self.blocks else "an op" if word in BY_WORD else "a word of the language"

    @property
    def values(self) -> Iterator[str]:
        """Yields the named values in scope."""
        return (word for frame in self.frames for word in sorted(frame) if not self.is_other(word))

    def layer_words(self, *, alone: bool = True) -> Iterator[str]:
        """Yields every word that can stand for a layer here, `alone` or with arguments."""
        yield from (*BY_WORD, *STRUCTURE)
        yield from self.blocks
        if alone:
            yield from (word for word, kind in self.arguments.items() if kind == "layer")
            yield from self.values
            yield from ["core"] if self.core else []

    def is_block(self, word: str) -> bool:
        """Whether a word means a block here: a layer argument of its name hides it."""
        return word in self.blocks and self.arguments.get(word) != "layer"

    def is_layer(self, word: str) -> bool:
        """Whether a word can stand for a layer here: one of `layer_words`."""
        if is_layer_word(word) or word in self.blocks or self.arguments.get(word) == "layer":
            return True
        named = word not in self.arguments and any(word in frame for frame in self.frames)
        return named or (self.core and word == "core")

    def numbers(self) -> list[str]:
        """Every word that can stand for a number here."""
        return [word for word, kind in self.arguments.items() if kind in ("int", "float", "number")]


def is_layer_word(word: str) -> bool:
    return word in BY_WORD or word in STRUCTURE


def is_module_name(word: str) -> bool:
    return _MODULE_NAME.fullmatch(word) is not None


def can_name_module(text: str) -> bool:
    """Whether a text is the name of a module, perhaps with a computed part.

    >>> can_name_module("units.(i)"), can_name_module("a/b")
    (True, False)
    """
    return is_module_name(PARENTHESES.sub("0", text))


def check_module_name(key: Scalar, errors: Collector, *, prefix: bool = False) -> bool:
    """Whether a key or an `as` can be the name of a module; reports it if not."""
    if any(len(word) > _LONGEST_NAME for word in key.text.split(".")):
        errors.report(f"a name has at most {_LONGEST_NAME} characters, got {shorten_text(key.text)!r}", key.span)
        return False
    if not is_module_name(key.text) or (prefix and "." in key.text):
        advice = "computed parts of a name stand in parentheses: layer(i)" if _BRACES.search(key.text) else None
        errors.report(f"a name has letters, digits, _ and -, got {key.text[:60]!r}", key.span, help=advice)
        return False
    if not prefix and (reserved := next((name for name in key.text.split(".") if name in RESERVED), None)):
        why = "a keyword of Python" if iskeyword(reserved) else "an attribute of torch's modules"
        errors.report(f"{reserved!r} is taken: it is {why}", key.span, help=f"for example {reserved}_ or {reserved}1")
        return False
    if key.text in ("input", "channels", "core", *MODIFIERS):
        errors.report(f"{key.text!r} is a word of the language", key.span, help="choose another name")
        return False
    return True


def check_declared_name(key: Scalar, owner: str, errors: Collector, *, layer: bool) -> bool:
    """Whether the name of a block or an argument can be used as a word; reports it if not. Only a `layer` must differ from the ops."""
    word = key.text
    if not is_name(word):
        errors.report(f"the name of {owner} has letters, digits and _, got {word[:60]!r}", key.span)
        return False
    if word in KEYWORDS or (word in BY_WORD and layer):
        kind = "an op" if word in BY_WORD else "a word of the language"
        errors.report(f"{owner} cannot be called {word!r}: it is {kind}", key.span, help="choose another name")
        return False
    return True


Said = tuple[str, str | None, tuple[Note, ...]]
"""A message, its advice, and its notes."""


def explain_unknown_word(word: str, names: SymbolTable, *, alone: bool = True) -> Said:
    """The message, advice and notes for a word that is no layer, `alone` or with arguments."""
    message, advice = _unknown(word, names, alone=alone)
    hidden = find_unseen(word, names) if alone else ()
    return message, advise_unseen(word) if hidden else advice, hidden


def find_unseen(word: str, names: SymbolTable) -> tuple[Note, ...]:
    """A note on a value of this name that is not in scope here; empty for any other word."""
    inner = word.rpartition(".")[2]
    if word in names.arguments or inner not in names.named or is_layer_word(word) or word in names.stages:
        return ()
    return (Note(names.named[inner], "a value of this name, in another list"),)


def advise_unseen(word: str) -> str:
    """Advice for a named value of another list."""
    name = word.rpartition(".")[2][:60]
    return (
        f"a value is seen in its own list; its layer can be a stage of its own, with the same name of its module: stage.{name}: …; "
        f"a block returns it by outputs: [{name}]"
    )


def unknown_value(word: str, names: SymbolTable) -> Said:
    """The message, advice and notes for a word after `from` that is no value in scope."""
    if names.is_other(word):
        return f"{word[:60]!r} is {names.describe(word)}, not a named value", "name the value otherwise, with as", ()
    hidden = find_unseen(word, names)
    return (
        f"{word[:60]!r} is no named value here",
        advise_unseen(word) if hidden else did_you_mean(word, names.values),
        hidden,
    )


def _unknown(word: str, names: SymbolTable, *, alone: bool) -> tuple[str, str | None]:
    if word in names.arguments:
        return f"{word!r} is {KIND_DESCRIPTIONS[names.arguments[word]]}, not a layer", None
    if word.endswith((":", ",")) or ":" in word:
        head = word.partition(":")[0]
        if is_layer_word(head) or head in names.blocks:
            return (
                f"{word[:60]!r} is one word",
                f"put a space after the colon: {head}: {word.partition(':')[2].strip() or '…'}",
            )
    if word == "core":
        return "'core' stands for the level below and means something inside a nest only", None
    if not word:
        return "a layer is missing here", "identity, or [], leaves a value as it is"
    if word in names.stages:
        return f"the stage {word!r} cannot be seen from here", "a name holds behind its layer, and not inside blocks"
    advice = advise_layer(word) or did_you_mean(word, names.layer_words(alone=alone))
    return f"{word[:60]!r} is no op, block, layer argument or named value here", advice


KIND_DESCRIPTIONS: Mapping[ArgumentKind, str] = {
    "int": "a whole number",
    "float": "a number",
    "number": "a number",
    "bool": "true or false",
    "option": "an option",
    "layer": "a layer",
}
