"""Measures the gradient at the input by path length (Veit et al. 2016, arXiv:1605.06431, section 4.3 and Figure 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb, isfinite
from random import Random
from statistics import fmean

import torch

from archspec.experiments.gates import GatedNetwork, insert_gates
from archspec.experiments.lesions import TrainedNetwork
from archspec.experiments.track import DivergedError, Track, track_silently

MOST = 0.95
"""The share of the gradient that the effective paths contribute."""


@dataclass(frozen=True)
class Gradients:
    """The gradients at the input of a network of `blocks` residual joins in series.

    A magnitude is the L2 norm of a sample's gradient, averaged over the samples.

    >>> measured = Gradients("row", blocks=2, samples=4, full=1.0, magnitudes={0: (0.8,), 1: (0.2, 0.2), 2: (0.01,)})
    >>> measured.paths, measured.effective
    ({0: 1, 1: 2, 2: 1}, (0, 1))
    """

    network: str
    blocks: int
    samples: int
    full: float
    """The magnitude of the whole gradient."""
    magnitudes: Mapping[int, tuple[float, ...]]
    """By path length k: the magnitude for each draw of k joins."""

    @cached_property
    def mean(self) -> dict[int, float]:
        """The mean magnitude of the gradient through one path of each length."""
        return {length: fmean(draws) for length, draws in self.magnitudes.items()}

    @cached_property
    def paths(self) -> dict[int, int]:
        """The number of paths of each length k: the binomial coefficient of `blocks` and k."""
        return {length: comb(self.blocks, length) for length in self.magnitudes}

    @cached_property
    def contributions(self) -> dict[int, float]:
        """The mean magnitude times the number of paths, as shares of the sum over all lengths; 0 if the sum is 0."""
        products = {length: mean * self.paths[length] for length, mean in self.mean.items()}
        total = sum(products.values())
        return {length: product / total if total else 0.0 for length, product in products.items()}

    @cached_property
    def effective(self) -> tuple[int, ...]:
        """The fewest lengths, in ascending order, with at least 95 % of the contributions."""
        chosen: list[int] = []
        for length in sorted(self.contributions, key=self.contributions.__getitem__, reverse=True):
            if sum(self.contributions[other] for other in chosen) >= MOST:
                break
            chosen.append(length)
        return tuple(sorted(chosen))

    @property
    def effective_share(self) -> float:
        """The share of all paths that have an effective length."""
        share: float = sum(self.paths[length] for length in self.effective) / 2**self.blocks
        return share

    def as_dict(self) -> dict[str, object]:
        lengths = {
            str(length): {
                "paths": self.paths[length],
                "magnitude": self.mean[length],
                "contribution": self.contributions[length],
                "draws": list(draws),
            }
            for length, draws in self.magnitudes.items()
        }
        effective = {"lengths": list(self.effective), "share_of_paths": self.effective_share}
        return {
            "network": self.network,
            "blocks": self.blocks,
            "samples": self.samples,
            "full": self.full,
            "effective": effective,
            "lengths": lengths,
        }


def measure_gradients(
    trained: TrainedNetwork, *, samples: int = 64, draws: int = 10, seed: int = 0, track: Track = track_silently
) -> Gradients:
    """Measures the gradient of the first test samples through random paths of each length, or through all if there are few.

    The network is in evaluation mode and float64. Several residual branches of one join, as in a ResNeXt unit written with
    separate branches, count as one.

    Args:
        trained: the network.
        samples: the number of test samples that are averaged.
        draws: the number of paths of each length.
        seed: the seed of the draws.
        track: shows the progress.

    Raises:
        ExperimentError: the network is not a series of residual joins.
        DivergedError: a gradient is not finite.

    >>> import archspec
    >>> arch = archspec.load("{name: row, input: [4], stages: {unit: {repeat: {times: 2, layers: [add: [linear: 4, identity]]}}, fc: {linear: 2}}}")
    >>> from archspec.experiments.data import Data
    >>> from archspec.experiments.lesions import TrainedNetwork
    >>> import torch
    >>> data = Data("points", torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.eye(4), torch.tensor([0, 1, 0, 1]))
    >>> trained = TrainedNetwork("row", arch.graph, arch.build().state_dict(), data)
    >>> sorted(measure_gradients(trained).magnitudes)
    [0, 1, 2]
    """
    network = insert_gates(trained.graph, trained.weights, trained.data.pixels.device)
    pixels = trained.data.test_pixels[:samples].double().requires_grad_()
    loss = network.loss(pixels, trained.data.test_labels[:samples])
    magnitudes: dict[int, tuple[float, ...]] = {}
    for chosen in track(list(_draw_choices(len(network.joins), draws, seed)), trained.name):
        magnitude = _measure_magnitude(network, loss, pixels, chosen)
        magnitudes[len(chosen)] = (*magnitudes.get(len(chosen), ()), magnitude)
    full = _measure_magnitude(network, loss, pixels, None)
    return Gradients(trained.name, len(network.joins), len(pixels), full, magnitudes)


def _measure_magnitude(
    network: GatedNetwork, loss: torch.Tensor, pixels: torch.Tensor, through: tuple[int, ...] | None
) -> float:
    """The mean magnitude of the gradient through one path, or of the whole. Raises `DivergedError` if it is not finite."""
    magnitude = float(network.gradient(loss, pixels, through).flatten(1).norm(dim=1).mean())
    if not isfinite(magnitude):
        path = "" if through is None else f" by the branches {', '.join(map(str, through)) or 'none'}"
        raise DivergedError(f"the gradient{path} is {magnitude}")
    return magnitude


def _draw_choices(joins: int, draws: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Distinct choices of k joins for each k: `draws` of them, or all if there are fewer."""
    random = Random(seed)  # noqa: S311 - no secret
    for length in range(joins + 1):
        if comb(joins, length) <= draws:
            yield from combinations(range(joins), length)
            continue
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < draws:
            drawn[tuple(sorted(random.sample(range(joins), length)))] = None
        yield from drawn
