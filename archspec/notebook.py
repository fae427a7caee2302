"""Shows a network in a notebook: its summary, its picture and its report behind tabs.

A notebook keeps what it shows, so that each part is bounded. A part that fails is left out, since an error would hide the value itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Container, Iterator
from dataclasses import replace

from archspec.columns import shorten_cell
from archspec.draw import draw_picture, render_svg
from archspec.files import name_file
from archspec.network import Network
from archspec.printable import escape_markup, shorten_text
from archspec.report.summary_formats import tabulate_summary, write_markdown
from archspec.report.table import Summary, format_totals
from archspec.report.tabular import format_html

_ROWS = 60
_CELL = 60  # characters
_BOXES = 120
_SVG = 150_000  # characters
_OPS = 1000  # of a network whose report is made; that of a larger one takes seconds
_REPORT = 1_200_000  # characters, of which its libraries have 672,000

# Without :has all panels are shown, one below the other.
_STYLE = """<style>
.archspec>label{display:inline-block;padding:.2em .8em;cursor:pointer;border-bottom:2px solid transparent}
.archspec>label:has(:checked){border-color:#0072B2}.archspec>label:has(:focus-visible){outline:2px solid #0072B2}
.archspec input{position:absolute;opacity:0}
.archspec>div{overflow:auto;max-height:44em}.archspec img{max-width:100%}.archspec .n{text-align:right}
.archspec td,.archspec th{text-align:left;white-space:nowrap;padding:.1em .6em}.archspec tbody+tbody{border-top:1px solid}
.archspec iframe{width:100%;height:42em;border:0;background:#fff}
@supports selector(:has(*)){.archspec>div{display:none}
.archspec:has(label:nth-of-type(1)>:checked)>div:nth-of-type(1),
.archspec:has(label:nth-of-type(2)>:checked)>div:nth-of-type(2),
.archspec:has(label:nth-of-type(3)>:checked)>div:nth-of-type(3){display:block}}
</style>"""


def render_tabs(network: Network, write_report: Callable[[], str]) -> str | None:
    """A piece of HTML with the parts of a network behind tabs, which needs no script and no request; None if no part can be made.

    Args:
        network: the network.
        write_report: makes the page of its report, which runs in a frame of its own.

    >>> import archspec
    >>> arch = archspec.load("resnet18")
    >>> html = render_tabs(arch, arch.report)
    >>> html.count("<label>"), "11,689,512" in html, html.count("<script")
    (3, True, 0)
    """
    made = {
        "summary": _attempt(lambda: _render_summary(network)),
        "picture": _attempt(lambda: _render_picture(network)),
        "report": _attempt(lambda: _render_report(network, write_report)),
    }
    panels = {name: html for name, html in made.items() if html}
    return "".join(_join_tabs(panels)) if panels else None


def render_bundle(network: Network, include: Container[str] | None, exclude: Container[str] | None) -> dict[str, str]:
    """The contents by MIME type: plain text, Markdown and SVG, without those that cannot be made.

    >>> import archspec
    >>> sorted(render_bundle(archspec.load("resnet18"), None, None))
    ['image/svg+xml', 'text/markdown', 'text/plain']
    """
    makers: dict[str, Callable[[], str | None]] = {
        "text/plain": lambda: repr(network),
        "text/markdown": lambda: _write_markdown(network),
        "image/svg+xml": lambda: _draw_svg(network),
    }
    made = {
        mime: _attempt(make)
        for mime, make in makers.items()
        if (include is None or mime in include) and mime not in (exclude or ())
    }
    return {mime: text for mime, text in made.items() if text}


def _attempt(make: Callable[[], str | None]) -> str | None:
    try:
        return make()
    except Exception:  # noqa: BLE001 -- a value that cannot be shown must not end the cell that has it
        return None


def _join_tabs(panels: dict[str, str]) -> Iterator[str]:
    """The tabs are radio buttons. Those of one form belong together, so that no name must be unique in the notebook."""
    yield f'{_STYLE}<form class="archspec"><button disabled hidden></button>'  # without it, Enter would submit the form
    for name in panels:
        checked = " checked" if name == next(iter(panels)) else ""
        yield f'<label><input type="radio" name="tab"{checked}>{name}</label>'
    yield from (f"<div>{html}</div>" for html in panels.values())
    yield "</form>"


def _fit_summary(network: Network) -> tuple[Summary, int]:
    """The summary with at most `_ROWS` rows, and the number of rows that it lacks."""
    summary = network.summary(depth=2)
    summary = summary if len(summary.rows) <= _ROWS else network.summary(depth=1)
    return replace(summary, rows=summary.rows[:_ROWS]), max(0, len(summary.rows) - _ROWS)


def _render_summary(network: Network) -> str:
    summary, hidden = _fit_summary(network)
    table = tabulate_summary(summary, whole=False)
    shown = replace(table, rows=[[shorten_cell(cell, _CELL) for cell in row] for row in table.rows])
    totals = (f"<br><b>{escape_markup(name)}</b> {escape_markup(text)}" for name, text in format_totals(summary))
    title = f"<b>{_escape(network.name)}</b> {_escape(network.graph.source)}"
    return f"<p>{title}</p>{format_html(shown)}<p>{_count_hidden(hidden)}{''.join(totals)}</p>"


def _write_markdown(network: Network) -> str:
    summary, hidden = _fit_summary(network)
    return "\n\n".join(filter(None, (write_markdown(summary, whole=False), _count_hidden(hidden))))


def _count_hidden(rows: int) -> str:
    return f"… and {rows:,} more parts" if rows else ""


def _draw_svg(network: Network) -> str | None:
    """The picture of the stages; None if it is too large."""
    picture = draw_picture(network.graph)
    if len(picture.boxes) > _BOXES:
        return None
    svg = render_svg(picture)
    return svg if len(svg) <= _SVG else None


def _render_picture(network: Network) -> str:
    """The picture as an image, so that its ids and styles are not those of the notebook."""
    svg = _draw_svg(network)
    if svg is None:
        return _advise(network, "picture", "arch.save({!r})", ".svg")
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="stages of {_escape(network.name)}" src="data:image/svg+xml;base64,{data}">'


def _render_report(network: Network, write_report: Callable[[], str]) -> str:
    page = write_report() if len(list(network.graph.ops)) <= _OPS else ""
    if not 0 < len(page) <= _REPORT:
        return _advise(network, "report", "arch.save({!r}, kind='report')", ".html")
    quoted = page.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;")
    return (
        f'<iframe title="report" loading="lazy" sandbox="allow-scripts allow-downloads" srcdoc=\'{quoted}\'></iframe>'
    )


def _advise(network: Network, part: str, call: str, ending: str) -> str:
    file = str(name_file(shorten_text(network.name), ending))
    return f"<p>The {part} is too large for a notebook. <code>{escape_markup(call.format(file))}</code> writes it.</p>"


def _escape(text: str) -> str:
    return escape_markup(shorten_text(text, 120))
