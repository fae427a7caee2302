"""The semantics of layers: values, bundles, closures, iterators, arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import archspec
from archspec.ir.graph import Node
from archspec.spec.expression_parser import parse_expression
from archspec.spec.expressions import evaluate_expression
from archspec.spec.flatten import flatten_document
from tests.references import torchvision


def load(
    stages: str, *, blocks: str = "", head: str = "", image: str = "[4, 8, 8]", **overrides: Any
) -> archspec.Architecture:
    parts = ["name: a", f"input: {image}", head, f"blocks:\n{blocks}" if blocks else "", f"stages:\n{stages}"]
    return archspec.load("\n".join(part for part in parts if part) + "\n", **overrides)


def ops(architecture: archspec.Architecture) -> list[Node]:
    return list(architecture.graph.ops)


def outs(architecture: archspec.Architecture) -> list[int]:
    """The widths of all convolutions, in order."""
    return [node.output_shapes[0].channels for node in ops(architecture) if node.op.word in ("conv", "linear")]


def refused(stages: str, **parts: Any) -> archspec.Diagnostic:
    with pytest.raises(archspec.SpecError) as caught:
        load(stages, **parts)
    return caught.value.diagnostics[0]


# -- arithmetic -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 3 * 3", 1),
        ("0.1 * 3 * 10", 3),
        ("7 // 2", 3),
        ("-7 // 2 + 5", 1),
        ("2 * (3 + 4)", 14),
        ("10 - 4 - 3", 3),
        ("24 / 4 / 2", 3),
        ("-(-3)", 3),
        ("1e1", 10),
        ("0x10", 16),
        ("0o10", 8),
        ("010", 10),
        ("+8", 8),
        ("channels", 4),
        ("channels * w / 2", 12),
        ("half * 2", 1),
        ("1e-5 * 1e5 * 7", 7),
    ],
)
def test_arithmetic_is_exact(text: str, value: int) -> None:
    assert outs(load(f"  one: {{conv: {text}}}", head="args: {w: 6, half: 0.5}")) == [value]


def test_round_is_the_rule_of_mobilenets() -> None:
    """All widths that MobileNetV2 and V3 come by, against torchvision's function."""
    _make_divisible = torchvision().models._utils._make_divisible
    for width in range(1, 400, 7):
        for multiplier in ("0.35", "0.5", "0.75", "1.4"):
            found = evaluate_expression(parse_expression(f"{multiplier} * {width} round 8"), lambda _: None)
            assert found == _make_divisible(float(multiplier) * width, 8), (multiplier, width)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 ** 3 * 2", 16),
        ("-2 ** 2", -4),
        ("2 ** -1 * 4", 2),
        ("7 % 4 + 1", 4),
        ("2 + 3 max 4 min 9", 5),
        ("2 * sizes at i - 1", 7),
        ("sizes at (i - 1) ** 2", 9),
        ("100 round 8", 104),
        ("100 round 8 max 200", 200),
    ],
)
def test_words_stand_between_operands(text: str, value: int) -> None:
    names: dict[str, Any] = {"i": Fraction(2), "sizes": (Fraction(3), Fraction(4))}
    assert evaluate_expression(parse_expression(text), names.__getitem__) == value


def test_a_list_has_a_number_for_each_turn() -> None:
    graph = archspec.load(
        "{name: a, input: [3, 9, 9], args: {dilations: [1, 2, 4]}, stages: {body: {repeat: {times: 3, index: i, "
        "layers: [conv: {out: 4 max channels, kernel: 3, padding: same, dilation: dilations at i}]}}}}"
    ).graph
    assert [dict(node.op)["dilation"] for node in graph.ops] == [1, 2, 4]


@pytest.mark.parametrize("text", ["0.5", ".5", "5e-1", "1 / 2", "1 - 1 / 2"])
def test_a_float_is_rounded_once(text: str) -> None:
    assert ops(load(f"  one: {{dropout: {text}}}"))[0].op.p == 0.5  # type: ignore[attr-defined]


def test_a_third_is_the_nearest_float() -> None:
    assert ops(load("  one: {dropout: 1 - 2 / 3}"))[0].op.p == 1 / 3  # type: ignore[attr-defined]


