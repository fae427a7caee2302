"""Every op compared with torch: shapes, names and order of tensors, MACs, and refused inputs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch.utils.flop_counter import FlopCounterMode

from archspec.ir.shape import Shape, normalize_names
from archspec.ops import BY_WORD, OPS, PASS_OPS
from archspec.ops.base import ShapeError
from archspec.ops.parametrization import Parametrized
from tests.ops.cases import Case, cases
from tests.ops.interpreter import Lowered
from tests.sample import sampled

BATCH = 2
BUNDLED = "bundle"  # has no lowering

NARROWER: dict[str, dict[str, str]] = {
    "": {
        r"needs channels and length, height and width": "torch knows no names, and runs some of these functions on other ranks",
        r"needs (channels|features) first": "torch takes whatever stands there",
        r"needs channels or features": "torch takes an axis by its place",
        r"^there is no axis": "torch knows no names",
        r"^causal needs as many keys as queries": "torch masks the first keys then, which is no order of one sequence",
        r"needs one number or \d, got \d": "torch repeats a list of one number, and pads a short one here and there",
    },
    "conv": {
        r"^standardise needs": "the class of torch convolves images only",
        r"^a kernel has either": "torch would norm what is standardised",
        r"^padding same needs an odd kernel": "torch pads as it is told",
    },
    "batchnorm": {r"needs a batch": "torch takes the channels for the batch"},
    "droppath": {r"needs a batch": "torch would drop one by one what stands first"},
    "columndraw": {r"needs a batch": "torch takes what stands first for the batch"},
    "parameter": {
        r"needs a batch": "torch repeats it for what stands first",
        r"^a single number has no batch": "torch would make a number for each sample",
    },
    "globalpool": {r"needs places": "torch would take the mean of nothing"},
    "attention": {r"needs tokens and features": "torch takes two axes for what it needs"},
    "pad": {r"needs names": "torch pads by place"},
    "convtranspose": {r"leaves nothing of": "torch makes an empty tensor"},
    "linear": {r"^linear needs features": "a map of an image's last axis is a mistake nearly always"},
    "reshape": {r"^reshape moves no elements": "torch knows no names"},
    "unwindow": {r"^unwindow needs": "the elements may fit by chance"},
    "window": {r"^window needs an image": "torch knows no names"},
    "roll": {r"^there is no axis": "torch knows no names"},
    "sdpa": {r"^sdpa needs": "torch broadcasts by place"},
    "rotary": {r"^rotary needs": "torch knows no names"},
    "splitheads": {r"needs a value without heads": "torch knows no names"},
    "clamp": {r"^clamp needs low below high": "torch takes the upper bound then"},
    "reduce": {r"^reduce needs an axis that stays": "torch makes a scalar"},
    "constant": {
        r"^shifted_windows needs": "what comes out would be the mask of no image",
        r"^constant needs a batch": "torch takes the first axis for the batch",
    },
    "lookup": {r"^lookup needs a table": "torch takes the batch for the rows"},
    "add": {r"^add needs (equal shapes|the same axes)": "torch broadcasts by place and not by name"},
    "mean": {r"^mean needs (equal shapes|the same axes)": "torch broadcasts; a description says what it means"},
    "dropmean": {
        r"^dropmean needs (equal shapes|the same axes)": "torch broadcasts; a description says what it means",
        r"^dropmean needs (a columndraw|as many)": "whatever has enough places would do for torch",
    },
    "max": {r"^max needs (equal shapes|the same axes)": "torch broadcasts; a description says what it means"},
    "multiply": {r"^multiply needs gates": "torch would let a gate widen the signal"},
    "concat": {r"^concat needs (equal sizes|the same axes|as many axes)": "torch skips tensors of one empty axis"},
    "embedding": {r"^embedding needs tokens alone": "torch embeds numbers of any arrangement"},
    "matmul": {r"^matmul needs (two matrices|the same axes)": "torch broadcasts the axes before the last two"},
    "token": {
        r"^token needs": "torch selects from any tensor",
        r"^there is no token 0 among": "tokens are counted from 1, as turns are",
    },
    "slice": {r"^slice needs a part": "torch makes an empty tensor"},
    "layernorm": {r"^layernorm (over|has an axis twice)": "the lowering has only the axes that there are"},
    "upsample": {r"^upsample needs either": "the message is about the fields alone"},
}
"""Messages of inputs that archspec refuses and torch accepts, with the reason; the empty word stands for all ops."""


FITTING = {25: 1, 100: 10}
"""By number of examples, how many of them must fit."""


def run(case: Case, device: str = "meta") -> tuple[Lowered, tuple[torch.Tensor, ...], int]:
    """The lowered op, its outputs, and torch's count of floating-point operations."""
    module = Lowered(case.op.lower(*case.inputs), device).train()
    tensors = []
    for place, shape in enumerate(case.inputs):
        kind = torch.long if place in case.op.indices else torch.float32
        tensors.append(torch.zeros((*(BATCH,) * shape.batched, *shape.sizes), device=device, dtype=kind))
    with FlopCounterMode(display=False) as counter:
        result: Any = module(*tensors)
    outputs = tuple(result) if isinstance(result, tuple | list) else (result,)
    return module, outputs, counter.get_total_flops()


def narrower(word: str, message: str) -> bool:
    return any(re.search(text, message) for text in {**NARROWER[""], **NARROWER.get(word, {})})


def agrees(case: Case) -> bool:
    """Compares one case; True if it fits."""
    try:
        shapes = case.op.infer(*case.inputs)
    except ShapeError as error:
        if not narrower(case.op.word, error.message) and not case.op.passes_through(len(case.inputs)):
            with pytest.raises(Exception):  # noqa: B017, PT011 - torch's classes of error differ
                run(case, "cpu")  # on meta, some of torch's checks are left out
        return False
    module, outputs, flops = run(case)
    expected = [(*(BATCH,) * shape.batched, *shape.sizes) for shape in shapes]
    assert [tuple(value.shape) for value in outputs] == expected
    assert all(shape.names == normalize_names(shape.names) for shape in shapes)
    declared = case.op.weights(*case.inputs)
    assert module.tensors() == [(weight.name, weight.shape, weight.trainable) for weight in declared]
    own = case.op.plain().weights(*case.inputs) if isinstance(case.op, Parametrized) else declared
    assert set(case.op.initial()) <= {weight.name for weight in own if weight.trainable}
    assert flops == 2 * (BATCH if shapes[0].batched else 1) * case.op.macs(case.inputs, shapes)
    return True


@pytest.mark.parametrize("examples", sampled(FITTING, {25}))
@pytest.mark.parametrize("word", [op.word for op in (*OPS, *PASS_OPS) if op.word != BUNDLED])
def test_shapes_tensors_and_macs_are_those_of_torch(word: str, examples: int) -> None:
    if word == "droppath" and find_spec("archspec.codegen.fx.modules") is None:
        pytest.skip("its module is of the torch back end")
    fitting = 0

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(cases(word))
    def compare(case: Case) -> None:
        nonlocal fitting
        fitting += agrees(case)

    compare()
    least = (
        1 if word == "attention" else FITTING[examples]
    )  # few drawn layouts are sequences; test_layouts.py tests all
    assert fitting >= least, "hardly any case fits: nothing is tested"


def test_a_bundle_is_its_operands() -> None:
    shapes = (Shape.of(3, 4, 4), Shape.of(7))
    bundle = BY_WORD[BUNDLED]()
    assert bundle.infer(*shapes) == shapes
    assert bundle.lower(*shapes) == ()
