"""A pass that breaks its contract gives a located diagnostic for a spec, and a `PassError` in Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from click.testing import CliRunner

import archspec
from archspec.cli.commands import archspec as command
from archspec.ir.graph import Graph, Node, Value
from archspec.ir.shape import Shape
from archspec.ir.weight_provenance import ScaledWeight, StackedWeights, WeightSlice
from archspec.ops.activation import GELU, ReLU
from archspec.ops.base import ShapeError
from archspec.ops.conv import Conv
from archspec.passes import Pass, PassError, graph_pass
from archspec.passes.optimize import MERGING, PIPELINES
from archspec.passes.registry import BY_WORD, PASSES
from archspec.passes.rewriter import NodeRewrite, Rewriter, Values, rewrite_graph

SPEC = """name: plain
input: [4, 8, 8]
stages:
  first: {layers: {conv: {conv: {out: 6, kernel: 3, padding: 1}}, relu: relu}}
  second: {layers: {conv: {conv: 6}, relu: relu}}
"""


def make_pass(rewrite: NodeRewrite) -> Pass:
    """A pass called `broken` with this rewrite."""

    def broken(graph: Graph) -> Graph:
        return rewrite_graph(graph, rewrite)

    return graph_pass("spec", keeps=None)(broken)


def at(name: str, change: NodeRewrite) -> Pass:
    """A pass that changes one node."""
    return make_pass(lambda rewriter, node: change(rewriter, node) if node.name == name else None)


def by_hand(change: Callable[[Graph, Node, Values], Values]) -> Pass:
    """A pass that builds its graph without a rewriter."""

    def broken(graph: Graph) -> Graph:
        new, values = graph.copy_without_nodes(), {}
        for name, value in graph.inputs.items():
            values[value] = new.add_input(name, value.shape)
        for node in graph.ops:
            made = change(new, node, tuple(values[value] for value in node.inputs))
            values.update(zip(node.outputs, made, strict=True))
        new.outputs = {name: values[value] for name, value in graph.outputs.items()}
        return new

    return graph_pass("spec", keeps=None)(broken)


def add_as_it_was(new: Graph, node: Node, inputs: Values) -> Values:
    return new.add_node(node.op, inputs, node.path, region=node.region, span=node.span)


def shape_wrongly(new: Graph, node: Node, inputs: Values) -> Values:
    return new.add_shaped_node(node.op, inputs, (Shape.of(6, 4, 4),), node.path, region=node.region, span=node.span)


def rename_convs(new: Graph, node: Node, inputs: Values) -> Values:
    return new.add_node(node.op, inputs, (*node.path[:-1], f"{node.path[-1]}_"), region=node.region, span=node.span)


def read_itself(new: Graph, node: Node, inputs: Values) -> Values:
    if node.name != "second.relu":
        return add_as_it_was(new, node, inputs)
    own = Value(len(new.nodes), 0, node.outputs[0].shape)
    return new.add_shaped_node(node.op, (own,), node.output_shapes, node.path, region=node.region, span=node.span)


def end_early(graph: Graph) -> Graph:
    new = by_hand(add_as_it_was).transform(graph)
    (first,) = (node for node in new.ops if node.name == "first.relu")
    new.outputs = dict.fromkeys(new.outputs, first.outputs[0])
    return new


def rename_output(graph: Graph) -> Graph:
    new = by_hand(add_as_it_was).transform(graph)
    (value,) = new.outputs.values()
    new.outputs = {"result": value}
    return new


def forget_history(graph: Graph) -> Graph:
    new = by_hand(add_as_it_was).transform(graph)
    new.weight_provenance = ()
    return new


def named(transform: Callable[[Graph], Graph]) -> Pass:
    def broken(graph: Graph) -> Graph:
        return transform(graph)

    return graph_pass("spec", keeps=None)(broken)


def divide_by_zero(graph: Graph) -> Graph:
    raise ZeroDivisionError("by zero")


def misfit(graph: Graph) -> Graph:
    raise ShapeError("conv needs channels; got none")


CONV = Conv(out=6)
HALF = WeightSlice("second.conv.weight", 0, 0, 3)
BROKEN: dict[str, tuple[Pass, str]] = {
    "a wrong shape": (
        by_hand(shape_wrongly),
        "broken made a broken graph: first.conv (conv): the op makes 6×8×8, the graph has 6×4×4",
    ),
    "a node that is needed is left out": (
        at("second.conv", lambda rewriter, node: ()),
        "broken made a broken graph: second.relu (relu): it needs second.conv, which is left out",
    ),
    "a node that nothing needs any more": (
        named(end_early),
        "broken made a broken graph: second.relu (relu): it reaches no output any more",
    ),
    "weights that nothing is said about": (
        at("second.conv", lambda rewriter, node: rewriter.replace(node, CONV)),
        "broken made a broken graph: second.conv (conv): its weights are weight, bias; what they are made of is said of none",
    ),
    "weights of which only some are told": (
        at("second.conv", lambda rewriter, node: rewriter.replace(node, CONV, weights={"weight": HALF})),
        "broken made a broken graph: second.conv (conv): its weights are weight, bias; what they are made of is said of weight",
    ),
    "weights under other names": (
        by_hand(rename_convs),
        "broken made a broken graph: first.conv_ (conv): nothing is said about what its weight first.conv_.weight is made of",
    ),
    "weights of another shape": (
        at(
            "second.conv",
            lambda rewriter, node: rewriter.replace(
                node, CONV, weights={"weight": HALF, "bias": WeightSlice("second.conv.bias")}
            ),
        ),
        "broken made a broken graph: second.conv (conv): its weight second.conv.weight is 6×6×1×1, made is 3×6×1×1",
    ),
    "weights that do not fit one another": (
        at(
            "second.conv",
            lambda rewriter, node: rewriter.replace(
                node,
                CONV,
                weights={
                    "weight": ScaledWeight(WeightSlice("second.conv.weight"), WeightSlice("first.conv.weight")),
                    "bias": StackedWeights((HALF,), (6,)),
                },
            ),
        ),
        "broken made a broken graph: a weight is made of some of 6×4×3×3 and 6×6×1×1, which do not fit",
    ),
    "a weight that was never there": (
        at(
            "second.conv",
            lambda rewriter, node: rewriter.replace(
                node, CONV, weights=dict.fromkeys(("weight", "bias"), WeightSlice("third"))
            ),
        ),
        "broken made a broken graph: a weight is made of third, which is not there",
    ),
    "operands that do not fit": (
        at("second.conv", lambda rewriter, node: rewriter.replace(node, Conv(out=6, kernel=99), weights="new")),
        "broken made a broken graph: second.conv (conv): a kernel of 99 does not fit into 8×8 with padding 0",
    ),
    "one name for two modules": (
        at(
            "first.relu",
            lambda rewriter, node: rewriter.add(GELU(), rewriter.operands(node), node, path=("second", "relu")),
        ),
        "broken made a broken graph: second.relu (relu): another gelu has this name, and is no use of the same module",
    ),
    "a module with the name of a region": (
        at("first.relu", lambda rewriter, node: rewriter.add(ReLU(), rewriter.operands(node), node, path=("second",))),
        "broken made a broken graph: second (relu): it has a module of its own, and other layers have names below its name",
    ),
    "another name for an output": (
        named(rename_output),
        "broken made a broken graph: the outputs were output 6×8×8, now they are result 6×8×8",
    ),
    "a circle": (
        by_hand(read_itself),
        "broken made a broken graph: second.relu (relu): value 0 of node 4 is read, which nothing before makes",
    ),
    "an operand that cannot be": (named(misfit), "broken made shapes that do not fit: conv needs channels; got none"),
    "an error of its own": (named(divide_by_zero), "broken failed: ZeroDivisionError: by zero"),
}


@pytest.fixture(params=BROKEN)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Pass, str]:
    """A pass that is registered as `broken`, and its expected message."""
    broken, message = BROKEN[request.param]
    monkeypatch.setitem(BY_WORD, "broken", broken)
    return broken, message


def test_python_gets_an_error_that_names_the_pass(case: tuple[Pass, str]) -> None:
    with pytest.raises(PassError) as caught:
        archspec.load(SPEC).rewrite("broken")
    assert caught.value.message == case[1]
    assert caught.value.help == "this is a fault of the pass, not of the spec"


def test_a_spec_gets_a_diagnostic_at_the_word(case: tuple[Pass, str]) -> None:
    (found,) = archspec.check(f"{SPEC}passes: [broken]\n")
    assert (found.message, found.span.line, found.span.column, found.span.length) == (case[1], 6, 10, 6)


def test_the_command_line_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BY_WORD, "broken", BROKEN["a wrong shape"][0])
    result = CliRunner().invoke(command, ["check", "-"], input=f"{SPEC}passes: [broken]\n")
    assert result.exit_code == 1
    assert ":6:10: error: broken made a broken graph: first.conv (conv): the op makes 6×8×8" in result.output
    assert isinstance(result.exception, SystemExit)


def test_what_earlier_passes_did_to_the_weights_stays_told() -> None:
    before = at("second.conv", lambda rewriter, node: rewriter.replace(node, CONV, weights="new"))(
        archspec.load(SPEC).graph
    )
    with pytest.raises(PassError, match="what the passes before did to the weights is lost"):
        named(forget_history)(before)


def test_uses_of_one_module_keep_their_weights_together() -> None:
    shared = archspec.load(
        f"{SPEC}  third: {{repeat: {{times: 2, share: true, layers: {{conv: {{conv: 6}}}}}}}}\n"
    ).graph
    uses = [node.id for node in shared.ops if node.name.startswith("third.")]
    assert len(uses) == 2
    scaled = {name: WeightSlice(f"second.conv.{name}") for name in ("weight", "bias")}

    def change(rewriter: Rewriter, node: Node) -> Values | None:
        return rewriter.replace(node, CONV, weights=scaled) if node.id == uses[1] else None

    with pytest.raises(PassError, match="one use keeps the weights of this module, another changes them"):
        make_pass(change)(shared)


def test_a_pass_cannot_forget_weights() -> None:
    """A pass that renames a layer, removes one and adds one needs no code for weights, and a checkpoint is mapped."""
    before = archspec.load(f"{SPEC}  third: {{layers: {{conv: {{conv: 6}}}}}}\n")

    def change(rewriter: Rewriter, node: Node) -> Values | None:
        if node.name == "first.conv":
            return rewriter.add(node.op, rewriter.operands(node), node, path=("first", "stem"), weights="kept")
        if node.name == "second.conv":
            return rewriter.operands(node)
        if node.name == "third.conv":
            added = rewriter.add(CONV, rewriter.operands(node), node, path=("third", "added"), weights="new")
            return rewriter.keep(node, added)
        return None

    graph = make_pass(change)(before.graph)
    weights = before.build().state_dict()
    carried = archspec.codegen.fx.map_weights(graph, weights)
    assert list(carried) == ["third.conv.weight", "third.conv.bias", "first.stem.weight", "first.stem.bias"]
    assert torch.equal(carried["first.stem.weight"], weights["first.conv.weight"])
    assert carried["third.conv.weight"] is weights["third.conv.weight"]
    model = archspec.codegen.fx.build(graph)
    missing, unexpected = model.load_state_dict(carried, strict=False)
    assert (missing, unexpected) == (["third.added.weight", "third.added.bias"], [])


def test_a_pass_may_declare_that_it_changes_outputs_and_leaves_nodes_unused() -> None:
    graph = archspec.load(SPEC).graph
    with pytest.raises(PassError, match="outputs were"):
        named(rename_output)(graph)
    after = graph_pass("spec", keeps=None, changes_outputs=True)(rename_output)(graph)
    assert list(after.outputs) == ["result"]
    assert graph_pass("spec", keeps=None, leaves_unused=True)(end_early)(graph).outputs


def test_a_pass_that_finds_nothing_gives_the_graph_or_says_what_it_needs() -> None:
    graph = archspec.load(SPEC).graph
    assert make_pass(lambda rewriter, node: None)(graph) is graph
    grouped = BY_WORD["grouped_paths"]
    assert grouped.run(graph, {}, optional=True) is graph
    with pytest.raises(PassError, match="grouped_paths needs equal paths"):
        grouped(graph)


def test_wrong_arguments_are_said_to_python() -> None:
    arch = archspec.load("resnet18")
    with pytest.raises(PassError) as caught:
        arch.rewrite("stochastic_depth", survival=2.0)
    assert str(caught.value) == "survival of stochastic_depth: input should be less than or equal to 1, got 2.0"
    assert caught.value.argument == ("survival",)
    with pytest.raises(PassError, match="depth of stochastic_depth: extra inputs are not permitted, got 3"):
        arch.rewrite("stochastic_depth", depth=3)


def test_the_registry_says_who_may_ask() -> None:
    assert len({chosen.name for chosen in PASSES}) == len(PASSES)
    assert all(chosen.asked_by <= {"spec", "optimizer"} for chosen in PASSES)
    steps = {chosen.name for pipeline in (*PIPELINES.values(), MERGING) for chosen, _ in pipeline}
    assert steps == {chosen.name for chosen in PASSES if "optimizer" in chosen.asked_by}
    assert all(chosen.keeps for pipeline in (*PIPELINES.values(), MERGING) for chosen, _ in pipeline)
    for word in ("elide", "fold_batchnorm"):
        (found,) = archspec.check(f"{SPEC}passes: [{word}]\n")
        assert found.message == f"'{word}' is no pass"
