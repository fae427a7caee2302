"""Writes and checks the text of a generated Python file."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from archspec.codegen.errors import InternalError
from archspec.codegen.python.formatter import format_statement
from archspec.codegen.python.runtime import RuntimeClasses


@dataclass(frozen=True)
class PythonModule:
    """The classes of a network, its own last, with the classes of archspec that they use."""

    docstring: str
    runtime: RuntimeClasses
    classes: list[ast.stmt]

    def text(self) -> str:
        """The text of the file. Raises `InternalError` unless Python parses it to the syntax that it was written from."""
        head: list[list[ast.stmt]] = [
            [ast.Expr(ast.Constant(f"{self.docstring}\n"))],
            self.runtime.imports,
            self._imports(),
        ]
        top = "\n\n".join(
            "\n".join(line for node in group for line in format_statement(node)) for group in head if group
        )
        parts = [*self.runtime.texts, *("\n".join(format_statement(node)) for node in self.classes)]
        apart = (
            "\n\n\n" if parts[0].startswith(("class ", "def ")) else "\n\n"
        )  # two blank lines only before a class or a function
        text = top + apart + "\n\n\n".join(parts) + "\n"
        _check_text(text, [node for group in (*head, self.runtime.nodes, self.classes) for node in group])
        return text

    def _imports(self) -> list[ast.stmt]:
        nodes = [*self.runtime.nodes, *self.classes]
        used = {node.id for tree in nodes for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imports: list[ast.stmt] = []
        if "torch" in used:
            imports.append(ast.Import([ast.alias("torch")]))
        if "F" in used:
            imports.append(ast.Import([ast.alias("torch.nn.functional", "F")]))
        names = [ast.alias(text) for text in ("Tensor", "nn") if text in used]
        return [*imports, ast.ImportFrom("torch", names, 0)]


def _check_text(text: str, nodes: list[ast.stmt]) -> None:
    """Raises `InternalError` unless the text compiles and parses to `nodes`."""
    try:
        compile(text, "<network>", "exec", dont_inherit=True)
        same = ast.unparse(ast.parse(text)) == ast.unparse(ast.Module(nodes, []))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InternalError(f"the source is no Python: {error}") from error
    if not same:
        raise InternalError("the source is not what was generated")
