"""Lesions: the remaining paths, unchanged outputs of the rest, and parts that cannot be removed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archspec
from archspec.passes import PassError
from archspec.passes.lesion import plan_lesion, residual_blocks
from tests.sample import every_spec

SMALL = "cifar_resnet20_A"


def weights(arch: archspec.Architecture) -> dict[str, tuple[int, ...]]:
    return {
        f"{node.name}.{weight.name}".rstrip("."): weight.shape for node in arch.graph.ops for weight in node.weights
    }


def test_deleting_ten_of_54_units_leaves_two_to_the_44() -> None:
    """Veit et al. 2016, section 4.2."""
    arch = archspec.load("cifar_resnet110_A")
    for seed in range(3):
        assert arch.lesion(random=10, seed=seed).paths().total == 2**44


def test_the_path_count_halves_with_each_unit() -> None:
    arch = archspec.load("cifar_resnet110_A")
    blocks = residual_blocks(arch.graph)
    assert len(blocks) == 54
    for count in (1, 2, 10, 27, 53, 54):
        assert arch.lesion(blocks[:count]).paths().total == 2 ** (54 - count)


def test_a_unit_of_the_dual_path_kind_keeps_its_dense_part() -> None:
    """Three paths through a unit become two: the skip connection and the new features."""
    arch = archspec.load("dpn92")
    assert arch.lesion(["features.conv2_2"]).paths().total * 3 == arch.paths().total * 2


def sums_inputs(arch: archspec.Architecture, block: str) -> bool:
    """Whether a block gets several values, as in LR-ASPP and BERT: the layers before a branch go with it."""
    regions = [region for region in arch.graph.regions if ".".join(region.path) == block]
    return any(len(arch.graph.region_tree.inputs[region.id]) > 1 for region in regions)


@pytest.mark.parametrize("spec", every_spec())
def test_residual_blocks_of_the_whole_zoo_can_go(spec: str) -> None:
    """The first, the middle and the last; a network without any raises an error."""
    arch = archspec.load(spec)
    blocks = residual_blocks(arch.graph)
    if not blocks:
        with pytest.raises(PassError, match="the 0 residual blocks"):
            arch.lesion(random=1)
        return
    before = weights(arch)
    for block in {blocks[0], blocks[len(blocks) // 2], blocks[-1]}:
        after = arch.lesion([block])
        assert after.paths().total < arch.paths().total
        assert after.output_shapes == arch.output_shapes
        left = weights(after)
        assert left.items() <= before.items()
        gone = before.keys() - left.keys()
        assert sums_inputs(arch, block) or all(name.startswith(f"{block}.") for name in gone)


@pytest.mark.parametrize("blocks", [["stage1.1"], ["stage2.0"], ["stage1.0", "stage3.2"], ["stage2"]])
def test_what_is_left_computes_what_a_silenced_branch_leaves(blocks: list[str]) -> None:
    """The lesion computes the same as the network with the last normalisation of the branch set to 0."""
    arch = archspec.load(SMALL)
    model = arch.build(seed=1)
    images = torch.randn(4, 3, 32, 32)
    model(images)  # moves the running statistics
    after = arch.lesion(blocks)
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    damaged = after.build(seed=None)
    damaged.load_state_dict(after.map_weights(state), strict=True)
    gone = sorted(name for name in state if name not in after.map_weights(state))
    assert gone
    silenced = {
        n: torch.zeros_like(t) if n in gone and ".closing." in n and n.endswith(("weight", "bias")) else t
        for n, t in state.items()
    }
    assert any(not torch.equal(silenced[name], state[name]) for name in state)
    model.load_state_dict(silenced)
    with torch.inference_mode():
        expected, found = model.eval()(images), damaged.eval()(images)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "pairs",
    [[("stage1.0", "stage1.2")], [("stage2.1", "stage2.2")], [("stage2.2", "stage2.1"), ("stage3.1", "stage3.2")]],
)
def test_exchanged_blocks_compute_what_exchanged_weights_do(pairs: list[tuple[str, str]]) -> None:
    arch = archspec.load(SMALL)
    model = arch.build(seed=1)
    images = torch.randn(4, 3, 32, 32)
    model(images)
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    after = arch.lesion(swap=pairs)
    assert after.paths().lengths == arch.paths().lengths
    swapped = after.build(seed=None)
    swapped.load_state_dict(after.map_weights(state), strict=True)
    names = {**dict(pairs), **{other: one for one, other in pairs}}
    exchanged = {name: state[in_place_of(name, names)] for name in state}
    assert any(not torch.equal(exchanged[name], state[name]) for name in state)
    model.load_state_dict(exchanged)
    with torch.inference_mode():
        assert torch.equal(swapped.eval()(images), model.eval()(images))


def in_place_of(name: str, names: dict[str, str]) -> str:
    return next((other + name[len(one) :] for one, other in names.items() if name.startswith(f"{one}.")), name)


def test_blocks_of_other_insides_change_places() -> None:
    """Only input and output shapes must be equal; weights keep their names."""
    arch = archspec.load(
        "name: a\ninput: [4]\nstages:\n  body: [add: [linear: 4, identity], linear: {out: 4, bias: false}, tanh]\n"
    )
    after = arch.lesion(swap=[("body.0", "body.2")])
    model, damaged = arch.build(dtype=torch.float64), after.build(dtype=torch.float64)
    damaged.load_state_dict(after.map_weights(model.state_dict()), strict=True)
    first, second = model.get_submodule("body.0"), model.get_submodule("body.1")
    x = torch.randn(3, 4, dtype=torch.float64)
    y = torch.tanh(x)
    torch.testing.assert_close(damaged(x), first(second(y + x)))


def test_a_part_without_a_shortcut_goes_where_shapes_meet() -> None:
    arch = archspec.load("vgg16")
    after = arch.lesion(["features.2"])
    assert plan_lesion(arch.graph, ["features.2"]).without_shortcut == ["features.2"]
    assert plan_lesion(archspec.load(SMALL).graph, ["stage1.1"]).without_shortcut == []
    assert after.paths().total == 1
    assert arch.params - after.params == 64 * 64 * 9 + 64
    with pytest.raises(PassError, match=r"features\.0 has no shortcut to fall back on: 3×224×224 goes in, 64×224×224"):
        arch.lesion(["features.0"])


def test_a_dense_layer_cannot_go() -> None:
    with pytest.raises(PassError, match="denselayer2 has no shortcut to fall back on") as caught:
        archspec.load("densenet121").lesion(["features.denseblock1.denselayer2"])
    assert caught.value.span is not None
    assert caught.value.help is not None
    assert "concat" in caught.value.help


def test_random_blocks_are_drawn_by_the_seed() -> None:
    arch = archspec.load("cifar_resnet110_A")
    left = [frozenset(weights(arch.lesion(random=5, seed=seed))) for seed in (0, 0, 1)]
    assert left[0] == left[1] != left[2]
    with pytest.raises(PassError, match="55 blocks cannot be drawn from the 54 residual blocks"):
        arch.lesion(random=55)


def test_lesions_follow_one_another() -> None:
    arch = archspec.load(SMALL)
    state = arch.build(device="cpu").state_dict()
    after = arch.lesion(["stage1.1"]).lesion(swap=[("stage2.1", "stage2.2")]).lesion(["stage2.1"])
    assert after.paths().total == 2**7
    after.build().load_state_dict(after.map_weights(state), strict=True)


def test_a_stochastic_network_loses_a_branch_with_its_drop() -> None:
    arch = archspec.load("stochastic_depth_resnet110_cifar10")
    after = arch.lesion(["stage2.3"])
    assert not [node for node in after.graph.ops if node.name.startswith("stage2.3.") and node.op.word == "droppath"]
    assert after.paths().total == 2**53


def test_a_spec_asks_for_it() -> None:
    text = f"extends: {SMALL}\nname: a\npasses: [lesion: {{drop: [stage1.1], swap: [[stage2.1, stage2.2]]}}]\n"
    arch = archspec.load(text)
    assert arch.paths().total == 2**8
    direct = archspec.load(SMALL).lesion(["stage1.1"], [("stage2.1", "stage2.2")])
    assert [node.path for node in arch.graph.ops] == [node.path for node in direct.graph.ops]


def test_all_parts_stay_in_the_summary(tmp_path: Path) -> None:
    arch = archspec.load(SMALL).lesion(["stage1.1"], [("stage2.1", "stage2.2")])
    assert "stage2" in str(arch.summary())
