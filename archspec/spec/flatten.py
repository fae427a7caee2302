"""Writes a merged document as one self-contained spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archspec.spans import Source, Span
from archspec.spec.document import Document, Entry, are_listed
from archspec.spec.symbols import NETWORK
from archspec.spec.yaml_reader import read_tree
from archspec.spec.yaml_tree import Mapping as MappingTree
from archspec.spec.yaml_tree import Scalar, Tree, iter_names, to_plain_data
from archspec.spec.yaml_tree import Sequence as SequenceTree
from archspec.spec.yaml_writer import write_yaml


def flatten_document(document: Document, rewrites: Sequence[Any] = (), expect: Mapping[str, Any] | None = None) -> str:
    """The text of a merged document with its overridden arguments, and `rewrites` after its passes.

    Arguments, blocks and defaults of a base that are no longer used are left out; networks that are parts stand in their places.
    `expect` replaces the document's own, which may be about other arguments.

    >>> import archspec
    >>> small = archspec.load("{extends: cifar_resnet20_A, name: small, input: [3, 8, 8]}", classes=2)
    >>> text = flatten_document(small.program.document)
    >>> "extends" in text, archspec.load(text).output_shapes
    (False, {'output': (2,)})
    """
    document = _inline_networks(document)
    args = {name: document.overrides.get(name, tree) for name, (_, tree) in document.args.items()}
    words = _find_words(document, args)
    passes = [*map(to_plain_data, document.passes or ()), *rewrites]
    parts = {
        "source": document.source,
        **_describe_inputs(document.inputs),
        "args": {name: to_plain_data(tree) for name, tree in args.items() if name in words},
        "defaults": {
            word: _to_data(fields.values()) for word, (_, fields) in document.defaults.items() if word in words
        },
        "blocks": _to_data(entry for name, entry in document.blocks.items() if name in words),
        "stages": _describe_stages(document.stages),
        **_describe_outputs(document.outputs),
        "passes": passes,
        "expect": dict(expect or {}),
    }
    return write_yaml({"name": document.name} | {key: part for key, part in parts.items() if part})


def _inline_networks(document: Document) -> Document:
    """The document with the whole text of each network that is a part in the place of what names or extends it."""
    networks = document.networks
    if networks is None or not networks.documents:
        return document

    def inline(entries: Mapping[str, Entry]) -> dict[str, Entry]:
        return {name: (key, _inline_tree(tree, networks.documents)) for name, (key, tree) in entries.items()}

    return replace(document, args=inline(document.args), blocks=inline(document.blocks), stages=inline(document.stages))


def _inline_tree(tree: Tree, documents: Mapping[Span, Document]) -> Tree:
    if isinstance(tree, Scalar):
        return tree
    if not isinstance(tree, MappingTree):
        return SequenceTree(tree.span, tuple(_inline_tree(item, documents) for item in tree))
    inlined = ((key, _inline_use(value, documents) if key.text == NETWORK else value) for key, value in tree)
    return MappingTree(tree.span, tuple((key, _inline_tree(value, documents)) for key, value in inlined))


def _inline_use(tree: Tree, documents: Mapping[Span, Document]) -> Tree:
    """The arguments of a `network`, with the document in the place of its name."""
    entries = tree.entries if isinstance(tree, MappingTree) else ((Scalar(tree.span, "spec"), tree),)
    return MappingTree(
        tree.span,
        tuple((key, _inline_spec(value, documents) if key.text == "spec" else value) for key, value in entries),
    )


def _inline_spec(spec: Tree, documents: Mapping[Span, Document]) -> Tree:
    part = documents.get(spec.span)
    return spec if part is None else read_tree(Source("<part>", flatten_document(part)))


def _find_words(document: Document, args: Mapping[str, Tree]) -> set[str]:
    """The words that are reachable from the inputs, stages, defaults and passes of a document."""
    blocks = {name: tree for name, (_, tree) in document.blocks.items()}
    defaults = [tree for _, fields in document.defaults.values() for _, tree in fields.values()]
    stages = [tree for _, tree in (*document.inputs, *document.stages.values())]
    words, pending = set[str](), [*stages, *defaults, *(document.passes or ())]
    while pending:
        new = set(_iter_words(pending.pop())) - words
        words |= new
        pending += [meanings[word] for meanings in (blocks, args) for word in new if word in meanings]
    return words


def _iter_words(tree: Tree) -> Iterator[str]:
    """The names in a tree, including its keys."""
    yield from iter_names(tree)
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, MappingTree):
            yield from part.keys
        if not isinstance(part, Scalar):
            pending += [value for _, value in part] if isinstance(part, MappingTree) else part.items


def _to_data(entries: Iterable[Entry]) -> dict[str, Any]:
    return {key.text: to_plain_data(tree) for key, tree in entries}


def _describe_inputs(inputs: Sequence[Entry]) -> dict[str, Any]:
    """The inputs of a document, under `input` or `inputs`."""
    data = _to_data(inputs)
    return {"input": data["input"]} if data.keys() == {"input"} else {"inputs": data}


def _describe_outputs(outputs: Sequence[Tree]) -> dict[str, Any]:
    data = [to_plain_data(tree) for tree in outputs]
    return {"output": data[0]} if len(data) == 1 and isinstance(outputs[0], Scalar) else {"outputs": data}


def _describe_stages(stages: dict[str, Entry]) -> dict[str, Any] | list[Any]:
    if are_listed(stages):
        return [to_plain_data(tree) for _, tree in stages.values()]
    return {name: _describe_stage(tree) for name, (_, tree) in stages.items()}


def _describe_stage(tree: Tree) -> Any:
    """A stage without `after`, which only specs that extend others have."""
    data = to_plain_data(tree)
    return {key: part for key, part in data.items() if key != "after"} if isinstance(tree, MappingTree) else data
