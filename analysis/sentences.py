"""Why a claim got its verdict, in one sentence."""

from __future__ import annotations

import math

from analysis.claims import Claim
from analysis.verdict import CONFIRM_ALPHA, Tested, Verdict
from analysis.words import amount, chance, counted, interval, listed, percent

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
    return f"{said}."


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
    return (
        f"{said}; seeds {claim.confirm.first} to {claim.confirm.last}, kept to confirm it, "
        "have not run"
    )


def _not_found(verdict: Verdict) -> str:
    claim = verdict.claim
    margin = amount(claim.margin, claim.judged, signed=False)
    largest = max(verdict.cells, key=lambda cell: _toward(cell, claim))
    where = "every declared cell" if claim.where == "some" else "a declared cell"
    said = f"the effect lies below {margin} {_unit(claim)} in {where}; largest {_at(largest)}"
    return f"{said}{_figures(largest, claim, small=True)}"


def _open(verdict: Verdict) -> str:
    claim = verdict.claim
    lacking = [cell for cell in verdict.cells if cell.lacking]
    if lacking:
        first = lacking[0]
        count = f"{len(lacking)} of {counted(len(verdict.cells), 'declared cell')}"
        return f"{count} cannot be judged; {_at(first)}{first.lacking}"
    fewest = min(cell.seeds for cell in verdict.cells)
    clearest = _clearest(verdict)
    said = f"clearest {_at(clearest)}{_figures(clearest, claim)}"
    if fewest < 2:
        return f"{said}: an interval needs two seeds"
    failed = [cell for cell in verdict.cells if cell.fresh_p >= CONFIRM_ALPHA]
    if failed:
        return f"{said}; {counted(failed[0].fresh_seeds, 'fresh seed')} did not confirm it"
    if math.isnan(verdict.needed):
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
    """The found cell, or any, with the least p."""
    cells = [cell for cell in verdict.cells if cell.label in verdict.region] or [
        cell for cell in verdict.cells if not cell.lacking
    ]
    return min(cells, key=lambda cell: (cell.p, -_toward(cell, verdict.claim)))


def _toward(cell: Tested, claim: Claim) -> float:
    return -math.inf if cell.lacking else claim.sign * cell.estimate
