"""Networks cut to features compute what torchvision's and timm's extractors give, with their channels and strides."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

import archspec
from archspec.codegen.errors import WeightsNote
from tests.cli.surface import run
from tests.references import timm, torchvision

SMALL = {"depth1": 1, "depth2": 2, "depth3": 1, "depth4": 1}


@pytest.mark.parametrize(
    ("name", "parts", "options"),
    [
        ("resnet50", ["layer1.0.conv2", "layer2", "layer3.5", "layer4"], {}),
        pytest.param(
            *("densenet121", ["features.denseblock1", "features.transition2", "features.norm5"], {}),
            marks=pytest.mark.slow,
        ),
        ("mobilenet_v2", ["features.3", "features.13", "features.18"], {}),
        pytest.param(*("vgg11", ["features.2", "features.10"], {"init_weights": False}), marks=pytest.mark.slow),
        pytest.param(*("vit_b_16", ["encoder.layers.encoder_layer_3", "encoder.ln"], {}), marks=pytest.mark.slow),
    ],
)
def test_values_are_those_of_torchvision(name: str, parts: list[str], options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    models = torchvision().models
    whole = getattr(models, name)(**options).eval()
    extraction = importlib.import_module("torchvision.models.feature_extraction")
    theirs = extraction.create_feature_extractor(whole, return_nodes={part: part for part in parts})
    arch = archspec.load(name, input=(3, 224, 224) if name == "vit_b_16" else (3, 96, 64))
    with pytest.warns(WeightsNote, match="were cut from the network were left out"):
        ours = arch.build(weights=whole.state_dict(), outputs=parts).eval()
    shape = next(iter(arch.input_shapes.values()))
    image = torch.randn(2, *shape)
    with torch.no_grad():
        for mine, value in zip(ours(image), theirs(image).values(), strict=True):
            assert torch.equal(mine, value)
    assert [key for key in ours.state_dict() if key not in whole.state_dict()] == []
    assert len(ours.state_dict()) < len(whole.state_dict())


@pytest.mark.parametrize(
    ("name", "model", "indices"),
    [
        ("resnet50", "resnet50", (0, 1, 2, 3, 4)),
        pytest.param(*("vgg16", "vgg16", (0, 1, 2, 3, 4)), marks=pytest.mark.slow),
        ("densenet121", "densenet121", (1, 2, 3)),
    ],
)
def test_indices_are_those_of_timm(name: str, model: str, indices: tuple[int, ...]) -> None:
    theirs = timm().create_model(model, features_only=True, out_indices=indices, pretrained=False).eval()
    backbone = archspec.load(name, input=(3, 64, 64)).features(indices)
    assert list(backbone.channels) == theirs.feature_info.channels()
    assert list(backbone.reduction) == theirs.feature_info.reduction()
    weights = timm().create_model(model, pretrained=False).eval()
    extractor = timm().models.FeatureListNet(weights, out_indices=indices).eval() if name == "resnet50" else None
    if extractor is None:
        return
    with pytest.warns(WeightsNote, match="cut from the network"):
        ours = backbone.build(weights=weights.state_dict()).eval()
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for mine, value in zip(ours(image), extractor(image), strict=True):
            assert torch.equal(mine, value)


def test_what_is_cut_is_gone_from_everything(tmp_path: Path) -> None:
    whole = archspec.load("resnet18", **SMALL)  # type: ignore[arg-type]
    backbone = whole.features("layer2, layer3.0")
    assert list(backbone.output_shapes) == ["layer2", "layer3_0"]
    assert backbone.params == sum(weight.numel() for weight in backbone.build().parameters()) < whole.params
    assert not any(name.startswith(("layer4", "fc")) for name in backbone.graph.weight_shapes)
    backbone.save(tmp_path / "cut.yaml")
    (again,) = [archspec.load(tmp_path / "cut.yaml")]
    assert again.output_shapes == backbone.output_shapes
    assert again.params == backbone.params
    source: dict[str, Any] = {}
    exec(compile(backbone.source(), "cut.py", "exec"), source)  # noqa: S102 -- the source that is tested
    model = backbone.build(seed=1).eval()
    printed = source["Resnet18"]().eval()
    printed.load_state_dict(model.state_dict())
    image = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert model(image)._fields == ("layer2", "layer3_0")
        for mine, theirs in zip(model(image), printed(image), strict=True):
            assert torch.equal(mine, theirs)


@pytest.mark.slow
def test_onnx_of_features(tmp_path: Path) -> None:
    backbone = archspec.load("resnet18", input=(3, 64, 64), **SMALL).features([1, 3])  # type: ignore[arg-type]
    backbone.save(tmp_path / "cut.onnx", seed=1)
    session = onnxruntime.InferenceSession(tmp_path / "cut.onnx", providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_outputs()] == ["layer1", "layer3"]
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for mine, theirs in zip(
            backbone.build(seed=1).eval()(image), session.run(None, {"input": image.numpy()}), strict=True
        ):
            assert (mine - torch.from_numpy(theirs)).abs().max() <= 1e-4


def test_weights_of_another_network_are_still_refused() -> None:
    weights = archspec.load("cifar_resnet20_A").build().state_dict()
    backbone = archspec.load("cifar_resnet20_A").features(["stage2"])
    with pytest.raises(archspec.WeightsError, match="not the weights of this network"):
        backbone.build(weights={**weights, "other.weight": torch.zeros(1)})
    with pytest.raises(archspec.WeightsError, match="not the weights of this network"):
        backbone.build(weights={name: weight for name, weight in weights.items() if not name.startswith("stage1.0")})
    reports: list[archspec.WeightReport] = []
    backbone.build(weights=weights, report=reports.append)
    assert reports[0].fit.exact
    assert "tensors of layers that were cut from the network were left out: stage3, fc" in reports[0].notes[-1]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["stge2"], "the network has no part 'stge2'"),
        (["stage2.9"], "the network has no part 'stage2.9'"),
        ([7], "has no stride of index 7; it has 0 to 2: stage1, stage2, stage3"),
        ([-4], "has no stride of index -4"),
        ([], "at least 1 item"),
    ],
)
def test_parts_that_there_are_not(parts: list[str | int], message: str) -> None:
    with pytest.raises(archspec.PassError, match=message):
        archspec.load("cifar_resnet20_A").features(parts)


def test_a_network_without_places_names_its_parts() -> None:
    with pytest.raises(archspec.PassError, match="its values have no places; name parts"):
        archspec.load("lstm").features([0])
    assert archspec.load("vit_b_16").features(["encoder"]).reduction == (None,)
    assert archspec.load("unet").features([-1, "up4"]).reduction == (16, 8)


def test_the_commands_take_outputs(tmp_path: Path) -> None:
    done = run("summary", "resnet18", "--outputs", "layer2,layer4", "--json")
    assert done.exit_code == 0, done.stderr
    assert '"params": 11176512' in done.stdout
    done = run("build", "cifar_resnet20_A", "--outputs", "stage1,2", "--device", "cpu", "--json")
    assert done.exit_code == 0, done.stderr
    done = run("build", "cifar_resnet20_A", "--outputs=stage1", "-o", tmp_path / "cut.py")
    assert "--outputs=stage1" in (tmp_path / "cut.py").read_text()
    done = run("draw", "resnet18", "--outputs", "layr2", "-o", tmp_path / "cut.svg")
    assert done.exit_code == 2
    assert "no part 'layr2'; did you mean 'layer2'?" in done.stderr
    assert not (tmp_path / "cut.svg").exists()
