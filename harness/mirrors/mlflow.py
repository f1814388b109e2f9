"""MLflow: a SQLite file, unless $MLFLOW_TRACKING_URI names a server."""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness.mirrors.reading import Trace

MOST = 1000
"""Metrics that MLflow takes at a time."""

MOST_PARAMETERS = 100
LONGEST = 500
"""Characters of a parameter's value that every server takes."""


def show(trace: Trace, folder: Path) -> None:
    """Log what is new of a run; its sweep is the experiment, its hash a tag by which it is found
    again.
    """
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.resolve()}/mlflow.db"
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(trace.sweep)
    number = experiment.experiment_id if experiment else client.create_experiment(trace.sweep)
    known = client.search_runs([number], f"tags.identity = '{trace.id}'")
    if known:
        run = known[0].info.run_id
    else:
        tags = {"identity": trace.id, "mlflow.runName": trace.run}
        run = client.create_run(number, tags=tags).info.run_id
        told = [Param(key, str(value)[:LONGEST]) for key, value in trace.config.items()]
        for place in range(0, len(told), MOST_PARAMETERS):
            client.log_batch(run, params=told[place : place + MOST_PARAMETERS])
    now = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now, step)
        for step, values in trace.rows
        for name, value in values.items()
    ]
    last = trace.rows[-1][0] if trace.rows else 0
    metrics += [Metric(name, value, now, last) for name, value in trace.summary.items()]
    for place in range(0, len(metrics), MOST):
        client.log_batch(run, metrics=metrics[place : place + MOST])
    if trace.summary:
        client.set_terminated(run)
