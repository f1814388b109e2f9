"""The blocks of CONTRIBUTING.md, taken as they stand: one thing of each kind, from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.config import plugins
from harness.config.validate import ConfigError
from harness.records import CONFIG, RESULT, Result
from harness.records.storage import read_json

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)

TINY = (
    "model=pico", "data.size=4", "data.validation=1", "data.test=2", "train.epochs=1",
    "score.responses=2", "score.response_tokens=2", "device=cpu", "threads=1", "sweep=s",
)  # fmt: skip


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with every file that the page shows, the blocks of a file joined."""
    folder = tmp_path_factory.mktemp("outside")
    files: dict[str, str] = {}
    for name, content in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        files[name] = files.get(name, "") + content
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    lines = [f"What is {n} and 1? = {n + 1}\n" for n in range(20)]
    (folder / "sums.qa").write_text("".join(lines), "utf-8")
    return folder


def python(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    search = os.pathsep.join(part for part in (path, os.environ.get("PYTHONPATH", "")) if part)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": search}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, cwd=folder, env=environment, check=False,
    )  # fmt: skip


@pytest.mark.process
def test_a_run_uses_what_was_added_from_outside_in_its_worker_too(outside: Path) -> None:
    done = python(
        outside, "-m", "harness", "plugins=[mine]", "mask=question_only",
        "mask.importance=recent", "data.path=sums.qa", "data.template=qa", "train.decay=root",
        "train.normalize=sum", "score.scores=[exact_match,words]", "claim=recent_first", *TINY,
    )  # fmt: skip
    (path,) = (outside / "runs" / "s").glob(f"question_only-pico-*/{RESULT}")
    result = read_json(path, Result)
    assert done.returncode == 0, done.stderr
    assert set(result.weight_mass) == {"instruction", "response", "end"}
    assert set(result.scores) == {"exact_match", "words"} and result.normalize == "sum"
    assert (result.scales["words"].unit, result.scales["words"].better) == ("words", "lower")
    assert yaml.safe_load((path.parent / CONFIG).read_text())["launch"]["plugins"] == ["mine"]
    assert (outside / "runs" / "s" / "report" / "figures" / "seconds.svg").is_file()


@pytest.mark.process
def test_a_package_adds_by_its_entry_point(outside: Path, tmp_path: Path) -> None:
    """Installed, it needs no key: source, family and launcher too."""
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\nmine = mine\n")
    code = f"""
from pathlib import Path
from harness.__main__ import main
arguments = ["mask=full", "data.source=counting", "hydra/launcher=here", "report=false", *{TINY!r}]
assert main(arguments) == 0
assert len(list(Path("runs/s").glob("full-pico-*/result.json"))) == 1

from analysis.claims import known, load_claim
from harness.data.tasks import BuiltinSpec, generate
built_in = generate(BuiltinSpec(), "train", 400, 0)
assert any(example.family == "backwards" for example in built_in)
assert load_claim(known()["recent_first"]).arms == ["question_only"]
"""
    path = os.pathsep.join([str(tmp_path), str(outside)])
    done = python(outside, "-c", code, path=path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("unclosed", "x = (\n", r"1: '\(' was never closed"),
        ("unknown_name", "\nx = y\n", r"2: NameError: name 'y' is not defined"),
        (
            "taken",
            "from harness.data.measures import MEASURES\nMEASURES.add('idf', len)\n",
            r"2: ValueError: mask.importance='idf': taken, expected another name",
        ),
        ("leaves", "import sys\nsys.exit('no')\n", r"2: SystemExit: no"),
    ],
)
def test_a_broken_plugin_is_one_line_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, line: str
) -> None:
    (tmp_path / f"broken_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        plugins.load([f"broken_{name}"])
    (fault,) = caught.value.faults
    assert re.fullmatch(rf"plugins=\[broken_{name}\]: \S+broken_{name}\.py:{line}", fault), fault


def test_modules_are_named_before_the_command_line_is_read_in_full() -> None:
    for text in ("plugins=[a,b.c]", "+launch.plugins=['a', 'b.c']", 'plugins=["a","b.c"]'):
        assert plugins.named(["mask=none", text]) == ["a", "b.c"]
    assert plugins.named(["mask=none", "my.plugins=[x]"]) == []
