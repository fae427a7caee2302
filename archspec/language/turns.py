"""The iterators: repeat, copies, each and nest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from archspec import meter
from archspec.diagnostics import Use, fail
from archspec.language.layers import Chain, Layer, Turns
from archspec.language.scopes import Bundle, Env, Label, Level, Place, channels
from archspec.language.tree import Scalar, Tree
from archspec.language.values import evaluate, rounded

if TYPE_CHECKING:
    from archspec.language.elaborator import Elaborator


def run(made: Elaborator, turns: Turns, env: Env, current: Bundle, place: Place, label: Label | None) -> Bundle:
    """All turns of an iterator; a label is the scope of its turns."""
    start = _whole(turns.start, "start", turns, env, current) if turns.start is not None else 1
    inner = made.open(place, label, "", {}, turns.span, env.use) if label is not None else place
    count = len(current) if turns.word == "each" else _count(turns, env, current)
    if turns.word == "nest":
        return level(made, Level(turns, env, count, start), current, inner, env.use)
    keyed = label is not None
    results: list[Bundle] = []
    for turn in _shared(made, count, inner) if turns.share else range(count):
        given = (current[turn],) if turns.word == "each" else current
        result = _turn(made, turns, env, given, inner, start + turn, keyed=keyed)
        if turns.word == "repeat":
            current = result
        else:
            made.budget.charge("values", len(result) // 8)
            results.append(result)
    return current if turns.word == "repeat" else tuple([value for result in results for value in result])


def _shared(made: Elaborator, count: int, place: Place) -> Iterator[int]:
    """The numbers of turns that share their weights: each of them takes the same names."""
    first, outer = place.state(), made.maker.sharing
    made.maker.sharing = True
    for turn in range(count):
        if turn:
            place.restore(first)
        yield turn
    made.maker.sharing = outer


def level(made: Elaborator, core: Level, current: Bundle, place: Place, use: Use | None) -> Bundle:
    """One level of a `nest`: its core at the bottom, else its layers with `core` for the level below."""
    turns = core.turns
    made.maker.spend(1, turns, use)
    env = Env(core.env.names, core.env.frame, use)
    if core.level == 0:
        assert turns.core is not None
        return made.run(turns.core, env, current, place)
    number = core.start + core.level - 1
    names: dict[str, Any] = {"core": Level(turns, core.env, core.level - 1, core.start)}
    if turns.index is not None:
        names[turns.index] = number
    label = Label(place.free(_numbered(turns.prefix, number)), turns.span) if turns.prefix else None
    return made.run(turns.body, env.with_names(names), current, place, label)


def _turn(
    made: Elaborator, turns: Turns, env: Env, current: Bundle, place: Place, number: int, *, keyed: bool
) -> Bundle:
    made.maker.spend(1, turns, env.use)
    inner = env.with_names({turns.index: number}) if turns.index is not None else env.inside()
    if turns.prefix is not None:
        label = Label(_numbered(turns.prefix, number), turns.span)
    elif keyed:
        label = Label(place.next_number(), turns.span)
    else:
        return made.run(turns.body, inner, current, place)
    return made.run(_single(turns.body), inner, current, place, label)


def _numbered(prefix: str, number: int) -> str:
    meter.charge("layers", number.bit_length() // 64)
    return f"{prefix}{number}"


def _single(body: Layer) -> Layer:
    """The layer of a turn that has only one: such a turn is that layer, and no scope around it."""
    if isinstance(body, Chain) and not body.named and len(body.items) == 1 and not body.names and not body.source:
        return body.items[0].layer
    return body


def _count(turns: Turns, env: Env, current: Bundle) -> int:
    assert turns.times is not None
    count = _whole(turns.times, "times", turns, env, current)
    if count < 0:
        fail(f"times of {turns.word} needs at least 0, got {count}", turns.times.span, env.use)
    return count


def _whole(tree: Tree, what: str, turns: Turns, env: Env, current: Bundle) -> int:
    value = evaluate(tree, env.names, channels(current), env.use)
    if not isinstance(value, int) or isinstance(value, bool):
        shown = f"{tree.text} is {rounded(value)}" if isinstance(tree, Scalar) else f"got {rounded(value)}"
        fail(f"{what} of {turns.word} needs a whole number; {shown}", tree.span, env.use)
    return value
