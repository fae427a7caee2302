"""The rules for module names, one test for each."""

from __future__ import annotations

import pytest

import archspec


def names(stages: str, *, blocks: str = "", image: str = "[4, 8, 8]") -> list[str]:
    """The module names of a network, in order; those of one stage in a line."""
    spec = f"name: a\ninput: {image}\n" + (f"blocks:\n{blocks}\n" if blocks else "") + f"stages:\n{stages}\n"
    return [node.name for node in archspec.load(spec).graph.ops]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("  relu: relu", ["relu"]),
        ("  a: [relu]", ["a.0"]),
        ("  a: [relu, relu]", ["a.0", "a.1"]),
        ("  a: [[relu, [relu]], relu]", ["a.0", "a.1", "a.2"]),
        ("  a: {layers: {x: relu, y: relu}}", ["a.x", "a.y"]),
        ("  a: [layers: {x: relu, y: relu}]", ["a.x", "a.y"]),
        ("  a: [layers: {x: relu}, relu]", ["a.x", "a.0"]),
        ("  a: [{relu: {}, as: x}, relu]", ["a.x", "a.0"]),
        ("  a: {add: [relu, [relu, relu]]}", ["a.0", "a.1", "a.2", "a"]),
        ("  a: [add: [relu, relu], relu]", ["a.0", "a.1", "", "a.2"]),
        ("  a: {concat: {x: relu, y: [relu, relu]}}", ["a.x", "a.y.0", "a.y.1", "a"]),
        ("  a: [identity, relu, {split: [2, 2]}, {concat: [identity]}]", ["a.0", "", ""]),
        ("  x: relu\n  a: [x, relu]", ["x", "a.0"]),
        ("  a: [parameter: [4, 8, 8]]", ["a.0"]),
        ("  a: {add: {x: identity, scale: {parameter: [4, 1, 1]}}}", ["a.scale", "a"]),
        ("  a: {add: {x: identity, scale: {parameter: [5, 1, 1]}}}", None),
    ],
)
def test_ops(stages: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(archspec.SpecError, match="add needs equal shapes"):
            names(stages)
    else:
        assert names(stages) == expected


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("  a: [sequential: [relu], relu]", ["a.0.0", "a.1"]),
        ("  a: [sequential: [sequential: [relu, relu], relu]]", ["a.0.0.0", "a.0.0.1", "a.0.1"]),
        ("  a: [sequential: {x: relu, y: [relu]}]", ["a.0.x", "a.0.y.0"]),
        ("  a: {repeat: {times: 2, layers: [sequential: [relu]]}}", ["a.0.0", "a.1.0"]),
        ("  a: [repeat: {times: 2, layers: [sequential: [relu]]}]", ["a.0.0", "a.1.0"]),
        ("  a: {add: [sequential: [relu], relu]}", ["a.0.0", "a.1", "a"]),
        ("  - relu\n  - {relu: {}, as: x}\n  - {repeat: {times: 2, name: y, layers: [relu]}}", ["0", "x", "y1", "y2"]),
        ("  - {sequential: [relu]}\n  - [relu, unit]", ["0.0", "1", "2.0"]),
    ],
)
def test_scopes_with_a_number_and_stages_in_a_list(stages: str, expected: list[str]) -> None:
    assert names(stages, blocks="  unit: [relu]" if "unit" in stages else "") == expected


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("{layers: {x(2): relu, (1 + 1).y: relu, z(3)-(4): [relu]}}", ["a.x2", "a.2.y", "a.z3-4.0"]),
        ("[{relu: {}, as: x(channels / 2)}, relu]", ["a.x2", "a.0"]),
        ("[repeat: {times: 2, index: i, layers: {x(i): relu, y(i + 1): {add: [identity, input]}}}]",
         ["a.x1", "a.y2", "a.x2", "a.y3"]),
        ("[repeat: {times: 2, index: i, layers: [{relu: {}, as: x.(i)}]}]", ["a.x.1", "a.x.2"]),
        ("{repeat: {times: 2, index: i, layers: [{relu: {}, as: x(i)}]}}", ["a.x1", "a.x2"]),
        ("{repeat: {times: 2, index: i, layers: {x(i): relu}}}", ["a.0.x1", "a.1.x2"]),
        ("[repeat: {times: 2, index: i, layers: [repeat: {times: i, index: j, layers: [{unit: i, as: b(i)_(j)}]}]}]",
         ["a.b1_1.c1", "a.b2_1.c2", "a.b2_2.c2"]),
    ],
)  # fmt: skip
def test_computed_names(layer: str, expected: list[str]) -> None:
    blocks = "  unit: {args: {k: int}, layers: {c(k): relu}}" if "unit" in layer else ""
    assert names(f"  a: {layer}", blocks=blocks) == expected


def test_a_computed_name_is_no_value_and_its_layer_may_name_one() -> None:
    stages = (
        "  a: [repeat: {times: 2, index: i, layers: {x(i): {relu: {}, as: y}, z(i): sigmoid, s(i): {add: [y, z]}}}]"
    )
    with pytest.raises(archspec.SpecError, match="'z' is no"):
        names(stages)
    assert names(stages.replace("z]", "identity]"))[-1] == "a.s2"


