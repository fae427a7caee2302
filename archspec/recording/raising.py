"""Defines the state of raising a trace to ops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.ir.shape import Shape
from archspec.recording.constants import describe_constant
from archspec.recording.draft import DraftValue
from archspec.recording.operands import BATCH, Operand, UnsupportedCallError
from archspec.recording.shaping import Shaping
from archspec.recording.trace import MadeRef, Path, ResultRef, StateRef, Trace, UnknownRef, iter_leaves

WEIGHTS = frozenset(("weight", "bias", "running_mean", "running_var"))
WEIGHTED = frozenset(
    ("linear", "conv1d", "conv2d", "conv3d", "batch_norm", "layer_norm", "rms_norm", "group_norm", "prelu")
)
"""The functions that are the op of a module if all weights are of that module."""


class Raising(Shaping):
    """A draft that is made of a trace: the operands that its tensors are, and the call that is being raised."""

    def __init__(self, trace: Trace, input_shapes: tuple[Shape, ...]) -> None:
        super().__init__()
        self.trace = trace
        self.operands: dict[int, Operand | None] = {}
        self.spread: set[int] = set()
        """The tensors that are repeated along axes, which only joins do by themselves."""
        self.sums: dict[int, tuple[Operand, ...]] = {}
        """The operands of sums that are broadcast in both directions, by the value that stands for them: biases of attention."""
        self.stacks: dict[int, tuple[Operand, ...]] = {}
        """The tensors that are stacked before the batch, by the value that stands for the stack."""
        self.parts: dict[tuple[int, int], list[DraftValue]] = {}
        self.read_alone = frozenset(_find_read_alone(trace))
        """The parameters that are values of their own: not, or not only, the weights of one op."""
        self.states: dict[tuple[str, bool], DraftValue] = {}
        for name, (number, _), shape in zip(trace.input_names, trace.inputs, input_shapes, strict=True):
            self.operands[number] = Operand.of(self.draft.add_input(name, shape))

    # -- operands -----------------------------------------------------------------------------------------------------

    def operand(self, ref: Any, rank: int | None = None) -> Operand:
        """The operand that an argument stands for; `rank` is that of the join that broadcasts it.

        Raises:
            UnsupportedCallError: it is no tensor, or one that the model does not compute.
        """
        if isinstance(ref, StateRef):
            return self._take_state(ref, rank)
        if isinstance(ref, MadeRef):
            return self.add_repeated(ref.values) if ref.batched else self.add_constant(ref.values)
        if isinstance(ref, UnknownRef):
            raise UnsupportedCallError(f"an operand of {self.call.target} {ref.reason}")
        if isinstance(ref, Operand):
            return ref
        if not isinstance(ref, ResultRef):
            raise UnsupportedCallError(f"an operand of {self.call.target} is {type(ref).__name__}")
        operand = self.operands.get(ref.id)
        if operand is None:
            raise UnknownOperandError("a value that could not be raised")
        if id(operand.value) in self.sums:
            raise UnsupportedCallError("a sum of values that are both broadcast")
        if id(operand.value) in self.stacks:
            raise UnsupportedCallError("a stack before the batch")
        if ref.id in self.spread and rank is None:
            raise UnsupportedCallError("expand of an axis")
        return operand

    def count_dims(self, ref: Any) -> int:
        """The number of dimensions of a tensor."""
        if isinstance(ref, StateRef | UnknownRef | MadeRef):
            return len(ref.shape)
        if isinstance(ref, Operand):
            return ref.rank
        return self.operand(ref, 0).rank

    def put_sum(self, *operands: Operand) -> Operand:
        """A value for a sum that no join does, which `take_summands` takes apart."""
        dims = zip(*(own.sizes for own in operands), strict=True)
        shape = Shape.of(*(max(size for size in own if isinstance(size, int)) for own in dims), batched=False)
        made = Operand.of(DraftValue(shape))
        self.sums[id(made.value)] = operands
        return made

    def put_stack(self, *operands: Operand) -> Operand:
        """A value for a stack before the batch, of which only a reduction over the stacked tensors is an op."""
        first = operands[0]
        if not first.is_plain or not first.value.shape.batched or any(own.sizes != first.sizes for own in operands):
            raise UnsupportedCallError("a stack before the batch")
        value = DraftValue(Shape.of(len(operands), *first.value.shape.sizes))
        self.stacks[id(value)] = operands
        return Operand(value, ((0,), (BATCH,), *((axis,) for axis in range(1, value.shape.rank))))

    def take_stack(self, ref: Any) -> tuple[Operand, ...] | None:
        """The tensors that a stack before the batch is of; None for another tensor."""
        operand = self.operands.get(ref.id) if isinstance(ref, ResultRef) else None
        return None if operand is None else self.stacks.get(id(operand.value))

    def take_summands(self, ref: Any) -> tuple[Operand, ...]:
        """The tensors whose sum a tensor is, if it is one that no join does, or the tensor itself."""
        operand = self.operands.get(ref.id) if isinstance(ref, ResultRef) else None
        if operand is None or id(operand.value) not in self.sums:
            return (self.operand(ref),)
        return self.sums[id(operand.value)]

    def _take_state(self, ref: StateRef, rank: int | None) -> Operand:
        """A parameter or buffer as an operand: with a batch if its first axis stands for that of the other operands."""
        batched = ref.learned and len(ref.shape) > 1 and ref.shape[0] == 1 and (rank is None or len(ref.shape) >= rank)
        key = (ref.name, batched)
        if (ref.name, not batched) in self.states:
            raise UnsupportedCallError(f"{ref.name} is used with a batch and without one")
        if key not in self.states:
            self.states[key] = self._add_state(ref, batched=batched)
        return Operand.of(self.states[key])

    def _add_state(self, ref: StateRef, *, batched: bool) -> DraftValue:
        if not ref.shape and not ref.learned:
            raise UnsupportedCallError(f"{ref.name} is a single number, without axes")
        source = next(iter(self.draft.inputs.values()))
        if ref.learned:
            sizes = ref.shape[1:] if batched else ref.shape
            fields: dict[str, Any] = {"shape": list(sizes)} | ({} if batched else {"batched": False})
            return self.add_one("parameter", fields, source, path=ref.path)
        values = self.trace.constants.get(ref.name)
        if values is None:
            raise UnsupportedCallError(f"{ref.name} is a running statistic, or has too many values")
        fields = describe_constant(values, f"the buffer {ref.name}", persistent=ref.name in self.trace.state)
        return self.add_one("constant", fields, source, path=ref.path)

    def add_constant(self, values: Any) -> Operand:
        """A constant of these values, which is not part of the `state_dict`."""
        source = next(iter(self.draft.inputs.values()))
        sizes = [size for size in values.shape if size > 1] or [1]
        axes = iter(range(len(sizes)))
        dims = tuple((next(axes),) if size > 1 else () for size in values.shape)
        what = f"a tensor of {' × '.join(map(str, values.shape))} that is made in each pass"
        return Operand(self.add_one("constant", describe_constant(values.reshape(sizes), what), source), dims)

    def add_repeated(self, values: Any) -> Operand:
        """A constant of these values for each sample, such as the first state of a cell."""
        if not values.dim():
            raise UnsupportedCallError("a number for each sample that is made in each pass")
        source = next(iter(self.draft.inputs.values()))
        what = f"a tensor of {' × '.join(map(str, values.shape))} for each sample that is made in each pass"
        return Operand.of(self.add_one("constant", describe_constant(values, what, batched=True), source))

    # -- layouts that need the draft ----------------------------------------------------------------------------------

    def split_off(self, value: DraftValue, axis: int) -> list[DraftValue]:
        """The value at each place of an axis, without that axis.

        Where a reshape made the axis as the first part of another, that is split before the reshape.
        """
        key = (id(value), axis)
        if key not in self.parts:
            self.parts[key] = self._split_reshaped(value, axis) or self._split_plain(value, axis)
        return self.parts[key]

    def _split_reshaped(self, value: DraftValue, axis: int) -> list[DraftValue] | None:
        node = value.node
        if node is None or node.word != "reshape":
            return None
        before, after = node.inputs[0].shape.sizes, value.shape.sizes
        start = next((place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
        parts = after[axis]
        if start != axis or before[axis] % parts:
            return None
        rest = (*after[:axis], *after[axis + 1 :])
        size = before[axis] // parts
        shape = node.inputs[0].shape
        name: dict[str, Any] = {} if axis == shape.channel_axis else {"axis": shape.names[axis] or axis}
        pieces = self.add("split", {"sizes": [size] * parts} | name, node.inputs[0])
        return [self.regroup(piece, rest) for piece in pieces]

    def _split_plain(self, value: DraftValue, axis: int) -> list[DraftValue]:
        shape = value.shape
        rest = (*shape.sizes[:axis], *shape.sizes[axis + 1 :])
        if shape.sizes[axis] == 1:
            return [self.regroup(value, rest)]
        name: dict[str, Any] = {} if axis == shape.channel_axis else {"axis": shape.names[axis] or axis}
        pieces = self.add("split", {"sizes": [1] * shape.sizes[axis]} | name, value)
        return [self.regroup(piece, rest) for piece in pieces]

    def normalize_channels(self, word: str, fields: dict[str, Any], operand: Operand, path: Path | None) -> Operand:
        """A normalisation of each channel over the samples; tokens that are folded into the batch are its places."""
        first, *rest = operand.dims
        if word != "batchnorm" or len(first) < 2 or first[0] != BATCH or len(rest) != 1:
            return Operand.of(self.add_one(word, fields, self.as_channels_first(operand), path=path))
        spread = Operand(operand.value, ((BATCH,), rest[0], *((axis,) for axis in first[1:])))
        made = self.add_one(word, fields, self.as_image(spread), path=path)
        return Operand(made, ((BATCH, *range(1, made.shape.rank)), (0,)))

    def as_channels_first(self, operand: Operand) -> DraftValue:
        """The value with its channels as the first axis, as normalisations over channels need it."""
        value = self.as_value(operand)
        return self.name_axes(value, ("features",)) if value.shape.rank == 1 else self.as_image(operand)


def _find_read_alone(trace: Trace) -> Iterator[str]:
    for call in trace.calls:
        refs = [own for own in iter_leaves((call.args, call.keywords)) if isinstance(own, StateRef) and own.learned]
        owners = {ref.path[:-1] for ref in refs}
        if refs and not (call.target in WEIGHTED and len(owners) == 1 and {ref.path[-1] for ref in refs} <= WEIGHTS):
            yield from (ref.name for ref in refs)


class UnknownOperandError(UnsupportedCallError):
    """Raised for an operand whose call is a problem already."""
