"""Formats syntax trees as `ruff format` and black do.

`ast.unparse` writes expressions, but does not break lines, and writes quotes and tuples in another way.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

WIDTH = 88  # the formatters' default line width
_STEP = 4
_SIGNS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.BitOr: "|"}
_LOOSENESS: dict[type[ast.AST], int] = {ast.Mult: 1, ast.Div: 1, ast.MatMult: 1, ast.Add: 2, ast.BitOr: 3}
_AND, _CONDITION = 4, 5
_AROUND: dict[type[ast.AST], tuple[str, str]] = {ast.List: ("[", "]"), ast.Set: ("{", "}"), ast.Tuple: ("(", ")")}


def format_expression(node: ast.expr) -> str:
    """An expression on one line, its strings in double quotes."""
    return ast.unparse(_with_literals(node))


def _with_literals(tree: Any) -> Any:
    """The tree with the text of each literal as a name, which `ast.unparse` writes unchanged."""
    match tree:
        case ast.Constant(value):
            return ast.Name(_format_constant(value))
        case ast.JoinedStr(parts):
            return ast.Name(f'f"{"".join(map(_format_part, parts))}"')
        case ast.AST():
            return type(tree)(**{field: _with_literals(getattr(tree, field, None)) for field in tree._fields})
        case list():
            return [_with_literals(part) for part in tree]
    return tree


def _format_items(items: Iterable[ast.expr]) -> str:
    return ", ".join(map(format_expression, items))


def _format_constant(value: object) -> str:
    if isinstance(value, str):
        return f'"{_escape_text(value)}"'
    if value is ...:
        return "..."
    return repr(value).replace("e+", "e") if isinstance(value, float) else repr(value)


def _escape_text(text: str, kept: str = "") -> str:
    """A text for double quotes, with unprintable characters escaped except those `kept`."""
    quotes = '"""' if kept else '"'
    quoted = text.replace("\\", "\\\\").replace(quotes, "".join(f"\\{quote}" for quote in quotes))
    return "".join(
        letter if letter.isprintable() or letter in kept else letter.encode("unicode_escape").decode()
        for letter in quoted
    )


def _format_part(part: ast.expr) -> str:
    """A part of a formatted string: text, or a value in braces."""
    if isinstance(part, ast.FormattedValue):
        return f"{{{format_expression(part.value)}}}"
    assert isinstance(part, ast.Constant), "a formatted string has texts and values"
    return _escape_text(str(part.value)).replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class _Break:
    """How an expression is broken into lines: the text around its parts, before each, and between them."""

    head: str
    parts: list[tuple[str, ast.expr]]
    tail: str
    between: str = ","
    single_line: bool = True
    """Whether all parts may share one line."""


def wrap_statement(before: str, node: ast.expr, after: str = "", indent: int = 0, *, inside: bool = False) -> list[str]:
    """A statement that ends in an expression, wrapped to `WIDTH` columns if possible.

    An expression `inside` brackets can be broken at an operator without further brackets.
    """
    pad = " " * indent
    single = f"{pad}{before}{format_expression(node)}{after}"
    if len(single) <= WIDTH:
        return [single]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
        head = f"{pad}{before}{format_expression(node.value)}["
        if len(head) > WIDTH:
            return wrap_statement(
                before, node.value, f"[{format_expression(node.slice)}]{after}", indent, inside=inside
            )
        return [head, f"{pad}{' ' * _STEP}{format_expression(node.slice)}", f"{pad}]{after}"]
    broken = _find_break(node)
    if broken is None or not broken.parts:
        return [single]
    if (broken.head, broken.tail) == ("(", ")") and inside and not isinstance(node, ast.Tuple):
        return _break_parts(broken, before, after, indent)
    inner = f"{pad}{' ' * _STEP}{f'{broken.between} '.join(prefix + format_expression(part) for prefix, part in broken.parts)}"
    comma = broken.between if len(broken.parts) > 1 or not broken.single_line else ""
    fits = broken.single_line and len(inner) <= WIDTH
    body = [inner] if fits else _break_parts(broken, "", comma, indent + _STEP)
    return [f"{pad}{before}{broken.head}", *body, f"{pad}{broken.tail}{after}"]


def _break_parts(broken: _Break, before: str, after: str, indent: int) -> list[str]:
    """The parts on lines of their own."""
    broken_lines: list[str] = []
    for index, (prefix, part) in enumerate(broken.parts):
        last = index == len(broken.parts) - 1
        broken_lines += wrap_statement(before + prefix, part, after if last else broken.between, indent, inside=True)
        before = ""
    return broken_lines


def _find_break(node: ast.expr) -> _Break | None:
    match node:
        case ast.Call(function, args, keywords):
            parts = [("", arg) for arg in args] + [(f"{each.arg}=", each.value) for each in keywords]
            return _Break(f"{format_expression(function)}(", parts, ")")
        case ast.List(items) | ast.Set(items) | ast.Tuple(items):
            head, tail = _AROUND[type(node)]
            return _Break(head, [("", each) for each in items], tail, single_line=False)
        case ast.Compare(left, [ast.In()], [ast.Set(items)]):
            return _Break(f"{format_expression(left)} in {{", [("", each) for each in items], "}", single_line=False)
        case ast.BoolOp(ast.And(), [left, last]) if (broken := _find_break(last)) is not None and broken.head != "(":
            return replace(broken, head=f"{format_expression(left)} and {broken.head}")
        case ast.BoolOp(ast.And(), [left, *others] as operands) if all(_looseness(each) < _AND for each in operands):
            return _Break("(", [("", left), *(("and ", each) for each in others)], ")", "")
        case ast.BinOp(left, operator, right):
            return _break_operator(left, operator, right)
        case ast.IfExp(condition, when_true, when_false) if max(map(_looseness, (condition, when_true))) < _CONDITION:
            return _Break("(", [("", when_true), ("if ", condition), ("else ", when_false)], ")", "")
    return None


