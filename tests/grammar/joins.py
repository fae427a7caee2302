"""Random joins and layers with bundles."""

from __future__ import annotations

from typing import Any

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from tests.grammar.fields import random_fields
from tests.grammar.layers import Layers, Maker
from tests.grammar.pieces import (
    IDENTITY,
    Bundle,
    Env,
    Fields,
    Misfit,
    Piece,
    in_order,
    side_by_side,
    written,
)


class Joins(Layers):
    """Also makes joins."""

    def makers(self, env: Env, current: Bundle, room: int) -> list[tuple[Maker, int]]:
        makers = super().makers(env, current, room)
        if room <= 0:
            return makers
        return [*makers, (self.summed, 5), (self.concat, 4), (self.gate, 2), (self.bundle, 3), (self.split, 4)]

    def consumers(self, current: Bundle) -> list[tuple[Maker, int]]:
        return [*super().consumers(current), (self.join_of_all, 6)]

    def join(
        self, word: str, env: Env, current: Bundle, room: int, branches: list[Piece], own: dict[str, Any] | None = None
    ) -> Piece:
        """A join of branches, as a list, with names, or as a single layer. Raises `Misfit`."""
        op = BY_WORD[word]
        given = {name: self.argument(value, env, current) for name, value in (own or {}).items()}
        fields = Fields(op, given, self.defaults.get(word, {}))
        made = side_by_side(branches)

        def apply(env: Env, current: Bundle) -> Bundle:
            values = made(env, current)
            return values if len(values) <= 1 or word == "bundle" else fields.infer(env, current, values)

        tree: dict[str, Any] = {word: [branch.tree for branch in branches]}
        if len(branches) == 1 and not isinstance(branches[0].tree, list | dict) and self.chance(0.3):
            tree = {word: branches[0].tree}
        elif env.naming and self.chance(0.2) and all(self.can_be_keyed(branch) for branch in branches):
            tree = {word: {self.branch_name(env): branch.tree for branch in branches}}
        if given:
            tree["with"] = {name: written(value) for name, value in given.items()}
        return Piece(tree, apply)

    def branch_name(self, env: Env) -> str:
        """A name for a branch that hides no named value from later branches."""
        name = self.name(env)
        while name in env.values:
            name = self.name(env)
        return name

    def can_be_keyed(self, piece: Piece) -> bool:
        return not (isinstance(piece.tree, dict) and ("as" in piece.tree or "layers" in piece.tree))

    def branches(self, env: Env, current: Bundle, room: int, most: int) -> list[Piece]:
        """Branches of a join: the first applies to the current value, others may apply to named values."""
        branches = [self.layer(env, current, room - 1)]
        for _ in range(self.rng.randint(0, most - 1)):
            name = self.value(env, lambda shape: True) if self.chance(0.4) else None
            branches.append(self.layer(env, current, room - 1) if name is None else self.of_name(env, name, room))
        return branches

    def of_name(self, env: Env, name: str, room: int) -> Piece:
        """A named value as a branch, or a layer that is applied to it."""
        if self.chance(0.4):
            return Piece(name, lambda env, current: env.values[name])
        inner = self.weighted(env, env.values[name], room)
        if isinstance(inner.tree, str):
            return Piece([name, inner.tree], lambda env, current: inner.apply(env, env.values[name]))
        source = name if self.chance(0.8) else [name]
        return Piece({**inner.tree, "from": source}, lambda env, current: inner.apply(env, env.values[name]))

    def summed(self, env: Env, current: Bundle, room: int) -> Piece:
        """An add, a mean or a max of branches with equal shapes."""
        inner = env.inside()
        first = self.layer(inner, current, room - 1)
        shapes = first.apply(inner, current)
        branches = [first]
        for _ in range(self.rng.randint(0, 3)):
            name = self.value(inner, lambda shape: shape.sizes == shapes[0].sizes) if self.chance(0.3) else None
            if name is not None:
                branches.append(Piece(name, lambda env, current, name=name: env.values[name]))  # type: ignore[misc]
            else:
                branches.append(self.projection(inner, current, shapes[0]))
        word = self.rng.choice(["add", "add", "mean", "max"])
        if word == "mean" and len(branches) > 1:
            self.motifs.add("mean")
        if "as" not in str(first.tree):
            self.rng.shuffle(branches)
        return self.join(word, env, current, room, branches)

    def concat(self, env: Env, current: Bundle, room: int) -> Piece:
        inner = env.inside()
        branches = self.branches(inner, current, room, 2)
        shape = branches[0].apply(inner, current)[0]
        axis = shape.channel_axis
        if axis is None:
            raise Misfit
        for _ in range(self.rng.randint(0, 2)):
            branches.append(self.projection(inner, current, shape.replace(axis, self.rng.randint(1, 4))))
        if self.chance(0.3):
            branches.append(self.branch_of(inner, current, shape))
        return self.join("concat", env, current, room, branches, {"axis": axis} if self.chance(0.2) else {})

    def gate(self, env: Env, current: Bundle, room: int) -> Piece:
        """A product of the value and a gate of its sizes, or with ones in their place."""
        (shape,) = current
        target = shape
        for axis in range(shape.rank):
            if axis != shape.channel_axis and self.chance(0.4):
                target = target.replace(axis, 1)
        gate = self.projection(env, current, target)
        squashed = Piece([gate.tree, "sigmoid"], gate.apply)
        return self.join("multiply", env, current, room, [self.preserving(env, current, room - 1), squashed])

    def bundle(self, env: Env, current: Bundle, room: int) -> Piece:
        branches = self.branches(env, current, room, 3)
        return self.then_joined(env, current, room, self.join("bundle", env, current, room, branches))

    def split(self, env: Env, current: Bundle, room: int) -> Piece:
        piece = self.use(BY_WORD["split"], env, current, random_fields(self.rng, BY_WORD["split"], current[0]))
        return self.then_joined(env, current, room, piece)

    def then_joined(self, env: Env, current: Bundle, room: int, piece: Piece) -> Piece:
        """A layer that makes a bundle, followed by one that takes it."""
        inner = env.inside()
        made = piece.apply(inner, current)
        if env.naming and len(made) > 1 and self.chance(0.4) and isinstance(piece.tree, dict):
            names = [f"p{len(env.taken) + place}" for place in range(len(made))]
            env.taken.update(names)
            piece = self.binding(piece, names)
            made = piece.apply(inner, current)
            ends = [self.of_value(inner, made[place], name) for place, name in enumerate(names)]
            word = "concat" if self.chance(0.7) else "add"
            pieces = [piece, self.join(word, inner, made, room, ends)]
        else:
            pieces = [piece, *self.several_layers(inner, made, room, 0)]
        return Piece([part.tree for part in pieces], in_order(pieces))

    def of_value(self, env: Env, shape: Shape, name: str) -> Piece:
        """A named value as a branch, alone or with a layer."""
        if self.chance(0.5):
            return Piece(name, lambda env, current: env.values[name])
        after = self.preserving(env, (shape,), 0)
        return Piece([name, after.tree], lambda env, current: after.apply(env, env.values[name]))

    def join_of_all(self, env: Env, current: Bundle, room: int) -> Piece:
        """A join that reduces a bundle to one value."""
        branches = [IDENTITY] if self.chance(0.7) else [self.branch_of_all(env, current, room)]
        words = ["concat", "concat", "add", "mean", "max", "multiply"]
        axis = {"axis": self.rng.randrange(current[0].rank)} if self.chance(0.3) else {}
        word = self.rng.choice(words)
        return self.join(word, env, current, room, branches, axis if word == "concat" else None)

    def branch_of(self, env: Env, current: Bundle, target: Shape) -> Piece:
        """A branch of a shape."""
        return self.projection(env, current, target)

    def branch_of_all(self, env: Env, current: Bundle, room: int) -> Piece:
        """A branch of all values of a bundle."""
        return IDENTITY
