"""Answers of one length, whatever the model would say: `python -m tests.benchmarks.peers.generation
WORK --peer ours`.

Each prompt of the work is answered with exactly as many tokens as its longest answer may have.
"""

from __future__ import annotations

import argparse
from typing import Protocol

from tests.benchmarks.peers.measure import Seconds, arguments, opened, report
from tests.benchmarks.peers.work import Work

WARM = 2
"""Prompts that are answered before the clock starts."""


class Peer(Protocol):
    """Whoever answers."""

    def __init__(self, work: Work, given: argparse.Namespace) -> None: ...

    def answer(self, prompts: list[list[int]], limit: int) -> int:
        """Answer with `limit` tokens each; how many came."""


class Ours:
    """The harness' own decoding."""

    def __init__(self, work: Work, given: argparse.Namespace) -> None:
        from harness.run.trained import open_model
        from tests.tiny import run_of

        self.model = open_model(run_of(*work.overrides).model, "").model.to(given.device)
        self.precision = given.precision

    def answer(self, prompts: list[list[int]], limit: int) -> int:
        """Answer with `limit` tokens each; how many came."""
        from harness.train.decoding import generate

        never, room = -1, sum(len(prompt) + limit for prompt in prompts)
        found = generate(self.model, prompts, never, limit, room, self.precision)
        return sum(map(len, found))


class HuggingFace:
    """`generate` of transformers."""

    def __init__(self, work: Work, given: argparse.Namespace) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        loaded = AutoModelForCausalLM.from_pretrained(work.base, dtype=torch.float32)
        self.model = loaded.to(given.device).eval()
        self.end, self.precision = work.end, given.precision

    def answer(self, prompts: list[list[int]], limit: int) -> int:
        """Answer with `limit` tokens each; how many came."""
        from tests.benchmarks.peers.transformers_model import answer

        return answer(self.model, prompts, self.end, limit, self.precision, least=limit)


class FromScratch:
    """The text book's loop."""

    def __init__(self, work: Work, given: argparse.Namespace) -> None:
        from tests.benchmarks.peers.scratch_model import load

        self.model = load(work.base).to(given.device)
        self.end = work.end

    def answer(self, prompts: list[list[int]], limit: int) -> int:
        """Answer with `limit` tokens each; how many came."""
        from tests.benchmarks.peers.from_scratch import answer

        return answer(self.model, prompts, self.end, limit, least=limit)


PEERS: dict[str, type[Peer]] = {
    "ours": Ours,
    "hugging_face": HuggingFace,
    "from_scratch": FromScratch,
}


def main() -> None:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--peer", choices=PEERS, required=True)
    given = parser.parse_args()
    seconds = Seconds()
    with seconds.phase("imports"):
        import torch

    torch.set_num_threads(given.threads)
    with seconds.phase("setup", given.device):
        work = opened(given)
        prompts = [item.ids[: item.prompt] for item in work.test]
        peer = PEERS[given.peer](work, given)
        peer.answer(prompts[:WARM], work.answer_tokens)
    with seconds.phase("answers", given.device):
        count = peer.answer(prompts, work.answer_tokens)
    report(given, seconds, {"train": 0, "padding": 0, "answers": count}, 0, None)


if __name__ == "__main__":
    main()
