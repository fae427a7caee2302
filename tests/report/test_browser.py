"""The report in a real browser: folding, search, links to the source, sorting, comparing; no errors and no requests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import archspec

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

HOSTILE = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"


class Visit:
    """An open page, and the browser's messages about it."""

    def __init__(self, browser: Browser, file: Path, **options: Any) -> None:
        self.page: Page = browser.new_page(**options)
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.file = file

    def shown(self) -> list[str]:
        """The names of the parts in the first diagram, top to bottom in the document."""
        return [one.get_attribute("data-name") or "" for one in self.page.locator("#canvas0 .part").all()]

    def close(self) -> None:
        self.page.close()
        assert self.said == []
        assert self.requests == [self.file.as_uri()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    resnet = archspec.load("resnet50")
    (folder / "one.html").write_text(resnet.report(), encoding="utf-8")
    (folder / "two.html").write_text(resnet.report(archspec.load("resnext50_32x4d")), encoding="utf-8")
    (folder / "variant.html").write_text(archspec.load("densenet169").report(), encoding="utf-8")
    (folder / "lstm.html").write_text(archspec.load("lstm").report(), encoding="utf-8")
    bad = archspec.load({"name": HOSTILE, "source": HOSTILE, "input": [3, 8, 8], "stages": {"a": {"conv": 4}}})
    (folder / "hostile.html").write_text(bad.report(bad), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser: Browser, pages: Path) -> Iterator[Visit]:
    opened = Visit(browser, pages / "one.html", viewport={"width": 1300, "height": 900})
    yield opened
    opened.close()


def test_stages_unfold_to_blocks_and_layers(visit: Visit) -> None:
    assert "layer1" in visit.shown()
    assert "layer1.0" not in visit.shown()
    visit.page.click('[data-toggle][data-toggle]:near([data-name="layer1"])')
    assert "layer1.0" in visit.shown()
    visit.page.focus('[data-name="layer1.0"]')
    visit.page.keyboard.press("Enter")
    assert "layer1.0.conv2" in visit.shown()
    assert visit.page.get_attribute('[data-name="layer1.0"]', "aria-expanded") == "true"
    visit.page.click("[data-do=fold]")
    assert not any("." in name for name in visit.shown())
    visit.page.click("[data-do=unfold]")
    assert "layer4.0.downsample.1" in visit.shown()


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


def test_the_text_of_a_variant_comes_first_and_a_layer_leads_to_the_text_behind_it(
    browser: Browser, pages: Path
) -> None:
    visit = Visit(browser, pages / "variant.html", viewport={"width": 1300, "height": 900})
    assert visit.page.locator(".spec h4").all_inner_texts() == ["densenet169.yaml", "densenet121.yaml"]
    assert "depth3: 32" in visit.page.locator(".spec pre").first.inner_text()
    visit.page.locator(".part[data-name$=conv0]").first.click()
    here = visit.page.locator(".spec section:nth-child(2) .here").bounding_box()
    panel = visit.page.locator(".spec").bounding_box()
    assert here and panel
    assert panel["y"] < here["y"] < panel["y"] + panel["height"]
    visit.close()


def test_search_finds_what_is_folded(visit: Visit) -> None:
    visit.page.keyboard.press("/")
    visit.page.keyboard.type("layer3.4.conv2")  # represented by layer3.1.conv2
    visit.page.keyboard.press("Enter")
    assert visit.page.locator(".chosen[data-part]").get_attribute("data-name") == "layer3.1.conv2"
    box = visit.page.locator(".chosen[data-part]").bounding_box()
    canvas = visit.page.locator("#canvas0").bounding_box()
    assert box and canvas
    assert canvas["x"] < box["x"] < canvas["x"] + canvas["width"]
    assert canvas["y"] < box["y"] < canvas["y"] + canvas["height"]
    assert "conv2" in visit.page.inner_text(".spec .here")
    visit.page.fill("input[type=search]", "no such layer")
    assert "nothing is called that" in visit.page.inner_text(".found")


@pytest.mark.slow
def test_the_table_sorts_and_leads_to_the_layer(visit: Visit) -> None:
    visit.page.click(".costs th:nth-child(4) button")
    assert visit.page.get_attribute(".costs th:nth-child(4)", "aria-sort") == "descending"
    numbers = [int(one.replace(",", "")) for one in visit.page.locator(".costs td:nth-child(4)").all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True)
    assert sum(numbers) == archspec.load("resnet50").params
    visit.page.click(".costs th:nth-child(4) button")
    assert visit.page.get_attribute(".costs th:nth-child(4)", "aria-sort") == "ascending"
    visit.page.click(".costs tbody tr:last-child button")
    assert visit.page.locator(".chosen[data-part]").count() == 1


@pytest.mark.slow
def test_keys_and_wheel_move_and_magnify(visit: Visit) -> None:
    sheet = visit.page.locator("#canvas0 svg > g")
    seen = [sheet.get_attribute("transform")]
    visit.page.focus("#canvas0")
    for key in ("+", "ArrowDown", "ArrowRight", "-", "0"):
        visit.page.keyboard.press(key)
        seen.append(sheet.get_attribute("transform"))
    visit.page.hover("#canvas0")
    visit.page.mouse.wheel(0, 200)
    visit.page.wait_for_timeout(100)
    seen.append(sheet.get_attribute("transform"))
    assert seen[5] == seen[0]
    assert len(set(seen)) == 6


@pytest.mark.slow
def test_parts_do_not_overlap_when_all_is_unfolded(visit: Visit) -> None:
    visit.page.click("[data-do=unfold]")
    boxes = [one.bounding_box() for one in visit.page.locator('.part:not([aria-expanded="true"]) > rect').all()]
    found = [box for box in boxes if box]
    assert len(found) == len(boxes) > 90
    for at, one in enumerate(found):
        for other in found[at + 1 :]:
            across = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
            down = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
            assert across < 2 or down < 2


@pytest.mark.slow
def test_two_networks_side_by_side(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "two.html")
    assert visit.page.locator(".canvas").count() == 2
    assert "groups 1 → 32" in visit.page.inner_text(".changes")
    assert "-528,128" in visit.page.inner_text(".comparison table")
    assert visit.page.locator(".plot .net1").count() > 10
    visit.page.click('#canvas1 [data-name="conv1"]')
    assert "9,408" in visit.page.locator(".details").nth(1).inner_text()
    assert "Click a layer" in visit.page.locator(".details").nth(0).inner_text()
    visit.close()


@pytest.mark.slow
def test_shared_weights_count_once(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "lstm.html")
    numbers = [int(one.replace(",", "")) for one in visit.page.locator(".costs td:nth-child(4)").all_inner_texts()]
    assert sum(numbers) == 2560
    visit.close()


@pytest.mark.slow
def test_a_small_screen_needs_no_sideways_scrolling(browser: Browser, pages: Path) -> None:
    for name in ("one", "two", "hostile"):
        visit = Visit(browser, pages / f"{name}.html", viewport={"width": 390, "height": 800}, has_touch=True)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert visit.page.locator(".canvas").first.is_visible()
        visit.close()


def test_a_spec_cannot_bring_a_script(browser: Browser, pages: Path) -> None:
    visit = Visit(browser, pages / "hostile.html")
    visit.page.click("#canvas0 .part.conv")
    assert "owned" not in visit.page.title().replace(HOSTILE, "")
    assert visit.page.locator("img").count() == 0
    assert visit.page.locator("script").count() == 2  # the data and the code
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
