"""The bundled specs, compared with the reference libraries' networks: names, functions and gradients.

This finds a wrong wiring with equal counts: the reference gets random weights and statistics, they are copied by name, and both must
compute bitwise the same numbers, in eval and in train mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest

import archspec
from tests.references import timm, torchvision
from tests.sample import sampled

torch = pytest.importorskip("torch")

BATCH = 2
GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Twin:
    """A spec, the reference model of the same network, and an input size in pixels that uses every layer."""

    spec: str
    size: int
    model: str = ""
    library: str = "torchvision"
    options: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    """The arguments of the spec."""
    starts_otherwise: str | None = None
    """The prefix of weights that the spec initialises as published and the library does not."""


OWN_START = {"init_weights": True}  # avoids torchvision's warning about a future default
TWINS = (
    *(Twin(f"resnet{depth}", 96) for depth in (18, 34, 50, 101, 152)),
    *(Twin(spec, 96) for spec in ("resnext50_32x4d", "wide_resnet50_2")),
    *(Twin(f"densenet{depth}", 96) for depth in (121, 161, 169, 201)),
    *(Twin(spec, 64, options=OWN_START) for spec in ("vgg16", "vgg16_bn")),
    Twin(
        "alexnet", 96, starts_otherwise=""
    ),  # as in Krizhevsky et al. 2012, section 5; torchvision uses torch's default
    Twin("googlenet", 96, options=OWN_START | {"aux_logits": False}),
    Twin("googlenet_aux", 96, "googlenet", options=OWN_START | {"aux_logits": True}),
    Twin("inception_v3", 139, options=OWN_START | {"aux_logits": False}),
    Twin(
        "inception_v3_aux",
        299,
        "inception_v3",
        options=OWN_START | {"aux_logits": True},
        starts_otherwise="AuxLogits.conv1.",  # 0.01, which torchvision sets where it has no effect
    ),
    Twin("mobilenet_v2", 96),
    Twin("vit_b_16", 224),
    Twin("dpn92", 96, library="timm"),
)


SMALL_VIT = {"num_layers": 2, "num_heads": 3, "hidden_dim": 48, "mlp_dim": 96}
QUICK = (
    *(twin for twin in TWINS if twin.spec in {"resnext50_32x4d", "densenet121", "googlenet_aux"}),
    Twin(
        "vit_b_16",
        224,
        "VisionTransformer",
        options={"image_size": 224, "patch_size": 16, **SMALL_VIT},
        arguments={"depth": 2, "heads": 3, "width": 48, "mlp": 96},
    ),
)
"""A small and fast member of each family."""


def named(twin: Twin) -> str:
    return f"{twin.spec}-small" if twin.arguments else twin.spec


Start = dict[str, tuple[int, float, float]]
"""For each weight: the number of elements, their mean and their standard deviation."""


@dataclass
class Pair:
    """A network built from its spec, and its twin."""

    case: Twin
    built: Any
    twin: Any
    image: Any
    starts: tuple[Start, Start]


@pytest.fixture(scope="module", params=sampled(dict.fromkeys((*QUICK, *TWINS)), QUICK), ids=named)
def pair(request: pytest.FixtureRequest) -> Pair:
    case: Twin = request.param
    name = case.model or case.spec
    torch.manual_seed(0)
    if case.library == "timm":
        twin = timm().create_model(name, **case.options)
    else:
        twin = getattr(torchvision().models, name)(**case.options)
    image = torch.randn(BATCH, 3, case.size, case.size, generator=torch.Generator().manual_seed(1))
    built = archspec.load(case.spec, **case.arguments).build(device="cpu", seed=0)
    return Pair(case, built, twin, image, (start_of(built), start_of(twin)))


def start_of(model: Any) -> Start:
    weights = {key: tensor for key, tensor in model.state_dict().items() if tensor.numel() > 1}
    return {key: (tensor.numel(), tensor.mean().item(), tensor.std().item()) for key, tensor in weights.items()}


def test_names(pair: Pair) -> None:
    shapes = [{key: tensor.shape for key, tensor in model.state_dict().items()} for model in (pair.built, pair.twin)]
    assert shapes[0] == shapes[1]


def test_start(pair: Pair) -> None:
    """Both initialise their weights from distributions of the same mean and deviation, as far as a sample shows."""
    ours, theirs = pair.starts
    for key, (count, mean, deviation) in theirs.items():
        if pair.case.starts_otherwise is not None and key.startswith(pair.case.starts_otherwise):
            continue
        _, our_mean, our_deviation = ours[key]
        error = 6 * max(deviation, our_deviation) / math.sqrt(count)
        assert our_deviation == pytest.approx(deviation, rel=0, abs=error), key
        assert our_mean == pytest.approx(mean, rel=0, abs=math.sqrt(2) * error), key


def test_function(pair: Pair) -> None:
    exchange_weights(pair)
    compare_outputs(pair, training=False)
    compare_outputs(pair, training=True)
    for key, tensor in pair.twin.state_dict().items():
        assert torch.equal(pair.built.state_dict()[key], tensor), f"{key} after a pass in train mode"


def test_gradients(pair: Pair) -> None:
    """One backward pass in train mode: bitwise equal in float32, or ‖g − g'‖₂ ≤ 1e-6 · ‖g'‖₂ for each parameter in float64.

    Autograd sums the gradients of a value with several consumers in an order that depends on the form of the graph; in float32 the
    difference grows through a hundred normalisations.
    """
    exchange_weights(pair)
    ours, theirs = (gradients(model, pair.image) for model in (pair.built, pair.twin))
    assert ours.keys() == theirs.keys()
    if all(torch.equal(ours[name], gradient) for name, gradient in theirs.items()):
        return
    ours, theirs = (gradients(model.double(), pair.image.double()) for model in (pair.built, pair.twin))
    largest = max(gradient.norm().item() for gradient in theirs.values())
    for name, gradient in theirs.items():
        rest = (ours[name] - gradient).norm().item()
        assert rest <= GRADIENT_TOLERANCE * gradient.norm().item() + ROUNDING * largest, name


ROUNDING = (
    1e-13  # of the largest gradient, for gradients that are exactly 0 (a bias before a normalisation) up to rounding
)


def exchange_weights(pair: Pair) -> None:
    """Copies the built network's weights to its twin, both by name and strictly, and random ones back."""
    pair.built.float()
    pair.twin.float().load_state_dict(pair.built.state_dict(), strict=True)
    randomise(pair.twin)
    pair.built.load_state_dict(pair.twin.state_dict(), strict=True)


