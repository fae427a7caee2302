"""Specs without a reference model, compared with plain PyTorch written from their papers, with copied weights.

The references share no code with the compiler. With the same operations in the same order the difference is 0.0; `torch.nn.LSTM`
adds in another order and differs by 1e-12 in float64.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import archspec

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")
nn = torch.nn
F = nn.functional


def noise(*shape: int, seed: int = 5) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def built(spec: str, **arguments: Any) -> Any:
    """The network in float64, with random statistics and biases, without randomness in train mode."""
    model = archspec.load(spec, **arguments).build(device="cpu", seed=0).double()
    generator = torch.Generator().manual_seed(6)
    for key, tensor in model.state_dict().items():
        if key.endswith("running_var") or (tensor.ndim == 1 and key.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif key.endswith(("bias", "running_mean")):
            tensor.normal_(0, 0.1, generator=generator)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def copy_in_order(reference: Any, model: Any) -> Any:
    """The reference with the model's state; both list it in the order of the paper's figure."""
    theirs, ours = reference.double().state_dict(), model.state_dict()
    assert [tensor.shape for tensor in theirs.values()] == [tensor.shape for tensor in ours.values()]
    reference.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    return reference


def same_in_both_modes(model: Any, reference: Any, *inputs: Any) -> None:
    with torch.no_grad():
        for training in (False, True):
            ours, theirs = model.train(training)(*inputs), reference.train(training)(*inputs)
            assert theirs.std() > 0
            assert torch.equal(ours, theirs)


class UNet(nn.Module):  # type: ignore[misc, name-defined]
    """Ronneberger et al. 2015, Figure 1, without dropout."""

    def __init__(self, base: int = 64) -> None:
        super().__init__()
        widths = (1, base, 2 * base, 4 * base, 8 * base, 16 * base)
        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList(self.two(*pair) for pair in pairs)
        self.rise = nn.ModuleList()
        for narrow, wide in reversed(pairs[1:]):
            self.rise.append(nn.ConvTranspose2d(wide, narrow, 2, 2))
            self.rise.append(self.two(wide, narrow))
        self.out = nn.Conv2d(base, 2, 1)

    @staticmethod
    def two(before: int, after: int) -> Any:
        return nn.Sequential(nn.Conv2d(before, after, 3), nn.ReLU(), nn.Conv2d(after, after, 3), nn.ReLU())

    def forward(self, image: Any) -> Any:
        kept = [self.down[0](image)]
        for level in self.down[1:]:
            kept.append(level(F.max_pool2d(kept[-1], 2)))
        value = kept.pop()
        for up, level in zip(self.rise[::2], self.rise[1::2], strict=True):
            value, left = up(value), kept.pop()
            margin = (left.shape[-1] - value.shape[-1]) // 2
            value = level(torch.cat([left[..., margin:-margin, margin:-margin], value], dim=1))
        return self.out(value)


def test_unet() -> None:
    model = built("unet", base=4)  # the crops depend only on the size of the image
    same_in_both_modes(model, copy_in_order(UNet(base=4), model), noise(1, 1, 572, 572))


def test_counts_of_unet() -> None:
    reference = UNet()
    image = torch.zeros(1, 1, 572, 572, device="meta")
    with flop_counter.FlopCounterMode(display=False) as counted:
        reference.to("meta")(image)
    arch = archspec.load("unet")
    assert arch.params == sum(parameter.numel() for parameter in reference.parameters())
    assert arch.macs * 2 == counted.get_total_flops()
    assert arch.depth == 23  # "In total the network has 23 convolutional layers", section 2


class FractalBlock(nn.Module):  # type: ignore[misc, name-defined]
    """Larsson et al. 2016, Figure 1 (right): columns on a grid of rows, with a join where several convolutions end in one row."""

    COLUMNS = 3

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.rows = 2 ** (self.COLUMNS - 1)
        units = {}
        for column in range(self.COLUMNS):
            for turn in range(2**column):
                units[f"{column}_{turn}"] = nn.Sequential(
                    nn.Conv2d(before if turn == 0 else width, width, 3, padding=1),
                    nn.Dropout(0.0),
                    nn.BatchNorm2d(width, affine=False),
                    nn.ReLU(),
                )
        self.units = nn.ModuleDict(units)

    def forward(self, image: Any) -> Any:
        tips = [image] * self.COLUMNS
        for row in range(1, self.rows + 1):
            ending = [column for column in range(self.COLUMNS) if row % (self.rows >> column) == 0]
            for column in ending:
                turn = row // (self.rows >> column) - 1
                tips[column] = self.units[f"{column}_{turn}"](tips[column])
            if row < self.rows:
                joined = mean([tips[column] for column in ending])
                for column in ending:
                    tips[column] = joined
        return mean([F.max_pool2d(tip, 2) for tip in tips])


def mean(values: list[Any]) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total / len(values)


def place(column: int, turn: int) -> int:
    """The index of a unit, where each column's unit comes before the two halves of the next column beside it."""
    number, levels = 0, FractalBlock.COLUMNS
    for level in range(column):
        second_half = turn >> (column - 1 - level) & 1
        number += 1 + second_half * (2 ** (levels - 1 - level) - 1)
    return number


