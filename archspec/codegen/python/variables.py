"""Chooses the variables of a `forward`: the name of each value during its live range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from archspec.codegen.arguments import USED, is_attribute
from archspec.codegen.python.model import Path, Statement, ValueArgument
from archspec.ir.names import UniqueNames

_LONGEST_HINT = 32  # the most characters of a name made from a module's


class Variables:
    """Names the values of one body, after an operand at its last use, or after the module that produces them."""

    def __init__(self, arguments: Mapping[int, str], statements: Sequence[Statement], reads: Iterable[int]) -> None:
        """`reads` has each value once for each read; `arguments` are the inputs with their names."""
        self.names = dict(arguments)
        self.left = Counter(reads)
        """The number of remaining reads of each value."""
        self.free = UniqueNames((*arguments.values(), *USED, "i"))
        self._total = Counter(self.left)
        self._alive = Counter(text for value, text in self.names.items() if self.left[value])
        """The number of live values of each name."""
        self.producers = {value: statement for statement in statements for value in statement.results}
        self._again = _find_next_calls(statements)
        self._rounds: dict[str | Path, list[str]] = {}

    def bind(self, value: int, text: str) -> str:
        self.names[value] = text
        self._alive[text] += self.left[value] > 0
        return text

    def spend(self, values: Iterable[int]) -> None:
        """Counts one read of each value."""
        for value in values:
            self.left[value] -= 1
            if self.left[value] == 0 and value in self.names:
                self._alive[self.names[value]] -= 1

    def name(self, statement: Statement) -> list[str]:
        """Names for the results of a statement whose reads have been counted."""
        if len(statement.results) > 1:
            several = self._several(statement)
            if several:
                return several
        return [self._single(value, statement) for value in statement.results]

    def _single(self, value: int, statement: Statement) -> str:
        """The name of an operand at its last use, of the module, or `out`."""
        if self._total[value] == 0:
            return self.bind(value, "_")
        hint = statement.hint.replace("-", "_")
        usable = len(statement.results) == 1 and len(hint) <= _LONGEST_HINT and is_attribute(hint)
        return self.bind(value, self._reusable(statement) or self.free.take(hint if usable else "out"))

    def _reusable(self, statement: Statement) -> str | None:
        """The name of an operand whose only read is here."""
        sources = self._sources(statement)
        alone = {self.names[value] for value in sources if self._total[value] == 1}
        free = (self.names[value] for value in sources if self.left[value] <= 0)
        return next((text for text in free if text in alone and not self._alive[text]), None)

    def _several(self, statement: Statement) -> list[str]:
        """The names of operands at their last use, if there are enough."""
        free = [text for text in map(self.names.__getitem__, self._sources(statement)) if not self._alive[text]]
        names = self._round(statement, free) or list(dict.fromkeys(free))[-len(statement.results) :]
        if len(names) < len(statement.results) or any(self._total[value] == 0 for value in statement.results):
            return []
        return [self.bind(*pair) for pair in zip(statement.results, names, strict=True)]

    def _round(self, statement: Statement, free: list[str]) -> list[str]:
        """For results that are arguments of the next call of the same target: the names of those arguments in this call."""
        again = self._again.get(statement)
        names = self._rounds.get(statement.target, [])
        if again is not None and all(ValueArgument(value) in again.args for value in statement.results):
            own = [statement.args[again.args.index(ValueArgument(value))] for value in statement.results]
            names = [self.names.get(arg.value, "") for arg in own if isinstance(arg, ValueArgument)]
        if len(set(names)) < len(statement.results) or not set(names) <= set(free):
            return []
        self._rounds[statement.target] = names
        return names

    def _sources(self, statement: Statement) -> list[int]:
        """The named values that a statement and the expressions folded into it read."""
        sources: list[int] = []
        for value in statement.reads:
            sources += [value] if value in self.names else self._sources(self.producers[value])
        return sources


def _find_next_calls(statements: Sequence[Statement]) -> dict[Statement, Statement]:
    """For each call with several results, the next call of the same target."""
    calls: dict[Statement, Statement] = {}
    following: dict[str | Path, Statement] = {}
    for statement in reversed(statements):
        if len(statement.results) > 1:
            if statement.target in following:
                calls[statement] = following[statement.target]
            following[statement.target] = statement
    return calls
