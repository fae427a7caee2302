"""Compares a built network with another model: names, shapes and order of weights, and values with the model's own weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from archspec.codegen.fx.difference_place import advise, describe_difference, fades
from archspec.codegen.fx.module_state import read_state
from archspec.codegen.fx.module_values import (
    TOLERANCE,
    ModuleValues,
    compare_tensors,
    flatten_tensors,
)
from archspec.codegen.fx.reference_models import ReferenceModelError
from archspec.codegen.fx.trial import make_noise
from archspec.errors import Diagnostic
from archspec.ir.graph import Graph, Node, Region
from archspec.ir.node import UNKNOWN_SPAN
from archspec.numerals import format_sizes
from archspec.printable import list_some, shorten_text
from archspec.spans import Span, Use

BATCH = 2
_LOUD = 8
"""The factor of the last sample, so that clipped activations such as relu6 are clipped."""
_NAMED = 3  # the most weights in one message
_LISTED = 8  # the most weights of one kind of difference that have a diagnostic of their own

Agreement = Literal["equal", "rounding", "different", "not compared"]


@dataclass(frozen=True, slots=True)
class ReferenceComparison:
    """The result of comparing a network with a reference.

    >>> import archspec, torch
    >>> arch = archspec.load("{name: a, input: [4], stages: {fc: {linear: 2}}}")
    >>> model = torch.nn.Sequential(); model.add_module("fc", torch.nn.Linear(4, 2))
    >>> comparison = arch.check_against(model)
    >>> comparison.same, comparison.outputs, comparison.largest_difference
    (True, 'equal', 0.0)
    """

    network: str
    reference: str
    keys: tuple[int, int]
    """The number of keys in the `state_dict` of the network and of the reference."""
    params: tuple[int, int]
    """The number of trainable scalars of both."""
    same_order: bool
    """Whether the keys that both have are in the same order."""
    outputs: Agreement
    """How their outputs agree for the reference's weights in evaluation mode: bit by bit, up to rounding, or not; they are compared
    only if keys and shapes are equal."""
    largest_difference: float | None
    """The largest difference between their outputs relative to the largest value of one: 0.0 if they are equal in float32, else that in
    float64."""
    first_difference: str | None
    """The name of the first module whose value differs."""
    diagnostics: tuple[Diagnostic, ...]
    """The differences, each at its line in the spec."""

    @property
    def same(self) -> bool:
        """Whether both have the same keys, shapes and function; the order of keys may differ."""
        return not any(diagnostic.severity == "error" for diagnostic in self.diagnostics)

    def as_dict(self) -> dict[str, object]:
        """The comparison as plain data, for `--json`."""
        return {
            "name": self.network,
            "reference": self.reference,
            "same": self.same,
            "keys": list(self.keys),
            "params": list(self.params),
            "same_order": self.same_order,
            "outputs": self.outputs,
            "largest_difference": self.largest_difference,
            "first_difference": self.first_difference,
            "diagnostics": [diagnostic.as_dict() for diagnostic in self.diagnostics],
        }


def compare_with_reference(
    graph: Graph, build: Callable[[], nn.Module], reference: nn.Module, name: str, *, seed: int = 0
) -> ReferenceComparison:
    """Compares a network with a reference, which is copied and stays as it is.

    Weights and statistics of the reference that are constant, such as the zeros and ones of a fresh normalisation, get random values,
    since they would hide a wrong wiring; all others are the reference's own.

    Args:
        graph: the network.
        build: builds it on the CPU in float32.
        reference: the other model.
        name: its name in messages.
        seed: the seed of the inputs and the random values.

    Raises:
        ReferenceModelError: the reference cannot be copied, or fails for the network's input.
    """
    ours, theirs = build().eval(), _copy_model(reference, name)
    findings = Findings(graph, name)
    keys = _list_shapes(ours), _list_shapes(theirs)
    findings.compare_keys(*keys)
    same_order = [key for key in keys[0] if key in keys[1]] == [key for key in keys[1] if key in keys[0]]
    outputs: Agreement = "not compared"
    largest: float | None = None
    if not findings.diagnostics:
        generator = torch.Generator().manual_seed(seed)
        _randomise_constants(theirs, generator)
        ours.load_state_dict(read_state(theirs), strict=True)
        outputs, largest = _compare_values(graph, ours, theirs, generator, findings)
    if not same_order and keys[0].keys() == keys[1].keys():
        findings.report_order(*keys)
    return ReferenceComparison(
        graph.name,
        name,
        (len(keys[0]), len(keys[1])),
        (_count_params(ours), _count_params(theirs)),
        same_order,
        outputs,
        largest,
        findings.first_difference,
        tuple(findings.diagnostics),
    )


Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class Findings:
    """The differences between a network and its reference, at their lines in the spec."""

    graph: Graph
    reference: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    first_difference: str | None = None

    def __post_init__(self) -> None:
        parts: Iterable[Node | Region] = (*self.graph.regions, *self.graph.ops)
        self.parts = {part.name: part for part in parts if part.name}

    def compare_keys(self, ours: Shapes, theirs: Shapes) -> None:
        """Reports the keys that only one of the models has, and shapes that differ."""
        self._report_each(
            [key for key in ours if key not in theirs],
            lambda key: f"{key} {format_sizes(ours[key])} is not in {self.reference}",
        )
        self._report_missing([(key, theirs[key]) for key in theirs if key not in ours])
        self._report_each(
            [key for key in ours if key in theirs and ours[key] != theirs[key]],
            lambda key: f"{key} is {format_sizes(ours[key])}, in {self.reference} {format_sizes(theirs[key])}",
        )

    def _report_each(self, keys: list[str], describe: Callable[[str], str]) -> None:
        for key in keys[:_LISTED]:
            self.report(describe(key), key)
        if rest := keys[_LISTED:]:
            self.report(
                f"{describe(rest[0])}, and so are {len(rest) - 1} more" if len(rest) > 1 else describe(rest[0]), rest[0]
            )

    def _report_missing(self, keys: list[tuple[str, tuple[int, ...]]]) -> None:
        """Reports keys that only the reference has, by the part of the spec that should have them."""
        by_part: dict[str, list[str]] = {}
        for key, shape in keys:
            by_part.setdefault(self._find_part_name(key), []).append(f"{key} {format_sizes(shape)}")
        for part, texts in list(by_part.items())[:_LISTED]:
            self.report(f"{self.reference} also has {list_some(texts, _NAMED)}", part)
        if len(by_part) > _LISTED:
            rest = sum(map(len, list(by_part.values())[_LISTED:]))
            self.report(f"{self.reference} also has {rest} other keys that the network does not have", "")

    def report_order(self, ours: Shapes, theirs: Shapes) -> None:
        """Warns of the first key whose place differs."""
        own, other = next(pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1])
        self.report(f"the keys are in another order: {own} stands where {self.reference} has {other}", own, "warning")

    def report(
        self, message: str, name: str, severity: Literal["error", "warning"] = "error", help: str | None = None
    ) -> None:
        """Adds a diagnostic at the part that owns a name."""
        span, use = self._locate(name)
        self.diagnostics.append(Diagnostic(message, span, (), use, help, severity))

    def _locate(self, name: str) -> tuple[Span, Use | None]:
        part = self.parts.get(self._find_part_name(name))
        if part is None:
            first = next(self.graph.ops, None)
            span = first.span if first is not None else UNKNOWN_SPAN
            return Span(span.source, 1, 1), None
        return part.span, part.use if isinstance(part, Node) else None

    def _find_part_name(self, name: str) -> str:
        """The name of the innermost part of the network around a name."""
        names = name.split(".")
        prefixes = (".".join(names[:length]) for length in range(len(names), 0, -1))
        return next((prefix for prefix in prefixes if prefix in self.parts), "")


def _copy_model(reference: nn.Module, name: str) -> nn.Module:
    try:
        return copy.deepcopy(reference).cpu().float().eval()
    except Exception as fault:  # a user's module raises anything
        raise ReferenceModelError(
            f"{name} cannot be copied: {type(fault).__name__}: {shorten_text(str(fault), 200)}"
        ) from fault


def _list_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in read_state(model).items() if isinstance(tensor, Tensor)}


def _count_params(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _randomise_constants(model: nn.Module, generator: torch.Generator) -> None:
    """Gives random values to parameters and running statistics whose elements are all equal."""
    statistics = ((key, tensor) for key, tensor in model.named_buffers() if "running_" in key)
    with torch.no_grad():
        for key, tensor in (*model.named_parameters(), *statistics):
            if not tensor.is_floating_point() or bool((tensor != tensor.flatten()[0]).any()):
                continue
            if key.endswith("running_var") or float(tensor.flatten()[0]) > 0:
                tensor.uniform_(0.5, 1.5, generator=generator)
            else:
                tensor.normal_(0, 0.1, generator=generator)


def _compare_values(
    graph: Graph, ours: nn.Module, theirs: nn.Module, generator: torch.Generator, findings: Findings
) -> tuple[Agreement, float | None]:
    """Compares the outputs in float32, and if they are not equal, all values in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        inputs = [make_noise(graph, value, BATCH, torch.device("cpu")) for value in graph.inputs.values()]
        for value in inputs:
            if value.is_floating_point():
                value[-1] *= _LOUD
    with torch.no_grad():
        own, other = flatten_tensors(ours(*inputs)), _run_reference(theirs, inputs, findings.reference)
        if len(own) == len(other) and all(map(_equal, own, other)):
            return "equal", 0.0
        ours, theirs = ours.double(), theirs.double()
        inputs = [value.double() if value.is_floating_point() else value for value in inputs]
        recorder = ModuleValues()
        with recorder.record(ours):
            own = flatten_tensors(ours(*inputs))
        with recorder.compare(theirs):
            other = _run_reference(theirs, inputs, findings.reference)
    largest = _find_largest(own, other)
    if largest is not None and largest <= TOLERANCE:
        return "rounding", largest
    _report_values(findings, recorder, theirs, own, other)
    return "different", largest


