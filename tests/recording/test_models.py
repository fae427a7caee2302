"""Models as users write them become specs that compute the same, and what no spec can say is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archspec
from tests import references
from tests.processes import run_archspec
from tests.recording.models import MODELS, LeNet
from tests.recording.proof import import_with_proof
from tests.sample import sampled


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_with_its_weights_and_values(name: str) -> None:
    model, arch = import_with_proof(name, *MODELS[name])
    built = arch.build()
    built.load_state_dict(model.state_dict(), strict=True)
    assert list(built.state_dict()) == list(model.state_dict()) or set(built.state_dict()) == set(model.state_dict())


@pytest.mark.parametrize("name", ["lenet", "unet", "attention", "shuffled"])
def test_the_import_of_an_import_is_the_same_network(name: str) -> None:
    make, sizes = MODELS[name]
    first = archspec.imported(make(), sizes, name=name, proof=False).require()
    second = archspec.imported(first.build(), sizes, name=name, proof=False).require()
    assert (second.params, second.macs, second.paths().total) == (first.params, first.macs, first.paths().total)


def test_the_text_is_what_a_person_would_have_written() -> None:
    result = archspec.imported(MODELS["attention"][0](), (3, 8, 8), name="vit")
    assert result.spec is not None
    for line in ("splitheads: 3", "split: [12, 12, 12]", "flatten: heads", "sdpa"):
        assert line in result.spec


class Data(LeNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.mean() > 0 else -x)


class Batch(LeNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 2 if x.shape[0] > 2 else x)


class EditedView(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        view = x.view(-1, 2, 2)
        x.mul_(2)
        return x + view.flatten(1)


class Assigned(EditedView):
    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x)
        x[:, 0] = 0
        return x


class Unknown(LeNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.erfinv(torch.erfinv(functional.relu(x)).cumsum(1)))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) if self.training else self.first(x)


@pytest.mark.parametrize(
    ("model", "sizes", "message"),
    [
        (Data(), (1, 28, 28), "what it computes depends on data"),
        (Batch(), (1, 28, 28), "depends on the batch size"),
        (EditedView(), (4,), "shares its memory with a value that test_models.py"),
        (Assigned(), (4,), "torch's setitem is no op"),
        (Unused(), (4,), "weights that it does not read in evaluation mode: second.weight"),
        (nn.Linear(4, 4), (4,), "put it into an nn.Sequential"),
        (LeNet(), (1, 20, 20), "it fails for this input"),
    ],
)
def test_what_no_spec_can_say_is_refused(model: nn.Module, sizes: tuple[int, ...], message: str) -> None:
    result = archspec.imported(model, sizes)
    assert result.spec is None
    assert result.architecture is None
    assert message in str(result.problems[0])
    with pytest.raises(archspec.ImportModelError):
        result.require()


def test_all_problems_are_found_at_once_with_their_lines_and_counts() -> None:
    first, second = archspec.imported(Unknown(), (1, 28, 28)).problems
    assert (first.message, first.count) == ("torch's erfinv is no op of the language", 2)
    assert second.message == "torch's cumsum is no op of the language"
    assert first.line == second.line
    assert first.line.startswith("test_models.py:")


class Boxes(nn.Module):
    """Layers, and a choice of boxes by their scores."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
        self.select = Selection()

    def forward(self, x: Tensor, threshold: float = 0.5) -> Tensor:
        return self.select(self.backbone(x), threshold)


class Selection(nn.Module):
    def forward(self, x: Tensor, threshold: float) -> Tensor:
        return x.flatten()[(x.flatten() > threshold).nonzero()]


def test_what_stops_a_model_says_where_and_what_helps(tmp_path: Path) -> None:
    result = archspec.imported(Boxes(), (1, 8, 8))
    (problem,) = result.problems
    assert problem.message.startswith("what it computes depends on data: NotImplementedError")
    assert (problem.module, problem.line.partition(":")[0]) == ("select", "test_models.py")
    assert "--partial DIR writes the parts before it" in problem.help
    assert [path.name for path in result.save_parts(tmp_path)] == ["backbone.yaml"]
    (other,) = archspec.imported(Boxes(), ((2, 8, 8), (3,))).problems
    assert other.module == "backbone.0"
    assert other.help.startswith("forward takes x, threshold=…; it was given tensors of batch×2×8×8 and batch×3")


@pytest.mark.slow
def test_the_layers_of_a_detector_of_two_stages_are_imported() -> None:
    result = archspec.imported("torchvision:fasterrcnn_resnet50_fpn", proof=False)
    assert result.input_sizes == ((3, 224, 224), (256, 7, 7))
    assert result.require().params == 41_808_406
    assert any(note.startswith("of a detector, the layers") for note in result.notes)


