"""Containers whose members are used in turns, and names that are computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archspec
from tests.references import timm

NETWORKS = Path(__file__).parent / "networks"
SIDES = {"res2net50_26w_4s": 64, "hrnet_w18": 32}

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


@pytest.mark.parametrize("name", SIDES)
def test_whole_networks_are_timm_s(name: str) -> None:
    """Keys, shapes, parameters and outputs; hrnet_w18 exchanges branches in two loops."""
    timm()
    comparison = archspec.load(NETWORKS / f"{name}.yaml", input=[3, SIDES[name], SIDES[name]]).check_against(
        f"timm:{name}"
    )
    assert comparison.outputs == "equal", [str(diagnostic) for diagnostic in comparison.diagnostics]
    assert comparison.same


def test_res2net_has_as_many_parts_as_its_argument_says(tmp_path: Path) -> None:
    arch = archspec.load((NETWORKS / "res2net50_26w_4s.yaml").read_text(), scale=6)
    assert arch.params == 37_051_448  # timm's res2net50_26w_6s
    arch.save(tmp_path / "saved.yaml")
    assert [node.name for node in archspec.load(tmp_path / "saved.yaml").graph.ops] == [
        node.name for node in arch.graph.ops
    ]


def test_an_argument_that_only_a_computed_name_reads_is_read_and_saved(tmp_path: Path) -> None:
    arch = archspec.load(
        "{name: a, input: [8], args: {k: 3, j: 4}, stages: [layers: {fc(k): {linear: 2}}, {relu: {}, as: x(j)}]}"
    )
    assert not arch.warnings
    arch.save(tmp_path / "saved.yaml")
    assert [node.name for node in archspec.load(tmp_path / "saved.yaml").graph.ops] == ["fc3", "x4"]


def test_a_list_of_stages_is_extended_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("{name: b, input: [8], args: {k: 3}, stages: [linear: k, {relu: {}, as: end}]}")
    (tmp_path / "other.yaml").write_text("{extends: base.yaml, name: c, args: {k: 2}}")
    (tmp_path / "third.yaml").write_text("{extends: base.yaml, name: d, stages: [linear: k, relu, linear: k]}")
    assert archspec.load(tmp_path / "other.yaml").params == 18
    assert archspec.load(tmp_path / "third.yaml").params == 27 + 12
