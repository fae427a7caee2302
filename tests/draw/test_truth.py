"""What pictures, tables and pages state about a network is true: numbers of layers, skip connections, learned parameters."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

import archspec
from archspec.draw import Picture, draw_picture, render_picture
from archspec.ir.graph import Graph, Region, computes
from archspec.ops import BY_WORD, OPS
from archspec.ops.base import Op
from archspec.report.data import collect_parts, describe_parts
from archspec.view.labels import format_op
from archspec.view.repetition import FoldedGraph
from archspec.view.stage_rows import list_stage_rows
from archspec.view.stages import Stage, group_stages, iter_stage_nodes
from tests.sample import bundled, every_spec

BY_SIGN = {op.sign: op.word for op in OPS if op.sign}
TIMES = re.compile(r"(.*?)(?: ×(\d+))?(?:  \+ \w+)?")
MORE = re.compile(r"… ([\d,]+) more layers?")


def read_row(text: str) -> tuple[str, int]:
    """The text of a line without its number of repetitions, and that number."""
    found = TIMES.fullmatch(text)
    assert found
    return found[1].removeprefix("beside "), int(found[2] or 1)


def read_words(text: str) -> list[str]:
    """The words of the ops that a line lists: `conv 3×3, 64, relu` has two."""
    words = [item.split()[0] for item in text.removeprefix("after ").split(", ")]
    return [BY_SIGN.get(word, word) for word in words if word in BY_WORD or word in BY_SIGN]


def count_words(graph: Graph, nodes: Iterable[int]) -> Counter[str]:
    inside = (graph.nodes[id] for id in nodes)
    return Counter(node.op.word for node in inside if computes(node))


def find_regions(graph: Graph, inside: list[Region], names: Iterable[str]) -> dict[str, list[Region]]:
    """For each name the regions of that block, else of that own name; of nested ones the outermost."""
    ranges, found, taken = graph.region_tree.nodes, {name: list[Region]() for name in names}, set[int]()
    kinds = {region.kind for region in inside}
    for region in inside:
        name = next((name for name in (region.kind, *region.path[-1:]) if name in found), "")
        if name and (region.kind == name or name not in kinds) and taken.isdisjoint(ranges[region.id]):
            found[name].append(region)
            taken.update(ranges[region.id])
    return found


def check_rows(graph: Graph, folded: FoldedGraph, stage: Stage, rows: Iterable[str]) -> None:
    """The rows of a stage state as many layers of each op, and as many blocks of each name, as there are."""
    nodes = set(iter_stage_nodes(folded, stage))
    inside = [region for region in graph.regions[1:] if nodes.issuperset(graph.region_tree.nodes[region.id])]
    names = {name for region in inside for name in (region.kind, *region.path[-1:])} - BY_WORD.keys()
    stated: Counter[str] = Counter()
    blocks: Counter[str] = Counter()
    hidden = 0
    for text, times in map(read_row, rows):
        if more := MORE.fullmatch(text):
            hidden = int(more[1].replace(",", ""))
            continue
        stated.update(read_words(text) * times)
        blocks.update({item: times for item in text.split(", ") if item in names})
    left = set(nodes)
    for name, regions in find_regions(graph, inside, blocks).items():
        times = blocks[name]
        assert len(regions) >= times if hidden else len(regions) == times, (name, times)
        for region in regions[:times]:
            left -= set(graph.region_tree.nodes[region.id])
    actual = count_words(graph, left)
    assert actual.total() == stated.total() + hidden
    assert actual >= stated if hidden else actual == stated


def stage_rows(drawn: Picture) -> Iterator[list[str]]:
    """The lines of each stage's box, without its name and its costs."""
    for box in drawn.boxes:
        if box.kind != "ends":
            yield [line.described for line in box.lines if line.style == "plain"]


def mermaid_boxes(text: str) -> dict[str, list[str]]:
    """The lines of each box of a flowchart."""
    boxes = re.findall(r'^ *(\w+)(?:\[|\(\()"(.*)"(?:\]|\)\))$', text, re.MULTILINE)
    return {id: html.unescape(re.sub(r"#(\d+);", r"&#\1;", lines)).split("<br/>") for id, lines in boxes}


