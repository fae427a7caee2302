"""`Architecture.save` writes each format, and the commands write the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import archspec
from archspec import FORMATS, ArchspecError, ExportError, Format, Limits, list_endings
from archspec.saving import NetworkKind
from tests.cli.surface import outputs, run, write_spec
from tests.sample import bundled

COMMANDS: dict[NetworkKind, list[str]] = {
    "picture": ["draw", "row.yaml"],
    "table": ["summary", "row.yaml", "--depth", "9"],
    "comparison": ["diff", "row.yaml", "resnet18"],
    "source": ["build", "row.yaml"],
    "program": ["build", "row.yaml"],
    "weights": ["build", "row.yaml"],
    "report": ["report", "row.yaml"],
    "spec": ["lesion", "row.yaml", "--drop", "body.1"],
}
NETWORK_FORMATS = [(form, kind) for form in FORMATS for kind in COMMANDS if form.kind == kind]


@pytest.fixture
def arch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> archspec.Architecture:
    """A network in the current folder."""
    write_spec(tmp_path)
    monkeypatch.chdir(tmp_path)
    return archspec.load("row.yaml")


@pytest.mark.parametrize(
    ("form", "kind"),
    [pytest.param(form, kind, marks=pytest.mark.slow if kind == "program" else ()) for form, kind in NETWORK_FORMATS],
    ids=lambda given: getattr(given, "ending", None),
)
def test_a_network_and_its_command_write_the_same(arch: archspec.Architecture, form: Format, kind: NetworkKind) -> None:
    name = f"net{form.ending}"
    done = run(*COMMANDS[kind], "-o", name)
    assert done.exit_code == 0, done.stderr
    written = Path(name).read_bytes()
    Path(name).unlink()
    saved = arch.lesion(["body.1"]) if kind == "spec" else arch
    options: dict[str, dict[str, Any]] = {
        "source": {"command": f"archspec build row.yaml -o {name}"},
        "comparison": {"other": bundled("resnet18")},
    }
    saved.save(name, kind=kind, **options.get(kind, {}))
    if kind == "program":  # its archive contains times
        assert Path(name).stat().st_size == pytest.approx(len(written), rel=0.01)
    else:
        assert Path(name).read_bytes() == written
    assert [path.name for path in Path().iterdir() if path.name not in {"row.yaml", name}] == []


def test_every_format_has_a_writer_that_is_there() -> None:
    assert all(callable(form.load_writer()) for form in FORMATS)
    assert {form.kind for form in FORMATS} == {*COMMANDS, "plot"}
    assert len({(form.kind, form.ending) for form in FORMATS}) == len(FORMATS)


def test_the_commands_take_the_endings_of_the_table() -> None:
    taken: dict[str, list[str]] = {}
    for name, ending in outputs():
        taken.setdefault(name, []).append(ending)
    assert taken["draw"] == list(list_endings("picture"))
    assert taken["summary"] == list(list_endings("table"))
    assert taken["diff"] == list(list_endings("comparison"))
    assert taken["build"] == list(list_endings("source", "program", "weights"))
    assert taken["train"] == list(list_endings("weights"))
    assert taken["report"] == list(list_endings("report"))
    assert taken["experiment lesion"] == list(list_endings("plot"))


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".pth"])
def test_weights_come_back(arch: archspec.Architecture, ending: str) -> None:
    arch.save(f"w{ending}", seed=3)
    first, second = (model.state_dict() for model in (arch.build(seed=3), arch.build(weights=f"w{ending}")))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_no_format_has_is_refused_before_the_work(arch: archspec.Architecture) -> None:
    for name, kind in (("net.gif", None), ("net.dot", "report"), ("net", None)):
        with pytest.raises(ExportError, match=r"expected a file that ends in .*, not 'net"):
            arch.save(name, kind=kind)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'seed'"):
        arch.save("net.svg", seed=1)
    assert [path.name for path in Path().iterdir()] == ["row.yaml"]


def test_a_form_without_an_ending(arch: archspec.Architecture) -> None:
    arch.save("net", ending=".mmd", detail="blocks")
    arch.save("net.mmd", detail="blocks")
    assert Path("net").read_bytes() == Path("net.mmd").read_bytes()


def test_a_spec_that_is_saved_describes_the_network(arch: archspec.Architecture) -> None:
    changed = archspec.load("row.yaml", width=3).rewrite("stochastic_depth", survival=0.5).lesion(random=1, seed=4)
    changed.save("changed.yaml")
    again = archspec.load("changed.yaml")
    assert yaml.safe_load(Path("changed.yaml").read_text())["extends"] == "row.yaml"
    assert [str(node.op) for node in again.graph.ops] == [str(node.op) for node in changed.graph.ops]
    assert again.params == changed.params != arch.params
    assert archspec.check("changed.yaml") == ()


def test_a_spec_in_no_file_is_written_whole(arch: archspec.Architecture) -> None:
    archspec.load(arch.text, width=3).lesion(["body.1"]).save("whole.yaml")
    again = archspec.load("whole.yaml")
    assert "extends" not in Path("whole.yaml").read_text()
    assert again.params == archspec.load("row.yaml", width=3).lesion(["body.1"]).params


def test_a_bundled_spec_is_extended_by_its_name(tmp_path: Path) -> None:
    archspec.load("resnet18").lesion(["layer1.1"]).save(tmp_path / "without.yml")
    assert "extends: resnet18\n" in (tmp_path / "without.yml").read_text()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda arch: arch.optimize(), "an optimised network has no spec"),
        (lambda arch: arch, "is a spec of row, which would be lost"),
        (lambda arch: archspec.load("resnet18"), None),
    ],
)
def test_a_spec_that_cannot_be_written(arch: archspec.Architecture, made: object, reason: str | None) -> None:
    before = Path("row.yaml").read_bytes()
    network = made(arch)  # type: ignore[operator]
    if reason is None:
        network.save("row.yaml")
        assert archspec.load("row.yaml").params == network.params
        return
    with pytest.raises(ExportError, match=reason):
        network.save("other.yaml" if network.optimized else "row.yaml")
    assert Path("row.yaml").read_bytes() == before


def test_no_file_that_a_network_is_made_from_is_written_over(arch: archspec.Architecture) -> None:
    Path("child.yaml").write_text("extends: row.yaml\nname: child\n", encoding="utf-8")
    before = Path("row.yaml").read_bytes()
    other = archspec.load("resnet18")
    saves: list[Callable[[], object]] = [
        lambda: archspec.load("child.yaml").save("row.yaml", ending=".svg"),
        lambda: other.save("row.yaml", kind="report", ending=".html", beside=[arch]),
        lambda: other.save("row.yaml", kind="comparison", ending=".md", other=arch),
    ]
    for save in saves:
        with pytest.raises(ExportError, match=r"is a spec of (row|child), which would be lost"):
            save()
    assert Path("row.yaml").read_bytes() == before


def test_a_new_spec_keeps_to_the_limits(arch: archspec.Architecture) -> None:
    with pytest.raises(archspec.SpecError, match="more than 3 nodes"):
        arch.lesion(["body.1"]).save("small.yaml", limits=Limits(nodes=3))
    assert not Path("small.yaml").exists()


def test_one_handler_is_enough() -> None:
    for wrong in (lambda: archspec.load("nothing"), lambda: archspec.load("vgg11").save("x.gif")):
        with pytest.raises(ArchspecError):
            wrong()