def randomise(model: Any) -> None:
    """Randomises each weight and running statistic, so that no zero or one hides a wrong wiring."""
    generator = torch.Generator().manual_seed(2)
    for key, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if key.endswith("running_var") or (tensor.ndim == 1 and key.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim == 1:
            tensor.normal_(0, 0.1, generator=generator)
        else:
            tensor.normal_(0, math.sqrt(2 / tensor[0].numel()), generator=generator)


def outputs_of(model: Any, image: Any) -> list[Any]:
    """All outputs, including auxiliary ones, with the same random numbers for every dropout."""
    model.training = True  # only of the outermost module, so that torchvision computes its auxiliary heads
    torch.manual_seed(3)
    result = model(image)
    return [result] if isinstance(result, torch.Tensor) else list(result)


def compare_outputs(pair: Pair, *, training: bool) -> None:
    mode = "train" if training else "eval"
    with torch.no_grad():
        ours, theirs = (outputs_of(model.train(training), pair.image) for model in (pair.built, pair.twin))
    assert len(ours) == len(theirs)
    for position, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert other.std() > 0, "a constant output compares nothing"
        assert torch.equal(one, other), (
            f"output {position} in {mode} mode differs by {(one - other).abs().max().item()}"
        )


def gradients(model: Any, image: Any) -> dict[str, Any]:
    """The gradient of each parameter, for random weights on all outputs."""
    model.train().zero_grad()
    generator = torch.Generator().manual_seed(4)
    loss = sum((one * torch.randn(one.shape, generator=generator)).sum() for one in outputs_of(model, image))
    loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}
