"""The page of a report without a browser: its contents, and that nothing can be injected."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

import archspec
from archspec.ir.graph import is_noop
from archspec.report.data import collect_report_data
from archspec.report.page import embed_json
from tests.sample import bundled, every_spec


def data(text: str) -> list[dict[str, object]]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    loaded: list[dict[str, object]] = json.loads(found)
    return loaded


@pytest.mark.parametrize(
    "name", ["resnet50", "densenet121", "lstm", "fractalnet20", "googlenet_aux", "cifar_resnet1202_A"]
)
def test_the_parts_add_up_to_the_network(name: str) -> None:
    arch = archspec.load(name)
    (known,) = data(arch.report())
    parts = known["parts"]
    assert isinstance(parts, list)
    outermost = [part["sum"] for part in parts if part["parent"] < 0]
    assert sum(costs[0] for costs in outermost) == arch.params == known["params"]
    assert sum(costs[1] for costs in outermost) == arch.macs == known["macs"]


@pytest.mark.parametrize("name", every_spec())
def test_a_page_states_the_layers_of_the_network(name: str) -> None:
    graph = bundled(name).graph
    parts = collect_report_data(graph)["parts"]
    assert isinstance(parts, list)
    count: Counter[str] = Counter()
    times: list[int] = []
    for part in parts:
        times.append(part["times"] * (times[part["parent"]] if part["parent"] >= 0 else 1))
        if not part.get("scope") and part["word"] != "input":
            count[part["word"]] += times[-1]
    assert count == Counter(node.op.word for node in graph.ops if not is_noop(node))


@pytest.mark.parametrize("name", every_spec())
def test_every_text_of_a_page_belongs_to_its_spec(name: str) -> None:
    arch = bundled(name)
    (known,) = data(arch.report())
    files = known["files"]
    assert isinstance(files, list)
    folder = Path(archspec.__file__).parent.parent / "specs"
    for file in files:
        assert file["lines"] == (folder / file["name"]).read_text(encoding="utf-8").splitlines()
    extended = [name]
    while base := re.search(
        r"^extends: (\w+)", (folder / f"{extended[-1]}.yaml").read_text(encoding="utf-8"), re.MULTILINE
    ):
        extended.append(base[1])
    assert [file["name"] for file in files][: len(extended)] == [f"{base}.yaml" for base in extended]
    parts = known["parts"]
    assert isinstance(parts, list)
    spans = {node.name: node.span for node in arch.graph.nodes if node.name}
    for part in parts:
        file, line, column, length = part["at"]
        assert files[file]["lines"][line - 1][column - 1 : column - 1 + length].strip()
        if part["name"] in spans and not part.get("scope"):
            assert (spans[part["name"]].source.name, spans[part["name"]].line) == (files[file]["name"], line)


def test_a_page_needs_nothing_else() -> None:
    text = archspec.load("unet").report()
    assert re.findall(r"(?:src|href)=|@import|url\((?!#)", text.replace("url(#tip", "")) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []


def test_data_cannot_end_its_element() -> None:
    hostile = "</script><script>alert(1)//<!-- ]]>&amp;\u2028"
    assert not set("<>&\u2028") & set(embed_json([hostile]))
    assert json.loads(embed_json([hostile])) == [hostile]


def test_a_report_is_about_one_or_two() -> None:
    arch = archspec.load("vgg11")
    with pytest.raises(ValueError, match="one network or two"):
        arch.report(arch, arch)
