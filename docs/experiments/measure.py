"""Makes the measurements that docs/claims.md reads: `python docs/experiments/measure.py lesions` trains and measures for minutes.

Each study writes archspec/claims/results/STUDY.json. Everything is trained on scikit-learn's digits with the defaults of `archspec train`,
once for each seed; weights are kept in a temporary folder, so that a study that was interrupted goes on.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

import archspec

HERE = Path(__file__).parent
RESULTS = HERE.parent.parent / "archspec" / "claims" / "results"
SEEDS = (0, 1, 2)
WEIGHTS = Path(tempfile.gettempdir()) / "archspec-measured"
DIGITS = ("--input", "1,8,8")
WRN_SHAPES = {"40-1": (6, 1), "16-2": (2, 2), "10-3": (1, 3)}
"""n and k of WRN-(6n+4)-k with about the same number of parameters."""


def main() -> None:
    for name in sys.argv[1:] or STUDIES:
        data = STUDIES[name]()
        setting = {
            "torch": torch.__version__.partition("+")[0],
            "threads": torch.get_num_threads(),
            "machine": platform.machine(),
        }
        text = json.dumps({"made_by": f"python docs/experiments/measure.py {name}", **setting, **data}, indent=1)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def run_archspec(*arguments: str) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "archspec", *arguments, "--json"]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")  # noqa: S603 - our own command
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def train(spec: str, seed: int, *options: str) -> tuple[Path, dict[str, Any]]:
    """The weights of a trained network, and the loss and test error of its last epoch; of an earlier study if that trained it."""
    key = "_".join([Path(spec).stem, str(seed), *options]).replace("/", "_").replace("-", "")
    weights = WEIGHTS / f"{key}.safetensors"
    kept = weights.with_suffix(".json")
    if not kept.exists():
        sys.stderr.write(f"training {key}\n")
        history = run_archspec("train", spec, "-o", str(weights), "--seed", str(seed), *options)["epochs"]
        kept.write_text(json.dumps(history[-1]), encoding="utf-8")
    return weights, json.loads(kept.read_text(encoding="utf-8"))


def compare_trainings(specs: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The last test error and training loss of networks, one for each seed."""
    networks: dict[str, Any] = {}
    for label, (spec, *options) in specs.items():
        last = [train(spec, seed, *options)[1] for seed in SEEDS]
        networks[label] = {
            "spec": " ".join([spec, *options]),
            "test_error": [epoch["test_error"] for epoch in last],
            "loss": [epoch["loss"] for epoch in last],
        }
    return {"data": "digits", "seeds": SEEDS, "networks": networks}


def measure_lesions() -> dict[str, Any]:
    """The test error without each single block, and without several, of networks with and without skip connections."""
    networks = {}
    for name in ("residual32", "plain32", "stochastic32"):
        spec = f"docs/experiments/{name}.yaml"
        found = []
        for seed in SEEDS:
            weights, last = train(spec, seed)
            chosen = (spec, "--weights", str(weights), "--seed", str(seed))
            (single,) = run_archspec("experiment", "lesion", *chosen)
            (several,) = run_archspec("experiment", "delete", *chosen, "--most", "6", "--draws", "10")
            found.append({"seed": seed, "test_error": last["test_error"], "single": single, "several": several})
        networks[name] = found
    return {"data": "digits", "seeds": SEEDS, "networks": networks}


def measure_gradients() -> dict[str, Any]:
    """The gradient by length of path of a network of 54 blocks."""
    found = []
    for seed in SEEDS:
        weights, last = train("docs/experiments/residual110.yaml", seed)
        options = ("--weights", str(weights), "--seed", str(seed), "--samples", "32", "--draws", "20")
        (result,) = run_archspec("experiment", "gradients", "docs/experiments/residual110.yaml", *options)
        result.pop("magnitudes", None)
        found.append({"seed": seed, "test_error": last["test_error"], "result": result})
    return {"data": "digits", "seeds": SEEDS, "runs": found}


def measure_depth() -> dict[str, Any]:
    """Deeper networks with and without skip connections."""
    return compare_trainings(
        {
            f"{kind}, {6 * n + 2} layers": (f"docs/experiments/{kind}32.yaml", "--set", f"n={n}")
            for kind in ("plain", "residual")
            for n in (3, 5, 9, 18)
        }
    )


