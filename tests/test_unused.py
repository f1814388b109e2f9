"""What stands in the code once: a list of roles, and no name that nothing uses."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from harness.records.roles import ROLES

ROOT = Path(__file__).parent.parent
CODE = sorted(path for room in ("harness", "analysis") for path in (ROOT / room).rglob("*.py"))
BESIDE = (".py", ".yaml", ".html", ".css", ".js", ".toml")
"""Kinds of files that may use a name."""


def definitions(tree: ast.Module) -> Iterator[str]:
    """Names of functions and classes, but those that a decorator hands on or a base class calls,
    and of constants.
    """
    heirs = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.bases]
    called = {id(method) for heir in heirs for method in heir.body}
    for node in ast.walk(tree):
        if id(node) in called:
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.decorator_list:
            yield node.name
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield from (each.id for each in statement.targets if isinstance(each, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def test_every_name_is_used_somewhere_else_than_in_a_test() -> None:
    words: Counter[str] = Counter()
    for path in [*(ROOT / "harness").rglob("*"), *(ROOT / "analysis").rglob("*")]:
        if path.suffix in BESIDE:
            words.update(re.findall(r"\w+", path.read_text("utf-8")))
    words.update(re.findall(r"\w+", (ROOT / "pyproject.toml").read_text("utf-8")))
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in CODE
        for name in definitions(parsed(path))
        if words[name] == 1 and not name.startswith("__")
    ]
    assert unused == []


def test_the_roles_stand_in_one_list() -> None:
    """Elsewhere in the code no display holds more than the two of the response or the prompt's
    three.
    """
    elsewhere = []
    for path in CODE:
        for node in ast.walk(parsed(path)):
            parts: list[ast.expr | None] = []
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                parts = list(node.elts)
            elif isinstance(node, ast.Dict):
                parts = list(node.keys)
            named = {part.value for part in parts if isinstance(part, ast.Constant)}
            if len(named & set(ROLES)) > 3:
                elsewhere.append(path.relative_to(ROOT).as_posix())
    assert elsewhere == ["harness/records/roles.py"]


def test_a_mask_says_the_weight_of_every_role_but_thoughts_which_follow_the_response() -> None:
    base = yaml.safe_load((ROOT / "conf" / "mask" / "_base.yaml").read_text("utf-8"))
    said = tuple(role for role in ROLES if role != "thinking")
    assert tuple(base["weight"]) == tuple(base["keep"]) == said
