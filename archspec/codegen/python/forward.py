"""Writes the statements of a class's `forward`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archspec.codegen.branches import Branch, Item, Operation, Role, arrange_branches
from archspec.codegen.lowering import DROP_PATH
from archspec.codegen.python.formatter import WIDTH, format_expression
from archspec.codegen.python.model import (
    BatchSize,
    ClassBody,
    Constructor,
    Path,
    Statement,
    ValueArgument,
    is_tensor,
)
from archspec.codegen.python.syntax import (
    make_assignment,
    make_attribute,
    make_call,
    make_call_from,
    make_comparison,
    make_literal,
    make_name,
    make_sequence,
    make_subscript,
)
from archspec.codegen.python.variables import Variables

_SYMBOLS: Mapping[str, type[ast.operator]] = {
    "torch.add": ast.Add,
    "torch.mul": ast.Mult,
    "torch.div": ast.Div,
    "torch.matmul": ast.MatMult,
}
_NESTED = 3  # the most modules in one expression


@dataclass(frozen=True)
class CodeExpression:
    """An expression for a value, with the number of modules that it calls, of those with weights, and whether its type is unknown."""

    node: ast.expr
    calls: int = 0
    weighted: int = 0
    untyped: bool = False


class ForwardWriter:
    """Writes the statements of one body; `access` gives the expression of a member, `names` are the arguments."""

    def __init__(
        self,
        body: ClassBody,
        statements: Sequence[Statement],
        access: Callable[[Path], ast.expr],
        optional: str | None,
        names: Sequence[str],
    ) -> None:
        self._body, self._access, self._optional = body, access, optional
        self._statements = statements
        self._items = arrange_branches([self._operation(statement) for statement in statements], body.outputs)
        given = dict(zip(body.inputs, names, strict=True))
        self._variables = Variables(given, statements, (*_iter_reads(self._items, statements), *body.outputs))
        self._arguments = frozenset(names)
        self._folded: dict[int, CodeExpression] = {}
        self._untyped: set[str] = set()
        """The names, except arguments, of values without a static type."""
        self._code: list[ast.stmt] = []

    def write(self) -> list[ast.stmt]:
        """The body of the function, including `return`."""
        self._write(self._items)
        outputs = self._body.outputs
        if len(outputs) == 1 and outputs[0] in self._folded and self._folded[outputs[0]].untyped:
            self._unfold(outputs)
        returned = [self._value(value).node for value in outputs]
        if len(returned) > 1:
            return [*self._code, ast.Return(make_sequence(returned))]
        if isinstance(returned[0], ast.Name) and returned[0].id in self._untyped:
            _declare_tensor(self._code, returned[0].id)
        return [*self._code, ast.Return(returned[0])]

    # -- statements -----------------------------------------------------------------------------------------------

    def _operation(self, statement: Statement) -> Operation:
        make = self._body.members.get(statement.target) if isinstance(statement.target, tuple) else None
        role: Role = "other"
        if make is not None and is_tensor(make):
            role = "constant"
        elif isinstance(make, Constructor) and make.target == DROP_PATH and ("mode", "batch") in make.options:
            role = "drop"
        elif (
            statement.target == "torch.add"
            and statement.aligned
            and len(set(statement.reads)) == len(statement.args) == 2
        ):
            role = "sum"
        return Operation(statement.reads, statement.results, role)

    def _write(self, items: Sequence[Item]) -> None:
        for index, each in enumerate(items):
            if isinstance(each, Branch):
                self._branch(each)
            else:
                self._statement(each, items[index + 1] if index + 1 < len(items) else None)

    def _branch(self, branch: Branch) -> None:
        """Writes a residual branch, which is computed if its drop path keeps it."""
        drop = self._statements[branch.drop]
        assert isinstance(drop.target, tuple) and isinstance(branch.like, int), "a module, called on a value"
        (operand,), (result,) = drop.reads, drop.results
        path, like = self._access(drop.target), self._value(branch.like).node
        kept = self._variables.free.take("kept")
        self._code.append(make_assignment(make_name(kept), make_call(make_attribute(path, "draw"), like)))
        around, self._code = self._code, []
        self._write(branch.items)
        if operand in self._folded:
            self._assign(
                [self._variables.bind(operand, self._variables.free.take("branch"))], self._folded.pop(operand)
            )
        text = self._variables.names[operand]
        zeros = make_assignment(make_name(text), make_call("torch.zeros_like", like))
        around.append(ast.If(make_comparison(make_name(kept), ast.Is(), ast.Constant(False)), [zeros], self._code))
        self._code = around
        self._variables.spend([operand, branch.like])
        self._assign(
            [self._variables.bind(result, text)],
            CodeExpression(make_call(path, make_name(text), make_name(kept)), untyped=True),
        )

    def _statement(self, number: int, following: Item | None) -> None:
        statement = self._statements[number]
        expression = self._expression(statement)
        if self._is_constant(statement):
            self._folded[statement.results[0]] = expression
            return
        long = (
            expression.calls > _NESTED
            or expression.weighted > 1
            or len(format_expression(expression.node)) > WIDTH - 20
        )
        if long and statement.target != "operator.getitem":  # the operand is a tuple and no tensor
            self._unfold(statement.reads)
            expression = self._expression(statement)
        for value in statement.reads:
            if not self._is_constant(self._variables.producers.get(value)):
                self._folded.pop(value, None)
        self._variables.spend(statement.reads)
        if self._folds(statement, following):
            self._folded[statement.results[0]] = expression
            return
        self._assign(self._variables.name(statement), expression)

    def _folds(self, statement: Statement, following: Item | None) -> bool:
        """Whether the value has one use, in the next statement, and so needs no name."""
        if len(statement.results) != 1 or self._variables.left[statement.results[0]] != 1:
            return False
        if not isinstance(following, int):
            return following is None and statement.results == self._body.outputs
        after = self._statements[following]
        return statement.results[0] in after.reads and after.target != (self._optional,)

    def _unfold(self, values: Iterable[int]) -> None:
        """Names values that were folded into a statement."""
        for value in dict.fromkeys(values):
            if value in self._folded and not self._is_constant(self._variables.producers[value]):
                expression = self._folded.pop(value)
                self._assign(self._variables.name(self._variables.producers[value]), expression)

    def _assign(self, names: list[str], expression: CodeExpression) -> None:
        if expression.untyped:
            self._untyped.update(set(names) - self._arguments)
        target = make_name(names[0]) if len(names) == 1 else make_sequence(map(make_name, names))
        self._code.append(make_assignment(target, expression.node))

    def _is_constant(self, statement: Statement | None) -> bool:
        """Whether a statement reads a parameter of the module, or an item of one, which needs no variable."""
        if statement is None:
            return False
        if statement.target == "operator.getitem":
            return self._is_constant(self._variables.producers.get(statement.reads[0]))
        return isinstance(statement.target, tuple) and is_tensor(self._body.members[statement.target])

    # -- expressions ----------------------------------------------------------------------------------------------

    def _value(self, value: int) -> CodeExpression:
        if value in self._folded:
            return self._folded[value]
        text = self._variables.names[value]
        return CodeExpression(make_name(text), untyped=text in self._untyped)

    def _expression(self, statement: Statement) -> CodeExpression:
        operands = [self._value(value) for value in statement.reads]
        node = self._called(statement)
        calls, weighted = sum(x.calls for x in operands), sum(x.weighted for x in operands)
        untyped = any(x.untyped for x in operands)
        if isinstance(statement.target, tuple):
            if self._is_constant(statement):
                return CodeExpression(node)
            if statement.target == (self._optional,):
                return CodeExpression(node, 1, untyped=True)
            return CodeExpression(node, calls + 1, weighted + statement.weighted, untyped=True)
        typed = (
            statement.target not in _SYMBOLS
            and statement.target != "operator.getitem"
            and not statement.target.startswith(".")
        )
        return CodeExpression(node, calls, weighted, untyped and not typed)

    def _called(self, statement: Statement) -> ast.expr:
        args = [self._tree(arg, listed=statement.target == "torch.split") for arg in statement.args]
        keywords = {word: self._tree(value) for word, value in statement.keywords}
        if isinstance(statement.target, tuple):
            access = self._access(statement.target)
            if self._is_constant(statement):
                return access
            called = make_call_from(access, args, keywords)
            is_none = make_comparison(access, ast.Is(), ast.Constant(None))
            return ast.IfExp(is_none, args[0], called) if statement.target == (self._optional,) else called
        if statement.target == "operator.getitem":
            return make_subscript(*args)
        if statement.target in _SYMBOLS and len(args) == 2 and not keywords:
            return ast.BinOp(args[0], _SYMBOLS[statement.target](), args[1])
        if statement.target.startswith("."):
            return make_call_from(make_attribute(args[0], statement.target[1:]), args[1:], keywords)
        return make_call_from(statement.target.replace("torch.nn.functional.", "F."), args, keywords)

    def _tree(self, tree: object, *, listed: bool = False) -> ast.expr:
        match tree:
            case ValueArgument(value):
                return self._value(value).node
            case BatchSize(value):
                return make_subscript(make_attribute(self._value(value).node, "shape"), make_literal(0))
            case tuple():
                is_list = listed or any(isinstance(part, ValueArgument) for part in tree)
                return make_sequence(map(self._tree, tree), ast.List if is_list else ast.Tuple)
            case ast.expr():
                return tree
        return make_literal(tree)


def _iter_reads(items: Iterable[Item], statements: Sequence[Statement]) -> Iterator[int]:
    """Yields each value once for each read; a branch also reads its `like`."""
    for each in items:
        if isinstance(each, Branch):
            yield from _iter_reads(each.items, statements)
            yield from statements[each.drop].reads
            yield each.like  # type: ignore[misc]
        else:
            yield from statements[each].reads


def _declare_tensor(statements: list[ast.stmt], text: str) -> bool:
    """Annotates a name as a tensor at its first assignment, or before an assignment to several names."""
    for index, node in enumerate(statements):
        match node:
            case ast.Assign([ast.Name(target)], value) if target == text:
                statements[index] = ast.AnnAssign(ast.Name(text, ast.Store()), make_name("Tensor"), value, simple=1)
                return True
            case ast.Assign([ast.Tuple(targets)]) if text in [format_expression(each) for each in targets]:
                statements.insert(
                    index, ast.AnnAssign(ast.Name(text, ast.Store()), make_name("Tensor"), None, simple=1)
                )
                return True
            case ast.If() if _declare_tensor(node.body, text) or _declare_tensor(node.orelse, text):
                return True
    return False
