"""A Hugging Face hub on this machine: one model, at one revision."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves the files of a folder as the repository `name`, at "v1" and its commit.

    Attributes:
        asked: the paths of all requests.
    """

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.folder = name, folder
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        names = sorted(path.name for path in server.folder.iterdir())
        prefixes = [f"/{server.name}/resolve/{revision}/" for revision in ("v1", COMMIT)]
        api = f"/api/models/{server.name}"
        path = self.path.partition("?")[0]
        if path in (api, *(f"{api}/revision/{revision}" for revision in ("v1", COMMIT))):
            siblings = [{"rfilename": name} for name in names]
            about = {"id": server.name, "sha": COMMIT, "siblings": siblings, "tags": []}
            self._answer(json.dumps(about).encode())
        elif path == f"{api}/tree/{COMMIT}":
            sizes = {name: (server.folder / name).stat().st_size for name in names}
            files = [{"type": "file", "path": name, "size": sizes[name]} for name in names]
            self._answer(json.dumps([each | {"oid": COMMIT} for each in files]).encode())
        elif any(path == prefix + name for prefix in prefixes for name in names):
            self._answer((server.folder / Path(path).name).read_bytes())
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hub(name: str, folder: Path) -> Iterator[Hub]:
    with Hub(name, folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
