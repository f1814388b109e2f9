"""The sets of the sweeps `map` and `limits`, made of their sources: one JSON object a line.

    python sweeps/map/prepare.py SOURCES OUT

SOURCES holds the files that `SETS` names and the held-out text of the bases' corpus,
`valid.txt.xz`; OUT gets a file of each set. What is longer than 1,024 tokens in Alpaca's template
is left out here, so that every seed trains on the same number of examples. Nothing is drawn at
random, and words are shuffled by their example's number.
"""

from __future__ import annotations

import gzip
import json
import lzma
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.data.byte_pairs import load_tokenizer
from harness.data.example import Example
from harness.data.files import read_examples
from harness.data.leaks import runs
from harness.data.prompt import render
from harness.data.tokens import tokenize

HEADS = re.compile(
    r"^(?:.*?### Instruction:|Instruction:|Task:|You need to complete the following task:"
    r"|Plase answer the following request:)\s*",
    re.DOTALL,
)
MIDDLE = re.compile(r"\s*### Input:\s*")
TAILS = re.compile(r"\s*(?:### )?\b(?:Answer|Output|Response):\s*$")
"""Template words that stand in two of five Alpagasus prompts at random."""

CONTEXT = 1_024
PASSAGE = 1_000
"""Characters of a passage of the corpus."""

SETS = {
    "dolly": "alpagasus_3k_dolly.jsonl",
    "alpaca": "alpagasus_claude_t45_alpaca.jsonl",
    "t0_reading": "t0_reading_qa_dedup.jsonl.gz",
    "pubmedqa": "pubmedqa_long.jsonl",
    "lima": "lima_data.jsonl",
    "medquad": "medquad_heldout.jsonl.gz",
    "rasbt": "rasbt_instruct_1100.jsonl",
}

RUN = 20
"""Words in a row that make two records of T0 share a passage."""
COMMON = 100
"""Records from which on such a run is a question's wording, not a passage."""
CONTROLS = 1_000
"""Records of a control, more than any run uses."""


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file of JSON lines, maybe compressed."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            yield json.loads(line)


def stripped(record: dict[str, Any]) -> dict[str, Any]:
    """A conversation without the template words that its prompt brings along."""
    messages = [dict(message) for message in record["messages"]]
    bare = HEADS.sub("", messages[0]["content"])
    messages[0]["content"] = TAILS.sub("", MIDDLE.sub("\n\n", bare))
    return {"messages": messages}


def passages(path: Path) -> Iterator[dict[str, Any]]:
    """Every hundredth passage of a text, as an example that is all response."""
    with lzma.open(path, "rt") as file:
        text = file.read()
    for start in range(0, len(text) - PASSAGE, 100 * PASSAGE // 8):
        yield {"segments": [{"label": True, "text": text[start : start + PASSAGE]}]}


def passages_apart(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first record of each passage, without the end token that T0 spells out in its answers."""
    texts = [" ".join(each["content"] for each in record["messages"]) for record in found]
    counts = Counter(run for text in texts for run in runs(text, RUN))
    seen: set[str] = set()
    for record, text in zip(found, texts, strict=True):
        own = {run for run in runs(text, RUN) if counts[run] < COMMON}
        if not own & seen:
            messages = [dict(message) for message in record["messages"]]
            messages[-1]["content"] = messages[-1]["content"].removesuffix("<|endoftext|>")
            yield {"messages": messages}
        seen |= own


def asked(record: dict[str, Any], prompt: str) -> dict[str, Any]:
    """The record with another prompt in the place of its own."""
    return {"messages": [{"role": "user", "content": prompt}, *record["messages"][1:]]}


def shuffled(text: str, seed: int) -> str:
    """The words of a text in another order."""
    words = text.split()
    random.Random(seed).shuffle(words)
    return " ".join(words)


def beside(
    found: Sequence[dict[str, Any]], corpus: Sequence[str], count: int, order: bool
) -> Iterator[dict[str, Any]]:
    """Records whose prompt begins with `count` words of unrelated text, in their order or not."""
    for number, record in enumerate(found[:CONTROLS]):
        start = number * len(corpus) // CONTROLS
        text = " ".join(corpus[start : start + count])
        text = text if order else shuffled(text, number)
        yield asked(record, f"{text}\n\n{record['messages'][0]['content']}")


def abstracts(
    found: Sequence[dict[str, Any]], put: Callable[[int, list[str]], str]
) -> Iterator[dict[str, Any]]:
    """PubMedQA with something else before its questions; `put` makes it of number and abstracts."""
    parts = [record["messages"][0]["content"].rpartition("\n\n") for record in found]
    own = [abstract for abstract, _, _ in parts]
    for number, record in enumerate(found):
        yield asked(record, f"{put(number, own)}\n\n{parts[number][2]}".lstrip())


def write(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write what fits a context, with no time in the file."""
    lines = [json.dumps(record) + "\n" for record in found]
    path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    fits = [tokens(example) <= CONTEXT for example in read_examples(str(path))]
    kept = [line for line, fit in zip(lines, fits, strict=True) if fit]
    path.write_bytes(gzip.compress("".join(kept).encode(), mtime=0))
    print(f"{path.name}: {len(kept):,} of {len(lines):,} examples")


def tokens(example: Example) -> int:
    """Its length in Alpaca's template, in tokens of our bases."""
    return len(tokenize(render(example, "alpaca"), load_tokenizer("bpe8k")).ids)


def controls(sources: Path) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """The sets of `limits` that are made of others: name and records."""
    t0, alpaca, pubmedqa = (
        list(records(sources / SETS[name])) for name in ("t0_reading", "alpaca", "pubmedqa")
    )
    with lzma.open(sources / "valid.txt.xz", "rt") as file:
        corpus = file.read().split()
    bare = [stripped(record) for record in alpaca]
    yield "t0_passages", passages_apart(t0)
    for count in (32, 128, 512):
        yield f"alpaca_unrelated_{count}", beside(bare, corpus, count, order=True)
    yield "alpaca_shuffled_128", beside(bare, corpus, 128, order=False)
    yield "pubmedqa_question", abstracts(pubmedqa, lambda at, own: "")
    yield "pubmedqa_other", abstracts(pubmedqa, lambda at, own: own[at - 1])
    yield "pubmedqa_shuffled", abstracts(pubmedqa, lambda at, own: shuffled(own[at], at))


def main(sources: Path, out: Path) -> None:
    """Write all sets."""
    out.mkdir(parents=True, exist_ok=True)
    for name, source in SETS.items():
        bare = stripped if name in ("dolly", "alpaca") else dict
        write(out / f"{name}.jsonl.gz", [bare(each) for each in records(sources / source)])
    write(out / "corpus.jsonl.gz", list(passages(sources / "valid.txt.xz")))
    for name, found in controls(sources):
        write(out / f"{name}.jsonl.gz", list(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
