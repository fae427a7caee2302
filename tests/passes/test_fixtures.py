"""Every pass on a small network: the graph before and after, the weight map, and equal outputs.

A file of `fixtures` is a spec. Its first line names the pass; a second one may name the mode that the pass keeps with these
arguments. After the spec come the graphs and the weight map as comments, which `--update-goldens` rewrites.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import archspec
from archspec.codegen.fx import build, map_weights
from archspec.codegen.fx.kernels.concat_buffer import share_concat_buffers
from archspec.codegen.fx.kernels.fuse import fuse_convolutions
from archspec.codegen.fx.kernels.memory_passes import use_channel_kernels
from archspec.codegen.fx.kernels.pool_order import pool_last
from archspec.codegen.fx.recompute import split_concats
from archspec.ir.graph import Graph
from archspec.ir.text import format_graph, format_weight_map
from archspec.passes import Pass
from archspec.passes.registry import PASSES
from tests.passes.outputs import TOLERANCE, distance, evaluated, inputs, results

FOLDER = Path(__file__).parent / "fixtures"
BACK_END = (fuse_convolutions, pool_last, share_concat_buffers, split_concats, use_channel_kernels)
BY_NAME = {chosen.name: chosen for chosen in (*PASSES, *BACK_END)}
LARGEST = {torch.float64: 1e-12, torch.float32: TOLERANCE}


@dataclass(frozen=True)
class Fixture:
    spec: str
    chosen: Pass
    arguments: dict[str, Any]
    keeps: str | None


def read_fixture(path: Path) -> Fixture:
    text = path.read_text(encoding="utf-8")
    spec = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(("#|", "#-")))
    said = yaml.safe_load("\n".join(line[2:] for line in spec.splitlines() if line.startswith("# ")))
    ((name, arguments),) = said["pass"].items()
    chosen = BY_NAME[name]
    return Fixture(spec, chosen, as_tuples(arguments), said.get("keeps", chosen.keeps))


def as_tuples(value: Any) -> Any:
    """Arguments with lists as tuples, as from a spec."""
    if isinstance(value, dict):
        return {name: as_tuples(part) for name, part in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def show_change(before: Graph, after: Graph) -> str:
    """Both graphs and the weight maps, as comments."""
    weights = "\n".join(map(format_weight_map, after.weight_provenance[len(before.weight_provenance) :]))
    sections = {"before": format_graph(before), "after": format_graph(after), "weights": weights}
    return "".join(
        f"#- {title}\n" + "".join(f"#| {line}\n" for line in text.splitlines()) for title, text in sections.items()
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_pass_does_what_stands_there_and_computes_the_same(path: Path, request: pytest.FixtureRequest) -> None:
    fixture = read_fixture(path)
    before = archspec.load(fixture.spec)
    after = fixture.chosen(before.graph, **fixture.arguments)
    expected = fixture.spec + show_change(before.graph, after)
    if request.config.getoption("--update-goldens"):
        path.write_text(expected, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == expected
    check_outputs(fixture, before, after)


def check_outputs(fixture: Fixture, before: archspec.Architecture, after: Graph) -> None:
    """Checks that the mapped weights fit the network after the pass, and that outputs are equal in the modes that the pass keeps."""
    dtype = torch.float32 if "back end" in fixture.chosen.asked_by else torch.float64  # kernels are for float32
    old, new = evaluated(before, dtype), build(after, dtype=dtype).eval()
    new.load_state_dict(map_weights(after, old.state_dict()), strict=True)
    if fixture.keeps == "training":
        old.train(), new.train()
        assert distance(results(old, inputs(before), dtype), results(new, inputs(before), dtype)) < LARGEST[dtype]
    if fixture.keeps is not None:
        old.eval(), new.eval()
        new.load_state_dict(map_weights(after, old.state_dict()), strict=True)
        assert distance(results(old, inputs(before), dtype), results(new, inputs(before), dtype)) < LARGEST[dtype]


def test_every_pass_has_a_fixture_that_shows_what_it_keeps() -> None:
    fixtures = [read_fixture(path) for path in FOLDER.glob("*.yaml")]
    assert {fixture.chosen.name for fixture in fixtures} == BY_NAME.keys()
    shown = {(fixture.chosen.name, fixture.keeps) for fixture in fixtures}
    assert all((chosen.name, chosen.keeps) in shown for chosen in BY_NAME.values() if chosen.keeps)
