"""Recognises the reshapes and permutations that cut an image into windows, and those that put it together."""

from __future__ import annotations

from archspec.ir.shape import Shape
from archspec.ops import BY_WORD
from archspec.recording.draft import Draft, DraftNode, DraftValue
from archspec.recording.operands import BATCH, Operand
from archspec.recording.trace import BatchSize, Sizes

_SWAPPED = (0, 2, 1, 3, 4)


def find_windows(operand: Operand, sizes: Sizes) -> tuple[DraftValue, list[int], bool] | None:
    """What a reshape to these sizes cuts into windows, if it does.

    That is an image with its channels last that was reshaped to rows of windows, rows, columns of windows, columns and channels, whose
    second and third axis were swapped, and that becomes windows, places and channels, where the windows may be part of the batch.

    Returns:
        The image, height and width of a window, and whether the windows are part of the batch.
    """
    split = _find_split(operand)
    if split is None:
        return None
    image = split.inputs[0]
    down, rows, across, columns, channels = split.outputs[0].shape.sizes
    folded = sizes == (BatchSize(down * across), rows * columns, channels)
    if not folded and sizes != (BatchSize(), down * across, rows * columns, channels):
        return None
    return (
        (image, [rows, columns], folded) if _is_image(image.shape, (down * rows, across * columns, channels)) else None
    )


def _is_image(shape: Shape, sizes: tuple[int, ...]) -> bool:
    return shape.sizes == sizes and shape.names == ("height", "width", "channels") and shape.batched


def _find_split(operand: Operand) -> DraftNode | None:
    """The reshape to five axes of which a tensor has the second and third swapped."""
    node = operand.value.node
    axes = tuple(axis for dim in operand.dims for axis in dim if axis != BATCH)
    if node is not None and node.word == "reshape" and axes != _SWAPPED:  # windows that keep rows and columns apart
        node, axes = node.inputs[0].node, tuple(range(5)) if operand.is_arranged else ()
        if node is None or node.word != "permute" or _find_order(node) != _SWAPPED or len(axes) != 5:
            return None
        node = node.inputs[0].node
    if node is None or node.word != "reshape" or node.outputs[0].shape.rank != len(_SWAPPED):
        return None
    return node


def _find_order(node: DraftNode) -> tuple[int | None, ...]:
    axes = node.op.lift()["axes"]
    return tuple(axis if isinstance(axis, int) else node.inputs[0].shape.axis(axis) for axis in axes)


def write_unwindows(draft: Draft) -> None:
    """A reshape, a permutation and a reshape that put windows back into their image are `unwindow`."""
    cut: dict[tuple[int, ...], DraftNode] = {}
    for node in draft.nodes:
        if node.word == "window":
            cut[node.inputs[0].shape.sizes[:2]] = node
        split = _find_merged(draft, node)
        window = cut.get(node.outputs[0].shape.sizes[:2]) if split is not None else None
        if split is None or window is None or not _fits(split, node, window):
            continue
        image = window.inputs[0]
        if image.node is not None and image.node.word == "roll":
            image = image.node.inputs[0]
        node.op = BY_WORD["unwindow"].model_validate(window.op.lift())
        draft.set_inputs(node, [split.inputs[0], image])
    draft.remove_unused()


def _find_merged(draft: Draft, node: DraftNode) -> DraftNode | None:
    """The reshape to five axes whose second and third are swapped and that becomes an image by a reshape, which is the node."""
    swap = node.inputs[0].node if node.word == "reshape" and node.outputs[0].shape.rank == 3 else None
    if swap is None or swap.word != "permute" or not draft.is_private(node.inputs[0]):
        return None
    split = swap.inputs[0].node
    private = split is not None and split.word == "reshape" and draft.is_private(swap.inputs[0])
    return split if private and len(node.inputs[0].shape.sizes) == 5 and _find_order(swap) == _SWAPPED else None


def _fits(split: DraftNode, node: DraftNode, window: DraftNode) -> bool:
    """Whether windows that are put together are those that another node has cut, with as many channels."""
    windows = split.inputs[0].shape
    down, across, rows, columns, _ = split.outputs[0].shape.sizes
    height, width = window.inputs[0].shape.sizes[:2]
    alike = (
        windows.names == ("windows", "tokens", "features") and windows.sizes[:2] == window.outputs[0].shape.sizes[:2]
    )
    same = (height // rows, rows, width // columns, columns) == (down, rows, across, columns)
    return alike and same and window.scope == node.scope and node.outputs[0].shape.sizes == window.inputs[0].shape.sizes
