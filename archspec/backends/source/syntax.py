"""Python's syntax nodes, made in a few words."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from typing import Any


def name(text: str) -> ast.expr:
    """A name or a dotted name: `x`, `nn.Conv2d`."""
    head, *rest = text.split(".")
    return attribute(ast.Name(head, ast.Load()), *rest)


def parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def attribute(owner: ast.expr, *names: str) -> ast.expr:
    for text in names:
        owner = ast.Attribute(owner, text, ast.Load())
    return owner


def own(text: str) -> ast.expr:
    """An attribute of `self`."""
    return attribute(name("self"), text)


def call(function: str | ast.expr, *args: ast.expr, **keywords: ast.expr) -> ast.Call:
    return invoke(function, args, keywords)


def invoke(
    function: str | ast.expr, args: Iterable[ast.expr] = (), keywords: Mapping[str, ast.expr] | None = None
) -> ast.Call:
    target = name(function) if isinstance(function, str) else function
    return ast.Call(target, list(args), [ast.keyword(*pair) for pair in (keywords or {}).items()])


def item(owner: ast.expr, index: ast.expr) -> ast.expr:
    return ast.Subscript(owner, index, ast.Load())


def sequence(items: Iterable[ast.expr], kind: type[ast.List | ast.Tuple] = ast.Tuple) -> ast.expr:
    return kind(list(items), ast.Load())


def binary(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, operator, right)


def either(condition: ast.expr, when_true: ast.expr, when_false: ast.expr) -> ast.expr:
    return ast.IfExp(condition, when_true, when_false)


def compare(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [operator], [right])


def literal(value: Any) -> ast.expr:
    """A number, a string, None or a tuple of these; negative and infinite numbers as Python's grammar has them."""
    if isinstance(value, tuple):
        return sequence(map(literal, value))
    if isinstance(value, float) and not math.isfinite(value):
        return call("float", ast.Constant(str(value)))
    if isinstance(value, int | float) and repr(value).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def is_literal(node: ast.expr, value: object) -> bool:
    """Whether a node is that value, type and sign included."""
    return ast.dump(node) == ast.dump(literal(value))


def assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([stored(target)], value, lineno=0)


def stored(target: ast.expr) -> ast.expr:
    """A target of an assignment."""
    match target:
        case ast.Name(text):
            return ast.Name(text, ast.Store())
        case ast.Attribute(owner, text):
            return ast.Attribute(owner, text, ast.Store())
        case ast.Subscript(owner, index):
            return ast.Subscript(owner, index, ast.Store())
        case ast.Tuple(items):
            return ast.Tuple([stored(each) for each in items], ast.Store())
    raise TypeError(f"{ast.dump(target)} cannot be assigned to")


def function(
    text: str, arguments: Iterable[ast.arg], body: list[ast.stmt], returns: ast.expr, defaults: Iterable[ast.expr] = ()
) -> ast.FunctionDef:
    signature = ast.arguments([], [ast.arg("self"), *arguments], None, [], [], None, list(defaults))
    return ast.FunctionDef(text, signature, body, [], returns, lineno=0)


def class_of(text: str, base: str, body: list[ast.stmt]) -> ast.ClassDef:
    return ast.ClassDef(text, [name(base)], [], body, [])
