"""Arguments that are reported as without effect have none, and all others have one."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

import archspec
from archspec.codegen.fx.weights import fill_tensor
from archspec.ops.initial import Init
from archspec.spec.idle_arguments import INIT_FIELDS

KINDS = get_args(Init.model_fields["kind"].annotation)
OTHER: dict[str, Any] = {"mode": "fan_out", "nonlinearity": "tanh", "slope": 0.5, "gain": 3.0, "mean": 0.7, "std": 0.1, "low": -0.5, "high": 0.5, "value": 2.0}  # fmt: skip


def filled(**scheme: Any) -> torch.Tensor:
    torch.manual_seed(0)
    tensor = torch.empty(6, 5)
    fill_tensor(tensor, Init(**scheme))
    return tensor


def test_every_kind_and_every_field_is_known() -> None:
    assert set(INIT_FIELDS) == set(KINDS)
    assert set(OTHER) == set(Init.model_fields) - {"kind"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", OTHER)
def test_an_initialisation_reads_the_fields_that_it_is_said_to_read(kind: str, field: str) -> None:
    more = {"nonlinearity": "leaky_relu"} if field == "slope" else {}
    same = torch.equal(filled(kind=kind, **more), filled(kind=kind, **more, **{field: OTHER[field]}))
    assert same == (field not in INIT_FIELDS[kind])


def test_slope_belongs_to_leaky_relu() -> None:
    assert torch.equal(filled(kind="kaiming_normal"), filled(kind="kaiming_normal", slope=0.5))


@pytest.mark.parametrize(
    ("layer", "idle"),
    [
        ("conv: {out: 8, bias: false%s}", ", bias_init: 1"),
        ("linear: {out: 8, bias: false%s}", ", bias_init: 1"),
        ("convtranspose: {out: 8, bias: false%s}", ", bias_init: 1"),
        ("conv: {out: 8, kernel: 3%s}", ", padding_mode: reflect"),
        ("batchnorm: {affine: false%s}", ", init: 2"),
        ("batchnorm: {affine: false%s}", ", bias_init: 2"),
        ("batchnorm: {track: false%s}", ", momentum: 0.5"),
        ("instancenorm: {affine: false%s}", ", init: 2"),
        ("instancenorm: {track: false%s}", ", momentum: 0.5"),
        ("groupnorm: {groups: 2, affine: false%s}", ", bias_init: 2"),
        ("layernorm: {affine: false%s}", ", bias: false"),
        ("layernorm: {bias: false%s}", ", bias_init: 2"),
    ],
)
def test_an_idle_argument_is_warned_of_and_changes_nothing(layer: str, idle: str) -> None:
    size = "[4]" if layer.startswith("linear") else "[4, 6, 6]"
    spec = f"name: a\ninput: {size}\nstages: {{one: {{{layer}}}}}\n"
    plain, more = archspec.load(spec % ""), archspec.load(spec % idle)
    assert plain.warnings == ()
    (found,) = more.warnings
    assert found.message.startswith(f"{idle[2:].partition(':')[0]} of ")
    built = [arch.build(seed=3).train() for arch in (plain, more)]
    value = torch.randn(2, *plain.input_shapes["input"], generator=torch.Generator().manual_seed(1))
    outputs = [model(value) for model in built] + [model.eval()(value) for model in built]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[2], outputs[3])
    assert [*built[0].state_dict()] == [*built[1].state_dict()]
