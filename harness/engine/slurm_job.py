"""What a Slurm job does: groups of runs one after another, with one start for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.engine.attempt import Message, Try, attempt
from harness.engine.job import Job, record_failure
from harness.engine.pool import BACKOFF
from harness.run.identity import settled

if TYPE_CHECKING:
    from harness.run.warm import Warm

LOOK_EVERY = 2.0
"""Seconds until a run that another launch is at is looked at again."""


def carry_out(groups: Sequence[Sequence[Try]], retries: int) -> None:
    """Try all runs until each has an outcome.

    A job that is killed leaves none for those that it had not ended.
    """
    from harness.engine.worker import keep_memory
    from harness.run.warm import Warm

    keep_memory()
    warm = Warm()
    for group in groups:
        carry_out_group(group, retries, warm)


def carry_out_group(tries: Sequence[Try], retries: int, warm: Warm) -> None:
    """Try the runs of a group until each has an outcome."""
    waiting = list(tries)
    while waiting := [each for each in waiting if not settled(each.cell.folder, each.before)]:
        messages: list[Message] = []
        attempt(waiting, messages.append, warm)
        ended = {message.run: message for message in messages if message.kind != "progress"}
        if "" in ended:  # all of them ended with an error, or are too many for the memory
            for each in waiting:
                carry_out_group([each], retries, warm)
            return
        pause = 0.0
        for place, each in enumerate(waiting):
            message = ended.get(each.cell.folder.name)
            if message is None:
                continue
            if message.kind == "taken":
                pause = max(pause, LOOK_EVERY)
            elif message.kind == "failed" or (message.kind == "broken" and each.number > retries):
                job = Job(each.cell, each.before, attempt=each.number)
                record_failure(job, message.text, message.trace, outside=message.outside)
            elif message.kind == "broken":
                pause = max(pause, BACKOFF * 2 ** (each.number - 1))
                waiting[place] = each._replace(number=each.number + 1)
        time.sleep(pause)
