"""The picture of the rooms in docs/architecture.md: `python -m tests.rooms` draws it anew.

It is a Mermaid diagram of who imports whom among the packages, read from the code. An arrow that
follows from others is left out: where a leads to b and b to c, none leads from a to c.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "```mermaid\n", "```\n"

PACKAGES = ("harness", "analysis")


@cache
def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, also within functions."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return named


def room_of(module: str) -> str:
    """`harness.data.tokens` lies in `data`; the other packages are one room each; "" for none."""
    package, *inner = module.split(".")
    if package == "harness":
        return inner[0] if inner else ""
    return package if package in PACKAGES else ""


def graph() -> dict[str, set[str]]:
    """Room -> the rooms that it imports."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            if own and own != "__init__":
                used = {room_of(name) for name in imports(path)} - {"", own}
                found[own] = found.get(own, set()) | used
    known = found.keys()
    return {room: used & known for room, used in found.items()}


def reachable(rooms: dict[str, set[str]], start: str) -> set[str]:
    """All rooms that a room rests on, in one step or several."""
    seen: set[str] = set()
    left = set(rooms[start])
    while left:
        room = left.pop()
        seen.add(room)
        left |= rooms[room] - seen
    return seen


def diagram() -> str:
    """The picture as Mermaid text."""
    rooms = graph()
    arrows = []
    for room in sorted(rooms):
        implied: set[str] = set()
        for used in rooms[room]:
            implied |= reachable(rooms, used)
        arrows += [f"    {room} --> {used}\n" for used in sorted(rooms[room] - implied)]
    return "graph TD\n" + "".join(arrows)


def drawn(page: str) -> str:
    """The page with the picture of today's code."""
    before, rest = page.split(BEGIN, 1)
    return before + BEGIN + diagram() + END + rest.split(END, 1)[1]


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
