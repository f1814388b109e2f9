"""How much of long held-out responses stands in the training prompts of the sweep `map`, as JSON.

    python sweeps/map/leaks.py SETS/t0_reading.jsonl.gz > docs/results/map/leaks.json

A response is long from 50 words on, and stands in a text as far as its runs of five words do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from harness.config.compose import command_config
from harness.config.schema import Run
from harness.data.examples import prepare_examples

LONG = 50
RUN = 5


def runs(text: str) -> set[str]:
    """All runs of five words."""
    words = text.split()
    return {" ".join(words[start : start + RUN]) for start in range(len(words) - RUN + 1)}


def main(path: str, seeds: Iterable[int], sizes: Iterable[int]) -> list[dict[str, object]]:
    """A record for each seed and number of training examples."""
    found: list[dict[str, object]] = []
    for seed in seeds:
        for size in sizes:
            options = ["data=file", f"data.path={path}", "data.test=200", f"data.size={size}"]
            config = command_config(
                "config", Run, [*options, f"data.seed={seed}", f"seed={seed}", "model=micro"]
            )
            examples = prepare_examples(config)
            prompts: set[str] = set()
            for item in examples.train:
                for message in item.example.messages:
                    if message.speaker == "user":
                        prompts |= runs(f"{message.content} {message.input}")
            responses = [item.example.response for item in examples.test]
            long = [text for text in responses if len(text.split()) >= LONG]
            words = sum(len(text.split()) for text in responses)
            shares = [len(runs(text) & prompts) / len(runs(text)) for text in long]
            found.append(
                {
                    "seed": seed,
                    "n_examples": size,
                    "long": len(long),
                    "share_of_words": sum(len(text.split()) for text in long) / words,
                    "in_training_prompts": [round(share, 3) for share in shares],
                }
            )
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], range(100, 108), (100, 300)), indent=1))
