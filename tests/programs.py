"""Random specs in which every word can be bound, so that errors are only found during elaboration."""

from __future__ import annotations

from random import Random
from typing import Any

from archspec.spec.yaml_writer import write_yaml

Layer = Any


class Writer:
    """Writes the spec of one random number generator."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names = 0
        self.values: list[str] = []

    def spec(self) -> str:
        """A whole spec."""
        blocks = {
            "unit": {"args": {"n": "int", "s": 1}, "layers": self.layers(2, ["n", "n * s", "n / 2", 4])},
            "around": {"args": {"x": "layer", "n": 3}, "layers": ["x", *self.layers(1, ["n", 4]), "x"]},
        }
        self.values = []
        stages = {}
        for at in range(self.random.randint(1, 4)):
            stages[f"s{at}"] = self.layer(3, ["w", 4, "channels", "channels / 2", "2 * w"])
            self.values.append(f"s{at}")
        whole = {"name": "random", "input": self.random.choice([[4, 8, 8], [8], [6, 4]]), "args": {"w": 4}}
        return write_yaml({**whole, "blocks": blocks, "stages": stages})

    def layers(self, depth: int, widths: list[Any]) -> list[Layer]:
        return [self.layer(depth, widths) for _ in range(self.random.randint(0, 3))]

    def layer(self, depth: int, widths: list[Any]) -> Layer:
        """One layer, with at most `depth` nested levels."""
        kinds = (
            [self.op, self.op, self.named] if depth == 0 else [self.op, self.join, self.turns, self.block, self.many]
        )
        return self.random.choice(kinds)(depth - 1, widths)

    def op(self, _: int, widths: list[Any]) -> Layer:
        width = self.random.choice(widths)
        return self.random.choice(
            [
                "relu",
                "identity",
                "batchnorm",
                "globalpool",
                "flatten",
                {"linear": width},
                {"conv": {"out": width, "kernel": 3, "padding": "same"}},
                {"conv": {"out": width, "kernel": self.random.randint(1, 4)}},
                {"maxpool": 2},
                {"scale": width},
                {"reshape": [width, -1]},
            ]
        )

    def named(self, _: int, __: list[Any]) -> Layer:
        return self.random.choice(self.values) if self.values else "relu"

    def join(self, depth: int, widths: list[Any]) -> Layer:
        word = self.random.choice(["add", "concat", "mean", "max", "multiply"])
        return {word: ["identity", *self.layers(depth, widths), self.layer(depth, widths)]}

    def turns(self, depth: int, widths: list[Any]) -> Layer:
        body = self.layers(depth, [*widths, "i", "4 / i"])
        times = self.random.choice([0, 1, 2, 5, "channels", "w"])
        match self.random.choice(["repeat", "share", "copies", "each", "nest"]):
            case "repeat":
                return {"repeat": {"times": times, "index": "i", "layers": body}}
            case "share":
                return {"repeat": {"times": times, "index": "i", "share": True, "layers": body}}
            case "copies":
                return {"concat": ["relu", {"copies": {"times": times, "index": "i", "layers": body}}]}
            case "each":
                pair = {"bundle": ["relu", self.layer(0, widths)]}
                return [pair, {"each": {"index": "i", "layers": body}}, {"concat": ["identity"]}]
        return {
            "nest": {
                "times": 2,
                "index": "i",
                "core": self.layer(0, widths),
                "layers": [*body, {"add": ["core", "core"]}],
            }
        }

    def block(self, depth: int, widths: list[Any]) -> Layer:
        if depth < 1 or self.random.random() < 0.5:
            return {"unit": {"n": self.random.choice([3, 4, "w", "w / 3"]), "s": self.random.choice([1, 2])}}
        return {"around": {"x": self.layer(0, widths), "n": self.random.choice([2, 5])}}

    def many(self, depth: int, widths: list[Any]) -> Layer:
        if depth > 0 and self.random.random() < 0.3:
            self.names += 1
            parts = [f"p{self.names}a", f"p{self.names}b"]
            sizes = self.random.choice([[2, 2], ["channels / 2", "channels / 2"], [1, "channels - 1"]])
            return [
                {"split": sizes, "as": parts},
                {"concat": [{self.random.choice(["add", "concat"]): [parts[0], parts[1]]}, parts[1]]},
            ]
        return self.layers(depth, widths)


def random_spec(seed: int) -> str:
    """The spec of a seed."""
    return Writer(Random(seed)).spec()
