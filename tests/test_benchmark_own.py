"""lm-eval on what runs of models of transformers kept, whole weights or adapters, offline."""

from __future__ import annotations

import json
import math
from pathlib import Path

import peft
import pytest
import torch
import transformers

from analysis import table
from analysis.study import study
from harness.__main__ import main
from harness.records import ADAPTER, RESULT, WEIGHTS, Result
from harness.records.storage import read_json
from harness.run.execute import execute
from harness.run.warm import Warm
from tests.own_models import own_cell, write_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TASK = """
task: tiny_numbers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: loglikelihood
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
target_delimiter: ""
metric_list:
  - {{metric: perplexity, aggregation: perplexity, higher_is_better: false}}
"""
LORA = ("train.adapter=lora", "train.lora.rank=2", "train.lora.alpha=8", "train.lr=0.1")
ASKED = [(f"Say number {n} twice.", f" {n} {n}") for n in range(6)]


def perplexity(model: torch.nn.Module, folder: Path) -> float:
    """exp of the mean negative log-likelihood of an answer, as lm-eval means it."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    found = []
    for question, answer in ASKED:
        context = len(tokenizer(question, add_special_tokens=False).input_ids)
        ids = torch.tensor([tokenizer(question + answer, add_special_tokens=False).input_ids])
        with torch.no_grad():
            logits = model(ids[:, :-1]).logits.float().log_softmax(-1)
        of_each = logits.gather(-1, ids[:, 1:, None])[0, :, 0]
        found.append(float(of_each[context - 1 :].sum()))
    return math.exp(-sum(found) / len(found))


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_figures_are_those_of_the_kept_weights_and_stand_in_the_same_table(
    tmp_path: Path, adapter: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    pytest.importorskip("lm_eval", reason="needs the extra lm-eval")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    base = write_model(tmp_path / "base", "llama")
    cells = [
        own_cell(tmp_path, base, *(LORA if adapter == "lora" else ()), "save_weights=true", mask)
        for mask in ("mask=full", "mask=none")
    ]
    for cell in cells:
        execute(cell, lambda *_: None, Warm())
        kept = ADAPTER if adapter == "lora" else WEIGHTS
        assert (cell.folder / kept).is_file()
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    lines = [{"question": question, "answer": answer} for question, answer in ASKED]
    (tasks / "tiny.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tasks / "tiny.yaml").write_text(TASK.format(data=tasks / "tiny.jsonl"))
    sweep = cells[0].folder.parent
    asked = ["benchmark", str(sweep), "tasks=tiny_numbers", f"include={tasks}"]
    assert main(asked) == 0, capsys.readouterr().err
    for cell in cells:
        model: torch.nn.Module
        if adapter == "lora":
            theirs = transformers.AutoModelForCausalLM.from_pretrained(base)
            model = peft.PeftModel.from_pretrained(theirs, cell.folder)
        else:
            config = transformers.AutoConfig.from_pretrained(base)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                cell.folder, config=config, dtype=torch.float32
            )
        result = read_json(cell.folder / RESULT, Result)
        measured = result.scores["tiny_numbers_perplexity"]
        assert measured == pytest.approx(perplexity(model.eval(), base), rel=1e-3)
        assert result.scored["tiny_numbers_perplexity"] == len(ASKED)
        assert result.scales["tiny_numbers_perplexity"].better == "lower"
    shown = table.results(study([sweep]))
    figures = [float(text) for text in shown["tiny numbers perplexity"]]
    results = [read_json(cell.folder / RESULT, Result).scores for cell in cells]
    own = [scores["tiny_numbers_perplexity"] for scores in results]
    assert list(shown["mask"]) == ["full", "none"] and figures == pytest.approx(own, rel=1e-3)
