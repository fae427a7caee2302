"""Independent mistakes are reported in one run; layers that depend on a mistake are not checked."""

from __future__ import annotations

import pytest

import archspec
from archspec.spec.environment import UNKNOWN
from tests.hostile import HEAD
from tests.programs import random_spec
from tests.sample import sampled


def found(stages: str, blocks: str = "", args: str = "") -> list[str]:
    """The messages for a network of these stages, each with its line and column."""
    head = HEAD + (f"args: {args}\n" if args else "") + (f"blocks: {blocks}\n" if blocks else "")
    return [f"{one.span.line}:{one.span.column} {one.message}" for one in archspec.check(f"{head}stages: {stages}\n")]


WRONG = "{add: [identity, conv: 5]}"
"""A layer whose shapes do not fit 4 channels."""
ADD = "add needs equal shapes"


@pytest.mark.parametrize(
    "reader",
    [
        "[conv: 8, batchnorm, relu]",
        "{add: [identity, conv: 7]}",
        "{add: [identity, {layers: [globalpool], from: input}]}",
        "{concat: [identity, {layers: [flatten], from: input}]}",
        "{multiply: [identity, [globalpool, flatten, linear: 3]]}",
        "{split: [1, 2, 900]}",
        "{bundle: [identity, relu]}, linear: 3",
        "{relu: {}, from: [one, one]}",
        "{each: {layers: [conv: 3]}}",
        "{repeat: {times: channels, layers: [conv: 3]}}",
        "{repeat: {times: 3, layers: [conv: channels / 3, maxpool: 100]}}",
        "{repeat: {times: 3, share: true, layers: [conv: channels * 2]}}",
        "{nest: {times: 3, core: [conv: 3], layers: [add: [core, core]]}}",
        "{pair: {}}",
        "{sized: channels}",
        "{sized: {n: channels / 2}}",
        "{handed: [conv: channels]}",
        "{reshape: [7, -1]}",
        "{attention: 3}",
        "{matmul: {}, from: [one, one, one]}",
        "{identity: {}, as: [left, right, other]}, {add: [left, right]}",
    ],
)
def test_what_reads_an_unknown_value_is_not_judged(reader: str) -> None:
    blocks = "{pair: {inputs: [a, b], layers: [add: [a, [b, linear: 3]]], outputs: [a, b]}, sized: {args: {n: int}, layers: [conv: n, maxpool: n]}, handed: {args: {x: layer}, layers: [x, x]}}"
    assert [text.partition(" ")[2] for text in found(f"{{one: {WRONG}, two: [{reader}]}}", blocks)] == [ADD]


@pytest.mark.parametrize(
    ("layers", "messages"),
    [
        (f"[{WRONG}, conv: 5]", [ADD]),
        (f"[{WRONG}, {{conv: {{out: n / 2, kernel: 9}}}}]", [ADD, "out of conv needs a whole number, got 1.5"]),
        (f"[{WRONG}, {{layers: [{WRONG}], from: input}}]", [ADD]),
        (f"{{concat: [{WRONG}, [maxpool: 100], [linear: 3, flatten]]}}", [ADD, "a kernel of 100 does not fit into 8×8 with padding 0", "linear needs features, or channels as the last axis; got 4 channels × 8 height × 8 width"]),
        (f"[{{bundle: [{WRONG}, relu]}}, {{each: {{layers: [maxpool: 100]}}}}]", [ADD, "a kernel of 100 does not fit into 8×8 with padding 0"]),
        (f"{{layers: {{a: {WRONG}, b: {{layers: [maxpool: 100], from: input}}}}}}", [ADD, "a kernel of 100 does not fit into 8×8 with padding 0"]),
        ("[{sized: {n: n / 2}}, linear: 3]", ["n of sized needs a whole number; n / 2 is 1.5"]),
        ("[{sized: {n: n / 2, s: n / 4}}]", ["n of sized needs a whole number; n / 2 is 1.5", "s of sized needs a whole number; n / 4 is 0.75"]),
        ("[{pair: {}}, {split: [1, 3]}]", ["pair takes 2 values (a, b), got one value"]),
        ("[{split: [2, 2]}, {identity: {}, as: [a, b, c]}, {layers: [linear: 3], from: c}]", ["as has 3 names for 2 values"]),
        ("[{split: [2, 2]}, linear: 3, {layers: [linear: 3], from: input}]", ["linear needs a single value, got a bundle of 2", "linear needs features, or channels as the last axis; got 4 channels × 8 height × 8 width"]),
        ("[{repeat: {times: n / 2, layers: [linear: 3]}}, {layers: [linear: 3], from: input}]", ["times of repeat needs a whole number; n / 2 is 1.5", "linear needs features, or channels as the last axis; got 4 channels × 8 height × 8 width"]),
        ("[{layers: {a: relu, b: sigmoid}}, {repeat: {times: 2, layers: {a: relu}}}, linear: 3]", ["the name 'a' is taken in this scope", "linear needs features, or channels as the last axis; got 4 channels × 8 height × 8 width"]),
    ],
)  # fmt: skip
def test_independent_mistakes_come_together(layers: str, messages: list[str]) -> None:
    blocks = "{pair: {inputs: [a, b], layers: [add: [a, b]]}, sized: {args: {n: int, s: int}, layers: [conv: n, maxpool: s]}}"
    blocks = (
        blocks.replace("s: int", "s: int, t: 1")
        if "s: n" in layers
        else blocks.replace(", s: int", "").replace("s]", "1]")
    )
    assert sorted(text.partition(" ")[2] for text in found(f"{{one: {layers}}}", blocks, "{n: 3}")) == sorted(messages)


