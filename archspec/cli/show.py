"""How results look on a terminal; the same text without colours goes into a pipe."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console, RenderableType
from rich.table import Table

from archspec.numerals import approximate, shown

if TYPE_CHECKING:
    from archspec.architecture import Architecture
    from archspec.backends.torch.trial import Trial
    from archspec.catalogue import Entry

PARAMS = "trainable scalars"
MACS = "multiply-accumulates of convolutions, linear layers and matrix products, one sample; FLOPs = 2 × MACs"
DEPTH = "weighted layers on the longest path"

_PIPE_WIDTH = 160  # columns where no terminal says how many


def facts(arch: Architecture) -> dict[str, object]:
    """The name, shapes and counts of a network as plain data."""
    return {
        "name": arch.name,
        "inputs": {name: list(shape) for name, shape in arch.input_shapes.items()},
        "outputs": {name: list(shape) for name, shape in arch.output_shapes.items()},
        "params": arch.params,
        "macs": arch.macs,
        "depth": arch.depth,
    }


def built(arch: Architecture, trial: Trial) -> None:
    """The network that was built, what it costs, and how its trial went."""
    table = grid(arch.name)
    table.add_row("input", shapes(arch.input_shapes), "channels first, without the batch")
    table.add_row("output", shapes(arch.output_shapes))
    table.add_row("parameters", f"{arch.params:,}", PARAMS)
    table.add_row("MACs", f"{arch.macs:,}", MACS)
    table.add_row("depth", f"{arch.depth:,}", DEPTH)
    table.add_row("built", f"{trial.build_seconds:.2f} s", f"on {trial.device}, initialised as the spec says")
    table.add_row("forward", f"{trial.forward_seconds:.2f} s", f"the first, a batch of {trial.batch}")
    render(table)


def listing(entries: Sequence[Entry]) -> Iterator[str]:
    """The networks family by family, a line each."""
    width = max((len(entry.name) for entry in entries), default=0)
    papers = max((len(entry.paper) for entry in entries), default=0)
    heads = f"  {'name':{width}}  {'paper':{papers}}  {'parameters':>11}  {'MACs':>15}  {'depth':>5}  paths"
    yield click.style(heads, bold=True)
    for family, members in itertools.groupby(entries, lambda entry: entry.family):
        yield click.style(family, bold=True)
        for entry in members:
            costs = f"{entry.params:>11,}  {entry.macs:>15,}  {entry.depth:>5,}"
            yield f"  {entry.name:{width}}  {entry.paper:{papers}}  {costs}  {power_of_two(entry.paths) or brief(entry.paths)}"
    yield ""
    yield click.style(
        f"parameters: {PARAMS}\nMACs: {MACS}\ndepth: {DEPTH}\npaths: routes from input to output", dim=True
    )


def brief(number: int) -> str:
    """An integer in at most 15 characters: a longer one rounded, with `≈`."""
    return f"{number:,}" if number < 10**12 else approximate(number)


def whole(number: int) -> str:
    """An integer with its thousands apart; one of very many digits rounded, with `≈`: --json has all of it."""
    return shown(number)


def power_of_two(number: int) -> str:
    """`2^k` where the number is that, else nothing."""
    return f"2^{number.bit_length() - 1}" if number > 1 and number & (number - 1) == 0 else ""


def shapes(named: Mapping[str, tuple[int, ...]]) -> str:
    """Shapes in the notation of papers; names only where there are several."""
    texts = {name: "×".join(map(str, shape)) or "scalar" for name, shape in named.items()}
    return (
        next(iter(texts.values())) if len(texts) == 1 else ", ".join(f"{name} {text}" for name, text in texts.items())
    )


def width() -> int | None:
    """The columns of the terminal; None where the output goes elsewhere."""
    console = Console()
    return console.width if console.is_terminal else None


def render(what: RenderableType) -> None:
    """Prints through click, which leaves the colours out of a pipe and meets its end in one place."""
    console = Console(no_color=None)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    with console.capture() as text:
        console.print(what)
    click.echo("\n".join(line.rstrip() for line in text.get().splitlines()))


def grid(title: str | None = None) -> Table:
    """Two columns of names and values, and one of remarks."""
    table = Table.grid(padding=(0, 2))
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(style="dim")
    return table
