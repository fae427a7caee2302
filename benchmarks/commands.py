"""Cold start: every command as a whole process, from the interpreter's start to its end, and the memory of a large network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.growth import GROWING
from benchmarks.measure import RATIO, Ratio, medians, process
from benchmarks.memory import of_process
from benchmarks.page import Section, Table

ABOUT = """
A command line is used from scripts and editors, so that what counts is the whole process. The peer is `python -c "import torch"`: what
any tool pays that asks torch about a network. The commands of the first table do without torch.
"""

TOY = """
name: toy
input: [1, 8, 8]
stages: {conv: {conv: {out: 8, kernel: 3}}, relu: relu, pool: globalpool, head: {linear: 10}}
"""
IMPORT = ("-c", "import torch")
COMPLETION = "completion of `archspec che`"
LIGHT: Mapping[str, tuple[str, float]] = {
    "--version": ("--version", 0.1),
    COMPLETION: ("", 0.1),
    "check densenet169": ("check densenet169", 0.25),
    "summary resnet50": ("summary resnet50", 0.3),
    "count-paths densenet169": ("count-paths densenet169", 0.3),
    "draw resnet50": ("draw resnet50 -o {folder}/net.svg", 0.3),
    "diff resnet50 resnext50_32x4d": ("diff resnet50 resnext50_32x4d", 0.3),
    "report resnet50": ("report resnet50 -o {folder}/net.html", 0.3),
    "lesion resnet50": ("lesion resnet50 --drop layer1.1 --force -o {folder}/lesion.yaml", 0.3),
    "pipeline resnet50": ("pipeline resnet50", 0.3),
    "list": ("list", 0.3),
    "schema": ("schema", 0.3),
    "build resnet50 -o net.py": ("build resnet50 -o {folder}/net.py", 0.3),
}
"""Each command with the aim for its time, as a ratio to the peer's."""
WORDS = {"_ARCHSPEC_COMPLETE": "bash_complete", "COMP_WORDS": "archspec che", "COMP_CWORD": "1"}
"""The variables that a shell sets for completion."""
HEAVY = {
    "build resnet50": "build resnet50 --device cpu",
    "build resnet50 --optimize": "build resnet50 --device cpu --optimize",
    "build resnet50 -o net.safetensors": "build resnet50 -o {folder}/net.safetensors",
    "train, an 8-channel network for one epoch of digits": "train {folder}/toy.yaml --epochs 1 -o {folder}/toy.safetensors",
}


def measure(quick: bool) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "toy.yaml").write_text(TOY, encoding="utf-8")
        light = {name: line for name, (line, _) in LIGHT.items()} if not quick else {"schema": "schema"}
        heavy = HEAVY if not quick else {}
        seconds = medians(
            {
                name: process(*arguments(line, folder), **(WORDS if name == COMPLETION else {}))
                for name, line in (light | heavy).items()
            }
            | {"": process(*IMPORT)},
            1 if quick else 5,
        )
    for names, caption in ((light, "Without torch:"), (heavy, "With torch, for comparison:")):
        if not names:
            continue
        aims = {name: LIGHT[name][1] if name in LIGHT else None for name in names}
        rows = [
            Ratio(
                name if name == COMPLETION else f"`archspec {name}`",
                "`import torch`",
                seconds[name],
                seconds[""],
                aims[name],
            ).cells
            for name in names
        ]
        yield Table(RATIO, rows, caption)
    yield memory(100 if quick else 10_000)


def arguments(line: str, folder: str) -> tuple[str, ...]:
    return "-m", "archspec", *(word.format(folder=folder) for word in line.split())


def memory(layers: int) -> Table:
    """The peak memory of `archspec summary` for a network of so many weighted layers."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "growing.yaml"
        spec.write_text(GROWING, encoding="utf-8")
        used = of_process("-m", "archspec", "summary", str(spec), "--set", f"units={layers // 2}")
    row = Ratio(f"`archspec summary`, {layers:,} layers", "`import torch`", used, of_process(*IMPORT), bytes=True)
    return Table(RATIO, [row.cells], "The most memory that the process holds:")


SECTION = Section("commands", "Cold start of the commands", ABOUT, measure)
