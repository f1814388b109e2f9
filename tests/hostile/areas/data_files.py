"""The user's own data: files that are broken, endless, of the wrong kind or said in other words."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.case import Area, Make, toy
from tests.hostile.make import (
    bomb,
    chat,
    data,
    directory,
    fifo,
    link,
    locked,
    nested,
    records,
    repeated,
    several,
    sparse,
    text,
)

AREA = Area("data files")
refuse, work = AREA.refuse, AREA.work

FILE = "mine.jsonl"
USE = toy(f"data.path={FILE}")
AT = rf"{FILE}.*\b11\b"
"""The eleventh line, after ten sound ones."""

SOUND = "".join(
    json.dumps({"instruction": f"Say {n}.", "input": "", "output": str(n)}) + "\n"
    for n in range(20)
)


def parquet(table: dict[str, list[object]]) -> bytes:
    """A Parquet file's bytes."""
    file = io.BytesIO()
    pq.write_table(pa.table(table), file)
    return file.getvalue()


ROWS: dict[str, list[object]] = {
    "instruction": [f"Say {n}." for n in range(20)],
    "output": [str(n) for n in range(20)],
}
PARQUET = parquet(ROWS)

# One bad line.
for name, line in {
    "not JSON": '{"instruction": ',
    "a number": "3",
    "null": "null",
    "a text": '"hello"',
    "a list": "[1, 2]",
    "an empty object": "{}",
    "JSON 10,000 deep": nested(10_000),
    "a million brackets": "[" * 1_000_000,
    "not a number in JSON": '{"instruction": NaN, "output": "x"}',
    "a number of 10,000 digits": '{"instruction": ' + "9" * 10_000 + ', "output": "x"}',
    "a lone surrogate": '{"instruction": "\\ud800", "input": "", "output": "x"}',
    "no output": '{"instruction": "x", "input": ""}',
    "an output of null": '{"instruction": "x", "input": "", "output": null}',
    "an output of a number": '{"instruction": "x", "input": "", "output": 4}',
    "an input of a list": '{"instruction": "x", "input": ["a"], "output": "y"}',
    "two objects": '{"instruction": "a", "output": "b"} {"instruction": "a", "output": "b"}',
    "bytes that are no UTF-8": '{"instruction": "\udcff", "output": "b"}',
}.items():
    refuse(f"a line of {name}", USE, AT, make=records(FILE, line))

# Messages.
for name, record in {
    "no messages": {"messages": []},
    "messages of a text": {"messages": "hello"},
    "messages of numbers": {"messages": [1, 2]},
    "a role of a list": {"messages": [{"role": ["user"], "content": "a"}]},
    "a role of an object": {"messages": [{"role": {}, "content": "a"}, {"role": "x"}]},
    "an unknown role": chat("user", "robot"),
    "no role": {"messages": [{"content": "a"}, {"role": "assistant", "content": "b"}]},
    "no content": {"messages": [{"role": "user"}, {"role": "assistant", "content": "b"}]},
    "a content of null": {"messages": [{"role": "user", "content": None},
                                       *chat("assistant")["messages"]]},
    "a picture for a content": {"messages": [{"role": "user", "content": [{"type": "image_url"}]},
                                             *chat("assistant")["messages"]]},
    "two users in a row": chat("user", "user", "assistant"),
    "the user last": chat("user", "assistant", "user"),
    "the assistant alone": chat("assistant"),
    "a system message in the middle": chat("user", "system", "assistant"),
    "a system message alone": chat("system"),
}.items():  # fmt: skip
    refuse(name, USE, AT, make=records(FILE, record))

# Whole files.
FILES: dict[str, Make] = {
    "no file": records("other.jsonl"),
    "an empty file": text(FILE, ""),
    "a file of blank lines": text(FILE, "\n \n\n"),
    "a folder": directory(FILE),
    "a named pipe": fifo(FILE),
    "a device without end": link(FILE, "/dev/zero"),
    "a terminal": link(FILE, "/dev/tty"),
    "a link to itself": link(FILE, FILE),
    "a link to nothing": link(FILE, "nothing"),
    "a process's memory": link(FILE, "/proc/self/mem"),
    "a hundred gigabytes of zeros": sparse(FILE, 100),
    "three examples": records(FILE, good=3),
    "one example a hundred times": text(FILE, SOUND.splitlines()[0] + "\n" + SOUND.splitlines()[0]),
    "UTF-16": data(FILE, SOUND.encode("utf-16")),
    "a picture": data(FILE, b"\x89PNG\r\n\x1a\n\x00\x00" * 50),
    "a line of 100 MB": repeated(FILE, SOUND, "x", 100_000_000),
    "a line of 100 million brackets": repeated(FILE, "", "[", 100_000_000),
    "an example of a million words": records(
        FILE, {"instruction": "word " * 1_000_000, "output": "x"}, good=30
    ),
}
for name, make in FILES.items():
    refuse(name, USE, FILE, make=make)
