"""Pictures of every spec at every level of detail: contents, folding, and reproducible bytes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.draw import DETAILS, DrawError, Picture, draw_picture, render_picture, render_svg
from archspec.draw.geometry import Layout
from archspec.draw.layout import compute_layout
from archspec.draw.path_graph import format_path_count
from archspec.draw.path_tree import draw_paths
from archspec.draw.picture import Detail
from tests.processes import run_archspec
from tests.sample import every_spec

SVG = "{http://www.w3.org/2000/svg}"
GOLDEN: tuple[tuple[str, Detail], ...] = (
    ("resnet50", "stages"),
    ("resnet50", "blocks"),
    ("googlenet", "blocks"),
    ("unet", "stages"),
    ("lstm", "layers"),
)


def picture(name: str, detail: Detail = "stages", **options: bool | int) -> Picture:
    return draw_picture(archspec.load(name).graph, detail, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "detail"), GOLDEN)
def test_the_text_of_a_picture(name: str, detail: Detail, golden: Callable[[str, str], None]) -> None:
    drawn = picture(name, detail)
    golden(f"{name}-{detail}.dot", render_picture(drawn, ".dot").decode())
    golden(f"{name}-{detail}.svg", render_svg(drawn))


@pytest.mark.parametrize("name", every_spec())
def test_every_spec_draws_in_every_detail(name: str) -> None:
    network = archspec.load(name).graph
    for detail in DETAILS:
        drawn = draw_picture(network, detail)
        laid = compute_layout(drawn)
        assert overlapping(laid) == []
        if detail == "stages":
            assert laid.width < 1500  # four resolutions of HRNet side by side; a column is fitted
            assert laid.height < 1600
            assert len(laid.boxes) <= 32


def overlapping(laid: Layout) -> list[tuple[str, str]]:
    """The pairs of boxes that overlap by more than a small tolerance, found by a sweep from left to right."""
    sides = sorted(
        (x - box.width / 2, x + box.width / 2, y - box.height / 2, y + box.height / 2, box.id)
        for box, (x, y) in laid.boxes
    )
    found = []
    for at, (_, right, top, bottom, id) in enumerate(sides):
        for left, _, other_top, other_bottom, other in sides[at + 1 :]:
            if left >= right - 0.5:
                break
            if top < other_bottom - 0.5 and other_top < bottom - 0.5:
                found.append((id, other))
    return found


def test_the_proof_of_overlaps_can_fail() -> None:
    laid = compute_layout(picture("resnet50"))
    (first, place), (second, _), *_ = laid.boxes
    both = Layout(laid.picture, 1, 1, ((first, place), (second, place)), (), ())
    assert overlapping(both) == [tuple(sorted((first.id, second.id)))]


def test_the_stages_of_a_spec_are_the_boxes() -> None:
    layers = [{"conv": 8}, {"repeat": {"times": 3, "layers": [{"unit": 8}]}}, {"conv": 8}]
    stages = {
        "stem": {"conv": 8},
        "enc3": layers,
        "one": {"conv": 8},
        "two": [{"conv": 8}, "relu"],
        "three": {"conv": 8},
    }
    blocks = {
        "unit": {"args": {"out": "int"}, "layers": [{"add": ["identity", {"layers": [{"conv": "out"}, "relu"]}]}]}
    }
    spec = {"name": "own", "input": [3, 8, 8], "blocks": blocks, "stages": stages}
    boxes = draw_picture(archspec.load(spec).graph).boxes
    assert [box.lines[0].text for box in boxes] == ["input", *stages, "output"]
    assert [str(line) for line in boxes[2].lines[1:-1]] == ["conv 1×1, 8", "unit ×3", "conv 1×1, 8"]


def test_stages_that_do_not_fit_are_merged_and_named_so() -> None:
    stages = {f"s{number}": [{"conv": 8 + number}, "relu"] for number in range(60)}
    boxes = draw_picture(archspec.load({"name": "many", "input": [3, 8, 8], "stages": stages}).graph).boxes
    assert len(boxes) <= 32
    assert [box.lines[0].text for box in boxes[1:3]] == ["s0 … 3", "s4 … 7"]


def test_depth_does_not_change_the_size_of_the_stage_view() -> None:
    small, large = (compute_layout(picture(f"cifar_resnet{depth}_A")) for depth in (20, 1202))
    assert large.height == small.height
    assert abs(large.width - small.width) < 20


@pytest.mark.slow
def test_a_network_of_a_thousand_layers_folds_or_says_what_to_do() -> None:
    assert len(picture("cifar_resnet1202_A", "layers").boxes) < 100
    with pytest.raises(DrawError, match="more than 3,000 boxes; leave --fold on"):
        picture("cifar_resnet1202_A", "layers", fold=False)


def test_folds_leave_no_arrow_without_a_box() -> None:
    for name in ("densenet121", "lstm", "fractalnet20", "dmrnet_d14", "resnext50_32x4d"):
        for detail in ("layers", "blocks", "stages"):
            drawn = picture(name, detail)
            boxes = {box.id for box in drawn.boxes}
            assert {end for edge in drawn.edges for end in (edge.tail, edge.head)} <= boxes
            assert len(boxes) == len(drawn.boxes)


def test_every_layer_is_drawn_where_nothing_is_folded() -> None:
    network = archspec.load("resnet50").graph
    drawn = draw_picture(network, "layers", fold=False)
    assert {box.place.name for box in drawn.boxes} >= {node.name for node in network.ops if node.path}


def test_identities_and_projections_are_told_apart() -> None:
    drawn = picture("resnet50", "layers")
    flows = [edge.flow for edge in drawn.edges]
    assert flows.count("identity") == 4  # one for the folded blocks of each stage
    assert flows.count("projection") == 4 * 3  # into the convolution, the normalisation, the join
    assert {edge.flow for edge in picture("densenet121", "layers").edges} == {"flow", "concat"}
    assert "gate" in {edge.flow for edge in picture("lstm", "layers").edges}
    assert "projection" not in {edge.flow for edge in picture("googlenet", "layers").edges}


def test_a_unet_is_a_u() -> None:
    laid = compute_layout(picture("unet"))
    places = {box.lines[0].text: centre for box, centre in laid.boxes}
    for level in (1, 2, 3, 4):
        assert places[f"down{level}"][1] == places[f"up{level}"][1]
        assert places[f"down{level}"][0] < places[f"up{level}"][0]
    assert places["down5"][1] > places["down4"][1] > places["down1"][1]


def test_a_recurrence_has_a_loop() -> None:
    loops = [edge for edge in picture("lstm").edges if edge.tail == edge.head]
    assert [edge.label for edge in loops] == ["×5"]
    siamese = {
        "name": "siamese",
        "inputs": {"left": [8], "right": [8]},
        "stages": {"a": {"bundle": ["left", "right"]}, "b": {"each": {"layers": [{"linear": 8}], "share": True}}},
    }
    assert [edge for edge in draw_picture(archspec.load(siamese).graph).edges if edge.tail == edge.head] == []


@pytest.mark.parametrize("name", ["unet", "cifar_resnet20_A", "highway_mnist_fc10", "lstm_cell_10_20", "vgg16"])
def test_paths_are_unravelled_as_they_are_counted(name: str) -> None:
    arch = archspec.load(name)
    drawn = draw_paths(arch.graph, limit=1000)
    assert sum(box.kind == "length" for box in drawn.boxes) == arch.paths().total


@pytest.mark.parametrize("name", ["unet", "lstm_cell_10_20"])
def test_paths_one_by_one_are_rows_whose_marks_the_legend_explains(name: str) -> None:
    drawn = picture(name, "paths")
    marks = {box.lines[0].text for box in drawn.boxes if box.kind == "past"}
    assert marks == {note[0] for note in drawn.notes if note[1] == ":"} == {"–", "·"}
    assert any(note.startswith("number") for note in drawn.notes) == any(box.kind == "join" for box in drawn.boxes)
    rows: dict[str, set[float]] = {}
    for box, (_, y) in compute_layout(drawn).boxes:
        if box.kind in {"past", "join", "block", "length"}:
            rows.setdefault(re.split("[jl]", box.id)[0], set()).add(y)
    assert all(len(heights) == 1 for heights in rows.values())


def test_more_paths_are_counted_at_each_arrow() -> None:
    drawn = picture("resnet50", "paths")
    assert {edge.label for edge in drawn.edges} == {"2^15", "2^16"}
    assert {edge.thick for edge in drawn.edges if edge.label == "2^16"} == {5.0}
    assert [text for text, _ in drawn.widths] == ["1", "2^16"]
    assert "65,536 in all" in drawn.description


@pytest.mark.parametrize("name", ["resnet50", "googlenet_aux", "densenet121", "fractalnet20", "highway_mnist_fc10"])
def test_the_paths_into_the_outputs_are_all(name: str) -> None:
    drawn = draw_paths(archspec.load(name).graph, limit=0)
    into = [edge.label for edge in drawn.edges if edge.head.startswith("out")]
    outputs = archspec.load(name).graph.outputs.values()
    paths = archspec.load(name).paths()
    assert into == [format_path_count(paths.with_targets(value).total) for value in outputs]
    boxes = {box.id for box in drawn.boxes}
    assert {end for edge in drawn.edges for end in (edge.tail, edge.head)} <= boxes
    assert len(drawn.boxes) < 120


def test_a_unet_of_layers_is_a_u() -> None:
    laid = compute_layout(picture("unet", "layers"))
    centres = {box.id: centre for box, centre in laid.boxes}
    skips = [curve for curve in laid.curves if curve.edge.flow == "concat" and len(curve.points) == 4]
    across = [curve for curve in skips if abs(curve.points[0][1] - curve.points[-1][1]) < 0.1]
    assert len(across) == 4
    rising = [curve for curve in laid.curves if centres[curve.edge.tail][1] > centres[curve.edge.head][1]]
    assert len(rising) > 20


def test_a_compact_block_has_a_box_for_each_convolution() -> None:
    compact, detailed = (picture("resnet50", "blocks", compact=compact) for compact in (True, False))
    assert (len(compact.boxes), len(detailed.boxes)) == (15, 26)
    lines = [[str(line) for line in box.lines] for box in compact.boxes]
    assert ["conv 3×3, 64", "batchnorm, relu", "conv2 · 64×56×56"] in lines
    assert [frame.note for frame in compact.clusters] == [
        "layer1.0, layer2.0, layer3.0, layer4.0",
        "layer1.1–2, layer2.1–3, layer3.1–5, layer4.1–2",
    ]
    before = [[str(line) for line in box.lines] for box in picture("densenet121", "blocks").boxes]
    assert ["conv 1×1, 128", "after batchnorm, relu", "conv1 · 128×56×56"] in before


def test_levels() -> None:
    drawn = picture("resnet50", "layers", depth=1)
    names = [box.lines[0].text for box in drawn.boxes]
    assert [name for name in names if name.endswith(" stage")] == [f"layer{at} stage" for at in (1, 2, 3, 4)]


def test_nodes_carry_their_name_and_place(tmp_path: Path) -> None:
    root = ET.fromstring(render_svg(picture("resnet50", "layers")))  # noqa: S314 - our own text
    assert root.attrib["role"] == "img"
    assert root[0].tag == f"{SVG}title"
    assert "He et al. 2015" in (root[1].text or "")
    (conv,) = [one for one in root.iter(f"{SVG}g") if one.get("id") == "layer1.0.conv2"]
    assert conv.get("data-name") == "layer1.0.conv2"
    assert conv.get("data-spec") == "resnet50.yaml"
    line = int(conv.attrib["data-line"])
    assert (
        "conv2"
        in (Path(archspec.__file__).parent.parent / "specs" / "resnet50.yaml")
        .read_text(encoding="utf-8")
        .splitlines()[line - 1]
    )
    link = conv.find(f"{SVG}a")
    assert link is not None
    assert link.get("href") == f"./resnet50.yaml#L{line}"
    ids = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))


def test_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    made = []
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.svg"
        environment = {"PYTHONHASHSEED": seed, "PATH": "/nonexistent"}
        run_archspec("draw", "dpn92", "--detail", "blocks", "-o", file, env=environment).check_returncode()
        made.append(file.read_bytes())
    assert made[0] == made[1] == render_svg(picture("dpn92", "blocks")).encode()


def test_bytes_do_not_depend_on_what_was_drawn_before() -> None:
    first = render_svg(picture("lstm", "layers"))
    for name in ("fractalnet20", "inception_v4", "unet", "dmrnet_d14"):
        render_svg(picture(name, "layers"))
        assert render_svg(picture("lstm", "layers")) == first
