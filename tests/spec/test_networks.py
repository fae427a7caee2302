"""Networks as parts of others, against torchvision's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archspec
from archspec.codegen.fx.reference_models import make_reference
from tests.references import torchvision

DEEPLAB = """
name: deeplabv3_resnet50
input: [3, side, side]
args: {side: 64, classes: 21}
defaults: {conv: {bias: false, padding: same}}
blocks:
  unit: {args: {rate: int, kernel: 3}, layers: [conv: {out: 256, kernel: kernel, dilation: rate}, batchnorm, relu]}
  pooled:
    layers: {0: {adaptivepool: 1}, 1: {conv: 256}, 2: batchnorm, 3: relu, 4: {upsample: {size: side / 8, mode: bilinear}}}
  aspp:
    args: {rates: [12, 24, 36]}
    layers:
      convs:
        concat:
          - unit: {rate: 1, kernel: 1}
          - copies: {times: 3, index: i, layers: [unit: rates at i]}
          - pooled
      project: {layers: {0: {conv: 256}, 1: batchnorm, 2: relu, 3: {dropout: 0.5}}}
stages:
  backbone:
    network:
      outputs: layer4
      spec:
        extends: resnet50
        name: resnet50_dilated
        blocks:
          bottleneck:
            args: {width: int, rate: 1, stride: 1, downsample: [identity]}
            layers:
              - add:
                  - layers:
                      conv1: {conv: width}
                      bn1: batchnorm
                      relu1: relu
                      conv2: {conv: {out: channels, kernel: 3, stride: stride, dilation: rate}}
                      bn2: batchnorm
                      relu2: relu
                      conv3: {conv: 4 * width}
                      bn3: batchnorm
                  - downsample
              - relu
          stage:
            args: {width: int, depth: int, stride: 1, first: 1, rate: 1}
            layers:
              - bottleneck: {width: width, stride: stride, rate: first, downsample: [conv: {out: 4 * width, stride: stride}, batchnorm]}
              - repeat: {times: depth - 1, layers: [bottleneck: {width: width, rate: rate}]}
        stages:
          layer1: {stage: {width: 64, depth: depth1}}
          layer2: {stage: {width: 128, depth: depth2, stride: 2}}
          layer3: {stage: {width: 256, depth: depth3, rate: 2}}
          layer4: {stage: {width: 512, depth: depth4, first: 2, rate: 4}}
  classifier: {layers: {0: aspp, 1: {conv: {out: 256, kernel: 3}}, 2: batchnorm, 3: relu, 4: {conv: {out: classes, bias: true}}}}
  whole: {upsample: {size: side, mode: bilinear}}
