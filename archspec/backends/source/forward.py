"""The `forward` of a class: its statements as syntax."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec.backends.arguments import USED, FreeNames, is_attribute
from archspec.backends.branches import Branch, Item, Operation, Role, arrange
from archspec.backends.source.format import WIDTH, code
from archspec.backends.source.model import Body, Make, Path, Ref, Size, Statement, Weight
from archspec.backends.source.syntax import (
    assign,
    attribute,
    binary,
    call,
    compare,
    either,
    invoke,
    item,
    literal,
    name,
    sequence,
)
from archspec.backends.steps import DROP_PATH

_SYMBOLS: Mapping[str, type[ast.operator]] = {
    "torch.add": ast.Add,
    "torch.mul": ast.Mult,
    "torch.div": ast.Div,
    "torch.matmul": ast.MatMult,
}
_NESTED = 3  # modules in one expression
_LONGEST_HINT = 32  # characters of a name that is made of a module's


@dataclass(frozen=True)
class Expression:
    """What computes a value: how many modules it calls, how many of them have weights, whether torch leaves it untyped."""

    node: ast.expr
    calls: int = 0
    weighted: int = 0
    untyped: bool = False


class Forward:
    """Writes the statements of one body; `access` says how a member is reached, `names` are the arguments."""

    def __init__(
        self,
        body: Body,
        statements: Sequence[Statement],
        access: Callable[[Path], ast.expr],
        optional: str | None,
        names: Sequence[str],
    ) -> None:
        self._body, self._access, self._optional = body, access, optional
        self._statements = statements
        self._items = arrange([self._operation(one) for one in statements], body.outputs)
        self._makers = {value: one for one in statements for value in one.results}
        self._left = Counter(_reads(self._items, statements)) + Counter(body.outputs)
        self._total = Counter(self._left)
        self._names = dict(zip(body.inputs, names, strict=True))
        self._alive = Counter(text for value, text in self._names.items() if self._left[value])
        """How many values that are still to be read each name stands for."""
        self._free = FreeNames((*names, *USED, "i"))
        self._arguments = frozenset(names)
        self._folded: dict[int, Expression] = {}
        self._rounds: dict[str | Path, list[str]] = {}
        self._again = _next_calls(statements)
        self._untyped: set[str] = set()
        """The names, arguments apart, that stand for a value without a type."""
        self._code: list[ast.stmt] = []

    def write(self) -> list[ast.stmt]:
        """The body of the function, `return` included."""
        self._write(self._items)
        outputs = self._body.outputs
        if len(outputs) == 1 and outputs[0] in self._folded and self._folded[outputs[0]].untyped:
            self._unfold(outputs)
        returned = [self._value(value).node for value in outputs]
        if len(returned) > 1:
            return [*self._code, ast.Return(sequence(returned))]
        if isinstance(returned[0], ast.Name) and returned[0].id in self._untyped:
            _declare(self._code, returned[0].id)
        return [*self._code, ast.Return(returned[0])]

    # -- statements -----------------------------------------------------------------------------------------------

    def _operation(self, one: Statement) -> Operation:
        make = self._body.members.get(one.target) if isinstance(one.target, tuple) else None
        role: Role = "other"
        if isinstance(make, Weight):
            role = "constant"
        elif isinstance(make, Make) and make.target == DROP_PATH and ("mode", "batch") in make.options:
            role = "drop"
        elif one.target == "torch.add" and len(set(one.reads)) == len(one.args) == 2:
            role = "sum"
        return Operation(one.reads, one.results, role)

    def _write(self, items: Sequence[Item]) -> None:
        for at, each in enumerate(items):
            if isinstance(each, Branch):
                self._branch(each)
            else:
                self._statement(each, items[at + 1] if at + 1 < len(items) else None)

    def _branch(self, branch: Branch) -> None:
        """A branch of a residual unit, which is computed where its drop path keeps it."""
        drop = self._statements[branch.drop]
        assert isinstance(drop.target, tuple) and isinstance(branch.like, int), "a module, called on a value"
        (operand,), (result,) = drop.reads, drop.results
        path, like = self._access(drop.target), self._value(branch.like).node
        kept = self._free.take("kept")
        self._code.append(assign(name(kept), call(attribute(path, "draw"), like)))
        around, self._code = self._code, []
        self._write(branch.items)
        if operand in self._folded:
            self._assign([self._bind(operand, self._free.take("branch"))], self._folded.pop(operand))
        text = self._names[operand]
        zeros = assign(name(text), call("torch.zeros_like", like))
        around.append(ast.If(compare(name(kept), ast.Is(), ast.Constant(False)), [zeros], self._code))
        self._code = around
        self._spend([operand, branch.like])
        self._assign([self._bind(result, text)], Expression(call(path, name(text), name(kept)), untyped=True))

    def _statement(self, number: int, following: Item | None) -> None:
        one = self._statements[number]
        expression = self._expression(one)
        if self._is_constant(one):
            self._folded[one.results[0]] = expression
            return
        long = expression.calls > _NESTED or expression.weighted > 1 or len(code(expression.node)) > WIDTH - 20
        if long and one.target != "operator.getitem":  # what is picked of several values is no tensor
            self._unfold(one.reads)
            expression = self._expression(one)
        for value in one.reads:
            if not self._is_constant(self._makers.get(value)):
                self._folded.pop(value, None)
        self._spend(one.reads)
        if self._folds(one, following):
            self._folded[one.results[0]] = expression
            return
        several = self._several(one) if len(one.results) > 1 else []
        self._assign(several or [self._name(value, one) for value in one.results], expression)

    def _folds(self, one: Statement, following: Item | None) -> bool:
        """Whether the value is used once, by the next statement, so that it needs no name."""
        if len(one.results) != 1 or self._left[one.results[0]] != 1:
            return False
        if not isinstance(following, int):
            return following is None and one.results == self._body.outputs
        after = self._statements[following]
        return one.results[0] in after.reads and after.target != (self._optional,)

    def _unfold(self, values: Iterable[int]) -> None:
        """Gives names to what is folded into a statement."""
        for value in dict.fromkeys(values):
            if value in self._folded and not self._is_constant(self._makers[value]):
                expression = self._folded.pop(value)
                self._assign([self._name(value, self._makers[value])], expression)

    def _assign(self, names: list[str], expression: Expression) -> None:
        if expression.untyped:
            self._untyped.update(set(names) - self._arguments)
        target = name(names[0]) if len(names) == 1 else sequence(map(name, names))
        self._code.append(assign(target, expression.node))

    def _is_constant(self, one: Statement | None) -> bool:
        """Whether a statement is a parameter of the module, or an item of one: that is its own name, however often it is read."""
        if one is None:
            return False
        if one.target == "operator.getitem":
            return self._is_constant(self._makers.get(one.reads[0]))
        return isinstance(one.target, tuple) and isinstance(self._body.members[one.target], Weight)

    # -- names ----------------------------------------------------------------------------------------------------

    def _bind(self, value: int, text: str) -> str:
        self._names[value] = text
        self._alive[text] += self._left[value] > 0
        return text

    def _spend(self, values: Iterable[int]) -> None:
        for value in values:
            self._left[value] -= 1
            if self._left[value] == 0 and value in self._names:
                self._alive[self._names[value]] -= 1

    def _name(self, value: int, one: Statement) -> str:
        """A name for a value: that of an operand that nothing else needs, its module's, or `out`."""
        if self._total[value] == 0:
            return self._bind(value, "_")
        hint = one.hint.replace("-", "_")
        usable = len(one.results) == 1 and len(hint) <= _LONGEST_HINT and is_attribute(hint)
        return self._bind(value, self._reusable(one) or self._free.take(hint if usable else "out"))

    def _reusable(self, one: Statement) -> str | None:
        """The name of an operand that is read here for the first and last time."""
        sources = self._sources(one)
        alone = {self._names[value] for value in sources if self._total[value] == 1}
        free = (self._names[value] for value in sources if self._left[value] <= 0)
        return next((text for text in free if text in alone and not self._alive[text]), None)

    def _several(self, one: Statement) -> list[str]:
        """The names of operands that nothing else needs, for several results at once, if there are enough of them."""
        free = [text for text in map(self._names.__getitem__, self._sources(one)) if not self._alive[text]]
        names = self._round(one, free) or list(dict.fromkeys(free))[-len(one.results) :]
        if len(names) < len(one.results) or any(self._total[value] == 0 for value in one.results):
            return []
        return [self._bind(*pair) for pair in zip(one.results, names, strict=True)]

    def _round(self, one: Statement, free: list[str]) -> list[str]:
        """For the results of a call that are arguments of the next such call: the names of those arguments in this one."""
        again = self._again.get(one)
        names = self._rounds.get(one.target, [])
        if again is not None and all(Ref(value) in again.args for value in one.results):
            own = [one.args[again.args.index(Ref(value))] for value in one.results]
            names = [self._names.get(arg.value, "") for arg in own if isinstance(arg, Ref)]
        if len(set(names)) < len(one.results) or not set(names) <= set(free):
            return []
        self._rounds[one.target] = names
        return names

    def _sources(self, one: Statement) -> list[int]:
        """The named values that a statement and what is folded into it read."""
        found: list[int] = []
        for value in one.reads:
            found += [value] if value in self._names else self._sources(self._makers[value])
        return found

    # -- expressions ----------------------------------------------------------------------------------------------

    def _value(self, value: int) -> Expression:
        if value in self._folded:
            return self._folded[value]
        text = self._names[value]
        return Expression(name(text), untyped=text in self._untyped)

    def _expression(self, one: Statement) -> Expression:
        operands = [self._value(value) for value in one.reads]
        node = self._called(one)
        calls, weighted = sum(x.calls for x in operands), sum(x.weighted for x in operands)
        untyped = any(x.untyped for x in operands)
        if isinstance(one.target, tuple):
            if self._is_constant(one):
                return Expression(node)
            if one.target == (self._optional,):
                return Expression(node, 1, untyped=True)
            return Expression(node, calls + 1, weighted + one.weighted, untyped=True)
        typed = one.target not in _SYMBOLS and one.target != "operator.getitem" and not one.target.startswith(".")
        return Expression(node, calls, weighted, untyped and not typed)

    def _called(self, one: Statement) -> ast.expr:
        args = [self._tree(arg, listed=one.target == "torch.split") for arg in one.args]
        keywords = {word: self._tree(value) for word, value in one.keywords}
        if isinstance(one.target, tuple):
            access = self._access(one.target)
            if self._is_constant(one):
                return access
            called = invoke(access, args, keywords)
            is_none = compare(access, ast.Is(), ast.Constant(None))
            return either(is_none, args[0], called) if one.target == (self._optional,) else called
        if one.target == "operator.getitem":
            return item(*args)
        if one.target in _SYMBOLS and len(args) == 2 and not keywords:
            return binary(args[0], _SYMBOLS[one.target](), args[1])
        if one.target.startswith("."):
            return invoke(attribute(args[0], one.target[1:]), args[1:], keywords)
        return invoke(one.target.replace("torch.nn.functional.", "F."), args, keywords)

    def _tree(self, tree: object, *, listed: bool = False) -> ast.expr:
        match tree:
            case Ref(value):
                return self._value(value).node
            case Size(value):
                return item(attribute(self._value(value).node, "shape"), literal(0))
            case tuple():
                is_list = listed or any(isinstance(part, Ref) for part in tree)
                return sequence(map(self._tree, tree), ast.List if is_list else ast.Tuple)
            case ast.expr():
                return tree
        return literal(tree)


