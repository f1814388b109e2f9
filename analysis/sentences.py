"""Why a claim got its verdict, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.claims import Claim
from analysis.sign_flips import fewest
from analysis.verdict import CONFIRMING, Tested, Verdict
from analysis.words import amount, chance, interval, listed, percent
from harness.records.counted import counted

MOST_NAMED = 6
"""Cells of a region that a sentence names; beyond, it counts them."""


def reason(verdict: Verdict) -> str:
    """The sentence beside the word."""
    said = {
        "found": _found,
        "unconfirmed": _unconfirmed,
        "not found": _not_found,
        "inconclusive": _open,
    }[verdict.word](verdict)
    if verdict.against and verdict.word != "not found":
        opposite = {"better": "worse", "worse": "better", "rising": "falling", "falling": "rising"}
        effect = opposite[verdict.claim.effect]
        said += f"; {effect} {_places(verdict.against, len(verdict.cells))}"
    if verdict.unable:
        said += f"; {_apart(verdict)}"
    return f"{said}."


def undecided(cell: Tested, claim: Claim) -> str:
    """Why a cell can decide nothing; "" for one that can."""
    if cell.lacking or cell.seeds >= fewest(claim.alpha):
        return cell.lacking
    return f"{counted(cell.seeds, 'seed')}, {fewest(claim.alpha)} could"


def _apart(verdict: Verdict) -> str:
    """The cells that can decide nothing, counted and named apart."""
    cells, every = verdict.unable, len(verdict.cells)
    if every == 1:
        return f"the one declared cell cannot decide ({undecided(cells[0], verdict.claim)})"
    said = f"{len(cells)} of {every} declared cells cannot decide"
    if len(cells) > MOST_NAMED:
        return said
    named = [f"{cell.label}: {undecided(cell, verdict.claim)}" for cell in cells]
    return f"{said} ({'; '.join(named)})"


def _found(verdict: Verdict) -> str:
    clearest = _clearest(verdict)
    said = f"{_compared(verdict.claim)} {_region(verdict)}: {_figures(clearest, verdict.claim)}"
    if not clearest.fresh_seeds:
        return said
    fresh = interval(
        clearest.fresh_estimate, clearest.fresh_low, clearest.fresh_high, verdict.claim.judged
    )
    p = chance(clearest.fresh_p, "p")
    return f"{said}; again on {counted(clearest.fresh_seeds, 'fresh seed')}: {fresh}, {p}"


def _unconfirmed(verdict: Verdict) -> str:
    claim = verdict.claim
    said = f"{_compared(claim)} {_region(verdict)}: {_figures(_clearest(verdict), claim)}"
    if claim.confirm is None:
        return f"{said}; the claim keeps no fresh seeds to confirm it"
    kept = f"seeds {claim.confirm.first} to {claim.confirm.last}, kept to confirm it"
    ran = max(cell.fresh_seeds for cell in verdict.cells if cell.label in verdict.region)
    if ran:
        return f"{said}; of {kept}, {ran} have run and {CONFIRMING} could"
    return f"{said}; {kept}, have not run"


def _not_found(verdict: Verdict) -> str:
    claim = verdict.claim
    where = "every declared cell" if claim.where == "some" else "a declared cell"
    return _below(where, verdict.cells, claim)


def _below(where: str, cells: Sequence[Tested], claim: Claim) -> str:
    """That the effect lies below the margin there, and the largest of it."""
    margin = amount(claim.margin, claim.judged, signed=False)
    largest = max(cells, key=lambda cell: _toward(cell, claim))
    said = f"the effect lies below {margin} {_unit(claim)} in {where}; largest {_at(largest)}"
    return f"{said}{_figures(largest, claim, small=True)}"


def _open(verdict: Verdict) -> str:
    claim = verdict.claim
    if all(cell.lacking for cell in verdict.cells):
        return "nothing to judge"
    clearest = _clearest(verdict)
    said = f"clearest {_at(clearest)}{_figures(clearest, claim)}"
    if clearest.seeds < 2:
        return f"{said}: an interval needs two seeds"
    failed = [cell for cell in verdict.cells if cell.refuted]
    if failed:
        return f"{said}; {counted(failed[0].fresh_seeds, 'fresh seed')} did not confirm it"
    able = [cell for cell in verdict.cells if cell not in verdict.unable]
    if verdict.unable and able and all(cell.small < claim.alpha for cell in able):
        # Of 'some' cells: the others have shown it, and 'not found' waits for these alone.
        return _below(f"{len(able)} of {len(verdict.cells)} declared cells", able, claim)
    if verdict.unable or math.isnan(verdict.needed):
        return said
    return f"{said}; about {verdict.needed:,.0f} seeds would settle it, were that the truth"


def _compared(claim: Claim) -> str:
    if claim.trend:
        return f"Δ of {listed(claim.arms)} against '{claim.baseline}' is {claim.effect}"
    verb = "is" if len(claim.arms) == 1 else "are"
    return f"{listed(claim.arms)} {verb} {claim.effect} than '{claim.baseline}'"


def _region(verdict: Verdict) -> str:
    return _places(verdict.region, len(verdict.cells))


def _places(labels: tuple[str, ...], cells: int) -> str:
    """Where: the cells by name, or how many where they are too many."""
    if cells == 1:
        return "in the one declared cell"
    if len(labels) > MOST_NAMED:
        return f"in {len(labels)} of {cells} declared cells"
    return f"in {len(labels)} of {cells} declared cells ({'; '.join(labels)})"


def _at(cell: Tested) -> str:
    return "" if cell.label == "the one cell" else f"at {cell.label}: "


def _figures(cell: Tested, claim: Claim, *, small: bool = False) -> str:
    """A cell's figures, as its row below the sentence has them."""
    said = interval(cell.estimate, cell.low, cell.high, claim.judged)
    gain = percent(cell.share)
    share = f" ({gain} of the gain)" if gain else ""
    name = "slope" if claim.trend else "Δ"
    text = f"{name} = {said} {_unit(claim)}{share}, {counted(cell.seeds, 'seed')}"
    if cell.seeds < 2:
        return text
    p = chance(cell.small, "p") if small else chance(cell.adjusted, "p")
    which = " of less than the margin" if small else " adjusted"
    return f"{text}, {p}{which}"


def _unit(claim: Claim) -> str:
    return f"{claim.judged.unit} per tenfold {claim.along}" if claim.trend else claim.judged.unit


def _clearest(verdict: Verdict) -> Tested:
    """The found cell with the least p, or that of all that can decide, or of all."""
    unable = verdict.unable
    cells = (
        [cell for cell in verdict.cells if cell.label in verdict.region]
        or [cell for cell in verdict.cells if cell not in unable]
        or [cell for cell in verdict.cells if not cell.lacking]
    )
    return min(cells, key=lambda cell: (cell.p, -_toward(cell, verdict.claim)))


def _toward(cell: Tested, claim: Claim) -> float:
    return -math.inf if cell.lacking else claim.sign * cell.estimate
