"""Every picture format is valid, also with hostile names."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pypdf
import pytest
import resvg_py
from matplotlib import get_data_path

import archspec
from archspec.draw import DETAILS, THEMES, Detail, DrawError, draw_picture, png, render_picture
from archspec.formats import list_endings
from archspec.ops import OPS
from archspec.ops.base import Op
from archspec.view import labels
from tests.draw.graphviz import run_json_layout
from tests.sample import sampled

HOSTILE = (
    "a\"b'c",
    "<script>alert(1)</script>",
    "]]></title><img src=x onerror=alert(1)>",
    '\\N \\l \\" --> %% end | } { ; #35;',
    "\u202edlrow\u202c שלום مرحبا 世界 \u0300",
    "x" * 500,
    "tab\tline\nbreak \u0007 bell",
)
HERE = Path(__file__).parent
MERMAID = os.environ.get("ARCHSPEC_MERMAID", "")


def hostile(name: str) -> archspec.Architecture:
    stages = {"a": {"conv": 4}, "unit": {"add": [{"conv": 4}, "identity"]}, "end": {"linear": 2, "from": "p"}}
    return archspec.load(
        {
            "name": name,
            "source": name,
            "input": [3, 8, 8],
            "stages": {"a": stages["a"], "unit": stages["unit"], "p": "globalpool", "end": {"linear": 2}},
        }
    )


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("ascii", "replace").decode())
@pytest.mark.parametrize("detail", sampled(DETAILS, {"blocks"}))
def test_hostile_names_stay_text(name: str, detail: Detail) -> None:
    drawn = draw_picture(hostile(name).graph, detail)
    files = {ending: render_picture(drawn, ending) for ending in list_endings("picture")}
    root = ET.fromstring(files[".svg"])  # noqa: S314 - what is tested
    assert not [one for one in root.iter() if one.tag.rpartition("}")[2] in {"script", "img", "foreignObject"}]
    assert b"<img" not in files[".html"]
    assert files[".html"].count(b"<script") == 1
    json.loads(run_json_layout(files[".dot"].decode()))
    assert len(files[".dot"].splitlines()) == len(
        render_picture(draw_picture(hostile("plain").graph, detail), ".dot").splitlines()
    )
    assert len(files[".mmd"].splitlines()) == len(
        render_picture(draw_picture(hostile("plain").graph, detail), ".mmd").splitlines()
    )
    assert len(pypdf.PdfReader(io.BytesIO(files[".pdf"])).pages) == 1


def test_png_has_two_pixels_a_point() -> None:
    drawn = draw_picture(archspec.load("vgg11").graph)
    root = ET.fromstring(render_picture(drawn, ".svg"))  # noqa: S314 - our own text
    data = render_picture(drawn, ".png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = struct.unpack(">II", data[16:24])
    assert wide == pytest.approx(2 * float(root.attrib["width"]), abs=2)
    assert high == pytest.approx(2 * float(root.attrib["height"]), abs=2)


@pytest.fixture
def without_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without fonts."""
    monkeypatch.setattr(resvg_py, "svg_to_bytes", partial(resvg_py.svg_to_bytes, skip_system_fonts=True))


def test_any_font_of_the_pictures_is_enough(without_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only DejaVu Sans, without a configured default for `sans-serif`."""
    font = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    monkeypatch.setattr(resvg_py, "svg_to_bytes", partial(resvg_py.svg_to_bytes, font_files=[str(font)]))
    monkeypatch.setattr(png, "_bundled_fonts", list)
    assert render_picture(draw_picture(archspec.load("vgg11").graph), ".png").startswith(b"\x89PNG")


def test_a_machine_without_fonts_takes_those_of_matplotlib(without_fonts: None) -> None:
    assert render_picture(draw_picture(archspec.load("vgg11").graph), ".png").startswith(b"\x89PNG")


def test_a_missing_font_is_said(without_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "find_spec", lambda name: None)
    with pytest.raises(DrawError, match="PNG needs a font, and this machine has none"):
        render_picture(draw_picture(archspec.load("vgg11").graph), ".png")


def test_pdf_has_real_text() -> None:
    page = pypdf.PdfReader(
        io.BytesIO(render_picture(draw_picture(archspec.load("resnet50").graph, "blocks"), ".pdf"))
    ).pages[0]
    text = page.extract_text()
    assert "bottleneck" in text
    assert "64×56×56" in text


@pytest.mark.parametrize("theme", THEMES)
def test_themes_are_read_easily(theme: str) -> None:
    colours = THEMES[theme]
    for fill in (*colours.fills.values(), *colours.frames, colours.paper):
        assert contrast(colours.ink, fill) >= 7
        assert contrast(colours.faint, fill) >= 4.4


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.word)
def test_every_op_has_a_colour(op: type[Op]) -> None:
    assert op.category in labels.CATEGORY_NAMES
    assert all(op.category in theme.fills for theme in THEMES.values())


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.skipif(
    not MERMAID or shutil.which("node") is None, reason="ARCHSPEC_MERMAID names no folder with mermaid and jsdom"
)
def test_mermaid_reads_its_own_language(tmp_path: Path) -> None:
    files = []
    for number, name in enumerate((*HOSTILE, "resnet50", "lstm", "unet", "dpn92")):
        network = (hostile(name) if number < len(HOSTILE) else archspec.load(name)).graph
        for detail in DETAILS:
            try:
                text = render_picture(draw_picture(network, detail), ".mmd")
            except DrawError:
                continue
            files.append(tmp_path / f"{number}-{detail}.mmd")
            files[-1].write_bytes(text)
    shutil.copy(HERE / "mermaid.mjs", Path(MERMAID) / "archspec-parse.mjs")
    done = subprocess.run(
        ["node", "archspec-parse.mjs", *map(str, files)],
        cwd=MERMAID,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["flowchart-v2"] * len(files)
