"""Syntax as people format it: on one line, or in brackets over several; as `ruff format` and black lay it out.

`ast.unparse` writes expressions; it never breaks a line, and quotes and tuples are not as formatters have them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

WIDTH = 88  # the width of a line that formatters take by themselves
_STEP = 4
_SIGNS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.BitOr: "|"}
_AROUND: dict[type[ast.AST], tuple[str, str]] = {ast.List: ("[", "]"), ast.Set: ("{", "}"), ast.Tuple: ("(", ")")}


def code(node: ast.expr) -> str:
    """An expression on one line, its strings in double quotes."""
    return ast.unparse(_with_literals(node))


def _with_literals(tree: Any) -> Any:
    """The tree with the text of each literal as a name: `ast.unparse` writes names as they are."""
    match tree:
        case ast.Constant(value):
            return ast.Name(_constant(value))
        case ast.JoinedStr(parts):
            return ast.Name(f'f"{"".join(map(_part, parts))}"')
        case ast.AST():
            return type(tree)(**{field: _with_literals(getattr(tree, field, None)) for field in tree._fields})
        case list():
            return [_with_literals(part) for part in tree]
    return tree


def _listed(items: Iterable[ast.expr]) -> str:
    return ", ".join(map(code, items))


def _constant(value: object) -> str:
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if value is ...:
        return "..."
    return repr(value).replace("e+", "e") if isinstance(value, float) else repr(value)


def _escaped(text: str, kept: str = "") -> str:
    """Text inside double quotes: what cannot be printed as an escape, but for what is `kept`."""
    quotes = '"""' if kept else '"'
    quoted = text.replace("\\", "\\\\").replace(quotes, "".join(f"\\{quote}" for quote in quotes))
    return "".join(
        letter if letter.isprintable() or letter in kept else letter.encode("unicode_escape").decode()
        for letter in quoted
    )


def _part(part: ast.expr) -> str:
    """A part of a formatted string: text, or a value in braces."""
    if isinstance(part, ast.FormattedValue):
        return f"{{{code(part.value)}}}"
    assert isinstance(part, ast.Constant), "a formatted string has texts and values"
    return _escaped(str(part.value)).replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class _Break:
    """How an expression is broken: what stands around its parts, what before each of them, and what between them."""

    head: str
    parts: list[tuple[str, ast.expr]]
    tail: str
    between: str = ","
    single_line: bool = True
    """Whether all parts may stand on one line of their own."""


def lines(before: str, node: ast.expr, after: str = "", indent: int = 0, *, inside: bool = False) -> list[str]:
    """A statement that ends in an expression, in lines of at most `WIDTH` columns where that is possible.

    What is `inside` brackets already needs none to be broken at an operator.
    """
    pad = " " * indent
    single = f"{pad}{before}{code(node)}{after}"
    if len(single) <= WIDTH:
        return [single]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
        head = f"{pad}{before}{code(node.value)}["
        if len(head) > WIDTH:
            return lines(before, node.value, f"[{code(node.slice)}]{after}", indent, inside=inside)
        return [head, f"{pad}{' ' * _STEP}{code(node.slice)}", f"{pad}]{after}"]
    broken = _break(node)
    if broken is None or not broken.parts:
        return [single]
    if broken.head == "(" and inside and not isinstance(node, ast.Tuple):
        return _each(broken, before, after, indent)
    inner = f"{pad}{' ' * _STEP}{f'{broken.between} '.join(prefix + code(part) for prefix, part in broken.parts)}"
    comma = broken.between if len(broken.parts) > 1 or not broken.single_line else ""
    fits = broken.single_line and len(inner) <= WIDTH
    body = [inner] if fits else _each(broken, "", comma, indent + _STEP)
    return [f"{pad}{before}{broken.head}", *body, f"{pad}{broken.tail}{after}"]


def _each(broken: _Break, before: str, after: str, indent: int) -> list[str]:
    """The parts on lines of their own."""
    broken_lines: list[str] = []
    for index, (prefix, part) in enumerate(broken.parts):
        last = index == len(broken.parts) - 1
        broken_lines += lines(before + prefix, part, after if last else broken.between, indent, inside=True)
        before = ""
    return broken_lines


