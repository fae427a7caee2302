"""The `forward` of a class: its statements as lines."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archspec.backends.source.branches import Guard, Item, guarded
from archspec.backends.source.families import literal
from archspec.backends.source.model import Body, Make, Ref, Size, Statement, is_number, leaves
from archspec.backends.source.text import WIDTH, Invoke, lines

_SYMBOLS = {"torch.add": "+", "torch.mul": "*", "torch.div": "/", "torch.matmul": "@"}
_RESERVED = frozenset(["self", "torch", "nn", "F", "Tensor", "super", "range", "i"])
_NESTED = 3  # modules in one expression


@dataclass(frozen=True)
class Expression:
    """Code of a value: how many modules it calls, how many of them have weights, and whether it needs brackets."""

    code: Invoke | str
    calls: int = 0
    weighted: int = 0
    loose: bool = False
    untyped: bool = False

    def __str__(self) -> str:
        return str(self.code)

    @property
    def atom(self) -> str:
        return f"({self.code})" if self.loose else str(self.code)


class Forward:
    """Writes one body's statements. `access` says how a member is reached, `numbers` what stands for each number."""

    def __init__(
        self,
        body: Body,
        *,
        access: Callable[[tuple[str, ...]], str],
        numbers: Iterator[str],
        optional: str | None,
        names: tuple[str, ...],
        annotate: frozenset[str] = frozenset(),
    ) -> None:
        self._body, self._access, self._optional = body, access, optional
        self._texts = {id(one): _texts(one, numbers) for one in body.statements}
        self.items = guarded(body)
        self._left = Counter(value for item in self.items for value in item.reads) + Counter(body.outputs)
        self._total = Counter(self._left)
        self._names = dict(zip(body.inputs, names, strict=True))
        self._makers = {value: one for one in body.statements for value in one.results}
        self._used = set(names)
        self._typed = set(body.inputs)
        self._declared = set(names)
        self._folded: dict[int, Expression] = {}
        self._rounds: dict[str | tuple[str, ...], list[str]] = {}
        self._annotate = annotate
        self._given = set(names)
        self.annotated: set[str] = set()
        """The names whose first value gets a type, as `write` found."""
        self._untyped: set[str] = set()
        self._wanted: dict[int, str] = {}

    def write(self) -> list[str]:
        """The lines of the body, `return` included."""
        found = self._items(self.items, 8)
        if self._folded_untyped:
            value = self._body.outputs[0]
            last = self._folded.pop(value)
            name = self._name(value, self._makers[value], self._makers[value].hint)
            self._untyped.add(name)
            found += self._assignment(name, last.code, 8)
        returned = [str(self._value(value)) for value in self._body.outputs]
        found = [self._annotated(line, returned) for line in found]
        return [*found, f"        return {', '.join(returned)}"]

    @property
    def _last(self) -> Expression:
        return self._folded[self._body.outputs[0]]

    @property
    def _folded_untyped(self) -> bool:
        outputs = self._body.outputs
        return len(outputs) == 1 and outputs[0] in self._folded and self._last.untyped

    def _annotated(self, line: str, returned: list[str]) -> str:
        """The line, with a type where it first gives a value to a name that is returned and that torch leaves untyped."""
        name, equals, _ = line.strip().partition(" = ")
        given = set(name.removesuffix(": Tensor").split(", "))
        if name.endswith(": Tensor"):
            self._declared |= given
            return line
        if not equals or len(returned) > 1 or not given & set(returned) & self._untyped or given & self._declared:
            self._declared |= given if equals else set()
            return line
        self._declared.add(name)
        self.annotated.add(name)
        return line.replace(f"{name} = ", f"{name}: Tensor = ", 1)

    def _items(self, items: list[Item] | tuple[Item, ...], indent: int) -> list[str]:
        found: list[str] = []
        for at, item in enumerate(items):
            following = items[at + 1] if at + 1 < len(items) else None
            if isinstance(item, Guard):
                found += self._guard(item, indent)
            else:
                found += self._statement(item, following, indent)
        return found

    def _guard(self, guard: Guard, indent: int) -> list[str]:
        drop = self._access(guard.drop.target)  # type: ignore[arg-type]
        pad = " " * indent
        like = str(self._value(guard.like))
        branch = guard.drop.args[0]
        assert isinstance(branch, Ref), "a drop path is called on a value"
        kept = self._fresh("kept")
        inner = self._items(guard.items, indent + 4)
        if branch.value in self._folded:
            folded = self._folded.pop(branch.value)
            name = self._fresh("branch")
            self._names[branch.value] = name
            inner += lines(f"{name} = ", folded.code, indent=indent + 4)
        name = str(self._value(branch.value))
        self._spend([branch.value, guard.like])
        self._names[guard.drop.results[0]] = name
        self._untyped.add(name)
        return [
            f"{pad}{kept} = {drop}.draw({like})",
            f"{pad}if {kept} is False:",
            f"{pad}    {name} = torch.zeros_like({like})",
            f"{pad}else:",
            *inner,
            f"{pad}{name} = {drop}({name}, {kept})",
        ]

    def _statement(self, one: Statement, following: Item | None, indent: int) -> list[str]:
        found: list[str] = []
        expression = self._expression(one)
        if expression.calls > _NESTED or expression.weighted > 1 or len(str(expression)) > WIDTH - indent - 12:
            found += self._unfold(one, indent)
            expression = self._expression(one)
        for value in one.reads:
            if not self._is_parameter(self._makers.get(value)):
                self._folded.pop(value, None)
        if self._is_parameter(one):
            self._folded[one.results[0]] = expression
            return found
        if self._folds(one, following):
            self._spend(one.reads)
            self._folded[one.results[0]] = expression
            return found
        before = one.reads
        self._spend(before)
        several = self._several(one) if len(one.results) > 1 else []
        names = several or [self._name(value, one, one.hint) for value in one.results]
        if expression.untyped:
            self._untyped.update(names)
        return found + self._assignment(", ".join(names), expression.code, indent)

    def _assignment(self, name: str, code: Invoke | str, indent: int) -> list[str]:
        typed = name in self._annotate and indent == 8 and name not in self._given
        self._given.add(name)
        return lines(f"{name}: Tensor = " if typed else f"{name} = ", code, indent=indent)

    def _folds(self, one: Statement, following: Item | None) -> bool:
        """Whether the value is used once, by the next statement, so that it needs no name."""
        if len(one.results) != 1 or self._left[one.results[0]] != 1:
            return False
        if following is None:
            return one.results == self._body.outputs
        return (
            isinstance(following, Statement) and one.results[0] in following.reads and not self._is_optional(following)
        )

    def _unfold(self, one: Statement, indent: int) -> list[str]:
        """Gives names to what is folded into a statement."""
        found = []
        for value in dict.fromkeys(one.reads):
            if value in self._folded and self._folded[value].calls + (self._folded[value].code != "") > 0:
                folded = self._folded[value]
                if folded.calls == 0 and not folded.loose and isinstance(folded.code, str):
                    continue  # a parameter is its own name
                del self._folded[value]
                name = self._name(value, self._makers[value], self._makers[value].hint)
                if folded.untyped:
                    self._untyped.add(name)
                found += self._assignment(name, folded.code, indent)
        return found

    def _is_parameter(self, one: Statement | None) -> bool:
        """Whether a statement is a parameter of the module, or an item of one: that is its own name, however often it is read."""
        if one is None or isinstance(one.target, str):
            return (
                one is not None
                and one.target == "operator.getitem"
                and self._is_parameter(self._makers.get(one.reads[0]))
            )
        return not one.args and not isinstance(self._make(one.target), Make)

    def _make(self, path: tuple[str, ...]) -> object:
        return next(member.make for member in self._body.members if member.path == path)

    def _is_optional(self, one: Statement) -> bool:
        return one.target == (self._optional,)

    def _value(self, value: int) -> Expression:
        if value in self._folded:
            return self._folded[value]
        return Expression(self._names[value], untyped=self._names[value] in self._untyped)

    def _spend(self, values: list[int]) -> None:
        self._left.subtract(values)

    def _name(self, value: int, one: Statement | None, hint: str) -> str:
        """A name for a value: that of an operand that nothing else needs, its module's, or `out`."""
        if self._total[value] == 0:
            self._names[value] = "_"
            return "_"
        reused = self._reusable(one)
        hint = re.sub(r"\W", "_", hint)
        if reused is None and hint.isidentifier() and not keyword.iskeyword(hint) and one and len(one.results) == 1:
            reused = self._fresh(hint)
        self._names[value] = reused or self._fresh("out")
        return self._names[value]

    def _reusable(self, one: Statement | None) -> str | None:
        """The name of an operand that is read here for the first and last time."""
        alive = {name for other, name in self._names.items() if self._left[other] > 0}
        chain = self._sources(one) if one is not None else list(self._body.outputs)
        candidates = [
            self._names[other]
            for other in chain
            if other in self._names and self._left[other] <= 0 and self._names[other] not in alive
        ]
        single = [name for name in candidates if self._lone(chain, name)]
        return single[0] if single else None

    def _several(self, one: Statement) -> list[str]:
        """The names of operands that nothing else needs, for several results at once, if there are enough of them."""
        alive = {name for other, name in self._names.items() if self._left[other] > 0}
        free = [self._names[value] for value in self._sources(one) if self._names[value] not in alive]
        names = self._round(one, free) or list(dict.fromkeys(free))[-len(one.results) :]
        if len(names) < len(one.results) or any(self._total[value] == 0 for value in one.results):
            return []
        self._names.update(zip(one.results, names, strict=True))
        return names

    def _round(self, one: Statement, free: list[str]) -> list[str]:
        """For the results of a call that are arguments of the next such call: the names of those arguments in this one."""
        later = self._body.statements[self._body.statements.index(one) + 1 :]
        again = next((other for other in later if other.target == one.target), None)
        if again is None or any(Ref(value) not in again.args for value in one.results):
            return self._rounds.get(one.target, [])
        own = [one.args[again.args.index(Ref(value))] for value in one.results]
        names = [self._names.get(arg.value, "") for arg in own if isinstance(arg, Ref)]
        if len(set(names)) < len(one.results) or not set(names) <= set(free):
            return []
        self._rounds[one.target] = names
        return names

    def _lone(self, chain: list[int], name: str) -> bool:
        return any(self._names.get(value) == name and self._total[value] == 1 for value in chain)

    def _sources(self, one: Statement) -> list[int]:
        """The named values that a statement and what is folded into it read."""
        found: list[int] = []
        for value in one.reads:
            if value in self._names:
                found.append(value)
            else:
                found += self._sources(self._makers[value])
        return found

    def _fresh(self, name: str) -> str:
        number, free = 2, name
        while free in self._used or free in _RESERVED:
            free, number = f"{name}{number}", number + 1
        self._used.add(free)
        return free

    def _expression(self, one: Statement) -> Expression:
        numbers = iter(self._texts[id(one)])
        operands = [self._value(value) for value in one.reads]
        calls, weighted = sum(x.calls for x in operands), sum(x.weighted for x in operands)
        untyped = any(x.untyped for x in operands)
        if isinstance(one.target, tuple):
            if self._is_parameter(one):
                return Expression(self._access(one.target))
            access = self._access(one.target)
            args = tuple(("", self._tree(arg, numbers)) for arg in one.args)
            keywords = tuple((name, self._tree(value, numbers)) for name, value in one.keywords)
            call = Invoke(access, args + keywords)
            if self._is_optional(one):
                given = self._value(one.reads[0])
                return Expression(f"{given} if {access} is None else {call}", 1, 0, loose=True, untyped=True)
            return Expression(call, calls + 1, weighted + one.weighted, untyped=True)
        if one.target == "operator.getitem":
            inner = operands[0]
            return Expression(f"{inner.atom}[{self._tree(one.args[1], numbers)}]", calls, weighted, untyped=untyped)
        if one.target in _SYMBOLS and len(one.args) == 2 and not one.keywords:
            return Expression(self._binary(one, numbers), calls, weighted, loose=True, untyped=untyped)
        return Expression(self._function(one, numbers), calls, weighted, untyped=one.target.startswith(".") and untyped)

    def _binary(self, one: Statement, numbers: Iterator[str]) -> str:
        left, right = one.args
        symbol = _SYMBOLS[str(one.target)]
        first = self._value(left.value) if isinstance(left, Ref) else Expression(self._tree(left, numbers))
        second = (
            self._value(right.value) if isinstance(right, Ref) else Expression(self._tree(right, numbers), loose=False)
        )
        same = (
            first.loose
            and f" {symbol} " in str(first)
            and not re.search(r" (if|[-+*/@]) ", str(first).replace(f" {symbol} ", ""))
        )
        before = str(first) if same else first.atom
        after = second.atom if not re.search(r"[ ]", second.atom) or second.atom.endswith(")") else f"({second.atom})"
        return f"{before} {symbol} {after}"

    def _function(self, one: Statement, numbers: Iterator[str]) -> Invoke:
        name = str(one.target)
        args: list[tuple[str, str | Invoke]] = [
            ("", self._argument(arg, numbers, listed=name == "torch.split")) for arg in one.args
        ]
        keywords: list[tuple[str, str | Invoke]] = [(word, self._tree(value, numbers)) for word, value in one.keywords]
        if name.startswith("."):
            first = one.args[0]
            owner = self._value(first.value).atom if isinstance(first, Ref) else args[0][1]
            return Invoke(f"{owner}{name}", tuple(args[1:] + keywords))
        name = name.replace("torch.nn.functional.", "F.")
        return Invoke(name, tuple(args + keywords))

    def _argument(self, tree: object, numbers: Iterator[str], *, listed: bool) -> str | Invoke:
        """A list of values may stand on lines of its own."""
        if isinstance(tree, tuple) and (listed or any(isinstance(one, Ref) for one in tree)):
            return Invoke("", tuple(("", self._tree(one, numbers)) for one in tree), brackets="[]")
        return self._tree(tree, numbers, listed=listed)

    def _tree(self, tree: object, numbers: Iterator[str], *, listed: bool = False) -> str:
        if isinstance(tree, Ref):
            return str(self._value(tree.value))
        if isinstance(tree, Size):
            return f"{self._value(tree.value).atom}.shape[0]"
        if isinstance(tree, tuple):
            inner = [self._tree(one, numbers) for one in tree]
            brackets = "[]" if listed or any(isinstance(one, Ref) for one in tree) else "()"
            comma = "," if len(inner) == 1 and brackets == "()" else ""
            return f"{brackets[0]}{', '.join(inner)}{comma}{brackets[1]}"
        if is_number(tree) and not isinstance(tree, bool):
            return next(numbers)
        return literal(tree)  # type: ignore[arg-type]


def _texts(one: Statement, numbers: Iterator[str]) -> list[str]:
    found = leaves((one.args, tuple(value for _, value in one.keywords)))
    return [next(numbers) for leaf in found if is_number(leaf) and not isinstance(leaf, bool)]
