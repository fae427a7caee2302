"""A network as a folder of a hub: what is in it, that it loads the same, and what is said where it does not."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from click.testing import CliRunner, Result
from huggingface_hub import ModelCard, errors
from torch import Tensor

import archspec
from archspec import Architecture, HubError, files
from archspec.cli.commands import archspec as cli
from archspec.ir.text import format_graph
from archspec.pretrained import write_whole_spec
from tests.checkpoints import NET, save_shards, tiny, trained
from tests.hub import COMMIT, Files, collect_uploads, serve_hub
from tests.processes import run_python
from tests.sample import bundled, representatives

TOKEN = "t"
NAMES = ["README.md", "config.json", "model.safetensors", "spec.yaml"]


HTTP: Any = import_module(errors.HfHubHTTPError.__mro__[1].__module__.partition(".")[0])
"""The library through which huggingface_hub speaks."""


def answer(status: int) -> Any:
    return HTTP.Response(status, request=HTTP.Request("POST", "http://hub"))


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], prog_name="archspec")


def read_files(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def equal(module: torch.nn.Module, state: dict[str, Tensor]) -> bool:
    own = module.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], weight) for name, weight in state.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny().save_pretrained(
        tmp_path / "tiny", weights=trained(tiny()), model_card_kwargs={"license": "mit", "tags": ["bees"]}
    )
    return tmp_path / "tiny"


def test_a_folder_loads_the_same(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert (folder / "spec.yaml").read_text() == NET
    model = archspec.from_pretrained(folder)
    assert not model.training and equal(model, trained(tiny()))
    assert equal(tiny().build(weights=folder), trained(tiny()))
    assert next(archspec.from_pretrained(str(folder), dtype=torch.float64).parameters()).dtype == torch.float64
    assert equal(archspec.from_pretrained(folder.parent, subfolder="tiny"), trained(tiny()))


def test_a_trained_module_is_saved_by_its_state(tmp_path: Path) -> None:
    arch = tiny()
    module = arch.build(seed=4)
    arch.save_pretrained(tmp_path / "it", weights=module)
    assert equal(archspec.from_pretrained(tmp_path / "it"), module.state_dict())


def test_what_the_spec_extends_and_what_was_given_stand_in_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(NET, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(
        "extends: base.yaml\nname: mine\nstages: {relu: {gelu: {}, after: bn1}}\n", encoding="utf-8"
    )
    arch = archspec.load(tmp_path / "mine.yaml", classes=3)
    arch.save_pretrained(tmp_path / "alone" / "folder")
    spec = (tmp_path / "alone" / "folder" / "spec.yaml").read_text()
    again = archspec.load(tmp_path / "alone" / "folder")
    assert "extends" not in spec and "after" not in spec
    assert format_graph(again.graph) == format_graph(arch.graph) and again.name == "mine"
    assert archspec.check(tmp_path / "alone" / "folder") == ()


@pytest.mark.parametrize(
    "name", ["resnext50_32x4d", "inception_v3_aux", "fractalnet20_droppath", "lstm", "fcn_resnet50"]
)
def test_bundled_specs_come_back(name: str) -> None:
    arch = bundled(name)
    text = write_whole_spec(arch)
    assert "extends:" not in text
    again = archspec.load_overridden(text, {})
    assert format_graph(again.graph) == format_graph(arch.graph)


@pytest.mark.slow
def test_every_bundled_spec_comes_back() -> None:
    for name in representatives():
        arch = archspec.load(name)
        text = write_whole_spec(arch)
        assert "extends:" not in text, name
        assert format_graph(archspec.load_overridden(text, {}).graph) == format_graph(arch.graph), name


def test_other_sizes_of_the_input_are_in_the_spec(tmp_path: Path) -> None:
    arch = archspec.load(NET, input=(3, 24, 20))
    arch.save_pretrained(tmp_path / "tall")
    assert archspec.load(tmp_path / "tall").input_shapes == {"input": (3, 24, 20)}
    scores = archspec.from_pretrained(tmp_path / "tall", input=(3, 9, 9))(torch.zeros(2, 3, 9, 9))
    assert tuple(scores.shape) == (2, 7)


def test_passes_are_in_the_spec_and_an_optimised_network_has_none(tmp_path: Path) -> None:
    arch = bundled("cifar_resnet20_A").lesion(drop=["stage1.0"])
    arch.save_pretrained(tmp_path / "lesioned")
    assert format_graph(archspec.load(tmp_path / "lesioned").graph) == format_graph(arch.graph)
    with pytest.raises(
        archspec.ExportError, match="an optimised network has no spec: save the one that it was made from"
    ):
        tiny().optimize().save_pretrained(tmp_path / "fast")
    assert not (tmp_path / "fast").exists()


def test_the_card_is_made_of_facts(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    data: dict[str, Any] = ModelCard(text).data.to_dict()  # type: ignore[no-untyped-call]
    assert data == {"library_name": "archspec", "tags": ["archspec", "pytorch", "bees"], "license": "mit"}
    config = json.loads((folder / "config.json").read_text())
    assert (config["params"], config["macs"], config["depth"]) == (295, tiny().macs, 2)
    assert (config["inputs"], config["outputs"]) == ({"input": [3, 16, 16]}, {"output": [7]})
    for name, key in (("spec.yaml", "spec_sha256"), ("model.safetensors", "weights_sha256")):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert config[key] == digest and digest in text
    for row in ("| parameters | 295 |", "| input `input` | 3×16×16 |", "| output `output` | 7 |"):
        assert row in text


def test_a_card_takes_no_text_for_markup(tmp_path: Path) -> None:
    archspec.load(
        {"name": "a|b *c*", "source": "<b>\x1b]", "input": [4], "stages": {"fc": {"linear": 2}}}
    ).save_pretrained(tmp_path / "x")
    text = (tmp_path / "x" / "README.md").read_text()
    assert r"# a\|b \*c\*" in text and r"\<b\>" in text and "\x1b" not in text


def test_the_code_of_a_card_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert '"tiny"' in code
    monkeypatch.chdir(folder.parent)
    names: dict[str, Any] = {}
    exec(code.replace("hub:", ""), names)  # noqa: S102 -- what the card says is what is tested
    assert names["arch"].params == 295


@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_is_full_leaves_what_was_there(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        tiny().save_pretrained(tmp_path / "tiny")
    before = read_files(tmp_path / "tiny") if there else {}
    original: Callable[..., None] = files.write_atomically

    def write(path: Path, content: bytes) -> None:
        if path.name == ("model.safetensors" if there else "spec.yaml"):
            raise OSError(28, os.strerror(28), str(path))
        original(path, content)

    monkeypatch.setattr(files, "write_atomically", write)
    with pytest.raises(OSError, match="No space left"):
        tiny(classes=3).save_pretrained(tmp_path / "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"] * there
    assert not there or read_files(tmp_path / "tiny") == before


def test_arguments_may_be_others(folder: Path) -> None:
    with pytest.raises(archspec.WeightsError, match="the head fc has 7 classes, expected 2"):
        archspec.from_pretrained(folder, classes=2)
    model = archspec.from_pretrained(folder, classes=2, adapt="head", report=lambda _: None)
    assert tuple(model(torch.zeros(1, 3, 16, 16)).shape) == (1, 2)


def test_shards_with_an_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = save_shards(trained(tiny()), folder)
    assert equal(archspec.from_pretrained(folder), trained(tiny()))
    next(folder.glob("*-00002-of-*")).unlink()
    with pytest.raises(archspec.WeightsError, match=r"model-00002-of-00002\.safetensors, which is not beside it"):
        archspec.from_pretrained(folder)
    index.write_text("{}")
    with pytest.raises(archspec.WeightsError, match="expected an index with a weight_map"):
        archspec.from_pretrained(folder)


def test_a_folder_that_lacks_something(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(archspec.WeightsError, match="expected a file of weights, got a folder"):
        archspec.from_pretrained(folder)
    (folder / "spec.yaml").unlink()
    with pytest.raises(archspec.SpecNotFoundError, match="there is no such file"):
        archspec.from_pretrained(folder)
    with pytest.raises(
        HubError, match="is no name of a repository; a name is org/name, and a folder is one that is there"
    ):
        archspec.from_pretrained(folder / "none" / "there")


def test_the_command_line_takes_a_folder(folder: Path) -> None:
    assert json.loads(run("summary", folder, "--json").stdout)["params"] == 295
    done = run("build", folder, "--weights", folder, "--device", "cpu", "--json")
    assert (done.exit_code, json.loads(done.stdout)["weights"]["taken"]) == (0, 8)


def test_it_is_uploaded_in_one_commit(folder: Path) -> None:
    with collect_uploads() as uploads:
        commit = tiny().push_to_hub(
            "me/tiny",
            weights=folder,
            token=TOKEN,
            private=True,
            branch="dev",
            model_card_kwargs={"license": "mit", "tags": ["bees"]},
        )
        again = tiny().save_pretrained(folder.with_name("other"), weights=folder, repo_id="me/other", push_to_hub=True)
    assert commit == f"hub/me/tiny/commit/{COMMIT[:8]}" and again == f"hub/me/other/commit/{COMMIT[:8]}"
    got = uploads.files["me/tiny"]
    assert sorted(got) == NAMES
    assert got["README.md"] == (folder / "README.md").read_bytes().replace(b'"tiny"', b'"me/tiny"').replace(
        b'"hub:tiny"', b'"hub:me/tiny"'
    )
    assert {name: got[name] for name in NAMES[1:]} == {name: (folder / name).read_bytes() for name in NAMES[1:]}
    assert uploads.files["me/other"] == read_files(folder.with_name("other"))


def test_what_the_upload_is_asked_for() -> None:
    with collect_uploads() as uploads:
        result = run(
            "push",
            "lstm",
            "me/lstm",
            "--private",
            "--branch",
            "dev",
            "--message",
            "new",
            "--license",
            "mit",
            "--tag",
            "a",
            "--create-pr",
        )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"lstm: hub/me/lstm/commit/{COMMIT[:8]}\n"
    wanted = {
        "token": None,
        "private": True,
        "exist_ok": True,
        "revision": "dev",
        "commit_message": "new",
        "create_pr": True,
        "repo_type": "model",
    }
    assert wanted.items() <= uploads.options.items()
    assert b"license: mit" in uploads.files["me/lstm"]["README.md"]


def test_a_push_says_what_was_taken(folder: Path) -> None:
    (folder / "net.yaml").write_text(NET, encoding="utf-8")
    torch.save({"model." + name: weight for name, weight in trained(tiny()).items()}, folder / "w.pt")
    with collect_uploads() as uploads:
        result = run("push", folder / "net.yaml", "me/tiny", "--weights", folder / "w.pt", "--json")
    said = json.loads(result.stdout)
    assert (said["repo"], said["weights"]["taken"], said["commit"]) == (
        "me/tiny",
        8,
        f"hub/me/tiny/commit/{COMMIT[:8]}",
    )
    assert uploads.files["me/tiny"]["model.safetensors"] == (folder / "model.safetensors").read_bytes()


def test_an_argument_of_an_upload_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="without push_to_hub, save_pretrained takes no private"):
        tiny().save_pretrained(tmp_path / "it", private=True)
    assert not (tmp_path / "it").exists()


def test_a_name_that_none_can_have_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Architecture, "build", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(HubError, match="'a b/c' is no name of a repository"):
        tiny().push_to_hub("a b/c")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            errors.HfHubHTTPError("403 Forbidden: you have no rights\nRequest ID: 1", response=answer(403)),
            "me/x: 403 Forbidden: you have no rights",
        ),
        (errors.RepositoryNotFoundError("401", response=answer(401)), "me/x: there is no such repository; log in with"),
        (errors.LocalTokenNotFoundError("a token is required"), "me/x: a token is required"),
        (HTTP.ConnectError("no route to host"), "me/x: no route to host"),
    ],
)
def test_an_upload_that_is_refused(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    result = run("push", "lstm", "me/x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {message}") and len(result.stderr.splitlines()) == 1


def test_without_a_connection(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of huggingface_hub itself, which the environment of the tests keeps offline."""
    unreached = "me/none: it is not in the cache, and the hub is not reached"
    with pytest.raises(HubError, match=unreached):
        archspec.from_pretrained("me/none", cache_dir=tmp_path)
    with pytest.raises(archspec.SpecFileError, match=unreached):
        archspec.load("hub:me/none")
    with pytest.raises(archspec.WeightsError, match=unreached):
        tiny().build(weights="hub:me/none")
    with pytest.raises(HubError, match="me/none: it is not in the cache, and the hub is not reached"):
        tiny().push_to_hub("me/none")
    said = run("summary", "hub:me/none")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (2, f"hub:me/none: error: {unreached}")


