"""How long the compiler takes. `make bench` runs this; the tests do not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import archspec

NETWORKS = ("resnet50", "densenet169", "dpn92", "fractalnet20")


@pytest.mark.parametrize("name", NETWORKS)
def bench_load(name: str, benchmark: BenchmarkFixture) -> None:
    arch = benchmark(archspec.load, name)
    assert arch.params > 0


@pytest.mark.parametrize("name", NETWORKS)
def bench_count_paths(name: str, benchmark: BenchmarkFixture) -> None:
    arch = archspec.load(name)
    assert benchmark(lambda: sum(arch.paths(unit="modules").lengths.values())) == arch.paths(unit="modules").total


@pytest.mark.parametrize("name", NETWORKS)
def bench_build(name: str, benchmark: BenchmarkFixture) -> None:
    arch = archspec.load(name)
    model = benchmark(lambda: arch.build(device="cpu", seed=0))
    assert sum(weight.numel() for weight in model.parameters()) == arch.params


@pytest.mark.parametrize(
    "arguments",
    [["-m", "archspec", "check", "resnet50"], ["-c", "import torch"]],
    ids=["archspec check resnet50", "import torch"],
)
def bench_cold_start(arguments: list[str], benchmark: BenchmarkFixture) -> None:
    """A whole process; importing torch is the yardstick."""
    done = benchmark(lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=False))
    assert done.returncode == 0, done.stderr
