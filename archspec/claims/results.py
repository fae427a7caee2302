"""Reads the committed measurements, which trainings of several minutes made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def load_result(name: str) -> Any:
    """The data of a measurement: what its script wrote, with the seeds and the versions of packages.

    >>> sorted(load_result("lesions")["networks"])
    ['plain32', 'residual32', 'stochastic32']
    """
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
