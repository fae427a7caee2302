"""Writes the initialisation of a network as code."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce

from archspec.codegen.initialisers import find_initialiser
from archspec.codegen.lowering import LoweredNode
from archspec.codegen.python.model import OwnParameter
from archspec.codegen.python.syntax import (
    make_attribute,
    make_call,
    make_call_from,
    make_comparison,
    make_function,
    make_literal,
    make_name,
    make_sequence,
    make_target,
)
from archspec.ops.initial import Init

Schemes = tuple[tuple[str, Init | float], ...]
"""The initialisation of a module's weights by name, without those that have torch's default."""

_EXACT = frozenset(["torch.nn.Linear"])
"""Types whose rule excludes subclasses: the projection of an attention is a subclass of Linear and keeps torch's initialisation."""


def format_parameter(weight: OwnParameter) -> ast.expr:
    """The expression for a parameter, with its initialisation if that is constant or normal."""
    return make_call(
        "nn.Parameter",
        _format_initial_tensor(weight.initial, [size for size in weight.sizes if isinstance(size, ast.expr)]),
    )


def _format_initial_tensor(initial: object, sizes: list[ast.expr]) -> ast.expr:
    shape = sizes or [make_sequence([])]
    if isinstance(initial, Init):
        return _init_call(initial, make_call_from("torch.empty", shape))
    if initial in (0, 1):
        return make_call_from("torch.ones" if initial else "torch.zeros", shape)
    return make_call("torch.full", make_sequence(sizes), make_literal(float(initial)))  # type: ignore[arg-type]


def _init_call(scheme: Init | float, tensor: ast.expr) -> ast.expr:
    """The call that initialises a tensor."""
    if isinstance(scheme, Init):
        text, arguments = find_initialiser(scheme)
        return make_call(f"nn.init.{text}", tensor, **{word: make_literal(value) for word, value in arguments.items()})
    if scheme in (0, 1):
        return make_call("nn.init.ones_" if scheme else "nn.init.zeros_", tensor)
    return make_call("nn.init.constant_", tensor, make_literal(float(scheme)))


def write_initialise_method(steps: Iterable[LoweredNode], text: str) -> ast.FunctionDef | None:
    """The method that initialises all modules as the spec says; None if all have torch's default."""
    by_type, lacking = _group_schemes(steps)
    attends = any(target.endswith("MultiheadAttention") for target in by_type)
    rules: dict[str, tuple[list[str], bool, list[ast.stmt]]] = {}
    for target, groups in by_type.items():
        if set(groups) == {()}:
            continue
        exact = attends and target in _EXACT
        body = _write_rule(groups, lacking[target])
        key = f"{exact} {[ast.dump(node) for node in body]}"
        name = target.rpartition(".")[2]
        rules.setdefault(key, ([], exact, body))[0].append(f"nn.{name}" if target.startswith("torch.nn.") else name)
    if not rules:
        return None
    ordered = sorted(
        rules.values(), key=lambda rule: not _is_nested(rule[2])
    )  # the last one can be an `if` with two conditions
    chain = reduce(_chain_else, reversed(ordered), list[ast.stmt]())
    named = any(isinstance(node, ast.Name) and node.id == "name" for rule in chain for node in ast.walk(rule))
    each = make_sequence([make_name("name"), make_name("module")]) if named else make_name("module")
    source = make_call("self.named_modules" if named else "self.modules")
    return make_function(text, [], [ast.For(make_target(each), source, chain, [], lineno=0)], ast.Constant(None))


