"""Fine-tune with a mask, or sweep over many: `python -m harness [-m] [KEY=VALUE ...]`, also
installed as `harness`.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from omegaconf import DictConfig
from rich.console import Console

from analysis.__main__ import main as analysis_main
from harness.config.compose import parse_all
from harness.config.implied import implied
from harness.config.launch_keys import PREFIX, spelled_out
from harness.config.launchers import Pool, Slurm
from harness.config.schema import Run, with_launch
from harness.config.validate import ConfigError, keys
from harness.paths import CONF
from harness.run.checks import run_faults

FREE = ("hydra", "sweeps")
"""Keys that Hydra itself reads."""


def run_sweep(
    jobs: Sequence[DictConfig], overrides: Sequence[Sequence[str]], settings: Pool | Slurm
) -> None:
    """Check all composed jobs, run what is not finished, then print the table and the report's
    path.

    Raises:
        SystemExit: 2 for faulty configs, before any run; 1 where a run failed.
    """
    from harness.engine.launchers import LaunchError, carry_out
    from harness.engine.names import automatic_name

    console = Console(stderr=False)
    try:
        runs = parse_all(jobs, [run_faults])
        name = automatic_name(overrides)
        runs = [with_launch(run, sweep=name) if run.launch.sweep == "auto" else run for run in runs]
        launcher = "slurm" if isinstance(settings, Slurm) else "pool"
        outcome = carry_out(runs, launcher, settings, console)
        if outcome.pending:
            return
        for folder in sorted({Path(run.launch.runs) / run.launch.sweep for run in runs}):
            analysis_main([str(folder)])
    except ConfigError as error:
        sys.exit(_fail(error.faults))
    except (OSError, LaunchError) as error:
        sys.exit(_fail([str(error)]))
    except KeyboardInterrupt:
        console.print("interrupted; the same command continues")
        sys.exit(130)
    if outcome.failed:
        console.print(f"{outcome.failed} runs failed: see failure.json in their folders")
        sys.exit(1)


def unknown_keys(arguments: Sequence[str]) -> list[str]:
    """Faults of `key=value` arguments whose key no config has, all at once; Hydra would stop at the
    first.
    """
    known = [key.removeprefix(PREFIX) for key in keys(Run)]
    faults = []
    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            continue
        try:
            key = OverridesParser.create().parse_override(argument).key_or_group
        except OverrideParseException:
            continue  # Hydra says what is wrong with it
        key = key.split("@")[0].replace("/", ".").removeprefix(PREFIX)
        free = key.split(".")[0] in FREE or any(
            key.startswith(f"mask.{part}.") for part in ("weight", "keep")
        )
        if key not in known and not free:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
            faults.append(f"{argument}: no such key {key}, {hint}")
    return faults


def presets(arguments: Sequence[str]) -> list[str]:
    """`+sweeps=S preset=P` in Hydra's words, where a stored sweep's presets are the group
    `sweeps/S`.
    """
    stored = [
        argument.partition("=")[2] for argument in arguments if argument.startswith("+sweeps=")
    ]
    return [
        f"sweeps/{stored[-1]}@_global_={argument.partition('=')[2]}"
        if argument.startswith("preset=") and stored
        else argument
        for argument in arguments
    ]


def _fail(faults: Sequence[str]) -> int:
    for fault in faults:
        print(f"harness: {fault}", file=sys.stderr)
    return 2


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def _single(config: DictConfig) -> None:
    run_sweep([config], [HydraConfig.get().overrides.task], Pool(slots=1))


def main() -> None:
    """The command line."""
    sys.argv[1:] = spelled_out(implied(presets(sys.argv[1:])))
    completing = {"-sc", "--shell-completion"} & set(sys.argv)
    faults = [] if completing else unknown_keys(sys.argv[1:])
    if faults:
        sys.exit(_fail(faults))
    try:
        _single()
    except KeyboardInterrupt:  # before the first run
        sys.exit(130)


if __name__ == "__main__":
    main()
