"""The bundled specs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def folder() -> Path:
    """Where the bundled specs are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "specs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "specs"


def names() -> tuple[str, ...]:
    """The names of the bundled specs, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def find(name: str) -> Path | None:
    """The file of a bundled spec, or None if there is none of that name."""
    return folder() / f"{name}.yaml" if name in names() else None
