"""Ray inside an allocation of a real Slurm, by the script of `deploy/`. Run with `pytest -m slurm`
where `ray` and `harness` are on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.engine.plan import read_plan
from harness.records import RESULT
from tests.tiny_sweep import ROOT, environment, figures, inline, overrides, toy_runs

pytest.importorskip("ray", reason="needs the extra cluster")


@pytest.mark.slurm
@pytest.mark.skipif(not (shutil.which("ray") and shutil.which("harness")), reason="needs both")
def test_a_sweep_runs_on_warm_actors_in_an_allocation(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sbatch", "--wait", f"--output={tmp_path}/job.txt", str(ROOT / "deploy" / "slurm_ray.sh"),
         "-m", *overrides(tmp_path), "hydra/launcher=cluster", "seed=range(6)"],
        capture_output=True, text=True, cwd=tmp_path, timeout=900,
        env={**os.environ, **environment({})},
    )  # fmt: skip
    said = done.stdout + done.stderr + (tmp_path / "job.txt").read_text()
    assert done.returncode == 0, said
    folders = sorted(path.parent for path in tmp_path.glob(f"s/*/{RESULT}"))
    assert len(folders) == 6, said
    plan = read_plan(tmp_path / "s")
    assert plan and [launched.launcher for launched in plan.launches] == ["cluster"]
    calm = tmp_path / "calm"
    calm.mkdir()
    (calm / "records.jsonl").write_bytes((tmp_path / "records.jsonl").read_bytes())
    inline(toy_runs(calm, 6))
    for folder in folders:
        assert figures(folder) == figures(calm / "s" / folder.name)
