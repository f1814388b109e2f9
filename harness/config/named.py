"""The schema of named sets: whose files they are, and where these lie."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from harness.config.kinds import strict


@checked(frozen=True, kw_only=True, config=strict)
class Remote:
    """A file that is fetched once.

    Attributes:
        url: its address, at a revision that does not move.
        hash: "sha256:..." of its content, or "git:..." as git names it; "" to keep to what the
            first fetch brings.
    """

    url: str
    hash: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40})?$")]


@checked(frozen=True, kw_only=True, config=strict)
class Named:
    """A set of others.

    Attributes:
        train: the file that examples come from, or a list of them.
        test: the file of held-out examples; null to take them from the other.
        licence: what its use is bound to.
        citation: whose it is.
    """

    train: Remote | Annotated[list[Remote], Field(min_length=1)]
    test: Remote | None
    licence: str
    citation: str

    @property
    def files(self) -> list[Remote]:
        """Those that examples come from."""
        return [self.train] if isinstance(self.train, Remote) else self.train
