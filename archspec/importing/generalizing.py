"""Makes the least general block of several scopes: what differs is an argument, or arithmetic."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from archspec.importing.alignment import Aligned, Aligner, Choice, Column, Optional, name_layer
from archspec.importing.argument_names import name_flag, name_number
from archspec.importing.block import Block
from archspec.importing.forms import forms_of
from archspec.importing.laws import evaluate_law, find_law, find_rest, find_rounded_law, find_usual_law
from archspec.importing.slots import OFFSET, Slot, iter_slots
from archspec.importing.terms import Term, iter_terms, list_texts
from archspec.importing.value_names import WORDS
from archspec.ir.names import UniqueNames


@dataclass(slots=True)
class Generalization:
    """A block, and the arguments of each scope that it stands for."""

    block: Block
    fields: list[dict[str, Any]]
    layers: list[dict[str, list[Term]]]


def generalize(scopes: Sequence[Term], blocks: Mapping[str, Block], aligner: Aligner) -> Generalization:
    """The least general block of scopes. Raises `UnalikeError` if there is none."""
    columns = aligner.align([scope.body for scope in scopes])
    writer = _BlockWriter(scopes, blocks)
    writer.block.body = writer.write_columns(columns)
    return writer.finish()


class _BlockWriter:
    """Writes the layers of a block from the columns of its uses, and collects its arguments."""

    def __init__(self, scopes: Sequence[Term], blocks: Mapping[str, Block]) -> None:
        self.scopes, self.blocks = scopes, blocks
        self.block = Block([])
        self.values: dict[str, list[Any]] = {}
        self.flags: set[str] = set()
        self.offsets: set[str] = set()
        """The arguments that are offsets of numbers that grow from turn to turn."""
        self.layers: dict[str, list[list[Term] | None]] = {}
        terms = [term for scope in scopes for term in iter_terms(scope.body)]
        values = {word for term in terms for word in _list_words(term)}
        self.modules = Counter(term.name for term in terms if term.name is not None)
        self.names = UniqueNames({*WORDS, *blocks, *values, *self.modules})
        self.layer_names = UniqueNames({*WORDS, *blocks, *values})

    # -- layers -----------------------------------------------------------------------------------------------------

    def write_columns(self, columns: Sequence[Column]) -> list[Term]:
        return [self._write_column(column) for column in columns]

    def _write_column(self, column: Column) -> Term:
        if isinstance(column, Aligned):
            return self._write_term(column)
        return self._write_optional(column) if isinstance(column, Optional) else self._write_choice(column)

    def _write_term(self, column: Aligned) -> Term:
        first = next(term for term in column.uses if term is not None)
        term = replace(first, fields=deepcopy(first.fields))
        for slot in iter_slots(term, column.uses, self.blocks):
            if len(set(slot.values) - {None}) > 1:
                slot.place[slot.key] = self._find_slot_law(slot) or self._add_number(slot)
        term.branches = [self.write_columns(branch) for branch in column.branches]
        term.layers = {name: self.write_columns(given) for name, given in column.layers.items()}
        return term

    def _write_optional(self, column: Optional) -> Term:
        """Layers that stand as often as an argument says, once or not at all."""
        counts = [None if present is None else int(present) for present in column.present]
        flag = self._find_flag(counts) or self._add_flag(self._name_optional(column, counts), counts)
        body = self.write_columns(column.columns)
        return Term("repeat", "repeat", {"times": flag}, branches=[body], channels=body[0].channels)

    def _find_flag(self, counts: list[int | None]) -> str | None:
        return next((name for name in sorted(self.flags) if _fits(self.values[name], counts)), None)

    def _add_flag(self, name: str, counts: list[int | None]) -> str:
        self.values[name], self.block.types[name] = counts, "int"
        self.flags.add(name)
        return name

    def _write_choice(self, column: Choice) -> Term:
        """A layer that is an argument; its name is that of the module, which the module has if it is given without one."""
        layers = [None if terms is None else _strip(terms) for terms in column.layers]
        known = next((name for name, own in self.layers.items() if _fits(own, layers)), None)
        if known is None:
            known = self.layer_names.take(self._name_choice(column))
            self.names.taken.add(known)
            self.layers[known] = layers
        return Term("argument", known, name=None if column.name in (None, known) else column.name)

    def _name_choice(self, column: Choice) -> str:
        fallback = "shortcut" if column.whole else name_layer(next(terms for terms in column.layers if terms))
        name = column.name or fallback
        return name if name.isidentifier() and name not in self.layer_names.taken else fallback

    def _name_optional(self, column: Optional, counts: list[int | None]) -> str:
        """The name of the argument that says how often optional layers stand: the author's, that of their module, or their word."""
        given = name_flag(self.scopes, counts, self.names.taken)
        if given is not None:
            return self.names.take(given)
        uses = [
            [term for term in inner.uses if term is not None] for inner in column.columns if isinstance(inner, Aligned)
        ]
        for own in uses:
            name = own[0].name or ""
            if name.isidentifier() and name not in self.layer_names.taken and self.modules[name] == len(own):
                self.layer_names.taken.add(name)
                self.names.taken.add(name)
                return name
        word = uses[0][0].word
        return self.names.take(_compare_widths(uses[0]) or (f"{word}s" if word.isidentifier() else "extra"))

    # -- numbers ----------------------------------------------------------------------------------------------------

    def _add_number(self, slot: Slot) -> str:
        if slot.name == "times" and set(slot.values) <= {None, 0, 1}:
            name = name_flag(self.scopes, slot.values, self.names.taken) or "residual"
            return self._add_flag(self.names.take(name), slot.values)
        name = self.names.take(
            name_number(self.scopes, slot.name, slot.values, self.names.taken, is_width=slot.is_width)
        )
        self.values[name] = slot.values
        self.offsets |= {name} if slot.name == OFFSET else set()
        whole = all(isinstance(value, int) for value in slot.values if value is not None)
        self.block.types[name] = "int" if whole else "float"
        self.block.widths |= {name} if slot.is_width else set()
        return name

    def _find_slot_law(self, slot: Slot) -> str | None:
        if slot.name == "times":
            return self._find_flag(slot.values)
        if slot.is_width and find_law(slot.values, slot.channels, "channels") == "channels":
            return "channels"
        for name, own in self.values.items():
            if name not in self.flags and slot.is_width == (name in self.block.widths) and _agree(own, slot.values):
                self.values[name] = [
                    value if known is None else known for known, value in zip(own, slot.values, strict=True)
                ]
                return name
        if not slot.is_width:
            return None
        widths = {name: own for name, own in self.values.items() if name in self.block.widths}
        laws = [find_law(slot.values, slot.channels, "channels")]
        laws += [find_law(slot.values, own, name) for name, own in widths.items()]
        laws += [find_rest(slot.values, slot.channels, own, name) for name, own in widths.items()]
        laws += [find_rounded_law(slot.values, own, name) for name, own in widths.items()]
        laws += [find_rounded_law(slot.values, slot.channels, "channels")]
        return next((law for law in laws if law is not None), None)

    def _rank_argument(self, defaults: Mapping[str, Any]) -> Callable[[str], tuple[bool, bool, bool]]:
        """The order of arguments: those without a default first, how often layers stand behind other numbers, and offsets last."""
        return lambda name: (name in self.offsets, defaults[name] is not None, name in self.flags)

    # -- arguments --------------------------------------------------------------------------------------------------

    def finish(self) -> Generalization:
        """The block with its arguments, those without a default first, and the arguments of its uses."""
        entry = [scope.channels for scope in self.scopes]
        defaults = {
            name: _choose_default(own, entry if name in self.block.widths else ()) for name, own in self.values.items()
        }
        self.block.arguments = {name: defaults[name] for name in sorted(defaults, key=self._rank_argument(defaults))}
        self.block.layers = {name: _choose_layer(own) for name, own in self.layers.items()}
        fields = [
            {name: _complete(own[use], defaults[name], entry[use]) for name, own in self.values.items()}
            for use in range(len(self.scopes))
        ]
        layers = [
            {
                name: deepcopy(self.block.layers[name] or []) if (given := own[use]) is None else given
                for name, own in self.layers.items()
            }
            for use in range(len(self.scopes))
        ]
        return Generalization(self.block, fields, layers)


