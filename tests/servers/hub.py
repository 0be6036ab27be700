"""A loopback hub of models: what huggingface_hub asks for, over real sockets, with faults on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """``files`` of the models by ``ORG/NAME``. ``gated`` ones are refused, ``cut`` ends the first download of that
    file after so many bytes, and what comes next is answered 500 until ``mend``."""

    def __init__(self, models: Mapping[str, Mapping[str, bytes]], gated: frozenset[str] = frozenset()) -> None:
        self.models, self.gated = models, gated
        self.cut: dict[str, int] = {}
        self.broken = False
        self.ranges: list[str] = []
        """Of the downloads that went on from somewhere, ``Range``."""
        self.url = ""

    def mend(self) -> None:
        self.cut, self.broken = {}, False


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            parts = parts[2:] if api else parts
            model, revision = "/".join(parts[:2]), parts[3] if len(parts) > 3 else "main"
            if model in hub.gated:
                return self.refuse(403, "GatedRepo")
            if model not in hub.models:
                return self.refuse(404, "RepoNotFound")
            if revision not in ("main", COMMIT):
                return self.refuse(404, "RevisionNotFound")
            files = hub.models[model]
            if api:
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                body = {"id": model, "modelId": model, "sha": COMMIT, "siblings": siblings, "tags": []}
                return self.send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
            return self.file("/".join(parts[4:]), files)

        def file(self, name: str, files: Mapping[str, bytes]) -> None:
            if name not in files:
                return self.refuse(404, "EntryNotFound")
            data = files[name]
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
            if self.command == "HEAD":
                return self.send(200, data, headers)
            if hub.broken:
                return self.refuse(500, "Broken")
            asked = self.headers.get("Range", "")
            if not asked:
                return self.send(200, data, headers, hub.cut.pop(name, -1))
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.send(206, data[start:], headers)

        def refuse(self, status: int, code: str) -> None:
            self.send(status, b"", {"X-Error-Code": code})

        def send(self, status: int, body: bytes, headers: Mapping[str, str], cut: int = -1) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(body if cut < 0 else body[:cut])
            if cut >= 0:
                hub.broken, self.close_connection = True, True

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
