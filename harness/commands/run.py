"""Fine-tune with a mask, or sweep over many; then tables, figures and a page of what they prove.

    harness mask=partial data.size=300                       one run
    harness -m mask=none,full seed='range(8)'                a sweep: 16 runs
    harness -m mask=none,full data.path=my.jsonl             your data
    harness -m sweeps=small_data                             a stored sweep
    harness -m mask='glob(*)' --dry-run                      what it would do, and about how long

The same command continues an interrupted sweep; finished runs are skipped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from hydra._internal.hydra import Hydra
from omegaconf import OmegaConf
from rich.console import Console

from harness.commands.help import Keys
from harness.commands.interrupt import unwinding
from harness.commands.mirror import mirror_faults
from harness.config import plugins
from harness.config.command_line import Grammar, grammar
from harness.config.compose import Job, Jobs, jobs_of, once, opened, parse_all
from harness.config.extras import lacking
from harness.config.hints import nearest
from harness.config.judge import Judge
from harness.config.schema import Run, with_launch
from harness.config.search import GROUPS
from harness.config.validate import ConfigError
from harness.engine.launchers import LAUNCHERS, LaunchError, Outcome, Settings
from harness.engine.launchers import carry_out as carry_out_runs
from harness.engine.names import automatic_name
from harness.mirrors.beside import beside
from harness.records.counted import counted

if TYPE_CHECKING:
    import pandas as pd

KEYS = Keys(
    "config",
    Run,
    groups=GROUPS,
    shown=(
        "data.path", "data.size", "data.template", "data.test", "model.weights", "train.epochs",
        "train.batch_tokens", "train.lr", "train.normalize", "score.responses", "seed",
        "launch.sweep", "launch.runs", "launch.device", "launch.threads", "launch.gpus",
        "launch.retry", "launch.force", "launch.save_weights", "launch.report", "launch.mirror",
        "score.judge.model", "score.judge.url", "score.judge.kind",
    ),
)  # fmt: skip


LAUNCHER = "hydra/launcher="
"""What comes before the launcher's name; without any it is the pool."""


class Asked(NamedTuple):
    """A command line, its options apart from its keys.

    Attributes:
        keys: `KEY=VALUE`, as written.
        many: whether it is a sweep.
        dry: whether nothing is to run.
        folders: further ones of options.
        faults: a line for every option that there is not.
    """

    keys: list[str]
    many: bool
    dry: bool
    folders: list[Path]
    faults: list[str]


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code: 1 where a run or the report failed."""
    if {"-sc", "--shell-completion"} & set(arguments):
        from harness.commands.completion import complete

        return complete(arguments)
    asked = asked_of(arguments)
    hydra, jobs, runs, settings = composed(asked)
    if asked.dry:
        from harness.commands.preview import preview

        return preview(runs, settings)
    if jobs.launcher not in LAUNCHERS:
        from harness.commands.foreign import launch

        return launch(hydra, jobs)
    return carry_out(runs, jobs.launcher, settings)


def fine_tune(arguments: Sequence[str], *, many: bool = True) -> pd.DataFrame:
    """See `harness.fine_tune`; `many` where a key may have several values."""
    _, jobs, runs, settings = composed(asked_of([*(["-m"] if many else []), *arguments]))
    outcome, _ = _launched(runs, jobs.launcher, settings)
    if outcome.failed:
        places = ", ".join(map(str, _sweeps(runs)))
        raise RuntimeError(
            f"{counted(outcome.failed, 'run')} failed: see failure.json below {places}"
        )
    from analysis.load import load
    from harness.engine.cells import cells_of

    return load(*(cell.folder for cell in cells_of(runs)))


class Composed(NamedTuple):
    """What a command line comes to.

    Attributes:
        hydra: what composed it.
        jobs: the config of each run, before it is checked.
        runs: the same, checked.
        settings: of the launcher.
    """

    hydra: Hydra
    jobs: Jobs
    runs: list[Run]
    settings: Settings


def composed(asked: Asked) -> Composed:
    """Compose a command line and check its runs.

    Raises:
        ConfigError: with a line for every fault.
    """
    if not any(key.startswith(LAUNCHER) for key in asked.keys):
        asked.keys.insert(0, f"{LAUNCHER}pool")
    plugins.load(plugins.named(asked.keys))  # first of all: one may add a launcher
    hydra = opened(asked.folders, {name: each.settings for name, each in LAUNCHERS.items()})
    try:
        jobs = jobs_of(hydra, asked.keys, _grammar(asked))
    except ConfigError as error:
        raise ConfigError(asked.faults + error.faults) from None
    if asked.faults:
        raise ConfigError(asked.faults)
    extra = LAUNCHERS.get(jobs.launcher).extra if jobs.launcher in LAUNCHERS else ""
    reason = lacking(extra) if extra else ""
    if reason:
        raise ConfigError([f"{LAUNCHER}{jobs.launcher}: {reason}"])
    runs = checked_runs(jobs.configs, jobs.overrides)
    settings = cast("Settings", OmegaConf.to_object(jobs.master.hydra.launcher))
    return Composed(hydra, jobs, runs, settings)


def asked_of(arguments: Sequence[str]) -> Asked:
    """Tell options from keys."""
    given = list(arguments)
    asked = Asked([], many=False, dry=False, folders=[], faults=[])
    while given:
        argument = given.pop(0)
        name, equals, value = argument.partition("=")
        if name in ("-m", "--multirun") and not equals:
            asked = asked._replace(many=True)
        elif name in ("--dry-run", "dry_run", "dry-run"):
            if value.lower() not in ("", "true", "false"):
                asked.faults.append(f"{argument}: expected true or false")
            asked = asked._replace(dry=value.lower() != "false")
        elif name in ("--config-dir", "-cd") and (equals or given):
            asked.folders.append(Path(value if equals else given.pop(0)))
        elif argument.startswith("-"):
            asked.faults.append(f"{argument}: no such option, {_instead(name, value)}")
        else:
            asked.keys.append(argument)
    return asked


def _instead(name: str, value: str) -> str:
    """What to write for an option that there is not: perhaps a key of another tool's habits."""
    meant = nearest(name.lstrip("-").replace("-", "_"), grammar(Run).keys)
    if meant is not None and value:
        return f"did you mean {meant}={value}?"
    return "expected -m, --dry-run, --config-dir=DIR, --help, --version or KEY=VALUE"


