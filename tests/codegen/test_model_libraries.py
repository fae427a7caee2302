"""torchvision and timm are imported where torchvision's compiled ops were built for another torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAKE = """
import torch
if not torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "Meta"):
    torch.library.register_fake("torchvision::nms")(lambda dets, scores, threshold: dets)
models = "loaded"
"""
"""A torchvision without its compiled ops."""


def load(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(code, encoding="utf-8")
    script = f"""
import sys
sys.path.insert(0, {str(folder)!r})
from archspec.codegen.fx.model_libraries import load_model_library
print(load_model_library("torchvision", "this").models)
"""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)


def test_missing_compiled_ops_are_declared_so_that_models_can_be_made(tmp_path: Path) -> None:
    assert load(FAKE, tmp_path).stdout == "loaded\n"


@pytest.mark.slow
def test_another_fault_is_said(tmp_path: Path) -> None:
    done = load("raise RuntimeError('operator other::nms does not exist')", tmp_path)
    assert "torchvision, which is installed but cannot be imported: RuntimeError: operator other::nms" in done.stderr
