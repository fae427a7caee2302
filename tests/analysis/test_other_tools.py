"""The numbers of fvcore and thop, run beside ours, and those that tools gave for torchvision's networks.

fvcore and thop are of the extra `test`; where one is missing, its tests are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import archspec
from archspec.analysis.conventions import CONVENTION_NAMES
from tests.sample import sampled

torch = pytest.importorskip("torch")

NETWORKS: dict[str, dict[str, Any]] = {
    "alexnet": {"input": [3, 96, 96]},
    "bn_inception": {"input": [3, 96, 96]},
    "cifar10_densenet_bc_100_k12": {},
    "cifar10_wrn16_8": {},
    "cifar_resnet20_A": {},
    "cifar_preact_resnet110_A": {},
    "convnext_tiny": {"input": [3, 64, 64]},
    "densenet121": {"input": [3, 64, 64]},
    "dmrnet_d14": {},
    "dpn68": {"input": [3, 64, 64]},
    "dla46_c": {"input": [3, 64, 64]},
    "fractalnet20": {},
    "ghostnet_100": {"input": [3, 64, 64]},
    "googlenet": {"input": [3, 96, 96]},
    "googlenet_aux": {"input": [3, 224, 224]},
    "highway_mnist_fc10": {},
    "inception_v3": {"input": [3, 139, 139]},
    "lstm": {},
    "mobilenet_v2": {"input": [3, 96, 96]},
    "mobileone_s1": {"input": [3, 64, 64]},
    "poolformer_s12": {"input": [3, 64, 64]},
    "resnet50": {"input": [3, 64, 64]},
    "resnext50_32x4d": {"input": [3, 64, 64]},
    "rexnet_100": {"input": [3, 64, 64]},
    "skresnet18": {"input": [3, 64, 64]},
    "swin_t": {},
    "unet": {"base": 4},
    "vgg11_bn": {"input": [3, 64, 64]},
    "vit_b_16": {"depth": 2},
}
QUICK = {"cifar_resnet20_A", "dpn68", "lstm", "mobilenet_v2", "unet", "vit_b_16"}

SMALL = {
    "attention": "{attention: 2}",
    "avgpool": "[reshape: {channels: 8, length: 6}, avgpool: 2, conv: 3]",
    "layernorm": "[layernorm, linear: 5, gelu]",
    "plain layernorm": "[layernorm: {affine: false}]",
    "softmax": "[linear: 4, softmax]",
}
"""Layers of sequences."""
SMALL_IMAGES = {
    "adaptive pool": "[adaptivepool: 3, conv: 4]",
    "batchnorm": "[batchnorm: {affine: false}, conv: 4, batchnorm]",
    "bicubic": "[upsample: {scale: 2, mode: bicubic}]",
    "bilinear": "[upsample: {size: 9, mode: bilinear}]",
    "convtranspose": "[convtranspose: {out: 4, kernel: 3, stride: 2, groups: 2}]",
    "groupnorm": "[conv: 4, groupnorm: 2]",
    "instancenorm": "[instancenorm: {affine: true}, instancenorm]",
    "nearest": "[upsample: 2]",
    "prelu": "[conv: {out: 6, groups: 2}, prelu, leakyrelu]",
}


def count_with_fvcore(model: Any, inputs: tuple[Any, ...]) -> tuple[int, int]:
    fvcore = pytest.importorskip("fvcore.nn")
    counters = (counter(model, inputs) for counter in (fvcore.FlopCountAnalysis, fvcore.ActivationCountAnalysis))
    flops, acts = (counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False) for counter in counters)
    return int(flops.total()), int(acts.total())


def count_with_thop(model: Any, inputs: tuple[Any, ...]) -> int:
    count, _ = pytest.importorskip("thop").profile(model, inputs, verbose=False)
    return int(count)


def load_small(layers: str, sizes: str) -> archspec.Architecture:
    return archspec.load(f"{{name: small, input: {sizes}, stages: {{body: {layers}}}}}")


CASES: dict[str, Callable[[], archspec.Architecture]] = {
    **{name: lambda name=name, given=given: archspec.load(name, **given) for name, given in NETWORKS.items()},  # type: ignore[misc]
    **{name: lambda layers=layers: load_small(layers, "[6, 8]") for name, layers in SMALL.items()},  # type: ignore[misc]
    **{name: lambda layers=layers: load_small(layers, "[4, 6, 6]") for name, layers in SMALL_IMAGES.items()},  # type: ignore[misc]
}
pytestmark = pytest.mark.filterwarnings("ignore")  # fvcore and thop use what Python and torch advise against
EVERY = sampled(CASES, {*QUICK, *SMALL, *SMALL_IMAGES})


def prepare(case: str) -> tuple[archspec.Architecture, Any, tuple[Any, ...]]:
    arch = CASES[case]()
    sizes = arch.input_shapes.values()
    return arch, arch.build(device="cpu").eval(), tuple(torch.zeros(1, *shape) for shape in sizes)


@pytest.mark.parametrize("case", sampled(CASES, {"lstm", "unet", *SMALL_IMAGES}))
def test_fvcore_counts_as_we_say(case: str) -> None:
    arch, model, inputs = prepare(case)
    flops, acts = count_with_fvcore(model, inputs)
    assert arch.count("fvcore") == arch.count("timm") == flops
    (rule,) = (rule for rule in arch.explain_count(f"{acts} acts").rules if rule.name == "fvcore acts")
    assert rule.count == acts


@pytest.mark.parametrize("case", EVERY)
def test_thop_counts_as_we_say(case: str) -> None:
    arch, model, inputs = prepare(case)
    assert arch.count("thop") == count_with_thop(model, inputs)


MEASURED = {
    "resnet50": (
        4_089_184_256,
        8_178_368_512,
        4_089_185_256,
        4_111_512_576,
        4_111_512_576,
        4_133_742_592,
        8_211_108_352,
    ),
    "alexnet": (714_188_480, 1_428_376_960, 714_682_664, 714_197_696, 714_197_696, 714_206_912, 1_429_741_184),
    "mobilenet_v2": (300_774_272, 601_548_544, 300_775_272, 314_193_216, 314_193_216, 327_550_720, 614_967_488),
}
"""torchvision's networks in the conventions: fvcore 0.1.5 and thop 0.1.1 as run, DeepSpeed's profiler by its standalone copy
(cli99/flops-profiler) as run on modules that add with `+`, pycls from its published list or MACs with the biases of the classifier."""


@pytest.mark.parametrize("spec", MEASURED)
def test_the_conventions_give_the_numbers_of_the_tools(spec: str) -> None:
    arch = archspec.load(spec)
    assert dict(zip(CONVENTION_NAMES, MEASURED[spec], strict=True)) == {
        name: arch.count(name) for name in CONVENTION_NAMES
    }
