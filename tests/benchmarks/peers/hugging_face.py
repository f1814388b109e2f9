"""The work by Hugging Face's Trainer: `python -m tests.benchmarks.peers.hugging_face WORK`."""

from __future__ import annotations

import tempfile

from tests.benchmarks.peers.measure import Seconds, arguments, held_out, opened, report
from tests.benchmarks.peers.transformers_model import Counted, answer, padding, settings

IGNORED = -100


def main() -> None:
    """The command line."""
    given = arguments(__doc__).parse_args()
    seconds = Seconds()
    with seconds.phase("imports"):
        import torch
        from transformers import (
            AutoModelForCausalLM,
            AutoTokenizer,
            DataCollatorForSeq2Seq,
            Trainer,
            TrainingArguments,
        )

    torch.set_num_threads(given.threads)
    with seconds.phase("setup"), tempfile.TemporaryDirectory() as folder:
        work = opened(given)
        tokenizer = AutoTokenizer.from_pretrained(work.base)
        tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(work.base, dtype=torch.float32)
        examples = [
            {
                "input_ids": item.ids,
                "attention_mask": [1] * len(item.ids),
                "labels": [IGNORED] * item.prompt + item.ids[item.prompt :],
            }
            for item in work.train
        ]
        counted = Counted(DataCollatorForSeq2Seq(tokenizer))
        trainer = Trainer(
            model,
            TrainingArguments(**settings(work, given, folder)),
            data_collator=counted,
            train_dataset=examples,
        )
    with seconds.phase("train", given.device):
        trainer.train()
    model.eval()
    with seconds.phase("evaluate", given.device):
        loss = held_out(
            lambda ids: model(input_ids=ids).logits, work.test, work.end, str(model.device)
        )
    with seconds.phase("answers", given.device):
        said = answer(model, work.prompts(), work.end, work.answer_tokens, given.precision)
    tokens = {
        "train": work.epochs * work.targets,
        "padding": padding(counted, work),
        "answers": said,
    }
    report(given, seconds, tokens, trainer.state.global_step, loss)


if __name__ == "__main__":
    main()
