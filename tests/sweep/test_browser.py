"""The page of a sweep in a real browser: its figures, its table, and the reports that it opens; it requests nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from archspec.cli.commands import archspec as command
from archspec.sweep.choose import find_front, read_table, select_rows
from archspec.sweep.page import save_page
from archspec.sweep.run import run_sweep
from archspec.sweep.space import read_space
from tests.report.test_browser import CHROMIUM, HOSTILE, PHONE, Visit, browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")

SPACE = """name: highways
source: "Srivastava et al. 2015"
base: highway_mnist_fc10
over: {depth: {from: 2, to: 70, step: 4}, width: [8, 16, 32]}
"""
"""54 points, some with more paths than a number of JavaScript can hold."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run_sweep(read_space(SPACE), folder / "highways")
    save_page(folder / "page.html", *read_table(folder / "highways"), ["params", "-depth"], reports=2)
    return folder


@pytest.fixture
def visit(browser: Browser, swept: Path) -> Iterator[Visit]:
    opened = Visit(browser, swept / "page.html")
    yield opened
    opened.close()


def test_the_figures_show_all_networks_and_the_front(visit: Visit, swept: Path) -> None:
    rows = select_rows(read_table(swept / "highways")[1])
    front = find_front(rows, ["params", "-depth"])
    assert visit.page.locator("#scatter .dot").count() == len(rows)
    assert visit.page.locator("#scatter .dot.best").count() == len(front)
    assert visit.page.locator("#parallel .line").count() == len(rows)
    assert visit.page.locator("#heat .cell").count() == len(rows)
    assert visit.page.locator("#distribution .curve").count() == 1
    visit.page.get_by_label("colour").select_option("width")
    assert visit.page.locator("#distribution .curve").count() == visit.page.locator("#distribution .band").count() == 3
    assert "width 8" in visit.page.inner_text("#scatter .key")


def test_a_point_a_line_and_a_row_choose_a_network(visit: Visit, swept: Path) -> None:
    page = visit.page
    page.locator("#scatter .dot.best").first.click()
    digest = page.inner_text("#chosen h2")
    row = next(row for row in read_table(swept / "highways")[1] if row["digest"] == digest)
    assert f"{row['params']:,}" in page.inner_text("#chosen dl")
    assert f"pick {swept / 'highways'} {digest}" in page.inner_text("#chosen pre")
    assert page.locator("#parallel .line.chosen").get_attribute("data-id") == page.locator(
        "#table tr.chosen"
    ).get_attribute("data-id")
    page.locator("#table tbody tr").nth(3).focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#chosen h2") == page.locator("#table tbody tr").nth(3).locator("td").first.inner_text()


def test_the_table_is_sorted_exactly(visit: Visit, swept: Path) -> None:
    rows = select_rows(read_table(swept / "highways")[1])
    head = visit.page.locator("#table th", has_text="paths")
    column = visit.page.locator("#table th").all_inner_texts().index("paths")
    head.locator("button").click()
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    most = max(row["paths"] for row in rows)
    assert most > 2**53
    assert visit.page.locator("#table tbody tr").first.locator("td").nth(column).inner_text() == f"{most:,}"


def test_a_network_opens_its_report(visit: Visit) -> None:
    visit.page.locator("#scatter .dot.best").first.click()
    with visit.page.expect_popup() as popup:
        visit.page.get_by_text("open the report").click()
    report = popup.value
    report.on("console", lambda message: visit.said.append(message.text))
    report.on("pageerror", lambda error: visit.said.append(str(error)))
    report.locator("#canvas0[aria-busy=false] .part").first.wait_for()
    assert report.title() == "highway_mnist_fc10"
    report.close()
    visit.page.locator("#table tbody tr").last.click()
    assert "not in this page" in visit.page.inner_text("#chosen")


def test_choosers_change_the_figures(visit: Visit) -> None:
    scatter = visit.page.locator("#scatter")
    before = scatter.locator("svg").inner_html()
    scatter.get_by_label("up").select_option("macs")
    assert scatter.locator("svg").inner_html() != before
    scatter.get_by_label("more is better").first.check()
    assert scatter.locator(".dot.best").count() >= 1
    visit.page.locator("#heat").get_by_label("value").select_option("macs")
    assert "macs" in visit.page.inner_text("#heat .key")


def test_it_fits_a_phone(browser: Browser, swept: Path) -> None:
    visit = Visit(browser, swept / "page.html", viewport=PHONE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    visit.close()


def test_names_are_texts(browser: Browser, tmp_path: Path) -> None:
    name = json.dumps(HOSTILE)
    space = read_space(f"{{name: {name}, source: {name}, base: highway_mnist_fc10, over: {{width: [8, 9]}}}}")
    run_sweep(space, tmp_path / "hostile")
    save_page(tmp_path / "hostile.html", *read_table(tmp_path / "hostile"), reports=1)
    visit = Visit(browser, tmp_path / "hostile.html")
    assert visit.page.title() == HOSTILE[:120]
    visit.page.locator("#table tbody tr").first.click()
    visit.close()


@pytest.mark.slow
def test_the_command_writes_it(swept: Path, tmp_path: Path) -> None:
    line = ["sweep", "plot", str(swept / "highways"), "-o", str(tmp_path / "page.html"), "--reports", "2"]
    result = CliRunner().invoke(command, [*line, "--", "params", "-depth"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "page.html").read_bytes() == (swept / "page.html").read_bytes()
    wrong = CliRunner().invoke(command, [*line, "--colour", "width"])
    assert "--colour is for a picture" in wrong.output
    wrong = CliRunner().invoke(command, ["sweep", "plot", str(swept / "highways"), "-o", str(tmp_path / "a.svg")])
    assert "Missing argument 'COLUMN...'" in wrong.output
    wrong = CliRunner().invoke(command, [*line, "flops"])
    assert "the sweep has no column 'flops'" in wrong.output
