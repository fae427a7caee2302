"""Defines the shape of a value: its sizes without the batch, the names of its axes, and whether it has a batch axis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from archspec.numerals import format_sizes

AxisName = Literal["channels", "features", "windows", "heads", "tokens", "depth", "height", "width", "length"]
Names = tuple[AxisName | None, ...]
"""The names of the axes of a value, in order; None for an axis without a name."""

AXES: tuple[AxisName, ...] = get_args(AxisName)
CHANNELS: frozenset[str] = frozenset(("channels", "features"))
"""The two names of one axis: channels beside spatial axes, features otherwise. Either name finds it."""
MEASURED: frozenset[str] = frozenset(AXES) - {"features"}
"""The names that stand for sizes of the current value in arithmetic; that of the features is called channels there."""
SPATIAL: tuple[AxisName, ...] = ("depth", "height", "width", "length")

IMAGES: Mapping[Names, int] = {
    ("channels", "length"): 1,
    ("channels", "height", "width"): 2,
    ("channels", "depth", "height", "width"): 3,
}
"""The axes of signals, images and volumes in torch's order, which convolutions and pools take, with their number of spatial axes."""
_SIGNAL, _IMAGE, _VOLUME = IMAGES
_BY_RANK: tuple[Names, ...] = ((), ("features",), ("tokens", "features"), _IMAGE, _VOLUME)


def _many(rank: int) -> Names:
    """The names for a rank without a usual layout."""
    return ("channels", *(None,) * (rank - 1))


class AxisLayout(NamedTuple):
    """The positions of axes that follow from their names.

    >>> find_layout(("channels", "height", "width")).spatial
    (1, 2)
    """

    channel: int | None
    places: tuple[int, ...]
    """All axes but the channels: in the order of `AXES` if all have names, else in their own."""
    spatial: tuple[int, ...]
    """The spatial axes in torch's order."""


@lru_cache(maxsize=4096)
def find_layout(names: Names) -> AxisLayout:
    """The layout of a value whose axes have these names.

    >>> find_layout(("tokens", "features"))
    AxisLayout(channel=1, places=(0,), spatial=())
    """
    channel = next((axis for axis, name in enumerate(names) if name in CHANNELS), None)
    order = {name: axis for axis, name in enumerate(names) if name is not None}
    named = tuple(order[name] for name in AXES if name in order and name not in CHANNELS)
    places = tuple(axis for axis in range(len(names)) if axis != channel) if None in names else named
    return AxisLayout(channel, places, tuple(order[name] for name in SPATIAL if name in order))


@lru_cache(maxsize=4096)
def normalize_names(names: Names) -> Names:
    """The names with the right one of channels and features; a repeated name becomes None.

    >>> normalize_names(("features", "height", "width"))
    ('channels', 'height', 'width')
    >>> normalize_names(("tokens", "channels", "tokens"))
    ('tokens', 'features', None)
    """
    word: AxisName = "channels" if any(name in SPATIAL for name in names) else "features"
    made: list[AxisName | None] = []
    for name in names:
        right = word if name in CHANNELS else name
        made.append(None if right in made else right)
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a value without the batch, and the names of its axes; no name occurs twice.

    `batched` says whether the value has a batch axis before these; a learned parameter may have none. `dim` converts an axis to the
    dimension of a tensor.

    >>> image = Shape.of(3, 224, 224)
    >>> image.names, image.channels, image.spatial, image.dim(0)
    (('channels', 'height', 'width'), 3, (224, 224), 1)
    """

    sizes: tuple[int, ...]
    names: Names
    batched: bool = True

    @staticmethod
    def of(*sizes: int, batched: bool = True) -> Shape:
        """A shape named by its rank: features; tokens, features; channels, height, width; channels, depth, height, width.

        With more axes, the first is the channels and the others have no names.

        >>> Shape.of(3, 32, 32).names
        ('channels', 'height', 'width')
        """
        rank = len(sizes)
        return Shape(sizes, _BY_RANK[rank] if rank < len(_BY_RANK) else _many(rank), batched)

    @staticmethod
    def image(channels: int, *spatial: int, batched: bool = True) -> Shape:
        """The shape of a signal, an image or a volume with the channels first.

        >>> Shape.image(4, 100).described
        '4 channels × 100 length'
        """
        return Shape((channels, *spatial), (_SIGNAL, _IMAGE, _VOLUME)[len(spatial) - 1], batched)

    @staticmethod
    def named(sizes: Mapping[AxisName, int], *, batched: bool = True) -> Shape:
        """The shape with these named axes, in order.

        >>> Shape.named({"tokens": 16, "features": 8}) == Shape.of(16, 8)
        True
        """
        return Shape(tuple(sizes.values()), normalize_names(tuple(sizes)), batched)

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @property
    def numel(self) -> int:
        """The number of elements, for one sample."""
        return math.prod(self.sizes)

    @property
    def channel_axis(self) -> int | None:
        """The axis of the channels or features; None if there is none."""
        return find_layout(self.names).channel

    @property
    def channels(self) -> int:
        """The number of channels or features; 1 without such an axis."""
        axis = find_layout(self.names).channel
        return 1 if axis is None else self.sizes[axis]

    @property
    def places(self) -> tuple[int, ...]:
        """All axes but the channels; if all have names, in an order that does not depend on their positions."""
        return find_layout(self.names).places

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes of the spatial axes in torch's order."""
        if self.names in IMAGES:
            return self.sizes[1:]
        return tuple(self.sizes[axis] for axis in find_layout(self.names).spatial)

    @property
    def described(self) -> str:
        """The shape in words, for a message.

        >>> Shape.of(4, 8, batched=False).described
        '4 tokens × 8 features without a batch'
        """
        axes = (f"{size} {name}" if name else str(size) for size, name in zip(self.sizes, self.names, strict=True))
        return (" × ".join(axes) or "a scalar") + ("" if self.batched else " without a batch")

    def axis(self, name: str) -> int | None:
        """The axis of a name, or None. Channels and features are one axis."""
        if name in CHANNELS:
            return find_layout(self.names).channel
        return next((axis for axis, own in enumerate(self.names) if own == name), None)

    def dim(self, axis: int) -> int:
        """The dimension of an axis in a tensor, which also counts the batch axis."""
        return axis + self.batched

    def resized(self, sizes: tuple[int, ...]) -> Shape:
        """The same axes with other sizes."""
        return Shape(sizes, self.names, self.batched)

    def replace(self, axis: int, size: int) -> Shape:
        """The shape with another size on one axis."""
        return Shape((*self.sizes[:axis], size, *self.sizes[axis + 1 :]), self.names, self.batched)

    def permuted(self, order: tuple[int, ...]) -> Shape:
        """The shape with its axes in the order `order`, as `torch.permute` has it."""
        sizes, names = tuple(self.sizes[axis] for axis in order), tuple(self.names[axis] for axis in order)
        return Shape(sizes, names, self.batched)

    def without(self, axis: int) -> Shape:
        """The shape without one axis."""
        kept = tuple(other for other in range(self.rank) if other != axis)
        sizes, names = tuple(self.sizes[other] for other in kept), tuple(self.names[other] for other in kept)
        return Shape(sizes, normalize_names(names), self.batched)

    def __str__(self) -> str:
        return format_sizes(self.sizes)
