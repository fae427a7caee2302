"""Writes docs/api.md, the reference of the library, from signatures and docstrings: `python docs/api.py`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe

import archspec

PAGE = Path(__file__).parent / "api.md"

MODULES: dict[str, str] = {
    "archspec": "What most programs need: load a spec, ask, build",
    "archspec.ir.shape": "Shapes with named axes",
    "archspec.ir.node": "Values, nodes and regions",
    "archspec.ir.graph": "The graph of a network",
    "archspec.ops.base": "What an op is",
    "archspec.passes.contract": "What a pass is",
    "archspec.passes.rewriter": "Making one graph of another",
    "archspec.analysis.counts": "Parameters, multiply-accumulates, depth",
    "archspec.analysis.memory": "Elements that are kept in memory",
    "archspec.analysis.receptive_field": "Receptive fields",
    "archspec.analysis.expected_depth": "Depth under stochastic depth",
    "archspec.analysis.paths": "Counting paths",
    "archspec.analysis.path_factors": "Factors of the number of paths",
    "archspec.analysis.path_enumeration": "Single paths",
    "archspec.analysis.expansion": "A residual chain as a sum",
    "archspec.analysis.partition": "Cutting a network into pipeline stages",
    "archspec.analysis.diff": "Differences between two networks",
    "archspec.report.summary": "The table of layers",
    "archspec.draw": "Pictures",
    "archspec.codegen.python": "Source code",
    "archspec.codegen.fx": "Modules of torch.fx, and weights",
    "archspec.claims.book": "Claims of the literature",
    "archspec.pipeline": "Pipelines over several machines",
    "archspec.sweep.space": "Spaces of variants",
    "archspec.sweep.counting": "Counting variants",
    "archspec.sweep.measures": "What the points of a space are measured for",
    "archspec.sweep.run": "Running a sweep",
    "archspec.sweep.choose": "Choosing points of a sweep",
    "archspec.sweep.page": "The page of a sweep",
    "archspec.experiments.sources": "Finding data to train on",
    "archspec.experiments.data": "Data to train on",
    "archspec.experiments.recipe": "Recipes of trainings",
    "archspec.experiments.fabric": "Devices, processes and precision",
    "archspec.experiments.training": "Training",
    "archspec.experiments.lesions": "Lesions of trained networks",
    "archspec.experiments.gates": "Gradients along single paths",
    "archspec.experiments.gradients": "Gradients by the length of paths",
}
"""The documented modules and their headings; those from `archspec.codegen.fx` on need torch."""

_HEAD = """# The library

This page is made from signatures and docstrings by `python docs/api.py`. Each example is run by the tests. The terms are explained in the
[glossary](glossary.md). `archspec.codegen.fx`, `archspec.experiments` and the methods that build or measure need torch; nothing
else does. Sizes never count the batch.

"""


def page() -> str:
    contents = "".join(f"- [`{name}`](#{name.replace('.', '')}): {title}\n" for name, title in MODULES.items())
    return _HEAD + contents + "".join(f"\n{section}" for name in MODULES for section in _describe_module(name))


def list_public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public functions and classes of a module: those in its `__all__`, or else those that it defines."""
    names = getattr(module, "__all__", None) or [
        name for name, member in vars(module).items() if getattr(member, "__module__", None) == module.__name__
    ]
    for name in names:
        member = getattr(module, name)
        if not name.startswith("_") and (inspect.isclass(member) or inspect.isfunction(inspect.unwrap(member))):
            yield name, member


def list_members(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, including those of its bases in archspec."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("archspec")]
    for name, member in ((name, member) for base in own for name, member in vars(base).items()):
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property | cached_property)):
            yield name, member


def _describe_module(name: str) -> Iterator[str]:
    yield f"## {name}\n\n{MODULES[name]}.\n"
    face = list(dict(list_public(archspec)).values()) if name != "archspec" else []
    shown = {word: member for word, member in list_public(importlib.import_module(name)) if member not in face}
    for word in sorted(shown, key=lambda word: (inspect.isclass(shown[word]), word)):
        member = shown[word]
        static = _static(member.__module__, member.__qualname__)
        yield from _describe_class(word, static) if inspect.isclass(member) else _describe_function(word, static)