def test_the_keywords_are_those_of_the_mixin(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked: dict[str, Any] = {}

    def download(repo: str, **options: Any) -> str:
        asked.update(options, repo=repo)
        return str(folder.parent)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    archspec.from_pretrained(
        "me/it", revision="v2", subfolder="tiny", token=TOKEN, cache_dir="c", force_download=True, local_files_only=True
    )
    patterns = ["tiny/spec.yaml", "tiny/model*.safetensors", "tiny/model.safetensors.index.json"]
    assert asked == {
        "repo": "me/it",
        "revision": "v2",
        "token": TOKEN,
        "cache_dir": "c",
        "force_download": True,
        "local_files_only": True,
        "allow_patterns": patterns,
    }


FETCH = """
import archspec, sys

def attempt(name, **options):
    try:
        model = archspec.from_pretrained(name, **options)
        print(name, tuple(model.fc.weight.shape), model.training)
    except archspec.HubError as error:
        print(error.message)

attempt("me/tiny")
attempt("me/tiny", local_files_only=True)
attempt("me/old")
attempt("me/none")
attempt("me/gated")
attempt("me/bare")
attempt("me/tiny", revision="lost")
print(archspec.load("hub:me/tiny@main", classes=4).output_shapes)
print(archspec.load("{spec}").build(weights="hub:me/tiny").training)
"""
FETCHED = """\
me/tiny (7, 8) False
me/tiny (7, 8) False
me/old (7, 8) False
me/none: there is no such repository
me/gated: it is gated, and who asks has no access to it
me/bare: there is no spec.yaml in it
me/tiny: there is no revision 'lost'
{'output': (4,)}
True
"""


@pytest.mark.slow
def test_a_hub_over_http(folder: Path, tmp_path: Path) -> None:
    """huggingface_hub as it is, with a hub on this machine in the place of the real one."""
    weights = {name: weight.contiguous() for name, weight in trained(tiny()).items()}
    torch.save(weights, tmp_path / "w.bin")
    whole = read_files(folder)
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    old = {"spec.yaml": whole["spec.yaml"], "pytorch_model.bin": (tmp_path / "w.bin").read_bytes()}
    with serve_hub(
        {"me/tiny": whole, "me/old": old, "me/bare": {"model.safetensors": b""}, "me/gated": whole}
    ) as address:
        environment = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        done = run_python(
            "-c",
            FETCH.replace("{spec}", str(tmp_path / "net.yaml")),
            env={**environment, "HF_HOME": str(tmp_path)},
        )
    assert (done.stdout, done.returncode) == (FETCHED, 0), done.stderr
