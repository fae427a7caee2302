"""Each snippet of examples/ecosystem runs on our ResNet-50 and, with one line changed, on torchvision's: with one result."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch
from torch import nn

import archspec
from tests.processes import ROOT, run_python
from tests.references import torchvision
from tests.sample import sampled

FOLDER = ROOT / "examples" / "ecosystem"
SNIPPETS = sorted(path.stem for path in FOLDER.glob("*.py"))
QUICK = {"grad_cam", "feature_extractor"}
LINE = 'archspec.load("resnet50").build('


def build_torchvisions(seed: int = 0) -> nn.Module:
    """torchvision's network with the weights that ours has."""
    model: nn.Module = torchvision().models.resnet50()
    model.load_state_dict(archspec.load("resnet50").build(seed=seed).state_dict())
    return model


def run(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "snippet", "build_torchvisions": build_torchvisions}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "snippet", "exec"), names)  # noqa: S102 - our own
    return names["result"]


@pytest.mark.parametrize("name", sampled(SNIPPETS, QUICK))
def test_a_snippet_runs_on_torchvisions_network_and_on_ours(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torchvision()  # so that a snippet can import it where it was built for another torch
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert text.count(LINE) == 1
    assert len(re.findall(r"# or torchvision\.models\.resnet50\(\)$", text, re.MULTILINE)) == 1
    ours = run(text)
    theirs = run(text.replace(LINE, "build_torchvisions("))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    said = capsys.readouterr().out.splitlines()
    assert [re.sub(r"[\d.e-]+", "", line) for line in said[: len(said) // 2]] == [
        re.sub(r"[\d.e-]+", "", line) for line in said[len(said) // 2 :]
    ]


def test_there_are_twelve() -> None:
    assert len(SNIPPETS) == 12


@pytest.mark.slow
def test_two_processes_have_the_loss_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    alone = run((FOLDER / "ddp.py").read_text(encoding="utf-8"))
    done = run_python(
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", FOLDER / "ddp.py",
        env={"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (loss,) = re.findall(r"loss ([\d.]+)", done.stdout)
    assert float(loss) == pytest.approx(alone.item(), abs=2e-3)