def test_fractalnet() -> None:
    model = built("fractalnet20")
    widths = (3, 64, 128, 256, 512, 512)
    blocks = [FractalBlock(*pair) for pair in itertools.pairwise(widths)]
    reference = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(512, 10)).double()
    renamed = {}
    for key, tensor in model.state_dict().items():
        stage, _, rest = key.partition(".")
        if stage == "fc":
            renamed[f"6.{rest}"] = tensor
            continue
        number, _, rest = rest.partition(".")
        names = {place(column, turn): f"{column}_{turn}" for column in range(3) for turn in range(2**column)}
        renamed[f"{int(stage.removeprefix('block')) - 1}.units.{names[int(number)]}.{rest}"] = tensor
    reference.load_state_dict(renamed)
    same_in_both_modes(model, reference, noise(2, 3, 32, 32))


class MergeAndRun(nn.Module):  # type: ignore[misc, name-defined]
    """Zhao et al. 2016, equations 5 and 6: x' = F(x) + (x + y) / 2 and y' = G(y) + (x + y) / 2, here with the ReLU after."""

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.ModuleList()
        if before != width:
            self.change.extend(
                nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)) for _ in "xy"
            )
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, width, 3, stride, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, 1, 1, bias=False),
                nn.BatchNorm2d(width),
            )
            for _ in "xy"
        )

    def parts(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        left, right = (self.change[0](x), self.change[1](y)) if len(self.change) else (x, y)
        return (left + right) / 2, self.branches[0](x), self.branches[1](y)


class DMRNet(nn.Module):  # type: ignore[misc, name-defined]
    """Six merge-and-run blocks; the last one adds both branches to the mean and ends the streams."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        sizes = [(16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.blocks = nn.ModuleList(MergeAndRun(*size) for size in sizes)
        self.fc = nn.Linear(64, 10)

    def forward(self, image: Any) -> Any:
        x = y = self.stem(image)
        for block in self.blocks[:-1]:
            merged, left, right = block.parts(x, y)
            x, y = torch.relu(merged + left), torch.relu(merged + right)
        merged, left, right = self.blocks[-1].parts(x, y)
        last = torch.relu(merged + left + right)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(last, 1), 1))


def test_dmrnet() -> None:
    model = built("dmrnet_d14")
    same_in_both_modes(model, copy_in_order(DMRNet(), model), noise(2, 3, 32, 32))


class Highway(nn.Module):  # type: ignore[misc, name-defined]
    """Srivastava et al. 2015, equation 3: y = H(x) T(x) + x (1 - T(x)), after one plain layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(784, 50)
        self.pairs = nn.ModuleList(nn.ModuleList([nn.Linear(50, 50), nn.Linear(50, 50)]) for _ in range(9))
        self.last = nn.Linear(50, 10)

    def forward(self, image: Any) -> Any:
        value = torch.relu(self.first(image.flatten(1)))
        for gate, plain in self.pairs:
            t = torch.sigmoid(gate(value))
            value = torch.relu(plain(value)) * t + value * (1 - t)
        return self.last(value)


def test_highway() -> None:
    model = built("highway_mnist_fc10")
    same_in_both_modes(model, copy_in_order(Highway(), model), noise(3, 1, 28, 28))


def test_gates_start_closed() -> None:
    """Section 2.2: a negative transform bias, so that the network initially carries its input."""
    state = archspec.load("highway_mnist_fc10").build(seed=0).state_dict()
    gates = [tensor for key, tensor in state.items() if "transform" in key and key.endswith("bias")]
    assert len(gates) == 9
    assert all((tensor == -1).all() for tensor in gates)


def only(state: dict[str, Any], end: str) -> Any:
    (tensor,) = [tensor for key, tensor in state.items() if key.endswith(end)]
    return tensor


@pytest.mark.parametrize(("steps", "features", "hidden"), [(5, 10, 20), (1, 3, 4), (9, 6, 2)])
def test_lstm(steps: int, features: int, hidden: int) -> None:
    model = built("lstm", steps=steps, features=features, hidden=hidden)
    reference = nn.LSTM(features, hidden, batch_first=True).double()
    state = model.state_dict()
    assert len(state) == 4, "the weights of all steps are one"
    for ours, theirs in (("input_gates", "ih"), ("hidden_gates", "hh")):
        for kind in ("weight", "bias"):
            getattr(reference, f"{kind}_{theirs}_l0").data = only(state, f"{ours}.{kind}")
    sequence, h, c = noise(3, steps, features), noise(3, hidden, seed=7), noise(3, hidden, seed=8)
    last_h, last_c = model(sequence, h, c)
    _, (expected_h, expected_c) = reference(sequence, (h[None], c[None]))
    torch.testing.assert_close(last_h, expected_h[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(last_c, expected_c[0], rtol=0, atol=1e-12)
