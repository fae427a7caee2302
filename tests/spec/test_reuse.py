"""Layers that are applied again with their own weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import archspec

SIAMESE = """
name: siamese
inputs: {left: [1, 12, 12], right: [1, 12, 12]}
stages:
  trunk:
    layers:
      conv: {conv: {out: 4, kernel: 3}}
      norm: batchnorm
      relu: relu
      pool: globalpool
      fc: {linear: 8}
    FROM: left
  other: {reuse: trunk, from: right}
  head: [concat: [trunk, other], linear: 1]
""".replace("FROM", "from")


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential()
        for name, module in (("conv", nn.Conv2d(1, 4, 3)), ("norm", nn.BatchNorm2d(4)), ("relu", nn.ReLU())):
            self.trunk.add_module(name, module)
        self.trunk.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        self.trunk.add_module("fc", nn.Linear(4, 8))
        self.head = nn.Sequential(nn.Linear(16, 1))

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(torch.cat([self.trunk(left), self.trunk(right)], 1))
        return result


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 1, 12, 12), torch.randn(2, 1, 12, 12)


def test_a_siamese_network_is_its_twin() -> None:
    twin = Siamese()
    arch = archspec.load(SIAMESE)
    assert arch.params == sum(parameter.numel() for parameter in twin.parameters())
    built = arch.build()
    built.load_state_dict(twin.state_dict(), strict=True)
    for mode in (True, False):
        assert torch.equal(built.train(mode)(*pair()), twin.train(mode)(*pair()))


def test_it_is_trained_once() -> None:
    twin, built = Siamese(), archspec.load(SIAMESE).build()
    built.load_state_dict(twin.state_dict(), strict=True)
    for module in (twin, built):
        module(*pair()).sum().backward()
    assert all(
        torch.allclose(own.grad, other.grad)
        for own, other in zip(built.parameters(), twin.parameters(), strict=True)
        if own.grad is not None and other.grad is not None
    )


def test_it_is_exported() -> None:
    built = archspec.load(SIAMESE).build().eval()
    program = torch.export.export(built, pair())
    assert torch.allclose(program.module()(*pair()), built(*pair()), atol=1e-6)
    assert len(program.state_dict) == len(built.state_dict())


def test_its_source_is_the_network() -> None:
    arch = archspec.load(SIAMESE)
    built = arch.build().eval()
    scope: dict[str, Any] = {"__name__": "made"}
    exec(arch.source(), scope)  # noqa: S102 - our own text
    made = next(value for value in scope.values() if isinstance(value, type) and value.__name__.lower() == "siamese")()
    made.load_state_dict(built.state_dict(), strict=True)
    assert torch.equal(made.eval()(*pair()), built(*pair()))


def test_its_passes_change_both_uses_or_none() -> None:
    arch = archspec.load(SIAMESE)
    faster = arch.optimize()
    built = arch.build().eval()
    assert torch.allclose(faster.build(weights=built).eval()(*pair()), built(*pair()), atol=1e-6)


def test_the_second_use_is_drawn_and_counted_as_shared() -> None:
    arch = archspec.load(SIAMESE)
    assert "shared" in str(arch.summary())
    assert arch.macs == 2 * (4 * 9 * 100 + 32) + 16


ALBERT = """
name: albert
input: {tokens: 5, features: 8}
args: {depth: 4}
blocks:
  encoder:
    layers:
      attention: [add: [layers: {norm: layernorm, heads: {attention: 2}}, identity]]
      mlp: [add: [layers: {norm: layernorm, up: {linear: 16}, act: gelu, down: {linear: 8}}, identity]]
stages:
  layer: encoder
  again: {repeat: {times: depth - 1, layers: [reuse: layer]}}
