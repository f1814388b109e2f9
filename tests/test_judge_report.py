"""What the report says of judges: how far each agrees with what is measured, and who won."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.setup import setup
from analysis.study import study
from harness.__main__ import main
from harness.judging import agreement
from harness.records import JUDGED
from tests import fakes
from tests.judge_server import serving


def told(sweep: Path) -> dict[str, str]:
    return {name: text for name, text in setup(study([sweep])) if name.startswith("judge ")}


def test_rank_correlation_is_spearmans_over_the_answers_that_have_both() -> None:
    measured: list[dict[str, float | None]] = [
        {"rouge_l": 0.1, "exact_match": 0.0}, {"rouge_l": 0.2, "exact_match": None},
        {"rouge_l": 0.3, "exact_match": 0.0}, {"rouge_l": None, "exact_match": 1.0},
        {"rouge_l": 0.4, "chrf": 0.5},
    ]  # fmt: skip
    # Ranks 1 3 2 4 against 1 2 3 4: 1 − 6 · 2 / (4 · 15); exact match and chrF never vary.
    assert agreement.rank_correlation(measured, [10, 30, 20, None, 40]) == {"rouge_l": 0.8}


def test_agreement_stands_among_what_was_run(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="needs the extra judge")

    def long_is_good(body: dict[str, Any], key: str) -> str:
        return json.dumps({"score": len(body["messages"][0]["content"]) % 101})

    sweep = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,), prompts=5)
    assert told(sweep) == {}
    with serving(long_is_good) as server:
        for _ in range(2):  # the second finds the judge's own scores among the measured ones
            line = ["judge", str(sweep), "model=tiny", f"url={server.url}", "patience=0"]
            assert main(line) == 0
    kept = json.loads((sweep / JUDGED / "judge.json").read_text())
    assert set(kept["rank_correlation"]) == {"exact_match"}
    value = kept["rank_correlation"]["exact_match"]
    assert told(sweep) == {
        "judge judge": f"tiny, {kept['agreement']}; Spearman's ρ over answers: "
        f"exact_match {value:.2f}"
    }


def test_pairs_and_what_cannot_be_read(tmp_path: Path) -> None:
    sweep = fakes.write_sweep(tmp_path / "s", masks=("full", "none"), sizes=(100,))
    (sweep / JUDGED).mkdir()
    tally = {"wins": 3, "ties": 1, "losses": 2, "rate": 7 / 12}
    nothing = {"wins": 0, "ties": 0, "losses": 0, "rate": None}
    pairs = {"model": "m", "agreement": "none", "baseline": "full",
             "arms": {"none": tally, "template": nothing}, "pairs": []}  # fmt: skip
    unread = {"model": "m", "agreement": "none", "unread": 4, "answers": 10}
    for name, content in {"a": pairs, "b": unread, "c": [], "d": {"model": 1}}.items():
        (sweep / JUDGED / f"{name}.json").write_text(json.dumps(content))
    assert told(sweep) == {
        "judge a": "m, none; 'none' against 'full' 58.3% (3 won, 1 tied, 2 lost); 'template' "
        "against 'full' none to be read (0 won, 0 tied, 0 lost)",
        "judge b": "m, none; 4 of 10 answers without a reply to be read",
        "judge c": "its file cannot be read: TypeError",
        "judge d": "its file cannot be read: KeyError",
    }
