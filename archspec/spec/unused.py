"""Warns of arguments, blocks, defaults and names of a document that nothing uses.

They are warnings because a spec may declare something for the specs that extend it. Inherited parts are not checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from archspec.errors import Collector, Diagnostic
from archspec.ir.graph import Graph
from archspec.spans import Source, Span
from archspec.spec.bound_tree import (
    ArgumentDef,
    ArgumentUse,
    BlockDef,
    BlockUse,
    JoinUse,
    Layer,
    Loop,
    OpUse,
    Program,
    Reuse,
    Sequential,
    ValueUse,
    iter_layers,
    iter_trees,
    makes_no_module,
    walk_layers,
)
from archspec.spec.document import Document
from archspec.spec.idle_arguments import check_idle_fields
from archspec.spec.plausibility import check_numbers
from archspec.spec.yaml_tree import Mapping, Scalar, Tree, iter_names
from archspec.suggestions import suggest_nearest


def check_unused(program: Program, document: Document, errors: Collector) -> None:
    """Warns of everything in a document that nothing uses.

    Args:
        program: the bound program of the document.
        document: the merged document.
        errors: collects the warnings.
    """
    _Unused(program, document, errors).check()


def find_unread_inputs(program: Program, graph: Graph) -> tuple[Diagnostic, ...]:
    """A warning for each input that has no consumer, if there are several inputs."""
    if len(graph.inputs) < 2:
        return ()
    return tuple(
        Diagnostic(f"nothing reads the input {use.name!r}", use.span, help="leave it out", severity="warning")
        for use in program.inputs
        if not graph.is_used(graph.inputs[use.name])
    )


@dataclass
class _Reads:
    """The names that layers read."""

    arguments: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    blocks: set[str] = field(default_factory=set)
    ops: set[str] = field(default_factory=set)
    defaults: set[tuple[str, str]] = field(default_factory=set)
    """Fields of ops that come from `defaults`, as (op, field)."""

    def add_layers(self, layers: Iterable[Layer]) -> _Reads:
        for outer in layers:
            for layer in iter_layers(outer):
                self.add(layer)
        return self

    def add(self, layer: Layer) -> None:
        if layer.source:
            self.values.update(scalar.text for scalar in layer.source)
        match layer:
            case OpUse():
                self.ops.add(layer.op.word)
                self.defaults.update((layer.op.word, own.name) for own in layer.fields if own.default)
            case BlockUse():
                self.blocks.add(layer.block)
            case ValueUse() | Reuse():
                self.values.add(layer.name)
        self.arguments.update(_iter_argument_words(layer))

    def add_defaults(self, parameters: MappingOf[str, ArgumentDef]) -> _Reads:
        """Adds what the defaults of arguments read, except layers."""
        for parameter in parameters.values():
            if parameter.default is not None and not isinstance(parameter.default, Layer):
                self.arguments.update(iter_names(parameter.default))
        return self


def _find_outer_words(parameters: MappingOf[str, ArgumentDef]) -> set[str]:
    """The words of defaults that are no argument before them: of `width: width`, the second one is the document's."""
    outer: set[str] = set()
    before: set[str] = set()
    for name, parameter in parameters.items():
        if parameter.default is not None and not isinstance(parameter.default, Layer):
            outer.update(set(iter_names(parameter.default)) - before)
        before.add(name)
    return outer


def _iter_argument_words(layer: Layer) -> Iterator[str]:
    """The words of a layer that may name an argument or an index, without those of the layers inside it."""
    if isinstance(layer, ArgumentUse):
        yield layer.name
    for tree in iter_trees(layer):
        yield from iter_names(tree)


