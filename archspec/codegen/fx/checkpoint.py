"""Loads checkpoints into networks: finds, renames, adapts, compares and copies the tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from archspec.codegen.errors import WeightsError, WeightsNote, WeightsWarning
from archspec.codegen.fx.weight_files import compute_read_limit
from archspec.codegen.fx.weight_files.adapting import Adaptation, apply_to_fit, find_adaptations, parse_kinds
from archspec.codegen.fx.weight_files.choosing import choose_match, describe_choice
from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.codegen.fx.weight_files.explaining import Misfit, explain_misfit
from archspec.codegen.fx.weight_files.fit import WeightFit, WeightReport, compare_weights
from archspec.codegen.fx.weight_files.mappings import Described
from archspec.codegen.fx.weight_files.matching import Match, is_counter
from archspec.codegen.fx.weight_files.sources import Weights, WeightSource, open_source
from archspec.ir.graph import Graph
from archspec.ir.weight_provenance import find_cut_layers
from archspec.printable import list_some

_SHOWN = 12
Report = Callable[[WeightReport], object]


def load_weights(
    model: nn.Module,
    weights: Weights,
    *,
    strict: bool = True,
    adapt: str | Iterable[str] = (),
    report: Report | None = None,
    graph: Graph | None = None,
) -> WeightReport:
    """Loads weights into a network; without `strict`, only those that fit. Warns (`WeightsWarning`) of values that are not finite.

    Args:
        model: the network, which is unchanged if an error is raised.
        weights: a file, an index of shards, a folder of a model, `torchvision:NAME`, `timm:NAME`, or a mapping of tensors or
            arrays. `FILE#KEY` is the part of a file below a key or a prefix.
        strict: whether all keys and shapes must match.
        adapt: the differences to adapt: some of `adapting.KINDS`, as names or as one text with commas.
        report: is called with the report; without it, changes and missing tensors are warned of.
        graph: the graph of the network, whose shapes determine the grids of positional embeddings; weights of layers that a pass cut
            from it may be there, too.

    Raises:
        WeightsError: they cannot be read, do not fit with `strict`, or none of them fits.
        OSError: a file cannot be read.

    >>> import archspec
    >>> arch = archspec.load("lstm")
    >>> arch.save("lstm.safetensors", seed=1)
    >>> load_weights(arch.build(), "lstm.safetensors").taken == len(arch.build().state_dict())
    True
    """
    kinds = parse_kinds(adapt)
    own = model.state_dict()
    cut = find_cut_layers(graph.weight_provenance) if graph is not None else frozenset()
    limit = compute_read_limit(count_bytes(own)) if not cut else None
    with open_source(weights, limit=limit) as source:
        plan = _plan(source, own, _leave_out(choose_match(source, own), own, cut), kinds, graph)
        done = plan.report
        if (strict and not plan.fit.exact) or (own and not done.taken):
            raise plan.refuse(graph.name if graph is not None else "", strict=strict)
        taken = _take(plan, own)
    copy_weights(taken, own)
    _tell(done, report)
    return done


def _leave_out(match: Match, own: Mapping[str, Described], cut: Collection[str]) -> Match:
    """A match without the tensors of layers that were cut from the network, and with a note that says so."""
    left = [name for name in match.tensors if name not in own and (name in cut or name.rpartition(".")[0] in cut)]
    if not left:
        return match
    parts = list_some(list(dict.fromkeys(name.partition(".")[0] for name in left)), _SHOWN)
    note = f"{len(left):,} tensors of layers that were cut from the network were left out: {parts}"
    renamed = replace(match.renamed, notes=(*match.renamed.notes, note))
    return replace(match, tensors={n: t for n, t in match.tensors.items() if n not in set(left)}, renamed=renamed)


def load_own_weights(model: nn.Module, weights: Weights, graph: Graph, *, limit: int | None = None) -> None:
    """Loads the weights of a whole network, given by `graph`, into a part of it that has the network's names.

    Raises as `load_weights` does, also if one of the part's weights is missing.
    """
    own = model.state_dict()
    whole = {name: torch.empty(shape, device="meta") for name, shape in graph.weight_shapes.items()}
    copy_weights(read_weights(weights, own, whole=whole, limit=limit), own)


def read_weights(
    weights: Weights,
    own: Mapping[str, Described] | None = None,
    *,
    whole: Mapping[str, Described] | None = None,
    limit: int | None = None,
) -> dict[str, Tensor]:
    """The tensors of a checkpoint by the names of a network that has `own`, in its types; others are left out.

    Counters of batch normalisations may be missing. Without `own`, all tensors are returned unchanged. `whole` is the network that
    `own` is a part of, because a part alone may match in several places. Raises `WeightsError` and OSError.
    """
    with open_source(weights, limit=limit) as source:
        own = choose_match(source, {}).tensors if own is None else own
        plan = _plan(source, own, choose_match(source, whole or own))
        plan.fit = WeightFit(plan.fit.missing, (), plan.fit.misshaped, plan.fit.mistyped)
        if not plan.fit.exact:
            raise plan.refuse("")
        taken = _take(plan, own)
    _tell(plan.report, None)
    return taken


def copy_weights(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Copies weights into `own`, the `state_dict` of a network.

    torch's `load_state_dict` searches all keys of a module for each of its children, which takes minutes with thousands of blocks.

    >>> import archspec
    >>> model, other = (archspec.load("lstm").build(seed=seed) for seed in (0, 1))
    >>> copy_weights(other.state_dict(), model.state_dict())
    >>> all(bool((model.state_dict()[name] == weight).all()) for name, weight in other.state_dict().items())
    True
    """
    with torch.no_grad():
        for key, weight in weights.items():
            own[key].copy_(weight)


