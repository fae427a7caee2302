"""Small networks of shapes that no bundled one has, for tests of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import archspec
from archspec.ir.graph import Graph

Spec = dict[str, Any]
_LONG = "a_very_long_name_of_a_stage_that_a_generator_has_written"
_DOWN = {"out": 16, "kernel": 3, "stride": 2, "padding": "same"}


def make_pyramid() -> Spec:
    """A feature pyramid (Lin et al. 2017, arXiv:1612.03144) with five outputs."""
    stages: Spec = {"c1": {"conv": 8}}
    stages |= {f"c{level}": [{"conv": _DOWN}, "batchnorm", "relu"] for level in range(2, 6)}
    stages["p5"] = {"conv": 16, "from": "c5"}
    for level in (4, 3, 2):
        stages[f"lateral{level}"] = {"conv": 16, "from": f"c{level}"}
        stages[f"p{level}"] = {"add": [f"lateral{level}", [f"p{level + 1}", {"upsample": 2}]]}
    stages |= {f"out{level}": {"conv": 16, "from": f"p{level}"} for level in (2, 3, 4, 5)}
    stages["p6"] = {"maxpool": {"kernel": 1, "stride": 2}, "from": "out5"}
    return {"input": [3, 64, 64], "stages": stages, "outputs": ["out2", "out3", "out4", "out5", "p6"]}


def make_heads() -> Spec:
    """Five heads on four levels."""
    stages: Spec = {f"c{level}": [{"conv": _DOWN}, "relu"] for level in range(4)}
    stages |= {f"head{number}": {"conv": 4, "from": f"c{number % 4}"} for number in range(5)}
    return {"input": [3, 64, 64], "stages": stages, "outputs": [f"head{number}" for number in range(5)]}


def make_inputs() -> Spec:
    """Six inputs, each with its encoder."""
    encoders: Spec = {
        f"encoder{number}": {"layers": [{"conv": 8}, "relu"], "from": f"in{number}"} for number in range(6)
    }
    stages = {**encoders, "joined": {"concat": list(encoders)}, "out": {"conv": 4}}
    return {"inputs": {f"in{number}": [3, 16, 16] for number in range(6)}, "stages": stages}


def make_branches(count: int) -> Spec:
    """Branches of an input that are added."""
    branches: Spec = {f"branch{number}": {"conv": 8, "from": "input"} for number in range(count)}
    return {"input": [8, 8, 8], "stages": {**branches, "sum": {"add": list(branches)}}}


def make_dense() -> Spec:
    """Each stage reads all before it."""
    stages: Spec = {"s0": {"conv": 8}}
    for number in range(1, 13):
        stages[f"s{number}"] = [{"concat": [f"s{before}" for before in range(number)]}, {"conv": 8}]
    return {"input": [3, 8, 8], "stages": stages}


def make_random(count: int) -> Spec:
    """Sums of some of the twelve stages before each: a graph that is not series-parallel."""
    random = Random(count)
    stages: Spec = {"n0": {"conv": 8}}
    for number in range(1, count):
        near = range(max(0, number - 12), number)
        read = [f"n{place}" for place in random.sample(near, min(len(near), random.choice((1, 1, 2, 2, 3))))]
        stages[f"n{number}"] = [{"add": read}, {"conv": 8}] if len(read) > 1 else {"conv": 8, "from": read[0]}
    used = {name for stage in stages.values() for name in _list_read(stage)}
    stages["end"] = {"add": [name for name in stages if name not in used]}
    return {"input": [8, 8, 8], "stages": stages}


def _list_read(stage: Any) -> list[str]:
    return stage[0]["add"] if isinstance(stage, list) else [stage["from"]] if "from" in stage else []


def make_long_names() -> Spec:
    """Names that are as long as a line, and a name of the network with characters that formats have for markup."""
    stages: Spec = {f"{_LONG}_{number}": [{"conv": 8}, "batchnorm", "relu"] for number in range(5)}
    stages[f"{_LONG}_beside"] = {"conv": 8, "from": f"{_LONG}_0"}
    return {
        "input": [3, 16, 16],
        "source": 'A & B <1999>, "x", 100 % of $5, #1 {a}_b^c~d\\e `f` |g| ]]> --> {{h}}',
        "stages": {**stages, f"{_LONG}_sum": {"add": [f"{_LONG}_beside", f"{_LONG}_4"]}},
    }


def make_nested() -> Spec:
    """Fourteen skip connections around each other, each with frames of its own."""
    layer: Any = [{"conv": 8}, "relu"]
    for level in range(14):
        layer = {"layers": {f"level{level}": {"add": ["identity", {"layers": {f"in{level}": layer}}]}}}
    return {"input": [8, 8, 8], "stages": {"trunk": layer, "head": {"conv": 2}}}


def make_recurrent() -> Spec:
    """A cell unrolled over seven steps, and layers that are used three times in a row."""
    cell = {"inputs": ["x", "h"], "layers": [{"concat": ["x", "h"]}, {"linear": 16}, "tanh"]}
    turn = [{"bundle": [["sequence", {"token": "t"}], "identity"]}, "cell"]
    return {
        "inputs": {"sequence": [7, 8], "h": [16]},
        "blocks": {"cell": cell},
        "stages": {
            "steps": {"repeat": {"times": 7, "share": True, "index": "t", "layers": turn}, "from": "h"},
            "middle": {"linear": 12},
            "again": {"repeat": {"times": 3, "share": True, "layers": [{"linear": 12}, "relu"]}},
            "out": {"linear": 2},
        },
    }


def make_empty() -> Spec:
    """Stages without layers."""
    return {"input": [3, 8, 8], "stages": {"a": {"conv": 8}, "nothing": [], "b": "identity", "_": "relu"}}


ODD: Mapping[str, Callable[[], Spec]] = {
    "pyramid": make_pyramid,
    "heads": make_heads,
    "inputs": make_inputs,
    "branches12": lambda: make_branches(12),
    "branches40": lambda: make_branches(40),
    "dense": make_dense,
    "random20": lambda: make_random(20),
    "random400": lambda: make_random(400),
    "long_names": make_long_names,
    "nested": make_nested,
    "recurrent": make_recurrent,
    "one_layer": lambda: {"input": [8], "stages": {"fc": {"linear": 3}}},
    "no_layer": lambda: {"input": [8], "stages": {"a": "identity"}},
    "empty": make_empty,
}


def load_odd(name: str) -> Graph:
    """One of these networks; its name has characters of several scripts and of markup."""
    return archspec.load({"name": f"{name} сеть 深い網 <&\"'_%$#{{}}~^\\`|>", **ODD[name]()}).graph
