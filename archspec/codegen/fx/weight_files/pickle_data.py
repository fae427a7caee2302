"""Reads a pickle as data, without importing, constructing or calling anything in it.

A pickle is a program for a stack machine. This machine knows lists, mappings, tuples, numbers and texts; classes and functions are
interpreted by their names.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from archspec.codegen.fx.weight_files.errors import FormatError, quote_name

_MOST_INSTRUCTIONS = 2_000_000
"""The most instructions of one pickle; that of a ResNet-152 has 33,000."""
_KEYS = (str, bytes, int, float, bool, type(None))
_DATA = (dict, list, tuple, str, bytes, int, float, bool, type(None))
_DAMAGED = "a pickle that is cut off or damaged"


class Names(Protocol):
    """Interprets the names of a pickle. Each method raises `FormatError` for unknown ones."""

    def find(self, name: str) -> Any:
        """The value for a class or a function, by `module.name`."""

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """The value for a call of one."""

    def persistent(self, id: Any) -> Any:
        """The value for the id of data outside the pickle."""

    def give_state(self, instance: Any, state: Any) -> None:
        """Sets the state of the result of a call: attributes, items, or appended values."""


class Bounded:
    """A file that limits reads to its size, whatever lengths its content claims."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def read(self, count: int) -> bytes:
        return self._file.read(max(min(count, self._size - self.tell()), 0))

    def readline(self) -> bytes:
        return self._file.readline(max(self._size - self.tell(), 0))

    def tell(self) -> int:
        return self._file.tell()


def read_pickle(file: Any, names: Names) -> Any:
    """Reads the pickle at the current position of `file` and advances to its end.

    Raises:
        FormatError: it is truncated or damaged, or has an unknown name.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about invalid escapes in texts
            return _follow(file, _Machine(names))
    except FormatError:
        raise
    except (ValueError, IndexError) as error:  # from pickletools, or for an empty stack
        raise FormatError(_DAMAGED) from error


def _follow(file: Any, machine: _Machine) -> Any:
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name == "STOP":
            return machine.pop()
        machine.follow(opcode.name, argument, number)
    raise FormatError(_DAMAGED)


class _Machine:
    """The stack machine: its stack, the stacks below marks, and its memo."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def follow(self, instruction: str, argument: Any, number: int) -> None:
        if instruction not in _STEPS:
            raise FormatError(f"a pickle with the instruction {instruction}")
        if number >= _MOST_INSTRUCTIONS:
            raise FormatError(f"a pickle of more than {_MOST_INSTRUCTIONS:,} instructions")
        _STEPS[instruction](self, argument)

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self._stack.pop()

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def last(self, count: int) -> list[Any]:
        """Pops `count` values in the order in which they were pushed."""
        if count > len(self._stack):
            raise FormatError(_DAMAGED)
        return [self.pop() for _ in range(count)][::-1]

    def put(self, key: int | None) -> None:
        self._memo[len(self._memo) if key is None else key] = self._stack[-1]

    def get(self, key: int) -> None:
        if key not in self._memo:
            raise FormatError(_DAMAGED)
        self.push(self._memo[key])

    def append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            self._names.give_state(self._stack[-1], items)
            return
        self._stack[-1].extend(items)

    def set(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not dict:
            self._names.give_state(self._stack[-1], items)
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in _KEYS:
                raise FormatError(f"a mapping with {quote_name(key)} for a key")
            self._stack[-1][key] = value

    def mapping(self, items: list[Any]) -> None:
        self.push({})
        self.set(items)

    def find(self, name: str) -> None:
        """`name` has a space between module and name, as in the pickle's own notation."""
        self.push(self._names.find(name.replace(" ", ".", 1)))

    def find_by_text(self) -> None:
        module, name = self.last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise FormatError(_DAMAGED)
        self.find(f"{module} {name}")

    def call(self, function: Any, arguments: Any) -> None:
        if not isinstance(arguments, tuple):
            raise FormatError(_DAMAGED)
        self.push(self._names.call(function, arguments))

    def persistent(self, id: Any) -> None:
        self.push(self._names.persistent(id))

    def build(self) -> None:
        """Sets the state of an object; plain data have none."""
        state = self.pop()
        if type(self._stack[-1]) not in _DATA:
            self._names.give_state(self._stack[-1], state)


_Step = Callable[[_Machine, Any], object]


def _on_mark(step: Callable[[_Machine, list[Any]], object]) -> _Step:
    return lambda machine, _: step(machine, machine.since_mark())


def _on_last(count: int, step: Callable[[_Machine, list[Any]], object]) -> _Step:
    return lambda machine, _: step(machine, machine.last(count))


def _instance(machine: _Machine, name: str) -> None:
    arguments = machine.since_mark()
    machine.find(name)
    machine.call(machine.pop(), tuple(arguments))


_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_STEPS: dict[str, _Step] = {
    **dict.fromkeys((*_NUMBERS, *_TEXTS, *_BYTES), _Machine.push),
    **dict.fromkeys(("PROTO", "FRAME"), lambda _, __: None),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _on_last(2, lambda machine, items: machine.call(*items))),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_SET"), lambda machine, _: machine.push([])),
    **dict.fromkeys(("LIST", "FROZENSET"), _on_mark(_Machine.push)),
    **dict.fromkeys(("APPENDS", "ADDITEMS"), _on_mark(_Machine.append)),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.push(machine._stack[-1]),
    "TUPLE": _on_mark(lambda machine, items: machine.push(tuple(items))),
    "TUPLE1": _on_last(1, lambda machine, items: machine.push(tuple(items))),
    "TUPLE2": _on_last(2, lambda machine, items: machine.push(tuple(items))),
    "TUPLE3": _on_last(3, lambda machine, items: machine.push(tuple(items))),
    "DICT": _on_mark(_Machine.mapping),
    "APPEND": _on_last(1, _Machine.append),
    "SETITEM": _on_last(2, _Machine.set),
    "SETITEMS": _on_mark(_Machine.set),
    "GLOBAL": _Machine.find,
    "STACK_GLOBAL": lambda machine, _: machine.find_by_text(),
    "OBJ": _on_mark(lambda machine, items: machine.call(items[0], tuple(items[1:]))),
    "INST": _instance,
    "NEWOBJ_EX": _on_last(3, lambda machine, items: machine.call(*items[:2])),
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": lambda machine, _: machine.persistent(machine.pop()),
    "PERSID": _Machine.persistent,
}
