"""Named sets, fetched from a local server that cuts the line, lies, and vanishes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from harness.config.named import Named, Remote
from harness.config.validate import ConfigError
from harness.data import fetch
from harness.data.errors import DataError
from harness.data.sources import load
from harness.paths import CONF
from tests.tiny import run_of

CONTENT = "".join(
    json.dumps({"question": f"What is {n} and 1?", "answer": str(n + 1)}) + "\n" for n in range(400)
).encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` in the ways that a test asks for.

    Attributes:
        content: the file.
        cut: bytes after which a connection ends; 0 for never.
        ranges: whether parts may be asked for.
        status: what is answered instead of the file; 0 for the file.
        asked: the `Range` of each request, "" for the whole.
    """

    content = CONTENT
    cut = 0
    ranges = True
    status = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/sums.jsonl"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range", "")
        server.asked.append(wanted)
        if server.status:
            self.send_error(server.status)
            return
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if begin >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        rest = server.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: server.cut or None])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(fetch.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def get(server: Server, hash: str = f"sha256:{SHA256}") -> Path:
    remote = Remote(url=server.url, hash=hash)
    return fetch.fetched("data=sums", remote, fetch.cache_folder() / "sums", lambda *_: None)


def kept(cache: Path) -> list[str]:
    """Files of the cache, its lock aside."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.name != "lock")


def test_a_file_is_fetched_once_and_read_offline_afterwards(server: Server, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    remote = Remote(url=server.url, hash=f"sha256:{SHA256}")
    path = fetch.fetched("data=sums", remote, cache, lambda *state: told.append(state))
    assert path.read_bytes() == CONTENT and kept(cache) == ["sums.jsonl"]
    assert told[-1] == (len(CONTENT), len(CONTENT)) and server.asked == [""]
    server.status = 500
    again = fetch.fetched("data=sums", remote, cache, lambda *_: None)
    assert again == path and server.asked == [""]


def test_a_cut_line_is_taken_up_where_it_broke(server: Server) -> None:
    server.cut = 7_000
    assert get(server).read_bytes() == CONTENT
    assert server.asked == ["", "bytes=7000-", "bytes=14000-"]


def test_what_an_earlier_command_fetched_is_kept(server: Server, cache: Path) -> None:
    server.cut, server.status = 0, 503
    with pytest.raises(DataError, match="the server says 503"):
        get(server)
    server.status = 0
    path = get(server)
    path.rename(path.with_name("sums.jsonl.part"))
    path.with_name("sums.jsonl.part").write_bytes(CONTENT[:9_000])
    server.asked.clear()
    assert get(server).read_bytes() == CONTENT and server.asked == ["bytes=9000-"]
    path.rename(path.with_name("sums.jsonl.part"))
    assert get(server).read_bytes() == CONTENT and kept(cache) == ["sums.jsonl"]


def test_a_server_without_parts_begins_anew(server: Server, cache: Path) -> None:
    server.ranges = False
    path = get(server)
    path.rename(path.with_name("sums.jsonl.part"))
    path.with_name("sums.jsonl.part").write_bytes(b"something old")
    assert get(server).read_bytes() == CONTENT and kept(cache) == ["sums.jsonl"]


def test_a_server_that_brings_nothing_is_left_after_five_attempts(server: Server) -> None:
    server.ranges, server.cut = False, 100
    with pytest.raises(DataError, match=r"cannot fetch .*; expected to be online the first time"):
        get(server)
    assert len(server.asked) == fetch.ATTEMPTS + 1


def test_another_content_than_the_hash_says_is_refused_and_removed(
    server: Server, cache: Path
) -> None:
    server.content = CONTENT[:-3] + b"9}\n"
    other = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(DataError) as caught:
        get(server)
    assert str(caught.value) == (
        f"data=sums: {server.url} is sha256:{other}, expected sha256:{SHA256}; "
        "what was fetched is removed"
    )
    assert kept(cache) == []


def test_a_file_that_was_changed_in_the_cache_is_refused(server: Server, cache: Path) -> None:
    get(server).write_bytes(b"changed")
    with pytest.raises(DataError, match=r"expected sha256:.*; what was fetched is removed"):
        get(server)
    assert kept(cache) == [] and get(server).read_bytes() == CONTENT


def test_gits_name_of_a_content_will_do(server: Server) -> None:
    server.content = b"what is up, doc?"  # of the book Pro Git, chapter 10.2
    assert get(server, "git:bd9dbf5aae1a3862dd1526723246b20206e5fc37").is_file()


def test_without_a_hash_the_first_content_holds(server: Server, cache: Path) -> None:
    path = get(server, "")
    assert path.with_name("sums.jsonl.sha256").read_text() == f"sha256:{SHA256}\n"
    path.unlink()
    server.content = CONTENT + CONTENT
    with pytest.raises(DataError, match=f"expected sha256:{SHA256}"):
        get(server, "")
    assert kept(cache) == ["sums.jsonl.sha256"]


@pytest.mark.parametrize(
    ("status", "count", "fault"),
    [(404, 1, "the server says 404 Not Found"), (503, 5, "the server says 503")],
)
def test_a_set_that_vanished_is_one_line(
    server: Server, status: int, count: int, fault: str
) -> None:
    server.status = status
    with pytest.raises(DataError) as caught:
        get(server)
    line = str(caught.value)
    assert line.startswith(f"data=sums: cannot fetch {server.url} ({fault}") and "\n" not in line
    assert line.endswith("sums.jsonl") and len(server.asked) == count


def test_an_address_that_is_none_is_one_line(server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="refused"):
        get(server)
    for url in ("file:///etc/passwd", "https://example.org/", "sums.jsonl"):
        with pytest.raises(DataError, match=f"'{re.escape(url)}', expected the address of a file"):
            fetch.fetched("data=sums", Remote(url=url, hash=""), Path(), lambda *_: None)


def test_a_named_set_gives_examples_and_tells_its_licence(server: Server) -> None:
    named = (
        f"{{train: {{url: '{server.url}', hash: 'sha256:{SHA256}'}}, test: null, "
        "licence: CC0, citation: Nobody 2026}"
    )
    run = run_of("data=gsm8k", "data.test=30", f"++data.named={named}")
    splits = load(run.data)
    assert len(splits.pool) == 270 and len(splits.test) == 30
    assert splits.notes[0] == f"data=gsm8k: licence CC0; Nobody 2026; {server.url}"
    assert splits.notes[1].endswith("sums.jsonl: 400 examples from question, answer")


def test_a_named_set_may_be_several_files(server: Server) -> None:
    files = [
        Remote(url=server.url, hash=f"sha256:{SHA256}"),
        Remote(url=f"{server.url}?again", hash=""),
    ]
    named = Named(train=files, test=None, licence="CC0", citation="Nobody 2026")
    splits = load(replace(run_of("data=gsm8k", "data.test=30").data, named=named))
    assert splits.notes[0] == f"data=gsm8k: licence CC0; Nobody 2026; {server.url} and 1 more"
    assert len(splits.pool) == 270 and splits.duplicates == 400


def test_a_set_without_a_file_is_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        run_of("data=gsm8k", "++data.named.train=5")
    assert str(caught.value) == "data.named.train=5: expected an object or a list, [A,B]"


SETS = [path for path in CONF.glob("data/*.yaml") if "source: named" in path.read_text()]


@pytest.mark.parametrize("path", SETS, ids=lambda path: str(path.stem))
def test_every_set_is_pinned_and_tells_licence_and_citation(path: Path) -> None:
    run = run_of(f"data={path.stem}")
    assert run.data.name == path.stem and run.data.named is not None
    for remote in (*run.data.named.files, run.data.named.test):
        assert remote is None or (remote.hash and re.search(r"/[0-9a-f]{40}/", remote.url))
    assert run.data.named.licence and run.data.named.citation
    assert path.read_text().startswith("# ") and "source" in yaml.safe_load(path.read_text())


def test_so_many_sets_come_along() -> None:
    assert len(SETS) == 10
