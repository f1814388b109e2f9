"""A verdict for every mask of a sweep, and the one line that says which to use here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from analysis import columns
from analysis.effects import ALPHA, LEAST_FOR_EQUIVALENCE
from analysis.outcomes import Outcome
from analysis.sign_flips import sign_flip_floor
from analysis.words import amount, chance, interval, listed
from harness.records.counted import counted

Word = Literal["better", "worse", "mixed", "equivalent", "inconclusive"]

ENOUGH = 6
"""The fewest seeds whose sign-flip floor, 2 / 2^6, is below that level."""


class ArmVerdict(NamedTuple):
    """What one outcome says of one mask.

    Attributes:
        arm, baseline: what was compared.
        outcome: in what.
        word: "better" where the arm is better in some cell and worse in none, "worse" likewise,
            "mixed" where both occur, "equivalent" where it is within the margin in every cell.
        reason: the figures, as the table of effects has them.
        better, worse: labels of the cells in which it is so.
        delta: mean of its cells' Δ, to rank arms by and nothing else.
    """

    arm: str
    baseline: str
    outcome: Outcome
    word: Word
    reason: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    delta: float


def judge(effects: pd.DataFrame, outcome: Outcome, baseline: str) -> dict[str, ArmVerdict]:
    """The verdict on each arm of a table of effects."""
    if effects.empty:
        return {}
    varied = [name for name in ("condition", "n_examples") if effects[name].nunique() > 1]
    able = int((effects["n"] >= ENOUGH).sum())
    family = able or len(effects)
    verdicts = {}
    for arm, cells in effects.groupby("arm", sort=False):
        rows = columns.rows(cells.sort_values(["condition", "n_examples"]))
        verdicts[str(arm)] = _judge_arm(str(arm), rows, varied, outcome, baseline, family)
    return verdicts


def _judge_arm(
    arm: str,
    rows: list[dict[str, Any]],
    varied: Sequence[str],
    outcome: Outcome,
    baseline: str,
    family: int,
) -> ArmVerdict:
    certain = [row for row in rows if row["adjusted"] < ALPHA]
    better = tuple(_place(row, varied) for row in certain if row["delta"] > 0)
    worse = tuple(_place(row, varied) for row in certain if row["delta"] < 0)
    # Before 'better' and 'worse': a difference inside the margin is none, whatever its sign.
    equal = all(row["equivalence"] < ALPHA for row in rows)
    word: Word = "inconclusive"
    if equal:
        word = "equivalent"
    elif better and worse:
        word = "mixed"
    elif better or worse:
        word = "better" if better else "worse"
    reasons = {
        "equivalent": _why_equal,
        "mixed": _why_mixed,
        "better": _why_different,
        "worse": _why_different,
        "inconclusive": _why_open,
    }
    reason = reasons[word](rows, varied, outcome, family)
    delta = float(sum(row["delta"] for row in rows) / len(rows))
    return ArmVerdict(arm, baseline, outcome, word, reason, better, worse, delta)


def _place(row: dict[str, Any], varied: Sequence[str]) -> str:
    """A cell's name among the sweep's; "" where there is one alone."""
    parts = []
    if "n_examples" in varied:
        parts.append(f"N = {row['n_examples']:,}")
    if "condition" in varied:
        parts.append(row["condition"])
    return ", ".join(parts)


def _figures(row: dict[str, Any], varied: Sequence[str], outcome: Outcome, family: int) -> str:
    """One cell's figures: the same that its row of the table of effects has."""
    place = _place(row, varied)
    at = f"at {place} " if place else ""
    said = interval(row["delta"], row["low"], row["high"], outcome)
    text = f"{at}Δ = {said} {outcome.unit}, {counted(row['n'], 'seed')}"
    if math.isnan(row["low"]):
        return text
    after = f", {chance(row['adjusted'], 'p')} adjusted over {family} cells" if family > 1 else ""
    return f"{text}, {chance(row['p'], 'p')}{after}"


def _why_different(
    rows: list[dict[str, Any]], varied: Sequence[str], outcome: Outcome, family: int
) -> str:
    certain = [row for row in rows if row["adjusted"] < ALPHA]
    clearest = min(certain, key=lambda row: (row["adjusted"], -abs(row["delta"])))
    count = f"in {len(certain)} of {len(rows)} cells; clearest " if len(rows) > 1 else ""
    return f"{count}{_figures(clearest, varied, outcome, family)}"


def _why_mixed(
    rows: list[dict[str, Any]], varied: Sequence[str], outcome: Outcome, family: int
) -> str:
    certain = [row for row in rows if row["adjusted"] < ALPHA]
    best, worst = max(certain, key=_delta), min(certain, key=_delta)
    return (
        f"better {_figures(best, varied, outcome, family)}; "
        f"worse {_figures(worst, varied, outcome, family)}"
    )


def _delta(row: dict[str, Any]) -> float:
    return float(row["delta"])


def _why_equal(
    rows: list[dict[str, Any]], _varied: Sequence[str], outcome: Outcome, _family: int
) -> str:
    largest = max(rows, key=lambda row: float(row["equivalence"]))
    each = f" in each of {len(rows)} cells" if len(rows) > 1 else ""
    limit = amount(outcome.margin, outcome, signed=False)
    said = interval(largest["delta"], largest["low"], largest["high"], outcome)
    p = chance(largest["equivalence"], "p")
    return f"within ±{limit} {outcome.unit}{each}: Δ = {said}, {p} (TOST)"


