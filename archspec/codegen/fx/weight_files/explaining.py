"""Explains in one line why weights do not fit a network, with advice."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archspec.codegen.fx.weight_files.adapting import Adaptation, apply_to_fit
from archspec.codegen.fx.weight_files.errors import quote_name
from archspec.codegen.fx.weight_files.fit import WeightFit
from archspec.codegen.fx.weight_files.mappings import Described
from archspec.codegen.fx.weight_files.matching import Match, find_shared_prefix, is_counter, strip_ones
from archspec.codegen.fx.weight_files.siblings import find_sibling
from archspec.printable import list_some

_SHOWN = 3
_SHARD = re.compile(r"(.+)-(\d{3,5})-of-(\d{3,5})(\.\w+)")
_LOOSE = "--no-strict, or strict=False, takes what fits"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Weights and the network that they do not fit."""

    source: str
    own: Mapping[str, Described]
    total: int
    """The number of tensors of the network, without counters that the weights lack."""
    match: Match
    fit: WeightFit
    adaptations: Sequence[Adaptation]
    """The adaptations that would help and were not requested."""
    notes: Sequence[str] = ()
    """Notes on how the weights were found and renamed."""
    name: str = ""
    """The name of the network."""


def explain_misfit(misfit: Misfit) -> tuple[str, str]:
    """The difference in one line, and advice, which may be empty."""
    explanations = (
        explain(misfit)
        for explain in (_explain_adaptations, _explain_shard, _explain_sibling, _explain_order, _explain_names)
    )
    reason, help = next((explanation for explanation in explanations if explanation[0]), None) or _explain_rest(misfit)
    return "; ".join([reason, *misfit.notes]), help


def _explain_adaptations(misfit: Misfit) -> tuple[str, str]:
    """Explains a difference only in head, channels, positions or patches."""
    if not misfit.adaptations or not apply_to_fit(misfit.fit, misfit.adaptations).exact:
        return "", ""
    kinds = ",".join(dict.fromkeys(kind for adaptation in misfit.adaptations for kind in adaptation.kinds))
    reason = list_some([adaptation.difference for adaptation in misfit.adaptations], _SHOWN, "; ")
    return reason, f'adapt them with --adapt {kinds}, or adapt="{kinds}"'


def _explain_shard(misfit: Misfit) -> tuple[str, str]:
    """Explains that a file is one of several shards."""
    numbers = _SHARD.fullmatch(Path(misfit.source).name)
    if not numbers or not misfit.fit.missing:
        return "", ""
    index = f"{numbers[1]}{numbers[4]}.index.json"
    return f"it is file {int(numbers[2])} of {int(numbers[3])}", f"name the index of all of them: {index}"


def _explain_sibling(misfit: Misfit) -> tuple[str, str]:
    """Explains that the tensors are those of another bundled network."""
    if not misfit.fit.missing and not misfit.fit.unexpected and not misfit.fit.misshaped:
        return "", ""
    sibling = find_sibling({name: tuple(tensor.shape) for name, tensor in misfit.match.tensors.items()}, misfit.name)
    if sibling is None:
        return "", ""
    extends = misfit.name and sibling.startswith(misfit.name) and not misfit.fit.missing and not misfit.fit.misshaped
    loose = f"; {_LOOSE}" if extends else ""
    return f"it has the tensors of {sibling}", f"build {sibling}{loose}"


def _explain_order(misfit: Misfit) -> tuple[str, str]:
    """Explains that the same tensors have other names in the same order."""
    own, got = (
        {key: strip_ones(tuple(part.shape)) for key, part in named.items() if not is_counter(key)}
        for named in (misfit.own, misfit.match.tensors)
    )
    if not misfit.fit.missing or list(own.values()) != list(got.values()):
        return "", ""
    others = [f"{quote_name(new)} for {old}" for old, new in zip(own, got, strict=True) if old != new]
    reason = f"its shapes are the network's, in the same order, and {len(others)} of its names are others: {list_some(others, _SHOWN)}"
    return reason, "rename them: a mapping of tensors by the network's names is taken too"


def _explain_names(misfit: Misfit) -> tuple[str, str]:
    """Explains that no names match."""
    match, own = misfit.match, misfit.own
    if match.hits or not own:
        return "", ""
    prefix = find_shared_prefix(match.tensors)
    below = f", all below {prefix!r}" if prefix and len(match.tensors) > 1 else ""
    text = (
        f"of its {_count_names(match.tensors)}{below}, none is the network's: "
        f"expected {list_some(list(own), _SHOWN)}, got {list_some(list(map(quote_name, match.tensors)), _SHOWN)}"
    )
    return text, ""


def _explain_rest(misfit: Misfit) -> tuple[str, str]:
    """Explains other differences by their counts."""
    fit, loose = misfit.fit, _LOOSE
    if not fit.missing and not fit.refused:
        more = list_some(list(map(quote_name, fit.unexpected)), _SHOWN)
        return f"it has all of the network's tensors and {len(fit.unexpected)} more: {more}", loose
    if not fit.unexpected and not fit.refused:
        return (
            f"{len(fit.missing)} of the network's {misfit.total} tensors are missing: {list_some(fit.missing, _SHOWN)}",
            loose,
        )
    counts = ((fit.missing, "missing"), (fit.unexpected, "unexpected"), (fit.misshaped, "of another shape"))
    parts = [f"{len(part)} {word}" for part, word in (*counts, (fit.mistyped, "of another type")) if part]
    return (
        f"{', '.join(parts)}; expected {misfit.total} tensors, got {len(misfit.match.tensors)}",
        "" if fit.refused else loose,
    )


def _count_names(names: Collection[str]) -> str:
    return "1 name" if len(names) == 1 else f"{len(names)} names"
