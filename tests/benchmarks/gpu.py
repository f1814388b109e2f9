"""The same on one GPU, and what a thousand runs cost there; every part is chosen by name.

    python -m tests.benchmarks.gpu --out OUT --data ALPAGASUS.jsonl --gpt2 FOLDER \\
        --parts floor gpt2-ours-2k gpt2-ours-16k
    python -m tests.benchmarks.gpu --out OUT --toy

With `--toy` every part runs on the CPU in seconds, to see that nothing is missing.
"""

from __future__ import annotations

from tests.benchmarks import driver
from tests.benchmarks.driver import Part

BF16 = ("--precision", "bf16")


def trained(
    name: str,
    module: str,
    peer: str,
    work: str,
    *arguments: str,
    batch: str = "",
    limit: float = 300,
) -> Part:
    """A training in bf16."""
    return Part(
        name=name, module=f"peers.{module}", work=work, peer=peer, arguments=(*BF16, *arguments),
        batch=batch, limit=limit,
    )  # fmt: skip


def ours(name: str, work: str, tokens: int, *arguments: str, peer: str = "ours") -> Part:
    """A training of ours in bf16, with steps of so many tokens."""
    sizes = ("--batch-tokens", str(tokens), "--micro-tokens", str(max(tokens, 4096)))
    return trained(
        name, "ours", peer, work, *sizes, *arguments, batch=f"{tokens:,} tokens", limit=240
    )


def runs(work: str, count: int, limit: float) -> Part:
    """A command of so many runs."""
    arguments = ("--runs", str(count))
    return Part(
        name=f"runs-{work}-{count}", module="runs", work=work, arguments=arguments, limit=limit
    )


HF, TRL = "Hugging Face Trainer", "TRL SFTTrainer"

PARTS = [
    Part(name="floor", module="floor", limit=120),
    ours("micro-ours", "micro", 512),
    trained("micro-hugging-face", "hugging_face", HF, "micro"),
    trained("micro-trl", "trl_sft", TRL, "micro"),
    trained("micro-from-scratch", "from_scratch", "from scratch", "micro", "--batch", "8"),
    ours("gpt2-ours-2k", "gpt2", 2048),
    ours("gpt2-ours-16k", "gpt2", 16384),
    ours("gpt2-ours-2k-long", "gpt2", 2048, "--epochs", "10", peer="ours, 10 epochs"),
    ours("gpt2-ours-16k-long", "gpt2", 16384, "--epochs", "10", peer="ours, 10 epochs"),
    trained("gpt2-hugging-face-8", "hugging_face", HF, "gpt2", "--batch", "8"),
    trained("gpt2-hugging-face-32", "hugging_face", HF, "gpt2", "--batch", "32"),
    trained("gpt2-trl-8", "trl_sft", TRL, "gpt2", "--batch", "8"),
    trained("gpt2-trl-32", "trl_sft", TRL, "gpt2", "--batch", "32"),
    trained(
        "gpt2-trl-packed", "trl_sft", f"{TRL}, packed", "gpt2", "--batch", "8", "--packed",
        batch="8 x 1,024 tokens",
    ),
    Part(
        name="gpt2-from-scratch", module="peers.from_scratch", work="gpt2",
        peer="from scratch, fp32", arguments=("--batch", "8"), limit=300,
    ),
    *(
        Part(
            name=f"answers-{peer.replace('_', '-')}", module="peers.generation", work="gpt2",
            peer=named, arguments=(*BF16, "--peer", peer), limit=300,
        )
        for peer, named in (
            ("ours", "ours"), ("hugging_face", "Hugging Face generate"),
            ("from_scratch", "from scratch"),
        )
    ),
    *(runs("micro", count, 590) for count in (100, 300, 1000)),
    *(runs("nano", count, 590) for count in (1000, 3000, 10000)),
]  # fmt: skip

if __name__ == "__main__":
    driver.main(__doc__, PARTS, "cuda", "gpu")
