"""Notes, while a model is made, what its constructors are given and how its tensors are filled."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from types import FrameType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archspec.recording.distributions import Distribution, find_fans, make_uniform

_CONSTANTS = {"zeros": 0.0, "ones": 1.0, "zero_": 0.0, "zeros_like": 0.0, "ones_like": 1.0}
_DRAWN = {"randn": Distribution("normal", 0.0, 1.0), "rand": Distribution("uniform", high=1.0)}
_SAME = frozenset(
    ("detach_", "requires_grad_", "share_memory_", "retain_grad", "__get__", "__set__", "_set_grad_enabled")
)
_COPIES = frozenset(("clone", "copy_", "contiguous", "to", "float", "cpu"))
_SAMPLE = 20_000  # elements of a tensor that are compared with what it was filled with
_DEVIATIONS = 6.0  # of a mean from the expected one, in its standard deviations


class Construction(TorchFunctionMode):
    """A context in which models are made: it sees each constructor and each function that fills a tensor.

    Nothing is drawn a second time, and no values are guessed from: a tensor is known if the last functions that wrote it were those of
    a known distribution.

    >>> with Construction() as construction:
    ...     layer = nn.Linear(4, 2)
    ...     _ = nn.init.normal_(layer.weight, std=0.1)
    >>> construction.find_distribution(layer.weight).std
    0.1
    """

    def __init__(self) -> None:
        super().__init__()
        self._arguments: dict[int, tuple[type, dict[str, Any]]] = {}
        self._filled: dict[int, Distribution | None] = {}
        """By the address of a storage, what its elements are drawn from."""
        self._restore: list[Callable[[], None]] = []

    # -- what is seen -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._replace(nn.Module, "__init__", self._make_constructor)
        if hasattr(nn.init, "_no_grad_trunc_normal_"):  # its way to draw changes with the version of torch
            self._replace(nn.init, "_no_grad_trunc_normal_", self._make_trunc_normal)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *fault: object) -> None:
        super().__exit__(*fault)  # type: ignore[no-untyped-call]
        while self._restore:
            self._restore.pop()()

    def _replace(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        original = getattr(owner, name)
        setattr(owner, name, make(original))
        self._restore.append(lambda: setattr(owner, name, original))

    def _make_constructor(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def construct(module: nn.Module, *args: Any, **keywords: Any) -> None:
            frame = inspect.currentframe()
            self._arguments[id(module)] = type(module), _read_arguments(module, frame and frame.f_back)
            original(module, *args, **keywords)

        return construct

    def _make_trunc_normal(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def fill(tensor: Tensor, mean: float, std: float, a: float, b: float, *args: Any, **keywords: Any) -> Tensor:
            result: Tensor = original(tensor, mean, std, a, b, *args, **keywords)
            self._note(tensor, Distribution("trunc_normal", mean, std, a, b))
            return result

        return fill

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        keywords = dict(kwargs or {})
        result = func(*args, **keywords)
        name = getattr(func, "__name__", "")
        if not isinstance(result, Tensor) or name in _SAME:
            return result
        inputs = [own for own in (*args, *keywords.values()) if isinstance(own, Tensor)]
        self._note(result, self._describe(name, inputs, _list_numbers(args), keywords))
        return result

    # -- what it means ------------------------------------------------------------------------------------------------

    def _note(self, tensor: Tensor, filled: Distribution | None) -> None:
        if tensor.is_meta:
            return
        storage = tensor.untyped_storage()
        whole = storage.nbytes() == tensor.numel() * tensor.element_size()
        self._filled[storage.data_ptr()] = filled if whole else None

    def _known(self, tensor: Tensor) -> Distribution | None:
        return None if tensor.is_meta else self._filled.get(tensor.untyped_storage().data_ptr())

    def _describe(
        self, name: str, inputs: list[Tensor], given: list[float], keywords: dict[str, Any]
    ) -> Distribution | None:
        """What the result of a function is drawn from."""
        if name in _CONSTANTS:
            return Distribution("constant", _CONSTANTS[name])
        if name in _DRAWN:
            return _DRAWN[name]
        numbers = [*given, *_list_numbers(keywords.values())]
        if name in ("full", "full_like", "fill_", "constant_") and numbers:
            return Distribution("constant", float(numbers[-1]))
        if name == "normal_":
            return Distribution("normal", *_read_pair(given, keywords, ("mean", "std")))
        if name == "uniform_":
            low, high = _read_pair(given, keywords, ("a", "b") if "a" in keywords else ("from", "to"))
            return Distribution("uniform", low=low, high=high)
        if name == "kaiming_uniform_":
            return _describe_kaiming(inputs[0], keywords)
        if name in _COPIES and inputs:
            return self._known(inputs[-1])
        return self._transform(name, inputs, numbers)

    def _transform(self, name: str, inputs: list[Tensor], numbers: list[float]) -> Distribution | None:
        """What arithmetic of one tensor and numbers makes of its distribution."""
        known = self._known(inputs[0]) if len(inputs) == 1 else None
        if name in ("view", "reshape", "unsqueeze", "flatten", "squeeze", "erfinv_") and known is not None:
            return known if name != "erfinv_" else _invert(known)
        if known is None or len(numbers) != 1 + (name in ("clamp_", "clamp")):
            return None
        if name in ("mul", "mul_", "__mul__", "__rmul__"):
            return known.scale(numbers[0])
        if name in ("div", "div_", "__truediv__"):
            return known.scale(1 / numbers[0])
        if name in ("add", "add_", "__add__", "__radd__"):
            return known.shift(numbers[0])
        if name in ("clamp", "clamp_") and known.kind == "trunc_normal":
            return Distribution("trunc_normal", known.mean, known.std, *numbers)
        return None

    # -- what is known ------------------------------------------------------------------------------------------------

    @property
    def saw_modules(self) -> bool:
        """Whether modules were made in the context."""
        return bool(self._arguments)

    def find_distribution(self, tensor: Tensor) -> Distribution | None:
        """What the elements of a tensor are drawn from, if that was seen and its values agree; None otherwise."""
        known = self._known(tensor)
        return known if known is not None and _agrees(tensor.detach(), known) else None

    def list_arguments(self, module: nn.Module) -> dict[str, Any]:
        """What the constructor of a module was given, by the names of its parameters."""
        cls, arguments = self._arguments.get(id(module), (None, {}))
        return arguments if cls is type(module) else {}


def list_arguments(model: nn.Module, construction: Construction | None) -> dict[tuple[str, ...], dict[str, Any]]:
    """For each module inside a model, the numbers that its constructor was given, and those among its attributes, by name.

    >>> list_arguments(nn.Sequential(nn.Linear(4, 2)), None)[("0",)]["in_features"]
    4
    """
    found = {}
    for path, module in model.named_modules():
        given = construction.list_arguments(module) if construction is not None else {}
        configured = [
            own for value in given.values() if _is_configuration(value, module) for own in vars(value).items()
        ]
        own = [(name, value) for name, value in vars(module).items() if name not in given and name != "training"]
        pairs = [*given.items(), *configured, *own]
        found[tuple(path.split("."))] = {
            name: value for name, value in reversed(pairs) if isinstance(value, int | float) and name[0] != "_"
        }
    return found


def _is_configuration(value: Any, module: nn.Module) -> bool:
    """Whether an argument is an object of the module's own library that holds others."""
    packages = {type(own).__module__.partition(".")[0] for own in (value, module)}
    return hasattr(value, "__dict__") and not isinstance(value, type | nn.Module | Tensor) and len(packages) == 1


