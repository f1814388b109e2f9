"""Where options are looked for, and files of one's own: conf/, sweeps/, data with any name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from harness.config.command_line import grammar, read
from harness.config.compose import loader_of, opened
from harness.config.schema import Run
from harness.config.validate import keys
from harness.paths import CONF, SWEEPS
from tests.tiny import run_of, write_records
from tests.typed import Capture, runs_of, said


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own for each test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
BROKEN = {
    "syntax": ("name: mine\nweight: {end: 1\n", ":3: expected ',' or '}'"),
    "double": ("name: mine\nname: other\n", ":2: found duplicate key name"),
    "tag": ("name: !!python/object:os.system x\n", ":1: could not determine a constructor"),
    "tab": ("name: x\n\tseed: 1\n", ":2: found character '\\t'"),
    "list": ("- 1\n- 2\n", ": a list, expected KEY: VALUE lines"),
    "deep": ("a: " + "[" * 500 + "]" * 500 + "\n", ": nested more than 32 deep"),
    "bomb": (BOMB, ": more than 10,000 values, aliases counted in full"),
    "circle": ("name: &x [*x]\n", ": *x stands within &x"),
    "large": (
        "# " + "x" * 600_000 + "\nname: large\n",
        ": 600,015 bytes, expected at most 524,288",
    ),
    "bell": ("name: x\nturns: a\x07b\n", ":2: unacceptable character #x0007"),
    "typo": ("name: x\nturn: all\n", ": turn: no such key, did you mean turns?"),
    "number": ("name: x\n3: 4\n", ": 3: no such key, expected one of name, weight, keep"),
    "words": ("hello\n", ": hello: no such key"),
    "itself": ("defaults: [itself]\nname: x\n", ": defaults: [itself] is this file itself"),
    "header": ("# @package a b\nname: x\n", ": Too many components in '@package a b'"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("verb", [[], ["audit"]])
def test_a_broken_file_of_ones_own_is_one_line_with_its_place(
    name: str, verb: list[str], capsys: Capture
) -> None:
    content, fault = BROKEN[name]
    path = Path("conf", "mask", f"{name}.yaml")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (line,) = said(capsys, *verb, f"mask={name}")
    assert f"{path.absolute()}{fault}" in line


def test_broken_bytes_references_and_stored_sweeps_are_one_line(capsys: Capture) -> None:
    Path("conf/mask").mkdir(parents=True)
    Path("sweeps").mkdir()
    Path("conf/mask/bytes.yaml").write_bytes(b'name: "\xff"\n')
    Path("conf/mask/refers.yaml").write_text("name: ${nope}\n")
    Path("conf/mask/lacks.yaml").write_text("defaults: [nope]\nname: x\n")
    Path("sweeps/torn.yaml").write_text("# @package _global_\nhydra: {sweeper: {params: {a: 1\n")
    Path("sweeps/typos.yaml").write_text(
        "# @package _global_\nhydra: {sweeper: {params: {mask: 'full,ful', lr: 3}}}\n"
    )
    for option, fault in (
        ("bytes", "bytes.yaml: 'utf-8' codec can't decode byte 0xff"),
        ("refers", "mask.name: Interpolation key 'nope' not found"),
        ("lacks", "In 'mask/lacks': Could not load 'mask/nope'"),
    ):
        (line,) = said(capsys, f"mask={option}")
        assert fault in line
    Path("sweeps/moved.yaml").write_text("# @package _global_\nhydra: {sweep: {dir: elsewhere}}\n")
    (line,) = said(capsys, "-m", "sweeps=moved")
    assert line.endswith(
        "sweeps/moved.yaml: hydra.sweep: not obeyed here, expected hydra.sweeper or hydra.launcher"
    )
    (line,) = said(capsys, "-m", "sweeps=torn")
    assert "sweeps/torn.yaml:3: " in line
    lines = said(capsys, "-m", "sweeps=typos")
    assert lines[0].startswith("harness: mask=full,ful: no such option ful")
    assert lines[1].startswith("harness: lr=3: no such key lr, did you mean train.lr?")


def test_the_users_own_options_and_sweeps_are_found_and_never_stand_for_ours(
    elsewhere: Path, capsys: Capture
) -> None:
    text = "name: mine\nweight: {instruction: 0.3}\n"
    for folder in ("conf", "more"):
        path = Path(folder, "mask", f"of_{folder}.yaml")
        path.parent.mkdir(parents=True)
        path.write_text(text)
    Path("sweeps").mkdir()
    Path("sweeps/own.yaml").write_text(
        "# @package _global_\n"
        "launch: {sweep: own}\n"
        "hydra: {sweeper: {params: {seed: 'range(3)'}}}\n"
    )
    mask = run_of("mask=of_conf").mask
    weights = {role: weight for role, weight in mask.weight.items() if weight}
    assert mask.name == "mine" and weights == {"instruction": 0.3, "response": 1, "end": 1}
    assert [run.mask.name for run in runs_of("mask=of_more", "--config-dir=more")] == ["mine"]
    runs = runs_of("-m", "+sweeps=own", "mask=of_conf")
    assert [(run.seed, run.launch.sweep) for run in runs] == [(0, "own"), (1, "own"), (2, "own")]
    Path("conf/mask/full.yaml").write_text(text)
    (line,) = said(capsys, "mask=full")
    assert "mask/full.yaml and " in line and line.endswith("expected one file of this name")


def test_folders_named_like_every_key_are_none_of_our_business(elsewhere: Path) -> None:
    """In the working folder, in its conf/, and beside ours: a repository's root has `runs/`."""
    names = {part for key in keys(Run) for part in (key, key.partition(".")[0])}
    names |= {key.replace(".", "/") for key in names}
    for name in names:
        (elsewhere / name).mkdir(parents=True, exist_ok=True)
        if name.partition("/")[0] not in ("mask", "model", "data", "train", "score"):
            (elsewhere / "conf" / name).mkdir(parents=True, exist_ok=True)
    Path("conf/config.yaml").write_text("seed: 77\n")
    (run,) = runs_of(
        "runs=r", "sweep=s", "device=cpu", "seed=1", "claim=c", "train.lr=1", "mask.turns=all"
    )
    assert (run.seed, run.mask.name, run.train.lr) == (1, "full", 1)
    sources = [str(source) for source in loader_of(opened()).get_sources()]
    assert sources == [
        "provider=hydra, path=pkg://hydra.conf",
        f"provider=main, path=conf://{CONF}",
        f"provider=working folder, path=options://{elsewhere / 'conf'}",
        f"provider=stored sweeps, path=sweeps://{SWEEPS.parent}",
        f"provider=stored sweeps, path=sweeps://{elsewhere}",
        "provider=schema, path=structured://",
    ]
    for source in loader_of(opened()).get_sources()[1:-1]:
        seen = set(source.list("", None))
        assert not seen & (names - {"mask", "model", "data", "train", "score"}), source


