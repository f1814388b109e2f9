"""The roles that a token can have. They stand here and nowhere else."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["template", "system", "instruction", "input", "user", "response", "end", "thinking"]
"""Who says a token: the template's constant text, a message or a part of one, the end-of-turn token
after a response, or the thoughts before one, with the mark that closes them.
"""

ROLES: tuple[Role, ...] = get_args(Role)
"""In the order of their ids, which tokens and records carry: a new one is added at the end."""

ROLE_ID: dict[str, int] = {role: number for number, role in enumerate(ROLES)}

RESPONSE_ROLES: tuple[Role, ...] = ("response", "end")
"""What the assistant answers."""

SAID_ROLES: tuple[Role, ...] = (*RESPONSE_ROLES, "thinking")
"""What the assistant itself says."""

PROMPT_ROLES = tuple(role for role in ROLES if role not in SAID_ROLES)

RESPONSE_IDS = tuple(ROLE_ID[role] for role in RESPONSE_ROLES)
SAID_IDS = tuple(ROLE_ID[role] for role in SAID_ROLES)
PROMPT_IDS = tuple(ROLE_ID[role] for role in PROMPT_ROLES)
