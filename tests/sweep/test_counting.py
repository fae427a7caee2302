"""Variants counted by memo have the counts of a full compilation, integer for integer."""

from __future__ import annotations

import os
import random
from dataclasses import astuple
from typing import Any

import pytest

import archspec
from archspec.analysis.counts import sum_costs
from archspec.errors import SpecError
from archspec.spec.yaml_tree import Scalar
from archspec.sweep import counting
from archspec.sweep.counting import VariantCounter, VariantCounts
from archspec.sweep.sections import load_point
from tests.sample import every_spec


def count_in_full(arch: archspec.Architecture) -> tuple[object, ...]:
    """The counts that the analyses compute of a whole graph."""
    cost, paths = sum_costs(arch.graph), arch.paths()
    return (
        cost.params,
        cost.buffers,
        cost.macs,
        cost.acts,
        cost.memory,
        arch.depth,
        paths.total,
        paths.mean,
        paths.longest,
        paths.shortest,
    )


@pytest.mark.parametrize("name", every_spec())
def test_a_bundled_network_has_its_counts_at_first_and_again(name: str) -> None:
    counter = VariantCounter(name)
    whole = count_in_full(archspec.load(name))
    assert exact(counter.count()) == whole
    assert exact(counter.count()) == whole  # now from the memo


def exact(counts: VariantCounts) -> tuple[object, ...]:
    """The counts without the hash of the structure, which no analysis of a whole graph has."""
    return astuple(counts)[:-1]


