"""Gives the ops of a draft the initialisations of the model's tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from archspec.ops.base import Weight
from archspec.ops.initial import Init
from archspec.recording.construction import Construction, read_constant
from archspec.recording.distributions import Distribution, find_default, find_fans, iter_schemes
from archspec.recording.draft import Draft, DraftNode

Scheme = Init | float

_MOST = 2
"""The schemes with numbers of their own that layers of one op may have: more follow a law that no scheme of the language says."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """A tensor of an op that is not filled as torch does by default."""

    node: DraftNode
    field: str
    name: str
    schemes: tuple[Scheme, ...]
    """The initialisations that fill it so; none if that is not known."""

    @property
    def kind(self) -> tuple[str, str]:
        return self.node.word, self.field


def set_initial(draft: Draft, model: nn.Module, construction: Construction | None) -> tuple[str, ...]:
    """Sets `init` and `bias_init` of the ops whose tensors are not filled as torch does by default.

    What a tensor is drawn from was seen as the model was made; without that, only constants are read. Where several schemes fit, layers
    of an op have the same if they can.

    Returns:
        The names of the tensors that are filled in another way, which no scheme says, or which was not seen.
    """
    tensors = dict(model.named_parameters())
    filled = [own for node in draft.nodes for own in _iter_filled(node, tensors, construction)]
    chosen = list(_choose_schemes(filled))
    crowded = _find_crowded(filled, chosen)
    unsaid: dict[str, None] = {}
    for own, scheme in zip(filled, chosen, strict=True):
        if scheme is None or (own.kind in crowded and _has_numbers(scheme)):
            unsaid[own.name] = None
        else:
            own.node.op = own.node.op.model_copy(update={own.field: scheme})
    return tuple(unsaid)


def _choose_schemes(filled: list[_Filled]) -> Iterator[Scheme | None]:
    """Yields the scheme of each tensor: among those that fit, the one that fits most tensors of the op."""
    votes = Counter((own.kind, scheme) for own in filled for scheme in own.schemes)
    for own in filled:
        yield max(own.schemes, key=lambda scheme, kind=own.kind: votes[kind, scheme], default=None)  # type: ignore[misc]


def _find_crowded(filled: Iterable[_Filled], chosen: Iterable[Scheme | None]) -> set[tuple[str, str]]:
    """The ops and fields that have too many schemes with numbers of their own."""
    schemes: dict[tuple[str, str], set[Scheme]] = {}
    for own, scheme in zip(filled, chosen, strict=True):
        if scheme is not None and _has_numbers(scheme):
            schemes.setdefault(own.kind, set()).add(scheme)
    return {kind for kind, own in schemes.items() if len(own) > _MOST}


def _has_numbers(scheme: Scheme) -> bool:
    """Whether a scheme draws from a distribution with numbers of its own, in place of those that follow from the sizes."""
    return isinstance(scheme, Init) and not scheme.needs_fans


def _iter_filled(
    node: DraftNode, tensors: Mapping[str, Tensor], construction: Construction | None
) -> Iterator[_Filled]:
    """Yields the tensors of an op that are not filled as torch does by default."""
    weights = node.op.weights(*(value.shape for value in node.inputs)) if node.path is not None else ()
    for weight in weights:
        field = "bias_init" if weight.name == "bias" else "init"
        name = ".".join((*(node.path or ()), weight.name)).rstrip(".")
        if weight.name not in ("", "weight", "bias") or field not in type(node.op).model_fields or name not in tensors:
            continue
        tensor = tensors[name]
        given = construction.find_distribution(tensor) if construction is not None else read_constant(tensor)
        default = _find_default(node, weight, weights[0])
        if given is None:
            if construction is not None:
                yield _Filled(node, field, name, ())
        elif default is None or not given.is_close(default):
            yield _Filled(node, field, name, tuple(iter_schemes(given, tuple(tensor.shape))))


def _find_default(node: DraftNode, weight: Weight, first: Weight) -> Distribution | None:
    """What a tensor is drawn from without an initialisation."""
    field = type(node.op).model_fields["bias_init" if weight.name == "bias" else "init"]
    if isinstance(field.default, float):
        return Distribution("constant", field.default)
    fan = find_fans(first.shape)[0] if len(first.shape) > 1 else 0
    return find_default(node.word, node.op.category, weight.name, fan)
