"""The page of a report without a browser: its contents, and that nothing can be injected."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.ir.graph import is_noop
from archspec.report.data import collect_parts, describe_parts
from archspec.report.headline import list_figures, write_headline
from archspec.report.page import embed_json
from archspec.report.plots import write_stage_bars
from tests.sample import bundled, every_spec


def read_data(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    loaded: dict[str, Any] = json.loads(found)
    return loaded


def data(text: str) -> list[dict[str, object]]:
    networks: list[dict[str, object]] = read_data(text)["networks"]
    return networks


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


@pytest.mark.parametrize("name", ["resnet50", "googlenet_aux", "lstm"])
def test_the_bars_of_the_stages_add_up_to_the_network(name: str) -> None:
    check_bars(archspec.load(name))


def test_stages_with_equal_last_names_have_bars_of_their_own() -> None:
    block = {"unit": {"args": {"out": "int"}, "layers": [{"conv": "out"}, "relu"]}}
    stages = {"a.unit": {"unit": 8}, "b.unit": {"unit": 4}}
    arch = archspec.load({"name": "twice", "input": [3, 8, 8], "blocks": block, "stages": stages})
    check_bars(arch)
    assert [box.lines[0].text for box in arch.draw().boxes] == ["input", "a.unit", "b.unit", "output"]


def check_bars(arch: archspec.Architecture) -> None:
    values = [
        int(text.replace(",", ""))
        for text in re.findall(r'class="bar" title="([\d,]+)"', write_stage_bars([arch.graph]))
    ]
    assert (sum(values[::3]), sum(values[1::3])) == (arch.params, arch.macs)


@pytest.mark.parametrize("name", every_spec())
def test_a_page_states_the_layers_of_the_network(name: str) -> None:
    graph = bundled(name).graph
    parts = describe_parts(collect_parts(graph))["parts"]
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
    assert re.findall(r"(?:src|href)=|@import|url\((?!#)", text.replace("url(#${", "")) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []


def test_the_policy_of_a_page_names_its_scripts() -> None:
    text = archspec.load("unet").report()
    code = text.rpartition("<script>")[2].partition("</script>")[0]
    packed = re.findall(r'<script type="text/plain" id="libraries">(.*?)</script>', text)[0]
    libraries = gzip.decompress(base64.b64decode(packed)).decode()
    parts = code, *re.split(r"(?=/\* elkjs )", libraries)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in parts]
    assert len(digests) == 3
    assert re.findall(r"'sha256-([^']+)'", text) == digests
    licences = (files("archspec.report") / "libraries" / "LICENSES.txt").read_text(encoding="utf-8")
    assert libraries.startswith(f"/*\n{licences}*/\n")
    assert {"elkjs 0.12.1", "d3-zoom 3.0.1"} <= set(re.findall(r"^/\* ([\w-]+ [\d.]+), ", libraries, re.MULTILINE))


@pytest.mark.parametrize("name", every_spec())
def test_the_headline_states_the_counts(name: str) -> None:
    arch = bundled(name)
    figures = {figure.name: figure for figure in list_figures(arch.graph)}
    assert figures["parameters"].value == arch.params
    assert figures["MACs"].value == arch.macs
    assert figures["layers deep"].value == arch.summary().depth
    assert figures["paths"].value == arch.paths().total
    assert figures["memory, training"].value == arch.summary().memory.training
    text = write_headline([arch.graph])
    assert all(f"<b>{figure.short}</b>" in text for figure in figures.values())


def test_data_cannot_end_its_element() -> None:
    hostile = "</script><script>alert(1)//<!-- ]]>&amp;\u2028"
    assert not set("<>&\u2028") & set(embed_json([hostile]))
    assert json.loads(embed_json([hostile])) == [hostile]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["resnet50", "resnet101"], {"layer3": "changed", "layer3.1": "changed"}),
        (["vgg11", "vgg13"], {"features.2": "added", "features.3": "added"}),
        (["vgg13", "vgg11"], {}),
    ],
)
def test_the_marks_of_a_comparison_are_those_of_the_difference(names: list[str], expected: dict[str, str]) -> None:
    one, other = map(bundled, names)
    known = read_data(one.report(other))
    (pair,) = known["pairs"]
    parts = [network["parts"] for network in known["networks"]]
    marks = {parts[1][int(index)]["name"]: mark[0] for index, mark in pair["after"].items()}
    assert expected.items() <= marks.items()
    assert set(marks) <= {name for change in one.diff(other).parts for name in change.names} | {"layer3.1"}
    for before, after in pair["links"]:
        assert bool(parts[0][before].get("scope")) == bool(parts[1][after].get("scope"))


def test_a_network_compared_with_itself_has_no_marks() -> None:
    arch = bundled("googlenet")
    known = read_data(arch.report(arch, arch))
    assert len(known["pairs"]) == 2
    for pair in known["pairs"]:
        assert (pair["before"], pair["after"]) == ({}, {})
        assert pair["links"] == [[index, index] for index in range(len(known["networks"][0]["parts"]))]


def test_a_report_is_about_a_few_networks() -> None:
    arch = bundled("vgg11")
    with pytest.raises(ValueError, match="one to 6 networks, not 7"):
        arch.report(*[arch] * 6)
    known = read_data(arch.report(*[arch] * 4))
    assert (len(known["networks"]), len(known["pairs"])) == (5, 4)
