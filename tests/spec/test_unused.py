"""Parts of a spec without effect are errors if they are certainly mistakes, and warnings otherwise."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.spans import Source
from archspec.spec import bundled
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import to_plain_data
from archspec.spec.yaml_writer import write_yaml

HEAD = "name: a\ninput: [4, 8, 8]\n"
UNUSED: dict[str, Any] = {
    "args": {"spare": 3},
    "blocks": {"spare": ["relu"]},
    "defaults": {"instancenorm": {"eps": 0.1}},
    "stages": {"spare": {"repeat": {"times": 2, "index": "i", "layers": ["relu"]}}},
}


def said(text: str, **overrides: Any) -> list[str]:
    return [found.message for found in archspec.load(text, **overrides).warnings]


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "fractalnet20", "vgg11", "highway_mnist_fc10"])
@pytest.mark.parametrize("part", UNUSED)
def test_whatever_is_added_to_a_bundled_spec_and_not_used_is_found(name: str, part: str) -> None:
    path = bundled.find_bundled_folder() / f"{name}.yaml"
    data = to_plain_data(read_tree(Source(name, path.read_text(encoding="utf-8"))))
    data.pop("expect")
    data[part] = {**data.get(part, {}), **UNUSED[part]}
    data.pop("output", None)
    source = Source(str(path), write_yaml(data))
    (found,) = archspec.check(source)
    assert found.severity == ("error" if part == "args" and "extends" in data else "warning")
    word = "'i'" if part == "stages" else next(iter(UNUSED[part]))
    assert word in found.message
    assert found.span.source is source


@pytest.mark.parametrize(
    ("reads", "text"),
    [
        ("a stage", "args: {n: 3}\nstages: {one: {conv: n}}"),
        ("an expression", "args: {n: 3}\nstages: {one: {conv: 2 * (n + 1)}}"),
        ("a list", "args: {n: 64}\nstages: {one: {reshape: [4, n]}}"),
        ("an init", "args: {n: 3}\nstages: {one: {conv: {out: 8, init: {kind: normal, std: 1 / n}}}}"),
        ("an input", "args: {n: 3}\nstages: {one: relu}"),
        ("a default", "args: {n: 3}\ndefaults: {conv: {out: n}}\nstages: {one: conv}"),
        ("another argument", "args: {n: 3, m: 2 * n}\nstages: {one: {conv: m}}"),
        ("times", "args: {n: 3}\nstages: {one: {repeat: {times: n, layers: [relu]}}}"),
        ("start", "args: {n: 3}\nstages: {one: {repeat: {times: 2, start: n, name: layer, layers: [relu]}}}"),
        ("a block", "args: {n: 3}\nblocks: {unit: [conv: n]}\nstages: {one: unit}"),
        (
            "a use of a block",
            "args: {n: 3}\nblocks: {unit: {args: {m: int}, layers: [conv: m]}}\nstages: {one: {unit: n}}",
        ),
        (
            "a default of a block",
            "args: {n: 3}\nblocks: {unit: {args: {m: n}, layers: [conv: m]}}\nstages: {one: unit}",
        ),
        (
            "a layer argument",
            "args: {n: 3}\nblocks: {unit: {args: {x: layer}, layers: [x]}}\nstages: {one: {unit: {x: [conv: n]}}}",
        ),
        ("a layer", "args: {act: relu}\nstages: {one: [conv: 4, act]}"),
        ("a layer in a layer", "args: {act: relu, tail: [conv: 4, act]}\nstages: {one: tail}"),
        ("an option", "args: {mode: same}\nstages: {one: {conv: {out: 4, kernel: 3, padding: mode}}}"),
        ("with", "args: {n: 0}\nstages: {one: {concat: [relu, identity], with: {axis: n}}}"),
        (
            "a pass",
            "args: {p: 0.5}\nstages: {one: {add: [identity, conv: 4]}}\npasses: [stochastic_depth: {survival: p}]",
        ),
        ("an index", "stages: {one: {repeat: {times: 3, index: i, layers: [conv: 4 * i]}}}"),
        (
            "an index inside",
            "stages: {one: {repeat: {times: 3, index: i, layers: [repeat: {times: i, layers: [relu]}]}}}",
        ),
        ("core", "stages: {one: {nest: {times: 3, core: relu, layers: [add: [core, identity]]}}}"),
        ("a name", "stages: {one: [{identity: {}, as: x}, relu, {add: [x, identity]}]}"),
        ("from", "stages: {one: [{identity: {}, as: x}, {relu6: {}, from: x}]}"),
        (
            "outputs of a block",
            "blocks: {unit: {layers: [{identity: {}, as: x}, {relu: {}, as: y}], outputs: [x, y]}}\nstages: {one: [unit, add: input]}",
        ),
        ("one of two names", "stages: {one: [{split: [1, 3], as: [x, y]}, y]}"),
        ("a name of a module", "stages: {one: [{conv: 4, as: conv1}, {relu: {}, as: act1}]}"),
    ],
)
def test_what_something_reads_is_not_warned_of(reads: str, text: str) -> None:
    assert said((HEAD if reads != "an input" else "name: a\ninput: [n, 8, 8]\n") + text) == []


def test_what_a_spec_takes_over_is_the_other_s(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        HEAD
        + "args: {spare: 3, width: 8}\nblocks: {none: relu, unit: {args: {spare: 1}, layers: [conv: width]}}\nstages: {one: unit}\n"
    )
    (tmp_path / "variant.yaml").write_text("name: v\nextends: base.yaml\nargs: {width: 4}\n")
    assert len(archspec.load(tmp_path / "base.yaml").warnings) == 3
    assert archspec.load(tmp_path / "variant.yaml").warnings == ()


def test_a_block_that_takes_the_place_of_another_has_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        HEAD
        + "blocks: {unit: {args: {width: int, groups: 1}, layers: [conv: {out: width, groups: groups}]}}\nstages: {one: {unit: {width: 4, groups: 2}}}\n"
    )
    (tmp_path / "variant.yaml").write_text(
        "name: v\nextends: base.yaml\nblocks: {unit: {args: {width: int, groups: 1, more: 2}, layers: [conv: width]}}\n"
    )
    (found,) = archspec.load(tmp_path / "variant.yaml").warnings
    assert found.message == "nothing in the block unit reads its argument 'more'"


def test_a_new_argument_is_an_error_wherever_in_the_chain_nothing_reads_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        HEAD
        + "args: {classes: 10}\nblocks: {unit: {args: {width: int}, layers: [conv: width]}}\nstages: {one: {unit: classes}}\n"
    )
    (tmp_path / "middle.yaml").write_text("name: m\nextends: base.yaml\nargs: {clases: 20}\n")
    (tmp_path / "top.yaml").write_text("name: t\nextends: middle.yaml\nargs: {classes: 30}\n")
    (found,) = archspec.check(tmp_path / "top.yaml")
    assert (found.severity, found.help) == ("error", "did you mean 'classes'?")
    assert found.span.source.name.endswith("middle.yaml")
    (tmp_path / "middle.yaml").write_text("name: m\nextends: base.yaml\nargs: {width: 20}\n")
    (found,) = archspec.check(tmp_path / "middle.yaml")
    assert found.message == "a has no argument 'width', and nothing here reads it", "the block's own width is another"
    (tmp_path / "middle.yaml").write_text("name: m\nextends: base.yaml\nargs: {more: 2}\nstages: {two: {conv: more}}\n")
    assert archspec.check(tmp_path / "middle.yaml") == ()


def test_an_argument_from_outside_that_nothing_reads() -> None:
    text = HEAD + "args: {n: 3}\nstages: {one: relu}\n"
    assert said(text) == ["nothing reads the argument 'n'"]
    assert said(text, n=4) == ["nothing reads the argument 'n', whatever its value"]
    assert str(archspec.load(text, n=4).warnings[0].span) == "n=4"
    overridden = HEAD + "args: {n: 3, m: 2 * n}\nstages: {one: {conv: m}}\n"
    assert said(overridden) == []
    assert said(overridden, m=5, n=4) == ["nothing reads the argument 'n', whatever its value"]


def test_a_default_of_an_argument_of_the_same_name_reads_the_one_outside() -> None:
    block = "args: {n: 3}\nblocks: {b: {args: {%s}, layers: [conv: n]}}\nstages: {one: b}\n"
    assert said(HEAD + block % "n: n") == []
    assert said(HEAD + block % "n: 4") == ["nothing reads the argument 'n'"]


def test_load_logs_and_raises_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="archspec"):
        archspec.load(HEAD + "args: {n: 3}\nstages: {one: relu}\n")
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "<text>:3:8: warning: nothing reads the argument 'n'"
    ]
    caplog.clear()
    archspec.load("resnet18")
    archspec.check(HEAD + "args: {n: 3}\nstages: {one: relu}\n")
    assert caplog.records == []


def test_a_mistake_hides_what_only_follows_from_it() -> None:
    found = archspec.check(
        HEAD + "args: {width: 8}\nblocks: {unit: [relu]}\nstages: {one: {conv: widht}, two: unitt}\n"
    )
    assert [one.severity for one in found] == ["error", "error"]


def test_deep_and_wide_specs_are_looked_through_once() -> None:
    body = "[relu, " * 20 + "relu" + "]" * 20
    inner = f"[{', '.join([body] * 300)}]"
    for level in range(12):
        inner = f"[repeat: {{times: 1, index: i{level}, layers: {inner}}}]"
    found = archspec.load(HEAD + f"stages: {{one: {inner}}}\n")
    assert len(found.warnings) == 12


@pytest.mark.parametrize(
    ("sizes", "meant"),
    [
        ("[1, 3, 224, 224]", "[3, 224, 224]"),
        ("[32, 3, 224, 224]", "[3, 224, 224]"),
        ("[1, 1, 28, 28]", "[1, 28, 28]"),
        ("[1, 224, 224, 3]", "[3, 224, 224]"),
        ("[16, 32, 32, 3]", "[3, 32, 32]"),
        ("[1, 3, side, side]", "[3, 64, 64]"),
        ("[batch, 3, side, side]", "[3, 64, 64]"),
        ("[1, 3, 16, 112, 112]", "[3, 16, 112, 112]"),
        ("[224, 224, 3]", "[3, 224, 224]"),
        ("[28, 28, 1]", "[1, 28, 28]"),
        ("[480, 640, 4]", "[4, 480, 640]"),
        ("[64, 64, 64, 1]", "[1, 64, 64, 64]"),
        ("[3, 224, 224]", None),
        ("[1, 28, 28]", None),
        ("[512, 3, 3]", None),
        ("[3, 16, 112, 112]", None),
        ("[1, 64, 64, 64]", None),
        ("[64, 4, 7, 7]", None),
        ("[197, 768]", None),
        ("[1, 16000]", None),
        ("[784]", None),
    ],
)
@pytest.mark.parametrize("key", ["input: {}", "inputs: {{x: {}}}"])
def test_sizes_that_read_as_those_of_a_batch_or_with_the_channels_last(sizes: str, meant: str | None, key: str) -> None:
    text = f"name: a\n{key.format(sizes)}\nargs: {{side: 64, batch: 1}}\nstages: {{one: relu, two: {{scale: side + batch}}}}\n"
    helps = [found.help for found in archspec.load(text).warnings]
    assert helps == ([] if meant is None else [helps[0]])
    assert meant is None or (helps[0] or "").endswith(f"it is {meant}")


@pytest.mark.parametrize("batch", ["-1", "None", "null", "~", "N", "B", "batch", "batch_size", "'?'"])
def test_a_batch_of_any_size_is_left_out(batch: str) -> None:
    (found,) = archspec.check(f"name: a\ninput: [{batch}, 3, 8, 8]\nstages: {{one: relu}}\n")
    assert (found.severity, found.help) == ("error", "an input has no batch: [3, 8, 8]")


@pytest.mark.parametrize(
    "form", ["3x224x224", "3×224×224", "(3, 224, 224)", '"3, 224, 224"', "3, 224, 224", "'[3, 224, 224]'"]
)
def test_sizes_in_another_form(form: str) -> None:
    (found,) = archspec.check(f"name: a\ninput: {form}\nstages: {{one: relu}}\n")
    assert found.help == "a list stands in brackets: [3, 224, 224]" or "U+00D7" in found.message


def test_a_block_that_a_given_argument_replaces_is_no_mistake() -> None:
    text = HEAD + "args: {op: first}\nblocks: {first: [relu], second: [tanh]}\nstages: {one: op}\n"
    assert said(text) == ["nothing uses the block 'second'"]
    assert said(text, op="second") == []
