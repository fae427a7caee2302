"""What a notebook shows of an architecture: complete, escaped, bounded, and never an error."""

from __future__ import annotations

import base64
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

import archspec
from archspec import notebook
from archspec.draw import DrawError, render_svg
from tests.draw.test_formats import HOSTILE, hostile
from tests.markup import read_markdown_tables
from tests.sample import bundled

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Reader(HTMLParser):
    """Collects the cells of the table, the tags and the attributes of a page, and checks that its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes[tag] = dict(attrs)
        if tag not in {"br", "img", "input"}:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data.replace("\u2003", "  ")


def read(arch: archspec.Architecture) -> Reader:
    text = arch._repr_html_()
    assert text is not None
    return Reader(text)


@pytest.mark.parametrize("name", ["resnet50", "lstm", "unet"])
def test_table_picture_and_report_are_those_of_the_network(name: str) -> None:
    arch = bundled(name)
    page, bundle = read(arch), arch._repr_mimebundle_()
    svg = render_svg(arch.draw())
    assert (
        base64.b64decode((page.attributes["img"]["src"] or "").removeprefix("data:image/svg+xml;base64,")).decode()
        == svg
    )
    assert page.attributes["iframe"]["srcdoc"] == arch.report()
    assert page.attributes["iframe"]["loading"] == "lazy"
    (markdown,) = read_markdown_tables(bundle["text/markdown"])
    assert page.rows == markdown
    assert page.rows[-1][3] == f"{arch.params:,}"
    assert (bundle["text/plain"], bundle["image/svg+xml"]) == (repr(arch), svg)
    assert page.tags.count("label") == 3


def test_only_what_is_asked_for_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "render_svg", lambda picture: pytest.fail("drawn"))
    arch = bundled("resnet18")
    assert [*arch._repr_mimebundle_(include={"text/plain"})] == ["text/plain"]
    assert [*arch._repr_mimebundle_(exclude={"image/svg+xml"})] == ["text/plain", "text/markdown"]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("ascii", "replace").decode())
def test_hostile_names_stay_text(name: str) -> None:
    page = read(hostile(name))
    assert page.tags == read(hostile("plain")).tags
    assert not {"script", "svg"} & {*page.tags}
    assert "\x07" not in str(hostile(name)._repr_mimebundle_())


def deep(stages: int) -> archspec.Architecture:
    layers = {f"stage_{number}": [{"linear": 4 + number % 7}, "relu", {"linear": 4}] for number in range(stages)}
    return archspec.load({"name": "deep", "input": [4], "stages": layers})


@pytest.mark.slow
def test_what_is_shown_does_not_grow_with_the_network() -> None:
    texts = [(arch._repr_html_() or "", arch._repr_mimebundle_()) for arch in (deep(400), deep(1000))]
    for html, bundle in texts:
        assert len(Reader(html).rows) == notebook._ROWS + 2
        assert "more parts" in html
        assert "kind=&#x27;report&#x27;" in html
        assert "more parts" in bundle["text/markdown"]
    (small, one), (large, other) = texts
    assert len(large) < 1.02 * len(small)
    assert sum(map(len, other.values())) < 1.02 * sum(map(len, one.values()))


def test_a_picture_of_too_many_boxes_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "_BOXES", 3)
    arch = bundled("resnet18")
    assert "archspec" not in str(read(arch).attributes.get("img"))
    assert "arch.save(&#x27;resnet18.svg&#x27;)" in (arch._repr_html_() or "")
    assert "image/svg+xml" not in arch._repr_mimebundle_()


def test_what_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    arch = archspec.load("vgg11")

    def fail(*_: object, **__: object) -> str:
        raise DrawError("no renderer", "install one")

    monkeypatch.setattr(notebook, "render_svg", fail)
    assert read(arch).tags.count("label") == 2
    assert {*arch._repr_mimebundle_()} == {"text/plain", "text/markdown"}
    monkeypatch.setattr(archspec.Architecture, "report", fail)
    assert read(arch).tags.count("label") == 1
    monkeypatch.setattr(archspec.Architecture, "summary", fail)
    monkeypatch.setattr(archspec.Architecture, "__repr__", fail)
    assert arch._repr_html_() is None
    assert arch._repr_mimebundle_() == {}


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")
def test_tabs_open_without_a_script_and_the_report_works_in_its_frame(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    cells = [bundled(name)._repr_html_() for name in ("resnet50", "lstm")]
    file = tmp_path / "notebook.html"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8>{''.join(map(str, cells))}", encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        said: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        first, second = page.locator("form").all()
        assert [panel.is_visible() for panel in first.locator("> div").all()] == [True, False, False]
        second.get_by_text("picture", exact=True).click()
        assert [panel.is_visible() for panel in second.locator("> div").all()] == [False, True, False]
        assert second.locator("img").evaluate("image => image.naturalWidth") > 100
        assert first.locator("> div").first.is_visible()  # the tabs of another cell stay
        assert len(page.frames) == 3
        first.get_by_text("report", exact=True).click()
        report = page.frames[1]
        report.locator(".canvas[aria-busy=false] .part").first.wait_for(timeout=20_000)
        report.locator(".part[data-name=conv1]").click()
        assert "9,408" in report.locator(".details").inner_text()
        with page.expect_download() as download:
            report.locator("[data-do=png]").click()
        assert download.value.suggested_filename == "resnet50.png"
        page.keyboard.press("Enter")
        assert first.locator("iframe").is_visible()
        assert said == []
        assert all(url == file.as_uri() or url.startswith(("data:", "about:")) for url in requests)
        browser.close()


def test_the_report_in_its_frame_is_a_whole_page() -> None:
    html = bundled("lstm")._repr_html_() or ""
    (page,) = re.findall(r"srcdoc='([^']*)'", html)
    assert unescape(page).startswith("<!DOCTYPE html>")
    assert unescape(page).rstrip().endswith("</html>")
