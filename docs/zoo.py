"""Writes docs/zoo.md and a page for each family of networks in docs/zoo: `python docs/zoo.py`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import archspec
from archspec.analysis.ledger import agrees
from archspec.spec.ledger import LedgerRow, Published, load_exceptions, load_titles
from archspec.spec.zoo import ZooEntry, load_zoo

DOCS = Path(__file__).parent
SPECS = DOCS.parent / "specs"
INDEX = DOCS / "zoo.md"
FOLDER = DOCS / "zoo"

_HEAD = """# The zoo

{count} networks, each a file in [specs](../specs), with {rows} rows of numbers that others publish of them. All pages are generated from
the specs, `specs/catalogue.json` and `specs/ledger` by `python docs/zoo.py`; `archspec list` shows the networks in a terminal.

The counts are those in each spec's `expect`, which `archspec check specs/*.yaml` verifies. Parameters are trainable scalars; MACs are
multiply-accumulates of convolutions, linear layers and matrix products for one sample (FLOPs are twice as many); depth is the number of
weighted layers on the longest path. All specs with a classifier take another number of classes: `--set classes=100`.

The specs have {lines:,} lines and {bytes:,} bytes in all (`cat specs/*.yaml | wc -lc`). For comparison, torchvision 0.28.0's
`resnet.py`, `densenet.py`, `vgg.py`, `googlenet.py` and `inception.py`, which build 24 networks, have 2,767 lines
and 106,576 bytes (`wc -lc` in its folder `models`).

| family | networks | years | of them the function of a library's model |
|---|---:|---|---:|
"""

_SOURCES = """
## Sources

Each family's page has the sources of its networks, row by row. *Same function* says that a model of that library has the same weights by name, shape and
order, and with them the same outputs: `yes` is a difference of 0.0 in float32, `up to rounding` one of rounding alone; `tests/test_ledger.py` runs all of them.
Elsewhere only counts are compared. A printed number agrees if ours rounds to it.

| source | what it is | rows | same function |
|---|---|---:|---:|
"""

_FAMILY = """# {family}

[The zoo](../zoo.md). A number in bold differs, and its row says why.

| spec | paper | params | MACs | depth | paths | paper: params | MACs | note |
|---|---|---:|---:|---:|---:|---:|---:|---|
"""

_LEDGER = """
## What others publish

| spec | source | number | ours | theirs | same function | reason |
|---|---|---|---:|---:|---|---|
"""

_WORK = {"macs": "MACs", "flops": "FLOPs"}


def families() -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.family for entry in load_zoo()))


def find_page(family: str) -> Path:
    return FOLDER / f"{_slug(family)}.md"


def index() -> str:
    """The text of the page with all families and sources."""
    entries = load_zoo()
    texts = [path.read_bytes() for path in SPECS.glob("*.yaml")]
    rows = [row for entry in entries for row in entry.ledger]
    head = _HEAD.format(
        count=len(entries),
        rows=len(rows),
        lines=sum(text.count(b"\n") for text in texts),
        bytes=sum(map(len, texts)),
    )
    by_family = itertools.groupby(entries, lambda entry: entry.family)
    listed = "".join(_family_row(family, list(members)) for family, members in by_family)
    sources = "".join(
        f"| {source} | {title} | {sum(row.source == source for row in rows)} "
        f"| {sum(row.source == source and row.reference is not None for row in rows)} |\n"
        for source, title in load_titles().items()
    )
    return head + listed + _SOURCES + sources


def page(family: str) -> str:
    """The text of the page of one family."""
    entries = [entry for entry in load_zoo() if entry.family == family]
    networks = "".join(map(_network_row, entries))
    return (
        _FAMILY.format(family=family) + networks + _LEDGER + "".join(row for entry in entries for row in _rows(entry))
    )


def _family_row(family: str, members: list[ZooEntry]) -> str:
    years = sorted({entry.year for entry in members})
    same = sum(any(row.reference for row in entry.ledger) for entry in members)
    span = f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0])
    return f"| [{family}](zoo/{_slug(family)}.md) | {len(members)} | {span} | {same} |\n"


def _network_row(entry: ZooEntry) -> str:
    paper = f"[{entry.paper}](https://arxiv.org/abs/{entry.arxiv})" if entry.arxiv else entry.paper
    own = f"{entry.params:,} | {entry.macs:,} | {entry.depth:,} | {_paths(entry.paths)}"
    theirs = f"{_rounded(entry.paper_params)} | {_rounded(entry.paper_macs)}"
    return f"| [{entry.name}](../../specs/{entry.name}.yaml) | {paper} | {own} | {theirs} | {entry.note} |\n"


def _rows(entry: ZooEntry) -> Iterator[str]:
    """The rows of the ledger, a line for each number; the remarks stand in the first line of each row."""
    if not entry.ledger and entry.name in load_exceptions():
        yield f"| {entry.name} | none |  |  |  |  | {load_exceptions()[entry.name]} |\n"
    for row in entry.ledger:
        network, remarks = f"{_spec(row)} | {_source(row)}", f"{_function(row)} | {row.reason}"
        for number, published in row.published.items():
            ours = _count(entry, row, number)
            texts = [f"{ours:,}" if number != "paths" else _paths(ours), _print(published, number)]
            if not agrees(published, ours):
                texts = [f"**{text}**" for text in texts]
            yield f"| {network} | {_name(row, number)} | {' | '.join(texts)} | {remarks} |\n"
            network, remarks = " | ", " | "


def _count(entry: ZooEntry, row: LedgerRow, number: str) -> int:
    """Our number: the expected one where it is what the source counts, else from the network."""
    own = {"params": entry.params, "depth": entry.depth, "paths": entry.paths}
    if not row.args and row.input is None and number in own:
        return own[number]
    arch = archspec.load(row.spec, input=row.input, **row.args)
    if number == "work":
        return arch.count(row.convention)
    return {"params": arch.params, "acts": arch.acts, "depth": arch.depth}.get(number) or arch.paths().total


def _spec(row: LedgerRow) -> str:
    given = dict(row.args) | ({"input": "×".join(map(str, row.input))} if row.input else {})
    return f"{row.spec} {', '.join(f'{name}={value}' for name, value in given.items())}".strip()


def _source(row: LedgerRow) -> str:
    return f"{row.source}: {row.where}" if row.where else row.source


def _name(row: LedgerRow, number: str) -> str:
    return _WORK.get(row.convention, f"work, as {row.convention}") if number == "work" else number


def _function(row: LedgerRow) -> str:
    if row.reference is None:
        return "only counts compared"
    return {"equal": "yes", "rounding": "up to rounding"}[row.outputs]


def _print(published: Published, number: str) -> str:
    if isinstance(published, str):
        return published
    return _paths(published) if number == "paths" else f"{published:,}"


def _slug(family: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", family.lower()).strip("_")


def _paths(number: int) -> str:
    """The exact number, as a power of two if it is one, or its first digits if it is too long for a table."""
    if number > 4 and number & (number - 1) == 0:
        return f"2^{number.bit_length() - 1}"
    digits = str(number)
    return f"{number:,}" if len(digits) <= 24 else f"{digits[0]}.{digits[1:5]}…e{len(digits) - 1}"


def _rounded(number: int | None) -> str:
    """A paper's number, in the unit that papers use."""
    if number is None:
        return ""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if number >= unit:
            return f"{number / unit:g} {name}"
    return str(number)


if __name__ == "__main__":
    INDEX.write_text(index(), encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    written = {find_page(family): page(family) for family in families()}
    for stale in set(FOLDER.glob("*.md")) - written.keys():
        stale.unlink()
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")