@cache
def _package() -> Any:
    return griffe.load("archspec", docstring_parser="google", docstring_options={"warnings": False})


def _static(module: str, name: str) -> Any:
    """The griffe object for a name."""
    return _package()[f"{module}.{name}".removeprefix("archspec.")]


def _describe_function(name: str, function: Any) -> Iterator[str]:
    yield f"### {name}\n\n```python\n{_signature(name, function)}\n```\n"
    yield from _describe_docstring(function)


def _describe_class(name: str, cls: Any) -> Iterator[str]:
    bases = ", ".join(map(str, cls.bases))
    yield f"### {name}\n\n```python\nclass {name}{f'({bases})' if bases else ''}\n```\n"
    yield from _describe_docstring(cls)
    own = [member for key, member in cls.members.items() if not key.startswith("_") and not member.is_alias]
    fields = [member for member in own if member.is_attribute]
    if fields:
        yield "| attribute | type | |\n|---|---|---|\n" + "".join(map(_describe_field, fields))
    for member in own:
        if member.is_function:
            yield f"#### {name}.{member.name}\n\n```python\n{_signature(member.name, member)}\n```\n"
            yield from _describe_docstring(member)
        elif member.docstring and "\n\n" in member.docstring.value:
            yield f"#### {name}.{member.name}\n"
            yield from _describe_docstring(member)


def _describe_field(field: Any) -> str:
    text = _cell(field.docstring.value.partition("\n\n")[0]) if field.docstring else ""
    kind = f"`{_cell(str(field.annotation))}`" if field.annotation is not None else ""
    return f"| `{field.name}` | {kind} | {text} |\n"


def _signature(name: str, function: Any) -> str:
    line = f"{name}({', '.join(_parameters(function))}){_returned(function)}"
    if len(line) <= 110:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in _parameters(function)) + f"){_returned(function)}"


def _returned(function: Any) -> str:
    return f" -> {function.returns}" if function.returns is not None else ""


def _parameters(function: Any) -> Iterator[str]:
    keyword_only = False
    for parameter in function.parameters:
        kind = str(parameter.kind.value)
        if parameter.name in ("self", "cls"):
            continue
        if kind == "keyword-only" and not keyword_only:
            yield "*"
        keyword_only = keyword_only or kind in ("keyword-only", "variadic positional")
        stars = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        kind_of = f": {parameter.annotation}" if parameter.annotation is not None else ""
        default = f" = {parameter.default}" if parameter.default is not None and not stars else ""
        yield f"{stars}{parameter.name}{kind_of}{default}"


def _describe_docstring(owner: Any) -> Iterator[str]:
    for section in owner.docstring.parsed if owner.docstring else ():
        yield from _describe_section(section)


def _describe_section(section: Any) -> Iterator[str]:
    kind = section.kind.value
    if kind == "text":
        yield f"{_split_examples(section.value)}\n"
    elif kind == "examples":
        yield "".join(f"{_split_examples(text)}\n" for _, text in section.value)
    elif kind == "parameters":
        yield _list_items("Arguments", ((f"`{entry.name}`", entry.description) for entry in section.value))
    elif kind == "raises":
        yield _list_items("Raises", ((f"`{entry.annotation}`", entry.description) for entry in section.value))
    elif kind in ("returns", "yields"):
        texts = (" ".join(entry.description.split()) for entry in section.value)
        yield f"{kind.capitalize()}: {' '.join(texts)}\n"
    else:
        raise ValueError(f"a docstring has a section of {kind}, which docs/api.py does not show")


def _list_items(title: str, items: Iterator[tuple[str, str]]) -> str:
    return f"{title}:\n\n" + "".join(f"- {name}: {' '.join(text.split())}\n" for name, text in items)


def _split_examples(text: str) -> str:
    """The text with its examples as code blocks."""
    parts = [
        f"```pycon\n{part}\n```" if part.startswith(">>>") else part.strip()
        for part in text.strip().split("\n\n")
        if part
    ]
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
