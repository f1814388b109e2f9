"""A Hugging Face hub on this machine: one model or one set, at one revision."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Serves the files of a folder as the repository `name`, at "v1" and its commit.

    Attributes:
        kind: "models" or "datasets".
        asked: the paths of all requests.
    """

    def __init__(self, name: str, folder: Path, kind: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.folder, self.kind = name, folder, kind
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
        home = f"/{server.name}" if server.kind == "models" else f"/{server.kind}/{server.name}"
        prefixes = [f"{home}/resolve/{revision}/" for revision in ("v1", COMMIT)]
        api = f"/api/{server.kind}/{server.name}"
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
            kind = "RepoNotFound"
            if path.startswith((*prefixes, f"{api}/tree/")):
                kind = "EntryNotFound"
            elif path.startswith((f"{home}/", f"{api}/")):
                kind = "RevisionNotFound"
            self.send_header("X-Error-Code", kind)
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
def hub(name: str, folder: Path, kind: str = "models") -> Iterator[Hub]:
    with Hub(name, folder, kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def said_of(code: str, folder: Path, url: str, *paths: str) -> list[str]:
    """What a process says of each path, a line each. Of its own, since the hub's library reads its
    address when it is imported.
    """
    command = [sys.executable, "-c", code, *paths]
    given = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(folder / "home")}
    done = subprocess.run(command, capture_output=True, text=True, env=given, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths), done
    return lines
