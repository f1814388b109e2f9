"""Carries out parts of a benchmark, each in a process of its own, and keeps what they measured.

A part is a row of data; `tests.benchmarks.cpu` and `tests.benchmarks.gpu` hold the rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.records.storage import read_json, write_json
from tests.benchmarks.arithmetic import Needs, needs
from tests.benchmarks.measured import (
    ROOT,
    Floor,
    Measurement,
    Records,
    Sweep,
    Taken,
    commit,
    machine,
    taken,
)
from tests.benchmarks.peers import work as works
from tests.benchmarks.peers.work import Work


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing to measure.

    Attributes:
        name: unique among the parts of a driver.
        module: what is run: a peer, `floor` or `runs`.
        work: kind of `tests.benchmarks.peers.prepare`; "" for none.
        peer: how tables call it.
        arguments: its own.
        batch: what a step holds, in words; "" for the work's examples.
        limit: seconds after which it is given up.
        asked: whether it is carried out where no parts are named.
    """

    name: str
    module: str
    work: str = ""
    peer: str = ""
    arguments: tuple[str, ...] = ()
    batch: str = ""
    limit: float = 600.0
    asked: bool = True


class PartError(RuntimeError):
    """A part did not come to its end: one line."""


def call(command: Sequence[str], limit: float, log: Path) -> tuple[dict[str, Any], float]:
    """The last line of what a command says, which is JSON, and its wall seconds.

    Raises:
        PartError: it failed or took longer than `limit`; `log` holds what it said.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    with log.open("w", encoding="utf-8") as errors:
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=limit,
                env=environment, cwd=ROOT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise PartError(f"above {limit:g} s, given up") from None
    took = time.perf_counter() - began
    if done.returncode:
        last = log.read_text("utf-8").strip().splitlines()[-1:] or ["nothing said"]
        raise PartError(f"exit code {done.returncode}: {last[0]}; all of it in {log}")
    return json.loads(done.stdout.strip().splitlines()[-1]), took


@dataclass(kw_only=True)
class Bench:
    """A run of a driver.

    Attributes:
        device: "cpu" or "cuda".
        threads: CPU threads of every part.
        works: folder in which works lie.
        logs: folder for what parts say.
        prepared: arguments for `tests.benchmarks.peers.prepare`.
        ours: overrides of the harness in its own parts.
        commit: of the code.
        toy: whether the toy work and small matrices stand in for all.
    """

    device: str
    threads: int
    works: Path
    logs: Path
    prepared: list[str]
    ours: list[str]
    commit: str
    toy: bool

    def work(self, kind: str) -> Work:
        """The work of a kind, made if it is not there."""
        kind = "toy" if self.toy else kind
        folder = self.works / kind
        if not (folder / works.WORK).is_file():
            module = "tests.benchmarks.peers.prepare"
            command = [sys.executable, "-m", module, kind, str(folder), *self.prepared]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode:
                raise PartError(f"its work cannot be made: {done.stderr.strip().splitlines()[-1]}")
        return works.read(folder)

    def measure(self, part: Part) -> Measurement | Floor | Sweep:
        """Carry out one part.

        Raises:
            PartError: it failed.
        """
        command = [sys.executable, "-m", f"tests.benchmarks.{part.module}"]
        work = self.work(part.work) if part.work else None
        command += [work.folder] if work else []
        command += ["--device", self.device, *part.arguments]
        if part.module != "runs":
            command += ["--threads", str(self.threads)]
        if part.module in ("runs", "peers.ours"):
            command += [word for override in self.ours for word in ("--set", override)]
        if self.toy:
            command += {"floor": ["--toy"], "runs": ["--runs", "3"]}.get(part.module, [])
        said, took = call(command, part.limit, self.logs / f"{part.name}.log")
        found = taken(self.commit, said.pop("versions"))
        if part.module == "floor":
            return Floor(**said, taken=found)
        assert work
        if part.module == "runs":
            return sweep(part, work, said, found)
        return measurement(part, work, said, took, found)


def measurement(
    part: Part, work: Work, said: dict[str, Any], took: float, found: Taken
) -> Measurement:
    """The record of a peer's report."""
    chosen = dict(zip(part.arguments, part.arguments[1:], strict=False))
    steps, epochs, least = said["steps"], 0, Needs(flops=0.0, bytes=0.0)
    if steps:
        epochs = int(chosen.get("--epochs", work.epochs))
        least = needs(replace(work, epochs=epochs), steps)
    return Measurement(
        part=part.name,
        work=work.name,
        peer=part.peer,
        precision=said["precision"],
        threads=said["threads"],
        batch=part.batch or f"{chosen.get('--batch', work.recipe.batch)} examples",
        epochs=epochs,
        seed=work.seed,
        seconds=said["seconds"] | {"whole": took},
        tokens=said["tokens"],
        steps=steps,
        loss=said["loss"],
        flops=least.flops,
        bytes=least.bytes,
        taken=found,
    )