UNIT = "  unit: {args: {x: [identity]}, layers: [relu, x]}"


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("  a: unit", ["a.0"]),
        ("  a: [unit, unit]", ["a.0.0", "a.1.0"]),
        ("  a: [unit, relu, unit]", ["a.0.0", "a.1", "a.2.0"]),
        ("  a: [layers: {u: unit}]", ["a.u.0"]),
        ("  a: {unit: {x: sigmoid}}", ["a.0", "a.x"]),
        ("  a: {unit: {x: [sigmoid]}}", ["a.0", "a.x.0"]),
        ("  a: {unit: {x: [sigmoid, relu]}}", ["a.0", "a.x.0", "a.x.1"]),
        ("  a: {unit: {x: unit}}", ["a.0", "a.x.0"]),
    ],
)
def test_blocks_and_layer_arguments(stages: str, expected: list[str]) -> None:
    assert names(stages, blocks=UNIT) == expected


def test_a_layer_argument_passed_on_keeps_the_name_it_has_where_it_is_made() -> None:
    blocks = "  inner: {args: {shortcut: layer}, layers: [shortcut]}\n  outer: {args: {x: layer}, layers: [inner: {shortcut: x}]}"
    assert names("  a: {outer: {x: [relu]}}", blocks=blocks) == ["a.0.shortcut.0"]


def test_a_second_use_of_a_layer_argument_is_counted() -> None:
    blocks = "  unit: {args: {downsample: layer}, layers: [downsample, downsample, relu, downsample]}"
    assert names("  a: {unit: {downsample: [relu]}}", blocks=blocks) == [
        "a.downsample.0",
        "a.downsample2.0",
        "a.0",
        "a.downsample3.0",
    ]


def test_a_layer_argument_that_has_a_key_has_that_name() -> None:
    blocks = "  unit: {args: {x: layer}, layers: [layers: {proj: x}]}"
    assert names("  a: {unit: {x: [relu]}}", blocks=blocks) == ["a.proj.0"]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("  a: {repeat: {times: 2, layers: relu}}", ["a.0", "a.1"]),
        ("  a: {repeat: {times: 2, layers: [relu]}}", ["a.0", "a.1"]),
        ("  a: {repeat: {times: 2, layers: [relu, relu]}}", ["a.0.0", "a.0.1", "a.1.0", "a.1.1"]),
        ("  a: {repeat: {times: 2, layers: {x: relu}}}", ["a.0.x", "a.1.x"]),
        ("  a: [repeat: {times: 2, layers: [relu, relu]}]", ["a.0", "a.1", "a.2", "a.3"]),
        ("  a: [repeat: {times: 2, name: turn, layers: relu}]", ["a.turn1", "a.turn2"]),
        ("  a: [repeat: {times: 2, name: turn, start: 0, layers: [relu, relu]}]", ["a.turn0.0", "a.turn0.1", "a.turn1.0", "a.turn1.1"]),
        ("  a: [relu, repeat: {times: 2, layers: relu}, relu]", ["a.0", "a.1", "a.2", "a.3"]),
        ("  a: {concat: [copies: {times: 2, name: copy, layers: relu}]}", ["a.copy1", "a.copy2", "a"]),
        ("  a: {repeat: {times: 2, layers: [unit]}}", ["a.0.0", "a.1.0"]),
        ("  a: [bundle: [identity, relu], each: {layers: [sigmoid]}, add: [input]]", None),
    ],
)  # fmt: skip
def test_iterators(stages: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(archspec.SpecError):
            names(stages, blocks=UNIT)
    else:
        assert names(stages, blocks=UNIT) == expected


def test_turns_that_share_have_one_name() -> None:
    assert (
        names("  a: {repeat: {times: 3, share: true, layers: [conv: 4, relu]}}") == ["a.0.0", "a.0.1"] * 3
        or names("  a: {repeat: {times: 3, share: true, layers: [conv: 4, relu]}}") == ["a.0", "a.1"] * 3
    )


def test_each_can_share() -> None:
    spec = "  a: [bundle: [identity, relu], {each: {share: %s, layers: [conv: 4]}, as: both}, add: [both]]"
    assert names(spec % "true") == ["a.0", "a.1", "a.1", ""] or names(spec % "true") == [
        "a.0",
        "a.both.0",
        "a.both.0",
        "",
    ]
    assert len(set(names(spec % "false"))) == 4


@pytest.mark.parametrize("name", ["forward", "training", "lambda", "a b", "é", "parameters"])
def test_names_that_torch_could_not_have(name: str) -> None:
    with pytest.raises(archspec.SpecError):
        names(f"  {name}: relu")


def test_a_name_is_free_in_its_scope() -> None:
    with pytest.raises(archspec.SpecError, match="the name 'x' is taken"):
        names("  a: [{relu: {}, as: x}, [{relu: {}, as: x}]]")
    assert names("  a: [{relu: {}, as: x}, {layers: {y: [{relu: {}, as: x}]}}]") == ["a.x", "a.y.x"]


def test_a_named_op_keeps_its_meaning_as_a_word() -> None:
    assert names("  relu: relu\n  two: [relu]") == ["relu", "two.0"]
