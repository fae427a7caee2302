"""Opens the base of a space, and checks that it has what varies."""

from __future__ import annotations

from dataclasses import replace

from archspec.errors import Collector, SpecError
from archspec.spec.refusals import SpecNotFoundError
from archspec.suggestions import did_you_mean
from archspec.sweep.counting import VariantCounter
from archspec.sweep.space import Space


def open_base(space: Space) -> VariantCounter:
    """The counter of the variants of a space's base.

    Raises:
        SpecError: the base is not found, or has errors; an axis is no argument, block or stage of it. The mistakes of the space have
            their places in it.

    >>> from archspec.sweep.space import read_space
    >>> open_base(read_space("{name: s, base: resnet50, over: {grops: [1, 2]}}"))
    Traceback (most recent call last):
        ...
    archspec.errors.SpecError: <text>:1:34: error: resnet50 has no argument 'grops'
        1 | {name: s, base: resnet50, over: {grops: [1, 2]}}
          |                                  ^^^^^
       help: did you mean 'groups'?
    """
    try:
        counter = VariantCounter(space.spec)
    except SpecNotFoundError as error:
        raise SpecError(replace(error.diagnostics[0], span=space.places["base"])) from None
    errors = Collector()
    for axis in space.axes:
        section, dot, part = axis.name.partition(".")
        kind, name = (section.removesuffix("s"), part) if dot else ("argument", section)
        known = counter.list_parts(f"{kind}s")
        if name not in known:
            advice = did_you_mean(name, known) or f"there is {', '.join(known) or 'none'}"
            message = f"{space.base} has no {kind} {name[:60]!r}"
            errors.report(message, space.places[f"over.{axis.name}"], help=advice)
    errors.raise_if_any()
    return counter