def test_no_is_a_word_and_quotes_make_text() -> None:
    assert "needs true or false" in refused("  one: {conv: {out: 4, bias: no}}").message
    assert "whole number" in refused('  one: {conv: "4"}').message


# -- values -----------------------------------------------------------------------------------------------------------


def test_a_named_value_stands_for_itself() -> None:
    found = ops(load("  one: [{conv: 4, as: x}, relu, {add: [identity, x]}]"))
    assert [value.node for value in found[2].inputs] == [found[1].id, found[0].id]


def test_the_same_value_twice_is_two_edges() -> None:
    architecture = load("  one: [{relu: {}, as: x}, add: [x, x]]")
    assert architecture.to_networkx().number_of_edges() == 3


def test_from_applies_to_a_named_value_or_several() -> None:
    found = ops(
        load(
            "  one: {conv: 2}\n  two: {conv: 3}\n  three: {conv: 5, from: one}\n  four: {concat: [identity], from: [three, two]}"
        )
    )
    assert found[3].output_shapes[0].channels == 8
    assert found[2].inputs[0].node == found[0].id


def test_input_is_the_block_s_own() -> None:
    found = ops(load("  one: {conv: 4}\n  two: unit", blocks="  unit: [relu, add: [identity, input]]"))
    assert [value.node for value in found[2].inputs] == [found[1].id, found[0].id]


@pytest.mark.parametrize(
    "stages",
    [
        "  one: [[{relu: {}, as: x}], x]",
        "  one: [add: [{relu: {}, as: x}, relu], x]",
        "  one: [x, {relu: {}, as: x}]",
        "  one: [repeat: {times: 1, layers: [{relu: {}, as: x}]}, x]",
        "  one: {unit: {y: {relu: {}, as: x}}}\n  two: [x]",
        "  one: {nest: {times: 1, core: {relu: {}, as: x}, layers: [core]}}\n  two: [x]",
    ],
)
def test_a_name_holds_behind_it_in_the_same_body_only(stages: str) -> None:
    assert "'x' is no op" in refused(stages, blocks="  unit: {args: {y: [identity]}, layers: [y]}").message


def test_a_block_sees_nothing_of_its_user() -> None:
    assert (
        "cannot be seen" in refused("  stem: {conv: 4}\n  two: unit", blocks="  unit: [add: [identity, stem]]").message
    )
    assert (
        "no number"
        in refused("  one: {outer: 3}", blocks="  outer: {args: {w: int}, layers: [inner]}\n  inner: [conv: w]").message
    )


def test_a_layer_that_reaches_no_output_is_an_error() -> None:
    assert "reaches no output" in refused("  one: [{relu: {}, as: x}, {conv: 4, as: y}, x]").message


def test_values_of_a_bundle_may_be_left() -> None:
    assert load("  one: [{split: [1, 3], as: [x, y]}, y]").output_shapes == {"output": (3, 8, 8)}


def test_outputs_are_named_by_their_stages() -> None:
    assert load("  one: {conv: 2}\n  two: {conv: 3}", head="outputs: [one, two]").output_shapes == {
        "one": (2, 8, 8),
        "two": (3, 8, 8),
    }
    assert load("  one: {conv: 2}\n  two: {bundle: [relu, identity]}").output_shapes == {
        "output0": (2, 8, 8),
        "output1": (2, 8, 8),
    }


# -- bundles and joins ------------------------------------------------------------------------------------------------


def test_a_join_of_one_value_is_that_value() -> None:
    assert [node.op.word for node in ops(load("  one: [add: [relu]]"))] == ["relu"]


def test_a_bundle_among_branches_stands_for_its_values() -> None:
    found = ops(load("  one: [{bundle: [relu, sigmoid], as: both}, add: [both, [input, tanh]]]"))
    assert len(found[-1].inputs) == 3


def test_a_mean_of_means_is_not_flattened() -> None:
    assert [node.op.word for node in ops(load("  one: {mean: [relu, mean: [sigmoid, tanh]]}"))].count("mean") == 2


