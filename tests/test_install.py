"""Installed as people install: a wheel in an environment of its own, used from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.tiny_sweep import ROOT, overrides

pytestmark = pytest.mark.slow

WATCH = """
import os, sys

def watch(event, given):
    path = str(given[0]) if event == "open" else ""
    if path.startswith({clone!r}) and not path.startswith({others!r}):
        kept = os.open({kept!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(kept, (path + chr(10)).encode())
        os.close(kept)

sys.addaudithook(watch)
"""
"""What every Python of the environment does first: write down which files of the clone it opens."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="needs the extra dev")
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


def pip(python: str | Path, command: str, *arguments: str) -> None:
    """Without an index: what is not on this machine fails."""
    line = [sys.executable, "-m", "pip", "-q", "--python", str(python), command, "--no-index"]
    done = subprocess.run([*line, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Installed:
    """An environment that has the wheel, and all that it needs from the one that tests run in."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)
        self.bin = folder / "venv" / "bin"
        self.kept = folder / "opened"
        self.empty = folder / "empty"
        self.empty.mkdir()
        (folder / "home").mkdir()
        self.environment = {
            "PATH": f"{self.bin}:{os.defpath}",
            "HOME": str(folder / "home"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        pip(self.bin / "python", "install", "--no-deps", str(wheel))
        # Each a line of a .pth file: then no .pth file there is read, as that of the clone is.
        others = [path for path in sys.path if path.endswith("-packages")]
        places = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
        own = Path(sysconfig.get_path("purelib", vars=places))
        (own / "watching.py").write_text(
            WATCH.format(clone=f"{ROOT}/", others=tuple(others), kept=str(self.kept))
        )
        (own / "here.pth").write_text("\n".join(["import watching", *others, ""]))

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.empty, env=self.environment,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def opened(self) -> list[str]:
        return self.kept.read_text().splitlines() if self.kept.exists() else []


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("install"))


def test_the_wheel_holds_every_file_and_no_other(wheel: Path) -> None:
    expected = set()
    for place, inside in (
        ("harness", "harness"), ("analysis", "analysis"), ("conf", "harness/conf"),
        ("sweeps", "harness/sweeps"),
    ):  # fmt: skip
        for path in (ROOT / place).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                expected.add(f"{inside}/{path.relative_to(ROOT / place)}")
    assert len(expected) > 300
    with ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
        about = [name.partition("/")[2] for name in packed.namelist() if ".dist-info/" in name]
    assert names == expected
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= set(about)


def test_it_works_from_an_empty_folder_and_takes_nothing_from_the_clone(
    installed: Installed, tmp_path: Path
) -> None:
    told = installed.run("harness", "--help")
    assert "doctor" in told and "mask" in told
    doctor = installed.run("harness", "doctor")
    assert f"at {installed.bin.parent}\n" in doctor and "prompt-mask-harness" in doctor
    planned = installed.run("harness", "-m", "sweeps=small_data", "--dry-run")
    assert planned.startswith("144 runs in runs/small_data, ")
    toy = [
        key for key in overrides(tmp_path)
        if not key.startswith(("model.", "runs=", "sweep=", "report="))
    ]  # fmt: skip
    said = installed.run("harness", "-m", "mask=none,full", "sweep=toy", *toy)
    assert "runs/toy/report/index.html" in said
    sweep = installed.empty / "runs" / "toy"
    assert len(list(sweep.glob("*/result.json"))) == 2
    assert "<script" in (sweep / "report" / "index.html").read_text("utf-8")
    code = "import harness, analysis; print(harness.__file__, analysis.__file__)"
    places = installed.run("python", "-c", code).split()
    assert all(place.startswith(str(installed.bin.parent)) for place in places)
    assert installed.opened() == []
    installed.run("python", "-c", f"open({str(ROOT / 'README.md')!r}).close()")
    assert installed.opened() == [str(ROOT / "README.md")]  # it would have been seen
