"""Several outputs are a named tuple: by attribute, by index, unpacked, and through everything that torch does with a network."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

import archspec
from archspec.codegen.fx import flatten_model
from archspec.codegen.fx.outputs import make_output_type, name_fields
from tests.processes import run_python
from tests.sample import small

SPEC = """
name: twins
input: [4]
stages: {body: [{linear: 4}, relu], fc: {linear: 3}, aux: {from: body, linear: 2}}
outputs: [fc, aux]
"""


@pytest.fixture
def model() -> Any:
    return archspec.load(SPEC).build().eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(1))


def test_a_training_loop_reads_the_outputs_by_name() -> None:
    model: Any = small("googlenet_aux").build().train()
    out = model(torch.randn(2, 3, 96, 96))
    assert out._fields == tuple(small("googlenet_aux").output_shapes) == ("fc", "aux2", "aux1")
    loss = out.fc.sum() + 0.3 * (out.aux2.sum() + out.aux1.sum())
    loss.backward()
    assert model.fc.weight.grad is not None
    fc, aux2, aux1 = out
    assert (fc is out[0] is out.fc, aux2 is out.aux2, aux1 is out[-1]) == (True, True, True)
    assert isinstance(out, tuple)


def test_one_output_is_a_tensor() -> None:
    spec = "{name: one, input: [4], stages: {fc: {linear: 3}}}"
    assert isinstance(archspec.load(spec).build()(torch.zeros(2, 4)), Tensor)


WAYS: dict[str, Callable[[Any, Tensor], Any]] = {
    "called": lambda model, x: model(x),
    "retraced": lambda model, x: fx.symbolic_trace(model)(x),
    "interpreted": lambda model, x: fx.Interpreter(model).run(x),
    "flat": lambda model, x: flatten_model(model)(x),
    "compiled": lambda model, x: torch.compile(model, backend="eager", fullgraph=True)(x),  # type: ignore[no-untyped-call]
    "exported": lambda model, x: torch.export.export(model, (x,)).module()(x),
    "exported by dynamo": lambda model, x: torch.export.export(model, (x,), strict=True).module()(x),
    "scripted": lambda model, x: torch.jit.script(model)(x),
    "copied": lambda model, x: copy.deepcopy(model)(x),
    "pickled": lambda model, x: pickle.loads(pickle.dumps(model))(x),  # noqa: S301 - our own
    "functional": lambda model, x: torch.func.functional_call(model, dict(model.named_parameters()), (x,)),
    "mapped": lambda model, x: torch.vmap(model)(x),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_names_come_through(way: str, model: Any, x: Tensor) -> None:
    out, expected = WAYS[way](model, x), model(x)
    assert out._fields == ("fc", "aux")
    torch.testing.assert_close(tuple(out), tuple(expected))
    assert torch.equal(out.aux, out[1])


def test_a_trace_gives_a_tuple(model: Any, x: Tensor) -> None:
    out = torch.jit.trace(model, x)(x)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(tuple(out), tuple(model(x)))


def test_outputs_are_a_tree_are_pickled_and_have_one_class(model: Any, x: Tensor) -> None:
    out = model(x)
    halves = pytree.tree_map(lambda value: value / 2, out)
    assert type(halves) is type(out) is type(archspec.load(SPEC).build()(x))
    assert torch.equal(halves.aux, out.aux / 2)
    file = io.BytesIO()
    torch.save(out, file)
    file.seek(0)
    assert type(torch.load(file, weights_only=False)) is type(out)
    detached = type(out)(*(value.detach() for value in out))
    assert copy.deepcopy(detached)._fields == out._fields
    assert repr(make_output_type(("fc", "aux"))(1, 2)) == "Outputs(fc=1, aux=2)"


def test_an_edit_of_the_network_keeps_the_names(model: Any, x: Tensor) -> None:
    model.aux = torch.nn.Linear(4, 7)
    assert model(x).aux.shape == (2, 7)
    model.recompile()
    assert model(x)._fields == ("fc", "aux")


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        (["left-eye", "left_eye"], ("left_eye", "left_eye_")),
        (["class", "_x", "2nd"], ("class_", "x", "output_2nd")),
        (["_", "count"], ("output", "count")),
        (["_0", "-0", "__class"], ("output_0", "output_0_", "class_")),
        (["äuge", "a.b"], ("äuge", "a_b")),
    ],
)
def test_any_name_of_an_output_is_a_field(names: list[str], fields: tuple[str, ...]) -> None:
    assert name_fields(names) == fields
    assert make_output_type(fields)._fields == fields


def test_a_saved_program_is_loaded_without_archspec(x: Tensor, model: Any, tmp_path: Path) -> None:
    archspec.load(SPEC).save(tmp_path / "twins.pt2")
    code = f"""
import sys, torch
out = torch.export.load({str(tmp_path / "twins.pt2")!r}).module()(torch.zeros(3, 4))
print(type(out) is tuple, [list(value.shape) for value in out], "archspec" in sys.modules)
"""
    done = run_python("-c", code)
    assert done.stdout.strip() == "True [[3, 3], [3, 2]] False", done.stderr
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, (x,)), file)
    file.seek(0)
    assert torch.export.load(file).module()(x)._fields == ("fc", "aux")


OLDER = """
import copy, pickle, torch
from torch.fx.graph import CodeGen

def generate_output(self, output_args, *, descs=None, **later):
    return f"return {output_args!r}"

CodeGen.generate_output = generate_output
import archspec
from archspec.codegen.fx import flatten_model

model = archspec.load('''SPEC''').build().eval()
x = torch.randn(2, 4)
for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), flatten_model(model)):
    assert torch.equal(other(x).aux, model(x).aux), other
"""


@pytest.mark.slow
def test_code_that_a_torch_before_2_12_writes() -> None:
    """It has the named tuple by its name, of which that torch's code generator says nothing."""
    done = run_python("-c", OLDER.replace("SPEC", SPEC))
    assert done.returncode == 0, done.stderr
