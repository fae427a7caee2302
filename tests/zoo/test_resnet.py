"""The ResNet families, compared with their papers and releases."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from tests import test_twins
from tests.references import timm, torchvision
from tests.sample import sampled
from tests.test_functions import built, copy_in_order, noise, same_in_both_modes
from tests.zoo import residual
from tests.zoo.residual import Averaged, Basic, Bottleneck, Figure4, Gated, Padded, RawWide, cifar, conv, network

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")
nn = torch.nn


def basic(option: str, **options: Any) -> residual.Unit:
    """Units of He et al. 2015 with one of their options for skip connections."""

    def unit(before: int, width: int, stride: int, number: int) -> Any:
        changes = before != width
        if option == "C" or (option == "B" and changes):
            return Basic(before, width, stride, residual.projected(before, width, stride), **options)
        return Basic(before, width, stride, Padded() if changes else nn.Identity(), **options)

    return unit


def compare(spec: str, reference: Any, size: int = 32, **arguments: int) -> None:
    model = built(spec, **arguments)
    same_in_both_modes(model, copy_in_order(reference, model), noise(2, 3, size, size))


@pytest.mark.parametrize("option", ["A", "B", "C"])
def test_shortcuts_of_cifar(option: str) -> None:
    compare(f"cifar_resnet110_{option}", cifar(basic(option), 2), n=2)


@pytest.mark.parametrize("kind", ["b", "c", "d", "e"])
def test_activations(kind: str) -> None:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return Figure4(kind, before, width, stride, first=number == 0)

    stem = [conv(3, 16, 3)] if kind == "e" else None
    end = {"d": [nn.ReLU()], "e": residual.activated(64)}.get(kind, [])
    compare(f"resnet110_act_{kind}", cifar(unit, 2, stem=stem, end=end), n=2)
    if kind == "e":
        compare("cifar_preact_resnet110_A", cifar(unit, 2, stem=stem, end=residual.activated(64)), n=2)


def test_original_activation() -> None:
    compare("resnet110_act_a", cifar(basic("A"), 2), n=2)


class Dense(nn.Module):  # type: ignore[misc, name-defined]
    """A first unit whose skip connection is the activated input, although the shape does not change."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.Sequential(*residual.activated(width))
        self.branch = residual.preactivated_basic(width, width, 1, bare=True)

    def forward(self, x: Any) -> Any:
        return self.branch(self.before(x))


def test_preactivation_with_projections() -> None:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return Dense(width) if not number and before == width else residual.preactivated_basic(before, width, stride)

    reference = cifar(unit, 2, stem=[conv(3, 16, 3)], end=residual.activated(64))
    compare("cifar_preact_resnet110_B", reference, n=2)


def early_bottleneck(before: int, width: int, stride: int, number: int) -> Any:
    return residual.preactivated_bottleneck(before, width, stride, early=True)


def preact164(n: int) -> Any:
    return cifar(early_bottleneck, n, stem=[conv(3, 16, 3)], end=residual.activated(256), expansion=4)


def test_preactivated_bottlenecks() -> None:
    compare("cifar_preact_resnet164", preact164(2), n=2)


def original_bottleneck(before: int, width: int, stride: int, number: int) -> Any:
    shortcut = residual.projected(before, 4 * width, stride) if before != 4 * width else nn.Identity()
    return Bottleneck(before, width, stride, shortcut)


def test_original_bottlenecks() -> None:
    compare("cifar_resnet164_postact", cifar(original_bottleneck, 2, expansion=4), n=2)


def preact_imagenet(depths: tuple[int, ...], *, deep: bool) -> Any:
    seen: list[int] = []  # the first unit has no activation of its own

    def unit(before: int, width: int, stride: int, number: int) -> Any:
        seen.append(number)
        bare = len(seen) == 1
        if deep:
            return residual.preactivated_bottleneck(before, width, stride, early=False, bare=bare)
        return residual.preactivated_basic(before, width, stride, bare=bare)

    expansion = 4 if deep else 1
    return network(
        unit,
        (64, 128, 256, 512),
        depths,
        residual.imagenet_stem(),
        residual.activated(512 * expansion),
        start=64,
        expansion=expansion,
        classes=1000,
    )


