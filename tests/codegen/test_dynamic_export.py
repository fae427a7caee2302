"""Exported programs whose batch, height and width are free compute what the module does at each size; one that cannot says which layer keeps it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import archspec
from archspec import ExportError
from archspec.codegen.dynamic_axes import find_free_axes
from tests.cli.surface import run
from tests.sample import Load, networks

FCN = """
name: fcn
input: [3, 64, 64]
stages:
  a: [conv: {out: 8, kernel: 3, padding: 1}, relu, maxpool: 2]
  b: [conv: {out: 8, kernel: 3, padding: 1}, upsample: 2]
  c: {conv: 2}
"""
SKIP = """
name: skip
inputs: {left: [3, 32, 32], right: [3, 32, 32]}
stages:
  a: [add: [left, right], conv: {out: 8, kernel: 3, padding: 1}, relu]
  b: [maxpool: 2, conv: {out: 8, kernel: 3, padding: 1}, upsample: 2]
  c: [concat: [a, b], convtranspose: {out: 4, kernel: 2, stride: 2}]
"""
POOLED = "name: pooled\ninput: [3, 32, 32]\nstages: {conv: {conv: 4}, pool: {adaptivepool: [3, 5]}, flat: flatten, fc: {linear: 2}}"
FLAT = "name: flat\ninput: [3, 16, 16]\nstages: {conv: {conv: 4}, flat: flatten, fc: {linear: 2}}"
SIZES = ((1, 64, 64), (3, 96, 128), (2, 160, 32))
FREE = ("batch", "height", "width")


def compare(model: Any, arch: archspec.Architecture, predict: Any, sizes: tuple[int, int, int]) -> None:
    """The outputs of a module and of what was exported, at a batch, a height and a width."""
    batch, *places = sizes
    given = [torch.randn(batch, shape[0], *places) for shape in arch.input_shapes.values()]
    with torch.no_grad():
        expected = model(*given)
    for mine, theirs in zip(expected if isinstance(expected, tuple) else (expected,), predict(given), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=0, atol=1e-4)


def open_onnx(content: bytes, arch: archspec.Architecture) -> Any:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda given: session.run(
        None, {name: value.numpy() for name, value in zip(arch.input_shapes, given, strict=True)}
    )


@pytest.fixture(
    params=[pytest.param(FCN, marks=pytest.mark.slow), pytest.param(SKIP, marks=pytest.mark.slow), POOLED],
    ids=["fcn", "skip", "pooled"],
)
def network(request: pytest.FixtureRequest) -> archspec.Architecture:
    return archspec.load(request.param)


def test_onnx_of_any_size(network: archspec.Architecture, tmp_path: Path) -> None:
    network.save(tmp_path / "net.onnx", dynamic=FREE)
    proto = onnx.load(tmp_path / "net.onnx")
    for given in proto.graph.input:
        assert [size.dim_param or size.dim_value for size in given.type.tensor_type.shape.dim] == [
            "batch",
            3,
            "height",
            "width",
        ]
    predict = open_onnx(proto.SerializeToString(), network)
    for sizes in SIZES:
        compare(network.build().eval(), network, predict, sizes)


def test_pt2_of_any_size(network: archspec.Architecture, tmp_path: Path) -> None:
    network.save(tmp_path / "net.pt2", dynamic="batch,height,width")
    program = torch.export.load(io.BytesIO((tmp_path / "net.pt2").read_bytes())).module()

    def predict(given: list[torch.Tensor]) -> list[Any]:
        with torch.no_grad():
            made = program(*given)
        return [value.numpy() for value in (made if isinstance(made, tuple) else (made,))]

    for sizes in SIZES:
        compare(network.build().eval(), network, predict, sizes)


@pytest.mark.slow
@pytest.mark.parametrize("load", networks("resnet18", "alexnet"))
def test_networks_of_the_zoo_of_any_size(load: Load, tmp_path: Path) -> None:
    arch = load()
    arch.save(tmp_path / "net.onnx", dynamic=FREE)
    predict = open_onnx((tmp_path / "net.onnx").read_bytes(), arch)
    for sizes in ((1, 64, 64), (2, 96, 128), (2, 160, 96)):
        compare(arch.build().eval(), arch, predict, sizes)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [11, 13, 17, 18, 22])
def test_onnx_of_a_version(opset: int, tmp_path: Path) -> None:
    (tmp_path / "fcn.yaml").write_text(FCN)
    path = tmp_path / "fcn.onnx"
    done = run("build", tmp_path / "fcn.yaml", "-o", path, "--opset", str(opset), "--dynamic", "batch,height,width")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    proto = onnx.load(path)
    assert [(used.domain, used.version) for used in proto.opset_import] == [("", opset)]
    assert proto.ir_version <= {11: 6, 13: 7, 17: 8}.get(opset, 10)
    arch = archspec.load(FCN)
    predict = open_onnx(path.read_bytes(), arch)
    for sizes in SIZES:
        compare(arch.build().eval(), arch, predict, sizes)


@pytest.mark.parametrize("opset", [-1, 6, 99])
def test_a_version_that_is_none(opset: int, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=rf"opset {opset} cannot be written: expected 7 to \d+"):
        archspec.load(FCN).save(tmp_path / "net.onnx", opset=opset)
    assert not list(tmp_path.iterdir())


def test_a_version_that_is_too_old_for_a_layer(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"torch cannot write fcn in opset 7: .*upsample_nearest2d"):
        archspec.load(FCN).save(tmp_path / "net.onnx", opset=7)
    assert not list(tmp_path.iterdir())


FIXED = [
    (FLAT, "batch,height,width", r"height and width cannot be free: fc \(linear\) needs .* its weight is 2×1024, and would be 2×4096 \(<text>:3:.*globalpool"),
    ("vit_b_16", "batch,height", r"height cannot be free: encoder.pos_embedding \(parameter\) needs .* its 1×197×768 do not fit \(vit_b_16.yaml:\d+:\d+\)"),
    ("unet", "width", r"width cannot be free: concat in up4 needs"),
    (FCN, "channels", r"channels cannot be free: a.0 \(conv\) needs .* its weight is 8×3×3×3, and would be 8×6×3×3"),
    (FLAT.replace("flatten", "{reshape: [4, -1]}"), "height", r"height cannot be free: flat \(reshape\) needs .* it is for 4×16×16"),
    (FCN, "batch,heigth", "fcn has no axis 'heigth' in its inputs; did you mean 'height'?"),
    (FCN, "image=batch", "fcn has no input 'image'; there is input"),
    ("lstm", "height", "lstm has no axis 'height' in its inputs; there is batch, tokens, features"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "dynamic", "message"), FIXED)
def test_what_cannot_be_free_names_the_layer(spec: str, dynamic: str, message: str, tmp_path: Path) -> None:
    for ending in ("onnx", "pt2"):
        with pytest.raises(ExportError, match=message):
            archspec.load(spec).save(tmp_path / f"net.{ending}", dynamic=dynamic)
    assert not list(tmp_path.iterdir())


def test_axes_by_input() -> None:
    graph = archspec.load("lstm").graph
    every = {name: {0: "batch"} for name in graph.inputs}
    assert find_free_axes(graph, None) == find_free_axes(graph, "batch") == every
    assert find_free_axes(graph, "none") == {name: {} for name in graph.inputs}
    given = {"sequence": {0: "batch", 1: "tokens"}, "h": {0: "batch"}, "c": {}}
    assert find_free_axes(graph, ("sequence=batch,tokens", "h=batch")) == given
    assert find_free_axes(graph, {"sequence": ("batch", "tokens"), "h": "batch"}) == given
    assert find_free_axes(archspec.load("resnet18").graph, ["height", "batch"]) == {"input": {0: "batch", 2: "height"}}


def test_nothing_free_is_a_batch_of_one(tmp_path: Path) -> None:
    archspec.load(FCN).save(tmp_path / "net.onnx", dynamic="none")
    (given,) = onnx.load(tmp_path / "net.onnx").graph.input
    assert [size.dim_value for size in given.type.tensor_type.shape.dim] == [1, 3, 64, 64]


def test_options_that_a_format_has_not(tmp_path: Path) -> None:
    (tmp_path / "fcn.yaml").write_text(FCN)
    for option, ending in (("--opset=17", "pt2"), ("--dynamic=height", "py"), ("--dynamic=height", "safetensors")):
        done = run("build", tmp_path / "fcn.yaml", "-o", tmp_path / f"net.{ending}", option)
        assert done.exit_code == 2
        assert f"{option.partition('=')[0]} belongs to -o with " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fcn.yaml"]
    with pytest.raises(ExportError, match=r"\.pt2 has no opset"):
        archspec.load(FCN).save(tmp_path / "net.pt2", opset=17)


def test_a_pool_of_maxima_is_refused(tmp_path: Path) -> None:
    arch = archspec.load(POOLED.replace("[3, 5]", "{size: 3, kind: max}"))
    with pytest.raises(ExportError, match="pool needs the size that it has: ONNX has no adaptive pooling of maxima"):
        arch.save(tmp_path / "net.onnx", dynamic=FREE)
    assert not list(tmp_path.iterdir())
