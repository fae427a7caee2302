"""The table of output formats, which `Architecture.save` and the option `-o` of all commands use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Literal

from archspec import extras
from archspec.errors import ExportError

FormatKind = Literal["picture", "table", "comparison", "source", "program", "weights", "report", "spec", "plot"]
"""The content of a file: a picture or a page about a network, its summary as a table, how it differs from another, its source, the
whole network, its weights, its spec; a plot is of an experiment."""


@dataclass(frozen=True, slots=True)
class Format:
    """An output format.

    >>> next(form.kind for form in FORMATS if form.ending == ".onnx")
    'program'
    """

    ending: str
    """The ending of file names, in lower case."""
    kind: FormatKind
    writer: str
    """`module:function`, imported on demand; its arguments depend on the kind (`archspec.saving`)."""
    packages: tuple[str, ...] = ()
    """The modules of the extra `export` that it needs besides torch."""
    binary: bool = True
    """Whether it is binary, and so refused for a terminal."""
    word: str = ""
    """Its name in `--format`, where that is not the ending."""

    @property
    def name(self) -> str:
        """Its name in `--format`.

        >>> [form.name for form in FORMATS if form.kind == "table"]
        ['latex', 'csv', 'markdown']
        """
        return self.word or self.ending.removeprefix(".")

    def load_writer(self) -> Any:
        """The function that writes it. Raises `ExportError` if a required package cannot be imported."""
        for name in self.packages:
            purpose = f"writing {self.ending.removeprefix('.')}"
            extras.load_extra(name, purpose, "pip install 'archspec-nn[export]'", ExportError)
        return resolve_name(self.writer)


FORMATS: tuple[Format, ...] = (
    Format(".svg", "picture", "archspec.draw.formats:render_svg", binary=False),
    Format(".png", "picture", "archspec.draw.formats:render_png"),
    Format(".pdf", "picture", "archspec.draw.formats:render_pdf"),
    Format(".dot", "picture", "archspec.draw.dot:write_dot", binary=False),
    Format(".mmd", "picture", "archspec.draw.mermaid:write_mermaid", binary=False),
    Format(".html", "picture", "archspec.draw.formats:render_page", binary=False),
    Format(".tex", "picture", "archspec.draw.formats:render_tikz", binary=False, word="tikz"),
    Format(".tex", "table", "archspec.report.summary_formats:write_latex", binary=False, word="latex"),
    Format(".csv", "table", "archspec.report.summary_formats:write_csv", binary=False),
    Format(".md", "table", "archspec.report.summary_formats:write_markdown", binary=False, word="markdown"),
    Format(".md", "comparison", "archspec.report.comparison:render_comparison", binary=False, word="markdown"),
    Format(".py", "source", "archspec.codegen.python:print_source", binary=False),
    Format(".pt2", "program", "archspec.codegen.fx.export:export_pt2"),
    Format(".onnx", "program", "archspec.codegen.fx.export:export_onnx", ("onnx", "onnxscript")),
    Format(".safetensors", "weights", "archspec.codegen.fx.weight_files:pack_safetensors", ("safetensors.torch",)),
    Format(".pt", "weights", "archspec.codegen.fx.weight_files:pack_checkpoint"),
    Format(".pth", "weights", "archspec.codegen.fx.weight_files:pack_checkpoint"),
    Format(".html", "report", "archspec.report.page:write_report", binary=False),
    Format(".yaml", "spec", "archspec.spec.derive:derive_spec", binary=False),
    Format(".yml", "spec", "archspec.spec.derive:derive_spec", binary=False),
    Format(".png", "plot", "archspec.experiments.plot:save_plot"),
    Format(".svg", "plot", "archspec.experiments.plot:save_plot", binary=False),
)
"""All formats; without a kind, an ending stands for the first one that has it."""


def list_endings(*kinds: FormatKind) -> tuple[str, ...]:
    """The endings of the formats of some kinds, in the order of the table.

    >>> list_endings("source", "program")
    ('.py', '.pt2', '.onnx')
    """
    return tuple(dict.fromkeys(form.ending for form in FORMATS if form.kind in kinds))


def find_format(path: Path, *kinds: FormatKind, ending: str | None = None) -> Format:
    """The format of a file by `ending`, or by its own ending if None. Raises `ExportError`.

    >>> find_format(Path("net.HTML"), "picture", "report").kind
    'picture'
    """
    wanted = path.suffix.lower() if ending is None else ending
    for form in FORMATS:
        if form.ending == wanted and form.kind in kinds:
            return form
    raise ExportError(f"expected a file that ends in {', '.join(list_endings(*kinds))}, not {path.name!r}")