def _looseness(node: ast.expr) -> int:
    """The looseness of an expression's operator; an operand that is looser than its operator needs parentheses."""
    match node:
        case ast.BinOp(_, operator, _):
            return _LOOSENESS[type(operator)]
        case ast.BoolOp():
            return _AND
        case ast.IfExp():
            return _CONDITION
    return 0


def _break_operator(left: ast.expr, operator: ast.operator, right: ast.expr) -> _Break | None:
    """Breaks at an operator; a left operand in parentheses, as in `(a + b) / 2`, is broken inside these."""
    sign, looseness = _SIGNS[type(operator)], _LOOSENESS[type(operator)]
    if _looseness(right) >= looseness:
        return None
    if _looseness(left) > looseness:
        return _Break("(", [("", left)], f") {sign} {format_expression(right)}", "")
    return _Break("(", [("", left), (f"{sign} ", right)], ")", "")


def format_statement(node: ast.stmt, indent: int = 0) -> list[str]:
    """The lines of a statement."""
    pad = " " * indent
    match node:
        case ast.For(target, source, body):
            return [
                *wrap_statement(f"for {_format_target(target)} in ", source, ":", indent),
                *_format_block(body, indent),
            ]
        case ast.If():
            return list(_format_if(node, "if", indent))
        case ast.FunctionDef():
            return [*_format_signature(node, indent), *_format_block(node.body, indent)]
        case ast.ClassDef(text, bases, _, body):
            methods = ["\n".join(format_statement(each, indent + _STEP)) for each in body]
            head = wrap_statement("class ", ast.Call(ast.Name(text), bases, []), ":", indent)
            return [*head, "\n\n".join(methods)]
        case ast.Return(ast.Tuple(items)) if len(pad + f"return {_format_items(items)}") <= WIDTH:
            return [f"{pad}return {_format_items(items)}"]
        case ast.Return(ast.expr() as value):
            return wrap_statement("return ", value, indent=indent)
    return _format_simple(node, pad)


def _format_simple(node: ast.stmt, pad: str) -> list[str]:
    match node:
        case ast.Expr(ast.Constant(str(text))):
            return [pad + '"""' + _escape_text(text, "\n") + '"""']
        case ast.Expr(value):
            return wrap_statement("", value, indent=len(pad))
        case ast.Assign([target], value):
            assigned = wrap_statement(f"{_format_target(target)} = ", value, indent=len(pad))
            if isinstance(target, ast.Tuple) and len(assigned[0]) > WIDTH and len(assigned) > 1:
                inner = wrap_statement("", value, indent=len(pad) + _STEP, inside=True)
                return [f"{pad}{_format_target(target)} = (", *inner, f"{pad})"]
            return assigned
        case ast.AnnAssign(target, annotation, None):
            return [f"{pad}{format_expression(target)}: {format_expression(annotation)}"]
        case ast.AnnAssign(target, annotation, ast.expr() as value):
            return wrap_statement(
                f"{format_expression(target)}: {format_expression(annotation)} = ", value, indent=len(pad)
            )
        case ast.Pass():
            comment = getattr(node, "comment", None)
            return [f"{pad}pass  # {comment}" if comment else f"{pad}pass"]
        case ast.Import([ast.alias(text, other)]):
            return [f"{pad}import {text}{f' as {other}' if other else ''}"]
        case ast.ImportFrom(module, aliases):
            return [f"{pad}from {module} import {', '.join(each.name for each in aliases)}"]
    raise TypeError(f"{type(node).__name__} is not written")


def _format_target(target: ast.expr) -> str:
    """A target without parentheses around several."""
    return _format_items(target.elts) if isinstance(target, ast.Tuple) else format_expression(target)


def _format_block(body: list[ast.stmt], indent: int) -> Iterator[str]:
    for each in body:
        yield from format_statement(each, indent + _STEP)


def _format_if(node: ast.If, word: str, indent: int) -> Iterator[str]:
    yield from wrap_statement(f"{word} ", node.test, ":", indent)
    yield from _format_block(node.body, indent)
    match node.orelse:
        case []:
            return
        case [ast.If() as other]:
            yield from _format_if(other, "elif", indent)
        case body:
            yield f"{' ' * indent}else:"
            yield from _format_block(body, indent)


def _format_signature(node: ast.FunctionDef, indent: int) -> list[str]:
    """The signature of a function, with its arguments wrapped as those of a call."""
    first = len(node.args.args) - len(node.args.defaults)
    parts = [
        ast.Name(each.arg + (f": {format_expression(each.annotation)}" if each.annotation else ""))
        for each in node.args.args
    ]
    for part, default in zip(parts[first:], node.args.defaults, strict=True):
        part.id += f" = {format_expression(default)}"
    returns = f" -> {format_expression(node.returns)}:" if node.returns else ":"
    return wrap_statement("def ", ast.Call(ast.Name(node.name), list(parts), []), returns, indent)
