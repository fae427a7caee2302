"""A hub in the place of the real one: what is uploaded is kept, and given out over HTTP as huggingface_hub asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest import mock

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = dict[str, bytes]


@dataclass
class Uploads:
    """What was uploaded, by repository, and how it was asked for."""

    files: dict[str, Files] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def make_api(self, token: str | None = None) -> Any:
        """In the place of `huggingface_hub.HfApi`."""
        self.options["token"] = token
        return self

    def create_repo(self, *, repo_id: str, private: bool | None, exist_ok: bool) -> Any:
        self.options |= {"private": private, "exist_ok": exist_ok}
        return SimpleNamespace(repo_id=repo_id)

    def upload_folder(self, *, repo_id: str, folder_path: Path, **options: Any) -> Any:
        self.files[repo_id] = {path.name: path.read_bytes() for path in folder_path.iterdir()}
        self.options |= options
        return SimpleNamespace(commit_url=f"hub/{repo_id}/commit/{COMMIT[:8]}")


@contextmanager
def collect_uploads() -> Iterator[Uploads]:
    """Uploads go nowhere."""
    uploads = Uploads()
    with mock.patch("huggingface_hub.HfApi", uploads.make_api):
        yield uploads


class _Handler(BaseHTTPRequestHandler):
    """Answers what huggingface_hub asks for to download files of `repositories`; `me/gated` is one that nobody may read."""

    repositories: Mapping[str, Files]

    def do_GET(self) -> None:
        self.answer(whole=True)

    def do_HEAD(self) -> None:
        self.answer(whole=False)

    def answer(self, *, whole: bool) -> None:
        owner, name, *rest = self.path.partition("?")[0].removeprefix("/api/models").strip("/").split("/")
        files = self.repositories.get(f"{owner}/{name}")
        if f"{owner}/{name}" == "me/gated":
            self.refuse(403, "GatedRepo")
        elif files is None:
            self.refuse(401, "RepoNotFound")
        elif rest[:2] in (["revision", "lost"], ["tree", "lost"]):
            self.refuse(404, "RevisionNotFound")
        elif self.path.startswith("/api/"):
            self.describe(f"{owner}/{name}", files, rest)
        elif "/".join(rest[2:]) not in files:
            self.refuse(404, "EntryNotFound")
        else:
            self.send(files["/".join(rest[2:])], "application/octet-stream", whole=whole)

    def describe(self, repo: str, files: Files, rest: list[str]) -> None:
        entries = [{"type": "file", "path": path, "oid": COMMIT, "size": len(files[path])} for path in files]
        about = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]}
        self.send(json.dumps(entries if rest[:1] == ["tree"] else about).encode(), "application/json", whole=True)

    def send(self, content: bytes, kind: str, *, whole: bool) -> None:
        self.send_response(200)
        etag = hashlib.sha256(content).hexdigest()
        headers = {"Content-Type": kind, "Content-Length": len(content), "ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if whole:
            self.wfile.write(content)

    def refuse(self, status: int, reason: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def serve_hub(repositories: Mapping[str, Files]) -> Iterator[str]:
    """The address of a hub on this machine that has these repositories."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"repositories": repositories}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
