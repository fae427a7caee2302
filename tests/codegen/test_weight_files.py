"""Files of weights: written ones can be read back, damaged ones are refused, and no code in them is run."""

from __future__ import annotations

import json
import os
import random
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor

import archspec
from archspec.cli.commands import archspec as command
from archspec.codegen.errors import WeightsError, WeightsWarning
from archspec.codegen.fx.checkpoint import load_own_weights, read_weights
from archspec.codegen.fx.weight_files import pack_safetensors, pack_torch, read_data
from archspec.codegen.fx.weight_files.digest import compute_digest
from tests.weight_files import HOSTILE, entry, header, pickled, records, rewritten, saved, write_hostile, zipped

NET = """\
name: net
input: [3, 8, 8]
stages: {one: {conv: 4}, bn: batchnorm, two: globalpool}
"""


@pytest.fixture(scope="module")
def net() -> archspec.Architecture:
    return archspec.load(NET)


@pytest.fixture(scope="module")
def weights(net: archspec.Architecture) -> dict[str, Tensor]:
    return dict(net.build(seed=3).state_dict())


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return path


def equal(one: Any, other: Any) -> bool:
    """Whether data are equal, including types and bits of tensors."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and compute_digest(one) == compute_digest(other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and bool(one == other)


LOOSE = ["int-key.pt", "sparse.pt", "class.pt", "complex.pt", "dtype.safetensors"]


@pytest.mark.parametrize(
    ("name", "strict"), [*((name, "--strict") for name in HOSTILE), *((name, "--no-strict") for name in LOOSE)]
)
def test_a_hostile_file_is_one_line_and_exit_2(
    name: str, strict: str, spec: Path, weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_hostile(name, weights, spec.parent)
    monkeypatch.chdir(spec.parent)
    before = sorted(Path().iterdir())
    done = CliRunner().invoke(command, ["build", "net.yaml", "--weights", path.name, strict, "--device", "cpu"])
    assert sorted(Path().iterdir()) == before
    if "mis-typed" in done.output or "expected float32" in done.output:  # differences are in the table
        assert done.exit_code == (2 if strict == "--strict" else 0)
        assert HOSTILE[name][1] in done.output
        return
    assert done.exit_code == 2, done.output
    assert HOSTILE[name][1] in done.stderr
    line, *advice = done.stderr.splitlines()
    assert all(said.startswith("help: ") and said.isprintable() for said in advice) and len(advice) <= 1
    assert line.startswith(f"Error: {path.name}: ") and line.isprintable()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_not_read(kind: str, net: archspec.Architecture, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/zero")
    with pytest.raises(WeightsError, match=f"expected a file of weights, got a .*{kind}"):
        net.build(weights=path)


def test_names_that_no_file_has(net: archspec.Architecture) -> None:
    with pytest.raises(WeightsError, match="null"):
        net.build(weights="a\0b.pt")
    with pytest.raises(FileNotFoundError):
        net.build(weights="there is no such file.pt")


@pytest.mark.parametrize("record", ["data/0", "data.pkl", "more"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    record: str, net: archspec.Architecture, weights: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = records(saved(weights)) | {f"archive/{record}": bytes(40 << 20)}
    path = tmp_path / "w.pt"
    path.write_bytes(zipped(contents, zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1 << 20
    opened = []
    original = zipfile.ZipFile.open

    def watched(archive: zipfile.ZipFile, *given: Any, **options: Any) -> Any:
        opened.append(given)
        return original(archive, *given, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", watched)
    with pytest.raises(WeightsError, match=r"that unpacks to 41.9 MB, more than the network needs"):
        net.build(weights=path)
    assert opened == []


def test_a_compressed_checkpoint_of_the_right_size_is_read(
    net: archspec.Architecture, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    (tmp_path / "w.pt").write_bytes(zipped(records(saved(weights)), zipfile.ZIP_DEFLATED))
    assert equal(dict(net.build(weights=tmp_path / "w.pt").state_dict()), weights)


def test_a_view_of_much_more_than_the_network_needs(
    net: archspec.Architecture, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    whole = torch.zeros(5 << 20)
    whole[:12] = weights["one.weight"].detach().flatten()
    torch.save({**weights, "one.weight": whole[:12].reshape(4, 3, 1, 1)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"its tensors are views of 21.0 MB, more than the network needs"):
        net.build(weights=tmp_path / "w.pt")


OTHERS: dict[str, Callable[[dict[str, Tensor]], bytes]] = {
    "zip.pt": saved,
    "old.pt": lambda weights: saved(weights, _use_new_zipfile_serialization=False),
    "lightning.ckpt": lambda weights: saved({"state_dict": weights, "epoch": 3, "lr": [0.1], "at": torch.Size([2])}),
    "parameters.pt": lambda weights: saved({name: torch.nn.Parameter(w, False) for name, w in weights.items()}),
    "protocol4.pt": lambda weights: saved(weights, pickle_protocol=4),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_torch_writes_is_read(name: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(OTHERS[name](weights))
    assert equal(read_weights(path), {key: weight.detach() for key, weight in weights.items()})


TENSORS = [
    torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    torch.arange(24.0)[5:17:3],
    torch.zeros(0, 3),
    torch.tensor(4.5, dtype=torch.float64),
    torch.ones(2, 1).expand(2, 5),
    *(torch.tensor([1, 0, 1]).to(dtype) for dtype in (torch.bool, torch.int8, torch.uint8, torch.int16, torch.int32)),
    *(
        torch.tensor([0.5, -2]).to(dtype)
        for dtype in (torch.float16, torch.bfloat16, torch.complex64, torch.complex128)
    ),
    *(torch.tensor([0.5, -2]).to(dtype) for dtype in (torch.float8_e4m3fn, torch.float8_e5m2)),
    torch.tensor([7, 9]).to(torch.uint16),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: f"{tensor.dtype}{list(tensor.shape)}")
def test_tensors_of_every_kind_are_read_as_torch_reads_them(tensor: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for new in (True, False):
        if not new and tensor.dtype in (torch.uint16, torch.float8_e4m3fn, torch.float8_e5m2):
            continue  # types without legacy storages, and so without the old format
        torch.save({"a": tensor, "b": tensor[:1] if tensor.dim() else tensor}, path, _use_new_zipfile_serialization=new)
        found = read_weights(path)
        assert equal(found, torch.load(path, weights_only=True))
        assert found["a"].stride() == tensor.stride()


WRITTEN: dict[str, Callable[[dict[str, Tensor]], bytes]] = {
    "own.pt": pack_torch,
    "own.safetensors": lambda weights: pack_safetensors(weights, {"archspec.name": "net", "note": "ünï"}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_read_by_everyone_and_always_the_same(
    name: str, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / name
    plain = {key: weight.detach() for key, weight in weights.items()}
    contents = {WRITTEN[name](plain) for _ in range(5)}
    assert len(contents) == 1
    path.write_bytes(contents.pop())
    theirs = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    assert equal(theirs, plain)
    assert equal(read_weights(path), plain)


def _theirs(weights: dict[str, Tensor]) -> bytes:
    from safetensors.torch import save

    return bytes(save(weights))


@pytest.mark.parametrize("length", [0x280, 0x8B1F])
def test_a_header_whose_length_looks_like_another_format(length: int, tmp_path: Path) -> None:
    """With the first bytes of a pickle and of a gzip file."""
    path = tmp_path / "w"
    text = json.dumps({"a": entry()}).encode().ljust(length)
    path.write_bytes(header(None, torch.ones(2).numpy().tobytes(), text=text))
    assert equal(read_weights(path), {"a": torch.ones(2)})


STATE = {"key": "k", "history": [{"number": 1, "loss": 0.5}], "optimizer": {0: {"step": torch.tensor(3.0)}}, "at": None}
FORMATS: dict[str, tuple[Callable[[dict[str, Tensor]], bytes], Callable[[Path], Any], bool]] = {
    "own.pt": (WRITTEN["own.pt"], read_weights, True),
    "own.safetensors": (WRITTEN["own.safetensors"], read_weights, True),
    "state.checkpoint": (lambda weights: pack_torch(STATE | {"model": weights}), read_data, True),
    "zip.pt": (saved, read_weights, True),
    "old.pt": (OTHERS["old.pt"], read_weights, False),
    "theirs.safetensors": (_theirs, read_weights, False),
}
"""By file name: how it is written and read, and whether every damage of its content is detected."""


def damaged(content: bytes, draw: random.Random) -> bytes:
    """A random damage: a flipped bit, a lost end, noise, or bytes from another place."""
    changed, at = bytearray(content), draw.randrange(len(content))
    match draw.choice(["bit", "bit", "end", "noise", "copy", "gone"]):
        case "bit":
            changed[at] ^= 1 << draw.randrange(8)
        case "end":
            del changed[at:]
        case "noise":
            changed[at : at + draw.randrange(1, 64)] = draw.randbytes(draw.randrange(1, 64))
        case "copy":
            other = draw.randrange(len(content))
            changed[at : at + 99] = changed[other : other + draw.randrange(1, 200)]
        case "gone":
            del changed[at : at + draw.randrange(1, 64)]
    return bytes(changed)


REFUSED = object()


def attempt(load: Callable[[Path], Any], path: Path) -> Any:
    """The content of a file, or the one-line message that refuses it."""
    message = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeightsWarning)
            return load(path)
    except WeightsError as error:
        message = str(error)
    assert message.startswith(f"{path}: ") and message.isprintable()
    return REFUSED


def fuzz(name: str, weights: dict[str, Tensor], path: Path, cases: int) -> Counter[str]:
    make, load, told = FORMATS[name]
    content = make({key: weight.detach() for key, weight in weights.items()})
    path.write_bytes(content)
    whole, draw, found = load(path), random.Random(name), Counter[str]()
    for _ in range(cases):
        path.write_bytes(damaged(content, draw))
        loaded = attempt(load, path)
        found["refused" if loaded is REFUSED else "same" if equal(loaded, whole) else "other"] += 1
    assert not found["other"] or not told
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_or_the_same(name: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    found = fuzz(name, weights, tmp_path / name, 100)
    assert found["refused"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_files_are_refused_or_the_same(name: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    assert fuzz(name, weights, tmp_path / name, 2000)["refused"] > 1000


@pytest.mark.parametrize("cases", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_pickles_of_any_kind_end_in_one_line(cases: int, weights: dict[str, Tensor], tmp_path: Path) -> None:
    """Damage with a valid CRC, which fuzzes the pickle itself."""
    whole = saved({"state_dict": weights, "more": [1, (2.5, None), {"a": True}]})
    program, draw, path = records(whole)["archive/data.pkl"], random.Random(5), tmp_path / "w.pt"
    for _ in range(cases):
        path.write_bytes(rewritten(whole, {"data.pkl": damaged(program, draw)}))
        attempt(read_weights, path)


def nested_pickle(content: bytes, levels: int, width: int, key: bytes = b"") -> bytes:
    """A pickle of nested collections with shared parts, which have exponentially many paths."""
    program = b"\x80\x02" + content + b"q\x00"
    for _ in range(levels):
        items = b"".join(b"X\x04\x00\x00\x00%04dh\x00" % number if key else b"h\x00" for number in range(width))
        program += (b"}(" + items + b"u" if key else b"](" + items + b"e") + b"q\x00"
    return pickled(program + b".")


@pytest.mark.parametrize("key", [b"key", b""])
@pytest.mark.timeout(60)
def test_exponentially_many_places_are_not_all_searched(key: bytes, net: archspec.Architecture, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for content in (b"}", b"cargparse\nNamespace\n)\x81"):
        path.write_bytes(nested_pickle(content, 12, 2000, key))
        with pytest.raises(WeightsError, match="expected tensors by name, got"):
            net.build(weights=path)


@pytest.mark.timeout(60)
def test_a_name_that_stands_twice_is_found_among_many(net: archspec.Architecture, tmp_path: Path) -> None:
    entries = b",".join(b'"%d":0' % number for number in [*range(120_000), 119_999])
    (tmp_path / "w.safetensors").write_bytes(header(None, text=b"{%b}" % entries))
    with pytest.raises(WeightsError, match=r"a header with two entries '?119999"):
        net.build(weights=tmp_path / "w.safetensors")


def test_a_module_that_has_itself_as_a_part(net: archspec.Architecture, tmp_path: Path) -> None:
    modules = b"}q\x01X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ss"
    (tmp_path / "w.pt").write_bytes(pickled(b"\x80\x02cnet\nNet\n)\x81q\x00" + modules + b"b."))
    with pytest.raises(WeightsError, match="a module that is nested too deep"):
        net.build(weights=tmp_path / "w.pt")


OWN = ["own.pt", "own.safetensors", "state.checkpoint"]


@pytest.mark.parametrize("name", OWN)
def test_no_bit_of_a_file_of_ours_may_be_another_one(name: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    make, load, _ = FORMATS[name]
    content, draw, path = make(weights), random.Random(name), tmp_path / name
    for bit in draw.sample(range(8 * len(content)), 300):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        assert attempt(load, path) is REFUSED, bit


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_whose_digest_is_another_one_or_is_lost(suffix: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    content = WRITTEN[f"own{suffix}"](weights)
    cases = {
        content.replace(b"archspec.format", b"archspec.formaT"): "lost its digest or its mark",
        content.replace(b"sha256:", b"sha257:"): "lost its digest or its mark|not what was written",
        content.replace(weights["one.weight"].numpy().tobytes(), bytes(48)): "cut off or damaged|not what was written",
    }
    if suffix == ".pt":
        cases[content + b"\0"] = "cut off or damaged|lost its digest or its mark"
        cases[content[:-1] + (b"1" if content[-1:] == b"0" else b"0")] = "not what was written"
    else:
        cases[content.replace(b"archspec.digest", b"archspec.digesT")] = "lost its digest or its mark"
        cases[content.replace("ünï".encode(), "önï".encode())] = "not what was written"
    for changed, message in cases.items():
        assert changed != content
        path.write_bytes(changed)
        with pytest.raises(WeightsError, match=message):
            read_weights(path)


def test_values_that_are_not_finite_are_told(
    net: archspec.Architecture, weights: dict[str, Tensor], spec: Path
) -> None:
    broken = {key: weight.clone() for key, weight in weights.items()}
    broken["one.weight"][0, 0] = torch.nan
    broken["bn.bias"][1:] = torch.inf
    path = spec.with_name("w.safetensors")
    save_file(broken, path)
    with pytest.warns(WeightsWarning, match=r"4 values that are not finite, in one.weight \(1\), bn.bias \(3\)"):
        net.build(weights=path)
    done = CliRunner().invoke(command, ["build", str(spec), "--weights", str(path), "--device", "cpu"])
    assert done.exit_code == 0
    assert done.stderr == f"warning: {path}: 4 values that are not finite, in one.weight (1), bn.bias (3)\n"


def test_weights_of_other_types_are_taken_where_they_mean_the_same(
    net: archspec.Architecture, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    for dtype in (torch.float16, torch.float64, torch.bfloat16):
        torch.save({key: weight.to(dtype) for key, weight in weights.items()}, tmp_path / "w.pt")
        found = net.build(weights=tmp_path / "w.pt").state_dict()
        assert {key: weight.dtype for key, weight in found.items()} == {k: w.dtype for k, w in weights.items()}
        assert all(torch.equal(found[key], weight.to(dtype).to(weight.dtype)) for key, weight in weights.items())


def test_a_part_of_a_network_takes_its_own(net: archspec.Architecture, tmp_path: Path) -> None:
    model = net.build(seed=4)
    (tmp_path / "w.pt").write_bytes(pack_torch(dict(model.state_dict())))
    part = torch.nn.ModuleDict({"bn": torch.nn.BatchNorm2d(4)})
    load_own_weights(part, tmp_path / "w.pt", net.graph)
    with pytest.raises(WeightsError, match=r"missing +other\.weight"):
        load_own_weights(torch.nn.ModuleDict({"other": torch.nn.Linear(1, 1)}), tmp_path / "w.pt", net.graph)


@pytest.mark.parametrize(
    ("calls", "home"),
    [
        (r"\b(torch\.load|torch\.save|pickle\.loads?|load_file|safe_open)\(", "archspec/codegen/fx/weight_files/"),
        (r"\bjson\.dumps?\(", "archspec/json_text.py"),
    ],
)
def test_one_place_reads_weights_and_one_writes_json(calls: str, home: str) -> None:
    root = Path(archspec.__file__).parent
    texts = {path.relative_to(root.parent).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    found = {name for name, text in texts.items() if re.search(calls, text)}
    assert found
    assert all(name.startswith(home) for name in found), found