def read_constant(tensor: Tensor) -> Distribution | None:
    """The constant that a tensor holds, if all its elements are one number."""
    if tensor.is_meta or not tensor.numel() or not tensor.is_floating_point():
        return None
    low, high = tensor.detach().aminmax()
    return Distribution("constant", float(f"{low.item():.7g}")) if low == high else None


def _read_arguments(module: nn.Module, frame: FrameType | None) -> dict[str, Any]:
    """The arguments of the constructors of a module, from the frames of those that are running; those of the outermost come first."""
    found: dict[str, Any] = {}
    while frame is not None and frame.f_code.co_name == "__init__":
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not names or frame.f_locals.get(names[0]) is not module:
            break
        own = {name: frame.f_locals[name] for name in names[1:] if name in frame.f_locals}
        found = {**own, **{name: value for name, value in found.items() if name not in own}}
        frame = frame.f_back
    return found


def _read_pair(given: list[float], keywords: Mapping[str, Any], names: tuple[str, str]) -> tuple[float, float]:
    """Two numbers of a function of torch, given by place or by name; 0 and 1 if they are not given."""
    defaults = [*given, *(0.0, 1.0)[len(given) :]]
    first, second = (float(keywords.get(name, default)) for name, default in zip(names, defaults, strict=False))
    return first, second


def _list_numbers(values: Iterable[Any]) -> list[float]:
    return [own for own in values if isinstance(own, int | float) and not isinstance(own, bool)]


def _describe_kaiming(tensor: Tensor, keywords: Mapping[str, Any]) -> Distribution:
    gain = nn.init.calculate_gain(keywords["nonlinearity"], keywords["a"])
    fan_in, fan_out = find_fans(tuple(tensor.shape))
    return make_uniform(math.sqrt(3) * gain / math.sqrt(fan_in if keywords["mode"] == "fan_in" else fan_out))


def _invert(known: Distribution) -> Distribution | None:
    """What the inverse error function makes of a uniform distribution: a normal one that is cut, of variance one half."""
    if known.kind != "uniform" or not -1 <= known.low < known.high <= 1:
        return None
    low, high = (torch.erfinv(torch.tensor(end, dtype=torch.float64)).item() for end in (known.low, known.high))
    return Distribution("trunc_normal", 0.0, math.sqrt(0.5), low, high)


def _agrees(tensor: Tensor, known: Distribution) -> bool:
    """Whether the values of a tensor can be of a distribution: another function may have written them unseen."""
    values = tensor.flatten()[:_SAMPLE].double()
    if known.kind == "constant":
        return bool(((values - known.mean).abs() <= 1e-6 * abs(known.mean)).all())
    low, high = (known.low, known.high) if known.kind != "normal" else (-math.inf, math.inf)
    inside = bool((values >= low - 1e-6).all() and (values <= high + 1e-6).all())
    middle = (low + high) / 2 if known.kind == "uniform" else known.mean
    width = (high - low) / math.sqrt(12) if known.kind == "uniform" else known.std
    if known.kind == "trunc_normal":
        return inside
    return inside and bool((values.mean() - middle).abs() <= _DEVIATIONS * width / math.sqrt(len(values)))
