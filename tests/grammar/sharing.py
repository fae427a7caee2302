"""Random layers that are used again, networks as layers, and names that are computed."""

from __future__ import annotations

from typing import Any

from archspec.ir.shape import Shape
from tests.grammar.blocks import Blocks
from tests.grammar.numbers import number
from tests.grammar.pieces import Bundle, Env, Misfit, Piece, in_order


class Sharing(Blocks):
    """Also makes layers that are used again, networks as layers, scopes with a number, and computed names."""

    def makers(self, env: Env, current: Bundle, room: int) -> list[Any]:
        makers = super().makers(env, current, room)
        if room <= 0:
            return makers
        return [*makers, (self.again, 2), (self.network, 1), (self.sequential, 1), (self.computed, 1)]

    def again(self, env: Env, current: Bundle, room: int) -> Piece:
        """A named layer that keeps the shape, and one or two more uses of it. Raises `Misfit`."""
        if not env.naming:
            raise Misfit
        layer = self.preserving(env.scope(), current, 0)
        body = layer.tree if isinstance(layer.tree, list) else [layer.tree]
        name = self.name(env)
        uses = [Piece({"layers": body, "as": name}, layer.apply)]
        uses += [Piece({"reuse": name}, layer.apply) for _ in range(self.rng.randint(1, 2))]
        if self.means_something(env, name):
            raise Misfit
        return Piece([use.tree for use in uses], in_order(uses))

    def network(self, env: Env, current: Bundle, room: int) -> Piece:
        """A whole network, with its own arguments and blocks. Raises `Misfit`."""
        (shape,) = current
        if shape != Shape.of(*shape.sizes):
            raise Misfit  # its axes are not those that a list of sizes declares
        part = type(self)(self.rng)  # type: ignore[call-arg]
        tree, results = part.compose({"image": list(shape.sizes)}, min(room, 2) - 1, part=True)  # type: ignore[attr-defined]
        outputs = [name for name in results if self.chance(0.5) and len(results[name]) == 1] or [list(results)[-1]]
        values = tuple(value for name in outputs for value in results[name])
        given = {"spec": {**tree, "name": "part"}, "outputs": outputs}
        if any(part.means_something(part.document, name) for name in outputs):
            raise Misfit

        def apply(_: Env, current: Bundle) -> Bundle:
            if current != (shape,):
                raise Misfit
            return values

        return Piece({"network": given}, apply)

    def sequential(self, env: Env, current: Bundle, room: int) -> Piece:
        """Layers in a scope with the next number."""
        pieces = self.several_layers(env.scope(), current, room, self.rng.randint(1, 3))
        return Piece([{"sequential": [piece.tree for piece in pieces]}], in_order(pieces))

    def computed(self, env: Env, current: Bundle, room: int) -> Piece:
        """A layer whose module has a computed name. Raises `Misfit`."""
        if not env.naming:
            raise Misfit
        layer = self.weighted(env.scope(), current, 0)
        chosen = number(self.rng, self.rng.randint(0, 6), env.known(current))
        value = chosen.value(env.known(current))
        name = f"c{len(env.taken)}_"
        taken = f"{name}{value}"
        if value.denominator != 1 or value < 0 or taken in env.taken or not isinstance(chosen.tree, str):
            raise Misfit
        env.taken.update((taken, name))
        return Piece([{**_with_arguments(layer.tree), "as": f"{name}({chosen.tree})"}], layer.apply)


def _with_arguments(tree: Any) -> dict[str, Any]:
    return tree if isinstance(tree, dict) else {tree: {}}
