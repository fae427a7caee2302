"""Random layers with the structure of known networks."""

from __future__ import annotations

from archspec.ops import BY_WORD
from tests.grammar.fields import divisor, random_fields
from tests.grammar.iterators import Iterators
from tests.grammar.layers import Maker
from tests.grammar.pieces import (
    IDENTITY,
    Bundle,
    Env,
    Misfit,
    Piece,
    in_order,
)


class Motifs(Iterators):
    """Also makes units of known networks and structures that passes look for."""

    def makers(self, env: Env, current: Bundle, room: int) -> list[tuple[Maker, int]]:
        makers = super().makers(env, current, room)
        if room <= 0:
            return makers
        units = [(self.residual, 4), (self.products, 2), (self.constant, 2), (self.attention, 1)]
        return [*makers, *units, (self.dropmean, 1), (self.grouped, 1), (self.paths, 1)]

    def residual(self, env: Env, current: Bundle, room: int) -> Piece:
        """A unit of a residual network, with a projection where it is needed."""
        inner = env.inside()
        body = [self.weighted(inner, current, 0)]
        made = body[0].apply(inner, current)
        body += self.several_layers(inner, made, 0, self.rng.randint(0, 2))
        branch = Piece([part.tree for part in body], in_order(body))
        shortcut = self.projection(env, current, branch.apply(env, current)[0])
        if _is_weighted(branch) and not _is_weighted(shortcut):
            self.motifs.add("residual")
        return self.join("add", env, current, room, [branch, shortcut])

    def products(self, env: Env, current: Bundle, room: int) -> Piece:
        """Two matrices and their product."""
        op = BY_WORD["matmul"]
        pair = self.join("bundle", env, current, room, [IDENTITY, self.preserving(env, current, 0)])
        after = self.use(op, env, current, {"transpose": True}, (current[0], current[0]))
        pieces = [pair, after]
        return Piece([part.tree for part in pieces], in_order(pieces))

    def attention(self, env: Env, current: Bundle, room: int) -> Piece:
        """Attention with queries from one value and keys and values from others."""
        if current[0].rank != 2:
            raise Misfit
        count = self.rng.randint(1, 3)
        bundle = self.join("bundle", env, current, room, [self.preserving(env, current, 0) for _ in range(count)])
        fields = random_fields(self.rng, BY_WORD["attention"], current[0])
        after = self.use(BY_WORD["attention"], env, current, fields, current * count)
        pieces = [bundle, after]
        return Piece([part.tree for part in pieces], in_order(pieces))

    def constant(self, env: Env, current: Bundle, room: int) -> Piece:
        """A learned constant beside the value."""
        fields = {"shape": list(current[0].sizes)}
        learned = self.use(
            BY_WORD["parameter"], env, current, fields | ({"batched": False} if self.chance(0.3) else {})
        )
        return self.join(self.rng.choice(["add", "multiply"]), env, current, room, [IDENTITY, learned])

    def dropmean(self, env: Env, current: Bundle, room: int) -> Piece:
        branches = [self.preserving(env, current, 0) for _ in range(self.rng.randint(1, 3))]
        drawn = self.use(BY_WORD["columndraw"], env, current, {"columns": len(branches)})
        own = {"p": self.rng.choice([0.0, 0.15, 0.5])} if self.chance(0.5) else {}
        return self.join("dropmean", env, current, room, [*branches, drawn], own)

    def grouped(self, env: Env, current: Bundle, room: int) -> Piece:
        """A grouped convolution between two others: what `separate_paths` looks for."""
        groups = self.rng.choice([2, 4])
        pieces: list[Piece] = []
        for fields in (
            {"out": 4},
            {"out": 4, "groups": groups, "kernel": 3, "padding": 1},
            {"out": divisor(self.rng, 8)},
        ):
            whole = {"groups": 1, "stride": 1, "dilation": 1, "padding": 0, "kernel": 1} | fields
            for piece in (self.use(BY_WORD["conv"], env, current, whole), Piece("relu", IDENTITY.apply)):
                current = piece.apply(env, current)
                pieces.append(piece)
        self.motifs.add("grouped")
        return Piece([part.tree for part in pieces], in_order(pieces))

    def paths(self, env: Env, current: Bundle, room: int) -> Piece:
        """Equal paths side by side: what `grouped_paths` looks for."""
        first = {"out": 2, "kernel": 1, "stride": 1, "padding": 0, "groups": 1, "dilation": 1}
        pieces = [self.use(BY_WORD["conv"], env, current, first)]
        made = pieces[0].apply(env, current)
        pieces += [
            Piece("relu", IDENTITY.apply),
            self.use(BY_WORD["conv"], env, made, first | {"kernel": 3, "padding": 1}),
        ]
        copies = Piece(
            {"copies": {"times": 3, "layers": [part.tree for part in pieces]}},
            lambda env, current: in_order(pieces)(env, current) * 3,
        )
        self.motifs.add("paths")
        return self.join(self.rng.choice(["concat", "add"]), env, current, room, [copies])


def _is_weighted(piece: Piece) -> bool:
    return any(word in str(piece.tree) for word in ("conv", "linear"))
