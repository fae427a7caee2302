"""Blocks that use themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.errors import Collector
from archspec.spec.bound_tree import BlockDef, BlockUse, Layer, iter_layers


def check_cycles(blocks: Mapping[str, BlockDef], errors: Collector) -> None:
    """Reports each block that uses itself, directly or through others, at the use that closes the circle."""
    uses = {name: dict(_find_used_blocks(block)) for name, block in blocks.items()}
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
                names = [block for block, _ in trail]
                circle = [*names[names.index(step) :], step]
                errors.report(f"the block {step} uses itself: {_format_cycle(circle)}", uses[name][step].span)
            elif step not in state:
                state[step] = 1
                trail.append((step, iter(uses[step])))


def _format_cycle(circle: list[str]) -> str:
    return " → ".join(circle if len(circle) <= 12 else [*circle[:6], "…", *circle[-5:]])


def _find_used_blocks(block: BlockDef) -> Iterator[tuple[str, Layer]]:
    """The blocks that a block's layers, and the defaults of its arguments, use."""
    for outer in block.layers:
        yield from ((layer.block, layer) for layer in iter_layers(outer) if isinstance(layer, BlockUse))
