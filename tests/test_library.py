"""The harness from Python: settings, runs as tables, and weights for other trainers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import harness
from harness.commands import audit
from harness.config.validate import ConfigError
from harness.data.masks import weigh
from harness.library.settings import arguments
from tests.own_models import BOS, CHATML, END, spec, write_model, write_tokenizer
from tests.tiny import BPE, DIALOGUE, MASKS, run_of, tokens_of, write_records
from tests.tiny_sweep import ROOT

CHAT = [{"role": message.speaker, "content": message.content} for message in DIALOGUE.messages]
PAGE = ROOT / "docs" / "library.md"


def blocks() -> dict[str, str]:
    """Heading of docs/library.md -> its code."""
    found = re.findall(r"^## (.*?)$.*?```python\n(.*?)```", PAGE.read_text("utf-8"), re.M | re.S)
    return dict(found)


def test_importing_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, harness\n"
        "found = {'torch', 'numpy', 'pandas', 'hydra', 'transformers'} & set(sys.modules)\n"
        "assert not found, found\n"
        "assert callable(harness.run) and set(harness.__all__) <= {*dir(harness), *harness._PLACES}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mask": ["none", "full"], "seed": range(3)}, ["mask=none,full", "seed=0,1,2"]),
        ({"mask": "glob(*)", "save_weights": True}, ["mask=glob(*)", "save_weights=true"]),
        ({"data": Path("a b.jsonl")}, ['data.path="a b.jsonl"']),
        ({"data": ["a.csv", "b.csv"]}, ['data.path="a.csv","b.csv"']),
        ({"model": "owner/name"}, ["model=hf", 'model.path="owner/name"']),
        ({"data": {"size": [9, "full"], "columns": {"input": "q"}}},
         ['data.size=9,"full"', 'data.columns={input: "q"}']),
        ({"score": {"scores": ["chrf", "rouge_l"], "also": None}},
         ['score.scores=["chrf","rouge_l"]', "score.also=null"]),
        ({"data.mix": [[1, 2], [2, 1]], "train": {"lr": 1e-5}},
         ["data.mix=[1,2],[2,1]", "train.lr=1e-05"]),
    ],
)  # fmt: skip
def test_settings_in_the_words_of_the_command_line(
    settings: dict[str, Any], expected: list[str]
) -> None:
    assert arguments(settings) == expected


def test_a_sweep_a_run_and_a_folder_are_the_same_table(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "hydra/launcher": "inline", "runs": tmp_path, "sweep": "s", "device": "cpu", "threads": 1,
        "model": "nano", "model.layers": 1, "model.width": 32, "model.heads": 2,
        "model.weights": "random", "model.context": 64,
        "data": {"path": write_records(tmp_path / "my set.jsonl", 30), "size": 6, "validation": 2,
                 "test": 4, "template": "plain"},
        "train": {"epochs": 1}, "score": {"responses": 0},
    }  # fmt: skip
    found = harness.sweep(mask=["none", "full"], **settings)
    assert sorted(found["arm"]) == ["full", "none"] and set(found["n_examples"]) == {6}
    again = harness.run(mask="none", **settings)
    (row,) = found[found["arm"] == "none"].to_dict("records")
    assert again["identity"] == row["identity"] and again["steps"] == row["steps"]
    loaded = harness.load(tmp_path / "s")
    assert sorted(loaded["identity"]) == sorted(found["identity"])
    with pytest.raises(ConfigError, match="mask=none,full: several values, expected one"):
        harness.run(mask=["none", "full"], **settings)
    with pytest.raises(ConfigError, match="did you mean full"):
        harness.sweep(mask="ful", **settings)


def test_the_audit_is_that_of_the_command() -> None:
    found = harness.audit(mask="prompt_weight", model="nano", data={"size": 5}, n=2)
    assert found == audit.audit(run_of("mask=prompt_weight", "model=nano", "data.size=5"), 2)


@pytest.mark.parametrize("mask", ["full", "none", "assistant_last", "template", "prompt_weight"])
def test_weights_are_those_that_a_run_trains_with(mask: str) -> None:
    tokens = tokens_of(DIALOGUE, "alpaca")
    expected = weigh(tokens, MASKS[mask], np.zeros(len(tokens.ids), np.float32))
    ids, weights, roles = harness.weights(CHAT, mask)
    assert ids == tokens.ids.tolist()
    assert weights[0] == 0 and weights[1:] == expected[1:].tolist()
    assert roles[-1] == "end" and ids[-1] == BPE.end


def test_a_mask_may_be_said_in_place_and_rarity_counts_over_the_set() -> None:
    _, weights, roles = harness.weights(CHAT[:3], {"weight": {"instruction": 0.5}})
    said = dict(zip(roles, weights, strict=True))
    assert said == {
        "template": 0.0, "system": 0.0, "instruction": 0.5, "response": 1.0, "end": 1.0
    }  # fmt: skip
    pair = (
        {"instruction": "Say one two.", "output": "x"},
        {"instruction": "Say one.", "output": "x"},
    )
    mask = {"weight": {"instruction": 1.0}, "keep": {"instruction": 0.1}}
    (first, _) = harness.weigh_all(pair, mask)
    kept = [id for id, w, role in zip(*first, strict=True) if w and role == "instruction"]
    assert BPE.decode(kept) == " two"


def test_in_a_tokenizer_of_transformers_ids_are_those_of_its_chat_template(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path, spec(), CHATML)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    found = harness.weights(CHAT, "full", tokenizer=theirs)
    text = theirs.apply_chat_template(CHAT, tokenize=False)
    whole = theirs(text, add_special_tokens=False)["input_ids"]
    assert found.ids[0] == BOS and found.ids[-1] == END
    assert found.ids == whole[: len(found.ids)] and theirs.decode(whole[len(found.ids) :]) == "\n"
    trained = [id for id, weight in zip(found.ids, found.weights, strict=True) if weight]
    assert theirs.decode(trained) == "A model.<|im_end|>Of text.<|im_end|>"
    assert harness.weights(CHAT, "full", tokenizer=str(tmp_path)) == found


def test_surprisal_is_that_of_the_model(tmp_path: Path) -> None:
    import transformers

    write_model(tmp_path, "llama")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    mask = {"weight": {"user": 1.0, "response": 0.0, "end": 0.0}, "keep": {"user": 0.2},
            "importance": "surprisal"}  # fmt: skip
    found = harness.weights(CHAT, mask, tokenizer=str(tmp_path), model=model)
    with torch.no_grad():
        logits = model(torch.tensor([found.ids])).logits[0]
    nats = [0.0, *(-logits.log_softmax(-1)[range(len(found.ids) - 1), found.ids[1:]]).tolist()]
    user = [place for place, role in enumerate(found.roles) if role == "user"]
    kept = [place for place, weight in enumerate(found.weights) if weight]
    assert kept and set(kept) <= set(user)
    assert min(nats[place] for place in kept) >= max(nats[p] for p in user if p not in kept)


def test_labels_say_whether_a_token_trains_and_nothing_between() -> None:
    assert harness.to_labels([5, 6, 7], [0.0, 1.0, 0.0]) == [-100, 6, -100]
    with pytest.raises(ValueError, match=r"a token weighs 0\.1: labels say 0 or 1 alone"):
        harness.to_labels([5, 6], [0.1, 1.0])
    with pytest.raises(ValueError, match=r"a token weighs 0\.1"):
        harness.to_trl([CHAT], "prompt_weight", tokenizer="bpe8k")
    (row,) = harness.to_trl([CHAT], "prompt_weight", tokenizer="bpe8k", graded=True)
    assert {round(weight, 6) for weight in row["weights"]} == {0.0, 0.1, 1.0}


@pytest.mark.parametrize(
    ("said", "mask", "line"),
    [
        (CHAT, "ful", "mask=ful: no such option ful, did you mean full"),
        (CHAT, "annealed", "mask=annealed: its weights change while training goes on"),
        (CHAT, "surprisal", "mask=surprisal: ranks tokens by their surprisal, expected model=…"),
        (CHAT[:2], "full", "conversation 0: expected the last of the messages to be the assistant"),
    ],
)
def test_a_fault_is_one_line(said: list[dict[str, str]], mask: str, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}.*$") as caught:
        harness.weights(said, mask)
    assert "\n" not in str(caught.value)


def test_the_loop_of_the_page_gives_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tokenizer(tmp_path / "my-model", spec(), CHATML)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(blocks()["Our masks in a loop of one's own"], scope)
    assert len(scope["ids"]) == len(scope["weights"]) and 5 < float(scope["loss"]) < 20


@pytest.mark.slow
def test_the_page_and_the_notebook_run_as_they_stand(tmp_path: Path) -> None:
    write_records(tmp_path / "my.jsonl", 60)
    block = tmp_path / "block.py"
    block.write_text(blocks()["Runs and sweeps"] + "\nassert len(again) == 5, again\n")
    for script in (block, ROOT / "docs" / "notebook.py"):
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "Δ, nats/token" in done.stdout and done.stdout.count("] finished ") == 4


def write_chats(path: Path) -> list[dict[str, Any]]:
    chats = [
        {"messages": [{"role": "user", "content": f"Say number {n} twice."},
                      {"role": "assistant", "content": f"{n} {n}"}]}
        for n in range(4)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(chat) + "\n" for chat in chats), "utf-8")
    return chats