"""


def test_a_detector_is_torchvision_s() -> None:
    """Whole names, `backbone.body.…` and `backbone.fpn.…`, with the heads that have the same weights on every level."""
    torchvision()
    twin = make_reference("torchvision:retinanet_resnet50_fpn").eval()
    arch = archspec.load("retinanet_resnet50_fpn", input=[3, 64, 64])
    built = arch.build(device="meta").eval()
    assert list(built.state_dict()) == list(twin.state_dict())
    built.load_state_dict(twin.state_dict(), strict=True, assign=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert all(map(torch.equal, built(image), twin(image).values()))
    assert "resnet50.yaml" in [source.name for source in arch.sources]


@pytest.mark.slow
def test_the_layers_of_a_detector_of_two_stages_are_torchvision_s() -> None:
    torchvision()
    arch = archspec.load("fasterrcnn_resnet50_fpn", input={"image": [3, 96, 64], "regions": [256, 7, 7]})
    comparison = arch.check_against("torchvision:fasterrcnn_resnet50_fpn")
    assert (comparison.outputs, comparison.same_order) == ("equal", True), comparison.diagnostics


@pytest.mark.slow
def test_a_feature_pyramid_is_torchvision_s() -> None:
    torchvision()
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    twin = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=torch.nn.BatchNorm2d)
    comparison = archspec.load("resnet50_fpn", input=[3, 64, 64]).check_against(twin)
    assert (comparison.outputs, comparison.same_order) == ("equal", True), comparison.diagnostics


def test_a_network_with_a_dilated_backbone_is_torchvision_s() -> None:
    torch.manual_seed(0)
    twin = torchvision().models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None).eval()
    built = archspec.load(DEEPLAB).build().eval()
    built.load_state_dict(twin.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(built(image), twin(image)["out"])


NET = "name: part\ninput: [3, 8, 8]\nargs: {width: 4}\nstages:\n  one: {conv: {out: width, kernel: 3}}\n  two: {conv: 2 * width}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part.yaml").write_text(NET)
    return tmp_path


def load(folder: Path, stages: str) -> archspec.Architecture:
    (folder / "net.yaml").write_text(f"{{name: net, input: [3, 8, 8], stages: {stages}}}")
    return archspec.load(folder / "net.yaml")


def test_a_file_is_used_twice_with_other_arguments(folder: Path) -> None:
    arch = load(
        folder,
        "{a: {network: {spec: part.yaml, args: {width: 2}}}, b: {network: {spec: part.yaml, outputs: one}, from: input}, "
        "c: {concat: [a, b]}}",
    )
    assert {name: tuple(value.shape) for name, value in arch.build().state_dict().items() if "weight" in name} == {
        "a.one.weight": (2, 3, 3, 3),
        "a.two.weight": (4, 2, 1, 1),
        "b.one.weight": (4, 3, 3, 3),
    }


def test_both_branches_may_share_a_network(folder: Path) -> None:
    arch = load(folder, "{a: {network: part.yaml}, b: {reuse: a, from: input}, c: {concat: [a, b]}}")
    assert list(arch.build().state_dict()) == ["a.one.weight", "a.one.bias", "a.two.weight", "a.two.bias"]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("{a: {network: net.yaml}}", "the network 'net.yaml' is a part of itself"),
        ("{a: {network: other.yaml}}", "'other.yaml' cannot be read"),
        ("{a: {network: resnet51}}", "there is no bundled spec 'resnet51'"),
        ("{a: {network: {spec: part.yaml, outputs: three}}}", "part has no stage 'three'"),
        ("{a: {network: {spec: part.yaml, args: {wide: 2}}}}", "part has no argument 'wide'"),
        ("{a: {network: {part: part.yaml}}}", "network has no argument 'part'"),
        (
            "{a: globalpool, b: {network: part.yaml}}",
            "part takes 3 channels × 8 height × 8 width, of any sizes; got 3 features",
        ),
    ],
)
def test_what_is_no_part(folder: Path, stages: str, message: str) -> None:
    with pytest.raises(archspec.SpecError) as caught:
        load(folder, stages)
    assert caught.value.diagnostics[0].message.startswith(message)


def test_a_mistake_is_located_in_its_file(folder: Path) -> None:
    (folder / "part.yaml").write_text(NET.replace("width, kernel", "width, kernal"))
    with pytest.raises(archspec.SpecError) as caught:
        load(folder, "{a: {network: part.yaml}}")
    assert Path(caught.value.diagnostics[0].span.source.name).name == "part.yaml"


def test_a_saved_spec_has_the_parts_in_it(folder: Path, tmp_path: Path) -> None:
    from archspec.pretrained import write_whole_spec

    arch = load(folder, "{a: {network: {spec: part.yaml, args: {width: 2}}}}")
    again = archspec.load(write_whole_spec(arch))
    assert str(again.graph) and again.params == arch.params
    assert "part.yaml" not in again.text


def test_networks_inside_one_another_are_bounded(folder: Path) -> None:
    for level in range(30):
        text = f"{{name: n{level}, input: [3, 8, 8], stages: {{a: {{network: n{level + 1}.yaml}}}}}}"
        (folder / f"n{level}.yaml").write_text(text)
    (folder / "n30.yaml").write_text(NET)
    with pytest.raises(archspec.SpecError) as caught:
        archspec.load(folder / "n0.yaml")
    assert caught.value.diagnostics[0].message == "more than 16 networks inside one another"
    assert archspec.load(folder / "n20.yaml").params == archspec.load(folder / "n30.yaml").params


LARGE = """
name: whole
input: [8]
args: {times: 3}
stages:
  x:
    network:
      spec:
        name: part
        input: [8]
        args: {times: 2}
        stages:
          a: {repeat: {times: times, layers: [linear: 8]}}
          rest: {repeat: {times: 1000000, layers: [linear: 8]}}
      args: {times: times * times}
      outputs: a
"""


def test_the_size_of_a_network_is_known_before_it_is_built() -> None:
    """The stages that are used, with the arguments of this use."""
    assert len(list(archspec.load(LARGE).graph.ops)) == 9
    budget = archspec.Budget(archspec.Limits())
    with pytest.raises(archspec.SpecError, match="the network would have more than 100,000 nodes"):
        archspec.load(LARGE, times=1000, limits=budget)
    assert budget.spent["nodes"] == 0
    with pytest.raises(archspec.SpecError, match="the network would have more than 100,000 nodes"):
        archspec.load(LARGE.replace("      outputs: a\n", ""))