def test_a_block_takes_a_bundle_by_its_inputs_and_gives_one_by_its_outputs() -> None:
    blocks = "  cross: {inputs: [l, r], layers: [{add: [l, [r, sigmoid]], as: s}, {multiply: [l, r], as: p}], outputs: [p, s, input]}"
    found = load("  one: [{bundle: [relu, tanh]}, cross]", blocks=blocks)
    assert len(found.output_shapes) == 4


def test_each_goes_over_the_values_of_a_bundle() -> None:
    found = ops(
        load("  one: [{bundle: [relu, [conv: 6]]}, each: {index: i, layers: [conv: channels * i]}, concat: [identity]]")
    )
    assert found[-1].output_shapes[0].channels == 4 + 12


# -- blocks and layer arguments ---------------------------------------------------------------------------------------

CLOSURE = "  unit: {args: {width: int, x: [conv: channels]}, layers: [conv: width, x]}"


def test_channels_are_read_where_a_layer_argument_is_used() -> None:
    assert outs(load("  one: {unit: {width: 6, x: [conv: 2 * channels]}}", blocks=CLOSURE)) == [6, 12]


def test_names_are_read_where_a_layer_argument_is_written() -> None:
    head = "args: {width: 3}"
    assert outs(load("  one: {unit: {width: 6, x: [conv: width]}}", blocks=CLOSURE, head=head)) == [6, 3]


def test_a_default_layer_sees_the_block_s_own_arguments() -> None:
    blocks = "  unit: {args: {width: int, x: [conv: width + channels]}, layers: [relu, x]}"
    assert outs(load("  one: {unit: 6}", blocks=blocks)) == [10]


def test_a_default_may_use_earlier_arguments_and_the_width_of_the_input() -> None:
    blocks = "  unit: {args: {a: 2, b: a * channels}, layers: [conv: b]}"
    assert outs(load("  one: [unit, unit: {a: 3}]", blocks=blocks)) == [8, 24]


def test_a_numeric_argument_takes_a_list() -> None:
    blocks = "  unit: {args: {kernel: 3}, layers: [conv: {out: 4, kernel: kernel}]}"
    assert load("  one: {unit: {kernel: [1, 3]}}", blocks=blocks).output_shapes["output"] == (4, 8, 6)


def test_an_argument_may_be_an_option() -> None:
    blocks = "  unit: {args: {padding: same}, layers: [conv: {out: 4, kernel: 3, padding: padding}]}"
    assert load("  one: unit", blocks=blocks).output_shapes["output"] == (4, 8, 8)


def test_a_layer_argument_may_name_values_of_its_own_and_be_used_twice() -> None:
    blocks = "  unit: {args: {x: layer}, layers: [x, x]}"
    found = ops(load("  one: {unit: {x: [{conv: 4, as: y}, relu, add: [identity, y]]}}", blocks=blocks))
    assert [node.op.word for node in found] == ["conv", "relu", "add"] * 2
    assert found[5].inputs[1].node == found[3].id


def test_a_layer_argument_sees_the_values_where_it_is_written() -> None:
    blocks = "  unit: {args: {x: layer}, layers: [relu, add: [identity, x]]}"
    found = ops(load("  stem: {conv: 4}\n  two: sigmoid\n  one: {unit: {x: [stem]}}", blocks=blocks))
    assert found[-1].inputs[1].node == found[0].id


def test_one_is_not_true_even_where_true_has_been_seen() -> None:
    blocks = "  unit: {args: {b: 1}, layers: [conv: {out: 4, bias: b}]}"
    assert (
        "bias of conv needs true or false, got 1"
        in refused("  one: [conv: {out: 4, bias: true}, unit]", blocks=blocks).message
    )


def test_a_mapping_in_a_list_is_refused_when_its_names_are_known() -> None:
    blocks = "  unit: {args: {n: 1}, layers: [conv: {out: 4, kernel: [{a: n}, n]}]}"
    assert "kernel of conv needs" in refused("  one: unit", blocks=blocks).message


