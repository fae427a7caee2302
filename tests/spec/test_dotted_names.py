"""Containers whose members are used in turns."""

from __future__ import annotations

import torch

import archspec
from tests.references import timm

RES2NET = """
name: bottle2neck
input: [16, 8, 8]
defaults: {conv: {bias: false, padding: same}}
stages:
  conv1: {conv: 16}
  bn1: batchnorm
  relu: relu
  parts: {split: [4, 4, 4, 4], as: [a, b, c, d]}
  convs.0: {conv: {out: 4, kernel: 3}, FROM: a}
  bns.0: batchnorm
  x: relu
  sum1: {add: [x, b]}
  convs.1: {conv: {out: 4, kernel: 3}}
  bns.1: batchnorm
  y: relu
  sum2: {add: [y, c]}
  convs.2: {conv: {out: 4, kernel: 3}}
  bns.2: batchnorm
  z: relu
  joined: {concat: [x, y, z, d]}
  conv3: {conv: 16}
  bn3: batchnorm
  end: [add: [bn3, input], relu]
""".replace("FROM", "from")


def test_a_res2net_block_is_timm_s() -> None:
    timm()
    from timm.models.res2net import Bottle2neck

    torch.manual_seed(0)
    twin = Bottle2neck(16, 4, scale=4, base_width=64, act_layer=torch.nn.ReLU, norm_layer=torch.nn.BatchNorm2d).eval()
    arch = archspec.load(RES2NET)
    built = arch.build().eval()
    built.load_state_dict(twin.state_dict(), strict=True)
    value = torch.randn(2, 16, 8, 8)
    assert torch.equal(built(value), twin(value))
    faster = arch.optimize().build(weights=built).eval()
    assert torch.allclose(faster(value), built(value), atol=1e-5)
    names: dict[str, object] = {"__name__": "made"}
    exec(arch.source(), names)  # noqa: S102 - our own text
    made = names["Bottle2neck"]().eval()  # type: ignore[operator]
    made.load_state_dict(built.state_dict(), strict=True)
    assert torch.equal(made(value), built(value))