@pytest.mark.parametrize(
    "name",
    ["my file.jsonl", "a,b.jsonl", "a=b.jsonl", "x (1).jsonl", "it's.jsonl", 'say "x".jsonl',
     "[a].jsonl", "{a}.jsonl",
     "2024", "1e5", "null", "true", "a\\b.jsonl", "ends\\", "#x", "*.jsonl", "a:b"],
)  # fmt: skip
def test_any_name_of_a_file_is_taken_as_it_stands(name: str, elsewhere: Path) -> None:
    write_records(elsewhere / name, 3)
    override, implied = read([f"data.path={name}"], grammar(Run), loader_of(opened()))
    parsed = OverridesParser.create().parse_override(override)
    assert implied == "data=file"
    assert parsed.value() == name and not parsed.is_sweep_override()


def test_several_paths_are_a_sweep_and_quotes_are_the_users(elsewhere: Path) -> None:
    swept = runs_of("-m", "data=file", "data.path=my file.jsonl,b=c.jsonl")
    assert [run.data.path for run in swept] == ["my file.jsonl", "b=c.jsonl"]
    (run,) = runs_of("data=file", "data.path='no, such file.jsonl'", "sweep=2024")
    assert run.data.path == "no, such file.jsonl"
    write_records(elsewhere / "a, b.jsonl", 3)
    assert run_of("data=file", "data.path=a, b.jsonl").data.path == "a, b.jsonl"
