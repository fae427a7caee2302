"""The text of those modules that torch does not have, to be printed into a file that needs only torch."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_HOME = "archspec.backends.torch."
_FOLDER = Path(__file__).parents[1] / "torch"


def is_ours(target: str) -> bool:
    return target.startswith(_HOME)


@cache
def text(target: str) -> tuple[str, tuple[str, ...]]:
    """The class of a dotted name, with the constants that it reads, and the import statements that it needs."""
    module, _, name = target.removeprefix(_HOME).rpartition(".")
    source = (_FOLDER / f"{module}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    (made,) = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name]
    read = {node.id for node in ast.walk(made) if isinstance(node, ast.Name)}
    constants = [
        ast.get_source_segment(source, one) or ""
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id in read
    ]
    imports = []
    for one in tree.body:
        if isinstance(one, ast.ImportFrom) and one.module not in ("__future__", "torch"):
            imports += [f"from {one.module} import {alias.name}" for alias in one.names if alias.name in read]
    body = ast.get_source_segment(source, made) or ""
    return "\n\n\n".join([*constants, body]), tuple(imports)
