"""Writes docs/zoo.md, the bundled networks and their papers: `python docs/zoo.py`."""

from __future__ import annotations

import itertools
from pathlib import Path

from archspec.spec.zoo import ZooEntry, load_zoo

PAGE = Path(__file__).parent / "zoo.md"
SPECS = Path(__file__).parent.parent / "specs"

_HEAD = """# The zoo

{count} networks, each a file in [specs](../specs). The counts are those in each spec's `expect`, which `archspec check specs/*.yaml`
verifies; the paper's numbers are as printed there, and the last column says why they differ. This page is generated from
`specs/catalogue.json` and the specs by `python docs/zoo.py`; `archspec list` shows the same in a terminal.

Parameters are trainable scalars; MACs are multiply-accumulates of convolutions, linear layers and matrix products for one sample
(FLOPs are twice as many); depth is the number of weighted layers on the longest path. All specs with a classifier take another
number of classes: `--set classes=100`.

The specs have {lines:,} lines and {bytes:,} bytes in all (`cat specs/*.yaml | wc -lc`). For comparison, torchvision 0.28.0's
`resnet.py`, `densenet.py`, `vgg.py`, `googlenet.py` and `inception.py`, which build 24 networks, have 2,767 lines
and 106,576 bytes (`wc -lc` in its folder `models`).
"""


def page() -> str:
    entries = load_zoo()
    texts = [path.read_bytes() for path in SPECS.glob("*.yaml")]
    parts = [
        _HEAD.format(count=len(entries), lines=sum(text.count(b"\n") for text in texts), bytes=sum(map(len, texts)))
    ]
    for family, members in itertools.groupby(entries, lambda entry: entry.family):
        parts.append(f"## {family}\n")
        parts.append("| spec | paper | params | MACs | depth | paths | paper: params | MACs | why they differ |")
        parts.append("|---|---|---:|---:|---:|---:|---:|---:|---|")
        parts += [*map(_row, members), ""]
    return "\n".join(parts)


def _row(entry: ZooEntry) -> str:
    paper = f"[{entry.paper}](https://arxiv.org/abs/{entry.arxiv})" if entry.arxiv else entry.paper
    own = f"{entry.params:,} | {entry.macs:,} | {entry.depth:,} | {_paths(entry.paths)}"
    theirs = f"{_rounded(entry.paper_params)} | {_rounded(entry.paper_macs)}"
    return f"| [{entry.name}](../specs/{entry.name}.yaml) | {paper} | {own} | {theirs} | {entry.note} |"


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
    PAGE.write_text(page(), encoding="utf-8")