@pytest.mark.parametrize("name", every_spec())
def test_stages_state_the_layers_of_the_network(name: str) -> None:
    graph = bundled(name).graph
    folded = FoldedGraph(graph)
    stages = group_stages(folded)
    drawn = draw_picture(graph, "stages")
    boxes = mermaid_boxes(render_picture(drawn, ".mmd").decode())
    table = draw_picture(graph, "blocks").table[1:-1]
    rows = list(stage_rows(drawn))
    assert [boxes[box.id] for box in drawn.boxes] == [[line.described for line in box.lines] for box in drawn.boxes]
    assert len(stages) == len(rows) == len(table)
    for number, stage in enumerate(stages):
        check_rows(graph, folded, stage, rows[number])
        cells = re.sub(", (identity|projection)", "", table[number][2]).split("\n") if table[number][2] != "–" else []
        check_rows(graph, folded, stage, cells)


def count_drawn(drawn: Picture, frame: str | None = None) -> Counter[str]:
    """The layers that the boxes inside a frame state, each as often as its line and the frames around it say."""
    count: Counter[str] = Counter()
    for part in drawn.by_frame.get(frame, ()):
        if hasattr(part, "heading"):
            times = read_row(part.heading)[1]
            inside = count_drawn(drawn, part.id)
        elif part.kind != "ends":
            times = max(read_row(line.described)[1] for line in part.lines)
            inside = Counter(
                word for line in part.lines if line.style != "faint" for word in read_words(str(line).split(" ×")[0])
            )
        else:
            continue
        count.update({word: number * times for word, number in inside.items()})
    return count


@pytest.mark.parametrize("name", every_spec())
def test_layers_state_the_layers_of_the_network(name: str) -> None:
    graph = bundled(name).graph
    drawn = draw_picture(graph, "layers")
    assert count_drawn(drawn) == count_words(graph, range(len(graph.nodes)))
    boxes = mermaid_boxes(render_picture(drawn, ".mmd").decode())
    assert [boxes[box.id] for box in drawn.boxes] == [[line.described for line in box.lines] for box in drawn.boxes]


@pytest.mark.parametrize("name", every_spec())
def test_blocks_state_their_layers_and_their_number(name: str) -> None:
    graph = bundled(name).graph
    drawn = draw_picture(graph, "blocks")
    for frame in drawn.clusters:
        if frame.parent is None:
            region = graph.regions[int(frame.id[1:])]
            assert count_drawn(drawn, frame.id) == count_words(graph, graph.region_tree.nodes[region.id])


@pytest.mark.parametrize("name", every_spec())
def test_two_blocks_of_a_picture_have_two_names(name: str) -> None:
    titles = [frame.label for frame in draw_picture(bundled(name).graph, "blocks").clusters if frame.parent is None]
    assert len(titles) == len(set(titles))


def test_blocks_are_named_by_their_skip_connections() -> None:
    titles = [frame.heading for frame in draw_picture(bundled("resnet50").graph, "blocks").clusters]
    assert titles == ["bottleneck, projection ×4", "bottleneck, identity ×12"]


@pytest.mark.parametrize("name", every_spec())
def test_the_summary_states_the_layers_of_the_network(name: str) -> None:
    arch = bundled(name)
    count: Counter[str] = Counter()
    around: list[int] = []
    for row in arch.summary().rows:
        del around[row.level :]
        around.append(row.times)
        if row.kind in BY_WORD:
            times = 1
            for repeated in around:
                times *= repeated
            count[row.kind] += times
    assert count == Counter(node.op.word for node in arch.graph.ops)


CONSTANT = tuple(op.word for op in OPS if op.reads_batch)


@pytest.mark.parametrize("name", every_spec())
def test_nothing_flows_into_learned_parameters(name: str) -> None:
    graph = bundled(name).graph
    constants = {node.name for node in graph.ops if node.op.reads_batch}
    for detail in ("layers", "blocks", "stages"):
        drawn = draw_picture(graph, detail)
        boxes = {box.id for box in drawn.boxes if str(box.lines[0]).startswith(CONSTANT)}
        assert not [edge for edge in drawn.edges if edge.head in boxes]
        assert detail != "layers" or not constants or boxes
    parts, edges = map(describe_parts(collect_parts(graph)).get, ("parts", "edges"))
    assert isinstance(parts, list)
    assert isinstance(edges, list)
    assert not [edge for edge in edges if parts[edge[1]]["word"] in CONSTANT]


