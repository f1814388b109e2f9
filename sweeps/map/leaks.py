"""How much of long held-out responses stands in the training prompts of the sweep `map`, as JSON.

    python sweeps/map/leaks.py SETS/t0_reading.jsonl.gz > docs/results/map/leaks.json

What is long, and what stands in a text: `harness.data.leaks`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from harness.config.compose import command_config
from harness.config.schema import Run
from harness.data.examples import prepare_examples
from harness.data.leaks import LONG, shares


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
            train = [item.example for item in examples.train]
            test = [item.example for item in examples.test]
            words = [len(example.response.split()) for example in test]
            long = [count for count in words if count >= LONG]
            found.append(
                {
                    "seed": seed,
                    "n_examples": size,
                    "long": len(long),
                    "share_of_words": sum(long) / sum(words),
                    "in_training_prompts": [round(share, 3) for share in shares(train, test)],
                }
            )
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], range(100, 108), (100, 300)), indent=1))
