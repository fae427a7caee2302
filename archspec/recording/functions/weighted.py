"""Functions whose operands are the weights of one module: convolutions, linear maps, normalisations."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archspec.ops.rules import keep_non_defaults
from archspec.recording.draft import DraftValue
from archspec.recording.functions.joins import join
from archspec.recording.functions.registry import function, per_axis
from archspec.recording.operands import Operand, UnsupportedCallError
from archspec.recording.raising import WEIGHTS, Raising
from archspec.recording.trace import Path, ResultRef, StateRef

_OWN_MODULE = (
    "the op has its weights under these names: make it a module of torch.nn, or a module with `weight` and `bias`"
)


def _find_owner(on: Raising, **tensors: Any) -> Path:
    """The path of the module whose weights these are. Raises `UnsupportedCallError`."""
    given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    for name, tensor in given.items():
        if not isinstance(tensor, StateRef):
            raise UnsupportedCallError(f"{on.call.target} with a {name} that is computed")
    owners = {tensor.path[:-1] for tensor in given.values()}
    if len(owners) != 1 or any(tensor.path[-1] != name or name not in WEIGHTS for name, tensor in given.items()):
        names = ", ".join(tensor.name for tensor in given.values())
        message = f"{on.call.target} with weights that are not weight and bias of one module: {names}"
        raise UnsupportedCallError(message, _OWN_MODULE)
    alone = [tensor.name for tensor in given.values() if tensor.name in on.read_alone]
    if alone:
        raise UnsupportedCallError(f"{on.call.target} with {', '.join(alone)}, which something else reads, too")
    owner: Path = owners.pop()
    return owner


@function("conv1d", "conv2d", "conv3d")
def raise_conv(
    on: Raising,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Operand:
    if isinstance(weight, StateRef) and not weight.learned and bias is None:
        return _apply_blur(on, input, weight, stride, padding, dilation, groups)
    path = _find_owner(on, weight=weight, bias=bias)
    kernel = per_axis(weight.shape[2:])
    if padding == "same":
        padding = tuple(
            gap * (size - 1) // 2 for gap, size in zip(_spread(dilation, weight), weight.shape[2:], strict=True)
        )
    fields = {"out": weight.shape[0], "kernel": kernel} | keep_non_defaults(
        stride=(per_axis(stride), 1),
        padding=(0 if padding == "valid" else per_axis(padding), 0),
        dilation=(per_axis(dilation), 1),
        groups=(groups, 1),
        bias=(bias is not None, True),
    )
    return Operand.of(on.add_one("conv", fields, on.as_image(on.operand(input)), path=path))


def _apply_blur(
    on: Raising, input: Any, weight: StateRef, stride: Any, padding: Any, dilation: Any, groups: int
) -> Operand:
    """A blur of each channel with a binomial kernel: averages of neighbours, one after the other, the last of which makes the stride."""
    channels, _, *sizes = weight.shape
    values = on.trace.constants.get(weight.name)
    alike = len(set(sizes)) == 1 and sizes[0] > 1 and groups == channels and weight.shape[1] == 1
    plain = set(_spread(padding, weight)) == {0} and set(_spread(dilation, weight)) == {1}
    if values is None or not (alike and plain and weight.name not in on.trace.state and _is_binomial(values)):
        raise UnsupportedCallError(f"{on.call.target} with the buffer {weight.name}, which is no binomial blur,")
    value = on.as_image(on.operand(input))
    for _ in range(sizes[0] - 2):
        value = on.add_one("avgpool", {"kernel": 2, "stride": 1}, value)
    fields = {"kernel": 2} | keep_non_defaults(stride=(per_axis(stride), 2))
    return Operand.of(on.add_one("avgpool", fields, value))


def _is_binomial(values: Any) -> bool:
    """Whether each channel of a kernel is the product of rows of Pascal's triangle, over their sum."""
    size, rank = values.shape[-1], values.dim() - 2
    row = [math.comb(size - 1, place) / 2 ** (size - 1) for place in range(size)]
    products = [math.prod(own) for own in itertools.product(row, repeat=rank)]
    return all(kernel.flatten().tolist() == products for kernel in values)


def _spread(value: Any, weight: StateRef) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * (len(weight.shape) - 2)


@function("linear")
def raise_linear(on: Raising, input: Any, weight: Any, bias: Any = None) -> Operand:
    alone = isinstance(weight, StateRef) and weight.name in on.read_alone
    if alone or isinstance(weight, ResultRef) or isinstance(bias, ResultRef):
        return _apply_matrix(on, input, weight, bias)
    path = _find_owner(on, weight=weight, bias=bias)
    return apply_linear(on, input, weight.shape[0], path, bias=bias is not None)