"""


def test_an_encoder_has_one_layer_for_any_depth() -> None:
    deep, shallow = archspec.load(ALBERT), archspec.load(ALBERT, depth=1)
    assert deep.params == shallow.params
    assert deep.macs == 4 * shallow.macs
    built, once = deep.build().eval(), shallow.build().eval()
    once.load_state_dict(built.state_dict(), strict=True)
    value = torch.randn(2, 5, 8)
    expected = value
    for _ in range(4):
        expected = once(expected)
    assert torch.allclose(built(value), expected, atol=1e-6)


def test_a_layer_is_used_inside_other_parts() -> None:
    arch = archspec.load(
        "{name: a, input: [8], stages: {map: {linear: 8}, deep: {layers: {act: relu, more: [reuse: map, {reuse: map, as: x}, "
        "add: [x, reuse: map]]}}, end: {reuse: map}}}"
    )
    assert sorted(arch.build().state_dict()) == ["map.bias", "map.weight"]
    assert arch.params == 72
    assert arch.macs == 5 * 64


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("{one: {linear: 8}, two: {reuse: on}}", "'on' is no named layer here"),
        ("{one: {linear: 8}, two: {reuse: input}}", "'input' is a value"),
        ("{one: {linear: 4}, two: {reuse: one}}", "one is shared and needs the same weights at each use"),
        ("{one: {linear: 8}, two: {reuse: [one]}}", "reuse needs the name of a layer"),
        ("{one: {layers: {in1: {linear: 8}}}, two: {reuse: in1}}", "'in1' is no module before this one"),
        ("{one: {layers: {in1: {linear: 8}}}, two: {reuse: one.in2}}", "'one.in2' is no module before this one"),
        ("{one: {layers: {in1: {linear: 8}, in2: {reuse: .one}}}}", "'.one' is no module before this one"),
        ("{one: [linear: 8], two: {layers: {in1: {reuse: .0}}}}", "'.0' is no module before this one"),
    ],
)
def test_what_cannot_be_used_again(stages: str, message: str) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(f"{{name: a, input: [8], stages: {stages}}}")
    assert caught.value.diagnostics[0].message.startswith(message)


PATHS = """
name: paths
input: [4, 6, 6]
blocks:
  unit: {layers: [conv: {out: 4, kernel: 3, padding: same}, relu, layers: {inner: {layers: {c: {conv: 4}}}}, reuse: inner.c]}
stages:
  one: [unit, unit]
  two: [reuse: one.1, reuse: .one.0.inner, reuse: one.0.0]
  three: {layers: {one: [relu, {conv: 4}], x: {reuse: one.1}, y: {reuse: .one.1}}}
"""


def test_a_module_is_found_by_its_path_from_the_scope_outwards() -> None:
    arch = archspec.load(PATHS)
    unit = ["0", "1", "inner.c", "inner.c"]
    assert [node.name for node in arch.graph.ops] == [
        *(f"one.0.{name}" for name in unit),
        *(f"one.1.{name}" for name in unit),
        *(f"one.1.{name}" for name in unit),
        *("one.0.inner.c", "one.0.0", "three.one.0", "three.one.1", "three.one.1"),
        *(f"one.1.{name}" for name in unit),
    ]
    built = arch.build().eval()
    scope: dict[str, Any] = {"__name__": "made"}
    exec(arch.source(), scope)  # noqa: S102 -- our own text
    made = scope["Paths"]().eval()
    made.load_state_dict(built.state_dict(), strict=True)
    image = torch.rand(2, 4, 6, 6)
    assert torch.equal(made(image), built(image))


def test_a_path_in_a_network_that_is_a_part_begins_there() -> None:
    inner = {
        "name": "inner",
        "input": [4],
        "stages": {"fc": {"linear": 4}, "body": {"layers": {"again": {"reuse": ".fc"}}}},
    }
    arch = archspec.load(
        {"name": "a", "input": [4], "stages": {"part": {"network": {"spec": inner}}, "end": {"reuse": "part.fc"}}}
    )
    assert [node.name for node in arch.graph.ops] == ["part.fc"] * 3


def test_an_embedding_and_a_head_have_one_table() -> None:
    """A tied language model: the weight is a value that both read."""
    arch = archspec.load(
        "{name: lm, input: {tokens: 6}, args: {vocabulary: 16, width: 8}, stages: {"
        "wte: {layers: {weight: {parameter: {shape: [vocabulary, width], batched: false}}}}, "
        "words: {lookup: {}, from: [wte, input]}, body: {linear: width}, "
        "logits: {matmul: {transpose: true}, from: [body, wte]}}}"
    )
    embedding, body, head = nn.Embedding(16, 8), nn.Linear(8, 8), nn.Linear(8, 16, bias=False)
    head.weight = embedding.weight
    built = arch.build()
    built.load_state_dict(
        {"wte.weight": embedding.weight, "body.weight": body.weight, "body.bias": body.bias}, strict=True
    )
    words = torch.randint(0, 16, (3, 6))
    assert torch.allclose(built(words), head(body(embedding(words))), atol=1e-6)
    assert arch.params == 16 * 8 + 8 * 8 + 8
