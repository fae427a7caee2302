"""Raises the modules of torch.nn to ops: by the ops' own lowering, found by trying, or as the function that they call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from archspec.ops.parametrization import Rule
from archspec.ops.rules import keep_non_defaults
from archspec.recording.draft import DraftValue
from archspec.recording.functions import HANDLERS
from archspec.recording.functions.registry import per_axis
from archspec.recording.functions.weighted import apply_axes_norm, apply_linear
from archspec.recording.lifting import COMPUTED, lift_module
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.own_modules import (
    raise_column_draw,
    raise_drop_mean,
    raise_dropped_attention,
    raise_rotary,
)
from archspec.recording.raising import Raising
from archspec.recording.trace import MadeRef, RecordedCall, ResultRef, StateRef, iter_leaves

_SPATIAL = frozenset(
    (
        "conv",
        "convtranspose",
        "maxpool",
        "avgpool",
        "upsample",
        "lrn",
        "channelshuffle",
        "spatialdropout",
        "instancenorm",
    )
)
_CHANNELS_FIRST = frozenset(("batchnorm", "groupnorm"))


def raise_module(on: Raising, call: RecordedCall) -> Any:
    """The operands that a module returns. Raises `UnsupportedCallError`."""
    if call.options.get("parametrization", get_args(Rule)[0]) not in get_args(Rule):
        raise UnsupportedCallError(f"{call.target} with the parametrization {call.options['parametrization']}")
    special = SPECIAL.get(call.target)
    if special is not None:
        return special(on, call)
    given = [own for own in iter_leaves((call.args, call.keywords)) if isinstance(own, ResultRef | StateRef | MadeRef)]
    if len(given) != 1:
        raise UnsupportedCallError(f"{call.target} of {len(given)} tensors")
    operand = on.operand(given[0])
    if "Dropout" in call.target and not call.options.get("p", 0.5) and not (call.path or ("",))[-1].isdigit():
        return operand
    lifted = lift_module(call.target, call.options)
    if isinstance(lifted, str):
        raise UnsupportedCallError(lifted)
    word, fields = lifted
    if word in _SPATIAL:
        value = on.as_image(operand)
    elif word in _CHANNELS_FIRST:
        return on.normalize_channels(word, fields, operand, call.path)
    else:
        return operand.with_value(on.add_one(word, fields, operand.value, path=call.path))
    return Operand.of(on.add_one(word, fields, value, path=call.path))


def _call_function(name: str, *options: str, **renamed: str) -> Callable[[Raising, RecordedCall], Any]:
    """A module that calls a function with these options."""

    def raise_call(on: Raising, call: RecordedCall) -> Any:
        own = {option: call.options[option] for option in options if option in call.options}
        own |= {target: call.options[option] for option, target in renamed.items() if option in call.options}
        return HANDLERS[name](on, call.args[0], **own)

    return raise_call


def _raise_linear(on: Raising, call: RecordedCall) -> Operand:
    computed = {name: call.options[name] for name in COMPUTED if name in call.options}
    bias = call.options.get("bias", True)
    return apply_linear(on, call.args[0], call.options["out_features"], call.path, bias=bias, **computed)


def _raise_layer_norm(on: Raising, call: RecordedCall) -> Operand:
    options = call.options
    affine = options.get("elementwise_affine", True)
    bias = options.get("bias", True) if affine else True
    sizes, eps = options["normalized_shape"], options.get("eps", 1e-5)
    return apply_axes_norm(on, "layernorm", call.args[0], sizes, call.path, eps=eps, affine=affine, bias=bias)


def _raise_rms_norm(on: Raising, call: RecordedCall) -> Operand:
    options = call.options
    affine = options.get("elementwise_affine", True)
    return apply_axes_norm(
        on, "rmsnorm", call.args[0], options["normalized_shape"], call.path, eps=options.get("eps"), affine=affine
    )


def _raise_attention(on: Raising, call: RecordedCall) -> list[Operand]:
    """Multi-head attention; its weights, which nothing may read, are the second result."""
    options = dict(call.options)
    if not options.pop("batch_first", False):
        raise UnsupportedCallError("nn.MultiheadAttention(batch_first=False)")
    known = {"embed_dim", "num_heads", "dropout", "bias"}
    masks = {
        name: own
        for name, own in call.keywords.items()
        if name in {"key_padding_mask", "attn_mask"} and own is not None
    }
    if masks or call.keywords.get("is_causal") or len(call.args) > 3:
        raise UnsupportedCallError("nn.MultiheadAttention with a mask")
    strange = [
        name for name, own in options.items() if name not in known and own not in (None, False, options["embed_dim"])
    ]
    if strange:
        raise UnsupportedCallError(f"nn.MultiheadAttention with {', '.join(strange)}")
    refs = [*call.args, *(call.keywords[name] for name in ("query", "key", "value") if name in call.keywords)]
    values = [on.name_axes(on.as_value(on.operand(ref)), ("tokens", "features")) for ref in refs]
    values = values[:1] if all(value is values[0] for value in values) else values
    fields = {"heads": options["num_heads"]} | keep_non_defaults(
        dropout=(options.get("dropout", 0.0), 0.0), bias=(options.get("bias", True), True)
    )
    return [Operand.of(on.add_one("attention", fields, *values, path=call.path))]


def _raise_drop_path(on: Raising, call: RecordedCall) -> Operand:
    operand = on.operand(call.args[0])
    options = call.options
    if (not options["scaled"] and options["p"]) or operand.dims[:1] != ((-1,),):
        raise UnsupportedCallError("stochastic depth that does not scale, or of something else than samples")
    fields = {"p": options["p"]} | keep_non_defaults(
        mode=(options["mode"], "row"), rescale=(options["rescale"], "train")
    )
    return operand.with_value(on.add_one("droppath", fields, operand.value, path=call.path))


def _raise_embedding(on: Raising, call: RecordedCall) -> Operand:
    options = call.options
    if set(options) - {"num_embeddings", "embedding_dim", "padding_idx"}:
        raise UnsupportedCallError("nn.Embedding with a norm, or sparse")
    value = on.name_axes(on.as_value(on.operand(call.args[0])), ("tokens",))
    fields = {"vocabulary": options["num_embeddings"], "width": options["embedding_dim"]}
    return Operand.of(on.add_one("embedding", fields, value, path=call.path))


def _raise_padding(on: Raising, call: RecordedCall) -> Operand:
    rank = int(call.target[-2])
    padding = call.options["padding"]
    pads = padding if isinstance(padding, tuple) else (padding,) * 2 * rank
    return HANDLERS["pad"](on, call.args[0], pads, value=call.options.get("value"))  # type: ignore[no-any-return]


def _raise_standardised(on: Raising, call: RecordedCall) -> Operand:
    """A convolution with a standardised kernel: archspec's, or one of timm."""
    options = call.options
    fields = {"out": options["out_channels"], "kernel": per_axis(options["kernel_size"]), "standardise": True}
    fields |= keep_non_defaults(
        stride=(per_axis(options.get("stride", 1)), 1),
        padding=(per_axis(options.get("padding", 0)), 0),
        dilation=(per_axis(options.get("dilation", 1)), 1),
        groups=(options.get("groups", 1), 1),
        bias=(options.get("bias", True), True),
        eps=(options.get("eps", 1e-6), 1e-6),
        gain=(options.get("gamma"), None),
    )
    kernel = options["kernel_size"]
    if call.target.startswith("ScaledStdConv2d"):
        fan_in = options["in_features"] * kernel[0] * kernel[1]
        fields["gain"] = options["scale"] * fan_in**0.5
    value = on.as_image(on.operand(call.args[0]))
    if options.get("same"):
        value = _pad_same(on, value, kernel, options.get("stride", (1, 1)), options.get("dilation", (1, 1)))
    return Operand.of(on.add_one("conv", fields, value, path=call.path))


