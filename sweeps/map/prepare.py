"""The sets of the sweep `map`, made of their sources: one JSON object a line, as the harness reads.

    python sweeps/map/prepare.py SOURCES OUT

SOURCES holds the files that `SETS` names and the held-out text of the bases' corpus,
`valid.txt.xz`; OUT gets a file of each set. What is longer than 1,024 tokens in Alpaca's template
is left out here, so that every seed trains on the same number of examples. Nothing is drawn at
random.
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.data.example import Example
from harness.data.files import read_examples
from harness.data.prompt import render
from harness.data.tokens import load_tokenizer, tokenize

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
}


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


def main(sources: Path, out: Path) -> None:
    """Write all sets."""
    out.mkdir(parents=True, exist_ok=True)
    for name, source in SETS.items():
        bare = stripped if name in ("dolly", "alpaca") else dict
        write(out / f"{name}.jsonl.gz", [bare(each) for each in records(sources / source)])
    write(out / "corpus.jsonl.gz", list(passages(sources / "valid.txt.xz")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
