"""The shape of a value: its sizes without the batch, the names of its axes, and whether it has a batch axis at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from archspec.numerals import format_sizes

AxisName = Literal["channels", "features", "heads", "tokens", "depth", "height", "width", "length"]
Names = tuple[AxisName | None, ...]
"""What the axes of a value are called, in order; None is an axis without a meaning of its own."""

AXES: tuple[AxisName, ...] = get_args(AxisName)
CHANNELS: frozenset[str] = frozenset(("channels", "features"))
"""The two words for one axis: beside spatial axes it is called channels, elsewhere features. Either word finds it."""
SPATIAL: tuple[AxisName, ...] = ("depth", "height", "width", "length")

IMAGES: Mapping[Names, int] = {
    ("channels", "length"): 1,
    ("channels", "height", "width"): 2,
    ("channels", "depth", "height", "width"): 3,
}
"""What convolutions and pools take, in torch's order: signals, images, volumes; and how many spatial axes each has."""
_SIGNAL, _IMAGE, _VOLUME = IMAGES
_BY_RANK: tuple[Names, ...] = ((), ("features",), ("tokens", "features"), _IMAGE, _VOLUME)


def _many(rank: int) -> Names:
    """The names of more axes than the usual layouts have."""
    return ("channels", *(None,) * (rank - 1))


class AxisLayout(NamedTuple):
    """What follows from the names of the axes; an axis is given by its position.

    >>> find_layout(("channels", "height", "width")).spatial
    (1, 2)
    """

    channel: int | None
    places: tuple[int, ...]
    """All axes but the channels: in the order of `AXES` if all of them have names, else as they stand."""
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
    """Names with the right word for the channels; one that has come before is taken off.

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
    """The sizes of one value without the batch, and the names of the same axes; no name occurs twice.

    `batched` says whether the value has a batch axis in front of these: a learned parameter may have none. Every index into the
    dimensions of a tensor goes through `dim`, which counts that axis.

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

        With more axes the first is the channels, and the others have no names.

        >>> Shape.of(3, 32, 32).names
        ('channels', 'height', 'width')
        """
        rank = len(sizes)
        return Shape(sizes, _BY_RANK[rank] if rank < len(_BY_RANK) else _many(rank), batched)

    @staticmethod
    def image(channels: int, *spatial: int, batched: bool = True) -> Shape:
        """A signal, an image or a volume, its channels first.

        >>> Shape.image(4, 100).described
        '4 channels × 100 length'
        """
        return Shape((channels, *spatial), (_SIGNAL, _IMAGE, _VOLUME)[len(spatial) - 1], batched)

    @staticmethod
    def named(sizes: Mapping[AxisName, int], *, batched: bool = True) -> Shape:
        """A shape of named axes, in their order.

        >>> Shape.named({"tokens": 16, "features": 8}) == Shape.of(16, 8)
        True
        """
        return Shape(tuple(sizes.values()), normalize_names(tuple(sizes)), batched)

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @property
    def numel(self) -> int:
        """How many numbers the value holds, for one sample."""
        return math.prod(self.sizes)

    @property
    def channel_axis(self) -> int | None:
        """The axis of the channels, or features; None where no axis is that."""
        return find_layout(self.names).channel

    @property
    def channels(self) -> int:
        """The size of the axis of the channels, or features; without one the whole value is one channel."""
        axis = find_layout(self.names).channel
        return 1 if axis is None else self.sizes[axis]

    @property
    def places(self) -> tuple[int, ...]:
        """All axes but the channels, in an order that does not depend on where they stand, if all have names."""
        return find_layout(self.names).places

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes of the spatial axes in torch's order: what a convolution slides over."""
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
        """The axis of a name; None where there is none. Channels and features are one axis."""
        if name in CHANNELS:
            return find_layout(self.names).channel
        return next((axis for axis, own in enumerate(self.names) if own == name), None)

    def dim(self, axis: int) -> int:
        """The dimension that an axis is in a tensor: the batch counted in where there is one."""
        return axis + self.batched

    def resized(self, sizes: tuple[int, ...]) -> Shape:
        """The same axes with other sizes."""
        return Shape(sizes, self.names, self.batched)

    def replace(self, axis: int, size: int) -> Shape:
        """This shape with another size on one axis."""
        return Shape((*self.sizes[:axis], size, *self.sizes[axis + 1 :]), self.names, self.batched)

    def permuted(self, order: tuple[int, ...]) -> Shape:
        """The axes in another order: for each of the result, the one that it is here."""
        sizes, names = tuple(self.sizes[axis] for axis in order), tuple(self.names[axis] for axis in order)
        return Shape(sizes, names, self.batched)

    def without(self, axis: int) -> Shape:
        """The shape with one axis less."""
        kept = tuple(other for other in range(self.rank) if other != axis)
        sizes, names = tuple(self.sizes[other] for other in kept), tuple(self.names[other] for other in kept)
        return Shape(sizes, normalize_names(names), self.batched)

    def __str__(self) -> str:
        return format_sizes(self.sizes)
