"""Random layers: every op, layers in order, names."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD, OPS
from archspec.ops.base import Op
from tests.grammar.fields import random_fields
from tests.grammar.names import MODULES
from tests.grammar.numbers import literal, number
from tests.grammar.pieces import (
    EMPTY,
    IDENTITY,
    Bundle,
    Env,
    Fields,
    Misfit,
    Named,
    Piece,
    in_order,
    written,
)

SINGLE = [
    op
    for op in OPS
    if op.operands == (1, 1) and not op.join and op.word not in ("identity", "parameter", "columndraw", "embedding")
]
ELEMENTWISE = [
    "relu",
    "relu6",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "dropout",
    "droppath",
    "scale",
    "elu",
    "selu",
    "hardswish",
]
Maker = Callable[[Env, Bundle, int], Piece]


class Layers:
    """Makes layers that fit what they are applied to: ops, and layers in order."""

    def __init__(self, rng: Random, defaults: dict[str, dict[str, Any]] | None = None) -> None:
        self.rng = rng
        self.defaults = defaults or {}
        self.motifs: set[str] = set()
        """The motifs that passes look for: "residual", "mean", "paths", "grouped"."""

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def layer(self, env: Env, current: Bundle, room: int) -> Piece:
        """Any layer that can be applied to the current value."""
        makers = self.consumers(current) if len(current) != 1 else self.makers(env, current, room)
        for _ in range(6):
            make = self.rng.choices([maker for maker, _ in makers], [weight for _, weight in makers])[0]
            try:
                piece = make(env, current, room)
                result = piece.apply(env.inside(), current)
            except Misfit:
                continue
            return self.named(env, piece, result)
        if len(current) != 1:
            raise Misfit
        return IDENTITY

    def makers(self, env: Env, current: Bundle, room: int) -> list[tuple[Maker, int]]:
        """The makers of layers for a single value, with their weights."""
        makers: list[tuple[Maker, int]] = [(self.op, 16), (self.weighted, 8), (self.rest, 1)]
        if env.layers:
            makers.append((self.layer_argument, 5))
        return [*makers, (self.listed, 4), (self.mapping, 3)] if room > 0 else makers

    def consumers(self, current: Bundle) -> list[tuple[Maker, int]]:
        """The makers of layers for a bundle, with their weights."""
        return [(self.several, 2)]

    def several(self, env: Env, current: Bundle, room: int) -> Piece:
        """An op of several values: a product of matrices, an attention."""
        op = BY_WORD[self.rng.choice(["matmul", "attention"])]
        return self.use(op, env, current, random_fields(self.rng, op, current[0]))

    def named(self, env: Env, piece: Piece, result: Bundle) -> Piece:
        """The layer, perhaps with an `as`."""
        if not env.naming or not self.chance(0.15) or "as" in (piece.tree if isinstance(piece.tree, dict) else "as"):
            return piece
        count = 1 if self.chance(0.7) else len(result)
        names = [self.name(env) for _ in range(count)]
        return self.binding(piece, names)

    def binding(self, piece: Piece, names: list[str]) -> Piece:
        def apply(env: Env, current: Bundle) -> Bundle:
            result = piece.apply(env, current)
            env.values.update(
                {names[0]: result} if len(names) == 1 else {n: (v,) for n, v in zip(names, result, strict=True)}
            )
            return result

        return Piece({**piece.tree, "as": names[0] if len(names) == 1 else names}, apply)

    def name(self, env: Env) -> str:
        """A free name for a module in this region."""
        free = [name for name in MODULES if name not in env.taken]
        chosen = self.rng.choice(free) if free and self.chance(0.8) else f"m{len(env.taken)}"
        env.taken.add(chosen)
        return chosen

    def value(self, env: Env, fits: Callable[[Shape], bool]) -> str | None:
        """The name of a value that fits, if there is one."""
        usable = [
            name
            for name, values in env.values.items()
            if len(values) == 1 and fits(values[0]) and name not in BY_WORD and not self.means_something(env, name)
        ]
        return self.rng.choice(usable) if usable else None

    def means_something(self, env: Env, name: str) -> bool:
        return name in env.numbers or name in env.options or name in env.layers

    def use(
        self, op: type[Op], env: Env, current: Bundle, fields: dict[str, Any], inputs: Bundle | None = None
    ) -> Piece:
        """An op with arguments, some of them arithmetic. Raises `Misfit`."""
        given = {name: self.argument(value, env, current) for name, value in fields.items()}
        chosen = Fields(op, given, self.defaults.get(op.word, {}))
        chosen.infer(env, current, current if inputs is None else inputs)
        trees = {name: written(value) for name, value in given.items()}
        return Piece(self.spelt(op, trees), lambda env, current: chosen.infer(env, current, current))

    def spelt(self, op: type[Op], trees: dict[str, Any]) -> Any:
        """One of the ways to write an op."""
        if not trees:
            return op.word if self.chance(0.8) else {op.word: {}}
        (first, *others) = trees.values()
        short = not others and op.first in trees and first is not None and not isinstance(first, dict)
        if short and self.chance(0.8):
            return {op.word: first}
        return {op.word: trees}

    def argument(self, value: Any, env: Env, current: Bundle) -> Any:
        if isinstance(value, bool | str):
            same = [name for name, other in env.options.items() if other == value and type(other) is type(value)]
            return Named(self.rng.choice(same)) if same and self.chance(0.5) else value
        if isinstance(value, int | float):
            return literal(value) if self.chance(0.6) else number(self.rng, value, env.known(current))
        return [self.argument(part, env, current) for part in value] if isinstance(value, list | tuple) else value

    def op(self, env: Env, current: Bundle, room: int) -> Piece:
        op = self.rng.choice(SINGLE)
        return self.use(op, env, current, random_fields(self.rng, op, current[0]))

    def weighted(self, env: Env, current: Bundle, room: int) -> Piece:
        """A layer with weights."""
        word = self.rng.choice(
            ["conv", "conv", "batchnorm", "relu", "maxpool", "groupnorm"]
            if current[0].rank > 2
            else ["linear", "layernorm", "relu"]
        )
        return self.use(BY_WORD[word], env, current, random_fields(self.rng, BY_WORD[word], current[0]))

    def rest(self, env: Env, current: Bundle, room: int) -> Piece:
        """A no-op."""
        return self.rng.choice([IDENTITY, EMPTY, Piece({"layers": "identity"}, IDENTITY.apply)])

    def preserving(self, env: Env, current: Bundle, room: int) -> Piece:
        """A layer that keeps the shape of a single value."""
        for _ in range(4):
            word = self.rng.choice(ELEMENTWISE)
            piece = self.use(BY_WORD[word], env, current, random_fields(self.rng, BY_WORD[word], current[0]))
            if self.chance(0.5):
                piece = self.listed(env, current, room - 1) if room > 0 else self.weighted(env, current, 0)
            try:
                result = piece.apply(env.inside(), current)
                if result[0].sizes == current[0].sizes and len(result) == 1:
                    return piece
                back = self.projection(env, result, current[0])
            except Misfit:
                continue
            pieces = [piece, back]
            return Piece([part.tree for part in pieces], in_order(pieces))
        return Piece("relu", lambda env, current: current)

    def projection(self, env: Env, current: Bundle, target: Shape) -> Piece:
        """A layer that makes a value of a shape's sizes. Raises `Misfit`."""
        if len(current) != 1:
            raise Misfit
        (shape,) = current
        if shape.sizes == target.sizes:
            return self.rng.choice([IDENTITY, EMPTY, Piece("relu", IDENTITY.apply)])
        if shape.rank > 2 and shape.sizes[1:] == target.sizes[1:] and target.channel_axis == 0:
            kernel = {"kernel": 1, "stride": 1, "padding": 0, "groups": 1, "dilation": 1}
            return self.use(BY_WORD["conv"], env, current, {"out": target.channels, **kernel})
        pieces: list[Piece] = []
        for word, fields in (
            ("flatten", {}),
            ("linear", {"out": target.numel}),
            ("reshape", {"sizes": list(target.sizes)}),
        ):
            pieces.append(self.use(BY_WORD[word], env, current, fields))
            current = pieces[-1].apply(env, current)
        return Piece([part.tree for part in pieces], in_order(pieces))

    def several_layers(self, env: Env, current: Bundle, room: int, count: int) -> list[Piece]:
        """Layers one after the other, in an environment that is theirs."""
        pieces = []
        for _ in range(count):
            pieces.append(self.layer(env, current, room - 1))
            current = pieces[-1].apply(env, current)
        while len(current) != 1:
            pieces.append(self.layer(env, current, room - 1))
            current = pieces[-1].apply(env, current)
        return pieces

    def listed(self, env: Env, current: Bundle, room: int) -> Piece:
        pieces = self.several_layers(env.inside(), current, room, self.rng.randint(1, 4))
        return Piece([part.tree for part in pieces], in_order(pieces))

    def mapping(self, env: Env, current: Bundle, room: int) -> Piece:
        """A mapping of named layers."""
        if not env.naming:
            return self.listed(env, current, room)
        inner = env.inside()
        pieces: dict[str, Piece] = {}
        for _ in range(self.rng.randint(1, 3)):
            name = self.name(env)
            piece = self.keyed(inner, name, current, room)
            current = piece.apply(inner, current)
            inner.values[name] = current
            pieces[name] = piece
        return Piece({"layers": {name: part.tree for name, part in pieces.items()}}, _with_names(pieces))

    def keyed(self, env: Env, name: str, current: Bundle, room: int) -> Piece:
        """The layer of a key, in the key's region."""
        inner = env.scope()
        piece = self.layer(inner, current, room - 1)
        return (
            piece
            if not (isinstance(piece.tree, dict) and "as" in piece.tree)
            else Piece([piece.tree], in_order([piece]))
        )

    def layer_argument(self, env: Env, current: Bundle, room: int) -> Piece:
        name = self.rng.choice(sorted(env.layers))

        def apply(env: Env, current: Bundle) -> Bundle:
            piece, outside = env.layers[name]
            return piece.apply(outside.scope(), current)

        return Piece(name, apply)


def _with_names(pieces: dict[str, Piece]) -> Callable[[Env, Bundle], Bundle]:
    """The function of named layers in sequence."""

    def apply(env: Env, current: Bundle) -> Bundle:
        inner = env.inside()
        for name, piece in pieces.items():
            current = piece.apply(inner, current)
            inner.values[name] = current
        return current

    return apply
