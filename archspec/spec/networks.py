"""Networks as parts of another one: loads their documents, binds their uses and elaborates them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from archspec.errors import Collector, Diagnostic, SpecError, raise_spec_error
from archspec.spans import Source, Span, Use
from archspec.spec.argument_binder import bind_arguments
from archspec.spec.block_calls import bind_arguments as evaluate_arguments
from archspec.spec.bound_tree import BlockDef, Layer, NetworkUse, Program
from archspec.spec.document import Document
from archspec.spec.elaboration import Elaboration
from archspec.spec.environment import UNKNOWN, Bundle, Env, Label, NameScope, ValueFrame
from archspec.spec.extends import SpecLoader
from archspec.spec.layer_binder import LayerBinder, make_empty_layer
from archspec.spec.network_ends import evaluate_shape
from archspec.spec.symbols import NETWORK, SymbolTable
from archspec.spec.values import round_fractions
from archspec.spec.yaml_tree import Mapping, Scalar, Sequence, Tree, describe_tree
from archspec.suggestions import did_you_mean

NETWORK_FIELDS = ("spec", "args", "outputs")
_FORM = f"write {NETWORK}: {{spec: name, args: {{…}}, outputs: [stage, …]}}"

BindDocument = Callable[[Document, Collector], Program]


@dataclass
class NetworkLoader:
    """Loads the networks that the documents of one compilation use as parts, each once."""

    specs: SpecLoader
    bind: BindDocument
    trail: list[Path]
    """The files whose documents are being bound, the outermost first."""
    programs: dict[Path, Program] = field(default_factory=dict)
    documents: dict[Span, Document] = field(default_factory=dict)
    """The documents that are read from other texts, their own or those that they extend, by where they are used."""

    def load(self, spec: Tree) -> Program | None:
        """The program of a bundled name, of a path relative to the file that names it, or of a document in its place.

        None if it has mistakes, which are reported. Raises `SpecError` if there is no such file, or if it uses itself.
        """
        here = spec.span.source.path
        if isinstance(spec, Mapping):
            document = self.specs.load_tree(spec, here)
            if document is not None and document.base is not None:
                self.documents[spec.span] = document
            return self.bind_loaded(document, inline=True)
        assert isinstance(spec, Scalar)
        source, path = self.specs.open_base(spec, here)
        known = path.resolve()
        if known in self.trail:
            raise SpecError(Diagnostic(f"the network {spec.text[:60]!r} is a part of itself", spec.span))
        if len(self.trail) > self.specs.limits.extends:
            message = f"more than {self.specs.limits.extends} networks inside one another"
            raise SpecError(Diagnostic(message, spec.span))
        if known not in self.programs:
            self.trail.append(known)
            program = self.bind_loaded(self.specs.load(source, path), inline=False)
            self.trail.pop()
            if program is None:
                return None
            self.programs[known] = program
        document = self.programs[known].document
        if document is not None:
            self.documents[spec.span] = document
        return self.programs[known]

    def bind_loaded(self, document: Document | None, *, inline: bool) -> Program | None:
        """The program of a document; the warnings of another file are left out, as those of inherited parts are."""
        errors = self.specs.errors
        faults, warnings = len(errors.diagnostics), len(errors.warnings)
        if document is None:
            return None
        document.networks = self
        program = self.bind(document, errors)
        if not inline:
            del errors.warnings[warnings:]
        return program if len(errors.diagnostics) == faults else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The texts of all networks that are used, and of what they extend."""
        documents = [program.document for program in self.programs.values()]
        return tuple(source for document in documents if document is not None for source in document.own_sources)


def bind_network(
    binder: LayerBinder, networks: NetworkLoader | None, arguments: Tree, span: Span, names: SymbolTable
) -> Layer:
    """Binds the use of a network as a layer."""
    parts = arguments.by_name if isinstance(arguments, Mapping) else {"spec": arguments}
    if isinstance(arguments, Mapping):
        for name, key in arguments.keys.items():
            if name not in NETWORK_FIELDS:
                advice = did_you_mean(name, NETWORK_FIELDS)
                return binder.report(f"{NETWORK} has no argument {name[:60]!r}", key.span, advice or _FORM)
    spec = parts.get("spec")
    if spec is None or isinstance(spec, Sequence) or networks is None:
        return binder.report(f"{NETWORK} needs the name, the path or the document of a spec", span, _FORM)
    program = networks.load(spec)
    if program is None:
        return make_empty_layer(span)
    return NetworkUse(
        span=span,
        program=program,
        arguments=_bind_given(binder, program, parts.get("args"), span, names),
        outputs=tuple(_read_outputs(program, parts.get("outputs"), binder.errors)),
    )