def _run_reference(model: nn.Module, inputs: list[Tensor], name: str) -> list[Tensor]:
    try:
        return flatten_tensors(model(*inputs))
    except Exception as fault:  # a user's module raises anything
        sizes = ", ".join(format_sizes(tuple(value.shape)) for value in inputs)
        text = shorten_text(" ".join(str(fault).split()), 300)
        raise ReferenceModelError(f"{name} raises {type(fault).__name__} for {sizes}: {text}") from fault


def _equal(own: Tensor, other: Tensor) -> bool:
    return own.shape == other.shape and torch.equal(own, other.to(own.dtype))


def _find_largest(own: list[Tensor], other: list[Tensor]) -> float | None:
    """The largest difference relative to the largest value of its output; None for other shapes."""
    if len(own) != len(other) or any(pair[0].shape != pair[1].shape for pair in zip(own, other, strict=True)):
        return None
    return max(map(compare_tensors, own, other), default=0.0)


def _report_values(
    findings: Findings, recorder: ModuleValues, theirs: nn.Module, own: list[Tensor], other: list[Tensor]
) -> None:
    differences = recorder.iter_differences()
    first = next(
        (each for each in differences if not fades(findings.graph, findings.parts.get(each.name), recorder)), None
    )
    if first is None:
        shapes = [
            ", ".join(format_sizes(tuple(value.shape[1:])) for value in values) or "nothing" for values in (own, other)
        ]
        message = f"the outputs differ, while all modules that both have agree: {shapes[0]}, in {findings.reference} {shapes[1]}"
        findings.report(message, "", help="what differs has no module of its own: an operation or its place")
        return
    findings.first_difference = first.name
    message, part = describe_difference(first, findings.reference), findings.parts.get(first.name)
    findings.report(message, first.name, help=advise(first, findings.graph, part, recorder, theirs))