def _group_schemes(
    steps: Iterable[LoweredNode],
) -> tuple[dict[str, dict[Schemes, dict[str, None]]], dict[str, frozenset[str]]]:
    """By torch class, the schemes of its modules with their names, and the weights that some modules lack."""
    schemes: dict[str, dict[Schemes, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    lacking: dict[str, frozenset[str]] = defaultdict(frozenset)
    for step in steps:
        target = step.lowered.stateful_target
        if target is not None and target not in ("torch.nn.Parameter", "torch.nn.Buffer"):
            if step.node.weights:
                schemes[target][_find_custom_schemes(step, target)][".".join(step.path)] = None
            else:
                lacking[target] = frozenset(("weight", "bias"))
            if ".Conv" in target:  # torch's annotations allow a convolution without a bias
                lacking[target] |= {"bias"}
    return schemes, lacking


def _find_custom_schemes(step: LoweredNode, target: str) -> Schemes:
    usual = {"weight": 1.0, "bias": 0.0} if "Norm" in target else {}
    usual |= {"weight": 0.25} if target.endswith("PReLU") else {}
    initial = dict(step.node.op.initial())
    if step.lowered.stateful_call is not None and step.lowered.stateful_call.parametrization is not None:
        initial.pop("weight", None)  # it is initialised where it is constructed
    return tuple((word, scheme) for word, scheme in initial.items() if usual.get(word) != scheme)


def _chain_else(others: list[ast.stmt], rule: tuple[list[str], bool, list[ast.stmt]]) -> list[ast.stmt]:
    """A rule for modules of some types, followed by those for the others."""
    types, exact, body = rule
    if exact:
        test = make_comparison(make_call("type", make_name("module")), ast.Is(), make_name(types[0]))
    else:
        union = reduce(lambda left, right: ast.BinOp(left, ast.BitOr(), right), map(make_name, types))
        test = make_call("isinstance", make_name("module"), union)
    return [_when(test, body, others)]


def _is_nested(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse


def _when(test: ast.expr, body: list[ast.stmt], others: list[ast.stmt]) -> ast.stmt:
    """An `if` statement; two directly nested ones are merged into one with both conditions."""
    (first, *_) = body
    if others or not _is_nested(body) or not isinstance(first, ast.If):
        return ast.If(test, body, others)
    values = first.test.values if isinstance(first.test, ast.BoolOp) else [first.test]
    return ast.If(ast.BoolOp(ast.And(), [test, *values]), first.body, [])


def _write_rule(groups: Mapping[Schemes, Mapping[str, None]], lacking: frozenset[str]) -> list[ast.stmt]:
    """The statements that initialise the modules of one type; rarer schemes are selected by module name."""
    *special, (rest, _) = sorted(groups.items(), key=lambda group: len(group[1]))
    chain = _write_init_calls(rest, lacking)
    paths = [path for group in groups.values() for path in group]
    for schemes, chosen in reversed(special):
        test = _format_name_condition(list(chosen), [path for path in paths if path not in chosen])
        body = _write_init_calls(schemes, lacking)
        if not body:
            as_usual = ast.Pass()
            as_usual.comment = "as torch does"  # type: ignore[attr-defined]
            body = [as_usual]
        chain = [_when(test, body, chain)]
    return chain


def _format_name_condition(paths: list[str], others: list[str]) -> ast.expr:
    """A condition that holds for the names of these modules and of no others."""
    ends = sorted({path.rpartition(".")[2] for path in paths})
    if len(ends) <= 3 and not any(other.endswith(tuple(ends)) for other in others):
        return make_call("name.endswith", make_literal(ends[0] if len(ends) == 1 else tuple(ends)))
    if len(paths) == 1:
        return make_comparison(make_name("name"), ast.Eq(), make_literal(paths[0]))
    return make_comparison(make_name("name"), ast.In(), ast.Set([make_literal(path) for path in paths]))


def _write_init_calls(schemes: Schemes, lacking: frozenset[str]) -> list[ast.stmt]:
    fills: list[ast.stmt] = []
    for word, scheme in schemes:
        weight = make_attribute(make_name("module"), word)
        fill: ast.stmt = ast.Expr(_init_call(scheme, weight))
        if word in lacking:
            fill = ast.If(make_comparison(weight, ast.IsNot(), ast.Constant(None)), [fill], [])
        fills.append(fill)
    return fills
