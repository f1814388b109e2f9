"""Standard benchmarks of lm-evaluation-harness (Gao et al. 2024) on the weights that a run kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.models.device import resolve
from harness.models.exported import export_model
from harness.records import RESULT, Result, Scale
from harness.records.storage import read_json, write_json
from harness.run.trained import open_model
from harness.scoring.figures import COMMON


class Figure(NamedTuple):
    """One metric of a task.

    Attributes:
        name: the score's: `hellaswag_acc`.
        value: the mean.
        examples: how many it is over.
        scale: how to read it.
    """

    name: str
    value: float
    examples: int
    scale: Scale


def benchmark(folder: Path, tasks: Sequence[str], include: str = "", limit: int = 0) -> Result:
    """Measure a run's weights, and add the figures to the scores of its result.

    Args:
        folder: of a finished run that kept its weights.
        tasks: as lm-eval names them.
        include: a folder of further tasks; "" for none.
        limit: examples of each task; 0 for all.

    Raises:
        CheckpointError: there are no weights.
        RecordError: the result is broken.
        ValueError: there is no such task.
    """
    result = read_json(folder / RESULT, Result)
    with tempfile.TemporaryDirectory(prefix="harness-benchmark-") as scratch:
        found = open_model(None, str(folder))
        export_model(found.model, found.tokenizer, Path(scratch))
        figures = list(_figures(_evaluated(Path(scratch), tasks, include, limit)))
    result = replace(
        result,
        scores=result.scores | {each.name: each.value for each in figures},
        scored=result.scored | {each.name: each.examples for each in figures},
        scales=result.scales | {each.name: each.scale for each in figures if each.scale != COMMON},
    )
    write_json(folder / RESULT, result)
    return result


def _evaluated(model: Path, tasks: Sequence[str], include: str, limit: int) -> Mapping[str, Any]:
    """What lm-eval says of a model in Hugging Face's format."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=include or None)
    known = set(manager.all_tasks)
    unknown = [task for task in tasks if task not in known]
    if unknown:
        raise ValueError(f"tasks={unknown[0]}: lm-eval knows no such task; `lm-eval ls tasks` does")
    found: Mapping[str, Any] | None = simple_evaluate(
        "hf",
        model_args={"pretrained": str(model)},
        tasks=list(tasks),
        task_manager=manager,
        limit=limit or None,
        device=str(resolve("auto")),
        bootstrap_iters=0,
        log_samples=False,
    )
    assert found is not None  # only other ranks of a distributed evaluation get nothing
    return found


def _figures(found: Mapping[str, Any]) -> Iterator[Figure]:
    """The metrics of every task: "acc,none" -> acc."""
    for task, metrics in found["results"].items():
        counts, higher = found["n-samples"].get(task, {}), found["higher_is_better"].get(task, {})
        for key, value in metrics.items():
            name = key.split(",")[0]
            if isinstance(value, bool | str) or name.endswith("_stderr") or name not in higher:
                continue
            better: Literal["lower", "higher"] = "lower" if higher[name] is False else "higher"
            unit = "share" if better == "higher" else name
            yield Figure(
                f"{task}_{name}",
                float(value),
                int(counts.get("effective", 0)),
                Scale(unit=unit, better=better),
            )
