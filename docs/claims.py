"""Writes docs/claims.md, what the literature claims about residual networks and what shows it: `python docs/claims.py`."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

from archspec.claims.book import Claim, Demonstration, Topic, load_topics
from archspec.claims.demonstrate import demonstrate
from archspec.cli.commands.claims import run_command

PAGE = Path(__file__).parent / "claims.md"

_HEAD = """# What the literature says, each claim by a command

Overviews of residual networks repeat one another's numbers, and some of the numbers are wrong. This page takes {count} statements from
such overviews, architecture by architecture, says of each whether it holds, and gives the command that shows it with what the command
prints. {verdicts}. Read from top to bottom, it is an introduction to residual networks; the terms are in the
[glossary](glossary.md).

`archspec claims` runs all of it again and prints a line for each statement; `archspec claims bernoulli` shows one in full. What cannot be measured on an ordinary machine, such as accuracies on ImageNet, says so and cites the table.
This page is made from `archspec/claims/topics` by `python docs/claims.py`, and a test compares every output.
"""

_MARKS = {
    "holds": "holds",
    "imprecise": "imprecise",
    "wrong": "**wrong**",
    "left open": "left open",
    "not verified": "not verified",
}


def page() -> str:
    topics = load_topics()
    counts: Counter[str] = Counter(claim.verdict for topic in topics for claim in topic.claims)
    verdicts = "{holds} hold, {imprecise} are imprecise, {wrong} are wrong, {left open} leave a value open".format_map(
        dict(counts)
    )
    head = _HEAD.format(count=counts.total(), verdicts=verdicts)
    return "\n".join([head, _contents(topics), *map(_section, topics)])


def _contents(topics: tuple[Topic, ...]) -> str:
    rows = [
        f"| [{topic.title}](#{_anchor(topic.title)}) | {len(topic.claims)} | {', '.join(_wrong(topic)) or '–'} |"
        for topic in topics
    ]
    return "\n".join(["| topic | statements | wrong |", "|---|---:|---|", *rows, ""])


def _wrong(topic: Topic) -> list[str]:
    return [f"[{claim.name}](#{claim.name})" for claim in topic.claims if claim.verdict == "wrong"]


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def _section(topic: Topic) -> str:
    parts = [f"## {topic.title}\n", topic.text]
    if topic.figure:
        parts.append(_write_figure(topic.figure))
    return "\n".join([*parts, *map(write_claim, topic.claims)])


def write_claim(claim: Claim) -> str:
    """The part of the page about one claim, with the output of its demonstrations."""
    facts = f"“{claim.claim}” — {_MARKS[claim.verdict]}.\n\n{claim.right} <sub>{claim.source}</sub>\n"
    if claim.cannot is not None:
        shown = [f"Not measurable here, because {claim.cannot}.\n"]
    else:
        shown = [_write_demonstration(demonstration) for demonstration in claim.show]
    pictures = [_write_figure(claim.figure)] if claim.figure else []
    made = "".join(f"Made by `{line}`.\n" for line in claim.made_by)
    return "\n".join([f"### {claim.name}\n", facts, *shown, *pictures, *([made] if made else [])])


def _write_figure(figure: str) -> str:
    file, _, caption = figure.partition(": ")
    return f"![{caption}](images/{file})\n\n*{caption}*\n"


def _write_demonstration(demonstration: Demonstration) -> str:
    if demonstration.run is not None:
        return f"```console\n$ {demonstration.text}\n{_run(demonstration)}```\n"
    return f"```python\n{demonstration.text}```\n\n```text\n{_run(demonstration)}```\n"


@cache
def _run(demonstration: Demonstration) -> str:
    return demonstrate(demonstration, run_command).output


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
