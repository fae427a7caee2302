"""Pools and interpolation."""

from __future__ import annotations

from typing import Any

from archspec.ops.rules import keep_non_defaults
from archspec.recording.functions.registry import function, per_axis
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.raising import Raising


@function("max_pool1d", "max_pool2d", "max_pool3d", "boolean_dispatch")
def raise_max_pool(
    on: Raising,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Operand:
    if return_indices:
        raise UnsupportedCallError("max_pool with indices")
    fields = _window_fields(kernel_size, stride, padding) | keep_non_defaults(
        dilation=(per_axis(dilation), 1), ceil=(ceil_mode, False)
    )
    return _pool(on, "maxpool", input, fields)


@function("avg_pool1d", "avg_pool2d", "avg_pool3d")
def raise_avg_pool(
    on: Raising,
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Operand:
    if divisor_override is not None:
        raise UnsupportedCallError("avg_pool with a divisor of its own")
    fields = _window_fields(kernel_size, stride, padding) | keep_non_defaults(
        ceil=(ceil_mode, False), count_include_pad=(count_include_pad, True)
    )
    return _pool(on, "avgpool", input, fields)


def _window_fields(kernel: Any, stride: Any, padding: Any) -> dict[str, Any]:
    size, step = per_axis(kernel), per_axis(stride)
    own = {} if step in (None, size, []) else {"stride": step}
    return {"kernel": size, **own, **keep_non_defaults(padding=(per_axis(padding), 0))}


def _pool(on: Raising, word: str, input: Any, fields: dict[str, Any]) -> Operand:
    return Operand.of(on.add_one(word, fields, on.as_image(on.operand(input)), path=on.call.path))


@function(*(f"adaptive_{kind}_pool{rank}d" for kind in ("avg", "max") for rank in (1, 2, 3)))
def raise_adaptive_pool(on: Raising, input: Any, output_size: Any, return_indices: bool = False) -> Operand:
    if return_indices:
        raise UnsupportedCallError("max_pool with indices")
    value = on.as_image(on.operand(input))
    spatial = value.shape.spatial
    given = output_size if isinstance(output_size, tuple) else (output_size,) * len(spatial)
    sizes = tuple(own if size is None else size for size, own in zip(given, spatial, strict=True))
    fields = {"size": per_axis(sizes)} | ({"kind": "max"} if "max" in on.call.target.lower() else {})
    return Operand.of(on.add_one("adaptivepool", fields, value, path=on.call.path))


@function("interpolate", "upsample")
def raise_interpolate(
    on: Raising,
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Operand:
    """Interpolation to whole multiples of the places, or to given places."""
    if antialias or mode not in {"nearest", "linear", "bilinear", "bicubic", "trilinear"}:
        raise UnsupportedCallError(f"interpolate with mode {mode}" if not antialias else "interpolate with antialias")
    value = on.as_image(on.operand(input))
    spatial = value.shape.spatial
    made = tuple(int(own) for own in on.call.sizes[0][2:])  # type: ignore[arg-type]
    if len(made) != len(spatial):
        raise UnsupportedCallError("interpolate of a tensor whose first axis is no batch")
    options = keep_non_defaults(mode=(mode, "nearest"), align_corners=(bool(align_corners), False))
    factors = [new / own for new, own in zip(made, spatial, strict=True)]
    whole = all(factor.is_integer() for factor in factors)
    if size is None and not whole and not _divides(scale_factor, spatial, made):
        raise UnsupportedCallError("interpolate by a factor that is not whole")
    if made == spatial and mode == "nearest":
        return Operand.of(value)
    fields = {"scale": per_axis([int(factor) for factor in factors])} if whole else {"size": per_axis(made)}
    return Operand.of(on.add_one("upsample", fields | options, value, path=on.call.path))


def _divides(factor: Any, before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether factors of an interpolation give whole numbers of places, so that these say as much."""
    factors = factor if isinstance(factor, tuple) else (factor,) * len(before)
    return all(old * own == new for old, own, new in zip(before, factors, after, strict=True))
