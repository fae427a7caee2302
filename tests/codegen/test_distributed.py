"""Several processes on one machine, started by torchrun, compute the same as one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import several_processes as distributed
import torch.distributed as dist
from click.testing import CliRunner

import archspec

ROOT = Path(__file__).parent.parent.parent
STEPS = 5
LIMIT = 240  # seconds

pytestmark = pytest.mark.skipif(
    not dist.is_available() or not dist.is_gloo_available(), reason="this torch has no gloo"
)


def torchrun(*arguments: str) -> list[str]:
    """The standard output of two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "examples")))
    place = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, encoding="utf-8", env=place, cwd=ROOT, stdout=pipe, stderr=pipe) as launcher:
        try:
            said, trouble = launcher.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            launcher.terminate()  # SIGTERM also ends its processes, SIGKILL would not
            raise
    assert launcher.returncode == 0, trouble[-4000:]
    return said.splitlines()


@pytest.fixture(scope="module")
def losses() -> list[float]:
    """The losses of a single process."""
    found = list(distributed.single(archspec.load(distributed.SPEC), STEPS))
    assert len(set(found)) == STEPS
    return found


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["pipeline", "ddp", "fsdp"])
def test_the_example_has_the_losses_of_one_process(mode: str, losses: list[float]) -> None:
    lines = torchrun("examples/several_processes.py", mode, "--steps", str(STEPS))
    found = [float(text) for line in lines for text in re.findall(r"loss ([\d.]+)", line)]
    assert found == pytest.approx(losses, abs=5e-6)  # printed with six places


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """The differences of two processes from one."""
    return [json.loads(line) for line in torchrun("-m", "tests.codegen.stages_in_processes")]


@pytest.mark.slow
def test_stages_in_processes_have_the_gradients_of_the_whole(found: list[dict[str, Any]]) -> None:
    stages = [one for one in found if "stage" in one]
    assert len(stages) == 2 * 4
    for one in stages:
        assert one["statistics"] == 0.0, one
        # a non-contiguous value is sent contiguously, so that the next convolution may use another kernel
        assert one["losses"] <= (1e-6 if one["network"] == "turned" else 0.0), one
        assert one["gradients"] < 1e-4, one
    crossing = {one["network"]: one["crossing"] for one in stages}
    assert len(crossing["unet"]) >= 3
    assert crossing["turned"] == ["columndraw", "there"]
    assert "words" in crossing["fork"]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_wrapped_by_block_it_is_the_same_network(way: str, found: list[dict[str, Any]]) -> None:
    wrapped = [one for one in found if one.get("wrapped") == way]
    assert len(wrapped) == 2
    for one in wrapped:
        assert one["names"]
        assert one["loss"] < 1e-6
        assert one["gradients"] < 1e-5
        assert one["note"].startswith("in layer conv1 (conv) of cifar_resnet20_A, at ")


def test_without_torchrun_the_example_says_what_is_needed() -> None:
    done = CliRunner().invoke(distributed.main, ["ddp"], env={"RANK": None})
    assert done.exit_code == 2
    assert "ddp needs several processes: torchrun --nproc-per-node 2 several_processes.py ddp" in done.output


def test_the_example_learns() -> None:
    found = list(distributed.single(archspec.load(distributed.SPEC), 28))
    assert found[-1] < found[0] - 0.5
