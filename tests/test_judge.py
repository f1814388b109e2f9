"""Judges: what they are asked, how replies are read, and a server that fails and comes back."""

from __future__ import annotations

import json
import re
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from analysis.load import load
from harness.__main__ import main
from harness.config.compose import command_config
from harness.config.judge import Judge
from harness.judging import client
from harness.judging.questions import score_question
from harness.judging.replies import replies_in
from harness.records import RESPONSES, RESULT, ResponseRecord, Result
from harness.records.storage import read_json, read_jsonl
from tests import fakes
from tests.judge_server import serving
from tests.test_judge_replies import ANSWER

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason="needs the extra judge")


def knows(body: dict[str, Any], key: str) -> str:
    """A judge that gives 100 to what is right and 10 to all else."""
    text = body["messages"][0]["content"]
    found = re.search(r"correct output `(.*)`, score the model response `(.*)` on a", text, re.S)
    assert found is not None
    return json.dumps({"score": 100 if found[1] == found[2] else 10})


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=5)


def results(sweep: Path) -> dict[str, Result]:
    return {path.parent.name: read_json(path, Result) for path in sweep.glob(f"*/{RESULT}")}


def judge(sweep: Path, url: str, *more: str) -> int:
    return main(["judge", str(sweep), "model=tiny", f"url={url}", "patience=0", *more])


def test_scores_reach_the_records_agreement_comes_first_and_nothing_is_asked_twice(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = results(sweep)
    with serving(knows) as server:
        assert judge(sweep, server.url, "price_in=2.5", "price_out=10") == 0
        said = capsys.readouterr().out.splitlines()
        asked = len(server.requests)
        assert judge(sweep, server.url) == 0
        assert len(server.requests) == asked
    again = capsys.readouterr().out.splitlines()
    assert said[0].startswith("agreement with exact match: AUC 1.00; mean 100.0 where it matches")
    assert "full-nano-100-joint-0: judge " in said[1] and said[1].endswith("over 5 of 5 answers")
    cost = asked * (100 * 2.5 + 10 * 10) / 1e6
    assert said[-1] == (
        f"asked {asked} times; all replies: {asked * 100:,} tokens in, {asked * 10} out, "
        f"cost {cost:.4f}; replies as json_schema"
    )
    assert again[:-1] == said[:-1] and again[-1].startswith("asked 0 times")
    for name, result in results(sweep).items():
        records = list(read_jsonl(sweep / name / RESPONSES, ResponseRecord))
        expected = [100.0 if record.scores["exact_match"] else 10.0 for record in records]
        assert [record.scores["judge"] for record in records] == expected
        assert result.scores["judge"] == sum(expected) / 5 and result.scored["judge"] == 5
        assert (result.scales["judge"].unit, result.scales["judge"].better) == ("of 100", "higher")
        assert result.scores["rouge_l"] == before[name].scores["rouge_l"]
        assert result.nll == before[name].nll
    runs = load(sweep)
    assert set(runs["scores.judge"]) == {each.scores["judge"] for each in results(sweep).values()}


def test_it_is_asked_word_for_word_at_temperature_0_and_blind(sweep: Path) -> None:
    with serving(knows) as server:
        judge(sweep, server.url)
    (first, *_) = read_jsonl(sweep / "full-nano-100-joint-0" / RESPONSES, ResponseRecord)
    body = next(
        body for body in server.requests
        if body["messages"][0]["content"] == score_question(first).text
    )  # fmt: skip
    assert body["temperature"] == 0 and body["model"] == "tiny"
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["score"]
    assert score_question(ANSWER).text == (
        "Given the input `Say it.` and correct output `right`, score the model response `wrong` on "
        "a scale from 0 to 100, where 100 is the best score. Respond with the integer number only."
    )
    assert set(body) == {"model", "messages", "temperature", "max_tokens", "response_format"}


def test_what_cannot_be_read_is_told_to_the_judge_and_null_in_the_end(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda body, key: "Very good!") as server:
        assert judge(sweep, server.url, "attempts=2") == 0
        asked = len(server.requests)
        assert judge(sweep, server.url, "attempts=2") == 0 and len(server.requests) == asked
    told = [body["messages"] for body in server.requests if len(body["messages"]) == 3]
    assert len(told) == asked / 2
    assert [message["content"] for message in told[0][1:]] == [
        "Very good!", "That cannot be read. Respond with the integer number only."
    ]  # fmt: skip
    assert {result.scores["judge"] for result in results(sweep).values()} == {None}
    assert {result.scored["judge"] for result in results(sweep).values()} == {0}
    assert "judge null over 0 of 5 answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("taken", "asked", "status"),
    [
        (["json_schema"], ["json_schema"], 400),
        (["json_object"], ["json_schema", "json_object", "json_object"], 400),
        ([], ["json_schema", "json_object", None, None], 422),
    ],
)
def test_the_strictest_form_that_the_server_takes_is_asked_for_and_kept(
    sweep: Path, taken: list[str], asked: list[str | None], status: int
) -> None:
    def form_of(body: dict[str, Any]) -> str | None:
        form: str | None = body.get("response_format", {}).get("type")
        return form

    def takes(body: dict[str, Any], key: str) -> str | tuple[int, str]:
        form = form_of(body)
        return knows(body, key) if form in (None, *taken) else (status, f"{form}?")

    form = asked[-1] or "text"
    with serving(takes) as server:
        assert judge(sweep, server.url, "concurrency=1") == 0
        count = len(server.requests)
        assert judge(sweep, server.url) == 0 and len(server.requests) == count
    assert [form_of(body) for body in server.requests][: len(asked)] == asked
    said = "Reply with a JSON object of this schema"
    assert (said in server.requests[-1]["messages"][-1]["content"]) == (form == "json_object")
    kept = replies_in(sweep).known.values()
    assert {reply.form for reply in kept} == {form}
    assert json.loads((sweep / ".judge" / "judge.json").read_text())["forms"] == {form: len(kept)}
    assert None not in {result.scores["judge"] for result in results(sweep).values()}


