"""A small OpenAI-compatible server on 127.0.0.1, in a thread, that says what a test tells it to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Said = str | tuple[int, str]
"""A reply, or a status with an error's message."""


@dataclass
class Server:
    """What was asked of it.

    Attributes:
        say: request and its Authorization -> what to say.
        requests: bodies, in the order in which they came.
        times: when each came, in seconds.
        port: where it listens.
    """

    say: Callable[[dict[str, Any], str], Said]
    requests: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def serving(say: Callable[[dict[str, Any], str], Said], port: int = 0) -> Iterator[Server]:
    """Serve while the block lasts; a port of 0 is any that is free."""
    server = Server(say)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(body)
            server.times.append(time.monotonic())
            said = server.say(body, str(self.headers["Authorization"]))
            status, content = _written(said, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Tests look at what the command says."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as http:
        server.port = http.server_address[1]
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            http.shutdown()


def _written(said: Said, body: dict[str, Any]) -> tuple[int, bytes]:
    if isinstance(said, tuple):
        return said[0], json.dumps({"error": {"message": said[1]}}).encode()
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": said},
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    whole = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
    return 200, json.dumps({**whole, "choices": [choice], "usage": usage}).encode()
