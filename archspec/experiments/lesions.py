"""Measures the test error of a trained network with blocks removed or exchanged (Veit et al. 2016, arXiv:1605.06431, section 4).

Every lesioned network is built from the graph after the pass `lesion`, with the weights of the whole network and no training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from statistics import fmean

import torch
from torch import Tensor

from archspec.codegen.fx import build
from archspec.experiments.data import Data
from archspec.experiments.order import kendall_tau
from archspec.experiments.track import DivergedError, ExperimentError, Track, track_silently
from archspec.experiments.training import measure_test_error
from archspec.experiments.weights import fit_weights
from archspec.ir.graph import Graph, Path
from archspec.ir.parts import NamedParts
from archspec.passes import PassError
from archspec.passes.lesion import lesion, residual_blocks
from archspec.spans import Source
from archspec.spec.compiler import compile_source
from archspec.spec.limits import DEFAULT

Swap = tuple[str, str]


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network and its test data; `name` is its name in tables and plots.

    >>> trained = make_example_network()
    >>> 0 <= trained.error(drop=["unit.0"]) <= 1
    True
    """

    name: str
    graph: Graph
    weights: Mapping[str, Tensor]
    data: Data

    def error(self, drop: Sequence[str] = (), swap: Sequence[Swap] = ()) -> float:
        """The test error, in [0, 1], without the blocks `drop` and after the exchanges `swap` in order.

        Raises:
            DivergedError: a score of the lesioned network is not finite.
        """
        graph = lesion(self.graph, drop=tuple(drop), swap=tuple(swap)) if drop or swap else self.graph
        model = build(graph, device=self.data.pixels.device)
        fit_weights(model, self.weights)
        try:
            return measure_test_error(model, self.data)
        except DivergedError as fault:
            without = f" without {', '.join(drop)}" if drop else ""
            exchanged = f" with {', '.join(' and '.join(pair) for pair in swap)} exchanged" if swap else ""
            raise DivergedError(f"{self.name}{without}{exchanged}: {fault}") from None


def make_example_network() -> TrainedNetwork:
    """A small network of two residual blocks with initial weights, and four labelled points, for examples.

    >>> find_deletable_blocks(make_example_network().graph)
    ('unit.0', 'unit.1')
    """
    unit = "{repeat: {times: 2, layers: [add: [linear: 4, identity]]}}"
    text = f"{{name: row, input: [4], stages: {{unit: {unit}, fc: {{linear: 2}}}}}}"
    graph = compile_source(Source("row", text), None, DEFAULT, {})[1]
    points, labels = torch.eye(4), torch.tensor([0, 1, 0, 1])
    return TrainedNetwork("row", graph, build(graph).state_dict(), Data("points", points, labels, points, labels))


@dataclass(frozen=True)
class Lesions:
    """The test error without each single block, by its name; `baseline_error` is that of the whole network.

    >>> Lesions("row", 0.25, {"unit.0": 0.5}).as_dict()
    {'network': 'row', 'whole': 0.25, 'errors': {'unit.0': 0.5}}
    """

    network: str
    baseline_error: float
    errors: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        return {"network": self.network, "whole": self.baseline_error, "errors": dict(self.errors)}


@dataclass(frozen=True)
class Deletions:
    """The test errors without K random blocks, by K, for each draw; `baseline_error` is that of the whole network.

    >>> Deletions("row", 2, 0.25, {1: (0.5, 0.25)}).as_dict()["errors"]
    {'1': {'mean': 0.375, 'draws': [0.5, 0.25]}}
    """

    network: str
    blocks: int
    baseline_error: float
    errors: Mapping[int, tuple[float, ...]]

    def as_dict(self) -> dict[str, object]:
        errors = {str(count): {"mean": fmean(draws), "draws": list(draws)} for count, draws in self.errors.items()}
        return {"network": self.network, "blocks": self.blocks, "whole": self.baseline_error, "errors": errors}


@dataclass(frozen=True)
class ShuffleTrial:
    """One reordering: the number of random exchanges, Kendall's tau of the resulting order, and the test error.

    >>> ShuffleTrial(swaps=1, tau=-1.0, error=0.5).tau
    -1.0
    """

    swaps: int
    tau: float
    error: float


@dataclass(frozen=True)
class Shuffles:
    """The test errors after random exchanges of blocks of equal shapes; `baseline_error` is that of the whole network.

    >>> Shuffles("row", 2, 0.25, (ShuffleTrial(1, -1.0, 0.5),)).as_dict()["trials"]
    [{'swaps': 1, 'tau': -1.0, 'error': 0.5}]
    """

    network: str
    blocks: int
    baseline_error: float
    trials: tuple[ShuffleTrial, ...]

    def as_dict(self) -> dict[str, object]:
        trials = [{"swaps": trial.swaps, "tau": trial.tau, "error": trial.error} for trial in self.trials]
        return {"network": self.network, "blocks": self.blocks, "whole": self.baseline_error, "trials": trials}


def find_deletable_blocks(graph: Graph) -> tuple[str, ...]:
    """The names of the blocks that can be deleted, in order: those with a residual branch; in a plain network, those that keep the shape.

    A block of a plain network is the widest region around one innermost group of weighted layers; if none of these can be deleted, as
    in VGG, its weighted layers are the blocks.

    Raises:
        ExperimentError: nothing can be deleted.

    >>> import archspec
    >>> find_deletable_blocks(archspec.load("cifar_resnet20_A").graph)[:3]
    ('stage1.0', 'stage1.1', 'stage1.2')
    """
    deletable = (
        residual_blocks(graph)
        or _filter_droppable(graph, _find_plain_blocks(graph))
        or _filter_droppable(graph, _list_weighted_layers(graph))
    )
    if not deletable:
        raise ExperimentError(f"{graph.name} has no block that can be deleted: the shapes do not meet without it")
    return deletable


