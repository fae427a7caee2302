"""What libraries around torch do with a module, done to ours as their users' snippets do it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrize, prune

from tests.references import torchvision
from tests.sample import small


@pytest.fixture
def model() -> Any:
    return small("resnet18").build().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


class LoRALinear(nn.Module):
    """A linear layer with a low-rank update beside it (Hu et al. 2021, arXiv:2106.09685), as peft wraps one."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        update: Tensor = self.up(self.down(x))
        out: Tensor = self.base(x)
        return out + update


def test_peft_replaces_linear_layers_by_name() -> None:
    model: Any = small("vgg11").build().eval()
    x = torch.randn(2, 3, 48, 48)
    before = model(x)
    targets = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    model.requires_grad_(requires_grad=False)
    for name in targets:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, LoRALinear(model.get_submodule(name), rank=2))
    assert torch.equal(model(x), before)
    model(x).sum().backward()
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert trained == {f"{name}.{part}.weight" for name in targets for part in ("down", "up")}
    with torch.no_grad():
        model.get_submodule(targets[-1]).up.weight.fill_(1.0)
    assert not torch.allclose(model(x), before)
    for name in targets:  # merge and unload
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, model.get_submodule(name).base)
    assert torch.equal(model(x), before)


def test_peft_itself() -> None:
    peft = pytest.importorskip("peft")
    model = small("vgg11").build()
    wrapped = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=r"classifier\.\d+"))
    assert wrapped(torch.zeros(2, 3, 48, 48)).shape == (2, 1000)


def test_captum_reads_and_replaces_the_values_of_a_layer(model: Any, images: Tensor) -> None:
    """Captum's LayerConductance keeps a layer's output by a hook, and its ablations replace it by one."""
    seen: list[Tensor] = []
    layer = model.layer3[0].conv2
    handle = layer.register_forward_hook(lambda module, args, output: seen.append(output))
    before = model(images)
    (gradient,) = torch.autograd.grad(before[:, 0].sum(), seen)
    assert gradient.shape == seen[0].shape
    handle.remove()
    with layer.register_forward_hook(lambda module, args, output: torch.zeros_like(output)):
        assert not torch.allclose(model(images), before)
    with model.layer3.register_forward_pre_hook(lambda module, args: (args[0] * 0,)):
        assert not torch.allclose(model(images), before)
    assert torch.equal(model(images), before)


def test_captum_itself(model: Any, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    heat = attr.LayerGradCam(model, model.layer4[-1]).attribute(images, target=0)
    assert heat.shape[:2] == (2, 1)


def test_accelerate_attaches_hooks_by_replacing_forward(model: Any, images: Tensor) -> None:
    """accelerate's `add_hook_to_module` puts another `forward` on the instance, also of stages, and takes it away again."""
    before, calls = model(images), []
    for name in ("layer1", "layer2.0", "fc"):
        module = model.get_submodule(name)
        inner = module.forward

        def forward(*args: Any, inner: Any = inner, name: str = name) -> Any:
            calls.append(name)
            return inner(*args)

        module.forward = forward
    assert torch.equal(model(images), before)
    assert calls == ["layer1", "layer2.0", "fc"]
    for name in calls:
        del model.get_submodule(name).forward
    assert torch.equal(model(images), before)


def test_accelerate_itself(model: Any, images: Tensor) -> None:
    accelerate = pytest.importorskip("accelerate")
    prepared = accelerate.Accelerator(cpu=True).prepare(model)
    assert torch.equal(prepared(images), model(images))


def test_gradients_of_each_sample_by_torch_func(model: Any, images: Tensor) -> None:
    params = {name: value.detach() for name, value in model.named_parameters()}

    def loss(params: Any, image: Tensor) -> Tensor:
        out: Tensor = functional_call(model, params, (image[None],))
        return out.logsumexp(1).sum()

    each = vmap(grad(loss), in_dims=(None, 0))(params, images)
    for index, image in enumerate(images):
        alone = grad(loss)(params, image)
        torch.testing.assert_close(each["fc.weight"][index], alone["fc.weight"], rtol=1e-3, atol=1e-4)
    assert set(each) == set(params)


def test_a_parametrisation_and_pruning(model: Any, images: Tensor) -> None:
    class Halve(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight / 2

    weight, bias = model.fc.weight.clone(), model.fc.bias
    before = model(images)
    parametrize.register_parametrization(model.fc, "weight", Halve())
    parametrize.register_parametrization(model.layer1[0].conv1, "weight", nn.Identity())
    torch.testing.assert_close(model(images) - bias, (before - bias) / 2, rtol=1e-4, atol=1e-5)
    parametrize.remove_parametrizations(model.fc, "weight", leave_parametrized=False)
    assert torch.equal(model.fc.weight, weight)
    prune.random_unstructured(model.layer2[0].conv1, "weight", amount=0.5)  # type: ignore[no-untyped-call]
    assert model(images).isfinite().all()
    spectral = nn.utils.parametrizations.spectral_norm(model.fc)
    assert spectral is model.fc


def test_numbers_devices_and_modes_reach_all_parts(model: Any, images: Tensor) -> None:
    assert {value.dtype for value in copy.deepcopy(model).half().parameters()} == {torch.float16}
    assert copy.deepcopy(model).bfloat16()(images.bfloat16()).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert model(images).dtype == torch.bfloat16
    meta = copy.deepcopy(model).to("meta")
    assert meta(images.to("meta")).shape == (2, 1000)
    assert meta.layer1[0].conv1.weight.is_meta
    assert not any(part.training for part in model.modules())
    assert all(part.training for part in model.train().layer1[0].modules())
    assert len(list(model.layer4.parameters())) == sum(1 for name, _ in model.named_parameters() if "layer4" in name)


@pytest.mark.slow
def test_pt2e_quantisation() -> None:
    pt2e = pytest.importorskip("torchao.quantization.pt2e.quantize_pt2e")
    x86 = pytest.importorskip("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    model, x = small("resnet18").build().eval(), torch.randn(4, 3, 48, 48)
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = pt2e.prepare_pt2e(torch.export.export(model, (x,)).module(), quantizer)
    with torch.no_grad():
        expected = model(x)
        prepared(x)
        found = pt2e.convert_pt2e(prepared)(x)
    assert (found - expected).abs().max() < 0.2 * expected.abs().max()


def test_feature_extraction_names_any_layer(model: Any, images: Tensor) -> None:
    torchvision()
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    train, _ = get_graph_node_names(model)
    assert {"conv1", "layer1.0.conv1", "fc"} <= set(train)
    out = create_feature_extractor(model, ["layer1.0.conv1", "layer2", "fc"])(images)
    assert torch.equal(
        out["layer2"], model.layer2(model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(images))))))
    )
    assert torch.equal(out["fc"], model(images))


def test_a_part_is_checkpointed_in_segments_as_a_sequential(model: Any) -> None:
    from torch.utils.checkpoint import checkpoint_sequential

    features: Any = small("vgg11").build().eval().get_submodule("features")
    x = torch.randn(2, 3, 48, 48, requires_grad=True)
    assert torch.equal(checkpoint_sequential(features, 3, x, use_reentrant=False), features(x))  # type: ignore[no-untyped-call]


def test_data_parallel_replicas_are_parts_of_the_same_classes(model: Any) -> None:
    replica = model.layer1._replicate_for_data_parallel()
    assert type(replica) is type(model.layer1)
    assert len(replica) == len(model.layer1)
