"""Interprets the bound tree: adds the nodes of the graph in order and infers their shapes."""

from __future__ import annotations

from archspec.errors import LimitError, Note, SpecError, raise_spec_error
from archspec.ir.graph import Graph
from archspec.spec import loops
from archspec.spec.block_calls import apply_argument, apply_block, bind_arguments
from archspec.spec.bound_tree import (
    ArgumentUse,
    BlockUse,
    JoinUse,
    Loop,
    NamedLayer,
    NetworkUse,
    OpUse,
    Program,
    Reuse,
    Sequential,
    ValueUse,
)
from archspec.spec.budget import Budget
from archspec.spec.elaboration import Elaboration
from archspec.spec.environment import Bundle, Env, Label, NameScope
from archspec.spec.network_ends import add_input, check_reached, name_outputs
from archspec.spec.networks import apply_network
from archspec.spec.values import UnknownError
from archspec.spec.whole_numbers import check_whole_numbers

Results = list[tuple[NamedLayer, Bundle]]
"""The branches of a join with their results."""


class Elaborator(Elaboration):
    """Builds the graph of one program.

    A mistake is reported and the result of its layer is `UNKNOWN`. A layer with an unknown operand has an unknown result and is not
    checked, so that independent mistakes are found in one run.
    """

    def __init__(self, program: Program, budget: Budget) -> None:
        super().__init__(program, budget)
        self.apply = {
            OpUse: self.apply_op,
            JoinUse: self.apply_join,
            Sequential: self.apply_sequential,
            BlockUse: lambda *layer: apply_block(self, *layer),
            ArgumentUse: lambda *layer: apply_argument(self, *layer),
            ValueUse: lambda layer, env, *_: self.find(layer.name, env),
            Reuse: self.apply_reuse,
            NetworkUse: lambda *layer: apply_network(self, *layer),
            Loop: lambda *layer: loops.run_loop(self, *layer),
        }

    def elaborate(self) -> Graph:
        """The graph of the network. Raises `SpecError` with all mistakes."""
        try:
            self.build_network()
            check_reached(self)
        except LimitError as error:
            raise self.mistakes.ended(error) from None
        self.mistakes.raise_if_any()
        self.graph.freeze()
        check_whole_numbers(self.graph)
        return self.graph

    def build_network(self) -> None:
        program = self.program
        bind_arguments(self, program.parameters, {}, self.document, self.document, (), program.name)
        current = tuple([add_input(self, use) for use in program.inputs])
        values = self.document.frame.values
        values.update((use.name, (value,)) for use, value in zip(program.inputs, current, strict=True))
        values["input"] = current
        last = self.apply_body(program.stages, self.document, current, NameScope(0, ()))
        name_outputs(self, last)

    # -- ops and joins --------------------------------------------------------------------------------------------

    def apply_op(self, use: OpUse, env: Env, current: Bundle, scope: NameScope, label: Label | None) -> Bundle:
        if use.op.transparent:
            return current
        path = self.take_name(scope, label, use.span, env.use) if label is not None or use.op.numbered else ()
        unknown = self.has_unknown(current)
        fewest, most = use.op.operands
        if not unknown and (len(current) < fewest or (most is not None and len(current) > most)):
            sizes = {scalar: len(self.find(scalar.text, env)) for scalar in use.source}
            notes = [Note(scalar.span, f"a bundle of {size}") for scalar, size in sizes.items() if size > 1]
            _fail_on_count(use, env, current, tuple(notes) if len(sizes) > 1 else ())
        op = self.builder.build_op(use, env, current)
        if unknown:
            raise UnknownError
        return self.builder.add_node(use, op, current, path, scope.region, env)

    def apply_join(self, use: JoinUse, env: Env, current: Bundle, scope: NameScope, label: Label | None) -> Bundle:
        own = label is not None and any(not isinstance(item.layer, ValueUse) for item in use.branches)
        inner = self.open_region(scope, label, "", {}, use.span, env.use) if own else scope
        inside = env.inside()
        results = [(item, self.apply_item(item, inside, current, inner)) for item in use.branches]
        self.builder.count_layers(sum([len(result) for _, result in results]), use, env.use)
        values = tuple([value for _, result in results for value in result])
        if use.op.transparent:
            self.mark_read(values)
            return values
        if len(values) <= 1:
            return values
        path = inner.path if own else self.take_name(scope, label, use.span, env.use) if label is not None else ()
        try:
            return self.add_join(use, env, current, results, values, NameScope(inner.region, path))
        except (SpecError, UnknownError):
            self.mark_read(values)
            raise

    def add_join(
        self, use: JoinUse, env: Env, current: Bundle, results: Results, values: Bundle, scope: NameScope
    ) -> Bundle:
        op = self.builder.build_op(use, env, current)
        if self.has_unknown(values):
            raise UnknownError
        return self.builder.add_node(use, op, values, scope.path, scope.region, env, results, current)


def _fail_on_count(use: OpUse, env: Env, current: Bundle, notes: tuple[Note, ...]) -> None:
    fewest, most = use.op.operands
    several = f"{fewest} values" if fewest == most else f"{fewest} to {most} values"
    wanted = "a single value" if most == 1 else several
    given = "a single value" if len(current) == 1 else f"a bundle of {len(current)}"
    advice = "each: {layers: …} applies it to every value" if len(current) > 1 and fewest == 1 else None
    raise_spec_error(f"{use.op.word} needs {wanted}, got {given}", use.span, env.use, notes=notes, help=advice)
