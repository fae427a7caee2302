"""The test error of a trained network without some blocks, or with blocks exchanged (Veit et al. 2016, arXiv:1605.06431, section 4).

Every lesioned network is a graph after the pass `lesion`, built anew, with the weights of the whole one and no training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from statistics import fmean

from torch import Tensor

from archspec.backends.torch import build
from archspec.experiments.data import Data
from archspec.experiments.order import kendall_tau
from archspec.experiments.track import DivergedError, ExperimentError, Track, quiet
from archspec.experiments.training import error
from archspec.experiments.weights import fit
from archspec.graph import Graph, Path
from archspec.passes.base import PassError
from archspec.passes.lesion import lesion, residual_blocks
from archspec.places import Parts

Swap = tuple[str, str]


@dataclass(frozen=True)
class Patient:
    """A trained network and the data that it is tested on; `name` is what it is called in tables and plots."""

    name: str
    graph: Graph
    weights: Mapping[str, Tensor]
    data: Data

    def error(self, drop: Sequence[str] = (), swap: Sequence[Swap] = ()) -> float:
        """The test error, in [0, 1], without the blocks `drop` and after the exchanges `swap`, first to last.

        Raises `DivergedError` where the network then gives scores that are no finite numbers.
        """
        graph = lesion(self.graph, drop=tuple(drop), swap=tuple(swap)) if drop or swap else self.graph
        model = build(graph, device=self.data.pixels.device)
        fit(model, self.weights)
        try:
            return error(model, self.data)
        except DivergedError as fault:
            without = f" without {', '.join(drop)}" if drop else ""
            exchanged = f" with {', '.join(' and '.join(pair) for pair in swap)} exchanged" if swap else ""
            raise DivergedError(f"{self.name}{without}{exchanged}: {fault}") from None


@dataclass(frozen=True)
class Lesions:
    """The error without each single block, by the block's name in the order of the network; `whole` is without lesion."""

    network: str
    whole: float
    errors: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        return {"network": self.network, "whole": self.whole, "errors": dict(self.errors)}


@dataclass(frozen=True)
class Deletions:
    """The errors without K random blocks, one for each draw, by K; `whole` is without lesion."""

    network: str
    blocks: int
    whole: float
    errors: Mapping[int, tuple[float, ...]]

    def as_dict(self) -> dict[str, object]:
        errors = {str(count): {"mean": fmean(found), "draws": list(found)} for count, found in self.errors.items()}
        return {"network": self.network, "blocks": self.blocks, "whole": self.whole, "errors": errors}


@dataclass(frozen=True)
class Trial:
    """One reordering: how many random exchanges, Kendall's tau of the order that they leave, the error."""

    swaps: int
    tau: float
    error: float


@dataclass(frozen=True)
class Shuffles:
    """The errors after random exchanges of blocks of equal shapes; `whole` is without any."""

    network: str
    blocks: int
    whole: float
    trials: tuple[Trial, ...]

    def as_dict(self) -> dict[str, object]:
        trials = [{"swaps": one.swaps, "tau": one.tau, "error": one.error} for one in self.trials]
        return {"network": self.network, "blocks": self.blocks, "whole": self.whole, "trials": trials}


def blocks(graph: Graph) -> tuple[str, ...]:
    """The blocks that can be deleted, by name in order: those with a residual branch, of a plain network those whose shapes meet.

    A block of a plain network is the widest part around one innermost group of weighted layers; where none of these can
    go, as in VGG, its weighted layers are the blocks. Raises `ExperimentError` where nothing can be deleted.
    """
    found = residual_blocks(graph) or _droppable(graph, _plain_blocks(graph)) or _droppable(graph, _layers(graph))
    if not found:
        raise ExperimentError(f"{graph.name} has no block that can be deleted: the shapes do not meet without it")
    return found


def _plain_blocks(graph: Graph) -> list[str]:
    heavy = {graph.scopes[node.scope].path for node in graph.ops if node.op.weighted}
    inner = [path for path in heavy if not any(_is_in(other, path) for other in heavy)]
    widest = (_widest(path, inner) for path in inner)
    order = {scope.path: at for at, scope in reversed(list(enumerate(graph.scopes)))}
    return [".".join(path) for path in sorted(set(widest), key=order.__getitem__) if path]


