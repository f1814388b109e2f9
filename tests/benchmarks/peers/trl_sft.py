"""The work by TRL's SFTTrainer, with its own defaults: `python -m tests.benchmarks.peers.trl_sft
WORK`.

Two of the defaults can be changed: `--packed` lays examples end to end to full contexts (without
FlashAttention one then sees the others), `--kept` keeps activations instead of computing them again
in the backward pass.
"""

from __future__ import annotations

import tempfile

from tests.benchmarks.peers.measure import Seconds, arguments, held_out, opened, report
from tests.benchmarks.peers.transformers_model import Counted, answer, padding, settings

PACKED = 1024


def main() -> None:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--packed", action="store_true", help=f"to {PACKED} tokens")
    parser.add_argument("--kept", action="store_true", help="no gradient checkpointing")
    given = parser.parse_args()
    seconds = Seconds()
    with seconds.phase("imports"):
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(given.threads)
    with seconds.phase("setup"), tempfile.TemporaryDirectory() as folder:
        work = opened(given)
        tokenizer = AutoTokenizer.from_pretrained(work.base)
        tokenizer.pad_token = tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(work.base, dtype=torch.float32)
        examples = [
            {
                "input_ids": item.ids,
                "completion_mask": [0] * item.prompt + [1] * (len(item.ids) - item.prompt),
            }
            for item in work.train
        ]
        config = settings(work, given, folder) | {"completion_only_loss": True}
        if given.packed:
            config |= {"packing": True, "max_length": PACKED}
        if given.kept:
            config |= {"gradient_checkpointing": False}
        trainer = SFTTrainer(
            model,
            args=SFTConfig(**config),
            train_dataset=Dataset.from_list(examples),
            processing_class=tokenizer,
        )
        counted = Counted(trainer.data_collator)
        trainer.data_collator = counted
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