def _find_plain_blocks(graph: Graph) -> list[str]:
    heavy = {graph.regions[node.region].path for node in graph.ops if node.op.weighted}
    inner = [path for path in heavy if not any(_is_inside(other, path) for other in heavy)]
    widest = (_widest_region(path, inner) for path in inner)
    order = {region.path: index for index, region in reversed(list(enumerate(graph.regions)))}
    return [".".join(path) for path in sorted(set(widest), key=order.__getitem__) if path]


def _widest_region(path: Path, inner: Sequence[Path]) -> Path:
    """The path of the widest region around `path` that contains no other path of `inner`."""
    ends = (end for end in range(1, len(path)) if not any(o != path and o[:end] == path[:end] for o in inner))
    return path[: next(ends, len(path))]


def _is_inside(inner: Path, outer: Path) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _list_weighted_layers(graph: Graph) -> list[str]:
    return list(dict.fromkeys(node.name for node in graph.ops if node.op.weighted and node.path))


def _filter_droppable(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if _can_drop(graph, name))


def _can_drop(graph: Graph, name: str) -> bool:
    try:
        lesion(graph, drop=(name,))
    except PassError:
        return False
    return True


def lesion_each(trained: TrainedNetwork, track: Track = track_silently) -> Lesions:
    """Measures the test error without each single block (Veit et al. 2016, arXiv:1605.06431, Figure 3).

    >>> list(lesion_each(make_example_network()).errors)
    ['unit.0', 'unit.1']
    """
    errors = {name: trained.error([name]) for name in track(find_deletable_blocks(trained.graph), trained.name)}
    return Lesions(trained.name, trained.error(), errors)


def delete_random(
    trained: TrainedNetwork, *, most: int | None = None, draws: int = 5, seed: int = 0, track: Track = track_silently
) -> Deletions:
    """Measures the test error without K random blocks, `draws` times for each K from 1 to `most` (all blocks if None).

    >>> {count: len(errors) for count, errors in delete_random(make_example_network(), draws=2).errors.items()}
    {1: 2, 2: 1}
    """
    names = find_deletable_blocks(trained.graph)
    most = len(names) if most is None else min(most, len(names))
    drawn = list(_draw_deletions(names, most, draws, seed))
    errors: dict[int, tuple[float, ...]] = {}
    for drop in track(drawn, trained.name):
        errors[len(drop)] = (*errors.get(len(drop), ()), trained.error(drop))
    return Deletions(trained.name, len(names), trained.error(), errors)


def _draw_deletions(names: Sequence[str], most: int, draws: int, seed: int) -> Iterator[tuple[str, ...]]:
    random = Random(seed)  # noqa: S311 - no secret
    for count in range(1, most + 1):
        for _ in range(1 if count == len(names) else draws):
            chosen = sorted(random.sample(range(len(names)), count))
            yield tuple(names[index] for index in chosen)


def shuffle_random(
    trained: TrainedNetwork, *, most: int | None = None, draws: int = 5, seed: int = 0, track: Track = track_silently
) -> Shuffles:
    """Measures the test error after K random exchanges of two blocks, for K of 1, 2, 4, … up to `most` (the number of blocks if None).

    >>> [trial.swaps for trial in shuffle_random(make_example_network(), draws=1).trials]
    [1, 2]
    """
    names = find_deletable_blocks(trained.graph)
    pairs = _find_swappable_pairs(trained.graph, names)
    if not pairs:
        raise ExperimentError(f"{trained.graph.name} has no two blocks of one stage that could be exchanged")
    counts = _powers_of_two(most or len(names))
    random = Random(seed)  # noqa: S311 - no secret
    drawn = [tuple(random.choice(pairs) for _ in range(count)) for count in counts for _ in range(draws)]
    trials = tuple(
        ShuffleTrial(len(swaps), kendall_tau(names, _apply_swaps(names, swaps)), trained.error(swap=swaps))
        for swaps in track(drawn, trained.name)
    )
    return Shuffles(trained.name, len(names), trained.error(), trials)


def _powers_of_two(most: int) -> list[int]:
    """1, 2, 4, … and `most`."""
    counts = [1]
    while counts[-1] * 2 < most:
        counts.append(counts[-1] * 2)
    return [*counts, most] if most > 1 else counts


def _find_swappable_pairs(graph: Graph, names: Sequence[str]) -> list[Swap]:
    """The pairs of blocks of one stage with equal input and output shapes."""
    parts = graph.derive(NamedParts)
    ends = {}
    for name in names:
        part = parts.find(name)
        entering, leaving = set(part.incoming.values()), part.outputs
        if len(entering) == 1 and len(leaving) == 1:
            ends[name] = (name.rpartition(".")[0], entering.pop().shape, leaving[0].shape)
    return [(first, second) for first, second in combinations(ends, 2) if ends[first] == ends[second]]


def _apply_swaps(names: Sequence[str], swaps: Sequence[Swap]) -> list[str]:
    order = list(names)
    for first, second in swaps:
        first_index, second_index = order.index(first), order.index(second)
        order[first_index], order[second_index] = second, first
    return order
