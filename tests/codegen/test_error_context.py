"""Exceptions of a network name the layer of the spec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx import flatten_model
from tests.hand import residual, two_stream

build: Callable[..., Any] = build_graph
"""Any, because a type checker cannot know the modules that a network has."""


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_an_input_of_other_channels(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        build(residual())(torch.randn(2, 4, 8, 8))
    assert notes(caught.value) == [
        "in layer conv1 (conv) of residual, at hand.yaml:2:5",
        "expected 3×8×8 after the batch axis, got 4×8×8 in a tensor of [2, 4, 8, 8]",
    ]
    assert capfd.readouterr().err == ""


def test_a_layer_in_an_inner_block_is_named_once() -> None:
    model = build(residual((2,)))
    model.get_submodule("layer1.1").bn2 = nn.BatchNorm2d(9)
    for network in (model, flatten_model(model)):
        with pytest.raises(RuntimeError) as caught:
            network(torch.randn(2, 3, 8, 8))
        assert notes(caught.value) == ["in layer layer1.1.bn2 (batchnorm) of residual, at hand.yaml:16:5"]


def test_a_function_without_a_module_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        build(two_stream())(torch.randn(2, 4, 6, 6), torch.randn(2, 4, 5, 5))
    assert notes(caught.value) == [
        "in layer unit0 (add) of two_stream, at hand.yaml:3:5",
        "expected 4×6×6 after the batch axis, got 4×5×5 in a tensor of [2, 4, 5, 5]",
    ]
    assert capfd.readouterr().err == ""


def test_a_block_by_itself_says_it_too() -> None:
    model = build(residual((1,)))
    with pytest.raises(RuntimeError) as caught:
        model.get_submodule("layer1.0")(torch.randn(2, 5, 8, 8))
    assert notes(caught.value)[0] == "in layer layer1.0.conv1 (conv) of residual, at hand.yaml:5:5"


def test_a_forgotten_input_has_no_layer_to_name() -> None:
    with pytest.raises(TypeError) as caught:
        build(two_stream())(torch.randn(2, 4, 6, 6))
    assert notes(caught.value) == []
