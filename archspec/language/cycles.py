"""Blocks that use themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.diagnostics import Collector
from archspec.language.layers import Block, BlockUse, Layer, descend


def check_cycles(blocks: Mapping[str, Block], found: Collector) -> None:
    """Reports each block that uses itself, directly or through others, at the use that closes the circle."""
    uses = {name: dict(_blocks(block)) for name, block in blocks.items()}
    state: dict[str, int] = {}
    for root, used in uses.items():
        trail: list[tuple[str, Iterator[str]]] = [(root, iter(used))] if root not in state else []
        state.setdefault(root, 1)
        while trail:
            name, rest = trail[-1]
            step = next(rest, None)
            if step is None:
                state[name] = 2
                trail.pop()
            elif state.get(step) == 1:
                names = [one for one, _ in trail]
                circle = [*names[names.index(step) :], step]
                found.report(f"the block {step} uses itself: {_shown(circle)}", uses[name][step].span)
            elif step not in state:
                state[step] = 1
                trail.append((step, iter(uses[step])))


def _shown(circle: list[str]) -> str:
    return " → ".join(circle if len(circle) <= 12 else [*circle[:6], "…", *circle[-5:]])


def _blocks(block: Block) -> Iterator[tuple[str, Layer]]:
    """The blocks that a block's layers, and the defaults of its arguments, use."""
    defaults = (one.default for one in block.parameters.values() if isinstance(one.default, Layer))
    for outer in (block.body, *defaults):
        for layer in descend(outer):
            if isinstance(layer, BlockUse):
                yield layer.block, layer
