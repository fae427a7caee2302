"""Pipeline stages as modules have, in sequence, the names, weights and outputs of the whole network."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import archspec
from archspec.analysis.liveness import find_cut_points
from archspec.codegen.errors import WeightsError
from archspec.codegen.fx import find_blocks
from archspec.codegen.fx.pipeline import draw_states, infer_traffic, make_contiguous
from archspec.codegen.fx.timing import measure_nodes
from archspec.codegen.fx.weights import State, create_state
from archspec.pipeline import Pipeline
from tests.sample import sampled

NETWORKS: dict[str, dict[str, Any]] = {
    "cifar_resnet20_A": {},
    "resnet18": {"classes": 10},
    "cifar10_densenet_40_k12": {},
    "unet": {"base": 4},
    "fractalnet20": {},
    "fractalnet20_droppath": {},
    "googlenet_aux": {"classes": 10},
    "inception_v3": {"classes": 10},
    "dmrnet_d14": {},
    "stochastic_depth_resnet110_cifar10": {},
    "highway_mnist_fc10": {},
}
"""Networks of all branching structures, with arguments that make them small."""

FORK = """\
name: fork
inputs: {words: [6], image: [3, 8, 8]}
stages:
  take: {layers: {picked: identity}, from: image}
  stem: [conv: {out: 8, kernel: 3, padding: 1}, batchnorm, relu]
  body: {repeat: {times: 3, layers: [add: [[conv: {out: 8, kernel: 3, padding: 1}, batchnorm], identity], relu]}}
  pool: globalpool
  early: {linear: 4}
  read: {layers: {table: {embedding: {vocabulary: 11, width: 8}}, mean: globalpool}, from: words}
  both: {add: [pool, read]}
  late: {linear: 4}
