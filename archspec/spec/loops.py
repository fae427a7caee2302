"""Elaborates the iterators: `repeat`, `copies`, `each` and `nest`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec import meter
from archspec.errors import raise_spec_error
from archspec.spans import Use
from archspec.spec.bound_tree import Layer, Loop, Sequential
from archspec.spec.elaboration import Elaboration
from archspec.spec.environment import Bundle, Env, Label, NameScope, NestLevel, find_shape
from archspec.spec.values import evaluate_tree, round_fractions
from archspec.spec.yaml_tree import Scalar, Tree


def run_loop(
    elaboration: Elaboration, loop: Loop, env: Env, current: Bundle, scope: NameScope, label: Label | None
) -> Bundle:
    """Applies all turns of an iterator; with a label they are in a region of that name."""
    start = _evaluate_whole_number(loop.start, "start", loop, env, current) if loop.start is not None else 1
    inner = elaboration.open_region(scope, label, "", {}, loop.span, env.use) if label is not None else scope
    count = len(current) if loop.word == "each" else _count_turns(loop, env, current)
    if loop.word == "nest":
        return run_nest_level(elaboration, NestLevel(loop, env, count, start), current, inner, env.use)
    keyed = label is not None
    results: list[Bundle] = []
    for turn in _iter_shared_turns(elaboration, count, inner) if loop.share else range(count):
        given = (current[turn],) if loop.word == "each" else current
        result = _run_turn(elaboration, loop, env, given, inner, start + turn, keyed=keyed)
        if loop.word == "repeat":
            current = result
        else:
            elaboration.budget.charge("values", len(result) // 8)
            results.append(result)
    return current if loop.word == "repeat" else tuple([value for result in results for value in result])


def _iter_shared_turns(elaboration: Elaboration, count: int, scope: NameScope) -> Iterator[int]:
    """Yields the numbers of turns that share their weights and take the same names."""
    first, outer = scope.state(), elaboration.builder.sharing
    elaboration.builder.sharing = True
    for turn in range(count):
        if turn:
            scope.restore(first)
        yield turn
    elaboration.builder.sharing = outer


def run_nest_level(
    elaboration: Elaboration, core: NestLevel, current: Bundle, scope: NameScope, use: Use | None
) -> Bundle:
    """Applies one level of a `nest`: its core at the bottom, else its layers, in which `core` is the level below."""
    loop = core.loop
    elaboration.builder.count_layers(1, loop, use)
    env = Env(core.env.names, core.env.frame, use)
    if core.level == 0:
        assert loop.core is not None
        return elaboration.apply_layer(loop.core, env, current, scope)
    number = core.start + core.level - 1
    names: dict[str, Any] = {"core": NestLevel(loop, core.env, core.level - 1, core.start)}
    if loop.index is not None:
        names[loop.index] = number
    label = Label(scope.find_free_name(_name_turn(loop.prefix, number)), loop.span) if loop.prefix else None
    return elaboration.apply_layer(loop.body, env.with_names(names), current, scope, label)


def _run_turn(
    elaboration: Elaboration, loop: Loop, env: Env, current: Bundle, scope: NameScope, number: int, *, keyed: bool
) -> Bundle:
    elaboration.builder.count_layers(1, loop, env.use)
    inner = env.with_names({loop.index: number}) if loop.index is not None else env.inside()
    if loop.prefix is not None:
        label = Label(_name_turn(loop.prefix, number), loop.span)
    elif keyed:
        label = Label(scope.next_number(), loop.span)
    else:
        return elaboration.apply_layer(loop.body, inner, current, scope)
    return elaboration.apply_layer(_unwrap_single(loop.body), inner, current, scope, label)


def _name_turn(prefix: str, number: int) -> str:
    meter.charge_work("layers", number.bit_length() // 64)
    return f"{prefix}{number}"


def _unwrap_single(body: Layer) -> Layer:
    """The only layer of a turn, which then needs no region of its own; else the whole body."""
    if isinstance(body, Sequential) and not body.named and len(body.items) == 1 and not body.names and not body.source:
        return body.items[0].layer
    return body


def _count_turns(loop: Loop, env: Env, current: Bundle) -> int:
    assert loop.times is not None
    count = _evaluate_whole_number(loop.times, "times", loop, env, current)
    if count < 0:
        raise_spec_error(f"times of {loop.word} needs at least 0, got {count}", loop.times.span, env.use)
    return count


def _evaluate_whole_number(tree: Tree, argument: str, loop: Loop, env: Env, current: Bundle) -> int:
    value = evaluate_tree(tree, env.names, find_shape(current), env.use)
    if not isinstance(value, int) or isinstance(value, bool):
        shown = (
            f"{tree.text} is {round_fractions(value)}" if isinstance(tree, Scalar) else f"got {round_fractions(value)}"
        )
        raise_spec_error(f"{argument} of {loop.word} needs a whole number; {shown}", tree.span, env.use)
    return value
