"""Writes `tests/data_files`: small files of every shape and format that the harness reads.

`python -m tests.make_data_files` makes them again; they are kept, so that tests read what users
have and not what today's writers write.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import ipc, parquet

FOLDER = Path(__file__).parent / "data_files"

Rows = list[dict[str, Any]]

QUESTIONS = [
    ("Name the capital of France.", "", "Paris"),
    ("Add the numbers.", "2 and 3", "5"),
    ("Say hello.", "", "Hello!"),
    ("Translate to German.", "the cat\nand the dog", "die Katze, der Hund"),
]

ALPACA: Rows = [{"instruction": q, "input": i, "output": a} for q, i, a in QUESTIONS]
DOLLY: Rows = [
    {"instruction": q, "context": i, "response": a, "category": "qa"} for q, i, a in QUESTIONS
]
QA: Rows = [{"question": q, "answer": a} for q, _, a in QUESTIONS]
SQUAD: Rows = [
    {"id": str(n), "question": q, "context": i, "answers": {"text": [a, "no"], "answer_start": [0]}}
    for n, (q, i, a) in enumerate(QUESTIONS)
]
COMPLETIONS: Rows = [{"prompt": q, "completion": a} for q, _, a in QUESTIONS]
CHATS: Rows = [
    {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
    for q, _, a in QUESTIONS
]
LISTS: Rows = [
    {
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": q}],
        "completion": [{"role": "assistant", "content": a}],
    }
    for q, _, a in QUESTIONS
]
DIALOGUES: Rows = [
    {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": q},
            {"role": "assistant", "content": a},
            {"role": "user", "content": "Once more."},
            {"role": "assistant", "content": f"{a} {a}"},
        ]
    }
    for q, _, a in QUESTIONS
]
CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": 3}}}
TOOLS: Rows = [
    {
        "messages": [
            {"role": "user", "content": q},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "5"},
            {"role": "assistant", "content": a},
        ],
        "tools": [{"type": "function", "function": {"name": "add"}}],
    }
    for q, _, a in QUESTIONS
]
PARTS: Rows = [
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": q}]},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "So: "}, {"type": "text", "text": a}],
            },
        ]
    }
    for q, _, a in QUESTIONS
]
SHAREGPT: Rows = [
    {
        "system": "Be brief.",
        "conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": a}],
    }
    for q, _, a in QUESTIONS
]
LIMA: Rows = [{"conversations": [q, a], "source": "forum"} for q, _, a in QUESTIONS]
SEGMENTS: Rows = [
    {
        "text": f"Q: {q}\nA: {a}",
        "segments": [
            {"text": f"Q: {q}\n", "label": False},
            {"text": "A: ", "label": False},
            {"text": a, "label": True},
        ],
    }
    for q, _, a in QUESTIONS
]


def lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def array(rows: Rows, indent: int | None = 2) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=indent).encode()


def table(rows: Rows, delimiter: str = ",") -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {k: json.dumps(v) for k, v in row.items() if isinstance(v, list)})
    return file.getvalue().encode()


def columns(rows: Rows) -> bytes:
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def zst(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def saved(rows: Rows, folder: str) -> dict[str, bytes]:
    """The files that `Dataset.save_to_disk` leaves."""
    content = pyarrow.Table.from_pylist(rows)
    sink = pyarrow.BufferOutputStream()
    with ipc.new_stream(sink, content.schema) as writer:
        writer.write_table(content)
    name = "data-00000-of-00001.arrow"
    state = {"_data_files": [{"filename": name}], "_split": "train"}
    return {
        f"{folder}/{name}": bytes(sink.getvalue()),
        f"{folder}/state.json": json.dumps(state).encode(),
        f"{folder}/dataset_info.json": b"{}",
    }


def files() -> dict[str, bytes]:
    """Path below the folder -> content."""
    without_input = [{k: v or None for k, v in row.items()} for row in ALPACA]
    return {
        "array.json": array(ALPACA),
        "one_line.json": array(ALPACA, None),
        "lines.json": lines(ALPACA),
        "wrapped.json": json.dumps({"version": 1, "data": ALPACA}, indent=1).encode(),
        "null_and_bom.jsonl": b"\xef\xbb\xbf" + lines(without_input),
        "alpaca.jsonl.gz": gzip.compress(lines(ALPACA), mtime=0),
        "alpaca.jsonl.xz": lzma.compress(lines(ALPACA)),
        "alpaca.json.bz2": bz2.compress(array(ALPACA)),
        "alpaca.jsonl.zst": zst(lines(ALPACA)),
        "dolly.jsonl": lines(DOLLY),
        "questions.ndjson": lines(QA),
        "squad.jsonl": lines(SQUAD),
        "completions.jsonl": lines(COMPLETIONS),
        "completions_of_messages.jsonl": lines(LISTS),
        "chats.jsonl": lines(CHATS),
        "dialogues.jsonl": lines(DIALOGUES),
        "tools.jsonl": lines(TOOLS),
        "parts.jsonl": lines(PARTS),
        "sharegpt.json": array(SHAREGPT),
        "lima.jsonl": lines(LIMA),
        "segments.jsonl": lines(SEGMENTS),
        "commas.csv": table(ALPACA),
        "semicolons.csv": table(ALPACA, ";"),
        "tabs.tsv": table(ALPACA, "\t"),
        "chats.csv.gz": gzip.compress(table(CHATS), mtime=0),
        "alpaca.parquet": columns(ALPACA),
        "tools.parquet": columns(TOOLS),
        "alpaca.parquet.zst": zst(columns(ALPACA)),
        "folder/a.jsonl": lines(ALPACA[:2]),
        "folder/b.csv": table(DOLLY[2:]),
        "folder/README.md": b"Not data.\n",
        **saved(CHATS, "saved"),
        **saved(ALPACA, "splits/train"),
        **saved(ALPACA[:1], "splits/test"),
        "splits/dataset_dict.json": b'{"splits": ["train", "test"]}',
    }


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(content)