def _apply_matrix(on: Raising, input: Any, weight: Any, bias: Any) -> Operand:
    """A linear map whose weight or bias is computed, or read elsewhere, too: a product of all places with a matrix, and a sum."""
    operand = on.as_leading(on.operand(input))
    value, matrix = operand.value, on.as_value(on.operand(weight))
    places = value.shape.sizes[:-1]
    rows = on.name_axes(on.regroup(value, (math.prod(places), value.shape.sizes[-1])), ("tokens", "features"))
    product = on.add_one("matmul", {"transpose": True}, rows, matrix)
    summed = product if bias is None else on.add_one("add", {}, product, on.as_value(on.operand(bias)))
    return operand.with_value(on.regroup(summed, (*places, matrix.shape.sizes[0])))


def apply_linear(on: Raising, input: Any, out: int, path: Path | None, *, bias: bool, **computed: Any) -> Operand:
    """A linear map of the last dimension; `computed` are the fields of a computed weight."""
    operand = on.operand(input)
    axis = operand.axis(-1, "linear")
    shape = operand.value.shape
    fields = {"out": out} | ({} if axis == shape.channel_axis else {"axis": shape.names[axis] or axis})
    fields |= keep_non_defaults(bias=(bias, True)) | computed
    return operand.with_value(on.add_one("linear", fields, operand.value, path=path))


@function("embedding")
def raise_embedding(
    on: Raising,
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Operand:
    """The rows of a table at whole numbers."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise UnsupportedCallError("embedding with a norm, with gradients by frequency, or sparse")
    return look_up(on, weight, input)


def look_up(on: Raising, table: Any, index: Any) -> Operand:
    """The rows of a table, which has no batch, at the whole numbers of an index."""
    rows, places = on.as_value(on.operand(table)), on.as_value(on.operand(index))
    return Operand.of(on.add_one("lookup", {}, rows, places))


@function("batch_norm")
def raise_batch_norm(
    on: Raising,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Operand:
    path = _find_owner(on, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if running_mean is None or (weight is None) != (bias is None):
        raise UnsupportedCallError("batch_norm without running statistics, or with a shift alone")
    fields = keep_non_defaults(eps=(eps, 1e-5), momentum=(momentum, 0.1), affine=(weight is not None, True))
    return on.normalize_channels("batchnorm", fields, on.operand(input), path)


@function("layer_norm")
def raise_layer_norm(
    on: Raising, input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Operand:
    path = None if weight is None else _find_owner(on, weight=weight, bias=bias)
    return apply_axes_norm(
        on,
        "layernorm",
        input,
        normalized_shape,
        path,
        eps=eps,
        affine=weight is not None,
        bias=weight is None or bias is not None,
    )


@function("rms_norm")
def raise_rms_norm(
    on: Raising, input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Operand:
    path = None if weight is None else _find_owner(on, weight=weight)
    return apply_axes_norm(on, "rmsnorm", input, normalized_shape, path, eps=eps, affine=weight is not None)


def apply_axes_norm(
    on: Raising,
    word: str,
    input: Any,
    normalized_shape: Any,
    path: Path | None,
    *,
    eps: float | None,
    affine: bool,
    bias: bool = True,
) -> Operand:
    """A normalisation of the last dimensions."""
    operand = on.operand(input)
    count = len(normalized_shape) if isinstance(normalized_shape, tuple | list) else 1
    axes = [operand.axis(dim, word) for dim in range(operand.rank - count, operand.rank)]
    shape = operand.value.shape
    fields: dict[str, Any] = {}
    if axes != [shape.channel_axis]:
        trailing = axes == list(range(shape.rank - count, shape.rank))
        fields["axes"] = count if trailing else [shape.names[axis] or axis for axis in axes]
    defaults = {"layernorm": 1e-5, "rmsnorm": None}
    fields |= keep_non_defaults(eps=(eps, defaults[word]), affine=(affine, True), bias=(bias, True))
    return operand.with_value(on.add_one(word, fields, operand.value, path=path))


@function("group_norm")
def raise_group_norm(
    on: Raising, input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Operand:
    if (weight is None) != (bias is None):
        normed = raise_group_norm(on, input, num_groups, eps=eps)
        word, tensor = ("add", bias) if weight is None else ("multiply", weight)
        return join(on, word, normed, _spread_channels(on, tensor, normed.rank))
    path = None if weight is None else _find_owner(on, weight=weight, bias=bias)
    fields = {"groups": num_groups} | keep_non_defaults(eps=(eps, 1e-5), affine=(weight is not None, True))
    value: DraftValue = on.as_channels_first(on.operand(input))
    return Operand.of(on.add_one("groupnorm", fields, value, path=path))


def _spread_channels(on: Raising, tensor: Any, rank: int) -> Operand:
    """A number for each channel as a tensor that broadcasts to one of `rank` dimensions."""
    return Operand(on.as_value(on.operand(tensor)), ((), (0,), *((),) * (rank - 2)))


@function("prelu")
def raise_prelu(on: Raising, input: Any, weight: Any) -> Operand:
    path = _find_owner(on, weight=weight)
    operand = on.operand(input)
    fields = {} if weight.shape == (1,) else {"shared": False}
    return operand.with_value(on.add_one("prelu", fields, operand.value, path=path))
