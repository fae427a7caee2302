"""Checks that built and generated networks compute the same, in evaluation and in training."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from archspec.architecture import Architecture
from archspec.ops.attention import Embedding


def printed(text: str) -> nn.Module:
    """The network of a generated module."""
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(text, "<printed>", "exec"), names)  # noqa: S102 - this is what the text is for
    classes = [value for value in names.values() if isinstance(value, type) and value.__module__ == "printed"]
    model = classes[-1]()
    assert isinstance(model, nn.Module)
    return model


def noise(arch: Architecture) -> list[Tensor]:
    """Two samples for each input."""
    graph, generator = arch.graph, torch.Generator().manual_seed(1)
    tokens = min((node.op.vocabulary for node in graph.ops if isinstance(node.op, Embedding)), default=1)
    return [
        torch.randint(0, tokens, (2, *value.shape.sizes), generator=generator)
        if graph.holds_indices(value)
        else torch.randn(2, *value.shape.sizes, generator=generator)
        for value in graph.inputs.values()
    ]


def outputs_of(model: nn.Module, given: list[Tensor], *, training: bool) -> list[Tensor]:
    torch.manual_seed(3)
    with torch.no_grad():
        result = model.train(training)(*given)
    return list(result) if isinstance(result, tuple) else [result]


def check_built(arch: Architecture) -> nn.Module:
    """A built network has the shapes and the number of parameters of its graph."""
    model = arch.build()
    shapes = [tuple(value.shape) for value in outputs_of(model, noise(arch), training=False)]
    ends = [value.shape for value in arch.graph.outputs.values()]
    assert shapes == [((2,) if shape.batched else ()) + shape.sizes for shape in ends]
    assert sum(parameter.numel() for parameter in model.parameters()) == arch.params
    return model


def check_optimized(arch: Architecture, built: nn.Module) -> None:
    """An optimised network and its generated source compute the same in evaluation, up to rounding.

    In float64 rounding stays small, even if a normalisation divides by a tiny number. In float32, with faster kernels, the difference
    may be ten times that between torch's memory formats, and that of noise of a millionth on inputs and weights.
    """
    optimized = arch.optimize(merge=True)
    weights = {name: value.clone() for name, value in built.state_dict().items()}
    others = [_last(built, noise(arch), layout) for layout in (torch.contiguous_format, torch.channels_last)]
    exact = outputs_of(built.double(), _in_double(noise(arch)), training=False)
    others.append(_disturbed(built, arch))
    model = optimized.build()
    model.load_state_dict(optimized.map_weights(weights), strict=True)
    found = outputs_of(model, noise(arch), training=False)
    for value, true, *near in zip(found, exact, *others, strict=True):
        spread = max((other - true).abs().nan_to_num(0.0, 0.0, 0.0).max().item() for other in near)
        known = true.isfinite()  # a fused ReLU of oneDNN turns NaN into 0
        value = value.to(true.dtype)
        torch.testing.assert_close(value[known], true[known], rtol=1e-3, atol=1e-4 + 10 * spread)
    weights = optimized.map_weights(built.state_dict())
    for variant in (model.double(), printed(optimized.source()).double()):
        variant.load_state_dict(weights, strict=True)
        found = outputs_of(variant, _in_double(noise(arch)), training=False)
        torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-9, equal_nan=True)


def _in_double(values: list[Tensor]) -> list[Tensor]:
    return [value.double() if value.is_floating_point() else value for value in values]


def _last(model: nn.Module, given: list[Tensor], layout: torch.memory_format) -> list[Tensor]:
    """The outputs of a network with images in this memory format."""
    images = [value.to(memory_format=layout) if value.dim() == 4 else value for value in given]
    return outputs_of(model, images, training=False)


def _disturbed(model: nn.Module, arch: Architecture) -> list[Tensor]:
    """The outputs of a float64 network with relative noise of a millionth on each weight and input."""
    generator = torch.Generator().manual_seed(5)

    def off(value: Tensor) -> Tensor:
        if not value.is_floating_point():
            return value
        return value * (1 + 1e-6 * torch.randn(value.shape, dtype=value.dtype, generator=generator))

    other = copy.deepcopy(model)
    other.load_state_dict({name: off(value) for name, value in model.state_dict().items()})
    return outputs_of(other, [off(value) for value in _in_double(noise(arch))], training=False)


def check_printed(arch: Architecture, built: nn.Module) -> str:
    """The generated network has the weights of the built one and computes bitwise the same."""
    text = arch.source("archspec build fuzz.yaml -o net.py")
    model = printed(text)
    assert list(model.state_dict()) == list(built.state_dict())
    model.load_state_dict(built.state_dict(), strict=True)
    given = noise(arch)
    for training in (False, True):
        pairs = [
            outputs_of(variant, [value.clone() for value in given], training=training) for variant in (built, model)
        ]
        torch.testing.assert_close(*pairs, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(dict(model.state_dict()), dict(built.state_dict()), rtol=0, atol=0, equal_nan=True)
    return text
