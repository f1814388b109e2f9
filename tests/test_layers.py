"""Imports point one way, so that each layer can be read without those above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent.parent

LAYERS = [
    {"paths", "last_word"},
    {"records", "data.example", "model", "muon", "quantize", "claim", "storage", "clock"},
    {"data.tasks", "chat_template", "device", "config"},
    {"prompt", "commands"},
    {"validate", "data.sources", "tokens", "scoring", "loss", "checkpoint"},
    {"command_line"},
    {"masking", "batching", "corpus"},
    {"train", "evaluate", "decoding", "examples", "train_bpe"},
    {"store"},
    {"resume", "trained"},
    {
        "run",
        "pretrain",
        "assess",
        "generate",
        "hugging_face",
        "compose",
        "view",
        "settings",
        "plan",
    },
    {"worker", "status", "slots", "audit"},
    {"job"},
    {"pool"},
    {"sweep"},
    {"slurm"},
    {"__main__"},
]
"""Modules of `harness` from the lowest: one may import lower ones alone, or its own package."""

WITHOUT_TORCH = {
    "records",
    "config",
    "validate",
    "prompt",
    "data",
    "tokens",
    "masking",
    "store",
    "scoring",
    "paths",
}


def place(module: str) -> int:
    for number, layer in enumerate(LAYERS):
        if any(module == name or module.startswith(name + ".") for name in layer):
            return number
    raise AssertionError(f"harness.{module} stands in no layer")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


MODULES = {
    ".".join(path.relative_to(ROOT / "harness").with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in sorted((ROOT / "harness").rglob("*.py"))
    if path.stem != "__init__" or path.parent.name in ("tasks", "scoring")
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_lower_layers_alone(module: str) -> None:
    own = place(module)
    for name in imports(MODULES[module]):
        target = name.removeprefix("harness.")
        if name.startswith("harness.") and (target in MODULES):
            same_package = target.split(".")[0] == module.split(".")[0]
            assert place(target) < own or same_package, f"{module} imports {target}"


@pytest.mark.parametrize("module", MODULES)
def test_light_modules_need_no_torch(module: str) -> None:
    if module.split(".")[0] in WITHOUT_TORCH:
        assert not {name for name in imports(MODULES[module]) if name.split(".")[0] == "torch"}


def test_analysis_reads_records_and_nothing_else_of_the_harness() -> None:
    for path in (ROOT / "analysis").rglob("*.py"):
        for name in imports(path):
            if name.startswith("harness"):
                assert (
                    name.startswith(("harness.records", "harness.storage")) or name == "harness"
                ), f"{path}: {name}"


def test_no_file_is_longer_than_300_lines() -> None:
    for folder in ("harness", "analysis", "hydra_plugins", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text("utf-8").splitlines()) <= 300, path
