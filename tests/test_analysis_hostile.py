"""One bad run never stops an analysis: it is listed in one line and left out, and nothing in it
reaches a reader's terminal, browser or spreadsheet as anything but text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis import figures
from analysis.cache import CACHE
from analysis.load import read
from analysis.report import render
from analysis.study import study
from harness import records
from tests import fakes
from tests.fakes import shown

BAD = "none-nano-100-joint-0"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return fakes.write_sweep(
        tmp_path / "sweep", masks=("full", "none", "template"), sizes=(100,), prompts=4
    )


def in_result(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A fault that is a change of result.json."""

    def spoil(run: Path) -> None:
        path = run / records.RESULT
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return spoil


def in_config(text: str) -> Callable[[Path], None]:
    """A fault that is a line more in config.yaml."""

    def spoil(run: Path) -> None:
        with (run / records.CONFIG).open("a") as file:
            file.write(text)

    return spoil


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """A fault that is another thing in a file's place."""

    def spoil(run: Path) -> None:
        (run / name).unlink()
        make(run / name)

    return spoil


ALIASES = "\n".join(
    ["bomb:", "  a: &a [x, x, x, x, x, x, x, x, x]"]
    + [
        f"  {b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
)

FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "nan NLL": (
        in_result(lambda found: found["nll"]["test"].update(answer=float("nan"))),
        "result.json: nll.test.answer is nan, expected a finite number",
    ),
    "infinite score": (
        in_result(lambda found: found["scores"].update(rouge_l=float("inf"))),
        "result.json: scores.rouge_l is inf, expected a finite number",
    ),
    "NLL of 1e308": (
        in_result(lambda found: found["nll"]["test"].update(answer=1e308)),
        "result.json: nll.test.answer is 1e+308, beyond what a number here may be",
    ),
    "negative NLL": (
        in_result(lambda found: found["nll"]["test"].update(answer=-1.0)),
        "result.json: nll.test.answer is -1.0, expected at least 0",
    ),
    "empty nll": (
        in_result(lambda found: found.update(nll={})),
        "result.json: no nll.test.answer",
    ),
    "no examples": (
        in_result(lambda found: found.update(n_examples=0)),
        "result.json: n_examples is 0, expected at least 1",
    ),
    "seed beyond 64 bits": (
        in_result(lambda found: found.update(seed=10**30)),
        "result.json: seed is 1e+30, beyond what a number here may be",
    ),
    "count beyond any float": (
        in_result(lambda found: found["counts"].update(truncated=10**400)),
        "result.json: counts.truncated is beyond what a number here may be",
    ),
    "ten thousand scores": (
        in_result(lambda found: found.update(scored={f"s{n}": 1 for n in range(10_000)})),
        "result.json and config.yaml: more than 2,000 values",
    ),
    "result is a folder": (replaced(records.RESULT, Path.mkdir), "result.json: not a plain file"),
    "result is a pipe": (replaced(records.RESULT, os.mkfifo), "result.json: not a plain file"),
    "result is a loop of links": (
        replaced(records.RESULT, lambda path: path.symlink_to(path)),
        "result.json: Too many levels of symbolic links",
    ),
    "result without end": (
        replaced(records.RESULT, lambda path: path.symlink_to("/dev/zero")),
        "result.json: not a plain file",
    ),
    "huge result": (
        replaced(records.RESULT, lambda path: _sparse(path, 1 << 40)),
        "result.json: 1,099,511,627,776 bytes, expected at most 8,388,608",
    ),
    "deep JSON": (
        replaced(records.RESULT, lambda path: path.write_text("[" * 100_000)),
        "result.json: ",
    ),
    "huge config": (
        replaced(records.CONFIG, lambda path: _sparse(path, 1 << 40)),
        "config.yaml: 1,099,511,627,776 bytes, expected at most 524,288",
    ),
    "config is a pipe": (replaced(records.CONFIG, os.mkfifo), "config.yaml: not a plain file"),
    "deep YAML": (
        in_config("deep: " + "[" * 200_000 + "\n"),
        "config.yaml: nested more than 32 deep",
    ),
    "deep YAML in blocks": (
        in_config("deep:\n" + "".join(" " * n + "- \n" for n in range(1, 600))),
        "config.yaml: nested more than 32 deep",
    ),
    "bomb of aliases": (
        in_config(ALIASES + "\n"),
        "config.yaml: more than 10,000 values, aliases counted in full",
    ),
    "YAML tag": (
        in_config("tag: !!python/object/apply:os.system ['true']\n"),
        "config.yaml: not a YAML mapping: could not determine a constructor",
    ),
    "no UTF-8": (
        replaced(records.CONFIG, lambda path: path.write_bytes(b"mask: \xff\xfe\n")),
        "config.yaml: not a YAML mapping",
    ),
    "mask of another type": (
        replaced(records.CONFIG, lambda path: path.write_text("mask: 3\nseed: 0\n")),
        "mask.name=None, result.json has mask='none'",
    ),
}


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_bad_run_is_one_line_and_left_out(sweep: Path, kind: str) -> None:
    spoil, says = FAULTS[kind]
    spoil(sweep / BAD)
    runs, problems, _ = read([sweep])
    assert [(found.run, found.kind) for found in problems] == [(BAD, "corrupt")]
    assert says in problems[0].message
    assert len(str(problems[0])) < 400 and "\n" not in str(problems[0])
    assert sorted(runs["mask"]) == ["full", "template"]


