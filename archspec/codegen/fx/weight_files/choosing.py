"""Chooses the mapping of a checkpoint whose names match the network's."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from archspec.codegen.errors import WeightsError
from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.codegen.fx.weight_files.mappings import (
    Described,
    TensorMapping,
    describe_content,
    describe_lack,
    find_mappings,
    is_tensor,
)
from archspec.codegen.fx.weight_files.matching import Match, match_names
from archspec.codegen.fx.weight_files.pickled_object import describe_classes
from archspec.codegen.fx.weight_files.sources import WeightSource

_SHOWN = 6


def choose_match(source: WeightSource, own: Mapping[str, Described]) -> Match:
    """The mapping of a checkpoint that matches a network best, with the network's names.

    Raises:
        WeightsError: there is none, several match equally well, or the value at a tensor's name is no tensor.
    """
    try:
        mappings, part = _choose_part(source)
    except FormatError as error:
        raise WeightsError(f"{source.name}: {error}") from error
    if not mappings:
        raise _report_no_tensors(source)
    matches = sorted((match_names(mapping, own, part) for mapping in mappings), key=_rank, reverse=True)
    best = matches[0]
    equal = [other for other in matches if other.score == best.score and not _are_same(other, best)]
    if best.hits and (equal or best.renamed.rivals):
        raise _report_ambiguity(source, best, equal)
    _check_values(source, best, own)
    return best


def _are_same(match: Match, other: Match) -> bool:
    """Whether two parts of a checkpoint have identical tensors, and not only equal ones."""
    if match.tensors.keys() != other.tensors.keys():
        return False
    return all(_locate(tensor) == _locate(other.tensors[name]) for name, tensor in match.tensors.items())


def _locate(tensor: Described) -> object:
    """A key for the memory of a tensor's values."""
    return (tensor.data_ptr(), tensor.shape, tensor.stride()) if isinstance(tensor, Tensor) else tensor


def _rank(match: Match) -> tuple[int, int, int]:
    return (*match.score, len(match.tensors) if not match.hits else 0)


def _choose_part(source: WeightSource) -> tuple[list[TensorMapping], str]:
    """The candidate mappings; if the requested part is the key of none, also the prefix that it stands for."""
    mappings = find_mappings(source.tree)
    if not source.part:
        return mappings, ""
    named = [mapping for mapping in mappings if ".".join(mapping.keys) == source.part]
    below = [mapping for mapping in mappings if any(name.startswith(f"{source.part}.") for name in mapping.tensors)]
    if named or below:
        return (named, "") if named else (below, source.part)
    there = ", ".join(mapping.place for mapping in mappings if mapping.keys) or "none that has a name"
    raise FormatError(f"it has no part {quote_name(source.part)}; those with tensors: {there}")


def _report_no_tensors(source: WeightSource) -> WeightsError:
    lack = describe_lack(source.tree)
    if lack.startswith("it holds"):
        text = f"neither safetensors nor a whole torch checkpoint of tensors: {lack}"
        return WeightsError(
            f"{source.name}: {text}", help="save the tensors alone: torch.save(model.state_dict(), file)"
        )
    return WeightsError(f"{source.name}: expected tensors by name, got {lack}")


def _report_ambiguity(source: WeightSource, best: Match, equal: list[Match]) -> WeightsError:
    if best.renamed.rivals:
        parts = [prefix.rstrip(".") for prefix in (best.renamed.prefix, *best.renamed.rivals)]
        text = "tensors of the network's names are below several prefixes"
    else:
        parts = [".".join(match.mapping.keys) for match in (best, *equal)]
        text = "several of its parts fit the network equally well"
    shown = ", ".join(map(quote_name, parts[:_SHOWN]))
    example = next((part for part in parts if part), parts[0])
    return WeightsError(f"{source.name}: {text}: {shown}", help=source.advise_part(example))


def _check_values(source: WeightSource, match: Match, own: Mapping[str, Described]) -> None:
    """Raises `WeightsError` if the value at a tensor's name is no tensor."""
    for name, part in match.others.items():
        if not isinstance(name, str):
            raise WeightsError(f"{source.name}: expected tensors by name, got {quote_name(name)} as a name")
        if name in own and not is_tensor(part):
            got = describe_content(part)
            raise WeightsError(f"{source.name}: expected a dense tensor with values for {quote_name(name)}, got {got}")


def describe_choice(match: Match, source: WeightSource) -> tuple[str, ...]:
    """Notes on how the tensors were found."""
    said = []
    if match.mapping.module:
        said.append(
            f"it is a pickled {quote_name(match.mapping.module)}, whose state_dict was read and of which nothing was run"
        )
    others = [
        mapping.place for mapping in find_mappings(source.tree) if mapping.keys != match.mapping.keys and mapping.keys
    ]
    if match.hits and others and not source.part:
        rest = ", ".join(others[:_SHOWN])
        said.append(f"{match.mapping.place or 'what stands outside'} was taken, whose names fit, and not {rest}")
    classes = describe_classes(source.tree)
    return (*said, *match.renamed.notes, *([classes] if classes else []))
