"""Makes `archspec/report/libraries/` from the published packages, with npm: `python .ci/bundle_libraries.py`.

The libraries are what d3-zoom needs, in the order of its dependencies, and elkjs. Their files are unchanged.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "archspec" / "report" / "libraries"
D3 = {
    "dispatch": "3.0.2",
    "selection": "3.0.1",
    "drag": "3.0.1",
    "color": "3.1.1",
    "interpolate": "3.0.2",
    "timer": "3.0.2",
    "ease": "3.0.2",
    "transition": "3.0.2",
    "zoom": "3.0.1",
}
PACKAGES = [(f"d3-{name}", version, f"dist/d3-{name}.min.js", "LICENSE") for name, version in D3.items()]
PACKAGES.append(("elkjs", "0.12.1", "lib/elk.bundled.js", "LICENSE.md"))


def read_package(name: str, version: str, code: str, licence: str) -> tuple[str, str, str]:
    """The code of a package, the name of its licence, and the text of it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
        root = Path(folder) / "package"
        facts = json.loads((root / "package.json").read_text(encoding="utf-8"))
        return (root / code).read_text(encoding="utf-8"), facts["license"], (root / licence).read_text(encoding="utf-8")


def main() -> None:
    licences: dict[str, list[str]] = {}
    code: list[str] = []
    for name, version, file, licence in PACKAGES:
        text, short, full = read_package(name, version, file, licence)
        code.append(f"/* {name} {version}, {short} */\n{text.strip()}\n")
        licences.setdefault(full.strip(), []).append(f"{name} {version} ({short})")
    notice = "\n\n".join(f"{', '.join(names)}\n\n{text}" for text, names in licences.items())
    head = f"The source of elkjs: github.com/kieler/elkjs; of d3: github.com/d3.\n\n{notice}\n"
    assert "*/" not in head
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "LICENSES.txt").write_text(head, encoding="utf-8")
    bundle = "".join((f"/*\n{head}*/\n", *code))
    (FOLDER / "libraries.js.gz").write_bytes(gzip.compress(bundle.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
