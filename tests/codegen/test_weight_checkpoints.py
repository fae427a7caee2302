"""Checkpoints of training scripts: which tensors are loaded, under which names, and the notes on it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from archspec import Architecture, WeightsError, WeightsNote, load
from archspec.codegen.fx import WeightReport
from archspec.codegen.fx.checkpoint import load_own_weights, read_weights
from archspec.codegen.fx.weight_files.mappings import find_mappings
from tests.checkpoints import (
    Weights,
    same,
    save_legacy,
    save_safetensors,
    save_shards,
    save_torch_shards,
    save_zip,
    tiny,
    trained,
    whole_module,
)
from tests.references import timm, torchvision


@pytest.fixture(scope="module")
def net() -> Architecture:
    return tiny()


@pytest.fixture(scope="module")
def weights(net: Architecture) -> Weights:
    return trained(net)


def notes(arch: Architecture, given: Any, **options: Any) -> tuple[str, ...]:
    """The notes on loading weights."""
    told: list[WeightReport] = []
    arch.build(weights=given, report=told.append, **options)
    return told[0].notes


def prefixed(prefix: str, weights: Mapping[str, Any]) -> dict[str, Any]:
    return {prefix + name: weight for name, weight in weights.items()}


def test_a_prefix_of_all_names_is_left_out_and_said(net: Architecture, weights: Weights) -> None:
    with pytest.warns(WeightsNote, match=r"weights: the prefix 'module\.' of all 8 names was left out"):
        net.build(weights=prefixed("module.", weights))
    assert notes(net, weights) == ()


def test_a_prefix_that_the_checkpoint_lacks_is_put_before_its_names() -> None:
    arch = load("name: inner\ninput: [3, 8, 8]\nstages: {net: {layers: {conv: {conv: 4}, bn: batchnorm}}}\n")
    inside = {name.removeprefix("net."): weight for name, weight in trained(arch).items()}
    assert same(arch, trained(arch), inside)
    assert notes(arch, inside) == ("'net.' was put before each of its 7 names",)


def test_a_name_that_looks_like_a_prefix_stays() -> None:
    arch = load("name: a\ninput: [8]\nstages: {module: {layers: {fc: {linear: 4}, last: {linear: 2}}}}\n")
    assert same(arch, trained(arch), trained(arch))
    assert notes(arch, trained(arch)) == ()
    assert same(arch, trained(arch), prefixed("module.", trained(arch)))


def test_what_compile_puts_into_names_is_left_out_anywhere(net: Architecture, weights: Weights) -> None:
    compiled = {re.sub(r"^(conv1|fc)\.", r"\1._orig_mod.", name): weight for name, weight in weights.items()}
    assert same(net, weights, compiled)
    assert notes(net, compiled) == ("'_orig_mod.' was left out of names",)


def test_an_averaged_model_of_torch(net: Architecture, weights: Weights) -> None:
    module = AveragedModel(net.build(weights=weights))
    assert same(net, weights, module.state_dict())


def test_names_of_torchvision_s_old_densenet(tmp_path: Path) -> None:
    theirs = torchvision().models.DenseNet(4, (2, 2, 2, 2), 8).state_dict()
    inner = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])\.")
    old = {inner.sub(r"\1.\2.", key): weight for key, weight in theirs.items() if "num_batches" not in key}
    assert old.keys() - theirs.keys()
    arch = load("densenet121", growth=4, depth1=2, depth2=2, depth3=2, depth4=2)
    kept = {name: weight for name, weight in theirs.items() if "num_batches" not in name}
    assert same(arch, kept, save_zip({"state_dict": prefixed("module.", old)}, tmp_path))
    renamed = 8 * (4 + 1) * 2  # two normalisations and two convolutions in each layer
    first = "features.denseblock1.denselayer1.norm.1.weight"
    assert notes(arch, old) == (f"{renamed} names were those of torchvision's DenseNet before 0.3, such as {first}",)


def test_torchvision_s_resnet18_of_before_torch_0_4_1(tmp_path: Path) -> None:
    theirs = torchvision().models.resnet18().state_dict()
    old = {key: weight for key, weight in theirs.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(theirs)
    arch = load("resnet18")
    assert same(arch, old, save_legacy(prefixed("module.", old), tmp_path))
    assert notes(arch, old) == ()
    assert arch.build(weights=old).get_buffer("bn1.num_batches_tracked") == 0


def test_torchvision_s_vit_with_its_old_and_its_new_names() -> None:
    theirs = torchvision().models.VisionTransformer(224, 16, 2, 2, 8, 16, num_classes=5).state_dict()
    arch = load("vit_b_16", depth=2, heads=2, width=8, mlp=16, classes=5)
    built = arch.build(weights=theirs).state_dict()
    assert all(torch.equal(built[name], weight.reshape(built[name].shape)) for name, weight in theirs.items())
    old = {key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): w for key, w in theirs.items()}
    assert old.keys() != theirs.keys()
    assert "torchvision's ViT" in notes(arch, old)[0]


def test_a_mapping_of_arrays(net: Architecture, weights: Weights) -> None:
    arrays = {name: weight.numpy() for name, weight in weights.items()}
    assert same(net, weights, arrays)
    assert same(net, weights, {"state_dict": prefixed("module.", arrays)})
    assert same(net, weights, whole_module(weights))


def test_a_mapping_is_not_changed_by_training(net: Architecture, weights: Weights) -> None:
    given = {name: weight.clone() for name, weight in weights.items()}
    model = net.build(weights=given)
    with torch.no_grad():
        model.get_parameter("fc.weight").zero_()
    assert all(torch.equal(given[name], weight) for name, weight in weights.items())


@pytest.mark.parametrize("save", [save_zip, save_legacy])
def test_a_module_that_was_pickled_whole(save: Any, net: Architecture, weights: Weights, tmp_path: Path) -> None:
    for module in (whole_module(weights), nn.DataParallel(whole_module(weights))):
        path = save({"epoch": 3, "model": module}, tmp_path)
        assert same(net, weights, path)
        assert "whose state_dict was read and of which nothing was run" in notes(net, path)[0]


def test_what_a_pickle_would_run_is_not_run(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "touched",)

    path = save_zip({"model": weights, "more": [Touch()]}, tmp_path)
    assert same(net, weights, path)
    assert "builtins.getattr" in notes(net, path)[0]
    assert not (tmp_path / "touched").exists()


def test_the_one_of_several_that_fits_is_taken_and_said(net: Architecture, weights: Weights) -> None:
    given = {"generator": {"up.weight": torch.zeros(2)}, "discriminator": weights}
    assert same(net, weights, given)
    assert notes(net, given) == ("discriminator was taken, whose names fit, and not generator",)


def test_one_mapping_under_two_keys_is_no_choice(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    assert same(net, weights, save_zip({"model": weights, "best": weights}, tmp_path))


@pytest.mark.parametrize("part", ["model", "ema.module"])
def test_of_two_that_fit_one_is_named(part: str, net: Architecture, weights: Weights, tmp_path: Path) -> None:
    other = {name: weight + 1 for name, weight in weights.items()}
    path = save_zip({"model": weights, "ema": {"module": other}}, tmp_path)
    with pytest.raises(WeightsError, match=r"fit the network equally well: model, ema\.module\nhelp: .*#model"):
        net.build(weights=path)
    assert same(net, weights if part == "model" else other, f"{path}#{part}")


def test_a_prefix_is_named_where_two_have_all_names(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    other = {name: weight + 1 for name, weight in weights.items()}
    path = save_zip(prefixed("module.encoder_q.", weights) | prefixed("module.encoder_k.", other), tmp_path)
    with pytest.raises(WeightsError, match=r"several prefixes: module\.encoder_q, module\.encoder_k"):
        net.build(weights=path)
    assert same(net, other, f"{path}#module.encoder_k")
    with pytest.raises(WeightsError, match="it has no part head"):
        net.build(weights=f"{path}#head")


def test_a_file_whose_name_has_the_mark(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    path = save_zip(weights, tmp_path).rename(tmp_path / "w#1.pt")
    assert same(net, weights, path)


def test_values_beside_tensors_in_one_mapping(net: Architecture, weights: Weights) -> None:
    assert same(net, weights, {**weights, "epoch": 3, "note": "best"})


@pytest.mark.parametrize("save", [save_safetensors, save_shards, save_torch_shards])
def test_the_folder_of_a_model(save: Any, net: Architecture, weights: Weights, tmp_path: Path) -> None:
    save(weights, tmp_path)
    if save is save_safetensors:
        (tmp_path / "w.safetensors").rename(tmp_path / "model.safetensors")
    assert same(net, weights, tmp_path)


INDICES = {
    "not JSON": ("{", "an index that is no JSON"),
    "no map": ('{"metadata": {}}', "expected an index with a weight_map"),
    "no names": ('{"weight_map": {"a": 3}}', "expected an index with a weight_map"),
    "above": (
        '{"weight_map": {"a": "../w.safetensors"}}',
        r"it names \.\./w\.safetensors, which is not a file beside it",
    ),
    "absolute": ('{"weight_map": {"a": "/etc/passwd"}}', "it names /etc/passwd, which is not a file beside it"),
    "gone": ('{"weight_map": {"a": "b.safetensors"}}', r"it names b\.safetensors, which is not beside it"),
    "other": ('{"weight_map": {"a": "w.safetensors"}}', r"a is not in w\.safetensors, where the index has it"),
}


@pytest.mark.parametrize("case", INDICES)
def test_an_index_that_is_none(case: str, net: Architecture, weights: Weights, tmp_path: Path) -> None:
    save_safetensors(weights, tmp_path)
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(INDICES[case][0], encoding="utf-8")
    with pytest.raises(WeightsError, match=INDICES[case][1]):
        net.build(weights=path)


def test_a_shard_alone_names_its_index(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    save_shards(weights, tmp_path)
    with pytest.raises(WeightsError, match=r"it is file 1 of 2[^\n]*\n(?s:.*)help: .*model\.safetensors\.index\.json"):
        net.build(weights=tmp_path / "model-00001-of-00002.safetensors")


def test_timm_s_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, create = [], timm().create_model

    def create_model(name: str, *, pretrained: bool) -> nn.Module:
        asked.append((name, pretrained))
        module: nn.Module = create(name)
        return module

    monkeypatch.setattr(timm(), "create_model", create_model)
    weight = load("resnet18").build(weights="timm:resnet18").get_parameter("fc.weight")
    assert weight.shape == (1000, 512)
    assert asked == [("resnet18", True)]
    with pytest.raises(WeightsError, match="timm has no network 'resnet19'"):
        read_weights("timm:resnet19")


def test_a_library_that_cannot_reach_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(name: str, *, pretrained: bool) -> nn.Module:
        raise OSError("no route to host")

    monkeypatch.setattr(timm(), "create_model", unreachable)
    with pytest.raises(WeightsError, match=r"timm:resnet18: its weights could not be loaded: no route to host"):
        read_weights("timm:resnet18")


def test_mappings_at_most_two_keys_deep() -> None:
    tensor = {"w": torch.zeros(1)}
    tree = {"a": tensor, "b": {"c": tensor, "d": {"e": tensor}}, "f": [tensor], "g": argparse.Namespace(w=1)}
    assert [found.keys for found in find_mappings(tree)] == [("a",), ("b", "c")]


def test_tensors_that_need_no_gradient_and_those_on_the_graph(net: Architecture, weights: Weights) -> None:
    grown: dict[str, Tensor] = {
        name: nn.Parameter(weight) * 1 if weight.is_floating_point() else weight for name, weight in weights.items()
    }
    assert same(net, weights, grown)


def test_a_part_is_looked_for_where_the_whole_network_fits(tmp_path: Path) -> None:
    """A pipeline stage whose names and shapes also occur inside a block."""
    arch = load(
        "name: row\ninput: [3, 8, 8]\nstages:\n  bn1: batchnorm\n"
        "  layer: {layers: {bn1: batchnorm, conv: {conv: 3}}}\n  pool: globalpool\n"
    )
    weights = trained(arch)
    part = nn.ModuleDict({"bn1": nn.BatchNorm2d(3)})
    with pytest.warns(WeightsNote, match=r"'module\.' of all 12 names"):
        load_own_weights(part, save_zip(prefixed("module.", weights), tmp_path), arch.graph)
    assert torch.equal(part.state_dict()["bn1.weight"], weights["bn1.weight"])
    without = {name: weight for name, weight in weights.items() if not name.startswith("bn1.")}
    with pytest.raises(WeightsError, match=r"missing +bn1\.weight"):
        load_own_weights(part, save_zip(prefixed("module.", without), tmp_path), arch.graph)


def test_objects_beside_the_tensors(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    """Objects beside weights that `torch.load(weights_only=True)` refuses."""
    beside = {"args": argparse.Namespace(lr=0.1), "when": SimpleNamespace(day=3), "shape": slice(3)}
    path = save_zip({"model": weights} | beside, tmp_path)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path, weights_only=True)
    assert same(net, weights, path)
    assert notes(net, path) == ("argparse.Namespace, types.SimpleNamespace, builtins.slice in it were not read",)


def test_one_reader_for_safetensors_of_another_prefix(net: Architecture, weights: Weights, tmp_path: Path) -> None:
    save_file(prefixed("backbone.", weights), tmp_path / "w.safetensors")
    assert same(net, weights, tmp_path / "w.safetensors")