def _grammar(asked: Asked) -> Grammar:
    """The keys of a run, and the settings of the launcher that is asked for."""
    named = [key.removeprefix(LAUNCHER) for key in asked.keys if key.startswith(LAUNCHER)]
    launcher = named[-1] if named else ""
    settings = None
    if launcher in LAUNCHERS:
        defaults = LAUNCHERS.get(launcher).settings()
        names = [field.name for field in fields(defaults)]  # type: ignore[arg-type]  # a dataclass
        settings = ("hydra/launcher", *(f"hydra.launcher.{name}" for name in names))
    return grammar(Run)._replace(many=asked.many, launcher=settings)


def checked_runs(configs: Sequence[Job], overrides: Sequence[Sequence[str]]) -> list[Run]:
    """The runs of composed configs, with the name of their sweep.

    Raises:
        ConfigError: with every distinct fault of every run.
    """
    from harness.run.checks import rate_faults, run_faults

    judge = once(lambda run: run.score.judge, judge_faults)
    mirror = once(lambda run: run.launch.mirror, mirror_faults)
    runs = parse_all(configs, [run_faults, rate_faults, judge, mirror])
    name = automatic_name(overrides)
    return [with_launch(run, sweep=name) if run.launch.sweep == "auto" else run for run in runs]


def carry_out(runs: Sequence[Run], launcher: str, settings: Settings) -> int:
    """Run what is not finished, then the judge and the reports; returns the exit code.

    Raises:
        ConfigError: runs or settings that cannot work, before any is started.
        OSError: a folder cannot be written.
    """
    try:
        with unwinding():
            outcome, faults = _launched(runs, launcher, settings)
    except LaunchError as error:
        raise ConfigError([str(error)]) from None
    if outcome.pending:
        return 0
    folders = _sweeps(runs)
    # Where nothing was ever finished, a report could only say so too.
    wanted = runs[0].launch.report and outcome.finished + outcome.skipped
    reported = [report(folder) for folder in folders if wanted]
    if outcome.failed:
        print(
            f"{counted(outcome.failed, 'run')} failed: see failure.json in their folders",
            file=sys.stderr,
        )
    return int(bool(outcome.failed or faults) or not all(reported))


def _launched(runs: Sequence[Run], launcher: str, settings: Settings) -> tuple[Outcome, list[str]]:
    """Run what is not finished, beside it the mirror, then the judges.

    Returns:
        How it ended, and a line, printed already, for each mirror and judge that failed.
    """
    folders, launch = _sweeps(runs), runs[0].launch
    with beside(launch.mirror, folders, launch.plugins) as faults:
        outcome = carry_out_runs(runs, launcher, settings, Console())
    if not outcome.pending and outcome.finished + outcome.skipped:
        judges = dict.fromkeys(run.score.judge for run in runs if run.score.judge.model)
        faults += [line for each in judges for line in _judged(folders, each)]
    for line in faults:
        print(f"harness: {line}", file=sys.stderr)
    return outcome, faults


def _judged(folders: Sequence[Path], judge: Judge) -> list[str]:
    from harness.commands.judge import judged

    return [line for folder in folders for line in judged(folder, judge)]


def judge_faults(judge: Judge) -> list[str]:
    """A line for each thing that is wrong with the judge that runs are to have."""
    if not judge.model:
        return []
    from harness.commands.judge import faults

    return [f"score.judge: {fault}" for fault in faults(judge)]


def _sweeps(runs: Sequence[Run]) -> list[Path]:
    return sorted({Path(run.launch.runs) / run.launch.sweep for run in runs})


def report(sweep: Path) -> bool:
    """Print a sweep's table and write its report; False, after a line, where that fails."""
    from analysis.__main__ import main as analyse

    return analyse([str(sweep)], "harness") == 0