def sweep(part: Part, work: Work, said: dict[str, Any], found: Taken) -> Sweep:
    """The record of a command of many runs."""
    steps = work.epochs * max(1, round(work.targets / work.recipe.batch_tokens))
    least = needs(work, steps)
    return Sweep(
        part=part.name,
        work=work.name,
        command=said["command"],
        runs=said["runs"],
        seconds=said["seconds"],
        phases=said["phases"],
        flops=said["runs"] * least.flops,
        bytes=said["runs"] * least.bytes,
        taken=found,
    )


def arguments(description: str | None, parts: Sequence[Part]) -> argparse.ArgumentParser:
    """The command line of a driver."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [part.name for part in parts]
    parser.add_argument("--parts", nargs="+", choices=names, metavar="PART", help=" ".join(names))
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for the records")
    parser.add_argument("--name", default="", help="of the file of records; NAME.json")
    parser.add_argument("--works", type=Path, help="folder that keeps works for another time")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 for all cores")
    parser.add_argument("--data", help="records for the 124M shape instead of a stand-in")
    parser.add_argument("--gpt2", help="folder with GPT-2's encoder.json and vocab.bpe")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the harness")
    parser.add_argument("--commit", default="", help="of the code, where git cannot tell it")
    parser.add_argument("--toy", action="store_true", help="a rehearsal of seconds, on the CPU")
    return parser


def main(description: str | None, parts: Sequence[Part], device: str, name: str) -> None:
    """Carry out the chosen parts; the file of records is written anew after each.

    Raises:
        SystemExit: 1 where a part failed.
    """
    given = arguments(description, parts).parse_args()
    device = "cpu" if given.toy else device
    chosen = [part for part in parts if part.name in (given.parts or [])]
    chosen = chosen or [part for part in parts if part.asked]
    named, cores = machine(device)
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / f"{given.name or name}.json"
    records = Records(machine=named, cores=cores)
    if file.is_file():
        records = read_json(file, Records)
        if records.machine != named:
            sys.exit(f"{file}: measured on {records.machine}, this is {named}; expected --name")
    prepared = [f"--{key}={value}" for key in ("data", "gpt2") if (value := getattr(given, key))]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        works_in = (given.works or Path(folder)).resolve()
        threads = given.threads or cores
        bench = Bench(
            device=device, threads=threads, works=works_in, logs=given.out,
            prepared=prepared, ours=given.set, commit=given.commit or commit(), toy=given.toy,
        )  # fmt: skip
        for part in chosen:
            try:
                record = bench.measure(part)
            except PartError as error:
                print(f"{part.name}: {error}", flush=True)
                failed += 1
                continue
            records.add(record)
            write_json(file, records)
            print(f"{part.name}: {summary(record)}", flush=True)
    if failed:
        sys.exit(1)


def summary(record: Measurement | Floor | Sweep) -> str:
    """A record in one line."""
    content = asdict(record)
    kept = ("seconds", "tokens", "loss", "matmul", "bandwidth", "runs")
    return ", ".join(f"{key} {content[key]}" for key in kept if key in content)
