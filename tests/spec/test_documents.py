"""Documents: arguments from outside, defaults, extends, expectations, mappings and texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archspec

BASE = """
name: base
source: somebody
input: [4, 8, 8]
args: {width: 8, depth: 2}
defaults: {conv: {bias: false, padding: same}, batchnorm: {eps: 0.001}}
blocks:
  unit: [conv: {out: width, kernel: 3}, relu]
stages:
  stem: {conv: width}
  body: {repeat: {times: depth, layers: [unit]}}
  pool: globalpool
  fc: {linear: 10}
expect: {params: 7}
"""


def load(folder: Path, text: str, **overrides: Any) -> archspec.Architecture:
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    (folder / "variant.yaml").write_text(f"name: variant\nextends: base.yaml\n{text}\n", encoding="utf-8")
    return archspec.load(folder / "variant.yaml", **overrides)


def stages(architecture: archspec.Architecture) -> list[str]:
    return list(dict.fromkeys(node.path[0] for node in architecture.graph.ops))


def test_what_is_not_said_is_inherited_but_for_the_name_the_source_and_what_is_expected(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert (found.name, found.paper, found.output_shapes) == ("variant", "", {"output": (10,)})
    assert not found.check_expectations()


def test_stages_are_overridden_in_place_left_out_and_put_behind_others(tmp_path: Path) -> None:
    found = load(
        tmp_path, "stages: {pool: {globalpool: max}, body: null, norm: {batchnorm: {}, after: stem}, last: relu}"
    )
    assert stages(found) == ["stem", "norm", "pool", "fc", "last"]
    assert next(node for node in found.graph.ops if node.name == "pool").op.kind == "max"  # type: ignore[attr-defined]


def test_an_overridden_stage_can_move(tmp_path: Path) -> None:
    assert stages(load(tmp_path, "stages: {stem: {conv: 4, after: body}}")) == ["body", "stem", "pool", "fc"]


def test_arguments_and_blocks_are_overridden_by_name(tmp_path: Path) -> None:
    found = load(tmp_path, "args: {depth: 1}\nblocks: {unit: [conv: width, sigmoid, relu]}")
    assert [node.op.word for node in found.graph.ops] == ["conv", "conv", "sigmoid", "relu", "globalpool", "linear"]


def test_defaults_are_overridden_field_by_field(tmp_path: Path) -> None:
    found = load(tmp_path, "defaults: {conv: {bias: true}}")
    conv = next(node.op for node in found.graph.ops if node.op.word == "conv")
    assert (conv.bias, conv.padding) == (True, "same")  # type: ignore[attr-defined]


def test_arguments_from_outside_come_last(tmp_path: Path) -> None:
    assert len(list(load(tmp_path, "args: {depth: 1}", depth=3, width=16).graph.ops)) == 9


def test_what_is_given_in_a_use_comes_before_defaults() -> None:
    text = "name: a\ninput: [4, 8, 8]\ndefaults: {conv: {bias: false, kernel: 3}}\nstages: {one: {conv: {out: 2, kernel: 1}}}\n"
    assert archspec.load(text).params == 8


def test_defaults_are_read_with_the_document_s_names() -> None:
    text = (
        "name: a\ninput: [4, 8, 8]\nargs: {k: 3}\ndefaults: {conv: {kernel: k}}\n"
        "blocks: {unit: {args: {k: 1}, layers: [conv: 2]}}\nstages: {one: unit}\n"
    )
    assert archspec.load(text).output_shapes["output"] == (2, 6, 6)


def test_a_chain_of_extends(tmp_path: Path) -> None:
    load(tmp_path, "args: {depth: 3}")
    (tmp_path / "third.yaml").write_text("name: third\nextends: variant.yaml\nstages: {fc: null}\n", encoding="utf-8")
    assert archspec.load(tmp_path / "third.yaml").output_shapes == {"output": (8,)}


def test_passes_are_taken_over_or_replaced_as_a_whole() -> None:
    base = "name: x\nextends: stochastic_depth_resnet110_cifar10\n"

    def drops(spec: str) -> int:
        return sum(node.op.word == "droppath" for node in archspec.load(spec, n=2).graph.ops)

    assert drops(base) == 6
    assert drops(base + "passes: []\n") == 0
    assert drops(base + "passes: [stochastic_depth: {survival: 0.9}]\n") == 6


def test_a_path_is_relative_to_the_file_that_names_it_and_stays_below_the_first(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    load(tmp_path / "inner", "")
    (tmp_path / "top.yaml").write_text("name: top\nextends: inner/variant.yaml\n", encoding="utf-8")
    assert archspec.load(tmp_path / "top.yaml").name == "top"
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "inner" / "up.yaml").write_text("name: up\nextends: ../base.yaml\n", encoding="utf-8")
    with pytest.raises(archspec.SpecError, match="outside the folder"):
        archspec.load(tmp_path / "inner" / "up.yaml")


def test_a_text_has_no_file_that_a_path_could_be_relative_to() -> None:
    with pytest.raises(archspec.SpecError, match="this spec has no file it could be relative to"):
        archspec.load("name: a\nextends: base.yaml\n")


def test_overrides_are_read_as_yaml_and_may_be_layers() -> None:
    text = "name: a\ninput: [4, 8, 8]\nargs: {w: 2, act: relu, b: true, pad: same}\nstages: {one: [{conv: {out: w, bias: b, padding: pad}}, act]}\n"
    found = archspec.load(text, w="3 * 2", act="[relu, sigmoid]", b=False, pad="same")
    assert [node.op.word for node in found.graph.ops] == ["conv", "relu", "sigmoid"]
    assert found.params == 24
    with pytest.raises(archspec.SpecError, match="a has no argument 'ww'"):
        archspec.load(text, ww=3)
    with pytest.raises(archspec.SpecError, match="w has no value"):
        archspec.load(text, w="")
    with pytest.raises(archspec.SpecError, match="w needs a number, got true"):
        archspec.load(text, w=True)


def test_a_mapping_is_the_same_as_its_text() -> None:
    data = {
        "name": "é",
        "input": (4, 8, 8),
        "args": {"w": 2, "n": "int", "x": ["identity"]},
        "stages": {"one": {"conv": "2 * w"}, "two": ["x", {"conv": {"out": "n", "bias": False}}]},
    }
    found = archspec.load(data, n=3)
    assert (found.name, found.output_shapes) == ("é", {"output": (3, 8, 8)})


def test_a_part_that_stands_in_a_mapping_twice_is_no_alias() -> None:
    unit = {"conv": 4}
    assert archspec.load({"name": "a", "input": [4, 8, 8], "stages": {"one": unit, "two": [unit, unit]}}).params == 60


@pytest.mark.parametrize("data", [{"name": object()}, {1: {2, 3}}])
def test_a_mapping_of_something_else_is_no_spec(data: dict[object, object]) -> None:
    with pytest.raises(TypeError):
        archspec.load(data)  # type: ignore[arg-type]


def test_a_mapping_that_holds_itself_is_no_spec() -> None:
    data: dict[str, object] = {"name": "a"}
    data["stages"] = data
    with pytest.raises(ValueError, match="holds itself"):
        archspec.load(data)


def test_everything_that_is_visible_is_reported_together() -> None:
    text = "name: a\ninput: [4, 8, 8]\nstages: {one: {conv: {out: 0, kernl: 3}}, two: rellu, three: {dropout: 2}}\noutput: four\n"
    assert len(archspec.check(text)) == 5


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = 'name: a\ninput: [4, 8, 8]\nargs: {"\\e[31m\\n": }\nstages: {one: "\\e]"}\n'
    found = archspec.check(text)
    assert len(found) > 1
    assert all(line.isprintable() for one in found for line in str(one).split("\n"))


def test_an_expectation_without_a_value_expects_nothing() -> None:
    text = "name: a\ninput: [4, 8, 8]\nstages: {one: relu}\nexpect: {params: , output: }\n"
    assert archspec.check(text) == ()


def test_at_most_a_hundred_are() -> None:
    text = "name: a\ninput: [4, 8, 8]\nstages:\n" + "".join(f"  s{at}: wrong{at}\n" for at in range(500))
    assert len(archspec.check(text)) == 100
