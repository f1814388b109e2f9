"""docs/data.md says what there is: tables as the registries have them, files that work as shown."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from harness.data.formats import COMPRESSIONS, FORMATS
from harness.data.shapes.chat import SPEAKERS
from harness.data.shapes.weights import DETAIL, NUMBERS, SWITCHES
from harness.data.sources import load
from harness.data.templates import TEMPLATES
from harness.paths import CONF
from tests.tiny import run_of

PAGE = (Path(__file__).parent.parent / "docs" / "data.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """First cell -> the others, of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells}


def test_formats_templates_and_roles_are_those_of_the_registries() -> None:
    assert all(f"`{name}`" in PAGE for name in (*FORMATS.names(), *COMPRESSIONS.names()))
    assert all(f"`{name}`" in PAGE for name in (*TEMPLATES.names(), *SPEAKERS))


def test_every_spelling_of_weights_is_told() -> None:
    told = [key for cell in rows("Weights that the data state") for key in re.findall(r"\w+", cell)]
    assert sorted(told) == sorted([*NUMBERS, *SWITCHES, DETAIL])


def test_every_named_set_is_told_with_its_licence() -> None:
    told = {name.strip("`"): cells[-1] for name, cells in rows("Named sets").items()}
    files = {path.stem: yaml.safe_load(path.read_text()) for path in CONF.glob("data/*.yaml")}
    sets = {name: content for name, content in files.items() if content.get("source") == "named"}
    assert told == {name: content["named"]["licence"] for name, content in sets.items()}


def blocks() -> list[dict[str, object]]:
    """The files that the page shows."""
    section = PAGE.split("## A source of one's own")[1]
    found = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return [yaml.safe_load(textwrap.dedent(block)) for block in found]


def overrides(content: dict[str, object]) -> list[str]:
    return [f"++data.{key}={json.dumps(value)}" for key, value in content.items()]


def test_a_source_is_one_file_of_options(tmp_path: Path) -> None:
    tickets, poems = blocks()
    path = tmp_path / "tickets.jsonl"
    records = [{"subject": f"Printer {n}", "body": "broken", "reply": "Mend it."} for n in range(9)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    named = [key for key in overrides(tickets) if "path=" not in key and "columns" not in key]
    columns = "data.columns={instruction: subject, input: body, output: reply}"
    run = run_of("data=file", *named, columns, f"data.path={path}", "data.test=2",
                 "data.validation=1")  # fmt: skip
    assert len(load(run.data).pool) == 6 and run.data.too_long == "drop"
    assert tickets["columns"] == {"instruction": "subject", "input": "body", "output": "reply"}
    assert set(poems) == {"name", "source", "named"}


@pytest.mark.parametrize("path", sorted(CONF.glob("data/[!_]*.yaml")), ids=lambda path: path.stem)
def test_a_set_says_only_what_differs_from_the_base(path: Path) -> None:
    base = yaml.safe_load((CONF / "data" / "_base.yaml").read_text())
    content = yaml.safe_load(path.read_text())
    assert set(content) <= {"name", *base}
    assert all(base.get(key) != value for key, value in content.items())
