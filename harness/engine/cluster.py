"""The launcher `cluster`: warm actors on the machines of a Ray cluster."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from harness.config.launchers import Cluster
from harness.config.schema import with_launch
from harness.engine.actor import Setup
from harness.engine.actors import WRITERS, Actors
from harness.engine.job import Job
from harness.engine.launchers import LaunchError, Outcome
from harness.engine.link import Link
from harness.engine.locks import HIDDEN
from harness.engine.nodes import Nodes, Place, Probe
from harness.engine.parcels import Parcel, pack
from harness.engine.pool import Pool
from harness.engine.queue import Group
from harness.engine.ray_link import connected
from harness.engine.slots import cpus, stack_limit
from harness.engine.stacks import stackable
from harness.engine.view import View
from harness.records.storage import write_whole
from harness.run.inputs import inputs_of


def launch(jobs: Sequence[Job], settings: Cluster, console: Console) -> Outcome:
    """Carry out runs in actors.

    Args:
        jobs: the runs.
        settings: which cluster, how many actors, and what they may cost.
        console: where progress is shown.

    Raises:
        LaunchError: there is no such cluster, or no machine of it fits.
        OSError: the sweep's folder cannot be written.
        KeyboardInterrupt: stopped by Ctrl-C; what had finished by then is kept.
    """
    threads = max(int(job.cell.run.launch.threads) for job in jobs)
    room = cpus() if settings.slots == "auto" else threads * int(settings.slots)
    with connected(settings.address, max(cpus(), room)) as link:
        return carry_out(jobs, settings, console, link)


def carry_out(jobs: Sequence[Job], settings: Cluster, console: Console, link: Link) -> Outcome:
    """The same over a link to the cluster."""
    for job in jobs:  # an actor's working folder is another, and its GPU has another name
        run = job.cell.run
        device = "cuda" if run.launch.device.startswith("cuda") else run.launch.device
        job.cell = job.cell._replace(
            run=with_launch(run, device=device), folder=job.cell.folder.absolute()
        )
    runs = [job.cell.run for job in jobs]
    inputs = inputs_of(runs)
    token = secrets.token_hex(8)
    probe = Probe(jobs[0].cell.folder.parent / HIDDEN / f"probe-{token}", token, inputs)
    write_whole(probe.file, token.encode())
    try:
        nodes = Nodes(link, settings, runs, probe, lambda line: _say(console, line))
        nodes.gather()
        if not nodes.places:
            raise LaunchError(f"hydra.launcher.address={settings.address}: no machine fits")
        parcels: dict[str, Parcel] = {}

        def setup(place: Place) -> Setup:
            for name in place.seen.missing - parcels.keys():
                parcels[name] = pack(inputs[name], link.put)
            return Setup(
                on_gpu=bool(place.share.gpus),
                apart=not place.seen.shared,
                token=token,
                timeout=settings.timeout,
                inputs=inputs,
                parcels={name: parcels[name] for name in place.seen.missing},
            )

        view = View(console, jobs)
        nodes.say = view.say
        groups = _groups(jobs, nodes)
        with ThreadPoolExecutor(WRITERS, "records") as writers:
            crew = Actors(link, nodes, setup, writers)
            tally = Pool(groups, crew, settings.retries, settings.timeout, view).drain()
    finally:
        probe.file.unlink(missing_ok=True)
    return Outcome(tally.finished, tally.elsewhere, tally.failed)


def _groups(jobs: Sequence[Job], nodes: Nodes) -> list[Group]:
    """The runs that an actor carries out together: what the smallest share of a GPU holds."""
    places = list(nodes.places.values())
    count = min(len(places), len(jobs))
    on_gpu = [place for place in places if place.share.gpus and place.seen.gpu_bytes]
    memory = min((place.seen.gpu_bytes for place in on_gpu), default=0)
    sharing = max((round(1 / min(1, place.share.gpus)) for place in on_gpu), default=1)
    by_name = {job.name: job for job in jobs}
    stacked = stackable(
        [job.cell for job in jobs],
        lambda alike: stack_limit(alike, int(bool(on_gpu)), sharing, memory),
        count,
    )
    return [[by_name[cell.folder.name] for cell in group] for group in stacked]


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
