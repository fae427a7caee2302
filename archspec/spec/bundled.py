"""Finds the bundled specs and spaces."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def find_bundled_folder() -> Path:
    """The folder of the bundled specs: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "specs"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "specs"


def list_bundled_names() -> tuple[str, ...]:
    """The names of the bundled specs, sorted."""
    return tuple(sorted(path.stem for path in find_bundled_folder().glob("*.yaml")))


def find_bundled_spec(name: str) -> Path | None:
    """The file of a bundled spec; None if there is none of that name."""
    return find_bundled_folder() / f"{name}.yaml" if name in list_bundled_names() else None


def list_bundled_spaces() -> tuple[str, ...]:
    """The names of the bundled spaces of variants, sorted.

    >>> list_bundled_spaces()
    ('nas_bench_201', 'regnet', 'resnext_cardinality', 'wide_resnet')
    """
    return tuple(sorted(path.stem for path in (find_bundled_folder() / "spaces").glob("*.yaml")))


def find_bundled_space(name: str) -> Path | None:
    """The file of a bundled space; None if there is none of that name."""
    return find_bundled_folder() / "spaces" / f"{name}.yaml" if name in list_bundled_spaces() else None
