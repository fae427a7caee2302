"""Gradients by path, compared with autograd and with every single path."""

from __future__ import annotations

from itertools import chain, combinations, product

import pytest
import torch
from torch import Tensor, nn

import archspec
from archspec.analysis.paths import count_paths
from archspec.codegen.fx import build
from archspec.experiments.gates import insert_gates
from archspec.experiments.gradients import Gradients, measure_gradients
from archspec.experiments.lesions import TrainedNetwork
from archspec.experiments.track import ExperimentError

LINEAR = """\
name: linear
input: [5]
defaults: {linear: {bias: false}}
stages:
  body: [repeat: {times: 5, layers: [add: [[linear: channels], identity]]}]
"""
AVOIDED = """\
name: avoided
input: [4]
stages:
  outer: {add: [[linear: 4, {add: [[linear: 4], identity]}], identity]}
"""
DENSE = """\
name: dense
input: [3]
stages:
  body: [repeat: {times: 3, layers: [concat: [identity, [linear: 2, tanh]]]}]
  fc: {linear: 2}
"""


def choices(number: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(number), k) for k in range(number + 1)))


def noise(*sizes: int) -> Tensor:
    return torch.randn(*sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_each_path_of_a_linear_row_is_its_product_of_matrices() -> None:
    arch = archspec.load(LINEAR)
    weights = build(arch.graph, dtype=torch.float64).state_dict()
    matrices = [weight for weight in weights.values() if weight.ndim == 2]
    network = insert_gates(arch.graph, weights)
    x, direction = noise(1, 5).requires_grad_(), noise(5)
    loss = (network.model(x) * direction).sum()
    assert len(matrices) == len(network.joins) == 5
    for through in choices(5):
        expected = direction
        for at in sorted(through, reverse=True):
            expected = expected @ matrices[at]
        torch.testing.assert_close(network.gradient(loss, x, through)[0], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("training", [False, True])
def test_paths_of_a_nonlinear_row_sum_to_what_autograd_says(row: archspec.Architecture, training: bool) -> None:
    weights = build(row.graph).state_dict()
    network = insert_gates(row.graph, weights)
    network.model.train(training)
    x, labels = noise(3, 1, 8, 8).requires_grad_(), torch.tensor([1, 0, 7])
    model = build(row.graph, dtype=torch.float64).train(training)
    model.load_state_dict(weights)
    (expected,) = torch.autograd.grad(nn.functional.cross_entropy(model(x), labels, reduction="sum"), x)
    loss = network.loss(x, labels)
    parts = [network.gradient(loss, x, through) for through in choices(len(network.joins))]
    torch.testing.assert_close(torch.stack(parts).sum(0), expected, rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(network.gradient(loss, x), expected, rtol=1e-12, atol=1e-15)
    assert len({round(float(part.norm()), 15) for part in parts}) == 2 ** len(network.joins)


def test_the_paths_of_a_dense_block_sum_too() -> None:
    arch = archspec.load(DENSE)
    network = insert_gates(arch.graph, build(arch.graph).state_dict())
    x = noise(2, 3).requires_grad_()
    loss = network.model(x).square().sum()
    parts = [network.gradient(loss, x, through) for through in choices(3)]
    torch.testing.assert_close(torch.stack(parts).sum(0), network.gradient(loss, x), rtol=1e-10, atol=1e-14)


def test_gates_change_nothing_on_the_way_forward(row: archspec.Architecture) -> None:
    weights = build(row.graph).state_dict()
    model = build(row.graph, dtype=torch.float64).eval()
    model.load_state_dict(weights)
    x = noise(2, 1, 8, 8)
    assert torch.equal(insert_gates(row.graph, weights).model(x), model(x))


def test_a_bundled_network_with_padded_shortcuts(digits: object) -> None:
    arch = archspec.load({"extends": "cifar_preact_resnet110_A", "name": "small", "input": [1, 8, 8], "args": {"n": 1}})
    network = insert_gates(arch.graph, build(arch.graph).state_dict())
    x, labels = noise(2, 1, 8, 8).requires_grad_(), torch.tensor([1, 2])
    loss = network.loss(x, labels)
    parts = [network.gradient(loss, x, through) for through in choices(3)]
    torch.testing.assert_close(torch.stack(parts).sum(0), network.gradient(loss, x), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (AVOIDED, "avoided has 2 residual joins and a path that passes only 1 of them"),
        ("name: none\ninput: [4]\nstages: {fc: {linear: 2}}\n", "none has no residual branches"),
    ],
)
def test_networks_that_are_no_row(spec: str, message: str) -> None:
    arch = archspec.load(spec)
    with pytest.raises(ExperimentError, match=message):
        insert_gates(arch.graph, build(arch.graph).state_dict())


def test_measured_magnitudes_are_those_of_all_paths(patient: TrainedNetwork) -> None:
    found = measure_gradients(patient, samples=4, draws=6, seed=1)
    network = insert_gates(patient.graph, patient.weights)
    x = patient.data.test_pixels[:4].double().requires_grad_()
    loss = network.loss(x, patient.data.test_labels[:4])
    assert {length: len(draws) for length, draws in found.magnitudes.items()} == {0: 1, 1: 4, 2: 6, 3: 4, 4: 1}
    for through, bits in zip(choices(4), choices(4), strict=True):
        expected = float(network.gradient(loss, x, bits).flatten(1).norm(dim=1).mean())
        assert any(abs(one - expected) <= 1e-12 * expected for one in found.magnitudes[len(through)])
    assert found.paths == {0: 1, 1: 4, 2: 6, 3: 4, 4: 1} == count_paths(patient.graph).lengths
    assert sum(found.contributions.values()) == pytest.approx(1)


def test_the_same_seed_draws_the_same_paths(patient: TrainedNetwork) -> None:
    one, same, other = (measure_gradients(patient, samples=2, draws=2, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.magnitudes[2] != other.magnitudes[2]


def test_effective_lengths_are_the_fewest_with_95_percent() -> None:
    magnitudes = {0: (10.0,), 1: (30.0, 34.0), 2: (5.0,), 3: (0.01,), 4: (0.0,)}
    found = Gradients("x", 4, 1, 1.0, magnitudes)
    products = {0: 10.0, 1: 128.0, 2: 30.0, 3: 0.04, 4: 0.0}
    total = sum(products.values())
    assert found.contributions == pytest.approx({length: one / total for length, one in products.items()})
    enough = [
        {length for length, taken in enumerate(bits) if taken}
        for bits in product((False, True), repeat=5)
        if sum(products[length] for length, taken in enumerate(bits) if taken) >= 0.95 * total
    ]
    assert set(found.effective) in enough
    assert len(found.effective) == min(map(len, enough)) == 3
    assert found.effective_share == 11 / 16
