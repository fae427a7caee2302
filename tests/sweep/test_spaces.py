"""The bundled spaces: published networks lie in them, and their counts are those of others."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.spec import bundled
from archspec.sweep.axes import Choices
from archspec.sweep.counting import VariantCounter
from archspec.sweep.space import Space, read_space
from tests import references
from tests.sample import sampled

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("edge01", "edge02", "edge12", "edge03", "edge13", "edge23")
STAGES = ((16, 32), (32, 16), (64, 8))
"""The channels and the height of the three stages of NAS-Bench-201."""


def contains(space: Space, point: dict[str, Any]) -> bool:
    """Whether a point is one of those that a space may draw."""
    if point.keys() != {axis.name for axis in space.axes} or not space.admits(point):
        return False
    return all(
        point[axis.name] in axis.values
        if isinstance(axis, Choices)
        else axis.low <= point[axis.name] <= axis.high and axis.round(point[axis.name]) == point[axis.name]
        for axis in space.axes
    )


@pytest.mark.parametrize("name", bundled.list_bundled_spaces())
def test_a_bundled_space_is_found_by_its_name_and_its_base_has_no_mistake(name: str) -> None:
    space = read_space(name)
    assert space.name == name
    assert space.source
    arch = archspec.load(space.spec)
    assert not arch.warnings
    assert {axis.name for axis in space.axes} <= arch.program.parameters.keys()


SIZES = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
REGNETS = tuple(f"regnet{family}_{size}" for family in "xy" for size in SIZES)


@pytest.mark.parametrize("name", sampled(REGNETS, ("regnetx_004", "regnety_002", "regnety_016")))
def test_a_published_regnet_lies_in_its_space_with_its_parameters(name: str) -> None:
    timm = references.timm()
    from timm.models.regnet import model_cfgs
    from torch import device

    space, config = read_space("regnet"), model_cfgs[name]
    point = {
        "depth": config.depth,
        "w0": config.w0,
        "wa": config.wa,
        "wm": config.wm,
        "group": config.group_size,
        "squeeze": config.se_ratio,
    }
    assert contains(space, point)
    with device("meta"):
        model = timm.create_model(name)
    assert VariantCounter(space.spec).count(**point).params == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("name", ["regnetx_004", "regnety_002"])
def test_a_regnet_is_the_function_of_timm(name: str) -> None:
    import torch

    timm = references.timm()
    from timm.models.regnet import model_cfgs

    config = model_cfgs[name]
    arguments = {
        "depth": config.depth,
        "w0": config.w0,
        "wa": config.wa,
        "wm": config.wm,
        "group": config.group_size,
        "squeeze": config.se_ratio,
    }
    theirs = timm.create_model(name).eval()
    ours = archspec.load_overridden(read_space("regnet").spec, arguments).build().eval()
    weights = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict(weights)
    pixels = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), theirs(pixels), rtol=1e-4, atol=1e-4)


def read_cell(text: str) -> tuple[str, ...]:
    """The operations of a cell as the benchmark writes it."""
    return tuple(edge.partition("~")[0] for node in text.split("+") for edge in node.strip("|").split("|"))


def count_cell(operations: Sequence[str]) -> tuple[int, int]:
    """Parameters and multiply-accumulates of a network of NAS-Bench-201, summed layer by layer as its authors do."""
    kernels = [{"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name] for name in operations if name.startswith("nor_conv")]
    params, macs = 3 * 16 * 9 + 2 * 16, 3 * 16 * 9 * 32 * 32
    for width, height in STAGES:
        params += 5 * sum(width * width * kernel**2 + 2 * width for kernel in kernels)
        macs += 5 * sum(width * width * kernel**2 * height * height for kernel in kernels)
    for before, (width, height) in zip((16, 32), STAGES[1:], strict=True):
        weights = before * width * 9 + width * width * 9 + before * width
        params, macs = params + weights + 4 * width, macs + weights * height * height
    return params + 2 * 64 + 64 * 10 + 10, macs + 64 * 10


@pytest.fixture(scope="module")
def cells() -> VariantCounter:
    return VariantCounter(read_space("nas_bench_201").spec)


PUBLISHED = [
    (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        129_306,
        15_647_370,
    ),
    (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        1_288_506,
        184_730_250,
    ),
    (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        1_531_546,
        220_119_690,
    ),
]
"""Rows of the benchmark, whose FLOPs have the 10 additions of the last bias."""


@pytest.mark.parametrize(("cell", "params", "flops"), PUBLISHED)
def test_published_rows_of_nas_bench_201(cells: VariantCounter, cell: str, params: int, flops: int) -> None:
    counts = cells.count(**dict(zip(EDGES, read_cell(cell), strict=True)))
    assert (counts.params, counts.macs + 10) == (params, flops)


@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_random_cells_equal_an_independent_count(cells: VariantCounter, count: int) -> None:
    draw = random.Random(count)
    for _ in range(count):
        operations = draw.choices(OPERATIONS, k=6)
        counts = cells.count(**dict(zip(EDGES, operations, strict=True)))
        assert (counts.params, counts.macs) == count_cell(operations), operations


def test_a_cell_is_the_function_that_the_paper_defines() -> None:
    import torch
    from torch import nn

    class Cell(nn.Module):
        def __init__(self, operations: Sequence[str]) -> None:
            super().__init__()
            self.edges = nn.ModuleList(map(self.make_edge, operations))

        @staticmethod
        def make_edge(name: str) -> nn.Module:
            if name.startswith("nor_conv"):
                size = int(name[-1])
                conv = nn.Conv2d(16, 16, size, padding=size // 2, bias=False)
                return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(16))
            return nn.AvgPool2d(3, 1, 1, count_include_pad=False) if name == "avg_pool_3x3" else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            nodes, edges = [x], iter(zip(self.edges, operations, strict=True))
            for count in (1, 2, 3):
                parts = list(itertools.islice(edges, count))
                values = [edge(node) * float(name != "none") for node, (edge, name) in zip(nodes, parts, strict=True)]
                nodes.append(sum(values[1:], values[0]))
            return nodes[-1]

    operations = ("nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1", "skip_connect", "none", "nor_conv_3x3")
    arguments = {"cells": 1, **dict(zip(EDGES, operations, strict=True))}
    arch = archspec.load_overridden(read_space("nas_bench_201").spec, arguments)
    module, cell = arch.build().eval(), Cell(operations).eval()
    own = {name: value for name, value in module.state_dict().items() if name.startswith("stage1.")}
    cell.load_state_dict(dict(zip(cell.state_dict(), own.values(), strict=True)))
    pixels = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(module.get_submodule("stage1")(pixels), cell(pixels))


def describe_function(operations: Sequence[str]) -> str:
    """The function of a cell as a tree, in which values that are zero are left out."""
    edges, nodes = iter(operations), ["x"]
    for count in (1, 2, 3):
        parts = []
        for node in nodes[:count]:
            name = next(edges)
            if name != "none" and not (node == "0" and not name.startswith("nor")):
                parts.append(node if name == "skip_connect" else f"{name}({node})")
        nodes.append("0" if not parts else parts[0] if len(parts) == 1 else f"[{'+'.join(sorted(parts))}]")
    return nodes[-1]


def check_structures(cells: VariantCounter, drawn: Sequence[tuple[str, ...]]) -> int:
    """The number of structures; raises AssertionError if networks with the same one compute different functions."""
    functions: dict[str, str] = {}
    for operations in drawn:
        structure = cells.count(**dict(zip(EDGES, operations, strict=True))).structure
        assert functions.setdefault(structure, describe_function(operations)) == describe_function(operations)
    return len(functions)


def test_cells_with_one_structure_compute_one_function(cells: VariantCounter) -> None:
    drawn = [
        (first, "none", "skip_connect", *rest)
        for first in OPERATIONS
        for rest in itertools.product(OPERATIONS[:3], repeat=3)
    ]
    functions = len(set(map(describe_function, drawn)))
    assert functions <= check_structures(cells, drawn) < len(drawn) / 2


@pytest.mark.slow
def test_the_15625_cells_are_about_7000_networks(cells: VariantCounter) -> None:
    """The paper's 6,466 do not tell one layer that is read twice from two layers."""
    drawn = list(itertools.product(OPERATIONS, repeat=6))
    assert len(drawn) == read_space("nas_bench_201").size
    assert check_structures(cells, drawn) == 7031


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("[relu, {add: [linear: 4, {multiply: [linear: 4, ZERO]}]}]", "[relu, linear: 4]"),
        ("{multiply: [[relu, linear: 4], ZERO]}", "{multiply: [identity, ZERO]}"),
        ("{add: [sigmoid, {multiply: [relu, ZERO]}, relu]}", "{add: [relu, sigmoid]}"),
    ],
)
def test_what_is_zero_is_no_part_of_a_structure(first: str, second: str) -> None:
    zero = "{constant: {shape: [1], kind: values, values: [0]}}"
    counter = VariantCounter("{name: a, input: [4], args: {body: [relu]}, stages: {x: body}}")
    structures = [counter.count(body=text.replace("ZERO", zero)).structure for text in (first, second)]
    assert structures[0] == structures[1] != counter.count(body=first.replace("ZERO", "sigmoid")).structure


def test_a_folder_beside_the_run_is_not_taken_for_a_bundled_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("regnet").write_text("{name: mine, base: resnet18, over: {classes: [1, 2]}}", encoding="utf-8")
    assert read_space("regnet").name == "mine"
