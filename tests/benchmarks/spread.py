"""How far two sweeps of the same runs lie apart: `python -m tests.benchmarks.spread A B OUT`.

On a GPU the same run carried out twice differs in its last bits, and training makes that larger.
Two sweeps of lone runs give that spread; a stacked one beside them must not lie further off.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def losses(sweep: Path) -> dict[str, float]:
    """Mask and seed -> held-out response NLL of each run."""
    found = {}
    for path in sweep.glob("*/result.json"):
        result = json.loads(path.read_text("utf-8"))
        found[f"{result['mask']}-{result['seed']}"] = result["nll"]["test"]["answer"]
    return found


def main() -> None:
    """The command line."""
    first, second = (losses(Path(name)) for name in sys.argv[1:3])
    apart = sorted(abs(first[key] - second[key]) for key in first.keys() & second.keys())
    figures = {
        "runs": len(apart),
        "median": apart[len(apart) // 2],
        "mean": sum(apart) / len(apart),
        "largest": apart[-1],
        "first": first,
        "second": second,
    }
    Path(sys.argv[3]).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print({key: figures[key] for key in ("runs", "median", "mean", "largest")})


if __name__ == "__main__":
    main()
