"""Random blocks with arguments, inputs and outputs, and their uses."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from archspec.ops import BY_WORD
from tests.grammar.motifs import Motifs
from tests.grammar.names import BLOCKS, NUMBERS, PARTS
from tests.grammar.numbers import Number, number
from tests.grammar.pieces import Bundle, Env, Misfit, Piece, evaluated, in_order, written


@dataclass(frozen=True)
class Parameter:
    """An argument of a block: "number", "value" for true, false or an option, "layer"; and its default."""

    kind: str
    default: Any = None
    required: str = ""
    """Its type, if it has no default."""


@dataclass(frozen=True)
class Block:
    name: str
    parameters: dict[str, Parameter]
    body: Piece
    inputs: list[str]
    outputs: list[str]
    tree: Any


class Blocks(Motifs):
    """Also makes blocks."""

    def __init__(self, rng: Random, defaults: dict[str, dict[str, Any]]) -> None:
        super().__init__(rng, defaults)
        self.blocks: dict[str, Block] = {}
        self.free_blocks = rng.sample(BLOCKS, len(BLOCKS))
        self.document = Env()

    def makers(self, env: Env, current: Bundle, room: int) -> list[Any]:
        makers = super().makers(env, current, room)
        if self.blocks:
            makers.append((self.block_use, 6))
        return [*makers, (self.new_block, 5)] if room > 1 and len(self.blocks) < 4 else makers

    def consumers(self, current: Bundle) -> list[Any]:
        consumers = super().consumers(current)
        if self.blocks:
            consumers.append((self.block_use, 2))
        return [*consumers, (self.new_block, 2)] if len(self.blocks) < 4 else consumers

    def means_something(self, env: Env, name: str) -> bool:
        return super().means_something(env, name) or name in self.blocks

    def block_use(self, env: Env, current: Bundle, room: int) -> Piece:
        """Another use of a block, with its own arguments. Raises `Misfit`."""
        block = self.blocks[self.rng.choice(sorted(self.blocks))]
        given = {name: self.given(parameter, env, current) for name, parameter in block.parameters.items()}
        piece = self.called(block, {name: value for name, value in given.items() if value is not None})
        piece.apply(env.inside(), current)
        return piece

    def given(self, parameter: Parameter, env: Env, current: Bundle) -> Any:
        """A value for an argument; None to leave its default."""
        if not parameter.required and self.chance(0.5):
            return None
        if parameter.kind == "number":
            return number(self.rng, self.rng.randint(1, 6), env.known(current))
        if parameter.kind == "layer":
            return self.rest(env, current, 0)
        return not parameter.default if isinstance(parameter.default, bool) else parameter.default

    def new_block(self, env: Env, current: Bundle, room: int) -> Piece:
        """A block that fits here, and its first use. Raises `Misfit`."""
        name = self.free_blocks.pop() if self.free_blocks else None
        if name is None:
            raise Misfit
        inner = Env(dict(self.document.numbers), dict(self.document.options), {}, {"input": current})
        parameters, given = self.parameters(inner, env, current)
        inputs = self.inputs(current, inner)
        pieces, outputs = self.body(inner, current, room, inputs)
        body = in_order(list(pieces.values())) if not _named(pieces) else _keyed(pieces)
        layers = (
            {key: part.tree for key, part in pieces.items()}
            if _named(pieces)
            else [part.tree for part in pieces.values()]
        )
        tree: Any = layers
        if parameters or inputs or outputs or isinstance(layers, dict):
            declared = {key: self.declared(part) for key, part in parameters.items()}
            tree = ({"args": declared} if declared else {}) | ({"inputs": inputs} if inputs else {})
            tree |= {"layers": layers} | ({"outputs": outputs} if outputs else {})
        elif len(layers) == 1 and self.chance(0.5):
            tree = layers[0]
        block = Block(name, parameters, Piece(layers, body), inputs, outputs, tree)
        piece = self.called(block, given)
        piece.apply(env.inside(), current)
        self.blocks[name] = block
        return piece

    def parameters(self, inner: Env, env: Env, current: Bundle) -> tuple[dict[str, Parameter], dict[str, Any]]:
        """The arguments of a new block, and their values in its first use."""
        parameters: dict[str, Parameter] = {}
        given: dict[str, Any] = {}
        for name in self.rng.sample(
            [name for name in NUMBERS if name not in self.document.numbers], self.rng.choice([0, 1, 1, 2])
        ):
            value = self.rng.randint(1, 6)
            default = number(self.rng, value, inner.numbers)
            required = self.rng.choice(["int", "float"]) if self.chance(0.4) else ""
            parameters[name] = Parameter("number", default, required)
            if required or self.chance(0.4):
                given[name] = number(self.rng, value, env.known(current))
            inner.numbers[name] = Fraction(value)
        if self.chance(0.2):
            parameters["on"] = Parameter("value", self.chance(0.5))
            inner.options["on"] = parameters["on"].default
        if self.chance(0.2):
            parameters["how"] = Parameter("value", self.rng.choice(["same", "batch", "zeros"]))
            inner.options["how"] = parameters["how"].default
        if len(current) == 1 and self.chance(0.4):
            name = self.rng.choice(PARTS)
            layer = self.preserving(env.inside(naming=False, values={}), current, 0)
            required = "layer" if self.chance(0.3) else ""
            parameters[name] = Parameter("layer", Piece(["identity"], lambda env, current: current), required)
            given[name] = layer
            inner.layers[name] = (layer, env)
        return parameters, given

    def declared(self, parameter: Parameter) -> Any:
        if parameter.required:
            return parameter.required
        return parameter.default.tree if isinstance(parameter.default, Piece | Number) else parameter.default

    def inputs(self, current: Bundle, inner: Env) -> list[str]:
        """Names for the values of the bundle that a block takes."""
        if len(current) == 1 and self.chance(0.8):
            return []
        names = [f"{self.rng.choice(['left', 'q', 'x'])}{place}" for place in range(len(current))]
        inner.values.update({name: (value,) for name, value in zip(names, current, strict=True)})
        return names

    def body(self, inner: Env, current: Bundle, room: int, inputs: list[str]) -> tuple[dict[str, Piece], list[str]]:
        """The layers of a block, named or numbered, and the names of the values that it returns, if any."""
        named = self.chance(0.4)
        pieces: dict[str, Piece] = {}
        if len(current) > 1:
            word = "concat" if self.chance(0.5) else "add"
            ends = [self.of_value(inner, value, name) for name, value in zip(inputs, current, strict=True)]
            key = self.name(inner) if named else "#0"
            pieces[key] = self.join(word, inner, current, room, ends)
            current = pieces[key].apply(inner, current)
            inner.values.update({key: current} if named else {})
        for _ in range(self.rng.randint(1, 3)):
            key = self.name(inner) if named else f"#{len(pieces)}"
            pieces[key] = self.keyed(inner, key, current, room - 1) if named else self.layer(inner, current, room - 1)
            current = pieces[key].apply(inner, current)
            inner.values.update({key: current} if named else {})
        last = list(pieces)[-1]
        clear = all(not self.means_something(inner, key) and key not in BY_WORD for key in pieces)
        if not named or not clear or self.chance(0.6):
            return pieces, []
        single = [key for key in pieces if len(inner.values[key]) == 1 and key != last]
        return pieces, [*self.rng.sample(single, min(len(single), self.rng.randint(0, 1))), last]

    def called(self, block: Block, given: dict[str, Any]) -> Piece:
        """A use of a block with these arguments."""
        trees = {name: value.tree if isinstance(value, Piece) else written(value) for name, value in given.items()}
        tree: Any = {block.name: trees}
        first = next(iter(block.parameters), "")
        if not trees:
            tree = block.name if self.chance(0.8) else {block.name: {}}
        elif list(trees) == [first] and not isinstance(trees[first], dict) and self.chance(0.6):
            tree = {block.name: trees[first]}

        def apply(env: Env, current: Bundle) -> Bundle:
            if block.inputs and len(block.inputs) != len(current):
                raise Misfit
            inner = Env(dict(self.document.numbers), dict(self.document.options), {}, {"input": current})
            for name, parameter in block.parameters.items():
                value, place = (given[name], env) if name in given else (parameter.default, inner)
                self.declare(inner, name, value, place, current)
            inner.values.update({name: (value,) for name, value in zip(block.inputs, current, strict=False)})
            result = block.body.apply(inner, current)
            if not block.outputs:
                return result
            return tuple(value for name in block.outputs for value in inner.values[name])

        return Piece(tree, apply)

    def declare(self, inner: Env, name: str, value: Any, place: Env, current: Bundle) -> None:
        if isinstance(value, Piece):
            inner.layers[name] = (value, place)
        elif isinstance(value, Number):
            inner.numbers[name] = value.value(place.known(current))
        else:
            inner.options[name] = evaluated(value, {}, place.options)


def _named(pieces: dict[str, Piece]) -> bool:
    return not next(iter(pieces)).startswith("#")


def _keyed(pieces: dict[str, Piece]) -> Any:
    """The function of named layers in the environment of their block."""

    def apply(env: Env, current: Bundle) -> Bundle:
        for name, piece in pieces.items():
            current = piece.apply(env, current)
            env.values[name] = current
        return current

    return apply
