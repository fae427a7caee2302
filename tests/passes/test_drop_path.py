"""FractalNet's drop-path: the rewritten network, the columns of its means, and the function of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec
from archspec.codegen.fx import build as build_graph
from archspec.codegen.fx.fractal_modules import ColumnDraw, DropMean
from archspec.ir.graph import Graph

SPEC = """
name: fractal
extends: fractalnet20
input: [3, 8, 8]
args: {share: 0.5}
stages:
  block1: {fractal: {width: 4}}
  block2: {fractal: {width: 6}}
  block3: null
  block4: null
  block5: null
passes: [drop_path: {local: 0.15, share: share}]
"""
PLAIN = SPEC.replace("passes: [drop_path: {local: 0.15, share: share}]", "passes: []").replace(
    "args: {share: 0.5}\n", ""
)


def build(graph: Graph) -> Any:
    return build_graph(graph)


class Unit(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(before, width, 3, 1, 1), nn.BatchNorm2d(width, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Fractal(nn.Module):
    """A block as a grid: column c, of 0 to C - 1, has a unit at each of the 2^(C-1) steps that 2^c divides.

    After each step, the columns with a unit there are joined, and all go on with the result.
    """

    def __init__(self, before: int, width: int, columns: int) -> None:
        super().__init__()
        self.steps = 2 ** (columns - 1)
        self.columns: Any = nn.ModuleList(
            nn.ModuleList(Unit(width if turn else before, width) for turn in range(self.steps >> column))
            for column in range(columns)
        )

    def units(self) -> Iterator[Unit]:
        """In the order of the paper's equation: the new column, then the smaller fractal, twice."""
        left: list[Iterator[Any]] = [iter(column) for column in self.columns]

        def level(column: int) -> Iterator[Unit]:
            yield next(left[column])
            for _ in range(2 if column else 0):
                yield from level(column - 1)

        return level(len(left) - 1)

    def forward(self, x: Tensor, kept: Iterator[set[int]]) -> Tensor:
        """`kept` has the columns that each join keeps."""
        begins = [x] * len(self.columns)
        for step in range(1, self.steps + 1):
            ends = {
                at: column[step // 2**at - 1](begins[at]) for at, column in enumerate(self.columns) if step % 2**at == 0
            }
            if step == self.steps:
                ends = {at: functional.max_pool2d(value, 2) for at, value in ends.items()}
            joins = next(kept) & ends.keys() if len(ends) > 1 else ends.keys()
            joined = sum(ends[at] for at in sorted(joins, reverse=True)) / len(joins)
            for at in ends:
                begins[at] = joined
        return begins[0]

    def column(self, x: Tensor, column: int) -> Tensor:
        """One column alone."""
        for unit in self.columns[column]:
            x = unit(x)
        return functional.max_pool2d(x, 2)


class Reference(nn.Module):
    """Larsson et al. 2016 with two blocks."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.blocks: Any = nn.ModuleList((Fractal(3, 4, columns), Fractal(4, 6, columns)))
        self.fc = nn.Linear(24, 10)

    def forward(self, x: Tensor, kept: list[set[int]]) -> Tensor:
        left = iter(kept)
        for block in self.blocks:
            x = block(x, left)
        out: Tensor = self.fc(x.flatten(1))
        return out

    def column(self, x: Tensor, column: int) -> Tensor:
        for block in self.blocks:
            x = block.column(x, column)
        out: Tensor = self.fc(x.flatten(1))
        return out


def pair(columns: int) -> tuple[Any, Reference]:
    """A network and its reference with the same weights."""
    model, reference = build(archspec.load(SPEC, columns=columns).graph), Reference(columns)
    theirs = [unit for block in reference.blocks for unit in block.units()]
    ours = list(model.state_dict().values())
    for at, unit in enumerate(theirs):
        unit.load_state_dict(dict(zip(unit.state_dict(), ours[5 * at : 5 * at + 5], strict=True)))
    reference.fc.load_state_dict(model.fc.state_dict())
    assert 5 * len(theirs) + 2 == len(ours)
    return model, reference


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def joins(columns: int) -> list[int]:
    """The numbers of operands of the joins of both blocks, in order."""
    steps = range(2, 2 ** (columns - 1) + 1, 2)
    return [min((step & -step).bit_length(), columns) for step in steps] * 2


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_local_sampling_is_the_function_of_the_paper(
    images: Tensor, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    model, reference = pair(columns)
    generator = torch.Generator().manual_seed(columns)
    masks = []
    for count in joins(columns):
        mask = torch.rand(count, generator=generator) < 0.6
        mask[int(torch.randint(count, (), generator=generator))] = True
        masks.append(mask)
    left = iter(masks)
    monkeypatch.setattr(DropMean, "keep", lambda self, drawn: next(left))
    kept = [{len(mask) - 1 - at for at, one in enumerate(mask) if one} for mask in masks]  # the deepest comes last
    ours, theirs = model(images), reference(images, kept)
    torch.testing.assert_close(ours, theirs)
    assert next(left, None) is None
    ours.square().sum().backward()
    theirs.square().sum().backward()
    units = [unit.conv.weight.grad for block in reference.blocks for unit in block.units()]
    found = [value.grad for name, value in model.named_parameters() if value.ndim == 4]
    for one, other in zip(found, units, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("columns", "column"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 1)])
def test_global_sampling_is_one_column_alone(images: Tensor, columns: int, column: int) -> None:
    model, reference = pair(columns)
    chosen = (torch.arange(columns) == column).expand(4, columns)
    model.columndraw.register_forward_hook(lambda module, given, result: chosen)
    torch.testing.assert_close(model(images), reference.column(images, column))
    model(images).sum().backward()
    moved = [float(value.grad.abs().max()) > 0 for value in model.parameters() if value.ndim == 4]
    assert sum(moved) == 2 * 2 ** (columns - 1 - column)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_at_test_time_means_are_means(images: Tensor, columns: int) -> None:
    model, reference = pair(columns)
    everything = [set(range(columns))] * len(joins(columns))
    torch.testing.assert_close(model.eval()(images), reference.eval()(images, everything))
    plain = build(archspec.load(PLAIN, columns=columns).graph).eval()
    assert torch.equal(model(images), plain(images))


def test_all_joins_of_a_global_sample_keep_one_column(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(archspec.load(SPEC, share=1).graph)
    seen: list[int] = []
    keep = DropMean.keep

    def watch(self: DropMean, drawn: Tensor) -> Tensor:
        kept = keep(self, drawn)
        if int(drawn[0].int().argmax()) in self.columns:
            (at,) = kept.nonzero().flatten().tolist()
            seen.append(self.columns[at])
        return kept

    monkeypatch.setattr(DropMean, "keep", watch)
    torch.manual_seed(0)
    found = set()
    for _ in range(20):
        seen.clear()
        model(images)
        (column,) = set(seen)
        assert len(seen) == (4 if column < 2 else 2)
        found.add(column)
    assert found == {0, 1, 2}


def test_one_operand_always_stays_and_the_others_have_their_probability() -> None:
    torch.manual_seed(0)
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    join = DropMean((0, 1, 2), p=0.5)
    found = torch.stack([join.keep(nothing) for _ in range(6000)]).long() @ torch.tensor([1, 2, 4])
    shares = torch.bincount(found, minlength=8) / 6000
    assert shares[0] == 0
    for mask in (1, 2, 4):
        assert shares[mask].item() == pytest.approx(1 / 8 + 1 / 24, abs=0.02)
    for mask in (3, 5, 6, 7):
        assert shares[mask].item() == pytest.approx(1 / 8, abs=0.02)
    assert all(int(DropMean((0, 1, 2), p=1.0).keep(nothing).sum()) == 1 for _ in range(50))
    assert all(bool(DropMean((0, 1, 2), p=0.0).keep(nothing).all()) for _ in range(50))


def test_columns_are_drawn_for_their_share_of_the_minibatches() -> None:
    torch.manual_seed(0)
    draw, x = ColumnDraw(3, share=0.4), torch.ones(2, 5)
    drawn = torch.stack([draw(x)[0] for _ in range(4000)])
    assert (drawn.sum(1) <= 1).all()
    assert drawn.float().mean(0).tolist() == pytest.approx([0.4 / 3] * 3, abs=0.02)
    assert all(torch.equal(*draw(x)) for _ in range(20))
    assert not draw.eval()(x).any()


def test_what_the_modules_refuse() -> None:
    with pytest.raises(ValueError, match=r"share must be a probability, got 1\.5"):
        ColumnDraw(3, 1.5)
    with pytest.raises(ValueError, match="p must be a probability, got -1"):
        DropMean((0, 1), -1)


def test_columns_are_ranks_by_depth() -> None:
    arch = archspec.load(SPEC, columns=4)
    found = [(node.op.columns, node.op.p) for node in arch.graph.ops if node.op.word == "dropmean"]  # type: ignore[attr-defined]
    assert found == [((1, 0), 0.15), ((2, 1, 0), 0.15), ((1, 0), 0.15), ((3, 2, 1, 0), 0.15)] * 2
    (draw,) = [node.op for node in arch.graph.ops if node.op.word == "columndraw"]
    assert draw.model_dump() == {"columns": 4, "share": 0.5}


def test_nothing_that_is_counted_changes() -> None:
    plain, dropped = archspec.load("fractalnet20"), archspec.load("fractalnet20_droppath")
    assert dropped.paths().lengths == plain.paths().lengths
    assert dropped.paths("layers").lengths == plain.paths("layers").lengths
    assert dropped.paths(gates=True).total == plain.paths().total
    assert (dropped.params, dropped.macs, dropped.depth) == (plain.params, plain.macs, plain.depth)
    assert dropped.output_shapes == plain.output_shapes
    assert list(dropped.build("meta").state_dict()) == list(plain.build("meta").state_dict())


@pytest.mark.slow
def test_it_compiles_whole(images: Tensor) -> None:
    torch._dynamo.reset()
    model = build(archspec.load(SPEC).graph)
    compiled: Any = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.manual_seed(0)
    results = [compiled(images) for _ in range(6)]
    assert any(not torch.equal(results[0], other) for other in results)
    results[-1].sum().backward()
    torch.testing.assert_close(compiled.eval()(images), model.eval()(images))
    exported = torch.export.export(model.train(), (images,))
    assert exported.module()(images).shape == (4, 10)
    torch._dynamo.reset()


def test_a_network_without_means_is_refused() -> None:
    (found,) = archspec.check("name: x\nextends: resnet18\npasses: [drop_path]\n")
    assert found.message == "drop_path needs means of two values or more, this network has none"
    assert found.span.column == 10


def test_a_named_mean_keeps_the_names_below_its_own(images: Tensor) -> None:
    body = "{mean: [conv: {out: 4, kernel: 3, padding: 1}, identity]}"
    text = f"name: named\ninput: [3, 32, 32]\nstages: {{stem: {{conv: 4}}, joined: {body}}}\npasses: [drop_path]\n"
    model = archspec.load(text).build()
    assert model(images).shape == (len(images), 4, *images.shape[2:])
    assert "joined.0.weight" in model.state_dict()
