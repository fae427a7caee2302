"""Interprets the classes and functions in a torch file as tensors and plain data."""

from __future__ import annotations

from typing import Any

import torch

from archspec.codegen.fx.weight_files.errors import FormatError, quote_name
from archspec.codegen.fx.weight_files.pickled_object import PickledObject
from archspec.codegen.fx.weight_files.stored import Storage, StoredTensor, Unreadable, is_count

_DTYPES = {str(dtype): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}
_STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexDouble": torch.complex128,
    "ComplexFloat": torch.complex64,
    "QUInt8": torch.quint8,
    "QInt8": torch.qint8,
    "QInt32": torch.qint32,
    "QUInt4x2": torch.quint4x2,
    "QUInt2x4": torch.quint2x4,
}
_KINDS = {
    f"torch.{place}{kind}Storage": dtype for kind, dtype in _STORAGES.items() for place in ("", "cuda.", "storage.")
}
_BYTES = ("torch.UntypedStorage", "torch.storage.UntypedStorage")
_OTHER_TENSORS = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_qtensor": "a quantized tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor of the device meta",
    "_rebuild_wrapper_subclass": "a tensor of another class",
    "_rebuild_device_tensor_from_numpy": "a tensor of a device that is neither CPU nor CUDA",
    "_rebuild_device_tensor_from_cpu_tensor": "a tensor of a device that is neither CPU nor CUDA",
    "_rebuild_xla_tensor": "a tensor of a device that is neither CPU nor CUDA",
}
_MAPPINGS = (
    "collections.OrderedDict",
    "collections.Counter",
    "collections.defaultdict",
    "builtins.dict",
)
_SETS = ("builtins.set", "builtins.frozenset")
_VALUES = (
    "torch.Size",
    "torch.device",
    "torch.serialization._get_layout",
    "_codecs.encode",
    "builtins.complex",
    "builtins.bytearray",
)
"""Harmless names that torch pickles beside tensors."""
_TENSORS = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
_REBUILD = tuple(
    f"torch._utils._rebuild_{kind}"
    for kind in ("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state")
)
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_KNOWN = {
    *_MAPPINGS,
    *_SETS,
    *_VALUES,
    *_TENSORS,
    *_REBUILD,
    *_BYTES,
    *_KINDS,
    _FROM_TYPE,
    *(f"torch._utils.{name}" for name in _OTHER_TENSORS),
}
_SCHEMES = "torch.per_"
"""The prefix of quantisation schemes."""


class TorchNames:
    """The `Names` of torch's pickles. A name stands for itself until it is called.

    The call of an unknown name gives a `PickledObject` with its arguments.
    """

    def find(self, name: str) -> Any:
        if name in _DTYPES:
            return _DTYPES[name]
        return _Name(name.replace("__builtin__.", "builtins.", 1))  # Python 2's name, which protocol 2 uses

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        name = function.name if isinstance(function, _Name | PickledObject) else ""
        if isinstance(function, PickledObject) or (name and name not in _KNOWN and not name.startswith(_SCHEMES)):
            return PickledObject(name, arguments)
        if name in _MAPPINGS:
            return _mapping(arguments)
        if name in _SETS and isinstance(arguments[0] if arguments else [], list):
            return list(arguments[0]) if arguments else []
        if name == "torch.Size":
            return arguments[0] if arguments else ()
        if name in _REBUILD:
            return _tensor(name.removeprefix("torch._utils._rebuild_"), arguments)
        if name == _FROM_TYPE:
            return self._of_class(arguments)
        kind = _OTHER_TENSORS.get(name.removeprefix("torch._utils."))
        if kind is None and name not in _VALUES:
            raise FormatError("a pickle that calls what is no function")
        return Unreadable(kind or f"a {name}")

    def persistent(self, id: Any) -> Any:
        """The storage of `("storage", kind, key, location, number of elements)`, with a sixth item None in older files.

        Older files also have `("module", class, path, source)` for a class, of which only the class is used.
        """
        if isinstance(id, tuple) and len(id) == 4 and id[0] == "module":
            return id[1]
        if not isinstance(id, tuple) or len(id) not in (5, 6) or id[0] != "storage":
            raise FormatError(f"a pickle with {quote_name(id)} in the place of a storage")
        kind, key, location, count = id[1:5]
        if not isinstance(kind, _Name) or not isinstance(key, str) or not is_count(count):
            raise FormatError("a storage without a type, a name or a number of elements")
        if id[5:] not in ((), (None,)) or location == "meta":
            raise FormatError("a storage without values of its own")
        if kind.name in _BYTES:
            return Storage(key, count)
        if kind.name not in _KINDS:
            raise FormatError(f"a storage of {quote_name(kind.name)}")
        dtype = _KINDS[kind.name]
        return Storage(key, count * dtype.itemsize, dtype)

    def give_state(self, instance: Any, state: Any) -> None:
        """Sets the state of an object. Raises `FormatError` if a known kind has no such state."""
        if isinstance(instance, PickledObject):
            instance.states.append(state)
        elif not isinstance(instance, StoredTensor | Unreadable):
            raise FormatError("a pickle that sets a key or appends where there is no mapping and no list")

    def _of_class(self, arguments: tuple[Any, ...]) -> Any:
        """A tensor with attributes, or of a subclass."""
        if len(arguments) != 4 or not isinstance(arguments[1], _Name) or not isinstance(arguments[2], tuple):
            raise FormatError("a tensor of no class")
        function, class_, given, _ = arguments
        if isinstance(function, _Name) and function.name == _FROM_TYPE:
            raise FormatError("a tensor of two classes")
        if class_.name not in _TENSORS:
            return Unreadable(f"a tensor of the class {quote_name(class_.name)}")
        return self.call(function, given)


class _Name:
    """A class or a function, by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """An empty mapping, or one of the pairs that old pickles pass to the constructor."""
    pairs = arguments[0] if arguments and not isinstance(arguments[0], _Name) else []
    if isinstance(pairs, dict):
        return pairs
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise FormatError("a mapping of what are no pairs")
    return {key: value for key, value in pairs if isinstance(key, str | int)}


def _tensor(kind: str, arguments: tuple[Any, ...]) -> Any:
    if kind.startswith("parameter"):
        if not arguments or not isinstance(arguments[0], StoredTensor | Unreadable):
            raise FormatError("a parameter without a tensor")
        return arguments[0]
    needed = {"tensor": 4, "tensor_v2": 6, "tensor_v3": 7}[kind]
    if len(arguments) not in (needed, needed + 1) or not isinstance(arguments[0], Storage):
        raise FormatError("a tensor without a storage")
    storage, offset, shape, stride = arguments[:4]
    marks = arguments[needed:]
    if marks and marks[0] and kind != "tensor":
        return Unreadable("a tensor that is to be conjugated or negated")
    return StoredTensor.checked(storage, arguments[6] if kind == "tensor_v3" else storage.dtype, shape, stride, offset)
