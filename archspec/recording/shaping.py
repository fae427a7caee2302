"""Adds the ops that change the layout of values: permutations, reshapes, and names of axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from archspec.ir.shape import IMAGES, AxisName, Names, Shape, normalize_names
from archspec.ops import BY_WORD
from archspec.recording.draft import DraftValue
from archspec.recording.operands import BATCH, Dim, Operand, UnsupportedCallError
from archspec.recording.scoped_draft import ScopedDraft
from archspec.recording.trace import BatchSize, Sizes
from archspec.recording.windowing import find_windows

ROLES: tuple[AxisName, ...] = ("windows", "heads", "tokens", "features")
"""The axes of matrices of attention, from the last one on."""
LAST: Names = ("height", "width", "channels")
"""The axes of an image with its channels last: a value of features and two axes without names most often is one."""
_SIZED = {"reshape": "sizes", "constant": "shape", "parameter": "shape"}
"""The field that names the axes of what an op makes."""
_IMAGE_NAMES = {sum(1 for _ in names): names for names in IMAGES}


class Shaping(ScopedDraft):
    """Adds layout ops to a draft."""

    # -- the order of axes --------------------------------------------------------------------------------------------

    def permute(self, operand: Operand, order: Sequence[int]) -> Operand:
        """The tensor with its dimensions in another order; an op does that only where the batch stays first and all axes have names."""
        moved = operand.permuted(tuple(operand.number(dim) for dim in order))
        stays = moved.dims[:1] == ((BATCH,),) or not operand.value.shape.batched
        named = None not in operand.value.shape.names
        return self.arrange(moved) if stays and named else moved

    def arrange(self, operand: Operand) -> Operand:
        """The tensor as a value whose axes are in the order of its dimensions. Raises `UnsupportedCallError`."""
        if operand.is_arranged:
            return operand
        flat = [axis for dim in operand.dims for axis in dim]
        if BATCH in flat[1:]:
            raise UnsupportedCallError("the batch is not the first axis")
        order = operand.order
        names = operand.value.shape.names
        axes: list[Any] = list(order) if None in names else [names[axis] for axis in order]
        value = self.add_one("permute", {"axes": axes}, operand.value)
        places = {axis: place for place, axis in enumerate(order)} | {BATCH: BATCH}
        return Operand(value, tuple(tuple(places[axis] for axis in dim) for dim in operand.dims))

    def as_value(self, operand: Operand) -> DraftValue:
        """The value whose axes are the tensor's dimensions besides the batch. Raises `UnsupportedCallError`."""
        if operand.is_plain:
            return operand.value
        arranged = self.arrange(operand)
        if arranged.is_plain:
            return arranged.value
        sizes = arranged.sizes
        before = arranged.value.shape.batched and sizes[:1] == (1,)
        if any(isinstance(size, BatchSize) for size in sizes[1:]) or before or _is_folded(arranged):
            raise UnsupportedCallError("the batch is folded into another axis")
        rest = tuple(int(size) for size in sizes if not isinstance(size, BatchSize))
        return self.regroup(arranged.value, rest)

    def as_leading(self, operand: Operand) -> Operand:
        """The tensor as a value with all its dimensions in order, where those that are folded into the batch are the first axes."""
        arranged = self.arrange(operand)
        if all(dim for dim in arranged.dims):
            return arranged
        dims = arranged.dims
        shape = arranged.value.shape
        sizes = [
            tuple(shape.sizes[axis] for axis in dim if axis != BATCH) or (() if BATCH in dim else (1,)) for dim in dims
        ]
        value = self.regroup(arranged.value, tuple(size for own in sizes for size in own))
        made: list[Dim] = []
        count = 0
        for dim, own in zip(dims, sizes, strict=True):
            made.append((*(BATCH,) * (BATCH in dim), *range(count, count + len(own))))
            count += len(own)
        return Operand(value, tuple(made))

    # -- sizes --------------------------------------------------------------------------------------------------------

    def reshape(self, operand: Operand, sizes: Sizes) -> Operand:
        """The tensor with other sizes. Raises `UnsupportedCallError`."""
        if operand.sizes == sizes:
            return operand
        image = _find_shuffled(operand, sizes)
        if image is not None:
            groups = operand.value.shape.sizes[0]
            return Operand.of(self.add_one("channelshuffle", {"groups": groups}, image))
        windows = find_windows(operand, sizes)
        if windows is not None:
            image, size, outside = windows
            made = self.add_one("window", {"size": size[0] if size[0] == size[1] else size}, image)
            return Operand(made, ((BATCH, 0), (1,), (2,))) if outside else Operand.of(made)
        arranged = self.arrange(operand)
        batched = arranged.value.shape.batched
        places = [place for place, size in enumerate(sizes) if isinstance(size, BatchSize)]
        if len(places) != batched or any(size != 1 for size in sizes[: places[0] if places else 0]):
            raise UnsupportedCallError("a reshape mixes the batch with other axes")
        first = places[0] if places else -1
        folded = sizes[first].times if batched else 1  # type: ignore[union-attr]
        rest = tuple(int(size) for size in sizes[first + 1 :])  # type: ignore[arg-type]
        whole = (folded, *rest) if folded > 1 else rest
        value, dims = self._group(arranged.value, whole)
        if not batched:
            return Operand(value, dims)
        head: Dim = (BATCH, *dims[0]) if folded > 1 else (BATCH,)
        return Operand(value, (*((),) * first, head, *dims[folded > 1 :]))

    def _group(self, value: DraftValue, sizes: tuple[int, ...]) -> tuple[DraftValue, tuple[Dim, ...]]:
        """A value and what dimensions of these sizes hold of it; without an op if only dimensions of size 1 are added."""
        own = list(enumerate(value.shape.sizes))
        dims: list[Dim] = []
        for place, size in enumerate(sizes):
            spare = len(sizes) - place - len(own)
            if own and own[0][1] == size and not (size == 1 and spare > 0 and any(other > 1 for _, other in own[:1])):
                dims.append((own.pop(0)[0],))
            elif size == 1:
                dims.append(())
            else:
                break
        if not own and len(dims) == len(sizes):
            return value, tuple(dims)
        return self.regroup(value, sizes), tuple((axis,) for axis in range(len(sizes)))

    def regroup(self, value: DraftValue, sizes: tuple[int, ...]) -> DraftValue:
        """A value of these sizes, with the same elements in the same order."""
        own = value.shape.sizes
        if own == sizes:
            return value
        if not sizes:
            raise UnsupportedCallError("a number is left for each sample")
        start = len(sizes) - 1
        if len(own) > len(sizes) and own[:start] == sizes[:start] and math.prod(own[start:]) == sizes[-1]:
            return self.add_one("flatten", {"start": start} if start else {}, value)
        if _splits_heads(value.shape, sizes):
            return self.add_one("splitheads", {"heads": sizes[-2]}, value)
        made = self.add_one("reshape", {"sizes": list(sizes)}, value)
        return self.name_axes(made, LAST) if made.shape.names == (None, None, "features") else made

    # -- names of axes ------------------------------------------------------------------------------------------------

    def name_axes(self, value: DraftValue, names: Names) -> DraftValue:
        """A value whose axes have these names: by the reshape that makes it, or by a new one."""
        right = normalize_names(names)
        if value.shape.names == right:
            return value
        sizes = {str(name): size for name, size in zip(right, value.shape.sizes, strict=True)}
        node = value.node
        if node is None and not value.users:
            value.shape = Shape(value.shape.sizes, right, value.shape.batched)
            return value
        if node is not None and node.word in _SIZED and not value.users:
            node.op = BY_WORD[node.word].model_validate({**node.op.lift(), _SIZED[node.word]: sizes})
            (value.shape,) = node.op.infer(*(own.shape for own in node.inputs))
            return value
        return self.add_one("reshape", {"sizes": sizes}, value)

    def as_image(self, operand: Operand) -> DraftValue:
        """The value as a signal, an image or a volume with the channels first. Raises `UnsupportedCallError`."""
        value = self.as_value(operand)
        names = _IMAGE_NAMES.get(value.shape.rank)
        if names is None:
            raise UnsupportedCallError(f"{value.shape.rank - 1} spatial axes")
        return self.name_axes(value, names)

    def name_by_role(self, operand: Operand, roles: Sequence[AxisName]) -> DraftValue:
        """The value of a tensor with names for its axes by their place from the end, without an arrangement."""
        if operand.rank < len(roles) or any(len(dim) > 1 and dim != operand.dims[0] for dim in operand.dims):
            raise UnsupportedCallError("axes that have no names")
        axes = [axis for dim in operand.dims for axis in dim if axis != BATCH]
        own = dict(zip(reversed(axes), reversed(roles), strict=False))
        if len(own) < len(axes):
            raise UnsupportedCallError("more axes than windows, heads, tokens and features")
        return self.name_axes(operand.value, tuple(own[axis] for axis in range(len(axes))))


def _splits_heads(shape: Shape, sizes: tuple[int, ...]) -> bool:
    """Whether a reshape to these sizes splits the features of tokens into heads."""
    split = shape.sizes == (*sizes[:-2], sizes[-2] * sizes[-1])
    return split and shape.names[-2:] == ("tokens", "features") and "heads" not in shape.names


def _is_folded(operand: Operand) -> bool:
    return any(BATCH in dim and len(dim) > 1 for dim in operand.dims)


def _find_shuffled(operand: Operand, sizes: Sizes) -> DraftValue | None:
    """The image whose channels a reshape to groups, a swap of the first two axes and this reshape shuffle; None if they do not."""
    node = operand.value.node
    if node is None or node.word != "reshape" or len(operand.dims) != 5:
        return None
    (image,) = node.inputs
    swapped = operand.dims == ((BATCH,), (1,), (0,), (2,), (3,))
    kept = image.shape.names in IMAGES and image.shape.sizes[1:] == operand.value.shape.sizes[2:]
    return image if swapped and kept and sizes == (BatchSize(), *image.shape.sizes) else None
