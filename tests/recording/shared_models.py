"""Models that use modules and weights again, as users write them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class LanguageModel(nn.Module):
    """Its decoder has the table of its embedding."""

    def __init__(self, vocabulary: int = 11, width: int = 8) -> None:
        super().__init__()
        self.embed, self.mix = nn.Embedding(vocabulary, width), nn.Linear(width, width)
        self.norm, self.decoder = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.decoder.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.embed(tokens)
        return self.decoder(self.norm(x + functional.gelu(self.mix(x))))


class Autoencoder(nn.Module):
    """Its decoder is the transpose of its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.shift = nn.Linear(6, 3), nn.Parameter(torch.rand(6))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(torch.relu(self.encoder(x)), self.encoder.weight.t(), self.shift)


class Branches(nn.Module):
    """Two images through one trunk and one projection."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.project, self.head = nn.Linear(4, 3), nn.Linear(6, 1)

    def embed(self, x: Tensor) -> Tensor:
        return self.project(self.trunk(x).mean((2, 3)))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head(torch.cat([self.embed(left), self.embed(right)], 1))


class LevelHead(nn.Module):
    """A tower and two predictions, of any number of places."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        layers = (nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in range(2))
        self.tower = nn.Sequential(*layers)
        self.classes, self.boxes = nn.Conv2d(width, 3, 3, padding=1), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.tower(x)
        batch, _, height, width = x.shape
        boxes = self.boxes(x).view(batch, 2, 2, height, width).permute(0, 3, 4, 1, 2).reshape(batch, -1, 2)
        return self.classes(x).flatten(2), boxes


class Levels(nn.Module):
    """One head over three levels of a pyramid."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(2))
        self.head = LevelHead(width)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        levels = [self.stem(x)]
        for layer in self.down:
            levels.append(layer(levels[-1]))
        classes, boxes = zip(*map(self.head, levels), strict=True)
        return {"classes": torch.cat(classes, 2), "boxes": torch.cat(boxes, 1)}


class Cell(nn.Module):
    """A gated recurrent unit."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.gates, self.new = nn.Linear(inputs + width, 2 * width), nn.Linear(inputs + width, width)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        reset, update = torch.sigmoid(self.gates(torch.cat([x, state], 1))).chunk(2, 1)
        new = torch.tanh(self.new(torch.cat([x, reset * state], 1)))
        return (1 - update) * new + update * state


class Unrolled(nn.Module):
    """A cell over the steps of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = Cell(3, 4), nn.Linear(4, 2)

    def forward(self, sequence: Tensor, state: Tensor) -> Tensor:
        for step in range(sequence.shape[1]):
            state = self.cell(sequence[:, step], state)
        return self.out(state)


class Unit(nn.Module):
    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.own, self.shared = nn.Conv2d(4, 4, 1), shared

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.shared(functional.relu(self.own(x)))
        return x + y


class Elsewhere(nn.Module):
    """Units of which each has the same module, which has a name in each of them."""

    def __init__(self) -> None:
        super().__init__()
        shared = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.units = nn.Sequential(*(Unit(shared) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        return self.units(x)


class Refined(nn.Module):
    """A step that is applied again to a state, which begins with zeros for each sample, and a prediction after each."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.out = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 2, 1)
        self.step = nn.Sequential(nn.Conv2d(8, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GELU())

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.encode(x)
        state, results = torch.zeros_like(x), []
        for _ in range(3):
            state = state + self.step(torch.cat([x, state], 1))
            results.append(self.out(state))
        return results


SHARED_MODELS: dict[str, tuple[type[nn.Module], tuple[tuple[int, ...], ...]]] = {
    "language_model": (LanguageModel, ((5,),)),
    "autoencoder": (Autoencoder, ((6,),)),
    "branches": (Branches, ((2, 6, 6), (2, 6, 6))),
    "levels": (Levels, ((2, 8, 8),)),
    "unrolled": (Unrolled, ((3, 3), (4,))),
    "refined": (Refined, ((2, 4, 4),)),
    "elsewhere": (Elsewhere, ((4, 5, 5),)),
}