outputs: [early, late]
"""


def inputs_of(arch: archspec.Architecture, batch: int = 2) -> list[Tensor]:
    network, random = arch.graph, torch.Generator().manual_seed(1)
    made = []
    for value in network.inputs.values():
        size = (batch, *value.shape.sizes)
        whole = network.holds_indices(value)
        made.append(torch.randint(10, size, generator=random) if whole else torch.randn(size, generator=random))
    return made


def together(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def in_order(stages: list[fx.GraphModule], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    values = tuple(inputs)
    for stage in stages:
        values = together(stage(*values))
    return values


def assert_equal(pipeline: Pipeline, whole: nn.Module, inputs: list[Tensor], *, seed: int) -> None:
    stages = [pipeline.build(index, seed=seed) for index in range(len(pipeline.stages))]
    state = {key: value for stage in stages for key, value in stage.state_dict().items()}
    expected = whole.state_dict()
    assert sum(len(stage.state_dict()) for stage in stages) == len(state) == len(expected)
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    for training in (True, False):
        whole.train(training)
        for stage in stages:
            stage.train(training)
        with torch.no_grad(), torch.random.fork_rng([]):
            torch.manual_seed(5)
            outputs = together(whole(*inputs))
            torch.manual_seed(5)
            found = in_order(stages, inputs)
        assert [(one - other).abs().max().item() for one, other in zip(outputs, found, strict=True)] == [0.0] * len(
            outputs
        )


@pytest.mark.parametrize("name", sampled(NETWORKS, {"fractalnet20_droppath"}))
def test_stages_in_order_are_the_network(name: str) -> None:
    arch = archspec.load(name, **NETWORKS[name])
    assert_equal(arch.pipeline(3), arch.build(seed=3), inputs_of(arch), seed=3)


@pytest.mark.parametrize("count", [1, 2, 7, 11])
def test_two_inputs_two_outputs_and_any_number_of_stages(count: int) -> None:
    arch = archspec.load(FORK)
    assert_equal(arch.pipeline(count), arch.build(seed=1), inputs_of(arch, 4), seed=1)


@pytest.mark.slow
def test_every_cut_of_a_network_is_right() -> None:
    """With the most stages, which use every cut point, also inside blocks."""
    for name in ("cifar_resnet20_A", "dmrnet_d14"):
        arch = archspec.load(name)
        most = 1 + len(find_cut_points(arch.graph))
        assert_equal(arch.pipeline(most), arch.build(seed=0), inputs_of(arch), seed=0)


@torch.inference_mode()
def test_an_optimised_network_is_cut_too() -> None:
    arch = archspec.load("cifar10_densenet_40_k12").optimize()
    whole = arch.build(seed=2).eval()
    pipeline = arch.pipeline(3, measure="cpu", batch=2)
    stages = [pipeline.build(index, seed=2).eval() for index in range(3)]
    state = {key: value for stage in stages for key, value in stage.state_dict().items()}
    assert set(state) == set(whole.state_dict())
    assert all(torch.equal(state[key], value) for key, value in whole.state_dict().items())
    inputs = inputs_of(arch)
    (found,) = in_order(stages, inputs)
    torch.testing.assert_close(found, whole(*inputs), rtol=1e-5, atol=1e-6)  # kernels are not fused across a cut


def test_modules_keep_their_blocks() -> None:
    arch = archspec.load("resnet18")
    whole, stage = arch.build(), arch.pipeline(2).build(1)
    for name in ("layer2.1", "layer3", "layer4.0"):
        assert str(stage.get_submodule(name).code) == str(whole.get_submodule(name).code)
        assert isinstance(stage.get_submodule(name), fx.GraphModule)
    assert not hasattr(stage, "conv1")


def test_no_other_weights_are_kept_while_a_stage_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = list[Any](), 0

    def counted(*given: Any) -> State:
        nonlocal most
        state = create_state(*given)
        alive.append(weakref.ref(state))
        most = max(most, sum(1 for one in alive if one() is not None))
        return state

    monkeypatch.setattr("archspec.codegen.fx.pipeline.create_state", counted)
    arch = archspec.load("cifar_resnet20_A")
    pipeline = arch.pipeline(4)
    stage = pipeline.build(3)
    own = sum(1 for one in stage.modules() if not list(one.children()))
    assert len(alive) > 2 * own
    assert most <= own + 2  # the current one, and the previous one until its variable is reassigned


def test_a_stage_without_values() -> None:
    arch = archspec.load("cifar_resnet20_A")
    stage = arch.pipeline(2).build(1, device="meta", dtype=torch.bfloat16)
    assert {(value.device.type, value.dtype) for value in stage.parameters()} == {("meta", torch.bfloat16)}


def test_the_global_generator_draws_the_same_for_every_stage() -> None:
    graph = archspec.load("cifar_resnet20_A").graph
    after = []
    for wanted in ([("conv1",)], [("fc",)]):
        torch.manual_seed(4)
        assert list(draw_states(graph, wanted, torch.device("cpu"), None, None)) == wanted
        after.append(torch.rand(1).item())
    assert after[0] == after[1]


def test_weights_of_the_network_go_into_a_stage(tmp_path: Path) -> None:
    arch = archspec.load("cifar_resnet20_A")
    trained = arch.build(seed=9).state_dict()
    torch.save(trained, tmp_path / "whole.pt")
    stage = arch.pipeline(2).build(1, weights=tmp_path / "whole.pt")
    assert all(torch.equal(value, trained[key]) for key, value in stage.state_dict().items())
    lacking = next(iter(stage.state_dict()))
    torch.save({key: value for key, value in trained.items() if key != lacking}, tmp_path / "part.pt")
    with pytest.raises(WeightsError, match=f"missing +{lacking}"):
        arch.pipeline(2).build(1, weights=tmp_path / "part.pt")


@pytest.mark.parametrize("name", ["unet", "fractalnet20_droppath", "googlenet_aux", "dmrnet_d14"])
def test_what_a_stage_receives_is_known_before(name: str) -> None:
    arch = archspec.load(name, **NETWORKS[name])
    pipeline = arch.pipeline(3)
    stages = [pipeline.build(index).eval() for index in range(3)]
    values: tuple[Tensor, ...] = tuple(inputs_of(arch, 2))
    for index, stage in enumerate(stages):
        received, sent = infer_traffic(arch.graph, pipeline.stages, index, 2, None)
        values = tuple(value.detach().requires_grad_(value.requires_grad) for value in values)
        found = together(make_contiguous(stage, None, stage(*values)))
        for told, real in ((received, values), (sent, found)):
            assert [_about(value) for value in told] == [_about(value) for value in real]
        assert [one.sizes for one in pipeline.stages[index].sends] == [tuple(value.shape[1:]) for value in found]
        values = found


def _about(value: Tensor) -> tuple[Any, ...]:
    return value.shape, value.stride(), value.dtype, value.requires_grad


def test_times_of_every_node_and_stages_by_them() -> None:
    arch = archspec.load("cifar_resnet20_A")
    times = measure_nodes(arch.graph, device="cpu", batch=2)
    assert len(times) == len(arch.graph.nodes)
    assert all(seconds > 0 for node, seconds in zip(arch.graph.nodes, times, strict=True) if getattr(node, "macs", 0))
    pipeline = arch.pipeline(2, measure="cpu", batch=2)
    assert pipeline.unit == "seconds"
    assert 0 < sum(stage.cost for stage in pipeline.stages) < 5
    assert_equal(pipeline, arch.build(seed=0), inputs_of(arch), seed=0)


def test_blocks_by_kind() -> None:
    model = archspec.load("resnet50").build(device="meta")
    units = find_blocks(model, "bottleneck")
    assert list(units)[-1] == "layer1.0"
    assert len(units) == 16
    everything = list(find_blocks(model))
    assert {*units, "layer1", "layer1.0.downsample"} <= set(everything)
    assert everything.index("layer1.0.downsample") < everything.index("layer1.0") < everything.index("layer1")
    assert "" not in everything
    with pytest.raises(LookupError, match=r"no block of the kind 'bottelneck': the network has .*bottleneck.*stage"):
        find_blocks(model, "bottelneck")
