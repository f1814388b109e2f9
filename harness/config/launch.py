"""The keys that say how runs are carried out."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass as checked

from harness.config.kinds import Positive, Threads, Weight, strict


@checked(frozen=True, kw_only=True, config=strict)
class Launch:
    """How a run is carried out: nothing here changes what it is or, but for rounding, its figures.

    On the command line these keys are written short: `device=cpu` for `launch.device=cpu`.

    Attributes:
        claim: the claim of `docs/statistics.md` that a stored sweep tests; "" for none.
        sweep: name of the folder under `runs`; "auto" derives one from the swept keys.
        runs: the folder in which sweeps lie.
        device: "auto", "cpu", "cuda" or "cuda:N".
        threads: CPU threads of one run; "auto" for one with a model below 50 million parameters,
            and with a larger one as many as there are cores, at most eight. Fixed when a run is
            first planned.
        gpus: GPUs of this host that train one run together, each on a share of every step's rows;
            with device=cpu so many processes.
        retry: "failed" tries runs again that an earlier launch recorded as failed; "none" leaves
            them.
        force: whether finished and failed runs are carried out again, from their beginning.
        stack: most runs that train as one model: "auto" for as many as a GPU's memory holds, and
            one on the CPU; or a number.
        save_weights: whether the trained weights stay in the run's folder, in fp32:
            `model.safetensors`.
        report: whether tables, figures and the page are made at the end of the launch; otherwise
            `harness report` makes them, on this machine or another.
        checkpoint_seconds: seconds of training between two checkpoints, so that a shorter run
            writes none; 0 for none.
        mirror: the tracker that the runs are shown to while the launch goes on, as by
            `harness mirror`: "wandb", "mlflow", "tensorboard" or "trackio"; "" for none.
        plugins: modules of your own, imported before anything is checked; they add to the
            registries (CONTRIBUTING.md). What is in them is no part of a run's identity.
    """

    claim: str
    sweep: str
    runs: str
    device: str
    threads: Threads | Literal["auto"]
    gpus: Positive
    retry: Literal["none", "failed"]
    force: bool
    stack: Positive | Literal["auto"]
    save_weights: bool
    report: bool
    checkpoint_seconds: Weight
    mirror: str
    plugins: list[str]