def _break(node: ast.expr) -> _Break | None:
    match node:
        case ast.Call(function, args, keywords):
            parts = [("", arg) for arg in args] + [(f"{each.arg}=", each.value) for each in keywords]
            return _Break(f"{code(function)}(", parts, ")")
        case ast.List(items) | ast.Set(items) | ast.Tuple(items):
            head, tail = _AROUND[type(node)]
            return _Break(head, [("", each) for each in items], tail, single_line=False)
        case ast.Compare(left, [ast.In()], [ast.Set(items)]):
            return _Break(f"{code(left)} in {{", [("", each) for each in items], "}", single_line=False)
        case ast.BoolOp(ast.And(), [left, last]) if (broken := _break(last)) is not None and broken.head != "(":
            return replace(broken, head=f"{code(left)} and {broken.head}")
        case ast.BoolOp(ast.And(), [left, *others]):
            return _Break("(", [("", left), *(("and ", each) for each in others)], ")", "")
        case ast.BinOp(left, operator, right):
            parts = [("", left), (f"{_SIGNS[type(operator)]} ", right)]
            return _Break("(", parts, ")", "")
        case ast.IfExp(condition, when_true, when_false):
            return _Break("(", [("", when_true), ("if ", condition), ("else ", when_false)], ")", "")
    return None


def statement(node: ast.stmt, indent: int = 0) -> list[str]:
    """The lines of a statement."""
    pad = " " * indent
    match node:
        case ast.For(target, source, body):
            return [*lines(f"for {_bare(target)} in ", source, ":", indent), *_block(body, indent)]
        case ast.If():
            return list(_if(node, "if", indent))
        case ast.FunctionDef():
            return [*_signature(node, indent), *_block(node.body, indent)]
        case ast.ClassDef(text, bases, _, body):
            methods = ["\n".join(statement(each, indent + _STEP)) for each in body]
            head = lines("class ", ast.Call(ast.Name(text), bases, []), ":", indent)
            return [*head, "\n\n".join(methods)]
        case ast.Return(ast.Tuple(items)) if len(pad + f"return {_listed(items)}") <= WIDTH:
            return [f"{pad}return {_listed(items)}"]
        case ast.Return(ast.expr() as value):
            return lines("return ", value, indent=indent)
    return _simple(node, pad)


def _simple(node: ast.stmt, pad: str) -> list[str]:
    match node:
        case ast.Expr(ast.Constant(str(text))):
            return [pad + '"""' + _escaped(text, "\n") + '"""']
        case ast.Expr(value):
            return lines("", value, indent=len(pad))
        case ast.Assign([target], value):
            assigned = lines(f"{_bare(target)} = ", value, indent=len(pad))
            if isinstance(target, ast.Tuple) and len(assigned[0]) > WIDTH and len(assigned) > 1:
                inner = lines("", value, indent=len(pad) + _STEP, inside=True)
                return [f"{pad}{_bare(target)} = (", *inner, f"{pad})"]
            return assigned
        case ast.AnnAssign(target, annotation, None):
            return [f"{pad}{code(target)}: {code(annotation)}"]
        case ast.AnnAssign(target, annotation, ast.expr() as value):
            return lines(f"{code(target)}: {code(annotation)} = ", value, indent=len(pad))
        case ast.Pass():
            comment = getattr(node, "comment", None)
            return [f"{pad}pass  # {comment}" if comment else f"{pad}pass"]
        case ast.Import([ast.alias(text, other)]):
            return [f"{pad}import {text}{f' as {other}' if other else ''}"]
        case ast.ImportFrom(module, aliases):
            return [f"{pad}from {module} import {', '.join(each.name for each in aliases)}"]
    raise TypeError(f"{type(node).__name__} is not written")


def _bare(target: ast.expr) -> str:
    """A target without parentheses around several."""
    return _listed(target.elts) if isinstance(target, ast.Tuple) else code(target)


def _block(body: list[ast.stmt], indent: int) -> Iterator[str]:
    for each in body:
        yield from statement(each, indent + _STEP)


def _if(node: ast.If, word: str, indent: int) -> Iterator[str]:
    yield from lines(f"{word} ", node.test, ":", indent)
    yield from _block(node.body, indent)
    match node.orelse:
        case []:
            return
        case [ast.If() as other]:
            yield from _if(other, "elif", indent)
        case body:
            yield f"{' ' * indent}else:"
            yield from _block(body, indent)


def _signature(node: ast.FunctionDef, indent: int) -> list[str]:
    """The head of a function, its arguments laid out as those of a call."""
    first = len(node.args.args) - len(node.args.defaults)
    parts = [ast.Name(each.arg + (f": {code(each.annotation)}" if each.annotation else "")) for each in node.args.args]
    for part, default in zip(parts[first:], node.args.defaults, strict=True):
        part.id += f" = {code(default)}"
    returns = f" -> {code(node.returns)}:" if node.returns else ":"
    return lines("def ", ast.Call(ast.Name(node.name), list(parts), []), returns, indent)
