"""The work by a loop as a text book writes it: `python -m tests.benchmarks.peers.from_scratch
WORK`.

From the description of chapter 7 of LLMs-from-scratch (Raschka 2024): batches of 8 padded to their
longest with the end token, -100 for what is not to be learnt, AdamW, no packing, answers one by one
without a cache. Two things are as in the others, so that all do the same work: the prompt is not in
the loss, and the rate rises and falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.benchmarks.peers.measure import (
    Seconds,
    arguments,
    autocast,
    held_out,
    opened,
    report,
)
from tests.benchmarks.peers.work import Conversation, Recipe, Work

if TYPE_CHECKING:
    from torch import Tensor

    from tests.benchmarks.peers.scratch_model import ScratchGPT

IGNORED = -100
BATCH = 8


def collate(batch: Sequence[Conversation], end: int) -> tuple[list[list[int]], list[list[int]]]:
    """Inputs and targets of a batch, each one list per example, all of the longest's length."""
    length = max(len(item.ids) for item in batch)
    inputs, targets = [], []
    for item in batch:
        padded = item.ids + [end] * (length - len(item.ids))
        ignored = [IGNORED] * (length - len(item.ids))
        inputs.append(padded[:-1])
        targets.append([IGNORED] * (item.prompt - 1) + item.ids[item.prompt :] + ignored)
    return inputs, targets


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """The learning rate at `step`, from 0."""
    rising = recipe.warmup * steps
    if step < rising:
        return recipe.lr * (step + 1) / (rising + 1)
    return recipe.lr * (1 - (step - rising) / max(1.0, steps - rising))


def train(model: ScratchGPT, work: Work, device: str, precision: str) -> tuple[int, dict[str, int]]:
    """Train in place; the number of steps, and the real and padding tokens that were seen."""
    import torch
    from torch.nn import functional

    recipe = work.recipe
    draws = torch.Generator().manual_seed(work.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(recipe.beta1, recipe.beta2), weight_decay=recipe.weight_decay
    )
    per_epoch = len(work.train) // recipe.batch  # a last batch that is not full is left out
    steps = work.epochs * per_epoch
    tokens = {"train": 0, "padding": 0}
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(work.train), generator=draws).tolist()
        first = step % per_epoch * recipe.batch
        batch = [work.train[number] for number in order[first : first + recipe.batch]]
        inputs, targets = (torch.tensor(part, device=device) for part in collate(batch, work.end))
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, recipe)
        optimizer.zero_grad()
        with autocast(device, precision):
            logits = model(inputs)
            loss = functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED
            )
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        real = sum(len(item.ids) - 1 for item in batch)
        tokens["train"] += real
        tokens["padding"] += inputs.numel() - real
    return steps, tokens


def answer(
    model: ScratchGPT, prompts: Sequence[list[int]], end: int, limit: int, least: int
) -> int:
    """Answer prompts one by one, each token from the whole text so far; the number of tokens."""
    import torch

    device = model.tokens.weight.device
    count = 0
    for prompt in prompts:
        ids = torch.tensor([prompt], device=device)
        for number in range(limit):
            with torch.no_grad():
                chosen: Tensor = model(ids)[0, -1].argmax()
            if number >= least and int(chosen) == end:
                break
            ids = torch.cat([ids, chosen.view(1, 1)], dim=1)
            count += 1
    return count


def main() -> None:
    """The command line."""
    parser = arguments(__doc__)
    parser.set_defaults(batch=BATCH)
    given = parser.parse_args()
    seconds = Seconds()
    with seconds.phase("imports"):
        import torch

        from tests.benchmarks.peers.scratch_model import load

    torch.set_num_threads(given.threads)
    with seconds.phase("setup", given.device):
        work = opened(given)
        model = load(work.base).to(given.device)
    with seconds.phase("train", given.device):
        steps, tokens = train(model, work, given.device, given.precision)
    with seconds.phase("evaluate", given.device):
        loss = held_out(model, work.test, work.end, given.device)
    with seconds.phase("answers", given.device):
        said = answer(model, work.prompts(), work.end, work.answer_tokens, 0)
    report(given, seconds, tokens | {"answers": said}, steps, loss)


if __name__ == "__main__":
    main()
