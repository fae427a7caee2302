"""Writes terms as the plain data of a spec: words, lists and mappings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archspec.importing.block import Block
from archspec.importing.terms import Term
from archspec.ops import BY_WORD

Blocks = Mapping[str, Block]


class Emitter:
    """Writes the layers of one document.

    >>> Emitter({}).write_layer(Term("op", "conv", {"out": 8, "kernel": 3}))
    {'conv': {'out': 8, 'kernel': 3}}
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def write_stages(self, terms: Iterable[Term]) -> dict[str, Any]:
        """The stages of the network, all of which have names."""
        return {term.name or "": self._write_named(term) for term in terms}

    def write_body(self, terms: list[Term]) -> Any:
        """The layers of a scope: a mapping if all have names, else a list, or a single layer."""
        if terms and all(term.name is not None for term in terms):
            return {term.name or "": self._write_named(term) for term in terms}
        layers = self.write_list(terms)
        return layers[0] if len(layers) == 1 and isinstance(layers[0], str) else layers

    def write_list(self, terms: list[Term]) -> list[Any]:
        """The layers of a list; consecutive ones with names are a mapping."""
        layers: list[Any] = []
        run: list[Term] = []
        for term in terms:
            if term.name is not None and not term.results:
                run.append(term)
                continue
            layers += self._write_run(run)
            layers += self._write_item(term)
            run = []
        return [*layers, *self._write_run(run)]

    def _write_run(self, run: list[Term]) -> list[Any]:
        if len(run) > 1 or (run and (run[0].kind in ("argument", "repeat") or run[0].name in self.blocks)):
            return [{"layers": self.write_body(run)}]
        return [self._with_names(self.write_layer(term), (term.name or "",)) for term in run]

    def _write_item(self, term: Term) -> list[Any]:
        """A term in a list that has no name or whose values have."""
        layer = self.write_layer(term)
        if not term.results:
            return [layer]
        if term.name is None and (len(term.results) > 1 or not term.takes_name):
            return [self._with_names(layer, term.results)]
        if term.results == (term.name,):
            return [self._with_names(layer, term.results)]
        inner = layer if term.name is None else {"layers": {term.name: layer}}
        if len(term.results) > 1:
            return [self._with_names(inner, term.results)]
        return [inner, {"identity": {}, "as": term.results[0]}]

    def _write_named(self, term: Term) -> Any:
        """The value of a key, which names the module and the value."""
        layer = self.write_layer(term)
        return layer if term.results in ((), (term.name,)) else self._with_names(layer, term.results)

    def _with_names(self, layer: Any, names: tuple[str, ...]) -> dict[str, Any]:
        return {**self._open(layer), "as": names[0] if len(names) == 1 else list(names)}

    def _open(self, layer: Any) -> dict[str, Any]:
        """A layer as a mapping, to which names can be added."""
        return layer if isinstance(layer, dict) else {layer: {}} if isinstance(layer, str) else {"layers": layer}

    def write_layer(self, term: Term) -> Any:
        """A term without its name and those of its results."""
        layer = self._write_word(term)
        if not term.source:
            return layer
        return {**self._open(layer), "from": term.source[0] if len(term.source) == 1 else list(term.source)}

    def _write_word(self, term: Term) -> Any:
        if term.kind in ("value", "argument"):
            return term.word
        if term.kind == "reuse":
            return {"reuse": term.word}
        if term.kind == "join":
            branches = {term.word: [self._write_branch(branch) for branch in term.branches]}
            return {**branches, "with": term.fields} if term.fields else branches
        if term.kind == "scope":
            body = self.write_body(term.body)
            body = [body] if isinstance(body, str) else body
            return body if isinstance(body, list) and term.name is not None else {_word_scope(term): body}
        if term.kind == "repeat":
            return {term.word: {**term.fields, "layers": self.write_body(term.body)}}
        return self._write_arguments(term)

    def write_given(self, layers: list[Term]) -> Any:
        """A layer as an argument of a block: a scope is its body, so that the argument's name is that of the scope."""
        if not layers:
            return ["identity"]
        (term,) = layers
        if term.kind != "scope":
            return self.write_layer(term)
        body = self.write_body(term.body)
        return {"layers": body} if isinstance(body, dict) else [body] if isinstance(body, str) else body

    def _write_arguments(self, term: Term) -> Any:
        fields, first = self._list_arguments(term)
        if not fields:
            return term.word
        op = BY_WORD.get(term.word) if term.kind == "op" else None
        if first is None or list(fields) != [first]:
            return {term.word: fields}
        value = fields[first]
        bare = not isinstance(value, dict) or (op is not None and op.sizes_by_name)
        bare = bare and first not in term.layers
        return {term.word: value if bare else fields}

    def _list_arguments(self, term: Term) -> tuple[dict[str, Any], str | None]:
        """The arguments of an op or a block, and the one that needs no name."""
        if term.kind == "op":
            return term.fields, BY_WORD[term.word].first
        block = self.blocks[term.word]
        layers = {name: self.write_given(given) for name, given in block.choose_layers(term).items()}
        required = [name for name, default in block.layers.items() if default is None]
        first = next(iter((*required, *block.arguments, *block.layers)), None)
        fields = {**block.choose_fields(term), **layers}
        return {name: fields[name] for name in (*required, *fields) if name in fields}, first

    def _write_branch(self, branch: list[Term]) -> Any:
        if not branch:
            return "identity"
        layers = self.write_list(branch)
        return layers[0] if len(layers) == 1 else layers


def _word_scope(term: Term) -> str:
    """The word for the layers of a scope: one without a name takes the next number."""
    return "layers" if term.name is not None else "sequential"
