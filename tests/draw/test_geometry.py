"""Pictures of every spec and detail keep the rules of typography: no text is covered or crossed, nothing leaves the page, axes are shared."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet
from numpy.typing import NDArray
from pypdf import PdfReader

import archspec
from archspec.draw import THEMES, Detail, DrawError, Picture, draw_picture, render_picture, render_svg
from archspec.draw.columns import lay_out_columns
from archspec.draw.compose import compose_scene
from archspec.draw.fit import compose_picture
from archspec.draw.geometry import Layout, Point
from archspec.draw.layout import compute_layout, split_by_frame
from archspec.draw.media import LEAST_TYPE, MEDIA
from archspec.draw.picture import Fit
from archspec.draw.scene import PathShape, Rect, Scene, Text
from archspec.draw.text import measure_width
from archspec.ir.graph import Graph
from tests.processes import run_archspec
from tests.sample import CORE, bases, bundled, every_spec, representatives, sampled

PATHS = {"unet", "resnet50", "googlenet", "lstm", "lstm_cell_10_20"}
RANKED = {"dmrnet_d14", "gpt2", "highway_mnist_fc10", "resnet110_shortcut_exclusive_gating"}
"""Networks that are no chains and branches, beside those in `CORE`: they are laid out in ranks."""
STEPS = np.arange(1, 9) / 8
BERNSTEIN = np.stack([(1 - STEPS) ** 3, 3 * STEPS * (1 - STEPS) ** 2, 3 * STEPS**2 * (1 - STEPS), STEPS**3], 1)
"""The weights of the four points of a cubic curve at eight steps."""
Corners = tuple[float, float, float, float]
LIGHT = THEMES["light"]


def corners_of(text: Text) -> Corners:
    """The corners of a text with the height of its letters."""
    width = measure_width(text.text, text.size, bold=text.bold)
    return text.left, text.y - 0.72 * text.size, text.left + width, text.y + 0.2 * text.size


def inside_of(shape: Rect) -> Corners:
    """The corners of a box; of a circle those of the square in it."""
    held = 0.3 * shape.radius if shape.radius > 10 else 0.0
    return shape.x + held, shape.y + held, shape.x + shape.width - held, shape.y + shape.height - held


def overlaps(first: Corners, second: Corners, tolerance: float = 0.5) -> bool:
    return all(
        first[low] < second[low + 2] - tolerance and second[low] < first[low + 2] - tolerance for low in (0, 1)
    )  # fmt: skip


def list_texts(scene: Scene) -> list[tuple[int, Corners, str]]:
    """All texts, each with the number of its group."""
    return [
        (number, corners_of(shape), shape.text)
        for number, group in enumerate(scene.groups)
        for shape in group.shapes
        if isinstance(shape, Text)
    ]


def iter_lines(scene: Scene) -> Iterator[tuple[int, Point, Point]]:
    """Short pieces of all arrows, each with the number of its group."""
    for number, group in enumerate(scene.groups):
        for shape in group.shapes if group.role == "edge" else ():
            if isinstance(shape, PathShape) and not shape.straight:
                points = list(_sample(shape.points))
                yield from ((number, start, end) for start, end in pairwise(points))


def _sample(points: tuple[Point, ...]) -> Iterator[Point]:
    curves = np.array([points[start : start + 4] for start in range(0, len(points) - 1, 3)])
    yield points[0]
    yield from np.einsum("sc,ncx->nsx", BERNSTEIN, curves).reshape(-1, 2).tolist()


def find_overlapping_texts(scene: Scene) -> list[tuple[str, str]]:
    texts = sorted(list_texts(scene), key=lambda entry: entry[1])
    found = []
    for number, (_, corners, text) in enumerate(texts):
        for _, other, other_text in texts[number + 1 :]:
            if other[0] > corners[2]:
                break
            if overlaps(corners, other):
                found.append((text, other_text))
    return found


def find_crossed_texts(scene: Scene) -> list[str]:
    """The texts that an arrow crosses which is not their own."""
    texts = list_texts(scene)
    boxes = [
        (number, inside_of(shape))
        for number, group in enumerate(scene.groups)
        for shape in group.shapes
        if group.role == "node" and isinstance(shape, Rect)
    ]
    lines = list(iter_lines(scene))
    if not lines:
        return []
    edges = np.array([edge for edge, _, _ in lines])
    ends = np.array([(start, end) for _, start, end in lines])
    pieces = np.concatenate([ends.min(1), ends.max(1) + 0.01], 1).T.copy()
    texts_crossed = [
        text for number, corners, text in texts if (_find_overlaps(pieces, corners, 0.0) & (edges != number)).any()
    ]
    return texts_crossed + [f"box {number}" for number, box in boxes if _find_overlaps(pieces, box, 1.0).any()]


def _find_overlaps(pieces: NDArray[np.float64], corners: Corners, tolerance: float) -> NDArray[np.bool_]:
    """Which of some rectangles overlap one, as `overlaps` tells it of two."""
    left, top, right, bottom = pieces
    across: NDArray[np.bool_] = (left < corners[2] - tolerance) & (corners[0] < right - tolerance)
    along: NDArray[np.bool_] = (top < corners[3] - tolerance) & (corners[1] < bottom - tolerance)
    return across & along


def find_covered_texts(scene: Scene) -> list[str]:
    """The labels of arrows that a box covers."""
    boxes = [
        (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
        for group in scene.groups
        for shape in group.shapes
        if group.role == "node" and isinstance(shape, Rect)
    ]
    labels = [(corners, text) for number, corners, text in list_texts(scene) if scene.groups[number].role == "edge"]
    return [text for corners, text in labels if any(overlaps(corners, box) for box in boxes)]


def find_outside(scene: Scene) -> list[object]:
    """What is not wholly on the page."""
    outside: list[object] = []
    for shape in scene.shapes:
        if isinstance(shape, Text):
            bounds = [corners_of(shape)]
        elif isinstance(shape, Rect):
            bounds = [(shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)]
        else:
            bounds = [(x, y, x, y) for x, y in shape.points]
        for left, top, right, bottom in bounds:
            if left < 0 or top < 0 or right > scene.width + 0.1 or bottom > scene.height + 0.1:
                outside.append(shape)
    return outside


def check_scene(scene: Scene) -> None:
    """No two texts overlap, no arrow crosses a text or a box that it does not belong to, and all is on the page."""
    assert find_overlapping_texts(scene) == []
    assert find_outside(scene) == []
    assert find_crossed_texts(scene) == []
    assert find_covered_texts(scene) == []


def find_bent_chains(laid: Layout) -> list[tuple[str, str]]:
    """The links of chains that are straight and whose boxes do not share an axis to half a point."""
    places = {box.id: centre for box, centre in laid.boxes}
    out = Counter(edge.tail for edge in laid.picture.edges)
    into = Counter(edge.head for edge in laid.picture.edges)
    return [
        (curve.edge.tail, curve.edge.head)
        for curve in laid.curves
        if out[curve.edge.tail] == into[curve.edge.head] == 1 and len(curve.points) == 4
        for (x0, y0), (x1, y1) in [(places[curve.edge.tail], places[curve.edge.head])]
        if min(abs(x0 - x1), abs(y0 - y1)) > 0.5
    ]


def find_coinciding(laid: Layout) -> list[tuple[str, str]]:
    """The arrows from different boxes that run on one line for more than a few points."""
    pieces: list[tuple[str, int, float, float, float, str]] = []
    for curve in laid.curves:
        for start, end in pairwise([*curve.points[::3], *([curve.tip] if curve.tip else [])]):
            for axis in (0, 1):
                low, high = sorted((start[1 - axis], end[1 - axis]))
                if abs(start[axis] - end[axis]) < 0.05 and high - low > 3:
                    pieces.append((curve.edge.tail, axis, round(start[axis], 1), low, high, curve.edge.head))
    pieces.sort(key=lambda piece: piece[1:4])
    found = []
    for number, (tail, axis, place, _, high, head) in enumerate(pieces):
        for other_tail, other_axis, other_place, other_low, _, other_head in pieces[number + 1 :]:
            if (other_axis, other_place) != (axis, place) or other_low > high - 3:
                break
            if tail != other_tail:
                found.append((f"{tail}-{head}", f"{other_tail}-{other_head}"))
    return found


def draw(name: str, detail: Detail) -> Picture:
    return draw_picture(bundled(name).graph, detail)


def check_geometry(laid: Layout) -> None:
    scene = compose_scene(laid, LIGHT)
    assert find_overlapping_texts(scene) == []
    assert find_outside(scene) == []
    assert find_crossed_texts(scene) == []


def sample_details() -> Iterator[ParameterSet]:
    """Every spec in every detail; `make test` draws a few."""
    quick: dict[Detail, set[str]] = {"stages": {*CORE}, "paths": PATHS}
    for detail in ("stages", "paths", "blocks", "layers"):
        for name in sampled(representatives(), quick.get(detail, {*CORE, *RANKED}), bases()):
            yield pytest.param(*name.values, detail, marks=name.marks)


@pytest.mark.parametrize(("name", "detail"), list(sample_details()))
def test_nothing_overlaps_or_leaves_the_page(name: str, detail: Detail) -> None:
    check_scene(compose_scene(compute_layout(draw(name, detail)), LIGHT))


@pytest.mark.parametrize("name", sampled(representatives(), {*CORE, "dmrnet_d14"}, bases()))
def test_columns_lay_out_panels_of_blocks(name: str) -> None:
    for panel in split_by_frame(draw(name, "blocks")):
        laid = lay_out_columns(panel)
        assert laid or len(panel.boxes) > 4  # of VoVNet, whose folded convolutions all lead to one join
        if laid:
            check_scene(compose_scene(laid, LIGHT))
            assert find_coinciding(laid) == []
            (_, frame), *_ = laid.frames
            assert all(frame[0] < x < frame[2] and frame[1] < y < frame[3] for _, (x, y) in laid.boxes)


def make_nested_u(depth: int) -> Graph:
    """U-Net++ (Zhou et al. 2018): node i, j has all nodes of its level before it and the one below."""
    stages: dict[str, object] = {}
    for level in range(depth):
        before = [f"x{level - 1}0", {"maxpool": 2}] if level else []
        stages[f"x{level}0"] = [*before, {"unit": 8 * 2**level}]
    for step in range(1, depth):
        for level in range(depth - step):
            skips = [f"x{level}{other}" for other in range(step)]
            below = [f"x{level + 1}{step - 1}", {"upsample": 2}]
            stages[f"x{level}{step}"] = [{"concat": [*skips, below]}, {"unit": 8 * 2**level}]
    conv = {"conv": {"out": "width", "kernel": 3, "padding": "same"}}
    unit = {"args": {"width": "int"}, "layers": [conv, "relu"]}
    stages["head"] = {"conv": 1}
    return archspec.load({"name": "nested", "input": [3, 64, 64], "blocks": {"unit": unit}, "stages": stages}).graph


def test_nested_us_are_a_grid() -> None:
    depth = 4
    laid = compute_layout(draw_picture(make_nested_u(depth)))
    check_scene(compose_scene(laid, LIGHT))
    assert find_coinciding(laid) == []
    at = {box.lines[0].text: centre for box, centre in laid.boxes}
    for level in range(depth):
        row = [at[f"x{level}{step}"] for step in range(depth - level)]
        assert len({y for _, y in row}) == 1
        assert [x for x, _ in row] == sorted(x for x, _ in row)
        assert row[0][0] == at["x00"][0]


@pytest.mark.parametrize(
    "name", sampled(representatives(), {"unet", "lstm", "googlenet_aux", "fractalnet20_droppath"}, bases())
)
def test_rows_keep_the_rules_of_columns(name: str) -> None:
    laid = compute_layout(draw_picture(bundled(name).graph, direction="LR"))
    check_scene(compose_scene(laid, LIGHT))
    assert find_coinciding(laid) == find_bent_chains(laid) == []


@pytest.mark.parametrize("name", every_spec())
def test_arrows_of_stages_do_not_coincide(name: str) -> None:
    assert find_coinciding(compute_layout(draw(name, "stages"))) == []


@pytest.mark.parametrize("name", every_spec())
def test_the_boxes_of_a_chain_share_an_axis_and_a_width(name: str) -> None:
    laid = compute_layout(draw(name, "stages"))
    assert find_bent_chains(laid) == []
    boxes = {box.id: box for box, _ in laid.boxes if box.kind != "ends" and not box.sign}
    out, into = (Counter(getattr(edge, end) for edge in laid.picture.edges) for end in ("tail", "head"))
    for edge in laid.picture.edges:
        if out[edge.tail] == into[edge.head] == 1 and edge.tail in boxes and edge.head in boxes:
            assert boxes[edge.tail].width == pytest.approx(boxes[edge.head].width, abs=0.5)


@pytest.mark.parametrize("name", every_spec())
@pytest.mark.parametrize("fit", MEDIA)
def test_a_fitted_picture_is_legible_and_has_its_size(name: str, fit: Fit) -> None:
    picture = draw_picture(bundled(name).graph, fit=fit)
    medium = MEDIA[fit]
    scene = compose_picture(picture, LIGHT)
    assert scene.scale is not None
    width, height = scene.printed
    assert width <= medium.width + 0.1
    assert height <= medium.height + 0.1
    assert min(shape.size for shape in scene.shapes if isinstance(shape, Text)) * scene.scale >= LEAST_TYPE
    check_scene(scene)


@pytest.mark.parametrize(("name", "detail"), [("unet", "paths"), ("resnet18", "blocks")])
def test_other_details_are_scaled_to_the_page(name: str, detail: Detail) -> None:
    scene = compose_picture(draw_picture(bundled(name).graph, detail, fit="slide"), LIGHT)
    assert scene.scale is not None
    assert scene.printed[0] <= MEDIA["slide"].width + 0.1
    assert min(shape.size for shape in scene.shapes if isinstance(shape, Text)) * scene.scale >= LEAST_TYPE


def test_a_picture_that_cannot_be_read_on_the_page_is_refused() -> None:
    picture = draw_picture(bundled("resnet50").graph, "layers", fit="page")
    with pytest.raises(DrawError, match=r"resnet50 does not fit a page of 6.5 × 9 in: .* less than 7; draw less"):
        compose_picture(picture, LIGHT)
    with pytest.raises(DrawError, match="Mermaid has no size"):
        render_picture(picture, ".mmd")


def test_stages_that_do_not_fit_are_not_told_to_be_stages() -> None:
    names = [f"x{index}" for index in range(60)]
    inputs = ", ".join(f"{name}: [4, 8, 8]" for name in names)
    text = f"name: many\ninputs: {{{inputs}}}\nstages: {{all: {{concat: [{', '.join(names)}]}}}}\n"
    with pytest.raises(DrawError, match=r"less than 7; try --fit page, or leave --fit out$"):
        compose_picture(archspec.load(text).draw("stages", fit="column"), LIGHT)


def test_every_format_has_the_size_in_print() -> None:
    picture = draw_picture(bundled("resnet18").graph, fit="column")
    width, height = compose_picture(picture, LIGHT).printed
    pdf = PdfReader(io.BytesIO(render_picture(picture, ".pdf"))).pages[0].mediabox
    assert (float(pdf.width), float(pdf.height)) == pytest.approx((width, height), abs=0.01)
    svg = ET.fromstring(render_picture(picture, ".svg"))  # noqa: S314 - our own text
    assert float(svg.attrib["width"]) * 72 / 96 == pytest.approx(width, abs=0.1)
    png = render_picture(picture, ".png")
    assert int.from_bytes(png[16:20]) == pytest.approx(width * 300 / 72, abs=2)
    assert 'size="3.25,9"' in render_picture(picture, ".dot").decode()


def test_the_proofs_can_fail() -> None:
    scene = compose_scene(compute_layout(draw("resnet18", "stages")), LIGHT)
    edge = next(number for number, group in enumerate(scene.groups) if group.role == "edge")
    text = next(
        shape for group in scene.groups if group.role == "node" for shape in group.shapes if isinstance(shape, Text)
    )
    shapes = scene.groups[edge].shapes
    line = PathShape(
        ((text.x - 5, text.y - 3), (text.x, text.y - 3), (text.x, text.y - 3), (text.x + 5, text.y - 3)), "#000000"
    )
    scene.groups[edge] = type(scene.groups[edge])("edge", (*shapes, line, Text(text.x, text.y, "over", 11, "#000000")))
    assert text.text in find_crossed_texts(scene)
    assert find_overlapping_texts(scene)
    scene.height -= 40
    assert find_outside(scene)
    laid = compute_layout(draw("resnet18", "stages"))
    first, second = laid.curves[:2]
    assert find_coinciding(replace(laid, curves=(first, replace(second, points=first.points, tip=first.tip))))


def test_the_bytes_of_a_fitted_picture_do_not_depend_on_the_process(tmp_path: Path) -> None:
    made = []
    for seed in ("1", "2"):
        file = tmp_path / f"{seed}.svg"
        environment = {"PYTHONHASHSEED": seed, "PATH": "/nonexistent"}
        run_archspec("draw", "googlenet_aux", "--fit", "page", "-o", file, env=environment).check_returncode()
        made.append(file.read_bytes())
    assert made[0] == made[1] == render_svg(draw_picture(bundled("googlenet_aux").graph, fit="page")).encode()


def test_depth_does_not_change_the_bytes_of_the_stage_view() -> None:
    small, large = (render_svg(draw_picture(bundled(f"cifar_resnet{depth}_A").graph)) for depth in (20, 1202))
    assert len(large) - len(small) < 100
