"""Every command that the documentation shows is one that the product takes: keys compose, verbs,
options, make targets and files exist. Blocks of Python compile, and name what there is.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import inspect
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

import harness
from harness.commands import run
from harness.commands.verbs import VERBS
from harness.config import compose
from harness.config.command_line import Grammar, apart, grammar, read
from harness.config.overlay import Base
from harness.config.validate import ConfigError
from tests.tiny_sweep import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "sweeps/README.md",
         *sorted(ROOT.glob("docs/*.md"))]  # fmt: skip
SCRIPTS = [*sorted(ROOT.glob("deploy/*")), *sorted(ROOT.glob("sweeps/*.yaml"))]

INDENTED = re.compile(r"^(?: {4}|# )(\S.*)$", re.MULTILINE)
FENCED = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
FOLDERS = ("conf/", "deploy/", "docs/", "sweeps/", "tests/")

FORM = re.compile(r"\b(KEY|COMMAND)\b|SHELL|\[KEY|\$@|plugins=")
"""What tells a form to fill in; and plugins, with which test_plugins.py runs."""
NOTHING_THERE = re.compile(
    r"(\S+: no (finished )?run, expected .*|.*needs the extra.*|.*pip install.*)"
)
"""What commands say that look for runs before all else."""


class Shown(NamedTuple):
    """A command line of the documentation: where it stands, and its words."""

    place: str
    words: tuple[str, ...]


def commands() -> list[Shown]:
    """All of them, each once."""
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in [*PAGES, *SCRIPTS]}
    for verb in VERBS.values():
        texts[verb.module] = inspect.getdoc(importlib.import_module(verb.module)) or ""
    texts["analysis"] = inspect.getdoc(importlib.import_module("analysis.__main__")) or ""
    found: dict[tuple[str, ...], str] = {}
    for place, text in texts.items():
        lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
        named = [span for span in INLINE.findall(text) if len(span.split()) > 2]
        for line in [*lines, *INDENTED.findall(text), *named]:
            if not FORM.search(line):
                found |= dict.fromkeys(words_of(line), place)
    return [Shown(place, words) for words, place in found.items()]


def words_of(line: str) -> Iterator[tuple[str, ...]]:
    """The words of each command in a line that is ours to answer for."""
    # What explains a command stands two blanks or more behind it, after `#` or without.
    command = re.split(r"\s{2,}|\s#\s", line)[0]
    command = re.sub(r"range\(\d+\)", "range(2)", command)  # quickly composed
    command = re.sub(r"\[(--\w+)\]", r"\1", command)
    for substituted in re.findall(r"\$\((.*?)\)", command):
        yield from words_of(substituted)
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split, lexer.commenters = True, ""
        words = list(lexer)
    except ValueError:
        return
    part: list[str] = []
    for word in [*words, "|"]:
        if re.fullmatch(r"[|&;<]+", word):
            if part and Path(part[0]).name in TAKEN and len(part) > 1:
                yield (Path(part[0]).name, *part[1:])
            part = []
        else:
            part.append(word)


class Taken(Exception):
    """A command has read its words, and would begin."""


class Reader:
    """Reads command lines by the product's own reader, and composes the first run of each upon as
    few choices of groups as can be, for each choice takes a third of a second.
    """

    def __init__(self) -> None:
        self.bases: dict[tuple[str, ...], Base] = {}
        self.master: DictConfig | None = None

    def jobs_of(self, hydra: Hydra, arguments: Sequence[str], allowed: Grammar) -> compose.Jobs:
        """In place of `harness.config.compose.jobs_of`."""
        loader = compose.loader_of(hydra)
        lines = OverridesParser.create(loader).parse_overrides(read(arguments, allowed, loader))
        first = next(iter(BasicSweeper.split_arguments(lines, None)[0]))
        kept = [
            text
            for text, line in zip(first, lines, strict=True)
            if text.startswith(("model=hf", "data=file", "data=reasoning_gym"))  # have other keys
            or not (line.is_hydra_override() or loader.repository.group_exists(line.key_or_group))
        ]
        self.master = self.master or hydra.compose_config("config", [], RunMode.MULTIRUN)
        configs = compose.compose(loader, self.master, [kept], self.bases)
        return compose.Jobs(configs, [kept], "pool", self.master)

    def command_config(
        self, name: str, kind: type, arguments: Sequence[str], texts: Sequence[str] = (),
        checks: object = (),
    ) -> NoReturn:  # fmt: skip
        """In place of `harness.config.compose.command_config`."""
        _, others = apart(arguments, texts)
        read(others, grammar(kind), compose.loader_of(compose.opened()))
        raise Taken


def then_stop(function: Callable[..., object]) -> Callable[..., NoReturn]:
    """Does what it does, and nothing comes after it."""

    def stopping(*given: Any, **named: Any) -> NoReturn:
        function(*given, **named)
        raise Taken

    return stopping


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["read", "whole"])
def nothing_begins(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Commands read their words as ever, and stop there; `whole` composes every run of each."""
    reader = Reader()
    parse = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", then_stop(parse))
    configured = then_stop(compose.command_config) if request.param else reader.command_config
    for verb in VERBS.values():
        if hasattr(importlib.import_module(verb.module), "command_config"):
            monkeypatch.setattr(f"{verb.module}.command_config", configured)
    monkeypatch.setattr(run, "checked_runs", then_stop(run.checked_runs))
    if not request.param:
        monkeypatch.setattr(run, "jobs_of", reader.jobs_of)
    options = tmp_path / "conf" / "mask"  # as README has it
    options.mkdir(parents=True)
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGES[0].read_text("utf-8"), re.DOTALL)
    (options / "question_only.yaml").write_text(block)
    monkeypatch.chdir(tmp_path)