def _pad_same(on: Raising, value: DraftValue, kernel: Any, stride: Any, dilation: Any) -> DraftValue:
    """An image with as many places around it as a window needs to begin at each `stride`-th one, the odd one at the end (TensorFlow)."""
    sides = []
    for size, extent, step, gap in zip(value.shape.spatial, kernel, stride, dilation, strict=True):
        added = max(((-(-size // step)) - 1) * step + (extent - 1) * gap + 1 - size, 0)
        sides.append([added // 2, added - added // 2])
    if not any(map(any, sides)):
        return value
    alike = all(side == [sides[0][0]] * 2 for side in sides)
    return on.add_one("pad", {"size": sides[0][0] if alike else sides}, value)


SPECIAL: Mapping[str, Callable[[Raising, RecordedCall], Any]] = {
    "torch.nn.Flatten": _call_function("flatten"),
    "torch.nn.Unflatten": _call_function("reshape"),
    "torch.nn.Softmax": _call_function("softmax", "dim"),
    "torch.nn.PixelShuffle": _call_function("pixel_shuffle", upscale_factor="factor"),
    "torch.nn.PixelUnshuffle": _call_function("pixel_unshuffle", downscale_factor="factor"),
    **{f"torch.nn.ZeroPad{rank}d": _raise_padding for rank in (1, 2, 3)},
    **{f"torch.nn.ConstantPad{rank}d": _raise_padding for rank in (1, 2, 3)},
    **{
        f"torch.nn.Adaptive{kind}Pool{rank}d": _call_function(
            f"adaptive_{kind.lower()}_pool{rank}d", "output_size", "return_indices"
        )
        for kind in ("Avg", "Max")
        for rank in (1, 2, 3)
    },
    "torch.nn.Upsample": _call_function("interpolate", "size", "scale_factor", "mode", "align_corners"),
    "torch.nn.UpsamplingNearest2d": _call_function("interpolate", "size", "scale_factor", "mode", "align_corners"),
    "torch.nn.UpsamplingBilinear2d": _call_function("interpolate", "size", "scale_factor", "mode", "align_corners"),
    "torch.nn.Linear": _raise_linear,
    "torch.nn.LayerNorm": _raise_layer_norm,
    "torch.nn.RMSNorm": _raise_rms_norm,
    "torch.nn.MultiheadAttention": _raise_attention,
    "torch.nn.Embedding": _raise_embedding,
    "torch.nn.Hardtanh": _call_function("hardtanh", "min_val", "max_val"),
    "DropPath": _raise_drop_path,
    "StdConv2d": _raise_standardised,
    "ScaledStdConv2d": _raise_standardised,
    "StdConv2dSame": _raise_standardised,
    "ScaledStdConv2dSame": _raise_standardised,
    "StandardisedConv2d": _raise_standardised,
    "ColumnDraw": raise_column_draw,
    "DropMean": raise_drop_mean,
    "RotaryPositions": raise_rotary,
    "DotProductAttention": raise_dropped_attention,
}
"""The modules that a lowering alone does not tell: those that are functions, and those whose op depends on the layout."""
