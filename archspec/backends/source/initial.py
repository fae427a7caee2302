"""The initialisation of a network as code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from archspec.backends.source.families import literal
from archspec.backends.source.model import Weight
from archspec.backends.source.text import Invoke, lines
from archspec.backends.steps import Step
from archspec.ops.base import Init

_USUAL = {"mode": "fan_in", "gain": 1.0, "slope": 0.0, "mean": 0.0, "std": 1.0}


def parameter(weight: Weight, sizes: list[str]) -> Invoke:
    """A parameter of a class's own, with its first values if they are constant or normal."""
    return Invoke("nn.Parameter", (("", _tensor(weight.initial, sizes)),))


def _tensor(initial: object, sizes: list[str]) -> Invoke:
    shape = tuple(("", size) for size in sizes)
    if isinstance(initial, Init):
        return fill(initial, str(Invoke("torch.empty", shape)))
    if initial in (0, 1):
        return Invoke("torch.ones" if initial else "torch.zeros", shape)
    listed = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    return Invoke("torch.full", (("", listed), ("", literal(float(initial)))))  # type: ignore[arg-type]


def fill(scheme: Init | float, what: str) -> Invoke:
    """The call that gives a tensor its first values."""
    if not isinstance(scheme, Init):
        if scheme in (0, 1):
            return Invoke("nn.init.ones_" if scheme else "nn.init.zeros_", (("", what),))
        return Invoke("nn.init.constant_", (("", what), ("", literal(float(scheme)))))
    options = _OPTIONS[scheme.kind]
    given: list[tuple[str, str | Invoke]] = [("", what)]
    for field, name, usual in options:
        value = getattr(scheme, field)
        if value is not None and value != usual:
            given.append((name, literal(value)))
    return Invoke(f"nn.init.{scheme.kind}_", tuple(given))


_KAIMING = (("slope", "a", 0.0), ("mode", "mode", "fan_in"), ("nonlinearity", "nonlinearity", "leaky_relu"))
_OPTIONS: Mapping[str, tuple[tuple[str, str, object], ...]] = {
    "kaiming_normal": _KAIMING,
    "kaiming_uniform": _KAIMING,
    "xavier_normal": (("gain", "gain", 1.0),),
    "xavier_uniform": (("gain", "gain", 1.0),),
    "normal": (("mean", "mean", 0.0), ("std", "std", 1.0)),
    "trunc_normal": (("mean", "mean", 0.0), ("std", "std", 1.0), ("low", "a", -2.0), ("high", "b", 2.0)),
    "uniform": (("low", "a", 0.0), ("high", "b", 1.0)),
    "constant": (("value", "val", None),),
    "orthogonal": (("gain", "gain", 1.0),),
}

Schemes = tuple[tuple[str, Init | float], ...]


def method(steps: list[Step]) -> list[str]:
    """The method that initialises every module as the spec says; nothing where torch's own values stay."""
    by_type: dict[str, dict[Schemes, list[str]]] = defaultdict(lambda: defaultdict(list))
    for step in steps:
        if step.kind.state is not None and step.kind.state.target != "torch.nn.Parameter":
            found = _schemes(step)
            paths = by_type[step.kind.state.target][found]
            if ".".join(step.path) not in paths:
                paths.append(".".join(step.path))
    attends = any(target.endswith("MultiheadAttention") for target in by_type)
    rules: dict[tuple[str, ...], list[str]] = {}
    for target, groups in by_type.items():
        if set(groups) != {()}:
            rule = tuple(_type_rule(groups, may_lack_bias=".Conv" in target))
            exact = attends and target == "torch.nn.Linear"
            rules.setdefault((_EXACT if exact else "", *rule), []).append(f"nn.{target.rpartition('.')[2]}")
    if not rules:
        return []
    named = any("if name" in line for code in rules for line in code)
    body = [line for code, types in rules.items() for line in (f"            elif {_test(code[0], types)}:", *code[1:])]
    loop = "for name, module in self.named_modules():" if named else "for module in self.modules():"
    body[0] = body[0].replace("elif", "if", 1)
    return ["    def _initialise(self) -> None:", f"        {loop}", *body]


_EXACT = "exact"
"""Of a rule: not for subclasses. The projection inside an attention is a linear layer that keeps torch's own values."""


def _test(kind: str, types: list[str]) -> str:
    return f"type(module) is {types[0]}" if kind == _EXACT else f"isinstance(module, {' | '.join(types)})"


def _schemes(step: Step) -> Schemes:
    target = step.kind.state.target if step.kind.state else ""
    usual = {"weight": 1.0, "bias": 0.0} if "Norm" in target else {}
    usual |= {"weight": 0.25} if target.endswith("PReLU") else {}
    return tuple((name, scheme) for name, scheme in step.node.op.initial().items() if usual.get(name) != scheme)


def _type_rule(groups: Mapping[Schemes, list[str]], *, may_lack_bias: bool) -> list[str]:
    code: list[str] = []  # torch's types say that a convolution may have no bias
    ordered = sorted(groups.items(), key=lambda one: len(one[1]))
    *special, (rest, _) = ordered
    if not special:
        return _fills(rest, 16, may_lack_bias=may_lack_bias)
    others = [path for _, paths in groups.items() for path in paths]
    for at, (schemes, paths) in enumerate(special):
        word = "elif" if at else "if"
        code += lines(f"{word} ", _condition(paths, [path for path in others if path not in paths]), ":", 16)
        code += _fills(schemes, 20, may_lack_bias=may_lack_bias) or [f"{' ' * 20}pass  # as torch does"]
    final = _fills(rest, 20, may_lack_bias=may_lack_bias)
    return code + ([f"{' ' * 16}else:", *final] if final else [])


def _condition(paths: list[str], others: list[str]) -> str | Invoke:
    """What is true of the names of these modules and of no others."""
    ends = sorted({path.rpartition(".")[2] for path in paths})
    quoted = [literal(one) for one in ends]
    if len(ends) <= 3 and not any(other.endswith(tuple(ends)) for other in others):
        return Invoke("name.endswith", (("", quoted[0] if len(ends) == 1 else f"({', '.join(quoted)})"),))
    if len(paths) == 1:
        return f'name == "{paths[0]}"'
    return Invoke("name in ", tuple(("", literal(path)) for path in paths), brackets="{}")


def _fills(schemes: Schemes, indent: int, *, may_lack_bias: bool) -> list[str]:
    found: list[str] = []
    for name, scheme in schemes:
        deeper = 4 if name == "bias" and may_lack_bias else 0
        if deeper:
            found.append(f"{' ' * indent}if module.bias is not None:")
        found += lines("", fill(scheme, f"module.{name}"), indent=indent + deeper)
    return found
