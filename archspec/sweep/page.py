"""Writes a sweep as one HTML page without requests: figures that can be changed, a table, and the reports of the best networks."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from archspec import files
from archspec.errors import ArchspecError
from archspec.printable import escape_markup
from archspec.report.page import embed_json
from archspec.sweep.axes import name_column
from archspec.sweep.choose import find_front, require_columns
from archspec.sweep.evaluate import restore_point
from archspec.sweep.sections import load_point
from archspec.sweep.space import Space
from archspec.sweep.store import Row

REPORTS = 24
"""The most networks whose reports a page carries; each takes about 40 kB."""
_SCRIPTS = (
    ("archspec.report", "dom"),
    ("archspec.sweep", "charts"),
    ("archspec.sweep", "figures"),
    ("archspec.sweep", "page"),
)
_LEFT_OUT = ("status", "message", "structure", "seconds", "machine", "latency_note", "test_error_note")
_LIBRARIES = re.compile(r'(<script type="text/plain" id="libraries">)([^<]*)(</script>)')
_POLICY = re.compile(r"'sha256-[^']+'")
_MARK = "LIBRARIES-OF-THE-PAGE"
_EXACT = 2**53  # whole numbers up to it are exact in a browser


def save_page(
    path: Path, space: Space, rows: Sequence[Row], objectives: Sequence[str] = (), *, reports: int = REPORTS
) -> None:
    """Writes a page about rows of a sweep.

    Args:
        path: the file.
        space: the space of the sweep.
        rows: its rows, those that are shown.
        objectives: the columns of the first figure, of which less is better, or more with `-` before one.
        reports: the most networks whose reports the page carries: those on the front of the objectives first.

    Raises:
        ChoiceError: there is no such column.
        OSError: the file cannot be written.

    >>> from archspec.sweep.choose import read_table
    >>> from archspec.sweep.run import run_sweep
    >>> from archspec.sweep.space import read_space
    >>> outcome = run_sweep(read_space("{name: s, base: highway_mnist_fc10, over: {width: [10, 20]}}"), Path("two"))
    >>> save_page(Path("two.html"), *read_table(Path("two")), reports=0)
    >>> "<title>s</title>" in Path("two.html").read_text(encoding="utf-8")
    True
    """
    require_columns(rows, objectives)
    best = find_front(rows, objectives or ["macs", "-depth"])
    carried = {row["digest"]: row for row in [*best, *rows]}
    written = dict(_write_reports(space, list(carried.values())[:reports]))
    files.write_atomically(path, _write_page(space, rows, objectives, written))


def _write_reports(space: Space, rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """The reports of networks by their digests; one that is too large for a report has none."""
    for row in rows:
        try:
            yield row["digest"], load_point(space.spec, restore_point(space, row)).report()
        except (ArchspecError, ValueError):
            continue


def _write_page(space: Space, rows: Sequence[Row], objectives: Sequence[str], reports: Mapping[str, str]) -> str:
    """The page, with the reports of some networks, by digest, which it opens."""
    columns = _describe_columns(space, rows)
    libraries = next((match[2] for text in reports.values() if (match := _LIBRARIES.search(text))), "")
    data = {
        "folder": str(space.folder) if space.folder is not None else space.name,
        "columns": columns,
        "rows": [[_encode_cell(row[column["name"]]) for column in columns] for row in rows],
        "objectives": [name.removeprefix("-") for name in objectives],
        "signs": [-1 if name.startswith("-") else 1 for name in (*objectives, "", "")[:2]],
        "reports": {digest: _pack_report(text) for digest, text in reports.items()},
        "mark": _MARK,
    }
    script = "\n".join(_read_asset(package, f"{name}.js") for package, name in _SCRIPTS)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"}
    hashes |= {found for text in reports.values() for found in _POLICY.findall(text[: text.index("</head>")])}
    return "".join(_write_parts(space, data, script, libraries, sorted(hashes)))


def _write_parts(
    space: Space, data: Mapping[str, Any], script: str, libraries: str, hashes: Sequence[str]
) -> Iterator[str]:
    title = escape_markup(space.name[:120])
    # a report that the page opens has the policy of the page as well as its own
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(hashes)}; img-src data: blob:; base-uri 'none'; form-action 'none'"
    styles = _read_asset("archspec.report", "report.css") + _read_asset("archspec.sweep", "page.css")
    source = f'<p class="source">{escape_markup(space.source)}</p>' if space.source else ""
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
    yield f"<title>{title}</title>\n<style>\n{styles}</style>\n</head>\n<body>\n"
    yield f'<header><h1>{title}</h1>{source}<p class="source">base {escape_markup(space.base)}</p></header>\n<div id="tools"></div>\n'
    yield '<main class="sweep"><section id="scatter"></section><section id="chosen"><h2>A network</h2>'
    yield '<p class="hint">Click on a point, a line, a cell or a row.</p></section>'
    yield '<section id="distribution"></section><section id="parallel"></section><section id="heat"></section>'
    yield '<section id="table"></section></main>\n'
    yield f'<script type="application/json" id="data">{embed_json(data)}</script>\n'
    yield f'<script type="text/plain" id="libraries">{libraries}</script>\n'
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _describe_columns(space: Space, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The columns that are shown, with their kinds; those without a value in any row are left out."""
    arguments = {name_column(axis.name) for axis in space.axes}
    names = [name for name in (rows[0] if rows else ()) if name not in _LEFT_OUT]
    return [
        {"name": name, "kind": _find_kind([row[name] for row in rows]), "argument": name in arguments}
        for name in names
        if any(row[name] is not None for row in rows)
    ]


def _find_kind(values: Sequence[Any]) -> str:
    return "number" if all(value is None or isinstance(value, int | float) for value in values) else "word"


def _encode_cell(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) > _EXACT else value


def _pack_report(text: str) -> str:
    """A report without its libraries, which the page has once, compressed."""
    bare = _LIBRARIES.sub(lambda match: match[1] + _MARK + match[3], text)
    packed = zlib.compress(bare.encode(), wbits=zlib.MAX_WBITS | 16)  # as gzip, without a time
    return base64.b64encode(packed).decode()


def _read_asset(package: str, name: str) -> str:
    return (package_files(package) / "assets" / name).read_text(encoding="utf-8")
