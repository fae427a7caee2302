"""Types that a user may pass as a spec or as an argument, and the errors for others."""

from __future__ import annotations

import collections
import decimal
import enum
import errno
import io
import pickle
import types
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archspec
from archspec.spec.yaml_writer import write_yaml

TEXT = "name: a\ninput: [4, 8, 8]\nargs: {w: 2, b: true, p: 0.5, act: relu}\nstages: {one: [{conv: {out: w, bias: b}}, {dropout: p}, act]}\n"


class Width(enum.IntEnum):
    NARROW = 3


class Word(enum.StrEnum):
    ACTIVATION = "sigmoid"


class Member(enum.Enum):
    WIDTH = 3


class Index:
    """An object with `__index__`."""

    def __index__(self) -> int:
        return 3

    def __repr__(self) -> str:
        return "Index"


@pytest.mark.parametrize(
    "three",
    [3, 3.0, "3", "4 - 1", np.int64(3), np.uint8(3), np.arange(4).max(), np.array(3), np.float32(3), np.str_("3"), torch.tensor(3),
     torch.ones(3).sum(), Fraction(3), decimal.Decimal(3), decimal.Decimal("3.0"), decimal.Decimal("3E0"), Width.NARROW, Index()],
    ids=lambda value: f"{type(value).__name__}-{value}",
)  # fmt: skip
def test_each_is_the_number_three(three: object) -> None:
    assert archspec.load(TEXT, w=three).output_shapes == {"output": (3, 8, 8)}
    if isinstance(three, str):
        return  # text in a mapping is text
    spec = {
        "name": "a",
        "input": (three, 8, 8),
        "args": {"w": three},
        "stages": {"one": {"conv": {"out": "w", "kernel": three}}},
    }
    assert archspec.load(spec).params == 84


@pytest.mark.parametrize(
    ("given", "p"),
    [(Fraction(1, 3), 1 / 3), (decimal.Decimal("0.1"), 0.1), (np.float32(0.5), 0.5), (np.float16(0.25), 0.25), (torch.tensor(0.5), 0.5),
     ("1 / 3", 1 / 3), (1e-5, 1e-5)],
    ids=str,
)  # fmt: skip
def test_fractions_are_rounded_once(given: object, p: float) -> None:
    dropout = next(node.op for node in archspec.load(TEXT, p=given).graph.ops if node.op.word == "dropout")
    assert dropout.p == p  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "no", [False, np.bool_(False), torch.tensor(False), np.array(False)], ids=lambda no: type(no).__name__
)
def test_truth_values(no: object) -> None:
    assert archspec.load(TEXT, b=no).params == 8


