"""Trains a small member of each family on scikit-learn's handwritten digits, on the CPU."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

import archspec

SPECS = Path(__file__).parent / "digits"
FAMILIES = tuple(sorted(path.stem for path in SPECS.glob("*.yaml")))
THREADS = 1  # torch's threads; for networks as small as these a second one mostly waits
ENOUGH = 0.9  # the least test accuracy


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a family; `rate` is the highest learning rate of the one cycle."""

    epochs: int = 10
    rate: float = 3e-3
    batch: int = 64
    decay: float = 0.01

    def steps(self, samples: int) -> int:
        return self.epochs * -(-samples // self.batch)


RECIPES = {  # other families use the default
    "highway_conv": Recipe(epochs=25),
    "highway_fc": Recipe(epochs=40),
    "inception_resnet": Recipe(epochs=6),
    "lstm": Recipe(epochs=40, rate=1e-2),
}


@dataclass(frozen=True)
class Split:
    """Pixels [digits, 1, 8, 8] between 0 and 1, and the digit of each, for training and test."""

    pixels: Tensor
    labels: Tensor
    test_pixels: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Result:
    family: str
    params: int
    accuracy: float
    seconds: float


def split_digits() -> Split:
    """Splits the 1797 digits into four fifths for training and the rest for test, always the same and in proportion for each digit."""
    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(digits.target).long()
    learn, test = train_test_split(range(len(labels)), test_size=0.2, stratify=digits.target, random_state=0)
    return Split(pixels[learn], labels[learn], pixels[test], labels[test])


def usual(family: str) -> Recipe:
    return RECIPES.get(family, Recipe())


def load_family(family: str) -> archspec.Architecture:
    return archspec.load(SPECS / f"{family}.yaml")


def shaped(arch: archspec.Architecture, pixels: Tensor) -> Tensor:
    """The pixels in the network's input shape: as an image, or as a sequence of rows."""
    (sizes,) = arch.input_shapes.values()
    return pixels.reshape(-1, *sizes)


def train(model: nn.Module, pixels: Tensor, labels: Tensor, recipe: Recipe) -> Iterator[float]:
    """Trains with AdamW and a one-cycle learning rate, and yields the loss of each step."""
    steps = recipe.steps(len(labels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps)
    model.train()
    for _ in range(recipe.epochs):
        for batch in torch.split(torch.randperm(len(labels)), recipe.batch):
            loss = nn.functional.cross_entropy(model(pixels[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            schedule.step()
            yield loss.item()


@torch.inference_mode()
def accuracy(model: nn.Module, pixels: Tensor, labels: Tensor) -> float:
    model.eval()
    return float((model(pixels).argmax(1) == labels).float().mean())


def run(family: str, split: Split, recipe: Recipe, seed: int, progress: Progress) -> Result:
    """Builds, trains and tests one family; the same seed gives the same weights and the same order."""
    start = time.perf_counter()
    arch = load_family(family)
    model = arch.build(device="cpu", seed=seed)
    torch.manual_seed(seed)
    task = progress.add_task(family, total=recipe.steps(len(split.labels)), loss=float("nan"))
    for loss in train(model, shaped(arch, split.pixels), split.labels, recipe):
        progress.update(task, advance=1, loss=loss)
    right = accuracy(model, shaped(arch, split.test_pixels), split.test_labels)
    return Result(family, arch.params, right, time.perf_counter() - start)


def show(results: list[Result]) -> Table:
    table = Table("family", box=None, pad_edge=False)
    for heading in ("parameters", "test accuracy", "seconds"):
        table.add_column(heading, justify="right")
    for result in results:
        right = f"{result.accuracy:.1%}" if result.accuracy > ENOUGH else f"[red]{result.accuracy:.1%}[/]"
        table.add_row(result.family, f"{result.params:,}", right, f"{result.seconds:.1f}")
    return table


@click.command(help=__doc__)
@click.argument("families", nargs=-1, metavar="[FAMILY]...", type=click.Choice([*FAMILIES, "all"]))
@click.option("--list", "listed", is_flag=True, help="List the families and what each is trained as.")
@click.option("--seed", default=0, show_default=True, help="Of the weights and of the order of the digits.")
@click.option("--epochs", type=click.IntRange(1), help="In place of the family's own.")
def main(families: tuple[str, ...], listed: bool, seed: int, epochs: int | None) -> None:
    console = Console()
    if listed:
        for family in FAMILIES:
            console.print(f"[bold]{family:17}[/] {load_family(family).source}", highlight=False)
        return
    torch.set_num_threads(THREADS)
    chosen = FAMILIES if not families or "all" in families else families
    split, results = split_digits(), []
    columns = (TextColumn("{task.description:17}"), BarColumn(), TextColumn("loss {task.fields[loss]:.3f}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        for family in chosen:
            recipe = usual(family)
            recipe = replace(recipe, epochs=epochs or recipe.epochs)
            results.append(run(family, split, recipe, seed, progress))
    console.print(show(results))
    sys.exit(any(result.accuracy <= ENOUGH for result in results))


if __name__ == "__main__":
    main()
