"""A tour of archspec with DenseNet-169: its costs, its feature maps of a photograph, a variant, and a mistake."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import torch
from photograph import load_photograph, mosaic, to_tensor
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

import archspec

SPECS = Path(__file__).parent.parent / "specs"
STAGES = (
    "pool0",
    "denseblock1",
    "transition1",
    "denseblock2",
    "transition2",
    "denseblock3",
    "transition3",
    "denseblock4",
)
MISTAKE = """\
name: oops
input: [3, 224, 224]
stages:
  stem: {conv: {out: 64, kernel: 7, stride: 2, padding: 3}}
  unit:
    add:
      - [batchnorm, relu, {conv: 256}]
      - identity
"""


def main() -> None:
    console = Console(width=min(Console().width, 100))
    arch = archspec.load(SPECS / "densenet169.yaml")
    show_spec(console)
    show_costs(console, arch)
    show_photograph(console, arch)
    show_variant(console, arch)
    show_mistake(console)
    console.print("\nNext: [bold].venv/bin/archspec summary resnet50[/], or [bold]list[/], or a spec of your own.\n")


def show_spec(console: Console) -> None:
    console.print(Rule("1  The network is a text"))
    for name, first, last in (("densenet169.yaml", None, None), ("densenet121.yaml", "blocks:", "stages:")):
        text = between((SPECS / name).read_text(encoding="utf-8"), first, last)
        console.print(
            Panel(
                Syntax(text, "yaml", theme="ansi_dark", background_color="default", word_wrap=True),
                title=f"specs/{name}",
            )
        )
    console.print("No width is written twice: what each layer reads follows from what comes before it.\n")


def between(text: str, first: str | None, last: str | None) -> str:
    """The lines of a text from the line `first` to the line `last`; None stands for its start or end."""
    lines = text.strip().splitlines()
    start = lines.index(first) if first in lines else 0
    end = lines.index(last) if last in lines else len(lines)
    return "\n".join(lines[start:end]).rstrip()


def show_costs(console: Console, arch: archspec.Architecture) -> None:
    console.print(Rule("2  Exact, and known before torch is asked"))
    paths = arch.paths(unit="modules")
    table = Table.grid(padding=(0, 2))
    table.add_row("parameters", f"[bold]{arch.params:,}[/]", "trainable scalars")
    table.add_row("MACs", f"[bold]{arch.macs:,}[/]", "multiply-accumulates, one image")
    table.add_row("depth", f"[bold]{arch.depth}[/]", "weighted layers, longest path")
    table.add_row("paths", f"[bold]{paths.total:,}[/]", f"{power(paths.total)} ways to the answer")
    table.add_row("", f"of {paths.shortest} to {paths.longest} modules", f"{float(paths.mean or 0):.1f} on average")
    console.print(table, "")


def power(number: int) -> str:
    exponent = number.bit_length() - 1
    return f"= 2^{exponent}" if number == 2**exponent else f"≈ 2^{exponent}"


def show_photograph(console: Console, arch: archspec.Architecture) -> None:
    console.print(Rule("3  A photograph goes through it"))
    model = arch.build(device="cpu", seed=0).eval()
    seen: dict[str, torch.Tensor] = {}
    for name in STAGES:
        model.get_submodule(f"features.{name}").register_forward_hook(partial(keep, seen, name))
    photograph = load_photograph("china.jpg", side=224)
    start = time.perf_counter()
    with torch.inference_mode():
        scores = model(to_tensor(photograph))
    seconds = time.perf_counter() - start
    pictures = [Panel(mosaic(console, to_tensor(photograph)[0]), title="the photograph")]
    pictures += [Panel(mosaic(console, seen[name]), title=name) for name in ("pool0", "transition2")]
    console.print(Columns(pictures))
    route = Text(" → ").join([Text("3×224×224"), *(Text(size(seen[name])) for name in STAGES), Text(size(scores[0]))])
    console.print(route)
    console.print(f"One forward pass on the CPU: [bold]{seconds:.2f} s[/].")
    console.print(
        "The weights are fresh from their initialisation, so its 1000 scores mean nothing yet. What the pictures show,"
        " the mean of all channels, is how the photograph lives on from stage to stage, coarser and coarser.\n"
    )


def keep(seen: dict[str, torch.Tensor], name: str, _: torch.nn.Module, __: object, value: torch.Tensor) -> None:
    """A forward hook: the value of a part, without its batch."""
    seen[name] = value[0]


def size(value: torch.Tensor) -> str:
    return "×".join(map(str, value.shape))


def show_variant(console: Console, arch: archspec.Architecture) -> None:
    console.print(Rule("4  A variant is one number"))
    start = time.perf_counter()
    wider = archspec.load(SPECS / "densenet169.yaml", growth=48)
    seconds = time.perf_counter() - start
    table = Table("", "growth 32", "growth 48", "", box=None, pad_edge=False)
    for name, before, after in (("parameters", arch.params, wider.params), ("MACs", arch.macs, wider.macs)):
        table.add_row(name, f"{before:,}", f"{after:,}", f"× {after / before:.2f}")
    console.print("[bold]archspec build specs/densenet169.yaml --set growth=48[/]")
    console.print(table)
    console.print(f"Every one of its widths was worked out anew, in {seconds:.2f} s.\n")


def show_mistake(console: Console) -> None:
    console.print(Rule("5  A mistake is found before anything runs"))
    try:
        archspec.load(MISTAKE)
    except archspec.SpecError as error:
        console.print(Text(str(error), style="red"), soft_wrap=True)


if __name__ == "__main__":
    main()
