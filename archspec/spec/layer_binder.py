"""Binds the forms in which layers are written: words, lists and mappings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from dataclasses import replace

from archspec import meter
from archspec.errors import Collector, Note
from archspec.spans import Span
from archspec.spec.bound_tree import Layer, NamedLayer, Sequential
from archspec.spec.computed_names import is_computed_name, read_computed_name
from archspec.spec.document import Entry
from archspec.spec.layer_forms import without_rests
from archspec.spec.symbols import SEQUENTIAL, SymbolTable, check_module_name
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree

_LAYER = 4  # units of work for a layer


class LayerBinder(ABC):
    """Binds the layers of one document. A wrong layer is reported and replaced by an empty one."""

    def __init__(
        self, defaults: AbstractMapping[str, AbstractMapping[str, Entry]], document: SymbolTable, errors: Collector
    ) -> None:
        self.defaults, self.document, self.errors = defaults, document, errors
        self.meter = meter.find_meter()

    def bind_layers(self, tree: Tree, names: SymbolTable) -> Layer:
        """Binds a body: a word, a list, or a mapping of names to layers."""
        return (
            self.bind_named_layers(tree, names.nested()) if isinstance(tree, Mapping) else self.bind_layer(tree, names)
        )

    def bind_layer(self, tree: Tree, names: SymbolTable, *, branch: bool = False) -> Layer:
        self.meter.charge("binding", _LAYER, tree.span)
        if isinstance(tree, Scalar):
            return self.bind_word(tree, names)
        if isinstance(tree, Sequence):
            inner = names.nested()
            items = tuple(NamedLayer(None, self.bind_layer(item, inner)) for item in without_rests(tree))
            return Sequential(span=tree.span, items=items, named=False)
        return self.bind_use(tree, names, branch=branch)

    def bind_named_layers(self, tree: Mapping, names: SymbolTable) -> Sequential:
        return Sequential(span=tree.span, items=tuple(self.bind_items(tree, names)), named=True)

    def bind_items(self, tree: Mapping, names: SymbolTable, *, branch: bool = False) -> Iterator[NamedLayer]:
        """Binds the named layers of a mapping; later layers can use their names."""
        for key, value in tree:
            if is_computed_name(key):
                yield NamedLayer(None, self.name_computed(self.bind_layer(value, names, branch=branch), key, names))
                continue
            good = check_module_name(key, self.errors)
            layer = self.bind_layer(value, names, branch=branch)
            self.check_numbered(layer, key)
            names.add_value(key, layer)
            yield NamedLayer(key if good else None, layer)

    def name_computed(self, layer: Layer, key: Tree, names: SymbolTable) -> Layer:
        """The layer with a computed name, from its key or its `as`, which names its module and no value."""
        assert isinstance(key, Scalar)
        self.check_numbered(layer, key)
        return replace(layer, computed_name=read_computed_name(key, names, self.errors))

    def check_numbered(self, layer: Layer, key: Scalar) -> None:
        """Reports a second name of the module of a layer."""
        if isinstance(layer, Sequential) and layer.numbered:
            message = f"{SEQUENTIAL} takes the next number as its name, and has the name {key.text[:60]!r}"
            advice = f"with a name it is {key.text}: […], or {{layers: […], as: {key.text}}}"
            self.errors.report(message, key.span, help=advice)
        if layer.computed_name is not None:
            message = f"a module has one name, here are {key.text[:60]!r} and a computed one"
            self.errors.report(message, key.span, notes=(Note(layer.computed_name.span, "the computed name"),))

    @abstractmethod
    def bind_word(self, scalar: Scalar, names: SymbolTable) -> Layer:
        """Binds a word without arguments."""

    @abstractmethod
    def bind_use(self, tree: Mapping, names: SymbolTable, *, branch: bool = False) -> Layer:
        """Binds a word with arguments and the modifiers `from`, `with` and `as`."""

    def report(self, message: str, span: Span, advice: str | None = None, *, notes: tuple[Note, ...] = ()) -> Layer:
        self.errors.report(message, span, help=advice, notes=notes)
        return make_empty_layer(span)


def make_empty_layer(span: Span) -> Layer:
    """The empty layer that replaces a wrong one."""
    return Sequential(span=span, items=(), named=False)