@dataclass(slots=True)
class _Plan:
    """The mapping from the tensors of a source to those of a network."""

    source: WeightSource
    own: Mapping[str, Described]
    match: Match
    fit: WeightFit
    chosen: Sequence[Adaptation]
    offered: Sequence[Adaptation]
    """The adaptations that would help and were not requested."""

    @property
    def keys(self) -> list[str]:
        """The network's names of the tensors that are loaded."""
        fresh = {key for adaptation in self.chosen if adaptation.compute is None for key in adaptation.keys}
        refused = self.fit.refused | fresh
        return [key for key in self.own if key in self.match.tensors and key not in refused]

    @property
    def report(self) -> WeightReport:
        notes = (*describe_choice(self.match, self.source), *(adaptation.done for adaptation in self.chosen))
        taken = set(self.keys)
        expected = [key for key in self.own if key in self.match.tensors or not is_counter(key)]
        fresh = tuple(key for key in expected if key not in taken)
        available = len(self.match.tensors)
        return WeightReport(self.source.name, self.fit, len(taken), len(expected), available, notes, fresh)

    def refuse(self, name: str, *, strict: bool = True) -> WeightsError:
        """The error for weights that do not fit the network `name`."""
        done = self.report
        misfit = Misfit(done.source, self.own, done.total, self.match, self.fit, self.offered, done.notes, name)
        reason, help = explain_misfit(misfit)
        fact = f"{done.source}: these are not the weights of this network" if strict else done.counts
        return WeightsError(f"{fact}: {reason}", table=str(self.fit), help=help, facts=done.as_dict())


def _plan(
    source: WeightSource,
    own: Mapping[str, Described],
    match: Match,
    kinds: Sequence[str] = (),
    graph: Graph | None = None,
) -> _Plan:
    fit = compare_weights(own, match.tensors)
    adaptations = find_adaptations(list(own), fit, _list_grids(graph)) if not fit.exact else []
    chosen = [adaptation for adaptation in adaptations if set(adaptation.kinds) <= set(kinds)]
    return _Plan(
        source,
        own,
        match,
        apply_to_fit(fit, chosen),
        chosen,
        [adaptation for adaptation in adaptations if adaptation not in chosen],
    )


def _list_grids(graph: Graph | None) -> list[tuple[int, int]]:
    """The distinct heights and widths of a network's values."""
    if graph is None:
        return []
    sizes = [value.shape.sizes for node in graph.ops for value in node.outputs]
    return list(dict.fromkeys((shape[1], shape[2]) for shape in sizes if len(shape) == 3))


def _take(plan: _Plan, own: Mapping[str, Described]) -> dict[str, Tensor]:
    """The tensors to load, adapted and in the network's types. Raises `WeightsError`."""
    keys = plan.keys
    loaded = plan.source.load({key: plan.match.tensors[key] for key in keys})
    for adaptation in plan.chosen:
        if adaptation.compute is not None:
            loaded |= {key: adaptation.compute(loaded[key]) for key in adaptation.keys}
    return _convert({key: weight.reshape(own[key].shape) for key, weight in loaded.items()}, own, plan.source.name)


def _tell(done: WeightReport, report: Report | None) -> None:
    """Calls `report`, or warns if there is anything to report."""
    if report is not None:
        report(done)
        return
    for note in done.notes:
        warnings.warn(f"{done.source}: {note}", WeightsNote, stacklevel=4)
    if not done.fit.exact:
        warnings.warn(f"{done.counts}\n{done.fit}", WeightsWarning, stacklevel=4)


def count_bytes(weights: Mapping[str, Tensor]) -> int:
    """The number of bytes of weights."""
    return sum(weight.numel() * weight.element_size() for weight in weights.values())


def not_finite(weight: Tensor) -> int:
    """The number of values of a tensor that are infinite or NaN."""
    if weight.dtype.itemsize == 1 and weight.is_floating_point():
        weight = weight.float()  # 8-bit types support few operations
    return weight.numel() - int(weight.isfinite().sum())


def _convert(taken: Mapping[str, Tensor], own: Mapping[str, Described], source: str) -> dict[str, Tensor]:
    """Weights converted to the network's types. Raises `WeightsError` if an integer is expected and a value is none."""
    converted = {key: weight.to(own[key].dtype) for key, weight in taken.items()}
    counts = [key for key in taken if taken[key].is_floating_point() and not own[key].dtype.is_floating_point]
    for key in counts:
        if not torch.equal(converted[key].double(), taken[key].double()):
            raise WeightsError(f"{source}: {quote_name(key)} is not of whole numbers, as the network's own is")
    _warn_of_infinities(converted, source)
    return converted


def _warn_of_infinities(taken: Mapping[str, Tensor], source: str) -> None:
    counts = {key: not_finite(weight) for key, weight in taken.items()}
    wrong = {key: count for key, count in counts.items() if count}
    if wrong:
        shown = list_some([f"{key} ({count:,})" for key, count in wrong.items()], _SHOWN)
        total = sum(wrong.values())
        values = "value that is" if total == 1 else "values that are"
        text = f"{source}: {total:,} {values} not finite, in {shown}"
        warnings.warn(text, WeightsWarning, stacklevel=5)