UNTOLD = {"align_corners"}  # of an upsample: it changes values and no shape


@pytest.mark.parametrize("op", [op for op in OPS if op.category == "shape"], ids=lambda op: op.word)
def test_a_label_says_what_a_shape_op_does(op: type[Op]) -> None:
    told = {op.first, *op.telling, *({"start", "stop"} if op.word == "slice" else ())}
    assert set(op.model_fields) - UNTOLD <= told


@pytest.mark.parametrize(
    ("op", "label"),
    [
        ({"slice": {"start": 4, "stop": 60, "axis": 1}}, "slice 4…60, axis 1"),
        ({"slice": {"start": 4}}, "slice 4…"),
        ({"slice": 60}, "slice 0…60"),
        ({"split": {"sizes": [2, 2], "axis": 1}}, "split 2 | 2, axis 1"),
        ({"pad": {"size": 0, "channels": [0, 16]}}, "pad, channels 0 | 16"),
        ({"pad": 3}, "pad 3"),
        ({"scale": {"by": -1, "plus": 1}}, "scale -1, plus 1"),
        ({"concat": {"axis": 0}}, "concat, axis 0"),
        ({"upsample": {"scale": 2, "mode": "bilinear"}}, "upsample 2, mode bilinear"),
        ({"adaptivepool": {"size": 7, "kind": "max"}}, "adaptivepool 7, kind max"),
        (
            {"constant": {"shape": {"tokens": 4, "features": 6}, "kind": "sinusoids"}},
            "constant 4 tokens | 6 features, kind sinusoids",
        ),
    ],
)
def test_labels_of_ops(op: dict[str, dict[str, object] | int], label: str) -> None:
    ((word, given),) = op.items()
    made = BY_WORD[word].model_validate(given if isinstance(given, dict) else {BY_WORD[word].first: given})
    assert format_op(made) == label


@pytest.mark.parametrize("name", every_spec())
def test_a_row_that_does_not_depend_on_the_one_before_says_so(name: str) -> None:
    graph = bundled(name).graph
    folded = FoldedGraph(graph)
    before: dict[int, set[int]] = {}
    for node in graph.nodes:
        read = [value.node for value in node.inputs]
        before[node.id] = {*read, *(id for other in read for id in before[other])}
    for stage in group_stages(folded):
        rows = [row for row in list_stage_rows(folded, stage, {}) if row.nodes]
        for above, row in pairwise(rows):
            needed = before[row.nodes[0]]
            assert row.text.startswith("beside ") == bool(needed and needed.isdisjoint(above.nodes))


def test_parallel_branches_of_a_stage_are_no_chain() -> None:
    boxes = {box.lines[0].text: [str(line) for line in box.lines[1:-1]] for box in bundled("inception_v4").draw().boxes}
    assert boxes["features.3"] == ["maxpool 3×3, /2", "beside conv 3×3, 96, /2, batchnorm, relu", "concat"]


def test_a_part_without_a_name_is_told_by_its_join() -> None:
    """Not by its place in a list, and not by the name of the stage above it."""
    branches = "[identity, [batchnorm, conv: {out: 6, kernel: 3, padding: 1}]]"
    text = f"""name: unnamed
input: [4, 8, 8]
stages:
  dense: {{repeat: {{times: 3, layers: [concat: {branches}]}}}}
  wide: {{concat: [[conv: 8, relu, conv: 8], [conv: 8, relu, conv: 4], [conv: 2, relu, conv: 2]]}}
  sums: {{repeat: {{times: 2, layers: [[add: [identity, [conv: channels, relu, conv: channels, batchnorm]], relu]]}}}}
"""
    rows = list(stage_rows(archspec.load(text).draw("stages")))
    assert rows == [
        ["concat of 2 branches ×3  + concat"],
        ["concat of 3 branches"],
        ["add of 2 branches, relu ×2  + identity"],
    ]
