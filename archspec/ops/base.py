"""Defines the base class of ops and the data of lowerings: weights, calls and windows."""

# No `from __future__ import annotations`: pydantic would parse those of Op again for each of its subclasses.

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from archspec.errors import ArchspecError
from archspec.ir.shape import Shape
from archspec.ops.initial import Init, Initial

MAX_SIZE = 2**40  # the most elements of one value or weight

Count = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Natural = Annotated[int, Field(ge=0, le=MAX_SIZE)]
Probability = Annotated[float, Field(ge=0, le=1)]
PerAxis = Count | Annotated[tuple[Count, ...], Field(min_length=1, max_length=3)]
NaturalPerAxis = Natural | Annotated[tuple[Natural, ...], Field(min_length=1, max_length=3)]


class ShapeError(ArchspecError, ValueError):
    """Raised if the inputs of an op do not fit its fields. `field` names the wrong field, if there is one; `help` says what to do.

    >>> from archspec.ops import BY_WORD
    >>> BY_WORD["conv"](out=8, groups=3).infer(Shape.of(4, 5, 5))
    Traceback (most recent call last):
        ...
    archspec.ops.base.ShapeError: 4 input channels do not divide into 3 groups
    """

    def __init__(self, message: str, *, field: str | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message, self.field, self.help = message, field, help


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of an op: its name in the module, its sizes, and whether it is trained.

    >>> Weight("weight", (64, 3, 7, 7)).numel
    9408
    """

    name: str
    shape: tuple[int, ...]
    trainable: bool = True

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Operand:
    """In a `Call`: the operand number `index` of the node.

    >>> Call("torch.add", args=(Operand(0), Operand(1))).args
    (Operand(index=0), Operand(index=1))
    """

    index: int


@dataclass(frozen=True, slots=True)
class Result:
    """In a `Call`: the result of the earlier call number `index` of the same lowering.

    >>> Call("torch.mul", args=(Result(0), 2.0)).args
    (Result(index=0), 2.0)
    """

    index: int


@dataclass(frozen=True, slots=True)
class Batch:
    """In a `Call`: the batch size of operand number `index`.

    >>> Call("torch.reshape", args=(Operand(0), (Batch(), 49, 8))).args
    (Operand(index=0), (Batch(index=0), 49, 8))
    """

    index: int = 0


FIRST = (Operand(0),)


@dataclass(frozen=True, slots=True)
class Call:
    """One step of a lowering, as data: a dotted target and its arguments.

    The target decides between three kinds:
    - a module (`torch.nn.Conv2d`: the last part starts with a capital): constructed with `options`, then called with `args`
      and `keywords`; it carries the node's name;
    - `torch.nn.Parameter`: a learned tensor; `options` has `shape`, a tuple, batch axis included where there is one; its value
      is the tensor itself, and the tensor carries the node's name;
    - `torch.nn.Buffer`: a tensor that is not learned; `options` has `data`, the call of a function that makes it;
    - a function (`torch.flatten`) or, with a leading dot, a tensor's method (`.expand`: the first of `args` is the tensor),
      called with `args` and `keywords`.

    `args` and `keywords` may hold `Operand`, `Result` and `Batch`, in tuples of any depth. A lowering has at most one module or
    parameter. The value of the last call is the node's value; for a node of several outputs it is a tuple.

    >>> from archspec.ops import BY_WORD
    >>> (call,) = BY_WORD["conv"](out=8, kernel=3).lower(Shape.of(3, 32, 32))
    >>> call.target, call.options, call.stateful
    ('torch.nn.Conv2d', {'in_channels': 3, 'out_channels': 8, 'kernel_size': 3}, True)
    """

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    args: tuple[Any, ...] = FIRST
    keywords: Mapping[str, Any] = field(default_factory=dict)
    parametrization: "Call | None" = None
    """The call, with `options`, of the function of torch that makes the weight of a constructed and initialised module a computed one."""

    @property
    def stateful(self) -> bool:
        """Whether the call is of a module or a tensor of the network, which have names."""
        return self.target.rpartition(".")[2][:1].isupper()

    @property
    def is_tensor(self) -> bool:
        """Whether it reads a tensor of the network, a parameter or a buffer."""
        return self.target in ("torch.nn.Parameter", "torch.nn.Buffer")


@dataclass(frozen=True, slots=True)
class Window:
    """The part of its input that one output element depends on: per spatial axis, the extent (dilation included) and the step.

    A step below 1 belongs to an op that upsamples, such as a transposed convolution.

    >>> from archspec.ops import BY_WORD
    >>> BY_WORD["conv"](out=8, kernel=3, dilation=2, stride=2).window(Shape.of(3, 32, 32))
    Window(extent=(5, 5), step=(2, 2))
    """

    extent: tuple[int, ...]
    step: tuple[int | Fraction, ...]


Everything = Literal["everything"]


SkipKind = Literal["identity", "projection", "concat"]
Category = Literal["conv", "linear", "attention", "norm", "activation", "pool", "dropout", "join", "shape"]


class Op(BaseModel):
    """An operation of a network. A subclass defines everything about one op.

    The fields of the pydantic model are the arguments of the word in a spec; the docstring's first line and each field's
    description are its help text and stand in the JSON Schema. Sizes are in elements, probabilities in [0, 1].

    >>> from archspec.ops import BY_WORD
    >>> conv = BY_WORD["conv"](out=64, kernel=7, stride=2, padding=3, bias=False)
    >>> image = Shape.of(3, 224, 224)
    >>> conv.infer(image)[0].sizes, conv.weights(image), conv.macs((image,), conv.infer(image))
    ((64, 112, 112), (Weight(name='weight', shape=(64, 3, 7, 7), trainable=True),), 118013952)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    word: ClassVar[str]
    """Its name in a spec."""
    category: ClassVar[Category]
    """The category for legends and colours."""
    sign: ClassVar[str] = ""
    """The sign for it in pictures, in place of the word: `+`."""
    sized_by_context: ClassVar[bool] = False
    """Whether its arguments depend on the widths around it or on the turn, so that blocks that differ only in them count as equal."""
    first: ClassVar[str | None] = None
    """The field that a bare argument sets: `conv: 64` is `conv: {out: 64}`."""
    sizes_by_name: ClassVar[bool] = False
    """Whether the first field may be a mapping of names of axes to sizes: `reshape: {tokens: 49, features: 8}`."""
    operands: ClassVar[tuple[int, int | None]] = (1, 1)
    """The least and the greatest number of operands; None is unbounded."""
    join: ClassVar[bool] = False
    """Whether its argument is a list of branches, with its own fields in `with`."""
    numbered: ClassVar[bool] = True
    """Whether an unnamed use gets the next number of its region, as a module of `nn.Sequential` does."""
    weighted: ClassVar[int] = 0
    """The number of weight matrices or kernels that the signal passes, which `depth` and path lengths in `layers` count."""
    mixes: ClassVar[bool] = False
    """Whether each output channel depends on all input channels."""
    elementwise: ClassVar[bool] = False
    """Whether each output element depends only on the input elements at its position."""
    indices: ClassVar[tuple[int, ...]] = ()
    """The operands that hold whole numbers (tokens of an embedding)."""
    internal: ClassVar[bool] = False
    """Whether only passes make it, and no spec can use it."""
    telling: ClassVar[tuple[str, ...]] = ()
    """The arguments besides `first` without which a figure would not say what it does."""
    moves: ClassVar[bool] = False
    """Whether each output element is an input element, so that integers stay integers."""
    transparent: ClassVar[bool] = False
    """Whether its outputs are its operands, for any number of them."""
    one_output: ClassVar[bool] = True
    """Whether it always has exactly one output."""
    folds: ClassVar[bool] = False
    """Whether it folds any number of operands, each of the shape of the result or broadcast to it."""
    coarsens: ClassVar[bool] = False
    """Whether it reduces the number of places, as a pool with a sliding window, so that a stage may end with it."""
    skip_kinds: ClassVar[tuple[SkipKind, ...]] = ("identity",)
    """The kinds of skip connections into it: first that without weights, then that with weights, if there is one."""
    reads_batch: ClassVar[bool] = False
    """Whether it reads only the batch size of its input."""

    def infer(self, *inputs: Shape) -> tuple[Shape, ...]:
        """The shapes of the outputs. Raises `ShapeError` if the inputs do not fit."""
        return (inputs[0],)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        """The tensors it owns, in the order of torch's `state_dict`."""
        return ()

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Multiply-accumulates for one sample."""
        return 0

    def score_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """The part of its multiply-accumulates that is of queries with keys and of their weights with values, for one sample."""
        return 0

    def bias_additions(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Additions of a learned number to a result of its multiply-accumulates, for one sample."""
        biased = self.weighted and any(weight.name == "bias" for weight in self.weights(*inputs))
        return sum(shape.numel for shape in outputs) if biased else 0

    def acts(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Activations in the sense of Dollár et al. 2021 (arXiv:2103.06877), for one sample.

        They are the elements that convolutions, linear layers, products of matrices and pools with a window write.
        """
        return sum(shape.numel for shape in outputs) if self.weighted or self.coarsens else 0

    def lower(self, *inputs: Shape) -> tuple[Call, ...]:
        """The calls of torch that compute the op, as data."""
        raise NotImplementedError

    def initial(self) -> Mapping[str, Initial]:
        """The initialisation of each weight that does not have torch's default."""
        return {}

    def check_initial(self, *inputs: Shape) -> None:
        """Raises `ShapeError` if an initialisation needs a weight of more axes."""
        axes = {weight.name: len(weight.shape) for weight in self.weights(*inputs)}
        for name, scheme in self.initial().items():
            if isinstance(scheme, Init) and scheme.needs_fans and axes[name] < 2:
                raise ShapeError(
                    f"{scheme.kind} needs a weight of 2 axes or more, got one of {axes[name]}",
                    field="bias_init" if name == "bias" else "init",
                    help="a number, normal and uniform are for weights of any shape",
                )

    @property
    def makes_indices(self) -> bool:
        """Whether its result holds whole numbers, which ops with `indices` read."""
        return False

    def specialised(self) -> "Op":
        """The op that its arguments ask for, which may be of another class."""
        return self

    def passes_through(self, count: int) -> bool:
        """Whether its outputs are its `count` operands, unchanged."""
        return self.transparent or (self.join and count == 1)

    def carries(self, operand: int, count: int = 1) -> bool:
        """Whether operand number `operand` of `count` carries the signal; a gate does not."""
        return True

    def window(self, *inputs: Shape) -> Window | Everything | None:
        """The part of its input that one output element depends on; None if that is only the element at the same position."""
        return None

    def routes(
        self, operand: int, reached: range, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int
    ) -> range | None:
        """The channels of output number `output` that depend on the channels `reached` of operand number `operand`; None if none do.

        Channels are numbered along the channel axis of the value.
        """
        return range(outputs[output].channels) if self.mixes else reached

    def along_channels(self, *inputs: Shape) -> bool:
        """Whether it works along the channels of its inputs, as a concatenation or a split does."""
        return False

    def lift(self) -> dict[str, Any]:
        """The fields as a spec writes them, without those that have their defaults: the inverse of binding.

        >>> from archspec.ops import BY_WORD
        >>> BY_WORD["conv"](out=8, kernel=(3, 1), init={"kind": "kaiming_normal", "mode": "fan_out"}).lift()
        {'out': 8, 'kernel': [3, 1], 'init': {'kind': 'kaiming_normal', 'mode': 'fan_out'}}
        """
        return {name: _write_field(value) for name, value in self.arguments().items()}

    def arguments(self) -> dict[str, Any]:
        """The fields whose values differ from their defaults, which pictures and tables show."""
        fields = type(self).model_fields
        return {name: value for name, value in self if value != fields[name].default}


def _write_field(value: Any) -> Any:
    """The value of a field as plain data of a spec; pairs of a name and a size are a mapping."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {name: _write_field(own) for name, own in value if own != fields[name].default}
    if not isinstance(value, tuple):
        return value
    pairs = bool(value) and all(isinstance(item, tuple) and isinstance(item[0], str) for item in value)
    return dict(value) if pairs else [_write_field(item) for item in value]


def per_axis(value: int | tuple[int, ...], rank: int, name: str) -> tuple[int, ...]:
    """One number for each of `rank` axes; a single number is repeated.

    Raises:
        ShapeError: the number of values is not `rank`.

    >>> per_axis(3, 2, "kernel"), per_axis((3, 1), 2, "kernel")
    ((3, 3), (3, 1))
    """
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise ShapeError(
            f"{name} needs one number or {rank}, got {len(value)}: the input has {rank} spatial axes", field=name
        )
    return value
