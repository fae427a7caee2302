"""Writes the report about one network or several as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from archspec.analysis.diff import diff_networks
from archspec.ir.graph import Graph
from archspec.json_text import dump_json
from archspec.printable import escape_markup, escape_unprintable
from archspec.report.alignment import align_reports
from archspec.report.comparison import format_change
from archspec.report.data import MOST_NETWORKS, collect_parts, describe_parts
from archspec.report.headline import write_headline
from archspec.report.plots import draw_length_plot, write_stage_bars
from archspec.spans import Source
from archspec.view.labels import CATEGORY_NAMES, FLOW_NAMES

_LAYOUT_CODE = b"/* elkjs "
"""How the code of ELK begins in the bundle; the page runs it when it is needed."""
_SCRIPTS = ("dom", "layout", "diagram", "export", "legend", "panels", "search", "tables", "report")


def write_report(
    networks: Sequence[Graph], colours: Mapping[str, Mapping[str, str]], sources: Sequence[Sequence[Source]]
) -> str:
    """The page about one network, or about several that are compared with the first.

    `colours` has the colours of the page by their roles, for the themes `light` and `dark`; `sources` the texts of each network's spec, its own first.

    The texts of a spec are embedded as data and never as markup; the page's content security policy allows only its own scripts. Layout
    and movement are done by libraries (`libraries/`), which the page carries compressed.

    Raises `ValueError` for more than six networks, or for one with more parts than a page can show.
    """
    if not 1 <= len(networks) <= MOST_NETWORKS:
        raise ValueError(f"a report is about one to {MOST_NETWORKS} networks, not {len(networks)}")
    parts = [collect_parts(*pair) for pair in zip(networks, sources, strict=True)]
    data = {
        "networks": list(map(describe_parts, parts)),
        "pairs": [align_reports(parts[0], other) for other in parts[1:]],
        "kinds": CATEGORY_NAMES,
        "flows": FLOW_NAMES,
    }
    return "".join(_write_parts(networks, colours, data))


def _write_parts(
    networks: Sequence[Graph], colours: Mapping[str, Mapping[str, str]], data: Mapping[str, object]
) -> Iterator[str]:
    script = "\n".join(_read_asset(f"{name}.js") for name in _SCRIPTS)
    packed = (files("archspec.report") / "libraries" / "libraries.js.gz").read_bytes()
    before, mark, layout = zlib.decompress(packed, zlib.MAX_WBITS | 16).partition(_LAYOUT_CODE)
    scripts = " ".join(f"'sha256-{_digest(text)}'" for text in (script.encode(), before, mark + layout))
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {scripts}; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    title = escape_markup(" and ".join(network.name[:120] for network in networks))
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    yield f"<title>{title}</title>\n<style>\n{_palette(colours)}{_read_asset('report.css')}</style>\n</head>\n<body>\n"
    yield f"<header><h1>{title}</h1>{_write_sources(networks)}</header>\n"
    yield f'<section class="first">{write_headline(networks)}</section>\n'
    yield '<main class="bench"></main>\n'
    if len(networks) > 1:
        yield '<section class="differences"><h2>What differs</h2>\n'
        yield from (_write_changes(networks[0], other) for other in networks[1:])
        yield "</section>\n"
    yield '<section><h2>Layers</h2>\n<div class="costs"></div></section>\n'
    yield f"<section><h2>Costs by stage</h2>\n{write_stage_bars(networks)}</section>\n"
    if plot := draw_length_plot(networks):
        yield f'<section><h2>Path lengths</h2>\n<figure>{plot}<figcaption class="legend">{_write_key(networks)}</figcaption></figure></section>\n'
    yield f'<script type="application/json" id="data">{embed_json(_printable(data))}</script>\n'
    yield f'<script type="text/plain" id="libraries">{base64.b64encode(packed).decode()}</script>\n'
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


def _digest(text: bytes) -> str:
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


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
    """The colours as CSS variables, for light and dark mode; paper is light."""
    sets = {theme: "".join(f"--{kind}:{hue};" for kind, hue in hues.items()) for theme, hues in colours.items()}
    return f":root{{{sets['light']}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{sets['dark']}}}}}\n"


def _write_sources(networks: Sequence[Graph]) -> str:
    """Where the networks are from, each source once."""
    sources = dict.fromkeys(network.source for network in networks if network.source)
    return "".join(f'<p class="source">{escape_markup(source)}</p>' for source in sources)


def _write_key(networks: Sequence[Graph]) -> str:
    return "".join(
        f'<span class="key net{index}">{escape_markup(network.name[:120])}</span>'
        for index, network in enumerate(networks)
    )


def _write_changes(before: Graph, after: Graph) -> str:
    """The changed parts as a list, which is folded if it is long."""
    parts = diff_networks(before, after).parts
    items = "".join(f'<li class="{part.change}">{escape_markup(format_change(part))}</li>' for part in parts)
    count = f"{len(parts)} change{'s' * (len(parts) != 1)}" if parts else "the parts are the same"
    head = escape_markup(f"{before.name[:120]} → {after.name[:120]}")
    opened = " open" if 0 < len(parts) <= 12 else ""
    return f'<details{opened}><summary>{head}: {count}</summary><ul class="changes">{items}</ul></details>\n'
