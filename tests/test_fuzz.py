"""Random networks from the whole grammar load, and all their analyses, modules, sources and pictures are right; mutated specs load
or give located diagnostics.

Each case is determined by a seed, which a failure names: `python -m tests.grammar 17` prints the spec of case 17. `make test` runs
few cases; `python -m tests.grammar 0 100000` runs many and reports the results.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import archspec
from archspec.api import schema
from archspec.architecture import Architecture
from tests.grammar import checks
from tests.grammar.documents import Document, document
from tests.grammar.mutations import broken
from tests.sample import sampled

RIGHT, BROKEN, BUILT, PRINTED = range(700), range(300), range(0, 480, 20), range(0, 400, 20)
MANY = range(10_000, 14_000)
VALIDATOR = jsonschema.Draft202012Validator(schema())


def network(seed: int) -> tuple[Document, Architecture] | None:
    """The case of a seed, if it is a network; otherwise its diagnostics must have spans."""
    case = document(seed)
    loaded = checks.load(checks.text_of(case))
    return None if isinstance(loaded, tuple) else (case, loaded)


def check_case(seed: int) -> bool:
    """Whether a case is a network; if it is, checks all that needs no torch."""
    made = network(seed)
    if made is None:
        return False
    case, arch = made
    assert arch.output_shapes == case.outputs, f"case {seed}"
    checks.check_graph(arch.graph)
    if seed % 4 == 0:
        checks.check_paths(arch)
    if seed % 32 == 0:
        checks.check_views(arch)
    return True


@pytest.mark.parametrize("part", range(4))
def test_networks_of_the_whole_grammar(part: int) -> None:
    seeds = RIGHT[part::4]
    loaded = sum(map(check_case, seeds))
    assert loaded > 0.8 * len(seeds), "most of them are to be networks"


@pytest.mark.parametrize("part", range(2))
def test_broken_specs_are_refused_where_they_are_wrong(part: int) -> None:
    seeds = BROKEN[part::2]
    refused = sum(isinstance(checks.load(broken(seed)), tuple) for seed in seeds)
    assert refused > 0.4 * len(seeds), "most of them are to be wrong"


def test_the_schema_takes_every_network() -> None:
    for seed in range(0, 600, 10):
        case = network(seed)
        if case is not None:
            VALIDATOR.validate(case[0].tree)


def test_a_mapping_is_the_same_network_as_its_text() -> None:
    for seed in range(0, 300, 10):
        made = network(seed)
        if made is not None:
            case, arch = made
            other = archspec.load(case.tree, limits=checks.LIMITS)
            assert layers(other) == layers(arch)


def layers(arch: Architecture) -> list[tuple[Any, ...]]:
    return [(node.op, node.inputs, node.path, node.region) for node in arch.graph.ops]


@pytest.mark.parametrize("seed", BUILT)
def test_what_is_built_and_printed_is_the_same_function(seed: int) -> None:
    modules = pytest.importorskip("tests.grammar.modules")
    case = network(seed)
    if case is not None:
        built = modules.check_built(case[1])
        modules.check_printed(case[1], built)
        modules.check_optimized(case[1], built)


def test_printed_code_is_formatted(tmp_path: Path) -> None:
    write_sources(tmp_path)
    run("ruff", "check", "--isolated", folder=tmp_path)
    run("ruff", "format", "--isolated", "--check", folder=tmp_path)


@pytest.mark.slow
def test_printed_code_is_typed(tmp_path: Path) -> None:
    write_sources(tmp_path)
    run("mypy", "--strict", folder=tmp_path)


def write_sources(folder: Path) -> None:
    for seed in PRINTED:
        case = network(seed)
        if case is not None:
            (folder / f"case{seed}.py").write_text(case[1].source(), encoding="utf-8")


def run(*tool: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *tool, "."], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("part", sampled(range(40), (), range(15)))
def test_many_networks(part: int) -> None:
    modules = pytest.importorskip("tests.grammar.modules")
    for seed in MANY[part::40]:
        checks.load(broken(seed))
        if check_case(seed):
            arch = network(seed)[1]  # type: ignore[index]
            built = modules.check_built(arch)
            modules.check_printed(arch, built)
            modules.check_optimized(arch, built)
