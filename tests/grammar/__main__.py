"""Runs many cases: `python -m tests.grammar FIRST STOP [--torch]`; `python -m tests.grammar CASE` prints the spec of one."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Callable

from tests.grammar import checks
from tests.grammar.documents import document
from tests.grammar.mutations import broken


def main(first: int, stop: int, *, torch: bool) -> Counter[str]:
    """The numbers of cases that are networks, that were refused, and that found a bug."""
    counts = Counter[str]()
    for seed in range(first, stop):
        _tried(counts, f"broken {seed}", lambda seed=seed: _broken(seed, counts))  # type: ignore[misc]
        _tried(counts, f"case {seed}", lambda seed=seed: _right(seed, counts, torch=torch))  # type: ignore[misc]
        if (seed + 1 - first) % 5000 == 0:
            print(seed + 1, dict(counts), flush=True)
    return counts


def _tried(counts: Counter[str], case: str, run: Callable[[], None]) -> None:
    try:
        run()
    except Exception:  # noqa: BLE001 -- any exception is a bug
        counts["faults"] += 1
        print(f"--- {case}\n{traceback.format_exc(limit=-3)}", flush=True)


def _broken(seed: int, counts: Counter[str]) -> None:
    refused = isinstance(checks.load(broken(seed)), tuple)
    counts["broken: refused" if refused else "broken: networks"] += 1


def _right(seed: int, counts: Counter[str], *, torch: bool) -> None:
    case = document(seed)
    arch = checks.load(checks.text_of(case))
    if isinstance(arch, tuple):
        counts["refused"] += 1
        return
    counts["networks"] += 1
    assert arch.output_shapes == case.outputs
    checks.check_graph(arch.graph)
    checks.check_paths(arch)
    if seed % 10 == 0:
        checks.check_views(arch)
    if seed % 4 == 0:
        arch.source()
    if torch and seed % 10 == 0:
        from tests.grammar import modules

        built = modules.check_built(arch)
        modules.check_printed(arch, built)
        modules.check_optimized(arch, built)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if not word.startswith("-")]
    if len(numbers) == 1:
        print(checks.text_of(document(numbers[0])))
    else:
        print(dict(main(numbers[0], numbers[1], torch="--torch" in sys.argv)))
