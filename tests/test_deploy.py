"""What `deploy/` holds fits the tools that read it, as far as can be told without them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.commands.run import asked_of, composed

DEPLOY = Path(__file__).parent.parent / "deploy"
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


def test_it_waits_in_a_queue_and_its_command_is_one_of_ours() -> None:
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
    found = composed(asked_of(arguments))
    assert found.jobs.launcher == "cluster" and len(found.runs) == 200


def test_the_image_holds_all_that_the_package_is_made_of() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    root = DEPLOY.parent
    copied = [word for line in re.findall(r"^COPY (.+) \S+$", text, re.M) for word in line.split()]
    assert all((root / name).exists() for name in copied)
    assert {"pyproject.toml", "README.md", "conf", "sweeps", "harness", "analysis"} <= set(copied)


def test_the_script_for_slurm_is_one_of_bash() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "slurm_ray.sh")], check=True)
