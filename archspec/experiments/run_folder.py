"""The folder of a run: what was trained and how, on what, and the metrics of its epochs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from archspec import extras, files
from archspec.experiments.recipe import Recipe
from archspec.experiments.state import Epoch, Training, hash_network
from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.json_text import dump_json

if TYPE_CHECKING:
    from archspec.experiments.data import LabelledData

SPEC, FACTS, METRICS = "spec.yaml", "run.json", "metrics"
_LOG_FILES = ("metrics.csv", "events.out.tfevents.*")


def make_logger(folder: Path, form: str = "csv") -> Any:
    """Fabric's logger of the metrics of a run, in `FOLDER/metrics`; `form` is `csv` or `tensorboard`.

    Raises:
        ExperimentError: Fabric or TensorBoard is not installed.
    """
    install = "pip install 'archspec-nn[train]'"
    if form == "tensorboard":
        install = "pip install tensorboard"
        extras.load_extra("tensorboard", "--logger tensorboard", install, ExperimentError)
    loggers = extras.load_extra("lightning_fabric.loggers", "a log", install, ExperimentError)
    if form == "tensorboard":
        return loggers.TensorBoardLogger(folder, name=None, version=METRICS)
    from archspec.experiments.csv_log import CSVLog

    return CSVLog(folder / METRICS / "metrics.csv")


def describe_run(
    folder: Path, graph: Graph, spec: str, training: Training, data: LabelledData, recipe: Recipe, words: Sequence[str]
) -> None:
    """Writes the text of the spec and what a run is made of, and removes the metrics of an earlier attempt.

    Raises:
        OSError: a file cannot be written.
    """
    files.write_atomically(folder / SPEC, spec)
    facts = {
        "network": graph.name,
        "network_sha256": hash_network(graph),
        "spec_sha256": sha256(spec.encode()).hexdigest(),
        "parameters": sum(parameter.numel() for parameter in training.model.parameters()),
        "data": {
            "name": data.name,
            "samples": data.size,
            "test_samples": data.test_size,
            "labels_sha256": data.fingerprint,
        },
        "recipe": recipe.describe(),
        "command": list(words),
        "environment": describe_environment(training),
    }
    files.write_atomically(folder / FACTS, dump_json(facts, indent=2) + "\n")
    for pattern in _LOG_FILES:
        for old in (folder / METRICS).glob(pattern):
            old.unlink()


def describe_environment(training: Training) -> dict[str, Any]:
    """The versions and the hardware that the numbers of a training may depend on."""
    fabric = training.fabric
    on_gpu = fabric.device.type == "cuda"
    return {
        **{name: sys.modules[name].__version__ for name in ("archspec", "torch", "lightning_fabric")},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(fabric.device) if on_gpu else fabric.device.type,
        "cuda": torch.version.cuda if on_gpu else None,
        "threads": torch.get_num_threads(),
        "precision": fabric.strategy.precision.precision,
        "strategy": type(fabric.strategy).__name__,
        "processes": fabric.world_size,
        "compiled": training.compiled,
    }


def log_epoch(training: Training, epoch: Epoch) -> None:
    """Gives the results of an epoch to Fabric's loggers, if there are any; their step is the number of steps taken."""
    metrics = {"epoch": epoch.number, "loss": epoch.loss, "test_error": epoch.test_error}
    training.fabric.log_dict(metrics, step=epoch.number * training.steps)


def close_loggers(training: Training) -> None:
    """Writes what is left of the metrics."""
    for logger in training.fabric.loggers:
        logger.finalize("finished")
