"""Writes docs/gallery.md and its pictures. `python docs/gallery.py` writes them anew."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import archspec
from archspec.draw import draw_picture, render_svg
from archspec.draw.picture import Detail, Fit

HERE = Path(__file__).parent
PAGE = HERE / "gallery.md"
PICTURES = HERE / "images" / "gallery"
IMPORTED = HERE / "imported"
"""Specs of networks that are not bundled, as `archspec import` wrote them; each names its source."""

_HEAD = """# The gallery

Pictures of bundled networks and of [imported ones](imported), each with the command that draws it; a test compares them byte for byte. In a browser, a box has a
tooltip with all details of its layer and links to the line of the spec that defines it. Solid blue is an identity skip connection,
dashed orange a projection, green a skip connection into a concatenation, dotted a gate; the legend below each picture explains the
fills. `--theme dark` and `--theme print` have other colours, and the ending of `-o` chooses SVG, PNG, PDF, TikZ, DOT, Mermaid or HTML.
"""


@dataclass(frozen=True)
class Plate:
    """One picture: a network, its level of detail, and a caption."""

    spec: str
    detail: Detail
    caption: str
    depth: int | None = None
    fit: Fit | None = None
    scale: bool = False
    compact: bool = True

    @property
    def name(self) -> str:
        """What it shows, and how."""
        how = (
            "" if self.compact else "every layer",
            "to scale" if self.scale else "",
            f"for a {self.fit}" if self.fit else "",
        )
        return ", ".join(filter(None, (self.detail, *how)))

    @property
    def file(self) -> str:
        how = filter(None, (self.detail, "" if self.compact else "detailed", "scale" if self.scale else "", self.fit))
        return f"{self.spec}-{'-'.join(how)}.svg"

    @property
    def architecture(self) -> archspec.Architecture:
        """The bundled network, or an imported one."""
        path = IMPORTED / f"{self.spec}.yaml"
        return archspec.load(path if path.exists() else self.spec)

    @property
    def commands(self) -> Iterator[str]:
        """What draws it, after the import of what is not bundled."""
        path = IMPORTED / f"{self.spec}.yaml"
        if path.exists():
            yield shlex.join(["archspec", "import", self.architecture.graph.source, "-o", path.name])
        yield self._format_drawing(path.name if path.exists() else self.spec)

    def _format_drawing(self, spec: str) -> str:
        depth = ["--depth", str(self.depth)] if self.depth else []
        how = [] if self.compact else ["--no-compact"]
        how += [*(["--fit", self.fit] if self.fit else []), *(["--scale"] if self.scale else [])]
        return shlex.join(["archspec", "draw", spec, "--detail", self.detail, *depth, *how, "-o", self.file])

    def svg(self) -> str:
        return render_svg(
            draw_picture(
                self.architecture.graph,
                self.detail,
                depth=self.depth,
                fit=self.fit,
                scale=self.scale,
                compact=self.compact,
            )
        )


PLATES = (
    Plate(
        "resnet50", "stages", "One box for each stage; its first bottleneck has a projection, the others an identity."
    ),
    Plate("resnet50", "stages", "Wrapped for a slide.", fit="slide"),
    Plate(
        "resnet50",
        "blocks",
        "The two bottlenecks, named by their skip connections and where they are, and the table of the paper.",
    ),
    Plate("resnet50", "blocks", "The same with every layer.", compact=False),
    Plate("resnet50", "layers", "Every layer; repeated parts are drawn once."),
    Plate("resnet50", "paths", "Its 2^16 paths: the number through each arrow, whose logarithm is its width."),
    Plate("densenet169", "stages", "Dense blocks and transitions; each layer is concatenated to all before it."),
    Plate("densenet169", "blocks", "One dense layer represents all; only the widths differ."),
    Plate("vgg16", "stages", "Boxes by resolution and channels, for a page.", fit="page", scale=True),
    Plate("googlenet_aux", "stages", "Auxiliary heads beside the main path."),
    Plate("densenet169", "paths", "2^82 paths, of which half go past a dense layer."),
    Plate("googlenet", "blocks", "The inception module, with its four branches."),
    Plate("dpn92", "blocks", "A dual path unit: one half is added, the other concatenated."),
    Plate("fractalnet20", "blocks", "A fractal of three columns."),
    Plate("dmrnet_d14", "blocks", "Merge-and-run: both streams get the mean of both."),
    Plate("shufflenet_v2_x1_0", "blocks", "Imported from torchvision: halves of the channels, shuffled."),
    Plate(
        "res2net50_26w_4s",
        "blocks",
        "Imported from timm: convolutions inside a bottleneck are a hierarchy, or side by side.",
    ),
    Plate("gpt2", "layers", "Layers that share a table are in ranks."),
    Plate("unet", "stages", "A network with nested skip connections is drawn as a U."),
    Plate("unet", "stages", "The same to scale.", scale=True),
    Plate("unet", "layers", "Every layer; both ends of a skip connection are at one height."),
    Plate("unet", "paths", "Its five paths, one by one; the number is the length in modules."),
    Plate("lstm", "stages", "A recurrence with its inputs and outputs."),
    Plate("lstm", "layers", "Five steps with shared weights, drawn once."),
    Plate("vit_b_16", "layers", "The encoder block, drawn once."),
    Plate("vit_b_16", "stages", "Patches, a class token, positions, twelve encoder blocks."),
)


def page() -> str:
    return _HEAD + "".join(_shown(plate) for plate in PLATES)


def pictures() -> Iterator[tuple[str, str]]:
    """The name and the content of each file."""
    for plate in PLATES:
        yield plate.file, plate.svg()


def _shown(plate: Plate) -> str:
    image = f"![{plate.spec}: {plate.name}](images/gallery/{plate.file})"
    return (
        f"\n## {plate.spec}: {plate.name}\n\n{plate.caption}\n\n```sh\n{chr(10).join(plate.commands)}\n```\n\n{image}\n"
    )


if __name__ == "__main__":
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, text in pictures():
        (PICTURES / name).write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