def measure_shortcuts() -> dict[str, Any]:
    """The shortcuts of options A, B and C, and those that the paper on identity mappings compares with the identity."""
    options = {"identity (A)": "cifar_resnet20_A", "projection where sizes differ (B)": "cifar_resnet20_B"}
    others = {
        "projection everywhere": "conv",
        "half": "scaling",
        "gated": "exclusive_gating",
        "gated shortcut": "gating",
        "dropout": "dropout",
    }
    return compare_trainings(
        {label: (spec, *DIGITS) for label, spec in options.items()}
        | {label: (f"resnet110_shortcut_{name}", *DIGITS, "--set", "n=3") for label, name in others.items()}
    )


def measure_activations() -> dict[str, Any]:
    """The five orders of normalisation, ReLU and convolution, with 27 units."""
    orders = {
        "a": "original",
        "b": "batchnorm after the sum",
        "c": "ReLU before the sum",
        "d": "ReLU only",
        "e": "full",
    }
    return compare_trainings(
        {f"{key}: {label}": (f"resnet110_act_{key}", *DIGITS, "--set", "n=9") for key, label in orders.items()}
    )


def measure_widths() -> dict[str, Any]:
    """Depth against width at about the same number of parameters: WRN-(6n+4)-k."""
    compared = compare_trainings(
        {
            label: ("cifar10_wrn40_2", *DIGITS, "--set", f"n={n}", "--set", f"k={k}")
            for label, (n, k) in WRN_SHAPES.items()
        }
    )
    for row in compared["networks"].values():
        spec, *options = row["spec"].split()
        values = dict(option.split("=") for option in options if "=" in option)
        row["params"] = archspec.load(spec, input="1,8,8", **values).params
    return compared


def measure_times() -> dict[str, Any]:
    """Seconds, in turns: training steps of the subnetworks of stochastic depth and of WRNs, and networks of equal cost."""
    shapes = {label: archspec.load("cifar10_wrn40_2", n=n, k=k) for label, (n, k) in WRN_SHAPES.items()}
    return {
        "stochastic_depth": _time_subnetworks(),
        "widths": _time_in_turns({label: _make_step(arch) for label, arch in shapes.items()}, rounds=7),
        "inference": _time_networks("dpn92", "resnext101_32x4d", "resnet50"),
    }


def _time_subnetworks(draws: int = 12) -> dict[str, Any]:
    whole = archspec.load("cifar_resnet110_A")
    names = [f"stage{stage}.{unit}" for stage in (1, 2, 3) for unit in range(18)]
    kept = [1 - (number / len(names)) / 2 for number in range(1, len(names) + 1)]
    generator = torch.Generator().manual_seed(0)
    steps = {"whole": _make_step(whole)}
    blocks = []
    for draw in range(draws):
        coins = torch.rand(len(names), generator=generator).tolist()
        dropped = [name for name, coin, p in zip(names, coins, kept, strict=True) if coin > p]
        blocks.append(len(names) - len(dropped))
        steps[f"draw {draw}"] = _make_step(whole.lesion(drop=dropped))
    seconds = _time_in_turns(steps, rounds=5)
    first = seconds.pop("whole")
    return {"blocks": blocks, "of": len(names), "share": [value / first for value in seconds.values()]}


def _make_step(arch: archspec.Architecture) -> Callable[[], object]:
    model = arch.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images, labels = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))

    def step() -> None:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()

    return step


def _time_networks(*names: str) -> dict[str, Any]:
    images = torch.randn(8, 3, 224, 224)

    def forward(name: str) -> Callable[[], object]:
        model = archspec.load(name).build().eval()
        return torch.no_grad()(lambda: model(images))

    return _time_in_turns({name: forward(name) for name in names}, rounds=7)


def _time_in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each call over rounds in which each has its turn, after one that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in [*calls.items()] * (rounds + 1):
        start = time.perf_counter()
        call()
        seconds[name].append(time.perf_counter() - start)
    return {name: median(values[1:]) for name, values in seconds.items()}


STUDIES = {
    "lesions": measure_lesions,
    "gradients": measure_gradients,
    "depth": measure_depth,
    "shortcuts": measure_shortcuts,
    "activations": measure_activations,
    "widths": measure_widths,
    "times": measure_times,
}


if __name__ == "__main__":
    os.chdir(HERE.parent.parent)
    WEIGHTS.mkdir(exist_ok=True)
    main()