@pytest.mark.parametrize(
    "layer", [Word.ACTIVATION, "sigmoid", ["sigmoid"], ("sigmoid",), [{"dropout": np.float64(0.5)}, "sigmoid"]]
)
def test_layers(layer: object) -> None:
    assert [node.op.word for node in archspec.load(TEXT, act=layer).graph.ops][-1] == "sigmoid"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Member.WIDTH, "w is of type tests.spec.test_given.Member"),
        (np.array([3]), "w is of type numpy.ndarray"),
        (torch.ones(2), "w is of type torch.Tensor"),
        (torch.ones((), device="meta"), "w is of type torch.Tensor"),
        ({3}, "w is of type set"),
        (b"3", "w is of type bytes"),
        (3j, "w is of type complex"),
        (np.complex64(3j), "w is of type complex"),
        (object(), "w is of type object"),
        ([object()], "w.0 is of type object"),
        ({"conv": {("out",): 3}}, "is of type tuple"),
        (10**5000, "w is a number of more than 4096 bits"),
        (Fraction(1, 10**5000), "w is a number of more than 4096 bits"),
        (decimal.Decimal("1e-99999"), "w is a number of more than 4096 bits"),
        (decimal.Decimal("NaN"), ".nan is not a finite number"),
        (float("inf"), ".inf is not a finite number"),
        (np.float64("nan"), ".nan is not a finite number"),
        (None, "w needs a number, got nothing"),
        (True, "w needs a number, got true"),
        ("", "w has no value"),
        ("'3'", "w needs a number, got '3'"),
        ("[1", "expected ',' or ']'"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_each_of_these_is_one_error_that_names_the_argument(given: object, said: str) -> None:
    with pytest.raises(archspec.SpecError) as refused:
        archspec.load(TEXT, w=given)
    (found,) = refused.value.diagnostics
    assert str(found).startswith("w"), "it names the argument"
    assert said in found.message
    assert ":1:1" not in str(found)


def test_an_argument_that_there_is_not_is_named_with_the_nearest() -> None:
    with pytest.raises(archspec.SpecError) as refused:
        archspec.load("resnet50", grups=3)
    assert str(refused.value).splitlines() == [
        "grups=3: error: resnet50 has no argument 'grups'",
        "    1 | grups=3",
        "      | ^^^^^",
        "   help: did you mean 'groups'?",
    ]


def test_mappings_of_other_kinds() -> None:
    stages = types.MappingProxyType({"one": collections.OrderedDict(conv=4), 2: "relu", None: "relu", "1/5": "relu"})
    with pytest.raises(archspec.SpecError, match="got '1/5'"):
        archspec.load({"name": "a", "input": torch.Size([3, 8, 8]), "stages": stages})
    assert write_yaml({2: True, None: 1, False: range(2)}) == "'2': true\n'null': 1\n'false':\n- 0\n- 1\n"
    with pytest.raises(archspec.SpecError, match="the key '1' is there twice"):
        archspec.load({"name": "a", "input": [3], "stages": {1: "relu", "1": "relu"}})


def test_a_path_in_a_mapping(tmp_path: Path) -> None:
    assert write_yaml({"extends": tmp_path}) == f"extends: {tmp_path}\n"


def test_parts_that_are_there_often_are_counted_as_often_as_they_are_written() -> None:
    data: list[Any] = [1]
    for _ in range(60):
        data = [data, data]
    with pytest.raises(archspec.SpecError, match="at most 100,000 items"):
        archspec.load({"name": data})


@pytest.mark.parametrize(
    ("spec", "kind", "said", "help"),
    [
        ("resnet5", FileNotFoundError, "there is no bundled spec and no file 'resnet5'", "did you mean 'resnet50'?"),
        ("ResNet50", FileNotFoundError, "no bundled spec", "did you mean 'resnet50'?"),
        (Path("resnet50"), FileNotFoundError, "there is no file 'resnet50'", "a bundled spec is named by a string: 'resnet50'"),
        ("resnet50.yaml", FileNotFoundError, "there is no such file", "'resnet50' is a bundled spec: its name has no ending"),
        ("resnet50\n", FileNotFoundError, "no space or line break", "write 'resnet50'"),
        ("specs/resnet5.yaml", FileNotFoundError, "there is no such file", "did you mean 'specs/resnet50.yaml'?"),
        ("nowhere/resnet5.yaml", FileNotFoundError, "there is no such file", None),
        ("name: a", FileNotFoundError, "no file 'name: a'", "YAML text has a line break, or stands in braces"),
        ("", FileNotFoundError, "got an empty text", None),
        (" \n", FileNotFoundError, "got an empty text", None),
        ("a\0b", FileNotFoundError, "a path has no NUL character", None),
        ("x" * 5000, OSError, "file name too long", None),
        ("specs", OSError, "a spec is a file, this is a directory", "there is specs/alexnet.yaml in it"),
        (Path("specs"), OSError, "a spec is a file, this is a directory", "there is specs/alexnet.yaml in it"),
        (b"resnet50", TypeError, "got bytes", "decode it: spec.decode()"),
        (None, TypeError, "got NoneType", None),
        (50, TypeError, "got int", None),
        (["resnet50"], TypeError, "got list", None),
        (io.StringIO("name: a"), TypeError, "got StringIO", "give its path, or its text: file.read()"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_a_spec_that_is_none(
    spec: Any, kind: type[Exception], said: str, help: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent.parent)
    with pytest.raises(kind) as refused:
        archspec.load(spec)
    assert isinstance(refused.value, archspec.SpecError), "one except clause serves"
    (found,) = refused.value.diagnostics
    assert said in found.message
    assert found.help == help


def test_the_error_of_a_file_has_what_an_oserror_has(tmp_path: Path) -> None:
    with pytest.raises(archspec.SpecNotFoundError) as refused:
        archspec.load(tmp_path / "none.yaml")
    assert (refused.value.errno, refused.value.filename) == (errno.ENOENT, str(tmp_path / "none.yaml"))
    assert refused.value.strerror == "there is no such file"
    with pytest.raises(FileNotFoundError):
        archspec.check(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["{a: b}.yaml", "a: b.yaml", "line\nbreak.yaml", "resnet50", "{x}"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_read_whatever_its_name_looks_like(
    name: str, kind: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("name: mine\ninput: [3]\nstages: {one: relu}\n")
    assert archspec.load(kind(Path(name))).name == "mine"


@pytest.mark.parametrize(
    "text",
    [
        "name: resnet50.yaml\nextends: resnet18",
        "{name: resnet50.yaml, extends: resnet18}",
        "\n{name: a, extends: resnet18}",
    ],
)
def test_a_text_is_a_text_whatever_it_mentions(text: str) -> None:
    assert archspec.load(text).output_shapes == {"output": (1000,)}


def test_an_error_can_be_sent_to_another_process() -> None:
    with pytest.raises(archspec.SpecError) as refused:
        archspec.load(TEXT, ww=3)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # noqa: S301 -- our own bytes