def draw_variant(counter: VariantCounter, draw: random.Random) -> dict[str, Any]:
    """New values for up to three of the numbers among the arguments of a spec."""
    numbers = {
        name: int(parameter.default.text)
        for name, parameter in counter.program.parameters.items()
        if isinstance(parameter.default, Scalar) and parameter.default.text.isdecimal()
    }
    chosen = draw.sample(sorted(numbers), min(len(numbers), draw.randint(1, 3)))
    return {name: draw.choice((numbers[name] + 1, 2 * numbers[name], max(1, numbers[name] // 2), 3)) for name in chosen}


def check_variant(counter: VariantCounter, spec: str, arguments: dict[str, Any]) -> bool:
    """Compares the counts of a variant, or that both ways refuse it; returns whether it is a network."""
    try:
        whole = count_in_full(archspec.load(spec, **arguments))
    except SpecError as error:
        with pytest.raises(SpecError) as again:
            counter.count(**arguments)
        assert str(again.value) == str(error), arguments  # noqa: PT017 - both are compared
        return False
    assert exact(counter.count(**arguments)) == whole, (spec, arguments)
    return True


SMALL = (
    "cifar_resnet20_A",
    "cifar10_densenet_40_k12",
    "dmrnet_d14",
    "dpn68",
    "fractalnet20",
    "highway_mnist_fc10",
    "unet",
)


@pytest.mark.parametrize("spec", SMALL)
def test_random_variants_have_their_counts(spec: str) -> None:
    counter, draw = VariantCounter(spec), random.Random(0)
    assert any([check_variant(counter, spec, draw_variant(counter, draw)) for _ in range(6)])


VARIANTS = int(os.environ.get("ARCHSPEC_VARIANTS", "400"))
"""In a run of hours: 2,000 were equal."""


@pytest.mark.slow
def test_many_random_variants_have_their_counts() -> None:
    draw = random.Random(1)
    counters: dict[str, VariantCounter] = {}
    names = [entry.name for entry in archspec.load_zoo() if entry.depth < 300]
    networks = 0
    for _ in range(VARIANTS):
        spec = draw.choice(names)
        counter = counters.setdefault(spec, VariantCounter(spec))
        networks += check_variant(counter, spec, draw_variant(counter, draw))
    assert networks > VARIANTS // 2


TINY = """
name: tiny
input: [8]
args: {width: 8, body: [linear: 8, relu]}
blocks:
  unit:
    args: {keep: [identity]}
    layers: [add: [body, keep]]
stages:
  first: unit
  second: {unit: {keep: [linear: width]}}
  third: unit
"""


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"width": 8, "body": "[linear: 8]"},
        {"body": "{add: [identity, linear: 8]}"},
        {"width": 9},
        {"no": 1},
        {"width": "relu"},
    ],
)
def test_layers_and_mistakes_are_those_of_a_full_compilation(arguments: dict[str, Any]) -> None:
    counter = VariantCounter(TINY)
    counter.count()
    check_variant(counter, TINY, arguments)


def test_one_value_in_two_operands_is_not_two_values() -> None:
    text = """
name: twice
input: [4]
blocks:
  pair: {inputs: [a, b], layers: [add: [a, {linear: 4, from: b}]]}
stages:
  x: {linear: 4}
  one: {pair: {}, from: [x, x]}
  two: {pair: {}, from: [one, x]}
"""
    counter = VariantCounter(text)
    assert exact(counter.count()) == exact(counter.count()) == count_in_full(archspec.load(text))


def test_later_variants_use_what_earlier_ones_elaborated() -> None:
    counter = VariantCounter("resnet50")
    counter.count()
    before = len(counter.memo.summaries)
    counter.count(classes=10)
    assert len(counter.memo.summaries) == before
    counter.count(depth3=7)
    assert len(counter.memo.summaries) - before == 1  # the stage, of known units


DEFAULTS = """
name: defaults
input: [3, 16, 16]
args: {width: 8, pads: 1, bias: false}
defaults: {conv: {padding: pads, bias: bias}}
blocks:
  unit: {args: {out: int, unread: 2 * out}, layers: [conv: {out: out, kernel: 3}, relu]}
  pair: {layers: [unit: width, unit: width]}
stages: {body: {repeat: {times: 2, layers: [pair]}}, fc: [globalpool, linear: 10]}
"""


def test_what_defaults_read_tells_variants_apart() -> None:
    counter = VariantCounter(DEFAULTS)
    for arguments in ({}, {"pads": 2}, {"bias": "true"}, {"width": 4}, {"pads": 0, "width": 4}, {}):
        assert check_variant(counter, DEFAULTS, arguments)


def test_an_argument_that_no_layer_reads_is_no_part_of_what_a_block_depends_on() -> None:
    text = DEFAULTS.replace("unit: width, unit: width", "unit: {out: width, unread: 1}, unit: {out: width, unread: 2}")
    counter = VariantCounter(text.replace("input: [3", "input: [8"))
    counter.count()
    assert len(counter.memo.summaries) == 2  # a unit and a pair


def test_a_point_with_other_stages_has_the_arguments_of_the_base() -> None:
    counter, parts = VariantCounter(TINY), {"stages.third": None}
    counter.count(body="[linear: 8, sigmoid]")
    assert counter.count(**parts) == VariantCounter(TINY).count(**parts)


def test_what_a_counter_keeps_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_KNOWN", 5)
    counter = VariantCounter(TINY)
    for width in range(1, 40):
        body = f"[linear: {width}, relu, linear: 8]"
        assert counter.count(body=body).params == archspec.load(TINY, body=body).params
        assert len(counter.memo.summaries) < 12


def test_equal_networks_have_one_hash_in_whatever_order_they_are_counted() -> None:
    first, second = VariantCounter(TINY), VariantCounter(TINY)
    bodies = ("[linear: 8, relu]", "[linear: 8, sigmoid]", "[linear: 8, relu]")
    hashes = [first.count(body=body).structure for body in bodies]
    assert hashes[0] == hashes[2] == second.count().structure
    swapped = TINY.replace("add: [body, keep]", "add: [keep, body]")
    assert VariantCounter(swapped).count().structure == hashes[0]
    assert VariantCounter(TINY.replace("relu", "sigmoid")).count().structure != hashes[0]


def test_a_value_used_twice_is_not_two_equal_values() -> None:
    text = "{name: a, input: [4], stages: {x: {linear: 4}, y: {add: [X, Y]}}}"
    one = text.replace("X, Y", "x, x")
    two = "{name: a, input: [4], stages: {y: {add: [linear: 4, linear: 4]}}}"
    assert VariantCounter(one).count().structure != VariantCounter(two).count().structure


def test_blocks_and_stages_are_values() -> None:
    unit = {"args": {"keep": ["identity"]}, "layers": [{"add": ["body", {"linear": 8}]}]}
    counter = VariantCounter(TINY)
    for parts in (
        {"blocks.unit": unit},
        {"stages.third": None},
        {"stages.first": ["relu", {"linear": 9}, {"linear": 8}], "width": 8},
    ):
        arch = load_point(TINY, parts)
        assert exact(counter.count(**parts)) == count_in_full(arch)
        assert arch.params != archspec.load(TINY).params
    with pytest.raises(SpecError, match="the base has no stage 'fourth'"):
        counter.count(**{"stages.fourth": "relu"})


SHARING = {
    "a block again": """
name: albert
input: {tokens: 5, features: 8}
args: {depth: 4, width: 16}
blocks:
  mlp: {args: {w: int}, layers: [linear: w, gelu, linear: 8]}
  encoder:
    layers:
      attention: {add: [layers: {norm: layernorm, heads: {attention: 2}}, identity]}
      mlp: {add: [layers: {norm: layernorm, up: {mlp: width}}, identity]}
stages:
  first: encoder
  layer: encoder
  again: {repeat: {times: depth - 1, layers: [reuse: layer]}}
  last: encoder
""",
    "networks with blocks of the same names": """
name: pair
input: [3, 32, 32]
args: {width: 8, depth: 2}
blocks:
  bottleneck: {args: {width: int}, layers: [conv: width, relu]}
  stage: {args: {width: int}, layers: [conv: {out: width, kernel: 3}]}
stages:
  stem: [bottleneck: 3, stage: 3, bottleneck: 3]
  left: {network: {spec: resnet50, args: {base: width, depth1: depth}, outputs: layer1}}
  right: {network: {spec: resnet50, args: {base: 2 * width}, outputs: layer1}, FROM: stem}
  end: {concat: [left, right]}
""",
    "a network again, in a block": """
name: siamese
inputs: {a: [3, 32, 32], b: [3, 32, 32]}
args: {width: 8}
blocks:
  body: {args: {w: int}, layers: [network: {spec: cifar_resnet20_A, args: {classes: w}}]}
  two: {args: {w: int}, inputs: [l, r], layers: {x: {body: w, FROM: l}, y: {reuse: x, FROM: r}, z: {concat: [x, y]}}}
stages:
  one: {two: width, FROM: [a, b]}
  other: {two: width, FROM: [b, a]}
  end: {add: [one, other]}
""",
}


@pytest.mark.parametrize("case", SHARING)
def test_layers_and_networks_that_are_used_again_are_counted_right(case: str) -> None:
    text = SHARING[case].replace("FROM", "from")
    counter = VariantCounter(text)
    numbers = sorted(counter.program.parameters)
    for value in (2, 4, 2, 6):
        for name in numbers:
            assert check_variant(counter, text, {name: value})
