"""Writes the report about one network or two as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from archspec.analysis.diff import Diff, diff_networks
from archspec.ir.graph import Graph
from archspec.json_text import dump_json
from archspec.numerals import format_number
from archspec.printable import escape_markup, escape_unprintable
from archspec.report.comparison import format_change
from archspec.report.data import collect_report_data
from archspec.report.plots import draw_length_plot, draw_stage_plot
from archspec.spans import Source

_SCRIPTS = ("layout.js", "diagram.js", "panels.js", "report.js")


def write_report(
    networks: Sequence[Graph], colours: Mapping[str, Mapping[str, str]], sources: Sequence[Sequence[Source]]
) -> str:
    """The page about one network or two.

    `colours` has the colours by category of op, for the themes `light` and `dark`; `sources` the texts of each network's spec, its own first.

    The texts of a spec are embedded as data and never as markup; the page's content security policy allows only its own script.

    Raises `ValueError` for more than two networks, or for one with more parts than a page can show.
    """
    if not 1 <= len(networks) <= 2:
        raise ValueError("a report is about one network or two")
    data = [collect_report_data(*pair) for pair in zip(networks, sources, strict=True)]
    return "".join(_write_parts(networks, colours, data))


def _write_parts(
    networks: Sequence[Graph], colours: Mapping[str, Mapping[str, str]], data: Sequence[Mapping[str, object]]
) -> Iterator[str]:
    script = "\n".join(_read_asset(name) for name in _SCRIPTS)
    title = escape_markup(" and ".join(network.name[:120] for network in networks))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    yield f"<title>{title}</title>\n<style>\n{_palette(colours)}{_read_asset('report.css')}</style>\n</head>\n<body>\n"
    yield f'<header><h1>{title}</h1><p class="hint">/ searches, arrows move, + and − magnify, Enter unfolds</p></header>\n'
    if len(networks) == 2:
        yield _write_comparison(diff_networks(*networks))
    yield f'<main class="networks n{len(networks)}">\n'
    for index in range(len(networks)):
        yield f'<article class="network" data-at="{index}"></article>\n'
    yield '</main>\n<section><h2>Costs by stage</h2>\n<div class="plots">'
    for network in networks:
        yield f"<figure>{draw_stage_plot(network)}<figcaption>{escape_markup(network.name[:120])}</figcaption></figure>"
    yield f'</div></section>\n<section><h2>Path lengths</h2>\n<div class="plots"><figure>{draw_length_plot(networks)}'
    yield f"<figcaption>{_write_key(networks)}</figcaption></figure></div></section>\n"
    yield f'<script type="application/json" id="data">{embed_json(_printable(data))}</script>\n'
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def embed_json(data: object) -> str:
    """Data as JSON that is safe inside a script element."""
    text = dump_json(data)
    escapes: dict[str, str | int | None] = {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
    return text.translate(str.maketrans(escapes)).encode("utf-8", "replace").decode()


def _printable(data: Any) -> Any:
    """The data with all texts made printable."""
    if isinstance(data, str):
        return escape_unprintable(data)
    if isinstance(data, Mapping):
        return {_printable(key): _printable(value) for key, value in data.items()}
    return [_printable(item) for item in data] if isinstance(data, list | tuple) else data


def _read_asset(name: str) -> str:
    return (files("archspec.report") / "assets" / name).read_text(encoding="utf-8")


def _palette(colours: Mapping[str, Mapping[str, str]]) -> str:
    """The colours as CSS variables, for light and dark mode."""
    sets = {theme: "".join(f"--{kind}:{hue};" for kind, hue in hues.items()) for theme, hues in colours.items()}
    return f":root{{{sets['light']}}}\n@media (prefers-color-scheme: dark){{:root{{{sets['dark']}}}}}\n"


def _write_key(networks: Sequence[Graph]) -> str:
    return " ".join(
        f'<span class="key net{index}">{escape_markup(network.name[:120])}</span>'
        for index, network in enumerate(networks)
    )


def _write_comparison(difference: Diff) -> str:
    return "".join(
        (
            '<section class="comparison"><h2>What differs</h2>\n<div class="plots">',
            '<div class="counts"><table><thead><tr><th></th>',
            *(f"<th>{escape_markup(name[:120])}</th>" for name in (difference.before, difference.after)),
            "<th>difference</th></tr></thead><tbody>",
            *(_write_row(name, *pair) for name, pair in difference.counts.items()),
            '</tbody></table></div>\n<ul class="changes">',
            *(f'<li class="{part.change}">{escape_markup(format_change(part))}</li>' for part in difference.parts),
            "" if difference.parts else "<li>the parts are the same</li>",
            "</ul></div></section>\n",
        )
    )


def _write_row(name: str, before: int, after: int) -> str:
    delta = f"{'+' if after > before else ''}{format_number(after - before)}" if after != before else "="
    return f"<tr><th>{name}</th><td>{format_number(before)}</td><td>{format_number(after)}</td><td>{delta}</td></tr>"
