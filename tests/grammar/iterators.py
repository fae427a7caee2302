"""Random iterators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.ir.shape import Shape
from tests.grammar.joins import Joins
from tests.grammar.layers import Maker
from tests.grammar.numbers import number
from tests.grammar.pieces import (
    Bundle,
    Env,
    Misfit,
    Piece,
)

DEEPEST = 6
"""The most levels of a nest, because each may double the work of inferring shapes."""


class Iterators(Joins):
    """Also makes iterators."""

    def makers(self, env: Env, current: Bundle, room: int) -> list[tuple[Maker, int]]:
        makers = super().makers(env, current, room)
        return [*makers, (self.repeat, 4), (self.nest, 2)] if room > 0 else makers

    def consumers(self, current: Bundle) -> list[tuple[Maker, int]]:
        return [*super().consumers(current), (self.each, 3)]

    def branch_of_all(self, env: Env, current: Bundle, room: int) -> Piece:
        return self.each(env, current, room)

    def branch_of(self, env: Env, current: Bundle, target: Shape) -> Piece:
        """Several branches of a shape, side by side."""
        return self.turns("copies", env, current, lambda inner: self.projection(inner, current, target))

    def each(self, env: Env, current: Bundle, room: int) -> Piece:
        return self.turns("each", env, current, lambda inner: self.layer(inner, current[:1], room - 1))

    def repeat(self, env: Env, current: Bundle, room: int) -> Piece:
        return self.turns("repeat", env, current, lambda inner: self.preserving(inner, current, room - 1))

    def turns(self, word: str, env: Env, current: Bundle, body: Callable[[Env], Piece]) -> Piece:
        """An iterator, whose layers may have names if each turn is a region. Raises `Misfit`."""
        share = word in ("repeat", "each") and len(set(current)) == 1 and self.chance(0.3)
        inner = env.inside(naming=False)
        index = self.rng.choice(
            [name for name in ("i", "j", "turn", "t") if not self.means_something(env, name)] or [None]
        )
        fields: dict[str, Any] = {}
        start = number(self.rng, self.rng.choice([0, 1, 1, 3]), env.known(current))
        first = start.value(env.known(current))
        if index is not None and not share and self.chance(0.4):
            fields["index"] = index
            inner.numbers = {**env.numbers, index: first}
        if first != 1:
            fields["start"] = start.tree
        if env.naming and self.chance(0.4):
            fields["name"] = self.rng.choice(["layer", "unit_", "b"]) + str(len(env.taken)) + "_"
            env.taken.add(fields["name"])
            inner = inner.scope()
        if share:
            fields["share"] = True
        piece = body(inner)
        if "name" in fields:  # a turn of one layer has no region of its own, one of two has
            piece = Piece([piece.tree, "relu"], piece.apply)
        times = number(self.rng, self.rng.choice([0, 1, 2, 2, 3, 4]), env.known(current))
        if word != "each":
            fields["times"] = times.tree
        layers = piece.tree if self.chance(0.7) and not isinstance(piece.tree, dict) else [piece.tree]

        def apply(env: Env, current: Bundle) -> Bundle:
            known = env.known(current)
            count = len(current) if word == "each" else int(times.value(known))
            results: list[Bundle] = []
            for turn in range(count):
                names = {fields["index"]: start.value(known) + turn} if "index" in fields else {}
                given = (current[turn],) if word == "each" else current
                results.append(piece.apply(env.inside(numbers={**env.numbers, **names}), given))
                current = results[-1] if word == "repeat" else current
            return current if word == "repeat" else tuple(value for result in results for value in result)

        return Piece({word: {**fields, "layers": layers}}, apply)

    def nest(self, env: Env, current: Bundle, room: int) -> Piece:
        """A `nest`, as in FractalNet."""
        inner = env.inside(naming=False)
        core, own = self.preserving(inner, current, 0), self.preserving(inner, current, 0)
        times = number(self.rng, self.rng.randint(0, 2), env.known(current))
        form = self.rng.choice(
            [
                [own.tree, "core"],
                ["core", own.tree],
                [{"add": ["core", own.tree]}],
                [{"mean": [["core", "core"], own.tree]}],
            ]
        )

        def level(left: int, env: Env, current: Bundle) -> Bundle:
            if left <= 0:
                return core.apply(env.inside(), current)
            if form[0] is own.tree:
                return level(left - 1, env, own.apply(env.inside(), current))
            below = level(left - 1, env, current)
            if form[-1] is own.tree:
                return own.apply(env.inside(), below)
            if "mean" in form[0]:
                below = level(left - 1, env, below)
            if own.apply(env.inside(), current)[0].sizes != below[0].sizes:
                raise Misfit
            return below

        def apply(env: Env, current: Bundle) -> Bundle:
            levels = int(times.value(env.known(current)))
            if levels > DEEPEST:
                raise Misfit
            return level(levels, env, current)

        return Piece({"nest": {"times": times.tree, "core": core.tree, "layers": form}}, apply)
