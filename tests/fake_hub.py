"""A hub of model repositories on this machine, which can drop connections, fail, and send what it did not promise.

It speaks as much of the hub's HTTP interface as huggingface_hub 2.4.0 asks for: `/api/models/…`, its tree, and
`/resolve/…` with `ETag`, `X-Repo-Commit` and ranges. Files named `*.pt` and `*.safetensors` are large files.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

COMMIT = "c" * 40


@dataclass
class FakeHub:
    """Its `repositories` hold content by path; the rest is how it misbehaves, by path, and what it was asked."""

    repositories: dict[str, dict[str, bytes]]
    commit: str = COMMIT
    drops: dict[str, int] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    sends: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    endpoint: str = ""

    def downloads(self) -> list[str]:
        """Paths whose content was asked for, with the first byte where that is not 0."""
        return [path for method, path in self.asked if method == "GET"]

    def entry(self, repository: str, path: str) -> dict[str, object]:
        """Describe a file as the tree does."""
        content = self.repositories[repository][path]
        git_sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git_sha1}
        if path.endswith((".pt", ".safetensors")):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return entry


class Handler(BaseHTTPRequestHandler):
    """Answers for the hub of its subclass."""

    hub: ClassVar[FakeHub]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(tree|revision)/([^/]+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        found = api or file
        if found is None or found[1] not in self.hub.repositories:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif api is not None:
            self._describe(api[1], tree=api[2] == "tree")
        elif file is not None and file[3] in self.hub.fails:
            self._send(403, b"")
        elif file is not None:
            self._content(file[1], file[3])

    def _describe(self, repository: str, *, tree: bool) -> None:
        entries = [self.hub.entry(repository, path) for path in self.hub.repositories[repository]]
        siblings = [
            {"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]}
            | ({"lfs": {**lfs, "sha256": lfs["oid"]}} if isinstance(lfs := entry.get("lfs"), dict) else {})
            for entry in entries
        ]
        info = {"id": repository, "modelId": repository, "sha": self.hub.commit, "siblings": siblings}
        self._send(200, json.dumps(entries if tree else info).encode(), {"Content-Type": "application/json"})

    def _content(self, repository: str, path: str) -> None:
        entry = self.hub.entry(repository, path)
        content = self.hub.sends.get(path, self.hub.repositories[repository][path])
        start = int(re.sub(r"\D", "", self.headers.get("Range", "0").partition("-")[0]))
        self.hub.asked.append((self.command, f"{path}@{start}" if start else path))
        lfs = entry.get("lfs")
        headers = {
            "ETag": f'"{lfs["oid"] if isinstance(lfs, dict) else entry["oid"]}"',
            "X-Repo-Commit": self.hub.commit,
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = None
        if self.command == "GET" and self.hub.drops.get(path, 0) > 0:
            self.hub.drops[path] -= 1
            cut = len(content) // 2
        self._send(206 if start else 200, content[start:], headers, cut)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
        self.close_connection = cut is not None

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve `hub` on a free port of this machine until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
