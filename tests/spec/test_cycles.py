"""Cycles of blocks, compared with a depth-first search."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

import archspec
from archspec.errors import SpecError


def draw_uses(seed: int) -> dict[str, list[str]]:
    """Random uses between blocks."""
    drawn = random.Random(seed)
    names = [f"b{number}" for number in range(drawn.randrange(1, 7))]
    return {name: drawn.sample(names, drawn.randrange(min(3, len(names)) + 1)) for name in names}


def write_spec(uses: Mapping[str, list[str]]) -> str:
    blocks = "".join(
        f"  {name}: {{args: {{}}, layers: [relu{''.join(f', {u}' for u in used)}]}}\n" for name, used in uses.items()
    )
    return f"name: a\ninput: [4]\nblocks:\n{blocks}stages: {{one: b0}}\n"


def find_cycles(uses: Mapping[str, list[str]]) -> list[str]:
    """The cycles that a depth-first search closes, each from the block that it closes at."""
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        done.add(name)
        for used in reversed(uses[name]):  # layers are searched in reverse order
            if used in trail:
                found.append(" → ".join([*trail[trail.index(used) :], used]))
            elif used not in done:
                visit(used, (*trail, used))

    for name in uses:
        if name not in done:
            visit(name, (name,))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_cycles_are_those_that_a_search_closes(seed: int) -> None:
    uses = draw_uses(seed)
    expected = sorted(find_cycles(uses))
    try:
        archspec.load(write_spec(uses))
        reported = []
    except SpecError as error:
        reported = [diagnostic.message for diagnostic in error.diagnostics]
    cycles = sorted(message.partition(": ")[2] for message in reported if "uses itself" in message)
    assert cycles == expected
