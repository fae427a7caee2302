"""The public interface: one base class of all errors, and lazily imported names."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from tests.processes import run_python

HEAVY = ("pydantic", "networkx", "torch", "click", "rich", "yaml")
COMPLETION = {"_ARCHSPEC_COMPLETE": "bash_complete", "COMP_WORDS": "archspec ", "COMP_CWORD": "1"}
"""The variables that a shell sets for completion."""
PACKAGE = Path(archspec.__file__).parent
INTERNAL = {
    "StoppedError": "the user's own request to stop",
    "UnalikeError": "caught where blocks are joined",
    "UnknownError": "caught by the binder",
}
"""Errors without a builtin base class, and why."""
BUILTIN = {
    "__init__.py": "AttributeError: a name that is none, as of any module",
    "analysis/expansion.py": "IndexError: a unit that the chain has not, as of a list",
    "api.py": "TypeError: limits that are none, a mistake of the program",
    "claims/book.py": "ValueError for pydantic, which makes a ValidationError of it",
    "codegen/fx/flat.py": "ValueError: a module that is no network",
    "codegen/fx/fractal_modules.py": "ValueError: as torch's own modules do for an argument out of range",
    "codegen/fx/modules.py": "ValueError: as torch's own modules do for an argument out of range",
    "codegen/fx/trial.py": "MemoryError: the memory of a device is full",
    "codegen/python/formatter.py": "TypeError: syntax that is never made",
    "codegen/python/syntax.py": "TypeError: syntax that is never made",
    "experiments/order.py": "ValueError: two orders of different things, a mistake of the program",
    "files.py": "OSError: what the system says",
    "ops/axes.py": "ValueError: pydantic makes a ValidationError of it, and the binder a SpecError",
    "ops/base.py": "NotImplementedError of an abstract method",
    "ops/initial.py": "ValueError for pydantic, as above",
    "report/page.py": "ValueError: three networks on a page, a mistake of the program",
    "sharing.py": "TypeError: an argument that there is not, as of any function",
    "spec/environment.py": "KeyError: a mapping's own",
    "temporary.py": "OSError: what the system says",
}
"""The files that raise builtin exceptions, and why these are no `ArchspecError`."""


TRITON = importlib.util.find_spec("triton") is not None


def exceptions() -> Iterator[type[Exception]]:
    """The exceptions of the package, except those of the command line, which click prints."""
    names = [found.name for found in pkgutil.walk_packages(archspec.__path__, "archspec.")]
    for name in names:
        if name.startswith(("archspec.cli", "archspec.__main__")) or (".triton_" in name and not TRITON):
            continue
        for value in vars(importlib.import_module(name)).values():
            if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == name:
                yield value


def raised(path: Path) -> set[str]:
    """The builtin exceptions that a file raises by name."""
    calls = [node.exc for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    names = [call.func if isinstance(call, ast.Call) else call for call in calls]
    found = {name.id for name in names if isinstance(name, ast.Name)}
    return {name for name in found if isinstance(getattr(builtins, name, None), type)} - {"SystemExit", "StopIteration"}


def test_every_public_exception_derives_from_the_root() -> None:
    errors = [error for error in exceptions() if not issubclass(error, Warning) and not error.__name__.startswith("_")]
    assert len(errors) > 20
    assert [error for error in errors if not issubclass(error, archspec.ArchspecError)] == []
    unkind = {
        error.__name__
        for error in errors
        if not any(base.__module__ == "builtins" for base in error.__mro__[1:] if base not in Exception.__mro__)
    }
    assert unkind == {"ArchspecError", *INTERNAL}


def test_a_builtin_exception_is_raised_only_where_that_was_thought_of() -> None:
    files = {path.relative_to(PACKAGE).as_posix(): raised(path) for path in PACKAGE.rglob("*.py")}
    assert {name for name, found in files.items() if found and not name.startswith("cli/")} == set(BUILTIN)
    assert [name for name, reason in BUILTIN.items() if not any(error in reason for error in files[name])] == []


def test_the_names_of_the_face_stand_in_three_places_alike() -> None:
    """The imports for type checkers, `__all__`, and the table of modules agree."""
    tree = ast.parse(Path(archspec.__file__).read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert homes == archspec._MODULES
    assert sorted(homes) == sorted(archspec.__all__)
    assert set(archspec.__all__) <= set(dir(archspec))
    for name in archspec.__all__:
        assert getattr(archspec, name) is getattr(importlib.import_module(str(homes[name])), name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        archspec.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import archspec", ()),
        ("import archspec; archspec.SpecError, archspec.Limits, archspec.WeightsError, archspec.Diagnostic", ()),
        ("import archspec; archspec.load('resnet18').params", ("pydantic", "yaml")),
        ("import sys; sys.argv = ['archspec', '--version']; from archspec.cli import main; main()", ("click",)),
        (
            f"import os, sys; sys.argv = ['archspec']; os.environ |= {COMPLETION}; from archspec.cli import main; main()",
            ("click",),
        ),
        (
            "import sys; sys.argv = ['archspec', 'check', 'densenet169']; from archspec.cli import main; main()",
            ("click", "pydantic", "yaml"),
        ),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str, allowed: tuple[str, ...]) -> None:
    proof = (
        f"import atexit, sys; atexit.register(lambda: sys.stderr.write(repr([m for m in {HEAVY} if m in sys.modules])))"
    )
    done = run_python("-c", f"{proof}\n{code}")
    assert done.returncode == 0, done.stderr
    assert set(ast.literal_eval(done.stderr.splitlines()[-1])) <= set(allowed)