def _bind_given(
    binder: LayerBinder, program: Program, given: Tree | None, span: Span, names: SymbolTable
) -> dict[str, Tree | Layer]:
    if program.passes:
        binder.report(f"{program.name} has passes, which rewrite a whole network, and cannot be a part", span)
    if given is not None and not isinstance(given, Mapping):
        binder.report(f"args need a mapping, got {describe_tree(given)}", given.span)
        given = None
    form = BlockDef(program.name, program.span, program.parameters, program.stages)
    bound = bind_arguments(binder, form, given, span, names)
    for name, value in bound.items():
        if isinstance(value, Layer):
            binder.report(f"{name} of {program.name} is a layer, which only its own spec can give", value.span)
    return bound


def _read_outputs(program: Program, tree: Tree | None, errors: Collector) -> Iterator[Scalar]:
    """The stages that a use returns."""
    stages = [name for item in program.stages.items for name in item.value_names]
    for item in tree.items if isinstance(tree, Sequence) else () if tree is None else (tree,):
        if not isinstance(item, Scalar):
            errors.report(f"an output is the name of a stage, got {describe_tree(item)}", item.span)
        elif item.text in stages:
            yield item
        else:
            advice = did_you_mean(item.text, stages)
            errors.report(f"{program.name} has no stage {item.text[:60]!r}", item.span, help=advice)


def apply_network(
    elaboration: Elaboration, use: NetworkUse, env: Env, current: Bundle, scope: NameScope, label: Label | None
) -> Bundle:
    """Applies the stages of a network up to the last one that is returned."""
    program = use.program
    own = Env({}, ValueFrame(values={"input": current}))
    evaluate_arguments(elaboration, program.parameters, use.arguments, env, own, current, program.name)
    shown = {name: round_fractions(own.names[name]) for name in use.arguments}
    inner = elaboration.open_region(scope, label, re.sub(r"\W+", "_", program.name), shown, use.span, env.use)
    inside = Env(own.names, own.frame, Use(program.name, shown, use.span, env.use))
    with _inside_network(elaboration, program, inside, inner):
        own.frame.values.update(_bind_inputs(elaboration, use, env, current))
        result = elaboration.apply_body(use.stages, inside, current, inner)
        if use.returned:
            result = elaboration.find_all(use.returned, inside)
        if len(result) > 1:
            elaboration.mark_read(result)
        return result


@contextmanager
def _inside_network(elaboration: Elaboration, program: Program, document: Env, scope: NameScope) -> Iterator[None]:
    """The elaboration with the blocks, the defaults and the arguments of another document."""
    builder = elaboration.builder
    outer = elaboration.program, elaboration.document, builder.document, elaboration.root
    elaboration.program, elaboration.document, builder.document = program, document, document
    elaboration.root = scope.path
    if program.reuses_paths and elaboration.modules is None:
        elaboration.modules = {}
    try:
        yield
    finally:
        elaboration.program, elaboration.document, builder.document, elaboration.root = outer


def _bind_inputs(elaboration: Elaboration, use: NetworkUse, env: Env, current: Bundle) -> dict[str, Bundle]:
    """The values of the inputs of a network. Their axes are as declared; the sizes are those of the values."""
    inputs = use.program.inputs
    if elaboration.has_unknown(current):
        return {own.name: (UNKNOWN,) for own in inputs}
    if len(inputs) != len(current):
        takes = "one value" if len(inputs) == 1 else f"{len(inputs)} values"
        raise_spec_error(f"{use.program.name} takes {takes}, got {len(current)}", use.span, env.use)
    for own, value in zip(inputs, current, strict=True):
        declared = evaluate_shape(elaboration, own.sizes)
        if declared.names != value.shape.names:
            message = f"{use.program.name} takes {declared.described}, of any sizes; got {value.shape.described}"
            raise_spec_error(message, use.span, env.use)
    return {own.name: (value,) for own, value in zip(inputs, current, strict=True)}


def attach_networks(document: Document, specs: SpecLoader, path: Path | None, bind: BindDocument) -> None:
    """Lets a document use networks as parts."""
    document.networks = NetworkLoader(specs, bind, [path.resolve()] if path is not None else [])