class _Unused:
    def __init__(self, program: Program, document: Document, errors: Collector) -> None:
        self.program, self.document, self.errors = program, document, errors
        self.own: Source = document.span.source
        self.blocks = {
            name: _Reads().add_layers(block.layers).add_defaults(block.parameters)
            for name, block in program.blocks.items()
        }
        self.stages = _Reads().add_layers(program.layers).add_defaults(program.parameters)
        self.everywhere = (self.stages, *self.blocks.values())

    def check(self) -> None:
        self.check_arguments()
        self.check_blocks()
        self.check_defaults()
        used = set().union(*(reads.blocks for reads in self.everywhere))
        for name, block in self.program.blocks.items():
            if self.is_own(block.span) and name in used:
                self.check_block_arguments(block, self.blocks[name])
            if self.is_own(block.span):
                self.check_layers(block.layers, self.blocks[name].values | {scalar.text for scalar in block.outputs})
        outputs = {scalar.text for scalar in self.program.outputs}
        self.check_layers(self.program.layers, self.stages.values | outputs)

    def is_own(self, span: Span) -> bool:
        return span.source is self.own

    # -- arguments, blocks, defaults ------------------------------------------------------------------------------

    def check_arguments(self) -> None:
        read = set(self.stages.arguments)
        for name, block in self.program.blocks.items():
            read |= (self.blocks[name].arguments - block.parameters.keys()) | _find_outer_words(block.parameters)
        for tree in self.document_trees():
            read.update(iter_names(tree))
        for name, parameter in self.program.parameters.items():
            given = self.document.overrides.get(name)
            if name in read:
                continue
            if given is not None:
                place = Span(given.span.source, 1, 1, len(name))
                self.errors.warn(f"nothing reads the argument {name!r}, whatever its value", place)
            elif self.is_own(parameter.span):
                self.errors.warn(f"nothing reads the argument {name!r}", parameter.span, help=_LEAVE_OUT)

    def document_trees(self) -> Iterator[Tree]:
        """The values outside layers."""
        yield from (use.sizes for use in self.program.inputs)
        yield from (own.value for use in self.program.passes for own in use.arguments)
        yield from (value for _, entries in self.document.defaults.values() for _, value in entries.values())

    def check_blocks(self) -> None:
        if self.document.overrides:  # what is given may replace the layer that uses a block
            return
        used = set().union(*(reads.blocks for reads in self.everywhere))
        unused = [block for name, block in self.program.blocks.items() if name not in used]
        for block in unused:
            if self.is_own(block.span):
                others = self.program.blocks.keys() - {block.name}
                advice = suggest_nearest(block.name, others) if self.document.base is not None else None
                self.errors.warn(f"nothing uses the block {block.name!r}", block.span, help=advice or _LEAVE_OUT)

    def check_block_arguments(self, block: BlockDef, reads: _Reads) -> None:
        declared = _arguments_of(self.document.base, block.name)
        for name, parameter in block.parameters.items():
            if name not in reads.arguments and name not in declared:
                message = f"nothing in the block {block.name} reads its argument {name!r}"
                self.errors.warn(message, parameter.span, help=_LEAVE_OUT)

    def check_defaults(self) -> None:
        ops = set().union(*(reads.ops for reads in self.everywhere))
        taken = set().union(*(reads.defaults for reads in self.everywhere))
        for word, (key, entries) in self.document.defaults.items():
            own = [name for name, _ in entries.values() if self.is_own(name.span) and (word, name.text) not in taken]
            if own and word not in ops:
                self.errors.warn(f"nothing uses the defaults of {word}: there is no {word}", key.span, help=_LEAVE_OUT)
                continue
            for name in own:
                message = f"nothing uses this default: every {word} has its own {name.text!r}"
                self.errors.warn(message, name.span, help=_LEAVE_OUT)

    # -- layers ---------------------------------------------------------------------------------------------------

    def check_layers(self, bodies: Iterable[Layer], read: set[str]) -> None:
        """Warns of names and of parts of layers; `read` are the named values that something in these bodies reads."""
        for body in bodies:
            around: dict[str, list[Layer]] = {}
            used: set[tuple[str, int]] = set()
            for layer, entered in walk_layers(body):
                given = _given_names(layer) if isinstance(layer, Loop) else ()
                if entered and around:
                    used.update(
                        (word, id(around[word][-1])) for word in _iter_argument_words(layer) if around.get(word)
                    )
                for word in given:
                    around.setdefault(word, []).append(layer) if entered else around[word].pop()
                if not entered and self.is_own(layer.span):
                    self.check_layer(layer, read, {word for word in given if (word, id(layer)) in used})

    def check_layer(self, layer: Layer, read: set[str], used: set[str]) -> None:
        if layer.names:
            self.check_names(layer, read)
        match layer:
            case Sequential():
                return
            case JoinUse():
                self.check_join(layer)
            case OpUse() if layer.fields:
                check_idle_fields(layer, self.errors)
                check_numbers(layer.op.word, tuple(own for own in layer.fields if not own.default), self.errors)
            case Loop():
                self.check_turns(layer, used)

    def check_names(self, layer: Layer, read: set[str]) -> None:
        """Warns of names that nothing reads; an `as` that names a module needs no reader."""
        names = [scalar.text for scalar in layer.names]
        if not read & set(names) and (makes_no_module(layer) or len(names) > 1):
            self.errors.warn(f"nothing uses {' or '.join(map(repr, names))}", layer.names[0].span, help="leave out as")

    def check_join(self, join: JoinUse) -> None:
        if len(join.branches) != 1 or not self.is_single(join.branches[0].layer):
            return
        word = join.op.word
        message = f"{word} has one branch of one value, and leaves it as it is"
        self.errors.warn(message, join.span, help=f"a shortcut is a branch, too: {word}: […, identity]")

    def is_single(self, layer: Layer) -> bool:
        """Whether a layer certainly has one result."""
        match layer:
            case OpUse():
                return layer.op.one_output
            case Sequential():
                return bool(layer.items) and self.is_single(layer.items[-1].layer)
        return False

    def check_turns(self, turns: Loop, used: set[str]) -> None:
        """Warns of unused arguments of an iterator; `used` are the names from the iterator that its layers use."""
        if turns.index is not None and turns.index not in used:
            self.errors.warn(f"nothing reads the index {turns.index!r}", turns.places["index"], help="leave it out")
        if turns.start is not None and turns.index is None and turns.prefix is None:
            message = f"start of {turns.word} changes nothing: there is neither 'index' nor 'name'"
            self.errors.warn(message, turns.places["start"], help="leave it out")
        if turns.word == "nest" and "core" not in used:
            message = "the layers of this nest never use 'core', and so its times and its core change nothing"
            self.errors.warn(message, turns.span, help="core stands for the level below")
        if isinstance(turns.times, Scalar) and turns.times.kind == "number" and turns.times.number == 0:
            self.errors.warn(f"{turns.word} has no turn, and its layers are never made", turns.times.span)


def _given_names(turns: Loop) -> tuple[str, ...]:
    """The names that an iterator declares for its layers."""
    names = (turns.index, "core" if turns.word == "nest" else None)
    return tuple(name for name in names if name is not None)


_LEAVE_OUT = "leave it out, unless a spec that extends this one needs it"


def _arguments_of(document: Document | None, block: str) -> set[str]:
    """The arguments of a document's block of this name; a block that overrides it is given them too."""
    if document is None or block not in document.blocks:
        return set()
    tree = document.blocks[block][1]
    args = tree.by_name.get("args") if isinstance(tree, Mapping) else None
    return set(args.by_name) if isinstance(args, Mapping) else set()
