"""Ours beside TRL, Hugging Face's Trainer and a loop from scratch, on this machine's CPU:
`make bench`.

    python -m tests.benchmarks.cpu --out docs/results/performance
    python -m tests.benchmarks.performance
"""

from __future__ import annotations

from tests.benchmarks import driver
from tests.benchmarks.driver import Part
from tests.benchmarks.measured import WITHOUT, processor

PARTS = [
    Part(name="floor", module="floor", limit=60),
    Part(name="ours", module="peers.ours", work="micro", peer="ours", batch="512 tokens"),
    Part(
        name="ours-bf16", module="peers.ours", work="micro", peer="ours", batch="512 tokens",
        arguments=("--precision", "bf16"), asked=WITHOUT not in processor(),
    ),
    
    Part(
        name="hugging-face", module="peers.hugging_face", work="micro",
        peer="Hugging Face Trainer",
    ),
    Part(name="trl", module="peers.trl_sft", work="micro", peer="TRL SFTTrainer"),
    Part(
        name="trl-kept", module="peers.trl_sft", work="micro", asked=False,
        peer="TRL SFTTrainer, activations kept", arguments=("--kept",),
    ),
    Part(
        name="from-scratch", module="peers.from_scratch", work="micro", peer="from scratch",
        arguments=("--batch", "8"),
    ),
    Part(
        name="answers-ours", module="peers.generation", work="micro", peer="ours",
        arguments=("--peer", "ours"),
    ),
    Part(
        name="answers-hugging-face", module="peers.generation", work="micro",
        peer="Hugging Face generate", arguments=("--peer", "hugging_face"),
    ),
    *(
        Part(
            name=f"runs-nano-{count}", module="runs", work="nano", asked=False,
            arguments=("--runs", str(count)), limit=1800,
        )
        for count in (100, 300, 1000)
    ),
]  # fmt: skip

if __name__ == "__main__":
    driver.main(__doc__, PARTS, "cpu", "cpu")