def test_they_are_in_the_order_of_their_places() -> None:
    text = f"{{one: {WRONG}, two: {{maxpool: 100, from: input}}, three: {{linear: 3, from: input}}, four: {{layers: [{WRONG}], from: input}}}}"
    places = [text.partition(" ")[0] for text in found(text)]
    assert len(places) == 3, "those that say the same are one"
    assert places == sorted(places, key=lambda place: tuple(map(int, place.split(":"))))


def test_a_mistake_in_a_block_is_one_however_often_the_block_is_used() -> None:
    blocks = f"{{b: [{WRONG}], c: [b, b]}}"
    assert found("{one: [c, {c: {}, from: input}, {b: {}, from: input}]}", blocks) == [f"3:15 {ADD}"]


def test_a_mistake_of_all_turns_is_one() -> None:
    turns = "{bundle: [copies: {times: 50, index: i, layers: [conv: 1 / (2 * i)]}]}"
    assert found(f"{{one: {turns}}}") == ["3:70 out of conv needs a whole number, got 0.5"]


def test_a_mistake_is_not_one_with_another_at_the_same_place_in_another_use() -> None:
    blocks = "{b: {args: {n: int}, layers: [conv: 1 / n]}}"
    assert len(found("{one: {b: 2}, two: {b: 3, from: input}}", blocks)) == 2


def test_at_most_a_hundred_are_reported() -> None:
    stages = ", ".join(f"s{at}: {{maxpool: {100 + at}, from: input}}" for at in range(150))
    assert len(found(f"{{{stages}}}")) == 100


def test_layers_that_lead_nowhere_are_reported_beside_shapes_that_do_not_fit() -> None:
    lost = "two (relu) reaches no output"
    assert found(f"{{one: relu, two: relu, three: {{layers: [{WRONG}], from: one}}}}")[0].endswith(lost)


def test_what_a_wrong_layer_reads_leads_somewhere() -> None:
    text = "{one: relu, two: {relu: {}, from: input}, three: {add: [one, [two, conv: 5]]}, four: {conv: 3}}"
    assert [line.partition(" ")[2] for line in found(text)] == [ADD]


def test_nothing_is_said_of_what_layers_read_that_are_skipped() -> None:
    text = (
        "{one: relu, two: [{layers: [relu], from: input}, {repeat: {times: n / 2, layers: [{add: [one, identity]}]}}]}"
    )
    assert [line.partition(" ")[2] for line in found(text, args="{n: 3}")] == [
        "times of repeat needs a whole number; n / 2 is 1.5"
    ]


def test_what_is_expected_is_not_compared_then() -> None:
    spec = f"{HEAD}stages: {{one: {WRONG}}}\nexpect: {{params: 1, output: [9]}}\n"
    assert [one.message for one in archspec.check(spec)] == [ADD]


def test_an_unknown_argument_is_shown_as_such() -> None:
    blocks = "{b: {args: {n: int}, layers: [{layers: [linear: 3], from: input}]}}"
    (first, second) = archspec.check(f"{HEAD}args: {{n: 3}}\nblocks: {blocks}\nstages: {{one: {{b: n / 2}}}}\n")
    assert first.message.startswith("linear needs")
    assert str(first.use) == "b(n=?)"
    assert second.message.startswith("n of b needs")


def test_an_input_that_is_wrong_is_unknown() -> None:
    spec = "name: a\ninputs: {x: [4, 0], y: [4, 8, 8]}\nstages: {one: [x, linear: 3], two: {linear: 3, from: y}, three: {concat: [one, two]}}\n"
    assert [one.message for one in archspec.check(spec)] == [
        "an input has whole sizes of at least 1, got [4, 0]",
        "linear needs features, or channels as the last axis; got 4 channels × 8 height × 8 width",
    ]


@pytest.mark.parametrize("seed", sampled(range(300), range(0, 300, 3)))
def test_no_unknown_value_gets_into_a_network(seed: int) -> None:
    """Random specs load, or are refused with mistakes that are each reported once."""
    try:
        network = archspec.load(random_spec(seed)).graph
    except archspec.SpecError as error:
        mistakes = [(one.message, one.span) for one in error.diagnostics]
    else:
        mistakes = []
        values = [value for node in network.ops for value in (*node.inputs, *node.outputs)]
        assert all(value is not UNKNOWN for value in (*values, *network.outputs.values()))
    assert len(set(mistakes)) == len(mistakes)
