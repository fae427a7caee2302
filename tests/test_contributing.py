"""The recipes of CONTRIBUTING.md are followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec.ir.shape import Shape
from archspec.ops import activation
from archspec.ops.base import Op
from archspec.passes import PassError
from tests.references import torchvision

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(recipe: int, language: str) -> str:
    """The one block of code in that language in a recipe."""
    text = TEXT.partition(f"## Recipe {recipe}:")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_op_of_the_recipe_is_torchs() -> None:
    names: dict[str, Any] = dict(vars(activation))
    exec(block(1, "python"), names)  # noqa: S102 - our own text
    word: type[Op] = names["Softplus"]
    (call,) = word.model_validate({"sharpness": 2}).lower(Shape.of(4))
    module = getattr(torch.nn, call.target.rpartition(".")[2])(**call.options)
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(module(x), torch.log1p(torch.exp(2 * x)) / 2)
    assert word().lower(Shape.of(4))[0].options == {}


def test_the_pass_of_the_recipe_does_what_it_says() -> None:
    names: dict[str, Any] = {}
    exec(block(3, "python"), names)  # noqa: S102 - our own text
    smooth = names["smooth"]
    assert smooth.arguments.model_validate({}).model_dump() == {"activation": "silu"}
    before = archspec.load("resnet18").graph
    words = [node.op.word for node in before.ops]
    after = smooth(before, activation="gelu")
    assert [node.op.word for node in after.ops] == ["gelu" if word == "relu" else word for word in words]
    assert [node.path for node in after.ops] == [node.path for node in before.ops]
    with pytest.raises(PassError, match="this network has none"):
        smooth(after)


def test_the_network_of_the_recipe_is_torchvisions() -> None:
    arch = archspec.load(block(2, "yaml"))
    reference = torchvision().models.squeezenet1_1(weights=None).eval()
    model = arch.build(device="cpu").eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(model(image), reference(image))
