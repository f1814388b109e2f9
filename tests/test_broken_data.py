"""Broken data: each gives one line with file, place, what is there and what was expected."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.data.errors import DataError
from harness.data.files import read_examples
from tests.make_data_files import FOLDER

GOOD = b'{"instruction": "a", "output": "b"}\n'
PARQUET = (FOLDER / "alpaca.parquet").read_bytes()
SAVED = (FOLDER / "saved" / "data-00000-of-00001.arrow").read_bytes()
MIB = 1 << 20


def chat(*messages: dict[str, object]) -> bytes:
    return GOOD + json.dumps({"messages": messages}).encode()


USER: dict[str, object] = {"role": "user", "content": "a"}
ANSWER: dict[str, object] = {"role": "assistant", "content": "b"}

ROLES = "expected one of 'system', 'developer', 'user', 'human', 'assistant', 'gpt', 'tool'"

BROKEN: list[tuple[str, bytes, str]] = [
    ("a.jsonl", GOOD + b"{", "a.jsonl:2: not JSON (Expecting property name"),
    ("b.jsonl", b"\n\n[1]\n", "b.jsonl:3: a list of 1, expected an object with keys and values"),
    ("c.jsonl", GOOD + b"null", "c.jsonl:2: null, expected an object"),
    ("d.jsonl", GOOD.strip() + GOOD, "d.jsonl:1: text after the JSON value, expected one record"),
    ("e.jsonl", GOOD + b"\xff\xfe", "e.jsonl:2: byte 0 is not UTF-8, expected text in UTF-8"),
    (
        "f.jsonl",
        b'{"frage": "a", "antwort": "b", "input": null}',
        (
            "f.jsonl:1: found 'frage', 'antwort', expected messages, or conversations, "
            "or segments, or one of 'instruction', 'prompt', 'question' with one of 'output', "
            "'completion', 'response', 'answer', or data.columns to map them"
        ),
    ),
    (
        "slip.jsonl",
        b'{"instuction": "a", "outputs": "b", "id": "c"}',
        (
            "slip.jsonl:1: found 'instuction', 'outputs', 'id' (did you mean 'instruction' by "
            "'instuction' and 'output' by 'outputs'?), expected messages"
        ),
    ),
    ("g.jsonl", b'{"text": "only a text"}', "g.jsonl:1: found 'text', expected messages"),
    ("h.jsonl", b"{}", "h.jsonl:1: found no keys, expected messages"),
    (
        "i.jsonl",
        GOOD + b'{"instruction": "a", "output": 3}',
        "i.jsonl:2: output is the number 3, expected a text",
    ),
    (
        "j.jsonl",
        GOOD + b'{"instruction": [3], "output": "b"}',
        "j.jsonl:2: message 0: the number 3, expected an object with role and content",
    ),
    (
        "k.jsonl",
        b'{"instruction": "a", "input": NaN, "output": "b"}',
        "k.jsonl:1: NaN is not JSON, expected a record",
    ),
    ("l.jsonl", b"[" * 10_000, "l.jsonl:1: nested too deep, expected a record"),
    ("m.jsonl", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "m.jsonl:1: nested too deep"),
    ("n.json", b'[{"a":' + b"[" * 10_000 + b"]", "n.json:1: nested too deep"),
    (
        "o.jsonl",
        b'{"instruction": "\\ud800", "output": "b"}',
        "o.jsonl:1: instruction holds \\ud800, half of a character, expected a text",
    ),
    ("p.jsonl", b'{"instruction": "a", "output": 1' + b"0" * 5000 + b"}", "p.jsonl:1: Exceeds"),
    (
        "q.jsonl",
        b'{"instruction": "' + b"a" * 17 * MIB + b'", "output": "b"}',
        "q.jsonl:1: a line of more than 16 MiB, expected a record",
    ),
    (
        "r.jsonl",
        b'{"instruction": "a", "output": "b", "response": "c"}',
        (
            "r.jsonl:1: 'output', 'response' could each be the output, expected one of them; "
            "data.columns={output: output, ...} says which"
        ),
    ),
    ("s.jsonl", b" \n\n", "s.jsonl: no record in it, expected some"),
    ("t.json", b"", "t.json: no record in it"),
    ("u.json", b"[]", "u.json: no record in it"),
    ("v.json", b"[\n" + GOOD + GOOD + b"]", "v.json:3: not JSON (expected , or ] in the array)"),
    ("w.json", b"[\n" + GOOD + b",\n3]", "w.json:4: the number 3, expected an object"),
    ("x.json", b"[\n" + GOOD, "x.json:3: not JSON (expected , or ] in the array)"),
    ("y.json", b"[]\n[]", "y.json: text after the array, expected its end"),
    ("z.json", b'{"data":\n 3}', "z.json:1: found 'data', expected messages"),
    (
        "aa.jsonl",
        chat({"role": "robot", "content": "a"}),
        f"aa.jsonl:2: message 0: role is 'robot', {ROLES}",
    ),
    ("ab.jsonl", chat({"role": ["user"]}), f"message 0: role is a list of 1, {ROLES}"),
    ("ac.jsonl", chat({"content": "a"}), "message 0: role is missing among 'content', expected"),
    ("ad.jsonl", chat({"role": "user"}), "content is missing among 'role', expected a text"),
    ("ae.jsonl", chat(), "the last of the messages to be the assistant's, there is none"),
    ("af.jsonl", chat(USER), "expected the last of the messages to be the assistant's, it is of"),
    ("ag.jsonl", chat(USER, USER), "ag.jsonl:2: message 1 is of 'user', expected 'assistant'"),
    ("ah.jsonl", chat(ANSWER), "message 0 is of 'assistant', expected 'system' or 'user'"),
    (
        "ai.jsonl",
        chat(USER, {"role": "assistant", "content": 5}),
        "message 1: content is the number 5, expected a text",
    ),
    (
        "aj.jsonl",
        chat({"role": "user", "content": [{"type": "image", "url": "x"}]}, ANSWER),
        "message 0: a part of content is image, expected parts of type text",
    ),
    ("ak.jsonl", b'{"messages": "hi"}', "messages is of type str, expected a list of messages"),
    ("al.jsonl", b'{"messages": [3]}', "message 0: the number 3, expected an object with role"),
    ("am.jsonl", chat(USER, {**ANSWER, "weight": -1}), "weight is the number -1, expected a"),
    ("an.jsonl", chat(USER, {**ANSWER, "train": "no"}), "train is 'no', expected true or false"),
    (
        "ao.jsonl",
        chat(USER, {**ANSWER, "weight": 0, "train": True}),
        "ao.jsonl:2: message 1: weight says 0 and train says 1, expected one weight",
    ),
    ("ap.jsonl", b'{"segments": [{"text": "a"}]}', "segment 0: 'text', expected 'text' and 'lab"),
    (
        "aq.jsonl",
        b'{"segments": [{"text": "a", "label": false}]}',
        "expected the last of the segments to be labelled true",
    ),
    (
        "ar.jsonl",
        b'{"text": "ab", "segments": [{"text": "a", "label": true}]}',
        "text differs from the segments' texts",
    ),
    ("as.csv", b"instruction,output\na,b\nc\n", "as.csv:3: 1 cells, expected 2: 'instruction', '"),
    ("at.csv", b'instruction,output\na,"b\n', "at.csv:2: unexpected end of data, expected a row"),
    ("au.csv", b"frage,antwort\na,b\n", "au.csv:2: found 'frage', 'antwort', expected messages"),
    ("av.csv", b"", "av.csv: no record in it"),
    ("aw.parquet", PARQUET[:100], "aw.parquet: "),
    ("ax.parquet", b"", "ax.parquet: "),
    ("ay.arrow", SAVED[:200], "ay.arrow: "),
    ("az.jsonl.gz", GOOD, "az.jsonl.gz: Not a gzipped file"),
    ("ba.jsonl.gz", gzip.compress(GOOD * 999)[:60], "ba.jsonl.gz: Compressed file ended before"),
    (
        "bb.jsonl.gz",
        gzip.compress(GOOD)[:10] + b"\xff" * 50,
        "bb.jsonl.gz: Error -3 while decompressing data",
    ),
    ("bc.jsonl.xz", lzma.compress(GOOD)[:-9], "bc.jsonl.xz: "),
    ("bd.jsonl.xz", GOOD, "bd.jsonl.xz: Input format not supported by decoder"),
    ("be.jsonl.bz2", GOOD, "be.jsonl.bz2: Invalid data stream"),
    ("bf.jsonl.zst", GOOD, "bf.jsonl.zst: "),
    (
        "bg.jsonl.gz",
        gzip.compress(b"x" * MIB) * 1920,
        "bg.jsonl.gz:1: a line of more than 16 MiB",
    ),
    ("bh.jsonl.gz", gzip.compress(b"\n" * MIB) * 1920, "grows more than 300-fold when"),
    ("bi.parquet.gz", gzip.compress(b"x" * MIB) * 1920, "grows more than 300-fold when"),
    ("bj.txt", GOOD, "bj.txt: a file of an unknown kind, expected one that ends in .json, "),
    ("bk", GOOD, "bk: a file of an unknown kind"),
    ("bl.gz", gzip.compress(GOOD), "bl.gz: a file of an unknown kind"),
]


@pytest.mark.parametrize(("name", "content", "fault"), BROKEN, ids=[case[0] for case in BROKEN])
def test_a_broken_file_is_one_line(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_examples(str(path))
    line = str(caught.value)
    assert fault in line.replace(f"{tmp_path}/", "") and str(path) in line
    assert "\n" not in line and len(line) < 400 + len(str(path))


def test_paths_that_are_no_files_are_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    (tmp_path / "mixed" / "train.jsonl").write_bytes(GOOD)
    (tmp_path / "mixed" / "test.jsonl").write_bytes(GOOD)
    cases = {
        str(tmp_path / "none.jsonl"): "no such file or folder",
        str(tmp_path / "pipe.jsonl"): "neither a file nor a folder, expected one of them",
        str(tmp_path / "zero.jsonl"): "neither a file nor a folder",
        str(tmp_path / "empty"): "an empty folder; expected files that",
        str(tmp_path / "mixed"): "test.jsonl beside 1 others, expected a folder to train on; name",
        "a\nb.jsonl": "expected a path without control characters",
        "x" * 5000 + ".jsonl": "File name too long",
        "hf:nobody": "expected hf:owner/name, maybe followed by /config, @revision and :split",
    }
    for path, fault in cases.items():
        with pytest.raises(DataError, match=fault) as caught:
            read_examples(path)
        assert ("\n" not in str(caught.value) and "data.path" in str(caught.value)) or fault[
            0
        ] == "n"


def test_the_library_of_the_hub_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"datasets is missing, expected pip install '.*\[data\]'"):
        read_examples("hf:owner/name")


def test_a_gzip_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * MIB) * 6400)
    code = (
        "import sys; from harness.data.files import read_examples\n"
        "try: read_examples(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    line, kilobytes = done.stdout.splitlines()
    assert "a line of more than 16 MiB" in line and int(kilobytes) < 300_000
