"""The loss of every family falls within a few steps, and the fastest family learns the digits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import train_digits as digits
from click.testing import CliRunner

import archspec
from tests.sample import sampled

QUICK = {"highway_fc", "lstm", "resnet"}


@pytest.fixture(scope="module")
def split() -> digits.Split:
    return digits.split_digits()


def test_the_split_is_always_the_same(split: digits.Split) -> None:
    again = digits.split_digits()
    assert torch.equal(split.labels, again.labels) and torch.equal(split.test_pixels, again.test_pixels)
    assert (len(split.labels), len(split.test_labels)) == (1437, 360)
    assert split.pixels.shape[1:] == (1, 8, 8) and split.pixels.max() == 1


@pytest.mark.parametrize("family", digits.FAMILIES)
def test_the_family_is_what_its_bundled_spec_is(family: str) -> None:
    text = (digits.SPECS / f"{family}.yaml").read_text(encoding="utf-8")
    assert text.split("\n")[0].removeprefix("extends: ") in archspec.bundled()
    assert digits.load_family(family).output_shapes == {"output": (10,)}


@pytest.mark.parametrize("family", sampled(digits.FAMILIES, QUICK))
def test_the_loss_of_one_batch_falls(family: str, split: digits.Split) -> None:
    arch = digits.load_family(family)
    model = arch.build(seed=0)
    torch.manual_seed(0)
    recipe = digits.Recipe(epochs=40, rate=1e-2)
    losses = list(digits.train(model, digits.shaped(arch, split.pixels)[:32], split.labels[:32], recipe))
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.slow
def test_a_family_learns_the_digits() -> None:
    done = CliRunner().invoke(digits.main, ["highway_fc"])
    assert done.exit_code == 0, done.output
    assert "highway_fc" in done.output


def test_a_family_that_has_not_learned_fails() -> None:
    assert CliRunner().invoke(digits.main, ["highway_fc", "--epochs", "1"]).exit_code == 1


def test_the_seed_reproduces(split: digits.Split) -> None:
    def losses(seed: int) -> list[float]:
        model = digits.load_family("alexnet").build(seed=seed)
        torch.manual_seed(seed)
        return list(digits.train(model, split.pixels[:128], split.labels[:128], digits.Recipe(epochs=2)))

    assert losses(1) == losses(1) != losses(2)


def test_the_list_names_every_family() -> None:
    shown = CliRunner().invoke(digits.main, ["--list"]).output
    assert all(family in shown for family in digits.FAMILIES)


@pytest.mark.parametrize("family", digits.FAMILIES)
def test_the_page_has_the_family_as_it_is(family: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "training.md").read_text(encoding="utf-8")
    assert f"{family}.yaml) | {digits.load_family(family).params:,} |" in page