def harness_takes(words: Sequence[str]) -> None:
    """Check a command line of ours; raises what the product does."""
    if words[0] in ("--help", "--version", "-sc") or words[-1] == "--help":
        return
    verb, rest = (words[0], words[1:]) if words[0] in VERBS else ("run", words)
    try:
        importlib.import_module(VERBS[verb].module).main(list(rest))
    except Taken:
        return
    except ConfigError as error:
        if not all(NOTHING_THERE.fullmatch(fault) for fault in error.faults):
            raise


def python_takes(words: Sequence[str]) -> None:
    words = [word for word in words if word != "-P"]
    if words[0] != "-m":
        return  # of a script, whose path is looked at
    name, arguments = words[1], words[2:]
    if name == "harness":
        harness_takes(arguments or ["--help"])
    elif name == "analysis":
        harness_takes(["report", *arguments])
    else:
        assert importlib.util.find_spec(name), f"{name}: no such module"


def make_takes(words: Sequence[str]) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = {word for word in words if "=" not in word} - targets
    assert not missing, f"{missing}: no such target"


def slurm_takes(words: Sequence[str]) -> None:
    script = words.index("deploy/slurm_ray.sh")
    harness_takes(words[script + 1 :])


TAKEN: dict[str, Callable[[Sequence[str]], None]] = {
    "harness": harness_takes,
    "python": python_takes,
    "make": make_takes,
    "sbatch": slurm_takes,
    "pytest": lambda words: None,
    "kubectl": lambda words: None,
}


@pytest.mark.usefixtures("nothing_begins")
def test_every_command_is_taken() -> None:
    shown = commands()
    assert len(shown) > 80 and {words[0] for _, words in shown} == set(TAKEN)
    faults = []
    for place, words in shown:
        try:
            TAKEN[words[0]](words[1:])
            lost = [word for word in words if word.startswith(FOLDERS)
                    and not (ROOT / word.split("::")[0]).exists()]  # fmt: skip
            assert not lost, f"{lost}: no such file"
        except (ConfigError, AssertionError, SystemExit) as error:
            faults.append(f"{place}: {shlex.join(words)}: {error}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "line",
    [
        "harness mask=partial data.sizes=300", "harness -m mask=nobody", "harness prepare runs/x",
        "harness judge runs/x url=http://x servers=2", "harness report runs/x --nothing",
        "harness status", "harness mirror runs/x to=nobody", "harness benchmark runs/x limit=few",
        "python -m harness -n mask=none", "python -m analysis runs/x --exports",
        "python -m tests.nowhere", "make nothing",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("nothing_begins")
def test_a_command_that_there_is_not_is_found(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (words,) = words_of(line)
    with pytest.raises((ConfigError, AssertionError, SystemExit)):
        TAKEN[words[0]](words[1:])


def test_blocks_of_python_compile_and_name_what_there_is() -> None:
    blocks = [block for path in PAGES for block in PYTHON.findall(path.read_text("utf-8"))]
    assert len(blocks) > 10
    for block in [*blocks, (ROOT / "docs" / "notebook.py").read_text("utf-8")]:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("harness"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names), ast.unparse(node)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "harness":
                assert hasattr(harness, node.attr), ast.unparse(node)


def test_links_lead_somewhere() -> None:
    lost = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in PAGES
        for link in LINK.findall(path.read_text("utf-8"))
        if not (path.parent / link).exists()
    ]
    assert not lost, lost
