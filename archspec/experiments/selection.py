"""Selects the parameters of a network that are trained, and their learning rates, by the names of parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from archspec.experiments.track import ExperimentError
from archspec.ir.graph import Graph
from archspec.ir.parts import NamedParts, UnknownPartError

HEAD, BODY = "head", "body"
"""The last layer with weights, and all other layers. A part of the network that has one of these names takes precedence."""
_Covers = Callable[[str], bool]


@dataclass(frozen=True)
class Selection:
    """The frozen parameters and normalisations of a network, and the learning rates of the others.

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
    """The learning rates of parameters, by name, that differ from the default."""
    norms: tuple[nn.Module, ...]
    """The normalisations with running statistics in frozen parts."""

    def put_in_training(self) -> None:
        """Puts the network into training mode, and its frozen normalisations into evaluation, which keeps their running statistics."""
        self.model.train()
        for norm in self.norms:
            norm.eval()

    def group_parameters(self, rate: float) -> list[dict[str, object]]:
        """The trained parameters as groups for an optimiser, one for each learning rate; `rate` is the default."""
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
    """Freezes parameters of a network: sets their `requires_grad` to False.

    Args:
        model: the network.
        graph: the graph that it was built from.
        freeze: the parts to freeze, named as in the `state_dict`: `layer1`, `layer1.0.conv1`, `fc.bias`.
        train_only: if given, all parts but these are frozen.
        rates: learning rates of parts; where parts are nested, the rate of the innermost one applies.

    Raises:
        UnknownPartError: the network has no part of a name.
        ExperimentError: a part has no weights, nothing is left to train, or a part with a learning rate is frozen.
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
    """The learning rates of parameters: each has that of the innermost part around it."""
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
    """Finds a part by name, as a predicate on names of parameters and modules."""

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
