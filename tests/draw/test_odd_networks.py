"""Pictures of networks that nobody has drawn before keep the rules of typography, are legible where they are to fit, and are valid in each format."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from _pytest.mark import ParameterSet

from archspec.draw import DETAILS, THEMES, Detail, DrawError, draw_picture, render_picture
from archspec.draw.compose import compose_scene
from archspec.draw.densities import narrow_picture
from archspec.draw.fit import compose_picture
from archspec.draw.layout import compute_layout
from archspec.draw.media import LEAST_TYPE, MEDIA
from archspec.draw.picture import Direction, Fit
from archspec.draw.scene import Text
from archspec.draw.table import fold_table, measure_table
from archspec.draw.text import measure_width, wrap_text
from tests.draw.graphviz import run_json_layout
from tests.draw.odd_networks import ODD, load_odd
from tests.draw.test_geometry import check_scene
from tests.draw.test_tikz import check_same
from tests.sample import bundled, sampled

LIGHT = THEMES["light"]
QUICK = {"pyramid", "heads", "inputs", "branches12", "long_names", "recurrent", "no_layer", "empty"}
TOO_MANY = {
    *(("column", name) for name in ("branches40", "dense", "random400")),
    *(("page", name) for name in ("branches40", "random400")),
    ("slide", "random400"),
}
"""Networks with more lines side by side than a medium holds."""


def sample_odd() -> Iterator[ParameterSet]:
    for name in ODD:
        for detail in DETAILS:
            quick = name in QUICK and detail in ("stages", "layers")
            yield pytest.param(name, detail, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("name", "detail"), list(sample_odd()))
def test_nothing_overlaps_or_leaves_the_page(name: str, detail: Detail) -> None:
    directions: tuple[Direction | None, ...] = (None, "LR") if detail == "stages" else (None,)
    for direction in directions:
        check_scene(compose_scene(compute_layout(draw_picture(load_odd(name), detail, direction=direction)), LIGHT))


@pytest.mark.parametrize("name", sampled(ODD, QUICK))
@pytest.mark.parametrize("fit", MEDIA)
def test_stages_are_legible_where_they_are_to_fit(name: str, fit: Fit) -> None:
    picture = draw_picture(load_odd(name), fit=fit)
    if (fit, name) in TOO_MANY:
        with pytest.raises(DrawError, match="less than 7; "):
            compose_picture(picture, LIGHT)
        return
    scene = compose_picture(picture, LIGHT)
    assert scene.scale
    assert scene.printed[0] <= MEDIA[fit].width + 0.1
    assert scene.printed[1] <= MEDIA[fit].height + 0.1
    assert min(shape.size for shape in scene.shapes if isinstance(shape, Text)) * scene.scale >= LEAST_TYPE
    check_scene(scene)


@pytest.mark.parametrize(
    "name", sampled((name for name in ODD if name not in {large for _, large in TOO_MANY}), {"recurrent"})
)
@pytest.mark.parametrize("detail", DETAILS)
def test_every_detail_fits_or_says_what_to_do(name: str, detail: Detail) -> None:
    for fit in MEDIA:
        picture = draw_picture(load_odd(name), detail, fit=fit)
        try:
            check_scene(compose_picture(picture, LIGHT))
        except DrawError as error:
            assert "does not fit" in str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("name", sampled(ODD, {"long_names", "recurrent", "no_layer"}))
@pytest.mark.parametrize("fit", [None, "page"])
def test_each_format_has_its_texts(name: str, fit: Fit | None) -> None:
    picture = draw_picture(load_odd(name), fit=fit)
    if (fit, name) in TOO_MANY:
        return
    check_same(picture, "light")
    laid = json.loads(run_json_layout(render_picture(picture, ".dot").decode()))
    assert laid["name"].replace("\\\\", "\\") == picture.title  # a name keeps its escapes, a label does not
    assert {item["name"] for item in laid["objects"]} >= {box.id for box in picture.boxes}
    assert len(laid.get("edges", ())) == len(picture.edges)
    statements = render_picture(replace(picture, fit=None), ".mmd").decode().splitlines()
    assert all(
        re.fullmatch(r"[^<>`\\{}]*|.*<br/>.*|.*(?:-->|==>|-\.->).*|.*linkStyle.*|.*classDef.*", line)
        for line in statements[3:]
    )
    root = ET.fromstring(render_picture(picture, ".svg"))  # noqa: S314 - our own text
    assert root[0].text == picture.title
    assert picture.title.startswith(f"{name} сеть 深い網 <&\"'_%$#{{}}~^\\`|>")


@pytest.mark.parametrize("breadth", [1, 2, 3])
def test_a_narrow_picture_has_no_more_boxes_side_by_side(breadth: int) -> None:
    for name in ("heads", "inputs", "branches12"):
        picture = narrow_picture(draw_picture(load_odd(name)), breadth, 285)
        laid = compute_layout(picture)
        check_scene(compose_scene(laid, LIGHT))
        rows = Counter(round(y, 1) for _, (_, y) in laid.boxes)
        assert max(rows.values()) == breadth
        assert len(laid.boxes) == len(picture.boxes)


def test_a_narrow_picture_states_what_the_wide_one_does() -> None:
    wide = draw_picture(bundled("vit_b_16").graph)
    narrow = narrow_picture(wide, 2, 285)
    assert len(narrow.boxes[1].lines) > len(wide.boxes[1].lines)
    for box, other in zip(wide.boxes, narrow.boxes, strict=True):
        told, told_narrowly = (" ".join(map(str, some.lines)).replace(" · ", " ") for some in (box, other))
        assert told.split() == told_narrowly.split()
        assert [line.skip for line in box.lines if line.skip] == [line.skip for line in other.lines if line.skip]


@pytest.mark.parametrize(
    "text", ["conv 3×3, 256, batchnorm, relu ×3", "a" * 60, "深い網の名前がとても長い", "layer1.0.conv2", "x"]
)
@pytest.mark.parametrize("width", [12.0, 40.0, 90.0, 1000.0])
def test_wrapped_text_is_complete_and_narrow(text: str, width: float) -> None:
    lines = wrap_text(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(measure_width(line) <= width or len(line) == 1 for line in lines)


def test_a_network_without_blocks_has_its_table() -> None:
    picture = draw_picture(load_odd("empty"), "blocks")
    assert not picture.boxes
    scene = compose_scene(compute_layout(picture), LIGHT)
    texts = {shape.text for shape in scene.shapes if isinstance(shape, Text)}
    assert {"stage", "in all"} <= texts
    assert any(text.startswith("conv 1×1, 8") for text in texts)
    check_scene(scene)


def test_a_folded_table_has_all_its_texts() -> None:
    rows = draw_picture(bundled("resnet50").graph, "blocks").table
    folded = fold_table(rows, 285)
    assert measure_table(folded)[0] <= 285 < measure_table(rows)[0]
    words = [sorted(" ".join(cell for row in table for cell in row).split()) for table in (rows, folded)]
    assert words[0] == sorted([*words[1], "output"])
