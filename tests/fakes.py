"""Simulated run folders with a known effect, in the very records that the harness writes.

By hand, for a demo: `python -m tests.fakes runs/demo --seeds 8`, then `python -m analysis
runs/demo`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console

from analysis import terminal
from analysis.study import Study
from harness import records
from harness.records import EvalRecord, Fairness, ResponseRecord, Result, RoleLoss, storage

Effect = Callable[[str, int, str], float]
"""Mask, training size, normaliser -> the true Δ: by how many nats/token the mask beats full
masking.
"""

MODELS = {"nano": (4, 128), "micro": (6, 256)}
LENGTHS = {"template": 9, "instruction": 14, "input": 11, "response": 8, "end": 1}
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
HOSTILE = "<script>console.error('escaped?')</script> & <b>bold</b> | pipe"


def no_effect(mask: str, size: int, normalize: str) -> float:
    """Every mask does the same."""
    return 0.0


def fades(mask: str, size: int, normalize: str) -> float:
    """Not masking gains .1 nats at 100 examples and loses as much at 10,000: N* = 1,000."""
    share = {"none": 1.0, "template": 0.6, "full": 0.0}.get(mask, 0.3)
    return 0.1 * share * (3.0 - math.log10(size))


def config(
    sweep: str, mask: str, model: str, size: int | str, seed: int, normalize: str = "joint"
) -> dict[str, Any]:
    """A resolved config as a run leaves it."""
    layers, width = MODELS[model]
    prompt = 0.0 if mask == "full" else 1.0
    return {
        "mask": {
            "name": mask,
            "weight": {"instruction": prompt, "input": prompt, "response": 1.0, "end": 1.0},
            "keep": {},
            "importance": "idf",
            "tiers": [],
        },
        "model": {
            "name": model,
            "layers": layers,
            "width": width,
            "heads": 4,
            "lr": {100: 1e-3, 1000: 1e-3},
        },
        "data": {
            "name": "builtin",
            "source": "builtin",
            "size": size,
            "template": "headers",
            "test": 40,
            "seed": 0,
        },
        "train": {"epochs": 3, "batch_tokens": 4096, "lr": "auto", "normalize": normalize},
        "score": {"every": 1, "responses": 40},
        "seed": seed,
        "launch": {
            "claim": "",
            "sweep": sweep,
            "runs": "runs",
            "device": "cpu",
            "threads": 1,
        },
    }


def write_run(
    folder: Path,
    settings: dict[str, Any],
    effect: Effect,
    prompts: int = 40,
    noise: float = 0.02,
    responses: bool = True,
) -> Result:
    """Write one finished run into `folder` and return its result.

    The true response NLL is 3 − .4·log10(size) − effect, plus a term of the seed that all masks
    share and `noise` of the run's own; prompts differ among themselves and in how they take to a
    mask.
    """
    mask, seed, normalize = (
        settings["mask"]["name"],
        settings["seed"],
        settings["train"]["normalize"],
    )
    model, size = settings["model"]["name"], settings["data"]["size"]
    shared = np.random.default_rng([seed, 1])
    own = np.random.default_rng(
        list(hashlib.sha256(f"{mask} {seed} {model} {size} {normalize}".encode()).digest())
    )
    harder = np.random.default_rng(7).normal(0, 0.3, prompts)
    level = 3.0 - 0.4 * math.log10(size) - 0.2 * (model == "micro") + shared.normal(0, 0.1)
    answer = level - effect(mask, size, normalize) + own.normal(0, noise)
    per_prompt = answer + harder - harder.mean() + own.normal(0, 0.05, prompts)
    per_prompt += answer - per_prompt.mean()
    answer_tokens = LENGTHS["response"] + LENGTHS["end"]
    rate = float(np.clip(1.2 - 0.4 * answer, 0.02, 0.98))
    right = (np.arange(prompts) + own.integers(0, prompts)) % prompts < rate * prompts

    folder.mkdir(parents=True)
    (folder / records.CONFIG).write_text(
        yaml.dump(settings, Dumper=DUMPER, sort_keys=False), "utf-8"
    )
    steps = max(3, 3 * size // 50)
    ends: dict[str, dict[str, float]] = {}
    with (folder / records.EVALS).open("w", encoding="utf-8") as file:
        for epoch in range(4):
            for split in ("test", "train"):
                done = 1 - math.exp(-1.2 * epoch)
                gap = 0.25 * done * (split == "train")
                roles = {}
                for role, length in LENGTHS.items():
                    start, goal = (
                        (4.5, answer)
                        if role in ("response", "end")
                        else (4.0, 3.9 - (mask != "full"))
                    )
                    nll = (
                        goal
                        if (epoch, split) == (3, "test")
                        else start + (goal - start) * done - gap
                    )
                    roles[role] = RoleLoss(nats=nll * length * prompts, tokens=length * prompts)
                storage.append(
                    file, EvalRecord(step=steps * epoch // 3, epoch=epoch, split=split, roles=roles)
                )
                phase = "base" if epoch == 0 else split
                ends.setdefault(phase, {}).update(_per_token(roles))
    ends["test"]["answer"] = answer
    with (folder / records.RESPONSES).open("w", encoding="utf-8") as file:
        for number in range(prompts if responses else 0):
            reference = f"answer {number}"
            given = (
                reference
                if right[number]
                else (HOSTILE if number == 1 else f"{mask} says {number + seed}")
            )
            answered = ResponseRecord(
                split="test",
                id=f"{number:016x}",
                family="spelling",
                prompt=f"### Instruction:\nSpell word {number}.\n\n### Response:\n",
                reference=reference,
                response=given,
                tokens=3,
                nats=float(per_prompt[number]) * answer_tokens,
                nats_tokens=answer_tokens,
                scores={"exact_match": float(right[number]), "rouge_l": 0.5, "checked": None},
            )
            storage.append(file, answered)
    subset = _hash("examples", seed, size)
    result = Result(
        run=folder.name,
        identity=_hash(
            settings["mask"], model, size, seed, normalize, settings["train"], settings["data"]
        ),
        mask=mask,
        model=model,
        data=settings["data"]["name"],
        normalize=normalize,
        n_examples=size,
        seed=seed,
        steps=steps,
        epochs=3.0,
        nll=ends,
        scores={
            "exact_match": float(right.mean()),
            "rouge_l": 0.5 + rate / 4,
            "chrf": 0.4 + rate / 4,
            "checked": None,
        },
        scored={"exact_match": prompts, "rouge_l": prompts, "chrf": prompts, "checked": 0},
        behaviour={
            "ended": 0.9,
            "echoed": 0.02,
            "repeated": 0.05,
            "empty": 0.0,
            "length": 8.0 + own.normal(0, 0.5),
        },
        weight_mass={
            "instruction": 0.0 if mask == "full" else 0.5,
            "response": 1.0 if mask == "full" else 0.5,
        },
        prompt_share=0.0 if mask == "full" else 0.6,
        counts={"truncated": 0, "without_weight": 0},
        described={
            "words": dict.fromkeys(LENGTHS, 4 * size),
            "tokens": {role: count * size for role, count in LENGTHS.items()},
            "mean_log_ratio": 1.125,
            "near_test": 2 * seed,
            "warnings": "",
        },
        fairness=Fairness(
            examples=subset, batches=subset, test=_hash("test"), weights=_hash(model, seed)
        ),
        tokens={"train": 3 * size * 43, "generate": prompts * 40},
        seconds={"train": size / 40, "evaluate": 2.0, "generate": 1.5},
        provenance={
            "commit": "0123abc",
            "dirty": False,
            "device": "cpu",
            "data": _hash("data"),
            "weights": _hash(model),
            "versions": {"python": "3.11", "torch": "2.13.0"},
        },
    )
    storage.write_json(folder / records.RESULT, result)
    return result


def write_sweep(
    folder: Path,
    masks: Sequence[str] = ("full", "none", "template"),
    sizes: Sequence[int] = (100, 1000),
    seeds: Sequence[int] = (0,),
    models: Sequence[str] = ("nano",),
    normalizers: Sequence[str] = ("joint",),
    effect: Effect = fades,
    claim: str = "",
    **how: Any,
) -> Path:
    """Write a sweep of simulated runs and return its folder."""
    for mask, size, seed, model, normalize in itertools.product(
        masks, sizes, seeds, models, normalizers
    ):
        settings = config(folder.name, mask, model, size, seed, normalize)
        settings["launch"]["claim"] = claim
        write_run(folder / f"{mask}-{model}-{size}-{normalize}-{seed}", settings, effect, **how)
    return folder


def shown(found: Study, width: int = 100) -> str:
    """What the terminal says of a study."""
    console = Console(file=io.StringIO(), width=width)
    terminal.show(found, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def _per_token(roles: dict[str, RoleLoss]) -> dict[str, float]:
    means = {role: loss.nats / loss.tokens for role, loss in roles.items()}
    said = [roles[role] for role in ("response", "end")]
    return means | {"answer": sum(loss.nats for loss in said) / sum(loss.tokens for loss in said)}


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def main() -> None:
    """Write a demo sweep."""
    parser = argparse.ArgumentParser(
        description="Write a sweep of simulated runs with a known effect."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000, 10000])
    parser.add_argument("--models", nargs="+", default=["nano", "micro"], choices=MODELS)
    parser.add_argument("--normalizers", nargs="+", default=["joint"])
    parser.add_argument("--claim", default="")
    parser.add_argument("--no-effect", action="store_true")
    given = parser.parse_args()
    write_sweep(
        given.folder,
        sizes=given.sizes,
        seeds=range(given.seeds),
        models=given.models,
        normalizers=given.normalizers,
        effect=no_effect if given.no_effect else fades,
        claim=given.claim,
    )


if __name__ == "__main__":
    main()
