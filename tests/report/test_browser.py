"""The report in a real browser, on a desk, on a phone and on paper: it says and requests nothing."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

import pypdf
import pytest
from PIL import Image

import archspec
from tests.sample import bundled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"


class Visit:
    """An open page, and the browser's messages about it."""

    def __init__(self, browser: Browser, file: Path, part: str = "", **options: Any) -> None:
        self.page: Page = browser.new_page(**{"viewport": DESKTOP} | options)
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + part)
        self.file = file
        if self.page.locator(".bench").count():
            self.page.locator("#canvas0[aria-busy=false] .part").first.wait_for()

    def shown(self, canvas: int = 0) -> list[str]:
        """The names of the parts in a diagram, top to bottom in the document."""
        return [part.get_attribute("data-name") or "" for part in self.page.locator(f"#canvas{canvas} .part").all()]

    def chosen(self, canvas: int = 0) -> str | None:
        """The name of the chosen part of a diagram."""
        part = self.page.locator(f"#canvas{canvas} .part.chosen")
        part.wait_for()
        return part.get_attribute("data-name")

    def wait_for(self, name: str, canvas: int = 0, state: Literal["attached", "detached"] = "attached") -> None:
        """Waits until a part is shown, or is not."""
        self.page.locator(f'#canvas{canvas} .part[data-name="{name}"]').first.wait_for(state=state)
        self.page.locator(f"#canvas{canvas}[aria-busy=false]").wait_for()

    def is_inside(self, inner: str, outer: str) -> bool:
        """Whether the middle of an element is within another one."""
        box, frame = self.page.locator(inner).first.bounding_box(), self.page.locator(outer).first.bounding_box()
        assert box and frame
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        return frame["x"] <= x <= frame["x"] + frame["width"] and frame["y"] <= y <= frame["y"] + frame["height"]

    def close(self) -> None:
        self.page.close()
        assert self.said == []
        assert {url.partition("#")[0] for url in self.requests if not url.startswith(("data:", "blob:"))} == {
            self.file.as_uri()
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    resnet = bundled("resnet50")
    (folder / "one.html").write_text(resnet.report(), encoding="utf-8")
    (folder / "two.html").write_text(resnet.report(bundled("resnet101")), encoding="utf-8")
    others = [bundled(name) for name in ("resnext50_32x4d", "wide_resnet50_2")]
    (folder / "three.html").write_text(resnet.report(*others), encoding="utf-8")
    (folder / "variant.html").write_text(bundled("densenet169").report(), encoding="utf-8")
    (folder / "lstm.html").write_text(bundled("lstm").report(), encoding="utf-8")
    layer = archspec.load({"name": "layer", "input": [4], "stages": {"a": {"linear": 2}}})
    (folder / "layer.html").write_text(layer.report(), encoding="utf-8")
    bad = archspec.load({"name": HOSTILE, "source": HOSTILE, "input": [3, 8, 8], "stages": {"a": {"conv": 4}}})
    (folder / "hostile.html").write_text(bad.report(bad), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser: Browser, pages: Path) -> Iterator[Visit]:
    opened = Visit(browser, pages / "one.html")
    yield opened
    opened.close()


def test_stages_unfold_to_blocks_and_layers(visit: Visit) -> None:
    assert "layer1" in visit.shown()
    assert "layer1.0" not in visit.shown()
    visit.page.click('[data-name="layer1"] [data-toggle]')
    visit.wait_for("layer1.0")
    visit.page.focus('[data-name="layer1.0"]')
    visit.page.keyboard.press("Enter")
    visit.wait_for("layer1.0.conv2")
    assert visit.page.get_attribute('[data-name="layer1.0"]', "aria-expanded") == "true"
    visit.page.click("[data-do=fold]")
    visit.wait_for("layer1.0", state="detached")
    assert not any("." in name for name in visit.shown())
    visit.page.click("[data-do=unfold]")
    visit.wait_for("layer4.0.downsample.1")


def test_a_chain_is_placed_without_elk(browser: Browser, pages: Path) -> None:
    options: dict[str, Any] = {"viewport": DESKTOP}
    page = browser.new_page(**options)
    page.add_init_script("window.requestIdleCallback = () => {}")
    page.goto((pages / "one.html").as_uri())
    page.locator("#canvas0[aria-busy=false] .part").first.wait_for()
    assert page.evaluate("typeof ELK") == "undefined"
    boxes = [box for part in page.locator("#canvas0 .part .box").all() if (box := part.bounding_box())]
    middles = [box["x"] + box["width"] / 2 for box in boxes]
    assert max(middles) - min(middles) < 1
    assert all(upper["y"] + upper["height"] < lower["y"] for upper, lower in pairwise(boxes))
    page.click("[data-do=unfold]")
    page.locator('[data-name="layer4.0.downsample.1"]').wait_for()
    assert page.evaluate("typeof ELK") == "function"
    page.close()


def test_a_click_shows_the_layer_and_its_line(visit: Visit) -> None:
    visit.page.click('[data-name="conv1"]')
    details = visit.page.inner_text(".details")
    assert "conv" in details
    assert "9,408" in details
    assert "118,013,952" in details
    here = visit.page.locator(".spec .here")
    assert here.count() == 1
    assert "conv1: {conv: {out: 64, kernel: 7, stride: 2}}" in here.inner_text()
    assert here.is_visible()


def test_the_address_names_what_is_chosen(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "one.html", "#layer3.4.conv2")  # represented by layer3.1.conv2
    assert visit.chosen() == "layer3.1.conv2"
    assert visit.is_inside(".part.chosen", "#canvas0")
    assert visit.page.inner_text(".details h3") == "layer3.4.conv2"
    assert "One of 5 equal parts" in visit.page.inner_text(".details")
    visit.page.click('[data-name="layer3.1.bn1"]')
    visit.page.wait_for_function("location.hash === '#layer3.1.bn1'")
    visit.page.go_back()
    visit.page.locator(".part.chosen[data-name='layer3.1.conv2']").wait_for()
    visit.page.evaluate("location.hash = '#layer1.0/add'")  # an op without a name of its own
    visit.page.locator(".part.join.chosen").wait_for()
    visit.page.evaluate("location.hash = '#100%'")  # no name, and no text that can be decoded
    visit.page.evaluate("location.hash = ''")
    visit.page.locator(".part.chosen").wait_for(state="detached")
    visit.close()


def test_the_text_of_a_variant_comes_first_and_a_layer_leads_to_the_text_behind_it(
    browser: Browser, pages: Path
) -> None:
    visit = Visit(browser, pages / "variant.html")
    assert visit.page.locator(".spec h4").all_inner_texts() == ["densenet169.yaml", "densenet121.yaml"]
    assert "depth3: 32" in visit.page.locator(".spec pre").first.inner_text()
    visit.page.locator(".part[data-name$=conv0]").first.click()
    here = visit.page.locator(".spec section:nth-child(2) .here").bounding_box()
    panel = visit.page.locator(".spec").bounding_box()
    assert here and panel
    assert panel["y"] < here["y"] < panel["y"] + panel["height"]
    visit.close()


def test_search_lies_over_the_page_and_finds_what_is_folded(visit: Visit) -> None:
    before = visit.page.locator("#canvas0").bounding_box()
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("layer3.4.conv2")  # represented by layer3.1.conv2
    assert visit.page.locator(".found").is_visible()
    assert visit.page.locator("#canvas0").bounding_box() == before
    visit.page.keyboard.press("Enter")
    assert visit.chosen() == "layer3.1.conv2"
    assert visit.page.locator(".found").is_hidden()
    assert visit.is_inside(".part.chosen", "#canvas0")
    assert "conv2" in visit.page.inner_text(".spec .here")
    visit.page.fill("input[type=search]", "no such layer")
    assert "nothing is called that" in visit.page.inner_text(".found")
    visit.page.keyboard.press("Escape")
    assert visit.page.locator(".found").is_hidden()
    visit.page.fill("input[type=search]", "layer")
    assert visit.page.locator(".found").is_visible()
    visit.page.mouse.click(20, 20)
    assert visit.page.locator(".found").is_hidden()


def test_the_table_sorts_and_leads_to_the_layer(visit: Visit) -> None:
    def sort() -> str | None:
        visit.page.click(".costs th:nth-child(4) button")
        return visit.page.get_attribute(".costs th:nth-child(4)", "aria-sort")

    arrow = "getComputedStyle(document.querySelector('.costs th:nth-child(4) button'), '::after').content"
    assert [visit.page.evaluate(arrow), sort(), visit.page.evaluate(arrow)] == ['"↕"', "descending", '"▼"']
    cells = visit.page.locator(".costs tbody td:nth-child(4)").all_inner_texts()
    numbers = [int(cell.replace(",", "")) for cell in cells]
    assert numbers == sorted(numbers, reverse=True)
    assert sum(numbers) == bundled("resnet50").params
    assert visit.page.inner_text(".costs tfoot td:nth-child(4)") == f"{sum(numbers):,}"
    assert [sort(), visit.page.evaluate(arrow)] == ["ascending", '"▲"']
    visit.page.click(".costs tbody tr:last-child button")
    assert visit.chosen() == "layer4.1.conv2"
    assert visit.page.locator(".costs tr.chosen").count() == 1
    visit.page.wait_for_function(
        "document.querySelector('.part.chosen').getBoundingClientRect().top > 0"
    )  # scrolled up


def test_keys_and_wheel_move_and_magnify(visit: Visit) -> None:
    sheet = visit.page.locator("#canvas0 .sheet")
    visit.page.focus("#canvas0")
    visit.page.keyboard.press("0")
    seen = [sheet.get_attribute("transform")]
    for key in ("+", "+", "ArrowDown", "-", "0"):
        visit.page.keyboard.press(key)
        seen.append(sheet.get_attribute("transform"))
    assert seen[5] == seen[0]
    assert len(set(seen)) == 5
    visit.page.hover("#canvas0")
    visit.page.keyboard.down("Control")
    visit.page.mouse.wheel(0, -200)
    visit.page.wait_for_function(
        "before => document.querySelector('#canvas0 .sheet').getAttribute('transform') !== before", arg=seen[0]
    )
    visit.page.keyboard.up("Control")


def read_boxes(visit: Visit) -> list[Any]:
    """The rectangles of the folded parts on the screen: left, top, right, bottom."""
    boxes: list[Any] = visit.page.evaluate(
        """[...document.querySelectorAll('#canvas0 .part:not([aria-expanded="true"]) > .box')].map(box => {
            const {left, top, right, bottom} = box.getBoundingClientRect(); return [left, top, right, bottom]; })"""
    )
    return boxes


def test_parts_do_not_overlap_when_all_is_unfolded(visit: Visit) -> None:
    visit.page.click("[data-do=unfold]")
    visit.wait_for("layer4.0.downsample.1")
    boxes = read_boxes(visit)
    assert len(boxes) > 80
    for index, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[index + 1 :]:
            assert min(right, other[2]) - max(left, other[0]) < 0.5 or min(bottom, other[3]) - max(top, other[1]) < 0.5


@pytest.mark.slow
def test_titles_are_within_their_frames(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "vit.html"
    file.write_text(bundled("vit_b_16").report(), encoding="utf-8")
    visit = Visit(browser, file)
    visit.page.click("[data-do=unfold]")
    visit.page.locator(".plate").nth(3).wait_for()
    widths = visit.page.evaluate(
        """[...document.querySelectorAll('#canvas0 .open')].map(part => ['.box', '.plate', '.frame'].map(name =>
            part.querySelector(name).getBoundingClientRect().right))"""
    )
    assert len(widths) > 3
    assert all(box >= plate >= text for box, plate, text in widths)
    assert any(text.endswith("… ×12") for text in visit.page.locator(".frame").all_text_contents())
    visit.close()


def test_a_chain_has_one_axis(visit: Visit) -> None:
    middles = {round((left + right) / 2) for left, _, right, _ in read_boxes(visit)}
    assert len(middles) == 1


@pytest.mark.slow
def test_branches_leave_the_chain_on_its_axis(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "googlenet.html"
    file.write_text(bundled("googlenet").report(), encoding="utf-8")
    visit = Visit(browser, file, "#inception3a.branch1")
    assert visit.chosen() == "inception3a.branch1"
    names = {f"inception3a.branch{at}" for at in range(1, 5)}
    middle = "(box => box.left + box.width / 2)(document.querySelector(`#canvas0 [data-name='${name}'] > .box`).getBoundingClientRect())"
    read = f"names => names.map(name => {middle})"
    branches = visit.page.evaluate(read, sorted(names))
    assert branches == sorted(branches)  # in the order of the spec
    chain = visit.page.evaluate(read, [name for name in visit.shown() if name and name not in {*names, "inception3a"}])
    assert max(chain) - min(chain) < 1
    visit.close()


@pytest.mark.slow
def test_a_graph_that_has_no_order_for_elk_is_placed_without(visit: Visit) -> None:
    visit.page.evaluate("FRAME_OPTIONS['elk.layered.considerModelOrder.strategy'] = 'NODES_AND_EDGES'")
    failed = """layout => { engine.layout = graph => layout.call(engine, graph).catch(error => { window.failed = true; throw error; }); }"""
    visit.page.evaluate(f"loadLayout(); engine ||= new ELK(); ({failed})(engine.layout)")
    visit.page.click("[data-do=unfold]")
    visit.wait_for("layer4.0.downsample.1")
    assert visit.page.evaluate("window.failed")


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_what_is_seen_is_saved(dark: bool, browser: Browser, pages: Path, tmp_path: Path) -> None:
    visit = Visit(browser, pages / "one.html", "#layer1.0.conv2", color_scheme="dark" if dark else "light")
    visit.chosen()
    parts = visit.page.locator("#canvas0 .part").count()
    for ending in ("svg", "png"):
        with visit.page.expect_download() as download:
            visit.page.click(f"[data-do={ending}]")
        assert download.value.suggested_filename == f"resnet50.{ending}"
        download.value.save_as(tmp_path / f"a.{ending}")
    root = ET.parse(tmp_path / "a.svg").getroot()  # noqa: S314
    boxes = [group for group in root.iter(f"{SVG}g") if group.get("data-part")]
    assert len(boxes) == parts
    assert {"conv 3×3, 64", "layer1  stage"} <= {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert not re.search(r"var\(|color-mix|class=|url\((?!#)|\bcolor\(", text)
    assert not [shape for shape in root.iter(f"{SVG}text") if not shape.get("fill") or not shape.get("font-size")]
    paper = root.find(f"{SVG}rect")
    assert paper is not None
    assert paper.get("fill") == ("rgb(21, 24, 29)" if dark else "rgb(255, 255, 255)")
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        assert image.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
        assert image.convert("RGB").getpixel((3, 3)) == ((21, 24, 29) if dark else (255, 255, 255))
        assert len(image.convert("RGB").getcolors(1 << 24) or []) > 50
    assert visit.chosen() == "layer1.0.conv2"
    alone = Visit(browser, tmp_path / "a.svg")  # a browser shows it without the page
    assert alone.page.locator("g[data-part]").count() == parts
    alone.close()
    visit.close()


def test_two_networks_are_chosen_folded_and_moved_together(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "two.html")
    visit.page.locator("#canvas1[aria-busy=false] .part").first.wait_for()
    assert [part.get_attribute("data-name") for part in visit.page.locator("#canvas1 .part.changed").all()] == [
        "layer3"
    ]
    assert visit.page.text_content("#canvas1 .part.changed .mark") == "~"
    visit.page.click('#canvas0 [data-name="layer3"] [data-toggle]')
    visit.wait_for("layer3.1", canvas=1)
    visit.page.click('#canvas1 [data-name="layer3.1"]')
    assert (visit.chosen(0), visit.chosen(1)) == ("layer3.1", "layer3.1")
    details = visit.page.inner_text(".details")
    assert "17 of 22 added" in details
    assert visit.page.locator(".details .differs").filter(has_text="times").count() == 1
    visit.page.click("#canvas0 ~ * [data-do=in], #canvas0 [data-do=in]")
    scales = "[...document.querySelectorAll('.sheet')].map(sheet => /scale\\((.*)\\)/.exec(sheet.getAttribute('transform'))[1])"
    first, second = visit.page.evaluate(scales)
    assert first == second
    heights = [visit.page.locator(f"#canvas{at} .part.chosen").bounding_box() for at in (0, 1)]
    assert heights[0] and heights[1]
    assert abs(heights[0]["y"] - heights[1]["y"]) < 1
    assert "+74.3%" in visit.page.inner_text(".figures")
    assert "depth 6 → 23" in visit.page.inner_text(".changes")
    assert visit.page.locator(".plot .net1").count() > 10
    row = visit.page.locator(".costs tr.chosen, .costs tr.changed").first
    assert row.locator(".sign").count() == 1
    visit.close()


def test_several_networks_are_columns_and_pictures_are_picked(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "three.html")
    assert visit.page.locator(".canvas:visible").count() == 2
    visit.page.get_by_role("checkbox", name="wide_resnet50_2").check()
    visit.page.locator("#canvas2[aria-busy=false] .part").first.wait_for()
    assert visit.page.locator(".canvas:visible").count() == 3
    visit.page.get_by_role("checkbox", name="resnext50_32x4d").uncheck()
    assert visit.page.locator("#canvas1").is_hidden()
    totals = [text.replace(",", "") for text in visit.page.locator(".costs tfoot td.number").all_inner_texts()]
    names = ("resnet50", "resnext50_32x4d", "wide_resnet50_2")
    assert totals == [str(count) for name in names for count in (bundled(name).params, bundled(name).macs)]
    row = visit.page.locator(".costs tbody tr").filter(has_text="layer1.0.conv2")
    assert "conv 3×3, 128, 32 groups" in row.inner_text()
    assert row.locator(".sign").inner_text() == "~"
    row.locator("button").click()
    assert visit.chosen(2) == "layer1.0.conv2"
    assert "≠ groups" in visit.page.inner_text(".details")
    visit.page.evaluate("location.hash = '#2:layer4.0.conv1'")  # of a network whose picture is hidden
    assert visit.chosen(1) == "layer4.0.conv1"
    assert visit.page.get_by_role("checkbox", name="resnext50_32x4d").is_checked()
    visit.close()


@pytest.mark.slow
def test_shared_weights_count_once(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "lstm.html")
    numbers = [
        int(one.replace(",", "")) for one in visit.page.locator(".costs tbody td:nth-child(4)").all_inner_texts()
    ]
    assert sum(numbers) == 2560
    visit.close()


_SMALL_TEXT = """[...document.querySelectorAll('body *')].filter(element => element.checkVisibility()
    && [...element.childNodes].some(child => child.nodeType === 3 && child.data.trim()) && element.tagName !== 'SCRIPT'
    && parseFloat(getComputedStyle(element).fontSize) < 11).map(element => element.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(
    "name", ["one", "two", *(pytest.param(name, marks=pytest.mark.slow) for name in ("three", "hostile", "layer"))]
)
def test_a_small_screen_needs_no_sideways_scrolling(name: str, browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / f"{name}.html", viewport=PHONE, has_touch=True, is_mobile=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert visit.page.locator(".canvas").first.is_visible()
    assert visit.page.locator(".keys").is_hidden()
    assert visit.page.evaluate(_SMALL_TEXT) == []
    places = [visit.page.locator(part).first.bounding_box() for part in (".left", ".side")]
    assert places[0] and places[1]
    assert places[0]["y"] + places[0]["height"] <= places[1]["y"]  # one below the other
    scale = visit.page.evaluate("d3.zoomTransform(document.querySelector('#canvas0 > svg')).k")
    assert scale >= 1
    for bar in visit.page.locator(".plot rect").all():
        place = bar.bounding_box()
        assert place and place["x"] >= 0 and place["x"] + place["width"] <= PHONE["width"]
    visit.close()


@pytest.mark.slow
def test_a_huge_network_unfolds_in_part(browser: Browser, tmp_path: Path) -> None:
    stages = {f"stage{at}": [[{"linear": 4 + (at * 30 + step) % 97}, "relu"] for step in range(30)] for at in range(30)}
    file = tmp_path / "huge.html"
    file.write_text(archspec.load({"name": "huge", "input": [4], "stages": stages}).report(), encoding="utf-8")
    visit = Visit(browser, file)
    visit.page.click("[data-do=unfold]")
    assert "Unfolded in part" in visit.page.inner_text("[role=status]")
    visit.page.click('[data-name="stage3"] [data-toggle]')
    visit.wait_for("stage3.0")
    visit.close()


def test_text_is_readable_on_a_desktop(visit: Visit) -> None:
    assert visit.page.evaluate(_SMALL_TEXT) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= DESKTOP["width"]
    assert visit.page.locator(".keys").is_visible()


def test_fingers_move_and_magnify(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "one.html", viewport=PHONE, has_touch=True, is_mobile=True)
    box = visit.page.locator("#canvas0").bounding_box()
    assert box
    x, y = box["x"] + 150, box["y"] + 200
    session = visit.page.context.new_cdp_session(visit.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    place = "(({k, x, y}) => [k, x, y])(d3.zoomTransform(document.querySelector('#canvas0 > svg')))"
    before = visit.page.evaluate(place)
    touch("touchStart", (x, y))
    touch("touchMove", (x, y - 80))
    touch("touchEnd")
    moved = visit.page.evaluate(place)
    assert moved[0] == before[0]
    assert moved[2] == pytest.approx(before[2] - 80, abs=1)
    touch("touchStart", (x, y), (x + 40, y))
    touch("touchMove", (x - 40, y), (x + 80, y))
    touch("touchEnd")
    assert visit.page.evaluate(place)[0] == pytest.approx(3 * before[0], rel=0.1)
    visit.close()


def test_paper_is_white_and_has_all_of_the_page(browser: Browser, pages: Path, tmp_path: Path) -> None:
    visit = Visit(browser, pages / "one.html", color_scheme="dark")
    visit.page.emulate_media(media="print")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in (".tools", ".zoom", ".saves", ".keys"):
        assert visit.page.locator(hidden).is_hidden()
    cut = """[...document.querySelectorAll('.costs, .spec, .canvas')].filter(box => box.scrollHeight > box.clientHeight + 1).map(box => [box.className, box.scrollHeight, box.clientHeight])"""
    assert visit.page.evaluate(cut) == []
    assert visit.page.get_attribute("#canvas0 > svg", "viewBox")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(visit.page.pdf())).pages)
    for name in ("layer4.1.conv3", "expect: {params: 25557032", "25.6 M", "layer1 stage"):
        assert name in re.sub(r"\s+", " ", text)
    visit.page.emulate_media(media="screen")
    visit.page.locator("#canvas0 > svg:not([viewBox])").wait_for()
    visit.close()


def test_a_spec_cannot_bring_a_script(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "hostile.html")
    visit.page.click("#canvas0 .part.conv")
    assert "owned" not in visit.page.title().replace(HOSTILE, "")
    assert visit.page.locator("img").count() == 0
    visit.page.wait_for_function("typeof ELK === 'function'")
    assert (
        visit.page.locator("script").count() == 5
    )  # the data, the libraries packed and as code in two parts, and the code
    visit.close()


def test_the_page_of_a_picture_moves(browser: Browser, pages: Path) -> None:
    file = pages / "picture.html"
    archspec.load("unet").save(file)
    visit = Visit(browser, file)
    before = visit.page.locator("main > svg").get_attribute("style")
    visit.page.focus("main")
    visit.page.keyboard.press("+")
    assert visit.page.locator("main > svg").get_attribute("style") != before
    visit.close()
