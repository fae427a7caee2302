"""Random documents: inputs, arguments, defaults, blocks, stages, outputs, passes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from tests.grammar.fields import random_fields
from tests.grammar.names import NUMBERS
from tests.grammar.numbers import number
from tests.grammar.pieces import Bundle, Env, Misfit, Piece
from tests.grammar.sharing import Sharing

INPUTS = [
    *[[channels, size, size] for channels in (1, 2, 4, 6) for size in (4, 8)],
    *([4, 8], [6, 4], [8], [5], [2, 4, 4, 4], [3, 6, 2]),
]
"""Sizes of inputs: images mostly."""

DEFAULTS: list[dict[str, dict[str, Any]]] = [
    {},
    {},
    {"conv": {"bias": False}},
    {"conv": {"padding": "same", "bias": False}, "batchnorm": {"eps": 1e-3}},
    {"linear": {"init": {"kind": "normal", "std": 0.02}}, "dropout": {"p": 0.1}},
]


@dataclass(frozen=True)
class Document:
    """A spec as data, and the shapes of its outputs."""

    tree: dict[str, Any]
    outputs: dict[str, tuple[int, ...]]


class Documents(Sharing):
    """Makes one document."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng, rng.choice(DEFAULTS))

    def make(self, room: int = 4) -> Document:
        """A document that should be a network."""
        rng = self.rng
        inputs = {
            f"in{number}" if number else "image": list(rng.choice(INPUTS))
            for number in range(rng.choice([1] * 6 + [2, 3]))
        }
        if len(inputs) > 1 and self.chance(0.5):
            inputs = dict.fromkeys(inputs, next(iter(inputs.values())))
        tree, results = self.compose(inputs, room)
        outputs = self.outputs(tree, results)
        self.passes(tree)
        return Document(tree, outputs)

    def compose(
        self, inputs: dict[str, list[int]], room: int, *, part: bool = False
    ) -> tuple[dict[str, Any], dict[str, Bundle]]:
        """A document without outputs and passes, and the shapes of its stages; a `part` is applied to values and not to inputs."""
        rng = self.rng
        arguments = self.arguments()
        current: Bundle = tuple(Shape.of(*sizes) for sizes in inputs.values())
        env = self.document.inside(taken=set())
        env.values.update({"input": current} | {name: (shape,) for name, shape in zip(inputs, current, strict=True)})
        stages: dict[str, Any] = {}
        results: dict[str, Bundle] = {}
        for _ in range(rng.randint(1, 4)):
            name = self.name(env)
            tokens = not part and not stages and len(current) == 1 and current[0].rank == 1 and self.chance(0.3)
            piece = self.embedding(env, current) if tokens else self.keyed(env, name, current, room)
            current = piece.apply(env, current)
            env.values[name] = results[name] = current
            stages[name] = piece.tree
        tree: dict[str, Any] = {"name": rng.choice(["net", "a b", "3d", "class", "Net-1", "résumé", "x" * 90])}
        if self.chance(0.3):
            tree["source"] = rng.choice(
                ["He et al. 2015", 'a "quoted" \\ text', '"""', "two\nlines", "\x1b[31m \u202e"]
            )
        plain = len(inputs) == 1 and "image" not in str(stages) and self.chance(0.7)
        tree |= {"input": inputs["image"]} if plain else {"inputs": inputs}
        tree |= {"args": arguments} if arguments else {}
        tree |= {"defaults": self.defaults} if self.defaults else {}
        tree |= {"blocks": {block.name: block.tree for block in self.blocks.values()}} if self.blocks else {}
        tree["stages"] = stages
        return tree, results

    def embedding(self, env: Env, current: Bundle) -> Piece:
        """An embedding, which needs an input of its own."""
        op = BY_WORD["embedding"]
        return self.use(op, env, current, random_fields(self.rng, op, current[0]))

    def arguments(self) -> dict[str, Any]:
        """Arguments of the document, which its blocks see too."""
        arguments: dict[str, Any] = {}
        for name in self.rng.sample(NUMBERS, self.rng.choice([0, 0, 1, 2])):
            chosen = number(self.rng, self.rng.randint(1, 6), self.document.numbers)
            arguments[name] = chosen.tree
            self.document.numbers[name] = chosen.value(self.document.numbers)
        if self.chance(0.2):
            arguments["flag"] = self.document.options["flag"] = self.chance(0.5)
        if self.chance(0.1):
            arguments["kind"] = self.document.options["kind"] = self.rng.choice(["same", "zeros"])
        return arguments

    def outputs(self, tree: dict[str, Any], results: dict[str, Bundle]) -> dict[str, tuple[int, ...]]:
        """Chooses which stages are returned, the last or several, and returns the names of the outputs."""
        usable = [name for name in results if not self.means_something(self.document, name) and name not in BY_WORD]
        last = list(results)[-1]
        if len(usable) == len(results) and self.chance(0.3):
            others = [name for name in results if name != last and self.chance(0.5)]
            if others:
                tree["outputs"] = [*others, last]
                return _numbered({name: results[name] for name in tree["outputs"]})
            tree["output"] = last
        elif self.chance(0.2) and len(results[last]) == 1:
            tree["expect"] = {"output": list(results[last][0].sizes)}
        return _numbered({"output": results[last]})

    def passes(self, tree: dict[str, Any]) -> None:
        """Passes that mostly find what they look for."""
        known: dict[str, list[Any]] = {
            "residual": [{"stochastic_depth": {"survival": 0.5}}, "stochastic_depth", {"stochastic_depth": {"decay": "uniform", "mode": "row", "rescale": "train"}}],
            "mean": ["drop_path", {"drop_path": {"local": 0.3, "share": 1.0}}],
            "paths": ["grouped_paths"],
            "grouped": ["separate_paths", {"separate_paths": {"form": "concat"}}],
        }  # fmt: skip
        chosen = [self.rng.choice(known[motif]) for motif in sorted(self.motifs) if self.chance(0.3)]
        if self.chance(0.03):
            chosen.append({"lesion": {"drop": [self.rng.choice(list(tree["stages"]))]}})
        if chosen:
            tree["passes"] = chosen


def _numbered(results: dict[str, Bundle]) -> dict[str, tuple[int, ...]]:
    """The outputs by name: those of a bundle are numbered."""
    return {
        name if len(values) == 1 else f"{name}{number}": value.sizes
        for name, values in results.items()
        for number, value in enumerate(values)
    }


def document(seed: int, room: int = 4) -> Document:
    """The document of a seed."""
    for attempt in range(20):
        try:
            return Documents(Random(f"{seed} {attempt}")).make(room)
        except Misfit:
            continue
    raise AssertionError("nothing fits")
