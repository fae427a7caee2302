"""Writes a scene as a PDF of one page, with text in the standard fonts."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.draw.scene import PathShape, Rect, Scene, SceneShape, Text
from archspec.printable import escape_unprintable, replace_unencodable

# Glyph widths in thousandths of the font size, from space to tilde (Adobe's metrics of the standard fonts).
_HELVETICA = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,
    611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833,
    556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667,
    611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889,
    611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
_OTHERS = {0xD7: 584, 0xB7: 278, 0x85: 1000, 0x96: 556, 0x97: 1000}
_ROUND = 0.5523  # control point distance of a cubic Bézier curve for a quarter circle of radius 1
_LARGEST = 14_400.0  # points of a page's longer side


def write_pdf(scene: Scene) -> bytes:
    """The PDF document; characters that cp1252 lacks are spelled or escaped."""
    scale = min(scene.scale or 1.0, _LARGEST / max(scene.width, scene.height))
    content = "\n".join(_format_operators(scene, scale)).encode("cp1252", "replace")
    title = escape_unprintable(scene.title).encode("utf-16-be")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {scene.width * scale:.2f} {scene.height * scale:.2f}] "
            "/Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>"
        ).encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        *(
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
            for name in ("Helvetica", "Helvetica-Bold")
        ),
        b"<< /Title <FEFF%s> >>" % title.hex().upper().encode(),
    ]
    return _assemble_document(objects)


def _assemble_document(objects: list[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(objects),
        table,
    )
    return bytes(out)


def _format_operators(scene: Scene, scale: float) -> Iterator[str]:
    yield f"{scale:.4f} 0 0 {-scale:.4f} 0 {scene.height * scale:.2f} cm"
    yield from _format_shape(Rect(0, 0, scene.width, scene.height, scene.paper, scene.paper, 0, 0))
    for shape in scene.shapes:
        yield from _format_shape(shape)


def _format_shape(shape: SceneShape) -> Iterator[str]:
    if isinstance(shape, Text):
        yield from _format_text(shape)
        return
    thick = shape.thick
    yield f"q {_format_colour(shape.line)} RG {thick:.2f} w"
    if shape.fill:
        yield f"{_format_colour(shape.fill)} rg"
    if isinstance(shape, Rect):
        yield from _format_rounded_rect(shape)
        yield f"{'B' if thick else 'f'} Q"
        return
    yield f"[{' '.join(map(str, shape.dash))}] 0 d"
    yield from _format_path(shape)
    yield f"{'b' if shape.fill else 'S'} Q"


def _format_path(path: PathShape) -> Iterator[str]:
    (x, y), *others = path.points
    yield f"{x:.2f} {y:.2f} m"
    step, word = (1, "l") if path.straight else (3, "c")
    for index in range(0, len(others), step):
        yield " ".join(f"{a:.2f} {b:.2f}" for a, b in others[index : index + step]) + f" {word}"


def _format_rounded_rect(rect: Rect) -> Iterator[str]:
    x0, y0, x1, y1 = rect.x, rect.y, rect.x + rect.width, rect.y + rect.height
    r = min(rect.radius, rect.width / 2, rect.height / 2)
    k = r * (1 - _ROUND)
    yield f"{x0 + r:.2f} {y0:.2f} m {x1 - r:.2f} {y0:.2f} l"
    yield f"{x1 - k:.2f} {y0:.2f} {x1:.2f} {y0 + k:.2f} {x1:.2f} {y0 + r:.2f} c {x1:.2f} {y1 - r:.2f} l"
    yield f"{x1:.2f} {y1 - k:.2f} {x1 - k:.2f} {y1:.2f} {x1 - r:.2f} {y1:.2f} c {x0 + r:.2f} {y1:.2f} l"
    yield f"{x0 + k:.2f} {y1:.2f} {x0:.2f} {y1 - k:.2f} {x0:.2f} {y1 - r:.2f} c {x0:.2f} {y0 + r:.2f} l"
    yield f"{x0:.2f} {y0 + k:.2f} {x0 + k:.2f} {y0:.2f} {x0 + r:.2f} {y0:.2f} c h"


def _format_text(text: Text) -> Iterator[str]:
    shown = replace_unencodable(escape_unprintable(text.text), "cp1252").encode("cp1252")
    share = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor]
    x = text.x - share * sum(_glyph_width(code, text.bold) for code in shown) * text.size / 1000
    literal = shown.decode("cp1252", "replace").replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    yield f"BT {_format_colour(text.colour)} rg /F{2 if text.bold else 1} {text.size:g} Tf 1 0 0 -1 {x:.2f} {text.y:.2f} Tm ({literal}) Tj ET"


def _glyph_width(code: int, bold: bool) -> int:
    widths = _BOLD if bold else _HELVETICA
    return widths[code - 32] if 32 <= code < 127 else _OTHERS.get(code, 556)


def _format_colour(colour: str) -> str:
    return " ".join(f"{int(colour[offset : offset + 2], 16) / 255:.3f}" for offset in (1, 3, 5))
