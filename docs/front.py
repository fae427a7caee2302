"""Draws README's picture, a spec beside the output of commands: `python docs/front.py`."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console, Group
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

import archspec

HERE = Path(__file__).parent
PICTURE = HERE / "images" / "front.svg"
SPEC = HERE / "images" / "front.yaml"
MISTAKE = ("growth: 12", "growth: 12.5")


def picture() -> str:
    """The picture as SVG, without fonts from a server."""
    console = Console(width=164, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    text = SPEC.read_text(encoding="utf-8")
    grid = Table.grid(padding=(0, 4), expand=False)
    grid.add_row(
        Group(Text("tiny.yaml\n", style="bold"), Syntax(text, "yaml", theme="github-dark", background_color="default")),
        Group(*(part for command, answer in answers(text) for part in (Text(f"$ {command}\n", style="bold"), answer))),
    )
    console.print(grid)
    svg = console.export_svg(title="archspec: a network is data")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace", svg)


def answers(text: str) -> list[tuple[str, Text]]:
    arch = archspec.load(text)
    table = str(arch.summary(depth=1)).split("\nbuffers")[0].replace("<text>", "tiny.yaml")
    wrong = archspec.check(text.replace(*MISTAKE))
    error = "\n".join(str(one) for one in wrong).replace("<text>", "tiny.yaml")
    paths = arch.paths()
    return [
        ("archspec summary tiny.yaml --depth 1", Text(f"{table}\nMACs     {arch.macs:,}\n")),
        (
            "archspec count-paths tiny.yaml",
            Text(f"paths   {paths.total:,}\nlength  {paths.shortest} to {paths.longest}\n"),
        ),
        ("archspec check tiny.yaml        # with growth: 12.5", Text(error, style="red")),
    ]


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
