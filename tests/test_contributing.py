"""The recipes of CONTRIBUTING.md are followed to the letter."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

import archspec
from archspec.ops import activation
from archspec.ops.base import Op
from archspec.shape import Shape

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def test_the_op_of_the_recipe_is_torchs() -> None:
    names: dict[str, Any] = dict(vars(activation))
    exec(block("python"), names)  # noqa: S102 - our own text
    word: type[Op] = names["Softplus"]
    (call,) = word.model_validate({"sharpness": 2}).lower(Shape.of(4))
    module = getattr(torch.nn, call.target.rpartition(".")[2])(**call.options)
    x = torch.linspace(-3, 3, 7)
    torch.testing.assert_close(module(x), torch.log1p(torch.exp(2 * x)) / 2)
    assert word().lower(Shape.of(4))[0].options == {}


def test_the_network_of_the_recipe_is_torchvisions(torchvision: ModuleType) -> None:
    arch = archspec.load(block("yaml"))
    reference = torchvision.models.squeezenet1_1(weights=None).eval()
    model = arch.build(device="cpu").eval()
    model.load_state_dict(reference.state_dict(), strict=True)
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(model(image), reference(image))