refuse("a path with a line break", toy('data.path="a\nb.jsonl"'), "data.path")
refuse("a path of 5,000 letters", toy(f"data.path={'p' * 5_000}"), "data.path")
refuse("a file without rights", USE, FILE, user=True, make=several(records(FILE), locked(FILE)))

# Compressed.
PACKED = "mine.jsonl.gz"
USE_PACKED = toy(f"data.path={PACKED}")
for name, content in {
    "gzip cut short": gzip.compress(SOUND.encode() * 50)[:-40],
    "gzip with a broken stream": gzip.compress(SOUND.encode())[:30] + b"\x00" * 60,
    "gzip with a wrong checksum": gzip.compress(SOUND.encode())[:-8] + b"\x00" * 8,
    "gzip that is none": SOUND.encode(),
    "an empty gzip": b"",
}.items():
    refuse(name, USE_PACKED, PACKED, make=data(PACKED, content))
refuse("a gzip bomb of blanks", USE_PACKED, PACKED, make=bomb(PACKED, 10))
refuse("a gzip bomb of a letter", USE_PACKED, PACKED, make=bomb(PACKED, 10, b"x"))
refuse("a gzip bomb of empty lines", USE_PACKED, PACKED, make=bomb(PACKED, 10, b"\n"))

# Tables.
for name, file, content in (
    ("JSON that is cut", "mine.json", ("[" + ",".join(SOUND.splitlines()))[:-9].encode()),
    ("JSON of a number", "mine.json", b"3"),
    ("JSON 100,000 deep", "mine.json", nested(100_000).encode()),
    ("an empty CSV", "mine.csv", b""),
    ("a CSV of a head", "mine.csv", b"instruction,output\n"),
    ("a CSV with other columns", "mine.csv", b"a,b\n1,2\n3,4\n"),
    ("a CSV with a short row", "mine.csv", b"instruction,output\nonly\n" * 20),
    ("a CSV with an open quote", "mine.csv", b'instruction,output\n"a,b\n' + b"c,d\n" * 20),
    ("a CSV with null bytes", "mine.csv", b"instruction,output\n\x00\x00,\x00\n" * 20),
    ("a Parquet cut short", "mine.parquet", PARQUET[:-20]),
    ("a Parquet with broken pages", "mine.parquet", PARQUET[:8] + b"\xff" * 60 + PARQUET[68:]),
    ("a Parquet that is none", "mine.parquet", b"PAR1" + b"\x00" * 100 + b"PAR1"),
    ("a Parquet with other columns", "mine.parquet", parquet({"a": ROWS["output"]})),
    ("a Parquet of numbers", "mine.parquet", parquet({"instruction": [1, 2], "output": [3, 4]})),
    ("an unknown ending", "mine.xlsx", b"PK\x03\x04"),
    ("a zip", "mine.zip", b"PK\x03\x04" + b"\x00" * 50),
):
    refuse(name, toy(f"data.path={file}"), file, make=data(file, content))

# What must work.
DONE = ("runs/s/*/result.json",)
work("the folder that one is in", toy("data.path=."), leaves=DONE)
work("a byte-order mark", USE, leaves=DONE, make=text(FILE, "\ufeff" + SOUND))
work("line ends of Windows", USE, leaves=DONE, make=text(FILE, SOUND.replace("\n", "\r\n")))
work("other keys beside the texts", USE, leaves=DONE, make=text(
    FILE, SOUND.replace('"input": ""', '"id": {"a": [1]}, "input": ""')))  # fmt: skip
work(
    "an input of null",
    USE,
    leaves=DONE,
    make=text(FILE, SOUND.replace('"input": ""', '"input": null')),
)
work("a path with a comma and a space", toy('data.path="my, own.jsonl"'), leaves=DONE,
     make=text("my, own.jsonl", SOUND))  # fmt: skip
work("letters of all kinds", USE, leaves=DONE, make=text(
    FILE, SOUND.replace("Say", "Sag \u202e \U0001f600 \x7f \\u0000 \\u001b[31m é"),
))  # fmt: skip