@pytest.mark.parametrize(("spec", "deep"), [("preact_resnet18", False), ("preact_resnet50", True)])
def test_preactivation_on_imagenet(spec: str, deep: bool) -> None:
    depths = {"depth1": 2, "depth2": 2, "depth3": 1, "depth4": 1}
    compare(spec, preact_imagenet(tuple(depths.values()), deep=deep), 64, **depths)


def wide(n: int, k: int, dropout: float = 0.0, classes: int = 10) -> Any:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return residual.preactivated_basic(before, width, stride, dropout=nn.Dropout(dropout))

    end = residual.activated(64 * k)
    return network(unit, (16 * k, 32 * k, 64 * k), (n, n, n), [conv(3, 16, 3)], end, classes=classes)


@pytest.mark.parametrize(("spec", "k"), [("cifar10_wrn40_1", 1), ("cifar10_wrn28_10", 2)])
def test_wide(spec: str, k: int) -> None:
    compare(spec, wide(2, k), n=2, k=k)


def test_dropout_of_wide() -> None:
    """The same draws at the same places: after the second activation of each unit."""
    model = archspec.load("cifar10_wrn28_10", n=1, k=1, dropout=0.3).build(device="cpu", seed=0).double().train()
    model_state = model.state_dict()
    drop = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert drop == [0.3] * 3

    def unit(before: int, width: int, stride: int, number: int) -> Any:
        projection = conv(before, width, 1, stride)
        convs = [conv(before, width, 3, stride), conv(width, width, 3)]
        return residual.Preactivated(convs, projection, dropout=nn.Dropout(0.3))

    reference = cifar(unit, 1, stem=[conv(3, 16, 3)], end=residual.activated(64)).double()
    reference.load_state_dict(dict(zip(reference.state_dict(), model_state.values(), strict=True)))
    results = []
    for network_ in (model, reference.train()):
        torch.manual_seed(3)
        results.append(network_(noise(2, 3, 32, 32)))
    assert torch.equal(*results)
    assert not torch.equal(results[0], model(noise(2, 3, 32, 32))), "another draw gives another output"


def test_meliketoy() -> None:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return RawWide(before, width, stride)

    end = [nn.BatchNorm2d(128, momentum=0.9), nn.ReLU()]
    reference = network(unit, (32, 64, 128), (2, 2, 2), [conv(3, 16, 3, bias=True)], end)
    compare("cifar10_wrn16_8_meliketoy", reference, k=2)


@pytest.mark.parametrize("exclusive", [True, False])
def test_gated_shortcuts(exclusive: bool) -> None:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return Gated(before, width, stride, Padded() if before != width else nn.Identity(), exclusive=exclusive)

    name = "resnet110_shortcut_exclusive_gating" if exclusive else "resnet110_shortcut_gating"
    compare(name, cifar(unit, 2), n=2)
    gates = [tensor for key, tensor in archspec.load(name, n=1).build().state_dict().items() if "gate.0.bias" in key]
    assert len(gates) == 3
    assert all((gate == -6).all() for gate in gates)


class Scaled(Basic):
    def forward(self, x: Any) -> Any:
        return torch.relu(self.residual(x) + self.shortcut(x) * 0.5)


@pytest.mark.parametrize("branch", [0.5, 1])
def test_scaled_shortcuts(branch: float) -> None:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        made = Scaled(before, width, stride, Padded() if before != width else nn.Identity())
        made.factor = branch
        return made

    model = archspec.load("resnet110_shortcut_scaling", n=2, branch_scale=branch).build(seed=0).double()
    same_in_both_modes(model, copy_in_order(cifar(unit, 2), model), noise(2, 3, 32, 32))


def test_convolved_shortcuts() -> None:
    compare("resnet110_shortcut_conv", cifar(basic("C"), 1), n=1)


def test_dropped_shortcuts() -> None:
    """Without draws it is the network of option A; each skip connection has its own draw."""
    compare("resnet110_shortcut_dropout", cifar(basic("A"), 1), n=1)
    model = archspec.load("resnet110_shortcut_dropout", n=2).build(seed=0)
    assert [module.p for module in model.modules() if isinstance(module, nn.Dropout)] == [0.5] * 6


