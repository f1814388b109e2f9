"""The model card of weights that a run keeps: what they are, how they were made, what they score.

Its head is the metadata that Hugging Face's hub reads; the rest is for people.
"""

from __future__ import annotations

import yaml

from harness.config.models import Own
from harness.config.schema import Run
from harness.records import Result

OWN_LICENCE = "mit"
"""Of the built-in data and the shipped bases, as of this package."""


def card(run: Run, result: Result) -> str:
    """The card as Markdown."""
    head = {
        "license": _licence(run),
        "library_name": "transformers" if isinstance(run.model, Own) else "prompt-mask-harness",
        "pipeline_tag": "text-generation",
        "tags": ["prompt-mask-harness", f"mask:{run.mask.name}"],
    }
    base = run.model.path if isinstance(run.model, Own) else run.model.weights
    weights = ", ".join(f"{role} {weight:g}" for role, weight in run.mask.weight.items() if weight)
    facts = {
        "mask": f"{run.mask.name} (weights: {weights or 'none'})",
        "share of the loss on the prompt": f"{result.prompt_share:.1%}",
        "base": f"{run.model.name}, {base.rsplit('/', 1)[-1]}",
        "data": f"{run.data.name}, {result.n_examples:,} examples, template {run.data.template}",
        "licence of the data": _data_licence(run),
        "passes": f"{run.train.epochs}, {result.steps:,} optimiser steps",
        "seed": str(run.seed),
        "run": f"{result.run}, identity {result.identity}",
    }
    figures = {"held-out response NLL, base": result.nll.get("base", {}).get("answer")}
    figures["held-out response NLL"] = result.nll.get("test", {}).get("answer")
    lines = [
        f"---\n{yaml.safe_dump(head, sort_keys=False)}---",
        f"# {run.model.name} fine-tuned under the mask {run.mask.name}",
        _table("what", facts),
        "## Figures",
        _table("measure", {name: f"{v:.4f} nats/token" for name, v in figures.items() if v}),
    ]
    scored = {name: value for name, value in result.scores.items() if value is not None}
    if scored:
        values = {n: f"{v:.4f}, over {result.scored[n]:,} answers" for n, v in scored.items()}
        lines.append(_table("score", values))
    lines.append(
        "One run of one seed. Measured on held-out examples of the same set; nothing is known of "
        "other uses."
    )
    return "\n\n".join(lines) + "\n"


def _licence(run: Run) -> str:
    """What the hub calls it: ours where base and data are, else "other"."""
    ours = not isinstance(run.model, Own) and run.model.weights in ("shipped", "random")
    return OWN_LICENCE if ours and run.data.source == "builtin" else "other"


def _data_licence(run: Run) -> str:
    if run.data.named:
        return run.data.named.licence
    return OWN_LICENCE if run.data.source == "builtin" else "unknown here: that of the files"


def _table(head: str, rows: dict[str, str]) -> str:
    cells = {name: value.replace("|", "\\|") for name, value in rows.items()}
    return "\n".join([f"| {head} | |", "|---|---|", *(f"| {n} | {v} |" for n, v in cells.items())])