def _why_open(
    rows: list[dict[str, Any]], varied: Sequence[str], outcome: Outcome, family: int
) -> str:
    most = max(row["n"] for row in rows)
    clearest = min(rows, key=lambda row: float(row["p"]))
    said = _figures(clearest, varied, outcome, family)
    bounds = sorted({row["bound"] for row in rows if row["bound"]})
    if bounds and all(row["bound"] for row in rows):
        return f"all at the {' and the '.join(bounds)} of the score, which tells nothing of masks"
    if most < 2:
        return f"one seed tells nothing of chance: {said}"
    if sign_flip_floor(most) >= ALPHA:
        floor = chance(sign_flip_floor(most), "p")
        return f"{most} seeds cannot give less than {floor}, {ENOUGH} could: {said}"
    few = min(row["n"] for row in rows) < LEAST_FOR_EQUIVALENCE
    lack = f"; equality takes {LEAST_FOR_EQUIVALENCE} seeds in each cell" if few else ""
    return f"neither a difference nor its absence is shown: {said}{lack}"


def advice(
    verdicts: dict[str, ArmVerdict],
    scored: dict[str, ArmVerdict],
    baseline: str,
    seeds: int,
) -> str:
    """Which mask to use here and why, in one line.

    Args:
        verdicts: on each arm, in the primary outcome.
        scored: on each arm, in the main score; empty where none was measured.
        baseline: what they are compared with.
        seeds: the most of any cell.
    """
    if not verdicts:
        return "One mask alone: nothing to choose between."
    if seeds < 2:
        return (
            "One seed shows nothing: which mask to use here is open. "
            "More seeds, such as seed='range(8)', can tell."
        )
    good = [arm for arm in verdicts if _recommended(arm, verdicts, scored)]
    if good:
        best = max(good, key=lambda arm: verdicts[arm].delta)
        return f"Use '{best}' here, because {_because(best, verdicts, scored)}."
    conflict = _conflict(verdicts, scored, baseline)
    if conflict:
        return conflict
    mixed = [arm for arm, verdict in verdicts.items() if verdict.word == "mixed"]
    if mixed:
        arm = mixed[0]
        name = verdicts[arm].outcome.name
        return f"It depends: '{arm}' against '{baseline}' in {name} is {verdicts[arm].reason}."
    if sign_flip_floor(seeds) >= ALPHA:
        return (
            f"Open: {seeds} seeds cannot show any mask to differ from '{baseline}'; "
            f"{ENOUGH} seeds can."
        )
    return _keep(verdicts, scored, baseline)


def _recommended(arm: str, verdicts: dict[str, ArmVerdict], scored: dict[str, ArmVerdict]) -> bool:
    """Whether an arm is better in one outcome and worse in none."""
    words = {found[arm].word for found in (verdicts, scored) if arm in found}
    return "better" in words and not words & {"worse", "mixed"}


def _conflict(verdicts: dict[str, ArmVerdict], scored: dict[str, ArmVerdict], baseline: str) -> str:
    """What to say where loss and score call for different masks; "" where they do not."""
    for arm, verdict in verdicts.items():
        if arm not in scored or {verdict.word, scored[arm].word} != {"better", "worse"}:
            continue
        sides = {verdict.word: verdict, scored[arm].word: scored[arm]}
        return (
            f"It depends on what counts: by {sides['better'].outcome.name} use '{arm}' "
            f"({sides['better'].reason}), by {sides['worse'].outcome.name} use '{baseline}' "
            f"({sides['worse'].reason})."
        )
    return ""


def _because(arm: str, verdicts: dict[str, ArmVerdict], scored: dict[str, ArmVerdict]) -> str:
    parts = []
    for verdict in (found[arm] for found in (verdicts, scored) if arm in found):
        name = verdict.outcome.name
        if verdict.word == "better":
            parts.append(f"in {name} it is better than '{verdict.baseline}' ({verdict.reason})")
        elif verdict.word == "equivalent":
            parts.append(f"in {name} it does not differ")
        else:
            parts.append(f"of its {name} nothing is shown")
    return "; ".join(parts)


def _keep(verdicts: dict[str, ArmVerdict], scored: dict[str, ArmVerdict], baseline: str) -> str:
    """What to say where no arm is better."""
    worse, equal, unsettled = [], [], []
    for arm in verdicts:
        words = {found[arm].word for found in (verdicts, scored) if arm in found}
        if words & {"worse", "mixed"}:
            worse.append(arm)
        elif words == {"equivalent"}:
            equal.append(arm)
        else:
            unsettled.append(arm)
    if not worse and not equal:
        return (
            f"No mask is shown to be better or worse than '{baseline}' here; more seeds can tell."
        )
    parts = []
    if worse:
        parts.append(f"{listed(worse)} {'is' if len(worse) == 1 else 'are'} worse")
    if equal:
        parts.append(f"{listed(equal)} {'does' if len(equal) == 1 else 'do'} not differ")
    if unsettled:
        parts.append(f"of {listed(unsettled)} nothing is shown")
    figures = ""
    if worse:
        first = worse[0]
        shown = verdicts[first] if verdicts[first].word in {"worse", "mixed"} else scored[first]
        figures = f" ('{first}' in {shown.outcome.name} {shown.reason})"
    return (
        f"Use '{baseline}' here, because no mask is shown to be better: "
        f"{', '.join(parts)}{figures}."
    )
