"""What `deploy/` holds fits the tools that read it, as far as can be told without them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.commands.run import asked_of, composed

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SCHEMA = json.loads(Path(__file__).with_name("rayjob.schema.json").read_text())


def faults(value: Any, schema: dict[str, Any], place: str = "") -> list[str]:
    """Where a value is none of the schema: the types, required and known keys of OpenAPI v3."""
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if not isinstance(value, kinds[schema["type"]]):
        return [f"{place}: expected {schema['type']}"]
    found = []
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += faults(item, schema["items"], f"{place}[{number}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        missing = [key for key in schema.get("required", []) if key not in value]
        found += [f"{place}.{key}: missing" for key in missing]
        for key, item in value.items():
            inner = known.get(key, schema.get("additionalProperties"))
            found += faults(item, inner, f"{place}.{key}") if inner else [f"{place}.{key}: unknown"]
    return found


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())
    return found


def test_the_job_is_one_of_kuberay(job: dict[str, Any]) -> None:
    assert faults(job, SCHEMA) == []
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    head["containers"][0]["resources"]["limits"]["cpu"] = 4
    del job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["groupName"]
    limits = "headGroupSpec.template.spec.containers[0].resources.limits"
    assert faults(job, SCHEMA) == [
        f".spec.rayClusterSpec.{limits}.cpu: expected string",
        ".spec.rayClusterSpec.workerGroupSpecs[0].groupName: missing",
    ]


def test_it_waits_in_a_queue_and_its_command_is_one_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] and job["spec"]["suspend"] is True
    groups = [job["spec"]["rayClusterSpec"]["headGroupSpec"]]
    groups += job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        # Kueue counts requests, and a container of Ray takes all that it may.
        assert container["resources"]["requests"] == container["resources"]["limits"]
    name, *arguments = [word.replace("'", "") for word in job["spec"]["entrypoint"].split()]
    assert name == "harness"
    monkeypatch.setattr("harness.commands.run.lacking", lambda _: "")  # the image has Ray
    found = composed(asked_of(arguments))
    assert found.jobs.launcher == "cluster" and len(found.runs) == 200


def steps(name: str = "Dockerfile") -> list[tuple[str, str]]:
    """Instruction and arguments of each line that is none of comment."""
    lines = [line for line in (DEPLOY / name).read_text().splitlines() if line[:1] not in ("", "#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def copied() -> dict[str, str]:
    """What of the project is copied into the image, and to where."""
    found: dict[str, str] = {}
    for step, said in steps():
        if step == "COPY":
            *names, place = said.split()
            found |= dict.fromkeys(names, place)
    return found


def test_the_image_holds_all_that_the_package_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    made_of = {"pyproject.toml", project["project"]["readme"], "LICENSE"}
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    made_of |= {*wheel["packages"], *wheel["force-include"]}
    assert copied().keys() == made_of | {"constraints.txt"}
    assert all((ROOT / name).exists() for name in copied())
    # Only that is sent to the builder; what a line begins with `!` is let through again.
    sent = [step for step, _ in steps("Dockerfile.dockerignore")]
    assert sent[0] == "*" and {name[1:] for name in sent if name[0] == "!"} == copied().keys()
    (asked,) = [said for step, said in steps() if step == "RUN" and said.startswith("pip install")]
    ours = re.search(r"'\.\[([^]]+)\]'", asked)
    assert ours and "-c constraints.txt" in asked
    assert set(ours[1].split(",")) <= project["project"]["optional-dependencies"].keys()


def test_the_image_is_made_as_root_and_run_as_nobody_in_particular() -> None:
    order = [step for step, _ in steps()]
    assert order[0] == "FROM" and order[-1] == "CMD"
    told = dict(steps())  # the last of each kind
    assert told["USER"] == "harness" and told["WORKDIR"] == "/runs"
    assert order.index("USER") > max(at for at, step in enumerate(order) if step == "RUN")
    (people,) = [said for step, said in steps() if "useradd" in said]
    assert people.split()[2] == "harness" and people.endswith("install -d -o harness /runs")


@pytest.mark.process
def test_what_the_image_runs_needs_nothing_but_what_it_holds(
    tmp_path: Path, job: dict[str, Any]
) -> None:
    place = tmp_path / "opt"
    for name, to in copied().items():
        source, target = ROOT / name, place / to / name if to == "./" else place / to
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (tmp_path / "runs").mkdir()
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(place)}

    def ran(code: str, *arguments: str) -> str:
        """What Python says of code, apart from this checkout."""
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True, text=True, env=own, cwd=tmp_path / "runs",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    name, *arguments = json.loads(dict(steps())["CMD"])
    assert name == "harness"
    said = ran("from harness.__main__ import script; script()", *arguments)
    assert "harness mask=full" in said
    _, *arguments = shlex.split(job["spec"]["entrypoint"])
    code = """
import sys, harness
from harness.commands import run
run.lacking = lambda _: ""  # the image has Ray
print(harness.__path__[0], len(run.composed(run.asked_of(sys.argv[1:])).runs))
"""
    assert ran(code, *arguments).split() == [str(place / "harness"), "200"]


def test_the_script_for_slurm_is_one_of_bash() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "slurm_ray.sh")], check=True)
