"""Binds a document to a program: declares arguments and blocks, binds all layers, and collects the errors."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.errors import Collector
from archspec.ops import BY_WORD
from archspec.spec.axis_arguments import field_of, input_sizes
from archspec.spec.binder import Binder
from archspec.spec.bound_tree import ArgumentDef, BlockDef, InputUse, Layer, NamedLayer, Program, Sequential
from archspec.spec.cycles import check_cycles
from archspec.spec.document import Document, Entry, are_listed
from archspec.spec.foreign_advice import advise_argument, advise_key, advise_op
from archspec.spec.literals import check_fields, check_value
from archspec.spec.parameters import ArgumentBinder
from archspec.spec.plausibility import check_numbers, check_sizes, is_batch, without_first
from archspec.spec.rewrites import bind_passes
from archspec.spec.symbols import TYPES, SymbolTable, check_declared_name, check_module_name
from archspec.spec.unused import check_unused
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree
from archspec.suggestions import did_you_mean


def bind_document(document: Document, errors: Collector) -> Program:
    """The program of a document; adds its diagnostics to `errors`."""
    return _Declarations(document, errors).build_program()


def bind_override(document: Document, program: Program, name: str, tree: Tree, errors: Collector) -> ArgumentDef | None:
    """An argument of a document that is bound already, with a value from outside; None if that is wrong. Adds its diagnostics to `errors`."""
    return _Declarations(document, errors).bind_override(program, name, tree)


class _Declarations:
    def __init__(self, document: Document, errors: Collector) -> None:
        self.document, self.errors = document, errors
        self.blocks: dict[str, BlockDef] = {}
        self.arguments = ArgumentBinder(self.blocks, errors)
        self.names = SymbolTable(self.blocks, {}, stages=document.stages.keys())
        self.binder = Binder({word: entries for word, (_, entries) in document.defaults.items()}, self.names, errors)
        self.binder.networks = document.networks

    def build_program(self) -> Program:
        document = self.document
        for name, (key, _) in document.blocks.items():  # all blocks are declared before any body is bound
            good = check_declared_name(key, "a block", self.errors, layer=True)
            if good or not self.names.is_other(name):
                self.blocks[name] = BlockDef(name, key.span, {}, Sequential(span=key.span, items=(), named=False))
        arguments = self.arguments.apply_overrides(self.arguments.declare_all(document.args, self.names), document)
        self.check_defaults()
        inputs = tuple(self.declare_inputs())
        for name, (key, tree) in document.blocks.items():
            if name in self.blocks:
                self.blocks[name] = self.declare_block(key, tree)
        parameters = self.arguments.bind_defaults(arguments, {}, self.binder)
        for name in list(self.blocks):
            self.blocks[name] = self.bind_block(self.blocks[name], document.blocks[name][1])
        stages, values = self.bind_stages()
        check_cycles(self.blocks, self.errors)
        outputs = tuple(self.declare_outputs(values))
        passes = tuple(bind_passes(document, self.names, self.errors))
        program = Program(
            document.name,
            document.source,
            document.span,
            inputs,
            parameters,
            self.blocks,
            stages,
            outputs,
            passes,
            document.expect,
            document=document,
        )
        if not self.errors.diagnostics:
            check_unused(program, document, self.errors)
        return program

    def bind_override(self, program: Program, name: str, tree: Tree) -> ArgumentDef | None:
        self.blocks.update(program.blocks)
        self.names.arguments.update((name, parameter.kind) for name, parameter in program.parameters.items())
        parameter = self.arguments.declare_override(program.parameters, self.document, name, tree)
        if parameter is None:
            return None
        return self.arguments.bind_defaults({**program.parameters, name: parameter}, {}, self.binder)[name]

    # -- parts of the document ------------------------------------------------------------------------------------

    def check_defaults(self) -> None:
        """Reports `defaults` of unknown ops or arguments."""
        for word, (key, entries) in self.document.defaults.items():
            op = BY_WORD.get(word)
            if op is None:
                self.errors.report(f"{word[:60]!r} is no op", key.span, help=advise_op(word))
                continue
            fields = [
                field_of(op, name, value.span, value, default=True)
                for name, (_, value) in entries.items()
                if name in op.model_fields
            ]
            for name, (own, _) in entries.items():
                if name not in op.model_fields:
                    advice = advise_argument(name, op.model_fields, op=True) or f"{word} takes no arguments"
                    self.errors.report(f"{word} has no argument {name[:60]!r}", own.span, help=advice)
            check_fields(op, tuple(fields), key.span, self.names, self.names, self.errors, whole=False)
            if key.span.source is self.document.span.source:
                check_numbers(word, tuple(fields), self.errors)

    # -- inputs, blocks, stages, outputs, passes ------------------------------------------------------------------

    def declare_inputs(self) -> Iterator[InputUse]:
        if not self.document.inputs and not {"input", "inputs"} & self.document.reported:
            self.errors.report(
                "a spec needs 'input'", self.document.span, help="input: [channels, height, width], without the batch"
            )
        for key, tree in self.document.inputs:
            items = input_sizes(key, tree, self.errors)
            good = key.text == "input" or not items or check_module_name(key, self.errors)
            if self.check_sizes(tree, items) and good:
                self.names.add_value(key)
                yield InputUse(key.text, key.span, tree)

    def check_sizes(self, tree: Tree, items: tuple[Tree, ...]) -> bool:
        """Whether all sizes of an input are valid; reports those that are not, and warns of implausible ones."""
        if isinstance(tree, Sequence) and items and is_batch(items[0], self.names):
            message = f"an input has whole sizes of at least 1, got {describe_tree(items[0])}"
            self.errors.report(message, items[0].span, help=f"an input has no batch: {without_first(tree)}")
            return False
        sizes = [self.check_size(item) for item in items]
        if isinstance(tree, Sequence):
            check_sizes(tree, self.document, self.errors)
        return bool(sizes) and all(sizes)

    def check_size(self, item: Tree) -> bool:
        """Whether one size of an input is valid; reports it if not."""
        if isinstance(item, Scalar) and item.kind == "null":
            advice = "a size that may vary is an argument: args: {side: 224}, input: [3, side, side]"
            self.errors.report("an input has whole sizes of at least 1, got nothing", item.span, help=advice)
            return False
        if isinstance(item, Sequence):
            advice = "one input is a list of sizes; several have names: inputs: {left: […], right: […]}"
            self.errors.report(f"an input needs a whole number, got {describe_tree(item)}", item.span, help=advice)
            return False
        return check_value(item, "int", "an input", self.names, self.errors)

    def declare_block(self, key: Scalar, tree: Tree) -> BlockDef:
        """Declares a block with its arguments, inputs and outputs; its layers are bound when all blocks are declared."""
        block = BlockDef(key.text, key.span, {}, Sequential(span=key.span, items=(), named=False))
        if not _has_named_parts(tree):
            return block
        assert isinstance(tree, Mapping)
        parts = tree.by_name
        for name, own in tree.keys.items():
            if name not in _BLOCK_KEYS:
                self.errors.report(
                    f"a block has no {name[:60]!r}",
                    own.span,
                    help=advise_key("a block", name, _BLOCK_KEYS) or did_you_mean(name, _BLOCK_KEYS),
                )
        if "layers" not in parts:
            self.errors.report(f"the block {key.text} needs 'layers'", key.span)
        args = parts.get("args")
        if args is not None and not isinstance(args, Mapping):
            advice = "args: {name: default, …}, or a type: " + ", ".join(TYPES)
            self.errors.report(f"args need a mapping, got {describe_tree(args)}", args.span, help=advice)
            args = None
        names = self.names.body(self.names.arguments)
        parameters = self.arguments.declare_all({own.text: (own, value) for own, value in args or ()}, names)
        inputs = tuple(self.read_names(parts.get("inputs"), "inputs"))
        outputs = tuple(self.read_names(parts.get("outputs"), "outputs"))
        return BlockDef(key.text, key.span, parameters, block.body, inputs, outputs)

    def read_names(self, tree: Tree | None, key: str) -> Iterator[Scalar]:
        if tree is None:
            return
        if not isinstance(tree, Sequence) or not tree.items:
            self.errors.report(f"{key} need a list of names, got {describe_tree(tree)}", tree.span)
            return
        for item in tree:
            if isinstance(item, Scalar):
                if (key == "outputs" and item.text == "input") or check_module_name(item, self.errors):
                    yield item
            else:
                self.errors.report(f"{key} need a list of names, among them {describe_tree(item)}", item.span)

    def bind_block(self, block: BlockDef, tree: Tree) -> BlockDef:
        arguments = {**self.names.arguments, **{name: parameter.kind for name, parameter in block.parameters.items()}}
        names = self.names.body(arguments)
        for scalar in block.inputs:
            if names.is_other(scalar.text):
                self.errors.report(
                    f"an input cannot be called {scalar.text!r}: it is {names.describe(scalar.text)}",
                    scalar.span,
                    help="choose another name",
                )
            names.add_value(scalar)
        if _has_named_parts(tree):
            assert isinstance(tree, Mapping)
            tree = tree.by_name.get("layers", Sequence(tree.span, ()))
            body = self.bind_body(tree, names)
        else:
            body = self.bind_body(tree, names) if isinstance(tree, Sequence) else self.binder.bind_layer(tree, names)
        for scalar in block.outputs:
            self.check_output(scalar, names)
        parameters = self.arguments.bind_defaults(block.parameters, self.names.arguments, self.binder)
        return BlockDef(block.name, block.span, parameters, body, block.inputs, block.outputs)

    def bind_body(self, tree: Tree, names: SymbolTable) -> Layer:
        """Binds a body whose values are named in `names` itself, so that `declare_outputs` can use them."""
        if isinstance(tree, Mapping):
            return self.binder.bind_named_layers(tree, names)
        if isinstance(tree, Sequence):
            return Sequential(
                span=tree.span,
                items=tuple(NamedLayer(None, self.binder.bind_layer(item, names)) for item in tree),
                named=False,
            )
        return self.binder.bind_layer(tree, names)

    def bind_stages(self) -> tuple[Sequential, SymbolTable]:
        document = self.document
        if not document.stages and "stages" not in document.reported:
            self.errors.report(
                "a spec needs 'stages'", document.span, help="stages: {name: layer, …}, or […]: the network, in order"
            )
        names = self.names.nested()
        items = []
        for key, tree in document.stages.values():
            if not key.text:
                items.append(NamedLayer(None, self.binder.bind_layer(tree, names)))
                continue
            good = check_module_name(key, self.errors)
            layer = self.binder.bind_layer(_strip_after(tree), names)
            self.binder.check_numbered(layer, key)
            names.add_value(key, layer)
            items.append(NamedLayer(key if good else None, layer))
        return Sequential(span=document.span, items=tuple(items), named=True), names

    def declare_outputs(self, values: SymbolTable) -> Iterator[Scalar]:
        for tree in self.document.outputs:
            if not isinstance(tree, Scalar):
                self.errors.report(f"an output is the name of a stage, got {describe_tree(tree)}", tree.span)
            elif self.check_output(tree, values, stages=self.document.stages):
                yield tree

    def check_output(self, scalar: Scalar, names: SymbolTable, *, stages: dict[str, Entry] | None = None) -> bool:
        frame = names.frames[-1]
        if scalar.text in frame:
            return True
        message = (
            f"there is no stage {scalar.text[:60]!r}"
            if stages is not None
            else f"{scalar.text[:60]!r} is no value named in this block"
        )
        self.errors.report(
            message,
            scalar.span,
            help=did_you_mean(scalar.text, stages if stages and not are_listed(stages) else sorted(frame - {"input"})),
        )
        return False


_BLOCK_KEYS = ("args", "inputs", "layers", "outputs")


def _has_named_parts(tree: Tree) -> bool:
    """Whether a block is written as a mapping with keys such as `args` and `layers`, and not as a layer."""
    return isinstance(tree, Mapping) and any(name in tree.by_name for name in _BLOCK_KEYS)


def _strip_after(tree: Tree) -> Tree:
    """A stage without its `after`, which the merge with the extended document has used."""
    if not isinstance(tree, Mapping) or "after" not in tree.by_name:
        return tree
    return Mapping(tree.span, tuple((key, value) for key, value in tree if key.text != "after"))
