"""Copies the source of archspec's own modules into generated files."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

_HOME = "archspec.codegen.fx."
_FOLDER = Path(__file__).parents[1] / "fx"


class RuntimeClasses:
    """The classes and functions of archspec among dotted names, as in their files, with the constants that they read."""

    def __init__(self, targets: Iterable[str]) -> None:
        self.texts: list[str] = []
        imports: set[str] = set()
        for target in sorted(target for target in targets if target.startswith(_HOME)):
            module, _, name = target.removeprefix(_HOME).rpartition(".")
            self._read(_FOLDER / f"{module}.py", name, imports)
        self.imports: list[ast.stmt] = ast.parse("\n".join(sorted(imports))).body

    def _read(self, file: Path, name: str, imports: set[str]) -> None:
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
        (made,) = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
        read = {node.id for node in ast.walk(made) if isinstance(node, ast.Name)}
        for node in tree.body:
            match node:
                case ast.Assign([ast.Name(constant)]) if constant in read:
                    self.texts.append(ast.get_source_segment(text, node) or "")
                case ast.Import([ast.alias(module)]) if module in read and module != "torch":
                    imports.add(f"import {module}")
                case ast.ImportFrom(module, aliases) if module not in ("__future__", "torch"):
                    imports.update(f"from {module} import {alias.name}" for alias in aliases if alias.name in read)
        self.texts.append(ast.get_source_segment(text, made) or "")

    @cached_property
    def nodes(self) -> list[ast.stmt]:
        """The syntax of the texts."""
        return ast.parse("\n".join(self.texts)).body

    @property
    def names(self) -> set[str]:
        """The names that they use or define."""
        defined = {node.name for node in self.nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        used = (node.id for tree in self.nodes for node in ast.walk(tree) if isinstance(node, ast.Name))
        return defined | set(used) | {"Tensor", "F"}
