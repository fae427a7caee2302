"""Syntax as people format it: on one line, or in brackets over several; as `ruff format` and black lay it out.

`ast.unparse` never breaks a line, and what it writes is not the same in each version of Python.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

WIDTH = 88  # the width of a line that formatters take by themselves
_STEP = 4
_ATOM = 9
_LEVELS: dict[type[ast.AST], int] = {
    ast.IfExp: 1,
    ast.BoolOp: 2,
    ast.Compare: 3,
    ast.BitOr: 4,
    ast.Add: 5,
    ast.Sub: 5,
    ast.Mult: 6,
    ast.Div: 6,
    ast.FloorDiv: 6,
    ast.MatMult: 6,
    ast.UnaryOp: 7,
}
"""How tightly operators bind, the loosest first."""
_SIGNS: dict[type[ast.AST], str] = {
    ast.BitOr: "|",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.MatMult: "@",
    ast.Eq: "==",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
}

_AROUND: dict[type[ast.AST], tuple[str, str]] = {ast.List: ("[", "]"), ast.Set: ("{", "}"), ast.Tuple: ("(", ")")}


def code(node: ast.expr, level: int = 0) -> str:
    """An expression on one line, in parentheses where it binds less tightly than `level`."""
    own = _LEVELS.get(type(node.op if isinstance(node, ast.BinOp) else node), _ATOM)
    text = _plain(node, own)
    return f"({text})" if own < level else text


def _plain(node: ast.expr, own: int) -> str:
    match node:
        case ast.Name(text):
            return text
        case ast.Constant(value):
            return _constant(value)
        case ast.Attribute(owner, text):
            return f"{code(owner, _ATOM)}.{text}"
        case ast.Subscript(owner, ast.Tuple(items)):
            return f"{code(owner, _ATOM)}[{_listed(items)}]"
        case ast.Subscript(owner, index):
            return f"{code(owner, _ATOM)}[{code(index)}]"
        case ast.Call(function, args, keywords):
            return f"{code(function, _ATOM)}({', '.join([*map(code, args), *map(_keyword, keywords)])})"
        case ast.Tuple(items) | ast.List(items) | ast.Set(items):
            head, tail = _AROUND[type(node)]
            return f"{head}{_listed(items)}{',' if head == '(' and len(items) == 1 else ''}{tail}"
        case ast.JoinedStr(parts):
            return f'f"{"".join(map(_part, parts))}"'
    return _operation(node, own)


def _operation(node: ast.expr, own: int) -> str:
    match node:
        case ast.UnaryOp(ast.USub(), operand):
            return f"-{code(operand, own)}"
        case ast.BinOp(left, operator, right):
            return f"{code(left, own)} {_SIGNS[type(operator)]} {code(right, own + 1)}"
        case ast.Compare(left, [operator], [right]):
            return f"{code(left, own + 1)} {_SIGNS[type(operator)]} {code(right, own + 1)}"
        case ast.BoolOp(ast.And(), values):
            return " and ".join(code(each, own + 1) for each in values)
        case ast.IfExp(condition, when_true, when_false):
            return f"{code(when_true, own + 1)} if {code(condition, own + 1)} else {code(when_false, own)}"
    raise TypeError(f"{type(node).__name__} is not written")


def _listed(items: Iterable[ast.expr]) -> str:
    return ", ".join(map(code, items))


def _keyword(keyword: ast.keyword) -> str:
    return f"{keyword.arg}={code(keyword.value)}"


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
    found: list[str] = []
    for at, (prefix, part) in enumerate(broken.parts):
        last = at == len(broken.parts) - 1
        found += lines(before + prefix, part, after if last else broken.between, indent, inside=True)
        before = ""
    return found


def _break(node: ast.expr) -> _Break | None:
    match node:
        case ast.Call(function, args, keywords):
            parts = [("", arg) for arg in args] + [(f"{each.arg}=", each.value) for each in keywords]
            return _Break(f"{code(function, _ATOM)}(", parts, ")")
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
            found = lines(f"{_bare(target)} = ", value, indent=len(pad))
            if isinstance(target, ast.Tuple) and len(found[0]) > WIDTH and len(found) > 1:
                inner = lines("", value, indent=len(pad) + _STEP, inside=True)
                return [f"{pad}{_bare(target)} = (", *inner, f"{pad})"]
            return found
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