def test_a_server_that_dies_is_waited_for_and_what_it_said_is_kept(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(knows) as server:
        said = server.say
        server.say = lambda body, key: said(body, key) if len(server.requests) < 4 else (503, "no")
        assert judge(sweep, server.url, "concurrency=1") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"harness judge: url={server.url}: Error code: 503")
    assert line.endswith("; the same command goes on from here")
    done = []
    waiting = threading.Thread(
        target=lambda: done.append(judge(sweep, server.url, "patience=20", "concurrency=1"))
    )
    waiting.start()  # nobody listens
    waiting.join(0.3)
    assert waiting.is_alive()
    with serving(knows, server.port) as back:
        waiting.join(20)
    assert done == [0]
    different = {
        score_question(record).text
        for name in results(sweep)
        for record in read_jsonl(sweep / name / RESPONSES, ResponseRecord)
    }
    assert len(back.requests) == len(different) - 3


def test_the_key_comes_from_the_environment_and_stands_nowhere(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(lambda body, key: (401, f"wrong key {key}")) as server:
        assert judge(sweep, server.url) == 2
        assert "wrong key Bearer $OPENAI_API_KEY" in capsys.readouterr().err
        server.say = knows
        assert judge(sweep, server.url) == 0
    assert main(["judge", str(sweep), "model=x", "url=http://me:sk-secret@127.0.0.1/v1"]) == 2
    said = capsys.readouterr()
    assert "expected the key in $OPENAI_API_KEY alone" in said.err
    assert "sk-secret" not in said.err + said.out
    files = [path for path in sweep.rglob("*") if path.is_file()]
    assert any(path.name == "replies.jsonl" for path in files)
    assert all(b"sk-secret" not in path.read_bytes() for path in files)


def test_a_rate_spreads_requests(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("harness.judging.client.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("harness.judging.client.time.sleep", waits.append)
    config = command_config("judge", Judge, ["rate=120", "url=http://127.0.0.1/v1"])
    asking = client.Client(config, replies_in(sweep))
    for _ in range(4):
        asking._pace()
    assert waits == [0.0, 0.5, 1.0, 1.5]


def test_pairs_are_asked_in_both_orders(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def prefers(body: dict[str, Any], key: str) -> str:
        """What is right, else the first."""
        text = body["messages"][0]["content"]
        reference = re.search(r"Correct output:\n(.*?)\n\nResponse A:\n(.*?)\n\nResponse B:", text)
        found = re.search(
            r"Correct output:\n(.*)\n\nResponse A:\n(.*)\n\nResponse B:\n(.*)\n\n", text
        )
        assert found is not None, reference
        return '{"better": "B"}' if found[3] == found[1] else '{"better": "A"}'

    with serving(prefers) as server:
        assert judge(sweep, server.url, "kind=pairs") == 0
    answers = [
        {record.id: record for record in read_jsonl(path, ResponseRecord)}
        for path in sorted(sweep.glob(f"*/{RESPONSES}"))
    ]
    full, none = answers
    kept = json.loads((sweep / ".judge" / "judge_pairs.json").read_text())
    assert len(kept["pairs"]) == 5 and kept["baseline"] == "full"
    for pair in kept["pairs"]:
        own, other = (each[pair["id"]].scores["exact_match"] for each in (none, full))
        assert own is not None and other is not None
        assert pair["verdict"] == 0.5 + (own - other) / 2
    torn = sum(set(pair["orders"]) == {0.0, 1.0} for pair in kept["pairs"])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("agreement with exact match: ") and said[1].startswith("none against")
    assert said[2] == f"the two orders disagree in {torn} of 5 pairs, which count as ties"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere", "model=x", "url=http://h/v1"], "nowhere: no finished run, expected the"),
        (["SWEEP", "url=http://h/v1"], "model: missing, expected model=NAME"),
        (["SWEEP", "model=x", "url=ftp://h"], "url=ftp://h: expected http://HOST/v1"),
        (["SWEEP", "model=x"], "$OPENAI_API_KEY: missing, expected a key"),
        (["SWEEP", "model=x", "name=chrf", "url=http://h/v1"],
         "name=chrf: a score of that name is measured"),
        (["SWEEP", "model=x", "kind=pairs", "baseline=zz", "url=http://h/v1"],
         "baseline=zz: found full, none, expected two arms"),
    ],
)  # fmt: skip
def test_a_fault_is_one_line(
    sweep: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    given = [str(sweep) if text == "SWEEP" else text for text in arguments]
    assert main(["judge", *given]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"harness judge: {line}")
