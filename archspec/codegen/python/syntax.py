"""Constructors for Python's syntax nodes."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from typing import Any


def make_name(text: str) -> ast.expr:
    """A name or a dotted name: `x`, `nn.Conv2d`."""
    head, *rest = text.split(".")
    return make_attribute(ast.Name(head, ast.Load()), *rest)


def parse_expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def make_attribute(owner: ast.expr, *names: str) -> ast.expr:
    for text in names:
        owner = ast.Attribute(owner, text, ast.Load())
    return owner


def self_attribute(text: str) -> ast.expr:
    """An attribute of `self`."""
    return make_attribute(make_name("self"), text)


def make_call(function: str | ast.expr, *args: ast.expr, **keywords: ast.expr) -> ast.Call:
    return make_call_from(function, args, keywords)


def make_call_from(
    function: str | ast.expr, args: Iterable[ast.expr] = (), keywords: Mapping[str, ast.expr] | None = None
) -> ast.Call:
    target = make_name(function) if isinstance(function, str) else function
    return ast.Call(target, list(args), [ast.keyword(*pair) for pair in (keywords or {}).items()])


def make_subscript(owner: ast.expr, index: ast.expr) -> ast.expr:
    return ast.Subscript(owner, index, ast.Load())


def make_sequence(items: Iterable[ast.expr], kind: type[ast.List | ast.Tuple] = ast.Tuple) -> ast.expr:
    return kind(list(items), ast.Load())


def make_comparison(left: ast.expr, operator: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [operator], [right])


def make_literal(value: Any) -> ast.expr:
    """A literal for a number, a string, None or a tuple of these; negative and infinite numbers as valid expressions."""
    if isinstance(value, tuple):
        return make_sequence(map(make_literal, value))
    if isinstance(value, float) and not math.isfinite(value):
        return make_call("float", ast.Constant(str(value)))
    if isinstance(value, int | float) and repr(value).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def is_literal(node: ast.expr, value: object) -> bool:
    """Whether a node is that value, type and sign included."""
    return ast.dump(node) == ast.dump(make_literal(value))


def make_assignment(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([make_target(target)], value, lineno=0)


def make_target(target: ast.expr) -> ast.expr:
    """A target of an assignment."""
    match target:
        case ast.Name(text):
            return ast.Name(text, ast.Store())
        case ast.Attribute(owner, text):
            return ast.Attribute(owner, text, ast.Store())
        case ast.Subscript(owner, index):
            return ast.Subscript(owner, index, ast.Store())
        case ast.Tuple(items):
            return ast.Tuple([make_target(each) for each in items], ast.Store())
    raise TypeError(f"{ast.dump(target)} cannot be assigned to")


def make_function(
    text: str, arguments: Iterable[ast.arg], body: list[ast.stmt], returns: ast.expr, defaults: Iterable[ast.expr] = ()
) -> ast.FunctionDef:
    signature = ast.arguments([], [ast.arg("self"), *arguments], None, [], [], None, list(defaults))
    return ast.FunctionDef(text, signature, body, [], returns, lineno=0)


def make_class(text: str, base: str, body: list[ast.stmt]) -> ast.ClassDef:
    return ast.ClassDef(text, [make_name(base)], [], body, [])
