"""Tasks with scorers of their own, made by the package reasoning-gym, which the extra
`reasoning_gym` brings: `data=reasoning_gym`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from harness.config.hints import hint
from harness.config.schema import Data
from harness.data.errors import DataError
from harness.data.example import Check, Example, alpaca
from harness.data.splits import Splits

POOL = 2_000
"""Training examples that are made."""

KIND = "reasoning_gym"
"""The check of their answers."""


def load_reasoning(data: Data) -> Splits:
    """Equal parts of the tasks that `data.path` names, of all where it names none.

    Raises:
        DataError: the package is missing, or has no task of a name.
    """
    named = [data.path] if isinstance(data.path, str) else data.path
    return _made(tuple(filter(None, named)), data.validation, data.test, data.seed)


@lru_cache(maxsize=4)
def _made(names: tuple[str, ...], validation: int, test: int, seed: int) -> Splits:
    known = sorted(_package().factory.DATASETS)
    for name in names:
        if name not in known:
            raise DataError(f"data.path={name}: no such task of reasoning-gym, {hint(name, known)}")
    held_out, wanted = validation + test, validation + test + POOL
    found: dict[str, Example] = {}
    made = 0
    for example in _examples(names or tuple(known), seed, 2 * wanted):
        made += 1
        found.setdefault(example.id, example)
        if len(found) == wanted:
            break
    examples = list(found.values())
    if len(examples) <= held_out:
        raise DataError(
            f"data.path={list(names)}: {len(examples)} different questions, expected above "
            f"data.validation={validation} plus data.test={test}"
        )
    note = f"reasoning-gym {_package().__version__}: {len(names or known)} tasks (Apache-2.0)"
    return Splits(
        tuple(examples[held_out:]), tuple(examples[test:held_out]), tuple(examples[:test]), (),
        duplicates=made - len(examples), notes=(note,),
    )  # fmt: skip


def _examples(names: tuple[str, ...], seed: int, most: int) -> Iterator[Example]:
    """So many questions at most, one of each task after another."""
    sets = {name: _package().create_dataset(name, seed=seed, size=most) for name in names}
    for number in range(-(-most // len(names))):
        for name, entries in sets.items():
            entry = entries[number]
            if entry["answer"] is not None:  # others have no reference to train on
                check = Check(KIND, {"task": name, "entry": entry})
                asked = alpaca(str(entry["question"]), "", str(entry["answer"]))
                yield replace(asked, family=name, check=check)


def reward(response: str, arguments: Mapping[str, Any]) -> float:
    """What a task's own scorer gives a response, 0 to 1; 0 where it cannot read it."""
    try:
        score = _package().get_score_answer_fn(arguments["task"])
        return float(score(answer=response, entry=arguments["entry"]))
    except DataError:
        raise
    except Exception:  # a scorer raises what it likes at what it cannot read
        return 0.0


@cache
def _package() -> Any:
    """The package.

    Raises:
        DataError: it is missing.
    """
    try:
        import reasoning_gym
    except ImportError:
        raise DataError(
            "data=reasoning_gym: the library reasoning-gym is missing, expected "
            "pip install 'prompt-mask-harness[reasoning_gym]'"
        ) from None
    return reasoning_gym
