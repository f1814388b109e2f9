"""Run folders that are torn, foreign or put together by hand, for `report` and `status`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes import config, fades, write_run, write_sweep
from tests.hostile.case import Area, Make
from tests.hostile.make import directory, edited, fifo, link, removed, several, text, torn

AREA = Area("run folders")
refuse, work = AREA.refuse, AREA.work

REPORT = ["report", "s"]
BAD = "s/none-nano-100-joint-0"
"""The run that is damaged; those of the other masks are sound."""

LISTED = r"none-nano-100-joint-0"


def sweep(folder: Path) -> None:
    """A small sweep that has finished: three masks."""
    write_sweep(folder / "s", sizes=(100,), seeds=(0, 1), prompts=8)


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> Make:
    """The sweep with a JSON file of one run changed."""

    def rewrite(content: bytes) -> bytes:
        record = json.loads(content)
        change(record)
        return json.dumps(record).encode()

    return several(sweep, edited(f"{BAD}/{name}", rewrite))


def replaced(name: str, content: str) -> Make:
    """The sweep with a file of one run of other content."""
    return several(sweep, text(f"{BAD}/{name}", content))


def put(*path: str, value: object) -> Callable[[dict[str, Any]], object]:
    """Set a value below keys."""

    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value

    return change


def dropped(*path: str) -> Callable[[dict[str, Any]], object]:
    """Remove a value below keys."""

    def change(record: dict[str, Any]) -> None:
        for key in path[:-1]:
            record = record[key]
        del record[path[-1]]

    return change


RESULT = "result.json"
for name, make in {
    "an empty result": replaced(RESULT, ""),
    "a torn result": several(sweep, edited(f"{BAD}/{RESULT}", lambda content: content[:200])),
    "a result of a list": replaced(RESULT, "[]"),
    "a result of null": replaced(RESULT, "null"),
    "a result 100,000 deep": replaced(RESULT, "[" * 100_000),
    "a result that is no UTF-8": replaced(RESULT, "\udcff"),
    "a result of zeros": replaced(RESULT, "\x00" * 4_096),
    "a result without losses": changed(RESULT, put("nll", value={})),
    "a result without test losses": changed(RESULT, dropped("nll", "test")),
    "a result without the answer's loss": changed(RESULT, dropped("nll", "test", "answer")),
    "a loss that is no number": changed(RESULT, put("nll", "test", "answer", value=float("nan"))),
    "a loss of infinity": changed(RESULT, put("nll", "test", "answer", value=float("inf"))),
    "a loss of 1e308": changed(RESULT, put("nll", "test", "answer", value=1e308)),
    "a loss of a text": changed(RESULT, put("nll", "test", "answer", value="low")),
    "a negative size": changed(RESULT, put("n_examples", value=-5)),
    "no examples": changed(RESULT, put("n_examples", value=0)),
    "a size beyond 64 bits": changed(RESULT, put("n_examples", value=10**30)),
    "a seed beyond 64 bits": changed(RESULT, put("seed", value=10**30)),
    "a missing key": changed(RESULT, dropped("fairness")),
    "another version": changed(RESULT, put("schema", value=99)),
    "another mask than in its config": changed(RESULT, put("mask", value="full")),
    "versions of a list": changed(RESULT, put("provenance", value=[1])),
    "a result that is a folder": several(
        sweep, removed(f"{BAD}/{RESULT}"), directory(f"{BAD}/{RESULT}")
    ),
    "a result that is a named pipe": several(
        sweep, removed(f"{BAD}/{RESULT}"), fifo(f"{BAD}/{RESULT}")
    ),
    "a result that links to itself": several(
        sweep, removed(f"{BAD}/{RESULT}"), link(f"{BAD}/{RESULT}", RESULT)
    ),
    "no config": several(sweep, removed(f"{BAD}/config.yaml")),
    "an empty config": replaced("config.yaml", ""),
    "a config of a list": replaced("config.yaml", "- 1\n- 2\n"),
    "a config that is no YAML": replaced("config.yaml", "mask: {name: [\n"),
    "a config with a tag": replaced("config.yaml", "mask: !!python/object/apply:os.getcwd []\n"),
    "a config 100,000 deep": replaced("config.yaml", "mask: " + "[" * 100_000 + "\n"),
    "a config of blocks 20,000 deep": replaced(
        "config.yaml", "mask:\n" + "".join(" " * n + "k:\n" for n in range(1, 20_000, 10))
    ),
    "a config with an alias bomb": replaced(
        "config.yaml",
        "mask:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)),
    ),
    "a config with an alias to itself": replaced("config.yaml", "mask: &m {name: none, x: *m}\n"),
    "a config that is no UTF-8": replaced("config.yaml", "mask: \udcff\n"),
    "torn evaluations": several(
        sweep, edited(f"{BAD}/evals.jsonl", lambda content: content[:-40])
    ),
    "evaluations of null": replaced("evals.jsonl", "null\n"),
    "evaluations of zeros": replaced("evals.jsonl", "\x00" * 512),
    "torn responses": several(
        sweep, edited(f"{BAD}/responses.jsonl", lambda content: content[:-40])
    ),
    "responses of other records": replaced("responses.jsonl", '{"a": 1}\n'),
    "a failure that is torn": several(
        sweep, removed(f"{BAD}/{RESULT}"), text(f"{BAD}/failure.json", "{")
    ),
    "a failure of many lines": several(
        sweep,
        removed(f"{BAD}/{RESULT}"),
        text(f"{BAD}/failure.json", json.dumps({
            "schema": 1, "status": "failed", "run": "r", "identity": "i", "error": "a\nb\x1b[31m",
        })),
    ),
}.items():  # fmt: skip
    work(f"{name} is listed and left out", REPORT, LISTED, make=make,
         leaves=("s/report/index.html",))  # fmt: skip

# Runs that are odd and yet sound.
for name, make in {
    "no exact match": changed(RESULT, dropped("scores", "exact_match")),
    "no scores": changed(RESULT, put("scores", value={})),
    "a score that nobody knows": changed(RESULT, put("scores", "my score", value=0.5)),
    "no responses": several(sweep, removed(f"{BAD}/responses.jsonl")),
    "no evaluations": several(sweep, removed(f"{BAD}/evals.jsonl")),
    "dates in the config": several(sweep, edited(
        f"{BAD}/config.yaml",
        lambda content: content + b"when: 2020-01-01\nat: 2020-01-01 10:00:00\n")),
    "a key of a number in the config": several(sweep, edited(
        f"{BAD}/config.yaml", lambda content: content + b"extra: {3: a, true: b, null: c}\n")),
    "a cache of something else": several(sweep, text("s/.analysis.parquet", "not a table")),
    "a cache of a foreign table": several(sweep, lambda folder: _foreign(folder / "s")),
    "a cache that is a folder": several(sweep, directory("s/.analysis.parquet")),
    "a folder that links to its parent": several(sweep, link("s/loop", ".")),
    "a folder that links to itself": several(sweep, link("s/loop", "loop")),
    "a folder of something else": several(sweep, text("s/notes/readme.txt", "hello")),
    "files beside the runs": several(sweep, text("s/readme.txt", "hello"), fifo("s/pipe")),
    "a name that is no UTF-8": several(sweep, directory("s/\udcff")),
    "a thousand empty folders": several(
        sweep, *(directory(f"s/x{n}") for n in range(1_000))
    ),
}.items():  # fmt: skip
    work(name, REPORT, make=make, leaves=("s/report/index.html",))


def _foreign(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1, 2]}), folder / ".analysis.parquet")


def named(mask: str) -> Make:
    """The sweep with a mask of this name, as a hand-made config can hold."""

    def make(folder: Path) -> None:
        sweep(folder)
        shutil.rmtree(folder / BAD)
        settings = config("s", "none", "nano", 100, 0)
        settings["mask"]["name"] = mask
        write_run(folder / BAD, settings, fades, prompts=8)

    return make


for name, mask in {
    "a name of maths": "$x^2$",
    "a name of broken maths": r"$\frac{$",
    "a name of an underscore": "_hidden",
    "a name of markup": "<script>alert(1)</script>",
    "a name of a formula": "=1+1",
    "a name of a terminal's escapes": "a\x1b[31mb",
    "a name that turns the writing": "a\u202eb",
    "a name of 2,000 letters": "n" * 2_000,
    "a name of brackets": "[red]x[/nope]",
    "a name of a line break": "a\nb",
    "an empty name": "",
}.items():
    work(name, REPORT, make=named(mask), leaves=("s/report/index.html",))

# Folders that hold nothing to report.
refuse("no such folder", ["report", "nope"], "nope")
refuse("a file", ["report", "records.jsonl"], "records.jsonl")
refuse("an empty folder", REPORT, "s", make=directory("s"))
refuse("no folder named", ["report"], "RUNS|folder|required|expected")
work("a single run's folder", ["report", BAD], "report: ", make=sweep)
refuse("no run finished", REPORT, "s.*no finished run", make=several(
    sweep, removed("s/*/result.json")))  # fmt: skip
refuse("all results torn", REPORT, "s.*no finished run", writes=True, make=several(
    sweep, torn("s/*/result.json")))  # fmt: skip
refuse("no such baseline", [*REPORT, "--baseline", "nope"], "nope.*full", make=sweep, writes=True)
refuse("no such key to vary", [*REPORT, "--vary", "nope"], "nope", make=sweep, writes=True)
refuse("no such figure", [*REPORT, "--figure", "nope"], "nope", make=sweep, writes=True)
refuse("no such option", [*REPORT, "--nope"], "--nope", make=sweep)
refuse("a report into a file", [*REPORT, "--out", "records.jsonl"], "records.jsonl", make=sweep,
       writes=True)  # fmt: skip
refuse("a report into a device", [*REPORT, "--out", "/dev/null"], "/dev/null", make=sweep,
       writes=True)  # fmt: skip
refuse("a report into a forbidden folder", [*REPORT, "--out", "/proc/x"], "/proc/x", make=sweep,
       writes=True)  # fmt: skip
refuse("a report without rights", REPORT, "s/report", user=True, writes=True,
       make=several(sweep, lambda folder: (folder / "s").chmod(0o555)))  # fmt: skip

# Status.
PLAN = "s/.sweep/plan.json"
refuse("status of no folder", ["status", "nope"], "nope")
refuse("status of an empty folder", ["status", "s"], "s", make=directory("s"))
refuse("status of a file", ["status", "records.jsonl"], "records.jsonl")
refuse("status of nothing", ["status"], "sweep|folder|required|expected")
for name, content in {
    "torn": "{", "empty": "", "a list": "[]", "of texts": '{"runs": "a", "launches": []}',
    "deep": "[" * 100_000, "no UTF-8": "\udcff",
}.items():  # fmt: skip
    refuse(f"status with a plan that is {name}", ["status", "s"], r"plan\.json",
           make=text(PLAN, content))  # fmt: skip
PLANNED = {"identity": "i", "contents": "c", "cost": 1.0, "threads": 1}
ELSEWHERE = "status with a plan of runs elsewhere"
work(ELSEWHERE, ["status", "s"], "waiting", make=text(PLAN, json.dumps({
    "runs": [{**PLANNED, "run": "../../../etc"}, {**PLANNED, "run": "a\x1b[31m\nb"}],
    "launches": []})))  # fmt: skip
work("status with a torn result", ["status", "s"], "s:", make=several(
    replaced(RESULT, "{"), text(PLAN, json.dumps({
        "runs": [{**PLANNED, "run": BAD[2:]}], "launches": []}))))  # fmt: skip