# -- ImageNet: torchvision's networks, changed by hand --------------------------------------------------------------


def same_as(spec: str, twin: Any, size: int = 64) -> test_twins.Pair:
    """The same names, and the same outputs with the same random weights."""
    image = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    ours = archspec.load(spec).build(device="cpu", seed=0)
    starts = test_twins.start_of(ours), test_twins.start_of(twin)
    pair = test_twins.Pair(test_twins.Twin(spec, size), ours, twin, image, starts)
    test_twins.test_names(pair)
    test_twins.test_function(pair)
    return pair


def units_of(model: Any) -> list[Any]:
    return [unit for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for unit in stage]


def strided_early(model: Any) -> Any:
    for unit in units_of(model):
        unit.conv1.stride, unit.conv2.stride = unit.conv2.stride, (1, 1)
    return model


def padded(model: Any) -> Any:
    for unit in units_of(model):
        if unit.downsample is not None:
            unit.downsample = Padded()
    return model


def projected_everywhere(model: Any) -> Any:
    for unit in units_of(model):
        if unit.downsample is None:
            channels = unit.conv1.in_channels
            unit.downsample = residual.projected(channels, channels, 1)
    return model


def test_stride_on_the_first_1x1() -> None:
    same_as("resnet50_v1", strided_early(torchvision().models.resnet50()))


def test_options_on_imagenet() -> None:
    same_as("resnet18_A", padded(torchvision().models.resnet18()))
    same_as("resnet18_C", projected_everywhere(torchvision().models.resnet18()))


@pytest.mark.parametrize("depth", sampled([18, 50], {18}))
def test_twins_in_timm(depth: int) -> None:
    pair = same_as(f"resnetv2_{depth}", timm().create_model(f"resnetv2_{depth}"))
    test_twins.test_start(pair)


@pytest.mark.parametrize("spec", sampled(["resnet18", "resnet50"], {"resnet18"}))
def test_units_may_start_as_their_shortcuts(spec: str) -> None:
    twin = getattr(torchvision().models, spec)(zero_init_residual=True)
    zero = {key for key, tensor in twin.state_dict().items() if key.endswith("weight") and not tensor.any()}
    state = archspec.load(spec, gamma=0).build(seed=0).state_dict()
    assert {key for key, tensor in state.items() if key.endswith("weight") and not tensor.any()} == zero
    assert len(zero) == len(units_of(twin))


# -- stochastic depth ------------------------------------------------------------------------------------------------


def stochastic(n: int) -> Any:
    def unit(before: int, width: int, stride: int, number: int) -> Any:
        return Basic(before, width, stride, Averaged() if before != width else nn.Identity(), bias=True)

    return cifar(unit, n, stem=[conv(3, 16, 3, bias=True), *residual.activated(16)])


def test_stochastic_depth_at_test_time() -> None:
    """Huang et al. 2016, equation 5: every branch times its survival probability 1 - l/L (1 - p_L)."""
    model = built("stochastic_depth_resnet110_cifar10", n=2).eval()
    reference = copy_in_order(stochastic(2), model).eval()
    units = [module for module in reference if isinstance(module, Basic)]
    for number, unit in enumerate(units, 1):
        unit.factor = 1 - number / len(units) * 0.5
    with torch.no_grad():
        ours, theirs = model(noise(2, 3, 32, 32)), reference(noise(2, 3, 32, 32))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert theirs.std() > 0


def drops(spec: str) -> list[Any]:
    model = archspec.load(spec).build(device="meta")
    return [module for module in model.modules() if type(module).__name__ == "DropPath"]


def test_expected_depth() -> None:
    """Huang et al. 2016, section 3: (3L - 1) / 4 of L units survive on average, 40.25 of 54; one draw for a minibatch."""
    modules = drops("stochastic_depth_resnet110_cifar10")
    assert len(modules) == 54
    assert sum(1 - module.p for module in modules) == pytest.approx(40.25, abs=1e-12)
    assert {(module.mode, module.rescale) for module in modules} == {("batch", "test")}
    assert [module.p for module in drops("stochastic_depth_resnet110_uniform")] == [0.5] * 54
    assert sum(1 - module.p for module in drops("stochastic_depth_resnet152_svhn")) == pytest.approx(56, abs=1e-12)


