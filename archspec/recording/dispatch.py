"""Raises the calls of a trace to ops, one after the other."""

from __future__ import annotations

from pydantic import ValidationError

from archspec.ir.shape import Shape
from archspec.ops.base import ShapeError
from archspec.recording.draft import Draft, DraftValue
from archspec.recording.functions import HANDLERS
from archspec.recording.modules import raise_module
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.problems import ProblemList
from archspec.recording.raising import Raising, UnknownOperandError
from archspec.recording.trace import BatchSize, RecordedCall, ResultRef, Sizes, StateRef, Trace, UnknownRef, iter_leaves

_REPEATING = frozenset(("expand", "expand_as", "broadcast_to", "repeat"))


def raise_trace(trace: Trace, input_shapes: tuple[Shape, ...], problems: ProblemList) -> Draft:
    """The draft of a trace, whose inputs have these shapes; what cannot be raised is noted.

    The results of a call that cannot be raised are values of their own, so that one run finds all problems.
    """
    return _Dispatch(trace, input_shapes, problems).raise_all()


class _Dispatch:
    def __init__(self, trace: Trace, input_shapes: tuple[Shape, ...], problems: ProblemList) -> None:
        self.trace, self.problems = trace, problems
        self.raising = Raising(trace, input_shapes)

    def raise_all(self) -> Draft:
        for call in self.trace.calls:
            self.raising.call = call
            try:
                self._raise_call(call)
            except (UnsupportedCallError, ShapeError, ValidationError, TypeError) as error:
                self._note(error, call)
        draft = self.raising.draft
        for name, number in self.trace.outputs.items():
            operand = self.raising.operands.get(number)
            if operand is not None:
                draft.outputs[name] = self._finish(operand)
        return draft

    def _finish(self, operand: Operand) -> DraftValue:
        try:
            return self.raising.as_value(operand)
        except UnsupportedCallError as error:
            self._note(error, self.raising.call)
            return operand.value

    def _note(self, error: Exception, call: RecordedCall) -> None:
        if not isinstance(error, UnknownOperandError):
            module = ".".join(call.path or call.scope)
            self.problems.add(_explain(error, call), module, call.line, getattr(error, "help", None) or "")
        for number, sizes in zip(call.results, call.sizes, strict=True):
            plain = tuple(size for size in sizes[1:] if isinstance(size, int))
            known = sizes[:1] == (BatchSize(),) and plain and len(plain) == len(sizes) - 1
            self.raising.operands[number] = Operand.of(DraftValue(Shape.of(*plain))) if known else None

    def _raise_call(self, call: RecordedCall) -> None:
        if call.is_module:
            raised = raise_module(self.raising, call)
        elif call.target in HANDLERS:
            raised = HANDLERS[call.target](self.raising, *call.args, **call.keywords)
        else:
            self._check_operands(call)
            raise UnsupportedCallError(f"torch's {call.target} is no op of the language")
        operands = raised if isinstance(raised, list) else [raised]
        for number, sizes, operand in zip(call.results, call.sizes, operands, strict=False):
            self._check_sizes(call, operand.sizes, sizes, number)
            self.raising.operands[number] = operand

    def _check_operands(self, call: RecordedCall) -> None:
        """Raises `UnknownOperandError` if an operand of a call is a problem already."""
        for ref in iter_leaves((call.args, call.keywords)):
            if isinstance(ref, ResultRef | StateRef | UnknownRef):
                self.raising.operand(ref, 0)

    def _check_sizes(self, call: RecordedCall, own: Sizes, sizes: Sizes, number: int) -> None:
        if own == sizes:
            return
        if call.target not in _REPEATING:
            raise UnsupportedCallError(f"{call.target} gives {_format(own)} here, expected {_format(sizes)}")
        if [size for size in own if size not in (1, BatchSize())] != [
            size for size in sizes if size not in (1, BatchSize())
        ]:
            self.raising.spread.add(number)


def _explain(error: Exception, call: RecordedCall) -> str:
    name = call.target.removeprefix("torch.")
    if isinstance(error, ShapeError):
        return f"{name}: {error.message}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{name} with {'.'.join(map(str, first['loc']))} {first['input']!r}"
    if isinstance(error, TypeError):
        return f"{name} with other arguments than are known: {str(error).rpartition('() ')[2]}"
    return str(error)


def _format(sizes: Sizes) -> str:
    return "×".join("batch" if size == BatchSize() else str(size) for size in sizes)
