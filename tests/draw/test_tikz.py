"""Pictures as TikZ say what the SVG says, at the same places and in the same colours, and compile where there is a LaTeX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import archspec
from archspec.draw import DETAILS, THEMES, Detail, DrawError, Picture, render_picture
from tests.draw.test_formats import HOSTILE, hostile
from tests.markup import read_latex
from tests.sample import SMALL, bases, bundled, sampled

_SVG = "{http://www.w3.org/2000/svg}"
_NODE = re.compile(r"\\node\[anchor=(base(?: west| east)?), text=(\w+), font=(.*)\] at \(([^)]*)\) \{(.*)\};")
_RECT = re.compile(r"\\path\[(fill=.*?)\] \(([^)]*)\) rectangle \(([^)]*)\);")
_ANCHORS = {"base west": "start", "base": "middle", "base east": "end"}
COMPILER = next(filter(shutil.which, ("pdflatex", "tectonic")), None)

Mark = tuple[object, ...]


def numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def read_svg(text: str) -> tuple[list[Mark], list[Mark], int]:
    """The texts, the rectangles and the number of paths of an SVG; the first rectangle is its paper."""
    root = ET.fromstring(text)  # noqa: S314 - our own text
    texts: list[Mark] = [
        (drawn.text or "", float(drawn.attrib["x"]), float(drawn.attrib["y"]), drawn.attrib["fill"].upper(), drawn.attrib.get("text-anchor", "start"))
        for drawn in root.iter(f"{_SVG}text")
    ]  # fmt: skip
    rects: list[Mark] = [
        (*(float(drawn.attrib[name]) for name in ("x", "y", "width", "height")), drawn.attrib["fill"].upper())
        for drawn in root.iter(f"{_SVG}rect")
        if "rx" in drawn.attrib
    ]
    return texts, rects, len(list(root.iter(f"{_SVG}path")))


def read_tikz(text: str) -> tuple[list[Mark], list[Mark], int]:
    """The same of a `tikzpicture`, with colours by their definitions."""
    colours = dict(re.findall(r"\\definecolor\{(\w+)\}\{HTML\}\{(\w{6})\}", text))
    assert text.count("\\definecolor") == len(colours)
    texts: list[Mark] = [
        (read_latex(label), *numbers(place), f"#{colours[colour]}", _ANCHORS[anchor])
        for anchor, colour, _, place, label in _NODE.findall(text)
    ]
    rects: list[Mark] = []
    for options, start, end in _RECT.findall(text):
        (x, y), (right, below) = numbers(start), numbers(end)
        colour = re.findall(r"fill=(\w+)", options)[0]
        rects.append((x, y, right - x, below - y, f"#{colours[colour]}"))
    return texts, rects, len(re.findall(r"^\\path\[draw=", text, re.MULTILINE))


def check_same(picture: Picture, theme: str) -> str:
    """Compares the two formats of a picture, and returns the TikZ."""
    svg = read_svg(render_picture(picture, ".svg", THEMES[theme]).decode())
    text = render_picture(picture, ".tex", THEMES[theme]).decode()
    tikz = read_tikz(text)
    assert svg[2] == tikz[2]
    for drawn, written in zip(svg[:2], tikz[:2], strict=True):
        assert len(drawn) == len(written)
        for mark, other in zip(drawn, written, strict=True):
            for fact, given in zip(mark, other, strict=True):
                assert given == (pytest.approx(fact, abs=0.111) if isinstance(fact, float) else fact)
    return text


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", sampled(bases(), ("resnet50", "lstm", "unet", "googlenet_aux", "dpn68"), SMALL))
def test_it_says_what_the_svg_says(name: str, detail: Detail) -> None:
    try:
        picture = bundled(name).draw(detail)
    except DrawError:
        assert detail == "paths"
        return
    lines = check_same(picture, "light").splitlines()
    assert all(line.isascii() for line in lines if not line.startswith("%"))


@pytest.mark.parametrize("theme", THEMES)
def test_in_each_theme(theme: str) -> None:
    check_same(bundled("resnet18").draw("blocks"), theme)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12].encode("ascii", "replace").decode())
def test_hostile_names_are_no_commands(name: str) -> None:
    text = render_picture(hostile(name).draw("layers"), ".tex").decode()
    plain = render_picture(hostile("plain").draw("layers"), ".tex").decode()
    assert len(text.splitlines()) == len(plain.splitlines())
    assert len(_NODE.findall(text)) == len(_NODE.findall(plain)) > 5
    read_tikz(text)  # refuses markup in a label


def test_a_picture_larger_than_tex_can_is_scaled() -> None:
    deep = {"name": "deep", "input": [4], "stages": {f"s{number}": {"linear": 4 + number} for number in range(400)}}
    text = render_picture(archspec.load(deep).draw("layers"), ".tex").decode()
    scale, height = re.findall(r"\[x=([\d.]+)bp|rectangle \([\d.]+,([\d.]+)\);", text)[:2]
    assert float(scale[0]) < 1
    assert float(scale[0]) * float(height[1]) <= 14_403
    (sizes,) = {
        re.findall(r"\\fontsize\{([\d.]+)bp\}", line)[0]
        for line in text.splitlines()
        if "bfseries] at" in line and "deep" in line
    }
    assert float(sizes) == pytest.approx(14 * float(scale[0]), abs=0.01)


@pytest.mark.skipif(COMPILER is None, reason="neither pdflatex nor tectonic is installed")
@pytest.mark.parametrize(("name", "detail"), [("resnet50", "blocks"), ("unet", "stages"), ("lstm", "layers"), ("unet", "paths"), ("", "layers")])  # fmt: skip
def test_it_compiles(name: str, detail: Detail, tmp_path: Path) -> None:
    arch = bundled(name) if name else hostile(HOSTILE[3])
    (tmp_path / "picture.tex").write_bytes(render_picture(arch.draw(detail), ".tex"))
    document = (
        "\\documentclass{article}\\usepackage[paperwidth=2in,paperheight=2in,margin=0pt]{geometry}\\usepackage{tikz}\n"
    )
    document += "\\begin{document}\\resizebox{1in}{!}{\\input{picture}}\\end{document}\n"
    (tmp_path / "page.tex").write_text(document, encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if COMPILER == "pdflatex" else []
    done = subprocess.run(
        [str(COMPILER), *options, "page.tex"], cwd=tmp_path, capture_output=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]
