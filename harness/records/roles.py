"""The roles that a token can have. They stand here and nowhere else."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["template", "system", "instruction", "input", "user", "response", "end"]
"""Who says a token: the template's constant text, a message or a part of one, or the end-of-turn
token after a response.
"""

ROLES: tuple[Role, ...] = get_args(Role)
"""In the order of their ids, which tokens and records carry: a new one is added at the end."""

ROLE_ID: dict[str, int] = {role: number for number, role in enumerate(ROLES)}

RESPONSE_ROLES: tuple[Role, ...] = ("response", "end")
"""What the assistant itself says."""

PROMPT_ROLES = tuple(role for role in ROLES if role not in RESPONSE_ROLES)

RESPONSE_IDS = tuple(ROLE_ID[role] for role in RESPONSE_ROLES)
PROMPT_IDS = tuple(ROLE_ID[role] for role in PROMPT_ROLES)