HARMLESS: dict[str, Callable[[Path], None]] = {
    "dates": in_config("day: 2024-01-01\nmoment: 2024-01-01T10:00:00Z\n"),
    "bytes and sets": in_config("raw: !!binary aGVsbG8=\nmany: !!set {a, b}\n"),
    "numbers beyond a float": in_config(f"vast: {10**400}\nnone: .nan\nmost: .inf\n"),
    "layers beyond a float": in_config(f"model: {{name: nano, layers: {10**300}, width: 2}}\n"),
    "no exact_match": in_result(lambda found: found["scores"].pop("exact_match")),
    "no scores": in_result(lambda found: found.update(scores={}, scored={}, behaviour={})),
    "unscored": in_result(lambda found: found.update(scores=dict.fromkeys(found["scores"]))),
    "a folder in place of evals": replaced(records.EVALS, Path.mkdir),
    "a pipe in place of evals": replaced(records.EVALS, os.mkfifo),
    "a pipe in place of responses": replaced(records.RESPONSES, os.mkfifo),
    "a loop beside it": lambda run: (run.parent / "loop").symlink_to(run.parent / "loop"),
    "its sweep within it": lambda run: (run.parent / "again").symlink_to(run.parent),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_a_run_says_besides_its_figures_costs_it_nothing(sweep: Path, kind: str) -> None:
    HARMLESS[kind](sweep / BAD)
    found = study([sweep])
    assert sorted(found.runs["mask"]) == ["full", "none", "template"]
    assert all("\n" not in str(problem) for problem in found.all_problems)
    render(found, {}, {})
    shown(found)


EVALS = {
    "nan": ('"nats": NaN', "roles.response.nats is nan, expected a finite number"),
    "negative tokens": ('"tokens": -5', "roles.response.tokens is -5, expected at least 0"),
    "no JSON": ("", ""),
}


@pytest.mark.parametrize("kind", EVALS)
def test_a_bad_evaluation_is_named_by_its_line(sweep: Path, kind: str) -> None:
    path = sweep / BAD / records.EVALS
    lines = path.read_text().splitlines()
    record = json.loads(lines[1])
    if kind == "nan":
        record["roles"]["response"]["nats"] = float("nan")
    elif kind == "negative tokens":
        record["roles"]["response"]["tokens"] = -5
    lines[1] = "{" if kind == "no JSON" else json.dumps(record)
    path.write_text("\n".join(lines))
    found = study([sweep])
    (problem,) = found.all_problems
    assert problem.run == BAD and problem.message.startswith("evals.jsonl:2: ")
    assert EVALS[kind][1] in problem.message
    assert "none" in found.effects["nll.test.answer"]["arm"].tolist()
    assert figures.FIGURES["mechanism"].draw(found).axes


@pytest.mark.parametrize("score", ["row", "id", "prompt", "arm", "nats"])
def test_a_score_may_have_any_name(sweep: Path, score: str) -> None:
    for path in sweep.glob(f"*/{records.RESPONSES}"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line["scores"][score] = 0.5
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = study([sweep])
    assert len(found.responses[0]) == 12
    assert set(found.over_prompts["outcome"]) >= {"nll.test.answer", "scores.exact_match"}
    assert "Spell word 0" in render(found, {}, {})


CACHES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("not parquet"),
    "empty": lambda path: path.write_bytes(b""),
    "folder": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "foreign": lambda path: _foreign(path, {"a": [1, 2]}),
    "no stamp": lambda path: _foreign(path, {"run": [BAD]}),
    "numbers for names": lambda path: _foreign(path, {"run": [1], "stamp": [2]}),
    "undeclared column": lambda path: _foreign(path, {"run": ["x"], "stamp": ["y"], "z": [1]}),
    "a byte off": lambda path: _flipped(path),
}


def _foreign(path: Path, content: dict[str, list[Any]]) -> None:
    import pandas as pd

    pd.DataFrame(content).to_parquet(path)


def _flipped(path: Path) -> None:
    read([path.parent])
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) // 2):
        content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("kind", CACHES)
def test_a_foreign_or_damaged_cache_is_made_again(sweep: Path, kind: str) -> None:
    CACHES[kind](sweep / CACHE)
    runs, problems, _ = read([sweep])
    assert problems == []
    assert sorted(runs["mask"]) == ["full", "none", "template"]


def test_an_unreadable_config_of_dates_pairs_as_any_other(sweep: Path) -> None:
    for path in sweep.glob(f"*/{records.CONFIG}"):
        content = yaml.safe_load(path.read_text()) | {"day": "2024-01-01"}
        path.write_text(yaml.safe_dump(content).replace("'2024-01-01'", "2024-01-01"))
    assert len(study([sweep]).pairs) == 2
