"""Selects the weights that are trained and their learning rates, by names of parts, `head` and `body`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.ir.parts import NamedParts, UnknownPartError

HEAD, BODY = "head", "body"
"""The last layer with weights, and all others; a part of that name takes precedence."""
_Covers = Callable[[str], bool]


@dataclass(frozen=True)
class Selection:
    """The trained parameters, their learning rates, and the frozen normalisations.

    >>> import archspec
    >>> arch = archspec.load("{name: net, input: [4], stages: {a: [linear: 3, batchnorm], b: {linear: 2}}}")
    >>> selection = select_weights(arch.build(), arch.graph, freeze=["a"])
    >>> selection.frozen
    ('a.0.weight', 'a.0.bias', 'a.1.weight', 'a.1.bias')
    >>> str(selection)
    '8 of 29 parameters are trained; 1 frozen normalisation keeps its running statistics'
    """

    model: nn.Module
    frozen: tuple[str, ...]
    """The names of the parameters without gradients."""
    rates: Mapping[str, float]
    """The learning rates of parameters that have one of their own."""
    norms: tuple[nn.Module, ...]
    """The normalisations with running statistics in frozen parts."""

    def put_in_training(self) -> None:
        """Sets training mode, except for the frozen normalisations, whose running statistics then do not change."""
        self.model.train()
        for norm in self.norms:
            norm.eval()

    def group_parameters(self, rate: float) -> list[dict[str, object]]:
        """The parameter groups of an optimiser: the trained parameters by learning rate; `rate` is that of all others."""
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                groups.setdefault(self.rates.get(name, rate), []).append(parameter)
        return [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]

    def __str__(self) -> str:
        parameters = list(self.model.parameters())
        trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
        text = f"{trained:,} of {sum(parameter.numel() for parameter in parameters):,} parameters are trained"
        count = len(self.norms)
        keep = "normalisation keeps its" if count == 1 else "normalisations keep their"
        return f"{text}; {count} frozen {keep} running statistics" if count else text


def select_weights(
    model: nn.Module,
    graph: Graph,
    *,
    freeze: Sequence[str] = (),
    train_only: Sequence[str] = (),
    rates: Iterable[tuple[str, float]] = (),
) -> Selection:
    """Disables the gradients of parameters that are not trained.

    Args:
        model: the network.
        graph: its graph.
        freeze: parts that are not trained, by their names in the `state_dict`: `layer1`, `layer1.0.conv1`, `fc.bias`.
        train_only: the only parts that are trained.
        rates: learning rates of parts; an inner part may have its own.

    Raises:
        UnknownPartError: a name is that of no part.
        ExperimentError: a part has no weights, nothing is left to train, or a frozen part has a rate.
    """
    names = [name for name, _ in model.named_parameters()]
    find = _PartFinder(graph, names)
    off, only = [find(part) for part in freeze], [find(part) for part in train_only]

    def is_frozen(path: str) -> bool:
        return any(covers(path) for covers in off) or (bool(only) and not any(covers(path) for covers in only))

    frozen = tuple(name for name in names if is_frozen(name))
    if len(frozen) == len(names):
        raise ExperimentError(f"{graph.name} has no weights to train" + (" that are not frozen" if names else ""))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    chosen = _choose_rates(rates, find, [name for name in names if name not in frozen])
    return Selection(model, frozen, chosen, tuple(_find_norms(model, is_frozen)))


def _choose_rates(rates: Iterable[tuple[str, float]], find: _PartFinder, trained: Sequence[str]) -> dict[str, float]:
    """The rates of parameters: that of the innermost part around each."""
    chosen: dict[str, float] = {}
    for part, rate in sorted(rates, key=lambda pair: 0 if pair[0] in find.words else len(pair[0].split("."))):
        covers = find(part)
        inside = [name for name in trained if covers(name)]
        if not inside:
            raise ExperimentError(f"{part} has a learning rate and is frozen")
        chosen |= dict.fromkeys(inside, rate)
    return chosen


def _find_norms(model: nn.Module, is_frozen: _Covers) -> list[nn.Module]:
    """The frozen normalisations with running statistics."""
    return [
        module
        for path, module in model.named_modules()
        if getattr(module, "running_mean", None) is not None and is_frozen(path)
    ]


class _PartFinder:
    """Makes functions that test whether a path of the network is in a part."""

    def __init__(self, graph: Graph, names: Sequence[str]) -> None:
        self._parts, self._names = graph.derive(NamedParts), names
        weighted = [node.name for node in graph.ops if node.weights]
        self._head = weighted[-1] if weighted else ""
        self.words = [word for word in (HEAD, BODY) if self._parts.get(word) is None]

    def __call__(self, part: str) -> _Covers:
        if part in self.words:
            return lambda path: _is_below(path, self._head) == (part == HEAD)
        if not any(_is_below(name, part) for name in self._names):
            self._refuse(part)
        return lambda path: _is_below(path, part)

    def _refuse(self, part: str) -> None:
        """Raises `UnknownPartError`, or `ExperimentError` if the part exists but has no weights."""
        if self._parts.get(part) is not None:
            raise ExperimentError(f"{part} has no weights of its own")
        raise UnknownPartError(f"the network has no part {part[:80]!r}", self._parts.suggest(part, tuple(self.words)))


def _is_below(path: str, part: str) -> bool:
    return path == part or path.startswith(f"{part}.")