def _agree(known: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether two arguments are one: they have the same values in all uses that have both, and different ones in some of these."""
    pairs = {pair for pair in zip(known, values, strict=True) if None not in pair}
    return len(pairs) > 1 and all(own == value for own, value in pairs)


def _fits(known: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether the values of an argument are those of a place wherever it has one."""
    if any(own is None and value is not None for own, value in zip(known, values, strict=True)):
        return False
    pairs = [(own, value) for own, value in zip(known, values, strict=True) if value is not None]
    return all((forms_of(own) == forms_of(value)) if isinstance(own, list) else own == value for own, value in pairs)


def _complete(value: Any, default: Any, channels: int | None) -> Any:
    """The value of an argument, or its default where the use has no place for it."""
    if value is not None:
        return value
    return evaluate_law(default, channels or 1) if isinstance(default, str) else default


def _strip(terms: list[Term]) -> list[Term]:
    """The layer of an argument, without its name, which is that of the argument."""
    layers = deepcopy(terms)
    for term in layers:
        term.name = None
    return layers


def _choose_default(values: list[Any], channels: Sequence[int | None]) -> Any:
    """The value, or the arithmetic over the channels, that most uses have; None if there is none."""
    given = [value for value in values if value is not None]
    value, count = Counter(given).most_common(1)[0]
    law, lawful = find_usual_law(values, channels) if channels else (None, 0)
    if law is not None and lawful > count and 2 * lawful > len(given):
        return law
    if 2 * count > len(given) or len(given) == len(values):
        return value if 2 * count > len(given) else None
    return 0.0 if isinstance(value, float) else value


def _choose_layer(layers: list[list[Term] | None]) -> list[Term] | None:
    """The layer that most uses have, the identity among equally many; None if there is none."""
    given = [terms for terms in layers if terms is not None]
    counts = Counter(forms_of(terms) for terms in given)
    form, count = max(counts.items(), key=lambda item: (item[1], item[0] == ()))
    usual = 2 * count >= len(given) or form == () or len(given) < len(layers)
    return deepcopy(next(terms for terms in given if forms_of(terms) == form)) if usual else None


def _compare_widths(terms: list[Term]) -> str | None:
    """Whether parts make a value wider or narrower."""
    widths = [(term.made, term.channels) for term in terms if term.made is not None and term.channels is not None]
    if len(widths) < len(terms):
        return None
    if all(after > before for after, before in widths):
        return "expand"
    return "reduce" if all(after < before for after, before in widths) else None


def _list_words(term: Term) -> tuple[str, ...]:
    """The words of a term that an argument's name would hide."""
    return (term.word, *term.results, *term.source, *list_texts(term.fields))