def test_a_dropped_branch_leaves_the_shortcut() -> None:
    model = built("stochastic_depth_resnet110_cifar10", n=1).train()
    for module in model.modules():
        if type(module).__name__ == "DropPath":
            module.p = 1.0
    reference = copy_in_order(stochastic(1), model).train()
    with torch.no_grad():
        value = reference[2](reference[1](reference[0](noise(2, 3, 32, 32))))
        for unit in reference[3:6]:
            value = torch.relu(unit.shortcut(value))
        expected = reference[6:](value)
        torch.testing.assert_close(model(noise(2, 3, 32, 32)), expected, rtol=0, atol=1e-12)


def test_any_residual_network_may_be_stochastic() -> None:
    arch = archspec.load("name: x\nextends: resnet50\npasses: [stochastic_depth: {survival: 0.8}]\n")
    assert arch.params == archspec.load("resnet50").params
    assert arch.build(device="meta").state_dict().keys() == archspec.load("resnet50").build().state_dict().keys()


# -- counts, compared with torch's own counter ----------------------------------------------------------------------------


def counted(reference: Any, size: int) -> tuple[int, int]:
    """Parameters, and MACs as torch's own counter has them."""
    with flop_counter.FlopCounterMode(display=False) as counter:
        reference.to("meta").eval()(torch.zeros(1, 3, size, size, device="meta"))
    return sum(parameter.numel() for parameter in reference.parameters()), counter.get_total_flops() // 2


COUNTED = {
    "resnet152_v1": lambda: strided_early(torchvision().models.resnet152()),
    "resnet34_C": lambda: projected_everywhere(torchvision().models.resnet34()),
    "wide_resnet101_2": lambda: torchvision().models.get_model("wide_resnet101_2"),
    "cifar_resnet56_A": lambda: cifar(basic("A"), 9),
    "preact_resnet101": lambda: preact_imagenet((3, 4, 23, 3), deep=True),
    "resnetv2_101": lambda: timm().create_model("resnetv2_101"),
    "cifar10_wrn22_8": lambda: wide(3, 8),
    "cifar10_wrn40_10": lambda: wide(6, 10),
}


@pytest.mark.parametrize("spec", sampled(COUNTED, {"resnet34_C", "cifar_resnet56_A", "cifar10_wrn22_8"}))
def test_counts(spec: str) -> None:
    arch = archspec.load(spec)
    with torch.device("meta"):
        reference = COUNTED[spec]()
    assert (arch.params, arch.macs) == counted(reference, arch.input_shapes["input"][1])


@pytest.mark.parametrize(
    ("spec", "units", "made"),
    [("cifar_preact_resnet1001", 111, preact164), ("stochastic_depth_resnet1202_cifar10", 200, stochastic)],
)
def test_counts_of_very_deep_ones(spec: str, units: int, made: Any) -> None:
    """Each further unit in each stage has the same cost."""
    arch = archspec.load(spec)
    with torch.device("meta"):
        few, more = counted(made(2), 32), counted(made(3), 32)
    assert arch.params == few[0] + (units - 2) * (more[0] - few[0])
    assert arch.macs == few[1] + (units - 2) * (more[1] - few[1])


def test_an_argument_may_use_what_the_same_spec_adds() -> None:
    """`n` of the base may use `units`, which only the extending spec declares, and later."""
    text = "name: x\nextends: cifar_resnet20_A\nargs: {n: units / 3, units: 9}\n"
    assert archspec.load(text).depth == 20
    assert archspec.load(text, units=15).depth == 32


def test_arguments_that_use_each_other() -> None:
    with pytest.raises(archspec.SpecError, match="no number here"):
        archspec.load("name: x\nextends: cifar_resnet20_A\nargs: {n: units / 3, units: 3 * n}\n")
