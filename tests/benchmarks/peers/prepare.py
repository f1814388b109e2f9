"""Writes down a work for all peers: `python -m tests.benchmarks.peers.prepare KIND FOLDER`.

Kinds are `micro` (1,000 built-in examples), `nano` (100 of them), `gpt2` (the 124M shape with
random weights on records like Alpagasus') and `toy` (seconds). What the harness itself would train
on is written out as token ids, so that nobody's template or tokenizer can differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from harness.config.schema import Run
from harness.data.byte_pairs import gpt_tokenizer
from harness.data.encoded import Encoded
from harness.data.examples import prepare_examples
from harness.models.exported import export_model
from harness.models.gpt import GPT
from harness.models.hugging_face import export
from harness.run.origin import shape
from harness.run.trained import open_model
from tests.benchmarks.peers.stand_in import write_records
from tests.benchmarks.peers.work import Conversation, Recipe, Work, write
from tests.tiny import gpt_in, run_of

KINDS = {
    "micro": ["model=micro", "data.size=1000", "train.lr=6e-4"],
    "nano": ["model=nano", "data.size=100", "train.lr=1e-3"],
    "gpt2": ["data=file", "data.template=headers", "data.size=full", "data.validation=0",
             "data.test=110", "score.responses=110", "train.epochs=1", "train.lr=5e-4",
             "model=gpt2"],
    "toy": ["model=nano", "data.size=20", "data.test=8", "score.responses=4", "train.epochs=1",
            "train.lr=1e-3", "score.response_tokens=8"],
}  # fmt: skip
"""What each kind is, in the harness's own words."""


def conversations(items: Sequence[Encoded]) -> list[Conversation]:
    """Token ids of encoded examples."""
    return [Conversation(ids=item.tokens.ids.tolist(), prompt=item.prompt) for item in items]


def describe(name: str, run: Run, folder: Path, overrides: list[str]) -> Work:
    """A run of the harness as a work for everybody; its base is not written yet.

    Raises:
        DataError: as `harness.data.examples.prepare_examples`.
    """
    examples = prepare_examples(run)
    train = run.train
    targets = sum(len(item.tokens.ids) - 1 for item in examples.train)
    steps = max(1, round(targets / train.batch_tokens))
    assert train.lr != "auto"
    return Work(
        name=name,
        folder=str(folder),
        train=conversations(examples.train),
        test=conversations(examples.test),
        answers=run.score.responses,
        answer_tokens=run.score.response_tokens,
        end=gpt_tokenizer(gpt_in(run)).end,
        epochs=train.epochs,
        seed=run.seed,
        recipe=Recipe(
            batch_tokens=train.batch_tokens,
            batch=round(len(examples.train) / steps),
            lr=train.lr,
            warmup=train.warmup,
            weight_decay=train.weight_decay,
            beta1=train.beta1,
            beta2=train.beta2,
            clip=train.clip,
        ),
        overrides=overrides,
    )


def random_base(run: Run, folder: Path) -> None:
    """Write a base of the run's shape with random weights."""
    model = GPT(shape(gpt_in(run)))
    model.initialise(run.seed)
    export(model, gpt_tokenizer(gpt_in(run)), folder)


def make(kind: str, folder: Path, data: Path | None, gpt2: Path | None, more: list[str]) -> Work:
    """Write the work `kind` and its base into `folder`.

    Args:
        kind: of `KINDS`.
        folder: where to; made.
        data: records for the kind `gpt2`; None for a stand-in of the same lengths.
        gpt2: folder with GPT-2's `encoder.json` and `vocab.bpe`; None for our own tokenizer.
        more: overrides of the harness that change the work.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    overrides = list(KINDS[kind])
    if kind != "gpt2":
        overrides += more
        work = describe(kind, run_of(*overrides), folder, overrides)
        base = open_model(run_of(*overrides).model, "")
        export_model(base.model, base.tokenizer, work.base)
    else:
        records = data.resolve() if data else write_records(folder / "records.jsonl", 5301)
        overrides += [f"data.path={records}", *more]
        named = [f"model.weights={gpt2.resolve()}"] if gpt2 else ["model.tokenizer=bpe8k"]
        first = run_of(*overrides, *named)
        random_base(first, folder / "base")
        overrides += [f"model.weights={folder / 'base'}"]
        overrides += [] if gpt2 else ["model.tokenizer=bpe8k"]
        work = describe(kind, run_of(*overrides), folder, overrides)
    write(work)
    return work


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers.prepare")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="a .jsonl for the kind gpt2")
    parser.add_argument("--gpt2", type=Path, help="folder with encoder.json and vocab.bpe")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE of the harness")
    given = parser.parse_intermixed_args()
    work = make(given.kind, given.folder, given.data, given.gpt2, given.overrides)
    print(
        f"{given.folder}: {len(work.train)} examples, {work.targets} targets an epoch, "
        f"{work.weighted} of them in the loss"
    )


if __name__ == "__main__":
    main()