def _reads(items: Iterable[Item], statements: Sequence[Statement]) -> Iterator[int]:
    """All values that are read, as often as they are; a branch reads the value that it is made like."""
    for each in items:
        if isinstance(each, Branch):
            yield from _reads(each.items, statements)
            yield from statements[each.drop].reads
            yield each.like  # type: ignore[misc]
        else:
            yield from statements[each].reads


def _next_calls(statements: Sequence[Statement]) -> dict[Statement, Statement]:
    """For a call of several results the next call of the same target."""
    found: dict[Statement, Statement] = {}
    following: dict[str | Path, Statement] = {}
    for one in reversed(statements):
        if len(one.results) > 1:
            if one.target in following:
                found[one] = following[one.target]
            following[one.target] = one
    return found


def _declare(statements: list[ast.stmt], text: str) -> bool:
    """Says that a name stands for a tensor, where it first gets a value, or before it gets one among others."""
    for at, node in enumerate(statements):
        match node:
            case ast.Assign([ast.Name(target)], value) if target == text:
                statements[at] = ast.AnnAssign(ast.Name(text, ast.Store()), name("Tensor"), value, simple=1)
                return True
            case ast.Assign([ast.Tuple(targets)]) if text in [code(each) for each in targets]:
                statements.insert(at, ast.AnnAssign(ast.Name(text, ast.Store()), name("Tensor"), None, simple=1))
                return True
            case ast.If() if _declare(node.body, text) or _declare(node.orelse, text):
                return True
    return False
