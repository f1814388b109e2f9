"""The claims that sweeps test: one file each in `analysis/claims/`, read and checked here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from analysis.outcomes import Outcome, outcome
from harness.records.claims import CLAIMS
from harness.records.storage import RecordError
from harness.records.yaml_text import read_text

TRENDS = ("rising", "falling")
Effect = Literal["better", "worse", "rising", "falling"]
Level = int | float | str
strict = ConfigDict(extra="forbid", strict=True)


class ClaimError(ValueError):
    """A claim's file is not as it should be: one line with file, key and what was expected."""


@dataclass(frozen=True, kw_only=True, config=strict)
class Seeds:
    """Seeds from first to last, both counted."""

    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=strict)
class Claim:
    """One claim and its rule, written down before the runs.

    Attributes:
        text: the claim, as a sentence.
        arms: the masks that it speaks of, as tables name them.
        baseline: the mask that they are compared with.
        outcome: the column of the run table that is judged.
        effect: how the arm's outcome compares with the baseline's: "better" or "worse"; or how Δ
            moves along a factor: "rising" or "falling".
        along: that factor, for a trend; "" otherwise.
        where: whether the effect must show in "some" of the declared cells or in "every" one.
        cells: factor -> its levels: every combination of them, with every arm, is a declared cell.
            A factor is `n_examples`, or a config key such as `model.name`.
        margin: the effect that counts as none, in the outcome's unit (per tenfold for a trend).
        alpha: level of the claim, one-sided, over all its cells.
        confirm: fresh seeds that chose nothing, which must show what the others found; null where
            none are foreseen.
    """

    text: Annotated[str, Field(min_length=1)]
    arms: Annotated[list[str], Field(min_length=1)]
    baseline: str
    outcome: str
    effect: Effect
    along: str
    where: Literal["some", "every"]
    cells: dict[str, Annotated[list[Level], Field(min_length=1)]]
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    confirm: Seeds | None

    @property
    def sign(self) -> int:
        """The side of zero on which Δ, or its slope, must lie."""
        return 1 if self.effect in {"better", "rising"} else -1

    @property
    def judged(self) -> Outcome:
        """The declaration of the outcome."""
        return outcome(self.outcome)

    @property
    def trend(self) -> bool:
        """Whether the claim is one of a trend."""
        return self.effect in TRENDS


_adapter = TypeAdapter(Claim)


def load_claim(path: Path) -> Claim:
    """Read a claim's file.

    Raises:
        ClaimError: it is missing or says something that no claim can; one line.
    """
    try:
        text = read_text(path)
        # By way of JSON, in which strict types may still be made from mappings.
        claim = _adapter.validate_json(json.dumps(yaml.safe_load(text)))
    except OSError as error:
        raise ClaimError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        raise ClaimError(f"{path}: {_first(error)}") from None
    except RecordError as error:
        raise ClaimError(str(error)) from None
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ClaimError(f"{path}: not a YAML mapping: {' '.join(str(error).split())}") from None
    fault = _fault(claim)
    if fault:
        raise ClaimError(f"{path}: {fault}")
    return claim


def known() -> dict[str, Path]:
    """Name of each stored claim -> its file."""
    return dict(sorted(CLAIMS.items()))


def _fault(claim: Claim) -> str:
    """What the types cannot tell is wrong; "" for nothing."""
    try:
        outcome(claim.outcome)
    except KeyError:
        return f"outcome: {claim.outcome!r}, expected nll.SPLIT.answer or scores.NAME"
    if claim.trend and claim.along not in claim.cells:
        return f"along: {claim.along!r}, expected one of cells: {', '.join(claim.cells)}"
    if claim.trend and len(claim.cells[claim.along]) < 2:
        return f"cells.{claim.along}: one level, expected at least two for a trend"
    if not claim.trend and claim.along:
        return f"along: {claim.along!r}, expected '' for the effect {claim.effect!r}"
    if claim.confirm and claim.confirm.last < claim.confirm.first:
        return f"confirm.last: {claim.confirm.last}, expected at least {claim.confirm.first}"
    return ""


def _first(error: ValidationError) -> str:
    """The first fault of a validation error, in one line."""
    fault: Any = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else "not a YAML mapping of a claim's keys"
