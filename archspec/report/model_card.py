"""Writes the model card of a saved network from its counts and digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from archspec.markup import escape_markdown
from archspec.numerals import format_grouped, format_sizes

LIBRARY = "archspec"
_TAGS = ("archspec", "pytorch")


def write_model_card(facts: Mapping[str, Any], address: str, *, metadata: Mapping[str, Any] | None = None) -> str:
    """The text of a model card: metadata as YAML front matter, and a page of Markdown.

    Args:
        facts: the `name`, `source`, `params`, `macs`, `depth`, `inputs`, `outputs` and the digests `spec_sha256` and `weights_sha256`.
        address: the repository or folder that the example loads.
        metadata: further entries of the front matter, such as `license`, `tags`, `datasets`.

    >>> facts = {"name": "net", "source": "", "params": 12, "macs": 9, "depth": 1, "inputs": {"input": [3]}, "outputs": {"output": [4]}}
    >>> card = write_model_card(facts | {"spec_sha256": "ab", "weights_sha256": "cd"}, "me/net", metadata={"license": "mit"})
    >>> print(card.partition("# net")[0])
    ---
    library_name: archspec
    tags:
    - archspec
    - pytorch
    license: mit
    ---
    <BLANKLINE>
    <BLANKLINE>
    """
    more = dict(metadata or {})
    given = more.pop("tags", ())
    tags = list(dict.fromkeys((*_TAGS, *([given] if isinstance(given, str) else given))))
    head = yaml.safe_dump({"library_name": LIBRARY, "tags": tags, **more}, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{_write_page(facts, address)}"


def _write_page(facts: Mapping[str, Any], address: str) -> str:
    rows = [
        ("parameters", format_grouped(facts["params"])),
        ("multiply-accumulates of one sample", format_grouped(facts["macs"])),
        ("weighted layers on the longest path", format_grouped(facts["depth"])),
        *((f"input `{name}`", format_sizes(sizes)) for name, sizes in facts["inputs"].items()),
        *((f"output `{name}`", format_sizes(sizes)) for name, sizes in facts["outputs"].items()),
        ("SHA-256 of `spec.yaml`", f"`{facts['spec_sha256']}`"),
        ("SHA-256 of `model.safetensors`", f"`{facts['weights_sha256']}`"),
    ]
    table = "\n".join(f"| {name} | {text} |" for name, text in rows)
    source = f"\nThe network is that of {escape_markdown(facts['source'])}.\n" if facts["source"] else ""
    return f"""# {escape_markdown(facts["name"])}
{source}
The network is described in `spec.yaml`, its weights are in `model.safetensors`, by the names of its `state_dict`.

|  |  |
|---|---|
{table}

```python
import archspec

model = archspec.from_pretrained("{address}")  # a torch module, in evaluation
arch = archspec.load("hub:{address}")  # the architecture: counts, pictures, source, ONNX
```
"""
