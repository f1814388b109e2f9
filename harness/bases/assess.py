"""What a model knows: held-out loss, last words, samples; of the weights that `model.weights`
names, as fine-tuning would load them, in fp32, or of those that a run kept.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import NamedTuple

import torch
from rich.progress import track
from torch.nn import functional

from harness.bases.corpus import documents
from harness.bases.last_word import Passage, passages
from harness.bases.qk_clip import largest_scores
from harness.config.commands import Assess
from harness.data.tokens import Tokenizer
from harness.models import device
from harness.models.base import LanguageModel
from harness.models.gpt import GPT, Layout
from harness.records.storage import write_json
from harness.run.trained import open_model
from harness.train.decoding import generate, greedy, one_end
from harness.train.loss import token_nll

OPENINGS = (
    "The river rose in the night, and",
    "In mathematics, a prime number is",
    "Question: What is a fever? Answer:",
)
SAMPLE_TOKENS = 40


class HeldOut(NamedTuple):
    """The loss of a text, cut into windows of the model's context.

    Attributes:
        nats: Σ −log p of its tokens but for the first of each window, which is predicted where the
            tokenizer has a token to open texts with; end tokens are predicted too.
        tokens: how many those are.
        all_tokens: tokens of the whole text.
        bytes: UTF-8 bytes of the documents.
    """

    nats: float
    tokens: int
    all_tokens: int
    bytes: int

    @property
    def nats_per_token(self) -> float:
        """Mean over the predicted tokens."""
        return self.nats / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Nats a token, over the bytes that a token stands for, in bits."""
        return self.nats_per_token * self.all_tokens / self.bytes / math.log(2)


@torch.no_grad()
def held_out(
    model: LanguageModel, texts: list[str], tokenizer: Tokenizer, batch_tokens: int
) -> HeldOut:
    """Measure the documents `texts` joined by end tokens, in windows that share no token; before
    each stands what the tokenizer opens a text with.

    Raises:
        ValueError: they hold no text.
    """
    where = model.device
    opening = torch.tensor(tokenizer.opening, dtype=torch.int64, device=where)
    first = max(1, len(opening))
    room = model.context - len(opening)
    rows = [tokenizer.encode(text, first=True) for text in texts]
    ids = torch.tensor([token for row in rows for token in (*row, tokenizer.end)], device=where)
    whole = ids[: len(ids) // room * room].view(-1, room)
    count = max(1, batch_tokens // model.context)
    batches = [*torch.split(whole, count), ids[None, whole.numel() :]]
    size = sum(len(text.encode()) for text in texts)
    if not size or len(ids) < 2:
        raise ValueError(f"{len(texts)} documents of {size} bytes, expected text to predict")
    nats, tokens = 0.0, 0
    for part in track(batches, "held-out loss"):
        batch = torch.cat([opening.expand(len(part), -1), part], 1)
        if not part.numel() or not batch[:, first:].numel():
            continue
        hidden = model(batch.flatten(), Layout(*batch.shape)).view(*batch.shape, -1)
        seen, targets = hidden[:, first - 1 : -1], batch[:, first:]
        nll = token_nll(seen.flatten(0, 1), model.head, targets.flatten(), model.output)
        nats += float(nll.double().sum())
        tokens += len(nll)
    return HeldOut(nats, tokens, len(ids), size)


@torch.no_grad()
def last_words(
    model: LanguageModel, asked: list[Passage], tokenizer: Tokenizer, batch_tokens: int
) -> list[bool]:
    """Whether greedy decoding continues each context with its word, every token of it."""
    where = model.device
    opening = tokenizer.opening or (tokenizer.end,)
    answers: list[bool] = []
    size = max(1, batch_tokens // 256)  # a passage has some 130 tokens
    for start in track(range(0, len(asked), size), "last words"):
        part = asked[start : start + size]
        words = [tokenizer.encode(" " + passage.word) for passage in part]
        rows = [
            [*opening, *tokenizer.encode(passage.context, first=True), *word]
            for passage, word in zip(part, words, strict=True)
        ]
        longest = max(map(len, rows))
        slots = [
            row * longest + column for row, ids in enumerate(rows) for column in range(len(ids))
        ]
        flat = torch.tensor([token for ids in rows for token in ids], device=where)
        hidden = model(flat, Layout(len(rows), longest, torch.tensor(slots, device=where)))
        end = 0
        for ids, word in zip(rows, words, strict=True):
            end += len(ids)
            products = functional.linear(hidden[end - len(word) - 1 : end - 1], model.head)
            answers.append(model.output.logits(products).argmax(1).tolist() == word)
    return answers


def largest_score(model: GPT, texts: list[str], tokenizer: Tokenizer) -> float:
    """The largest |q·k|/sqrt(K) of any head, over whole windows of the documents; 0.0 where there
    is none.
    """
    rows = [tokenizer.encode(text, first=True) for text in texts]
    ids = torch.tensor([token for row in rows for token in (*row, tokenizer.end)])
    windows = ids[: len(ids) // model.context * model.context].view(-1, model.context)
    largest = [
        float(largest_scores(model, window[None].to(model.device)).max())
        for window in track(windows, "attention scores")
    ]
    return max(largest, default=0.0)


def assess(config: Assess) -> dict[str, object]:
    """Measure and write the figures to `config.out`.

    Raises:
        CheckpointError, ModelError, OSError, ValueError: as their one-line messages say.
    """
    where = device.resolve(config.device)
    out = Path(config.out)
    out.parent.mkdir(parents=True, exist_ok=True)  # said before the measuring, not after
    found = open_model(config.model, config.run)
    model, tokenizer = found.model.to(where), found.tokenizer
    texts = list(documents(Path(config.valid)))[:: config.every]
    try:
        loss = held_out(model, texts, tokenizer, config.batch_tokens)
    except ValueError as error:
        raise ValueError(f"valid={config.valid}: {error}") from None
    right = last_words(model, passages(texts), tokenizer, config.batch_tokens)
    largest = largest_score(model, texts, tokenizer) if isinstance(model, GPT) else None
    prompts = [[*tokenizer.opening, *tokenizer.encode(text, first=True)] for text in OPENINGS]
    choose = one_end(greedy, tokenizer.stops, where)
    samples = generate(
        model, prompts, tokenizer.end, SAMPLE_TOKENS, config.batch_tokens, "fp32", choose=choose
    )
    figures = {
        "model": found.name,
        "run": config.run,
        "parameters": found.parameters,
        "weights": ", ".join(path.name for path in found.files),
        "sha256": _sha256(found.files),
        "held_out": {
            "documents": len(texts), "every": config.every, **loss._asdict(),
            "nats_per_token": loss.nats_per_token, "bits_per_byte": loss.bits_per_byte,
        },
        "last_word": {"right": sum(right), "passages": len(right)},
        "largest_score": largest,
        "samples": {
            opening: tokenizer.decode(ids) for opening, ids in zip(OPENINGS, samples, strict=True)
        },
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
    }  # fmt: skip
    write_json(out, figures)
    return figures


def _sha256(files: list[Path]) -> str:
    """Of the bytes of files, one after another."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
