"""The bundled networks have the counts that others publish of them, and the functions of others' models.

`make test` compares the counts of networks that extend no other (`tests/sample.py`) and the functions of a few networks, `make test-slow` the
counts of all rows and the functions of representatives and of torchvision's networks, up to 30 million parameters, and `make test-all` the
functions of all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from _pytest.mark import ParameterSet

import archspec
from archspec.analysis.ledger import find_differences
from archspec.spec.ledger import LedgerRow, Published, load_exceptions, load_ledger, load_titles
from archspec.spec.zoo import load_zoo
from tests.references import timm, torchvision
from tests.sample import EXHAUSTIVE, bases, bundled, representatives, sampled

ROWS = load_ledger()
NAMES = [row.name for row in ROWS]
COMPARED = tuple(row for row in ROWS if row.reference is not None)
QUICK = {
    "alexnet",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnetv2_18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
}
"""Networks whose functions are compared in `make test`: quick ones, one for each library and way of building."""
LARGEST = 20_000_000
"""The most parameters of a network whose function `make test-slow` compares: all take more time than CI has."""


def load(row: LedgerRow) -> archspec.Architecture:
    if not row.args and row.input is None:
        return bundled(row.spec)
    return archspec.load(row.spec, input=row.input, **row.args)


COUNTS: dict[str, Callable[[LedgerRow, archspec.Architecture], int]] = {
    "params": lambda _, arch: arch.params,
    "work": lambda row, arch: arch.count(row.convention),
    "acts": lambda _, arch: arch.acts,
    "depth": lambda _, arch: arch.depth,
    "paths": lambda _, arch: arch.paths().total,
}


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if row.spec in bases() else pytest.mark.slow, id=row.name) for row in ROWS],
)
def test_counts_are_the_published_ones_or_the_row_says_why_not(row: LedgerRow) -> None:
    arch = load(row)
    counts = {name: COUNTS[name](row, arch) for name in row.published}
    differences = find_differences(row.published, counts)
    exact = not differences and row.outputs == "equal" and row.same_order
    assert bool(row.reason) != exact, {name: (row.published[name], counts[name]) for name in differences}


def select_rows() -> Iterator[ParameterSet]:
    """The rows with a reference: quick ones, those of moderate size that are no variants of another network in `make test-slow`, and all others."""
    params = {entry.name: entry.params for entry in load_zoo()}
    for row in COMPARED:
        variant = str(row.reference).startswith("timm:") and row.spec not in representatives()
        rest = EXHAUSTIVE if variant or params[row.spec] > LARGEST else pytest.mark.slow
        yield pytest.param(row, marks=() if row.spec in QUICK else rest, id=row.name)


@pytest.mark.parametrize("row", list(select_rows()))
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_the_function_is_that_of_the_reference(row: LedgerRow) -> None:
    """Strict keys and shapes, then outputs for the reference's weights."""
    from archspec.codegen.fx.reference_models import make_reference

    assert row.reference is not None
    library = row.reference.partition(":")[0]
    {"torchvision": torchvision, "timm": timm}[library]()
    arch = archspec.load(row.spec, input=row.sample or row.input, **row.args)
    found = arch.check_against(make_reference(row.reference, row.options))
    assert found.same, [diagnostic.message for diagnostic in found.diagnostics]
    assert (found.outputs, found.same_order) == (row.outputs, row.same_order)


def test_every_network_has_an_outside_number_or_a_reason_why_it_has_none() -> None:
    without = {entry.name for entry in load_zoo() if not (entry.ledger or entry.paper_params or entry.paper_macs)}
    assert without == load_exceptions().keys()
    assert all(load_exceptions().values())


def test_every_row_is_of_a_network_and_says_something() -> None:
    assert {row.spec for row in ROWS} <= set(archspec.bundled())
    assert {row.source for row in ROWS} <= load_titles().keys()
    assert [row.name for row in ROWS if not row.published] == []
    assert len(set(NAMES)) == len(ROWS)


def test_every_classifier_of_torchvision_has_a_row() -> None:
    known = {row.spec for row in ROWS if row.source == "torchvision"}
    assert set(torchvision().models.list_models(torchvision().models)) <= known


@pytest.mark.parametrize(
    ("field", "other"), [("params", 25557033), ("work", "4.088 G"), ("work", "4.09 K"), ("acts", 1), ("depth", 49)]
)
def test_a_wrong_number_is_found(field: str, other: Published) -> None:
    row = next(row for row in ROWS if (row.source, row.spec) == ("torchvision", "resnet50"))
    assert find_differences({field: other}, {field: COUNTS[field](row, bundled("resnet50"))}) == [field]


def test_the_zoo_has_every_spec_once_with_its_rows() -> None:
    assert sorted(entry.name for entry in load_zoo()) == list(archspec.bundled())
    assert next(entry.sources for entry in load_zoo() if entry.name == "resnet50") == (
        "implementations",
        "pycls",
        "timm",
        "torchvision",
    )
    assert sum(len(entry.ledger) for entry in load_zoo()) == len(ROWS)


@pytest.mark.parametrize("spec", sampled(archspec.bundled(), bases()))
def test_what_is_expected_comes_out(spec: str) -> None:
    arch = bundled(spec)
    assert set(arch.program.expect) >= {"params", "macs", "depth", "paths", "output"}
    assert arch.check_expectations() == ()
    assert arch.warnings == (), "the spec, or the rule, is to be mended"