def _widest(path: Path, inner: Sequence[Path]) -> Path:
    """The widest scope around a path that holds no other inner one."""
    ends = (end for end in range(1, len(path)) if not any(o != path and o[:end] == path[:end] for o in inner))
    return path[: next(ends, len(path))]


def _is_in(inner: Path, outer: Path) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _layers(graph: Graph) -> list[str]:
    return list(dict.fromkeys(node.name for node in graph.ops if node.op.weighted and node.path))


def _droppable(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if _meets(graph, name))


def _meets(graph: Graph, name: str) -> bool:
    try:
        lesion(graph, drop=(name,))
    except PassError:
        return False
    return True


def lesion_each(patient: Patient, track: Track = quiet) -> Lesions:
    """Deletes each block by itself."""
    errors = {name: patient.error([name]) for name in track(blocks(patient.graph), patient.name)}
    return Lesions(patient.name, patient.error(), errors)


def delete_random(
    patient: Patient, *, most: int | None = None, draws: int = 5, seed: int = 0, track: Track = quiet
) -> Deletions:
    """Deletes K random blocks, for each K from 1 to `most` (all of them if None), so many times."""
    names = blocks(patient.graph)
    most = len(names) if most is None else min(most, len(names))
    drawn = list(_deletions(names, most, draws, seed))
    errors: dict[int, tuple[float, ...]] = {}
    for drop in track(drawn, patient.name):
        errors[len(drop)] = (*errors.get(len(drop), ()), patient.error(drop))
    return Deletions(patient.name, len(names), patient.error(), errors)


def _deletions(names: Sequence[str], most: int, draws: int, seed: int) -> Iterator[tuple[str, ...]]:
    random = Random(seed)  # noqa: S311 - no secret
    for count in range(1, most + 1):
        for _ in range(1 if count == len(names) else draws):
            chosen = sorted(random.sample(range(len(names)), count))
            yield tuple(names[at] for at in chosen)


def shuffle_random(
    patient: Patient, *, most: int | None = None, draws: int = 5, seed: int = 0, track: Track = quiet
) -> Shuffles:
    """Exchanges K random pairs of blocks one after the other, for K of 1, 2, 4, … up to `most` (the number of blocks if None)."""
    names = blocks(patient.graph)
    pairs = _exchangeable(patient.graph, names)
    if not pairs:
        raise ExperimentError(f"{patient.graph.name} has no two blocks of one stage that could be exchanged")
    counts = _ladder(most or len(names))
    random = Random(seed)  # noqa: S311 - no secret
    drawn = [tuple(random.choice(pairs) for _ in range(count)) for count in counts for _ in range(draws)]
    trials = tuple(
        Trial(len(swaps), kendall_tau(names, _exchanged(names, swaps)), patient.error(swap=swaps))
        for swaps in track(drawn, patient.name)
    )
    return Shuffles(patient.name, len(names), patient.error(), trials)


def _ladder(most: int) -> list[int]:
    """1, 2, 4, … up to `most`, with it."""
    counts = [1]
    while counts[-1] * 2 < most:
        counts.append(counts[-1] * 2)
    return [*counts, most] if most > 1 else counts


def _exchangeable(graph: Graph, names: Sequence[str]) -> list[Swap]:
    """The pairs of blocks of one stage that take and give values of equal shapes."""
    parts = Parts(graph)
    ends = {}
    for name in names:
        part = parts.find(name)
        entering, leaving = set(part.entering.values()), part.leaving
        if len(entering) == 1 and len(leaving) == 1:
            ends[name] = (name.rpartition(".")[0], entering.pop().shape, leaving[0].shape)
    return [(one, other) for one, other in combinations(ends, 2) if ends[one] == ends[other]]


def _exchanged(names: Sequence[str], swaps: Sequence[Swap]) -> list[str]:
    order = list(names)
    for one, other in swaps:
        at, beside = order.index(one), order.index(other)
        order[at], order[beside] = other, one
    return order
