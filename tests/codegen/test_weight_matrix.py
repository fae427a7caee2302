"""Each combination of prefixes, containers, types and formats of checkpoints loads the right weights."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
import torch

from tests.checkpoints import CONTAINERS, DTYPES, FLAT, FORMATS, PREFIXES, put_below, same, tiny, trained

Case = tuple[str, str, torch.dtype, str]
CASES: list[Case] = [
    case
    for case in itertools.product(PREFIXES, CONTAINERS, DTYPES, FORMATS)
    if case[1] in ("plain", "averaged") or case[3] not in FLAT
]


def sample() -> list[Case]:
    """Cases that cover every prefix, container, type and format, and as many random ones."""
    draw, met, chosen = random.Random(12), set[object](), list[Case]()
    for case in draw.sample(CASES, len(CASES)):
        if not set(case) <= met or len(chosen) < 24:
            chosen.append(case)
            met |= set(case)
    return chosen


def holds(case: Case, folder: Path) -> bool:
    prefix, container, dtype, form = case
    arch = tiny()
    weights = {
        name: weight.to(dtype) if weight.is_floating_point() else weight for name, weight in trained(arch).items()
    }
    content = CONTAINERS[container](put_below(prefix, weights))
    return same(arch, weights, FORMATS[form](content, folder))


def test_a_sample_of_checkpoints_is_read(tmp_path: Path) -> None:
    assert [case for case in sample() if not holds(case, tmp_path)] == []


def test_the_sample_meets_everything() -> None:
    assert {part for case in sample() for part in case} == {*PREFIXES, *CONTAINERS, *DTYPES, *FORMATS}


@pytest.mark.slow
def test_every_checkpoint_is_read(tmp_path: Path) -> None:
    assert [case for case in CASES if not holds(case, tmp_path)] == []


def test_other_weights_are_not_the_same(tmp_path: Path) -> None:
    """The comparison in the cases above can fail."""
    arch = tiny()
    weights = trained(arch)
    other = {**weights, "fc.bias": weights["fc.bias"] + 1}
    assert not same(arch, weights, FORMATS["zip"](other, tmp_path))
