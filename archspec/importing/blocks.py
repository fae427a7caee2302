"""Makes blocks: scopes of one skeleton become uses of one block, and the numbers that differ its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from archspec.importing.forms import all_fields, count_tokens, is_number, is_number_list, skeleton_of
from archspec.importing.laws import find_law, find_rest
from archspec.importing.loops import form_of_turn
from archspec.importing.terms import Term, iter_scope, iter_terms
from archspec.importing.value_names import WORDS
from archspec.ir.names import UniqueNames

_WIDTHS = frozenset(("out", "groups"))
_WIDTH_LISTS = frozenset(("sizes", "channels", "shape"))
_NAMES = {"sizes": "width", "shape": "width", "channels": "width", "out": "width", "times": "depth"}
_MOST_ARGUMENTS = 6
_SMALL = 4  # tokens of a part that costs nothing as a block of its own


@dataclass(slots=True)
class Block:
    """A block: its layers, and its arguments with their defaults, None where there is none."""

    body: list[Term]
    arguments: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    widths: set[str] = field(default_factory=set)
    """The arguments that are numbers of channels."""


class Blocks:
    """The blocks of one document."""

    def __init__(self, taken: set[str]) -> None:
        self.blocks: dict[str, Block] = {}
        self.names = UniqueNames({*taken, *WORDS})

    @property
    def arguments(self) -> dict[str, dict[str, Any]]:
        return {name: block.arguments for name, block in self.blocks.items()}

    def extract(self, scopes: list[Term]) -> None:
        """Replaces the closed scopes of one skeleton by uses of a block, where that is shorter."""
        groups: dict[Hashable, list[Term]] = {}
        for scope in scopes:
            groups.setdefault(skeleton_of(scope.body, self.arguments), []).append(scope)
        for group in groups.values():
            if len(group) > 1:
                self._replace(group)

    def complete_runs(self, scope: Term) -> None:
        """Makes a block of each part `0`, `1`, … of a scope, also if it is used once, where its neighbours are uses of blocks in a row."""
        parts = [term for term in iter_scope(scope.body) if term.name is not None and term.name.isdecimal()]
        turns = [form_of_turn(part) if part.kind == "call" else None for part in parts]
        alike = sum(first == second for first, second in pairwise(turns) if first is not None)
        alone = [part for part in parts if part.kind == "scope" and part.closed]
        if alike <= sum(count_tokens(part.body) > _SMALL for part in alone) or len(parts) != len(scope.body):
            return
        for part in alone:
            self._replace_one(part)

    def _replace_one(self, scope: Term) -> None:
        name = self.names.take(_name_block([scope]))
        self.blocks[name] = Block(scope.body)
        scope.kind, scope.word, scope.fields, scope.branches = "call", name, {}, []

    def _replace(self, group: list[Term]) -> None:
        block, given = generalise([scope.body for scope in group], self)
        before = sum(count_tokens(scope.body) for scope in group)
        if len(block.arguments) > _MOST_ARGUMENTS or _count_with_uses(block, given) >= before:
            return
        name = self.names.take(_name_block(group))
        self.blocks[name] = block
        for scope, arguments in zip(group, given, strict=True):
            scope.kind, scope.word, scope.fields, scope.branches = "call", name, arguments, []


def _count_with_uses(block: Block, given: list[dict[str, Any]]) -> int:
    """The tokens of a block and of its uses."""
    declared = 2 + 2 * len(block.arguments)
    return count_tokens(block.body) + declared + sum(2 + len(arguments) for arguments in given)


def _name_block(group: list[Term]) -> str:
    """The name for the block of a group: that of the region's block, or of the parts without their numbers."""
    kinds = Counter(scope.word for scope in group if scope.word)
    if kinds:
        return kinds.most_common(1)[0][0]
    stems = Counter((scope.name or "").rstrip("0123456789_").replace("-", "_") for scope in group)
    stem = stems.most_common(1)[0][0]
    return stem if stem.isidentifier() and stem not in WORDS else "unit"


@dataclass(slots=True)
class _Slot:
    """A field of a term, or an element of its list, that is a number, with its value and the channels before it in each use."""

    place: Any
    key: str | int
    name: str
    values: list[Any]
    channels: list[int | None]
    is_width: bool


def generalise(bodies: list[list[Term]], blocks: Blocks) -> tuple[Block, list[dict[str, Any]]]:
    """The least general block of bodies of one skeleton, and the arguments of each that differ from the defaults."""
    body = deepcopy(bodies[0])
    block = Block(body)
    values: dict[str, list[Any]] = {}
    names = UniqueNames({*WORDS, *blocks.blocks, *(word for term in iter_terms(body) for word in _words(term))})
    for slot in _iter_slots(body, bodies, blocks):
        if len(set(slot.values)) == 1:
            continue
        law = _find_slot_law(slot, values, block)
        if law is None:
            law = names.take(_NAMES.get(slot.name, slot.name))
            values[law] = slot.values
            block.types[law] = "int" if all(isinstance(value, int) for value in slot.values) else "float"
            block.widths |= {law} if slot.is_width else set()
        slot.place[slot.key] = law
    defaults = {name: _choose_default(own) for name, own in values.items()}
    block.arguments = dict(sorted(defaults.items(), key=lambda entry: entry[1] is not None))
    given = [
        {name: own[use] for name in block.arguments if (own := values[name])[use] != block.arguments[name]}
        for use in range(len(bodies))
    ]
    return block, given


def _words(term: Term) -> tuple[str, ...]:
    options = (item for value in term.fields.values() for item in (value if isinstance(value, list) else [value]))
    texts = (option for option in options if isinstance(option, str))
    return (term.name or "", term.word, *term.results, *term.source, *texts)


def _choose_default(values: list[Any]) -> Any:
    """The value that most uses have; None if there is none."""
    value, count = Counter(values).most_common(1)[0]
    return value if 2 * count > len(values) else None


def _find_slot_law(slot: _Slot, values: dict[str, list[Any]], block: Block) -> str | None:
    for name, own in values.items():
        if own == slot.values and slot.is_width == (name in block.widths):
            return name
    if not slot.is_width:
        return None
    laws = [find_law(slot.values, slot.channels, "channels")]
    widths = {name: own for name, own in values.items() if name in block.widths}
    laws += [find_law(slot.values, own, name) for name, own in widths.items()]
    laws += [find_rest(slot.values, slot.channels, own, name) for name, own in widths.items()]
    return next((law for law in laws if law is not None), None)


def _iter_slots(body: list[Term], bodies: list[list[Term]], blocks: Blocks) -> Iterator[_Slot]:
    for term, *others in zip(body, *bodies, strict=True):
        known = [all_fields(other, blocks.arguments) for other in others]
        channels = [other.channels for other in others]
        for name, first in known[0].items():
            widths = blocks.blocks[term.word].widths if term.kind == "call" else _WIDTHS
            values = [own[name] for own in known]
            if is_number(first):
                yield _Slot(term.fields, name, name, values, channels, name in widths)
            elif is_number_list(first):
                for place, elements in enumerate(zip(*values, strict=True)):
                    yield _Slot(term.fields[name], place, name, list(elements), channels, name in _WIDTH_LISTS)
        for index, branch in enumerate(term.branches):
            yield from _iter_slots(branch, [other.branches[index] for other in others], blocks)