# -- iterators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "widths"),
    [
        ("  one: {repeat: {times: 3, index: i, layers: [conv: 10 * i]}}", [10, 20, 30]),
        ("  one: {repeat: {times: 3, index: i, start: 0, layers: [conv: 1 + i]}}", [1, 2, 3]),
        ("  one: {repeat: {times: 2, layers: [conv: 2 * channels]}}", [8, 16]),
        ("  one: [repeat: {times: 0, layers: [conv: 9]}, conv: 5]", [5]),
        ("  one: {concat: [copies: {times: 3, index: i, layers: [conv: i]}]}", [1, 2, 3]),
        ("  one: {repeat: {times: 2, index: i, layers: [repeat: {times: i, index: j, layers: [conv: 10 * i + j]}]}}", [11, 21, 22]),
        ("  one: {nest: {times: 2, index: i, core: [conv: 7], layers: [conv: i, core]}}", [2, 1, 7]),
        ("  one: {nest: {times: 0, core: [conv: 7], layers: [conv: 1, core]}}", [7]),
    ],
)  # fmt: skip
def test_turns(stages: str, widths: list[int]) -> None:
    assert outs(load(stages)) == widths


def test_copies_all_begin_at_the_same_value() -> None:
    found = ops(load("  one: {add: [copies: {times: 3, layers: [relu]}]}"))
    assert {node.inputs[0].node for node in found[:3]} == {0}


def test_a_nest_inside_itself() -> None:
    """FractalNet's rule: f(n+1) is the join of one layer and of f(n) applied twice."""
    found = load("  one: {nest: {times: 3, core: [conv: 4], layers: [mean: [conv: 4, [core, core]]]}}")
    assert [sum(node.op.word == word for node in ops(found)) for word in ("conv", "mean")] == [15, 7]


def test_shared_turns_have_one_set_of_weights() -> None:
    turns = "  one: {repeat: {times: 3, share: %s, layers: [conv: 4]}}"
    assert 3 * load(turns % "true").params == load(turns % "false").params


def test_an_argument_may_have_the_name_of_a_block() -> None:
    """A layer argument hides the block inside; a number and a block are told apart by where they stand."""
    arch = archspec.load(
        "{name: a, input: [8], args: {mlp: 4}, blocks: {"
        "se: {args: {r: 4}, layers: [linear: r, linear: 8]}, mlp: [linear: mlp, linear: 8], "
        "unit: {args: {se: se, mlp: [mlp, relu]}, layers: [se, mlp]}, other: {args: {se: 2}, layers: [se: {r: se}]}}, "
        "stages: {one: unit, two: {unit: {se: {se: 2}, mlp: identity}}, three: mlp, four: other}}"
    )
    assert not arch.warnings
    widths = [(node.name, node.output_shapes[0].channels) for node in arch.graph.ops]
    assert widths == [
        *(("one.se.0", 4), ("one.se.1", 8), ("one.mlp.0.0", 4), ("one.mlp.0.1", 8), ("one.mlp.1", 8)),
        *(("two.se.0", 2), ("two.se.1", 8), ("three.0", 4), ("three.1", 8), ("four.0.0", 2), ("four.0.1", 8)),
    ]
    document = arch.program.document
    assert document is not None
    again = archspec.load(flatten_document(document))
    assert [(node.name, node.output_shapes[0].channels) for node in again.graph.ops] == widths


@pytest.mark.parametrize("number", ["١٢", "2 * ٣", "８", "1٢"])
def test_digits_of_other_scripts_are_no_numbers(number: str) -> None:
    (mistake,) = archspec.check(f"name: a\ninput: [3, 8, 8]\nstages: {{one: {{conv: {number}}}}}\n")
    assert "a number or a name is missing before" in mistake.message or "arithmetic ends before" in mistake.message


def test_a_name_that_is_too_long_is_said_to_be() -> None:
    def check(name: str) -> list[str]:
        return [one.message for one in archspec.check(f"name: a\ninput: [3, 8, 8]\nstages: {{{name}: relu}}\n")]

    assert check("x" * 200) == check("x" * 200 + ".5") == []
    assert check("x" * 201) == [f"a name has at most 200 characters, got '{'x' * 59}…'"]
    assert check("x/y") == ["a name has letters, digits, _ and -, got 'x/y'"]
