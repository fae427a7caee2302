"""A small network and its checkpoints in many forms: containers, prefixes, types and file formats."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from archspec import Architecture, load

Weights = dict[str, Tensor]
NET = """\
name: tiny
input: [3, 16, 16]
args: {classes: 7, inputs: 3}
stages:
  conv1: {conv: {out: 8, kernel: 3, padding: 1, bias: false}}
  bn1: batchnorm
  relu: relu
  pool: globalpool
  fc: {linear: classes}
"""


def tiny(**arguments: Any) -> Architecture:
    return load(NET, **arguments)


def trained(arch: Architecture) -> Weights:
    """Weights and statistics that differ from the initial ones."""
    generator = torch.Generator().manual_seed(11)
    state = arch.build(seed=7).state_dict()
    return {
        name: torch.rand(weight.shape, generator=generator) if weight.is_floating_point() else weight + 5
        for name, weight in state.items()
    }


def same(arch: Architecture, weights: Mapping[str, Tensor], given: Any, **options: Any) -> bool:
    """Whether a network that loads `given` has these weights, in the precision of their type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = arch.build(weights=given, **options).state_dict()
    return all(torch.equal(state[name], weight.to(state[name].dtype)) for name, weight in weights.items())


class Linear(nn.Module):
    """A module of a training script, to be pickled whole."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 7)
        self.register_buffer("scratch", torch.zeros(3), persistent=False)


def whole_module(weights: Weights) -> nn.Module:
    module = Linear()
    module.load_state_dict(weights)
    return module


PREFIXES = (
    *("", "module.", "model.", "_orig_mod.", "encoder.", "module.model.", "module._orig_mod.", "net.0.backbone."),
    *("backbone.|head.", "model.backbone.|model.head.", "encoder.|fc.", "module.features.|module.classifier.1."),
)
"""What stands before the names of a checkpoint; behind a bar, what the name of the last layer is."""
CONTAINERS: dict[str, Callable[[Weights], Any]] = {
    "plain": dict,
    "state_dict": lambda w: {"state_dict": w, "epoch": 3},
    "model": lambda w: {
        "model": w,
        "optimizer": {"state": {0: {"step": torch.ones(1)}}, "param_groups": [{"lr": 0.1}]},
    },
    "model_state_dict": lambda w: {
        "epoch": 1,
        "model_state_dict": w,
        "optimizer_state_dict": {"state": {}},
        "loss": 0.3,
    },
    "net": lambda w: {"net": w, "acc": 93.1},
    "ema": lambda w: {"ema": w},
    "params": lambda w: {"params": w},
    "nested": lambda w: {"checkpoint": {"model": w}, "version": "1"},
    "lightning": lambda w: {"state_dict": w, "hyper_parameters": {"lr": 0.1}, "global_step": 3, "callbacks": {}},
    "namespace": lambda w: {"model": w, "args": argparse.Namespace(lr=0.1)},
    "averaged": lambda w: {"n_averaged": torch.tensor(3), **w},
}
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def put_below(prefix: str, weights: Weights) -> Weights:
    """Weights below a prefix, and their last layer below another one where it has one."""
    body, bar, head = prefix.partition("|")
    return {
        head + name.removeprefix("fc.") if bar and name.startswith("fc.") else body + name: weight
        for name, weight in weights.items()
    }


def save_zip(content: Any, folder: Path) -> Path:
    torch.save(content, folder / "w.pth.tar")
    return folder / "w.pth.tar"


def save_legacy(content: Any, folder: Path) -> Path:
    torch.save(content, folder / "w.ckpt", _use_new_zipfile_serialization=False)
    return folder / "w.ckpt"


def save_safetensors(content: Weights, folder: Path) -> Path:
    save_file(content, folder / "w.safetensors")
    return folder / "w.safetensors"


def save_shards(content: Weights, folder: Path) -> Path:
    """Two files of safetensors and their index, as Hugging Face's libraries write them."""
    return _save_shards(content, folder, "model", ".safetensors", save_file)


def save_torch_shards(content: Weights, folder: Path) -> Path:
    """The same as files of torch."""
    return _save_shards(content, folder, "pytorch_model", ".bin", torch.save)


def _save_shards(content: Weights, folder: Path, name: str, suffix: str, save: Callable[..., Any]) -> Path:
    keys, places = list(content), dict[str, str]()
    for number, part in enumerate((keys[::2], keys[1::2]), start=1):
        shard = f"{name}-{number:05}-of-00002{suffix}"
        save({key: content[key] for key in part}, folder / shard)
        places |= dict.fromkeys(part, shard)
    index = folder / f"{name}{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}), encoding="utf-8")
    return index


FORMATS: dict[str, Callable[[Any, Path], Path]] = {
    "zip": save_zip,
    "legacy": save_legacy,
    "safetensors": save_safetensors,
    "shards": save_shards,
    "torch-shards": save_torch_shards,
}
FLAT = ("safetensors", "shards", "torch-shards")
"""Formats that have only tensors by name."""
