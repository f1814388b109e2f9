"""What is in a set, before a subset is drawn from it: `harness describe`."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.progress import track

from harness.config.schema import Run
from harness.data.encoded import encode_all
from harness.data.sources import load
from harness.data.statistics import Statistics, statistics
from harness.data.tokens import tokenizer_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A set of examples.

    Attributes:
        sizes: examples in training pool, validation and held-out set, by name.
        notes: a line on each file that was read, and on what was left out.
        pool: of the training pool.
        duplicates: equal conversations left out.
        in_test: training examples left out that a held-out set holds too.
        shown: examples as the model sees them.
        warnings: a line on each thing that looks odd.
    """

    sizes: dict[str, int]
    notes: tuple[str, ...]
    pool: Statistics
    duplicates: int
    in_test: int
    shown: tuple[str, ...]
    warnings: tuple[str, ...]


def describe(run: Run, count: int = 10, console: Console | None = None) -> Description:
    """The set that a run draws its examples from, of which `count` are shown.

    Args:
        run: its config.
        count: how many.
        console: where progress is shown, if anywhere.

    Raises:
        DataError: the set cannot be loaded.
        ValueError, OSError: the template is faulty.
    """
    console = console or Console(quiet=True)
    with console.status("reading the data"):
        splits = load(run.data)
        tokenizer = tokenizer_of(run.model)
    examples = track(splits.pool, "tokenising", console=console, transient=True)
    items = encode_all(examples, run.data.template, tokenizer, run.model.context)
    with console.status("counting, and comparing with what is held out"):
        pool = statistics(items, splits.test)
    return Description(
        sizes={
            "training": len(splits.pool),
            "validation": len(splits.validation),
            "test": len(splits.test),
            "test families": len(splits.test_families),
        },
        notes=splits.notes,
        pool=pool,
        duplicates=splits.duplicates,
        in_test=splits.in_test,
        shown=tuple(tokenizer.decode(item.tokens.ids.tolist()) for item in items[:count]),
        warnings=(*splits.warnings, *pool.warnings),
    )
