"""The imports of the package have no cycles, including those for types and inside functions."""

from __future__ import annotations

import grimp
import networkx as nx


def find_circles(imports: nx.DiGraph[str]) -> list[set[str]]:
    """The sets of modules that import each other, directly or through others."""
    return [modules for modules in nx.strongly_connected_components(imports) if len(modules) > 1]


def test_no_modules_import_one_another() -> None:
    package = grimp.build_graph("archspec", cache_dir=None)
    imports = nx.DiGraph(
        (module, imported)
        for module in package.modules
        for imported in package.find_modules_directly_imported_by(module)
    )
    assert imports.has_edge("archspec.ir.graph", "archspec.ops.base"), "imports for types count"
    assert imports.has_edge("archspec.cli.progress", "archspec.cli.bars"), "imports inside functions count"
    assert find_circles(imports) == []
    assert find_circles(nx.DiGraph([*imports.edges, ("archspec.ops.base", "archspec.ir.graph")])) != []
