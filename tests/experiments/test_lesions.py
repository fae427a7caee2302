"""Experiments with removed and exchanged blocks."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from scipy.stats import kendalltau

import archspec
from archspec.codegen.fx import build
from archspec.experiments.data import Data
from archspec.experiments.lesions import (
    TrainedNetwork,
    delete_random,
    find_deletable_blocks,
    lesion_each,
    shuffle_random,
)
from archspec.experiments.order import kendall_tau
from archspec.experiments.track import ExperimentError
from archspec.experiments.training import measure_test_error


def test_kendall_tau_is_scipys() -> None:
    for order in permutations(range(5)):
        assert kendall_tau(range(5), order) == pytest.approx(
            kendalltau(range(5), [order.index(i) for i in range(5)]).statistic
        )
    assert kendall_tau(["a"], ["a"]) == kendall_tau([], []) == 1.0


@pytest.mark.parametrize("other", [["a"], ["a", "c"], ["a", "a"]])
def test_kendall_tau_needs_orders_of_the_same_things(other: list[str]) -> None:
    with pytest.raises(ValueError, match="not of the same distinct things"):
        kendall_tau(["a", "b"], other)


def test_blocks_of_residual_and_plain_networks(row: archspec.Architecture, plain: archspec.Architecture) -> None:
    assert find_deletable_blocks(row.graph) == ("body.0", "body.1", "body.2", "body.3")
    assert find_deletable_blocks(plain.graph) == ("body.0", "body.1", "body.2")
    vgg = find_deletable_blocks(archspec.load("vgg11").graph)
    assert vgg == ("features.8", "features.13", "features.16", "features.18", "classifier.3")[-len(vgg) :]
    with pytest.raises(ExperimentError, match="no block that can be deleted"):
        find_deletable_blocks(archspec.load("name: one\ninput: [4]\nstages: {fc: {linear: 2}}\n").graph)


def test_a_deleted_block_is_a_branch_of_zeros(patient: TrainedNetwork, row: archspec.Architecture) -> None:
    found = lesion_each(patient)
    assert list(found.errors) == list(find_deletable_blocks(row.graph))
    for name, measured in found.errors.items():
        model = build(row.graph)
        model.load_state_dict(dict(patient.weights))
        (conv,) = [one for one in model.get_submodule(name).modules() if isinstance(one, torch.nn.Conv2d)]
        torch.nn.init.zeros_(conv.weight)
        assert measured == measure_test_error(model, patient.data)
    assert found.baseline_error == patient.error()


def test_all_blocks_deleted_is_the_stem_alone(patient: TrainedNetwork) -> None:
    found = delete_random(patient, draws=2, seed=4)
    assert {count: len(errors) for count, errors in found.errors.items()} == {1: 2, 2: 2, 3: 2, 4: 1}
    assert found.errors[4] == (patient.error(find_deletable_blocks(patient.graph)),)
    assert set(found.errors[1]) <= set(lesion_each(patient).errors.values())
    assert delete_random(patient, most=2, draws=2, seed=4).errors == {count: found.errors[count] for count in (1, 2)}


def test_shuffles_say_how_far_the_order_is(patient: TrainedNetwork) -> None:
    found = shuffle_random(patient, most=3, draws=2, seed=2)
    assert [one.swaps for one in found.trials] == [1, 1, 2, 2, 3, 3]
    assert all(-1 <= one.tau < 1 or one.swaps > 1 for one in found.trials)
    assert found == shuffle_random(patient, most=3, draws=2, seed=2)
    assert found != shuffle_random(patient, most=3, draws=2, seed=3)


def test_an_exchange_done_twice_is_none(patient: TrainedNetwork) -> None:
    pair = ("body.0", "body.2")
    assert patient.error(swap=[pair, pair]) == patient.error()


def test_nothing_to_exchange(plain: archspec.Architecture, digits: Data) -> None:
    graph = archspec.load(
        "name: a\ninput: [1, 8, 8]\nstages: {u: {add: [[conv: 1], identity]}, p: globalpool, f: {linear: 10}}\n"
    ).graph
    with pytest.raises(ExperimentError, match=r"could be exchanged|no block"):
        shuffle_random(TrainedNetwork("a", graph, build(graph).state_dict(), digits))


def test_weights_that_do_not_fit(patient: TrainedNetwork) -> None:
    weights = dict(patient.weights)
    gone = weights.pop("fc.bias")
    with pytest.raises(ExperimentError, match=r"the weights have no fc\.bias"):
        replace(patient, weights=weights).error()
    with pytest.raises(ExperimentError, match=r"fc.bias is \[3\] in the weights, \[10\] in the network"):
        replace(patient, weights=weights | {"fc.bias": gone[:3]}).error()