def test_the_parts_of_a_model_that_have_a_spec_are_written(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Softmin(1), nn.Sequential(nn.Linear(3, 2)))
    result = archspec.imported(model, (4,))
    assert [path.name for path in result.save_parts(tmp_path)] == ["0.yaml", "2.yaml"]
    assert archspec.load(tmp_path / "0.yaml").params == 15


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch, for exported programs
def test_an_exported_program_is_imported(tmp_path: Path) -> None:
    model = LeNet().eval()
    program = torch.export.export(model, (torch.rand(2, 1, 28, 28),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "lenet.pt2")
    result = archspec.imported(str(tmp_path / "lenet.pt2"), (1, 28, 28))
    assert result.problems == ()
    built = result.require().build().eval()
    built.load_state_dict(model.state_dict(), strict=True)
    image = torch.rand(2, 1, 28, 28)
    assert torch.equal(built(image), model(image))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_what_is_no_program_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.pt2").write_bytes(content)
    done = run_archspec("import", tmp_path / "net.pt2", "--input", "3,8,8", "-o", tmp_path / "net.yaml")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "net.pt2 is no exported program: " in done.stderr


@pytest.mark.parametrize("place", ["factory", "file"])
def test_code_that_ends_the_process_does_not(place: str, tmp_path: Path) -> None:
    code = "def make():\n    raise SystemExit(3)\n" if place == "factory" else "raise SystemExit(3)\n"
    (tmp_path / "ends.py").write_text(code, encoding="utf-8")
    with pytest.raises(archspec.ReferenceModelError, match="SystemExit: 3"):
        archspec.imported(f"{tmp_path / 'ends.py'}:make", (3, 8, 8))


@pytest.mark.parametrize("size", [-3, 0, 2**70])
def test_an_input_that_no_tensor_has_is_refused(size: int) -> None:
    with pytest.raises(archspec.ImportModelError, match="an input has sizes of at least 1, and at most 1,099,511"):
        archspec.imported(nn.ReLU(), (size, 8, 8))


def test_weights_are_saved_beside_a_spec(tmp_path: Path) -> None:
    model = LeNet().eval()
    result = archspec.imported(model, (1, 28, 28))
    result.save_weights(tmp_path / "lenet.safetensors")
    built = result.require().build(weights=tmp_path / "lenet.safetensors").eval()
    image = torch.rand(2, 1, 28, 28)
    assert torch.equal(built(image), model(image))


@pytest.mark.parametrize(
    "name",
    [
        "lenet",
        "unet",
        "gate",
        "turns",
        "channels_last",
        "attention",
        "siamese",
        "shuffled",
        "windows",
        "merging",
        "tied",
    ],
)
def test_the_text_of_a_model(name: str, golden: Callable[[str, str], None]) -> None:
    make, sizes = MODELS[name]
    spec = archspec.imported(make(), sizes, name=name, proof=False).spec
    assert spec is not None
    golden(f"{name}.yaml", spec)


LIBRARY = {
    "torchvision:resnet18": 32,
    "torchvision:densenet121": 36,
    "torchvision:squeezenet1_1": 26,
    "torchvision:shufflenet_v2_x0_5": 32,
    "timm:convnext_atto": 34,
    "timm:res2net50_14w_8s": 125,
    "timm:resnest14d": 67,
}
"""Models of libraries, and the most lines that their specs may have."""


@pytest.mark.parametrize(
    "name", sampled(LIBRARY, {"torchvision:resnet18", "torchvision:shufflenet_v2_x0_5", "timm:convnext_atto"})
)
def test_a_model_of_a_library_computes_the_same(name: str) -> None:
    references.timm() if name.startswith("timm") else references.torchvision()
    result = archspec.imported(name, (3, 64, 64), proof=False)
    assert result.problems == ()
    comparison = result.require().check_against(result.model)
    assert comparison.largest_difference == 0.0
    assert result.spec is not None
    assert sum(bool(line.strip()) for line in result.spec.splitlines()) <= LIBRARY[name]


@pytest.mark.parametrize("rescale", ["train", "test"])
def test_stochastic_depth_keeps_where_it_is_scaled(rescale: str) -> None:
    spec = f"{{name: dropped, input: [4], stages: {{unit: {{add: [[linear: 4, droppath: {{p: 0.5, rescale: {rescale}}}], identity]}}}}}}"
    result = archspec.imported(archspec.load(spec).build(), (4,), proof=False)
    (node,) = [node for node in result.require().graph.ops if node.op.word == "droppath"]
    assert getattr(node.op, "rescale", None) == rescale
