"""Our masks for other trainers: a conversation to ids and a loss weight for each, under any
tokenizer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.config import plugins
from harness.config.compose import command_config
from harness.config.schema import OWN_TEMPLATE, Mask, Run
from harness.data.byte_pairs import load_tokenizer
from harness.data.encoded import encode_all
from harness.data.example import Example
from harness.data.formats import Record
from harness.data.masks import ranks, weigh
from harness.data.measures import Floats, Ranking, inverse_document_frequency, measured
from harness.data.shapes import example_of
from harness.data.tokens import Tokenizer
from harness.library.settings import arguments
from harness.records.roles import ROLES

IGNORED = -100
"""What torch's cross-entropy, and with it every trainer, leaves out of the loss."""

OURS = ("bpe8k", "gpt2")

Conversation = Sequence[Mapping[str, Any]] | Mapping[str, Any]
"""Messages with `role` and `content`, or a record of any shape that docs/data.md knows."""


class Weighted(NamedTuple):
    """A conversation in tokens; the lists are of equal length [time].

    Attributes:
        ids: token ids.
        weights: what each token's loss weighs as a target, 0 or more; the first, which nothing
            predicts, weighs 0. Not shifted: `weights[i]` is that of predicting `ids[i]`.
        roles: who says each token, of `harness.records.roles.ROLES`.
    """

    ids: list[int]
    weights: list[float]
    roles: list[str]


def weights(
    messages: Conversation,
    mask: str | Mapping[str, Any] = "full",
    *,
    tokenizer: Any = "bpe8k",
    template: str = "auto",
    model: Any = None,
) -> Weighted:
    """A conversation in tokens, and what each weighs in the loss under a mask.

    Args:
        messages: `[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]`.
        mask: a name of docs/masks.md or of a file in `conf/mask/`, or a mapping of the lines that
            differ from `full`, `{"weight": {"instruction": 0.1}}`.
        tokenizer: a fast tokenizer of transformers, the path of one, "bpe8k" or "gpt2".
        template: as `data.template`; "auto" is the tokenizer's own chat template, or alpaca where
            it has none.
        model: for masks that rank by surprisal: a causal model of transformers.

    Raises:
        ValueError: a name is unknown, the conversation is none, or the mask cannot be had so.
    """
    (found,) = weigh_all([messages], mask, tokenizer=tokenizer, template=template, model=model)
    return found


def weigh_all(
    conversations: Iterable[Conversation],
    mask: str | Mapping[str, Any] = "full",
    *,
    tokenizer: Any = "bpe8k",
    template: str = "auto",
    model: Any = None,
    seed: int = 0,
) -> list[Weighted]:
    """As `weights`, for a training set: a mask that ranks by rarity counts in how many of them a
    token occurs; `seed` is that of masks which choose at random.

    Raises:
        ValueError: as `weights`.
    """
    chosen, ours = _mask(mask), _tokenizer(tokenizer)
    form = (OWN_TEMPLATE if ours.chat else "alpaca") if template == "auto" else template
    examples = [_example(said, number) for number, said in enumerate(conversations)]
    items = encode_all(examples, form, ours, sys.maxsize)
    idf = cache(lambda: inverse_document_frequency((item.tokens for item in items), ours.size))
    found = []
    for number, item in enumerate(items):
        surprisal = partial(_surprisal, model, item.tokens.ids, chosen.name)
        ranking = Ranking(item.tokens, idf, surprisal, (seed, number))
        importance = np.zeros(len(item.tokens.ids), np.float32)
        if ranks(chosen):
            importance = measured(chosen.importance, ranking)
        own = weigh(item.tokens, chosen, importance)
        roles = [ROLES[role] for role in item.tokens.roles.tolist()]
        found.append(Weighted(item.tokens.ids.tolist(), [0.0, *own[1:].tolist()], roles))
    return found


def to_labels(ids: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Labels for a trainer that knows no weights: the id where a token weighs 1, −100 where 0.

    Raises:
        ValueError: a token weighs something between, which labels cannot say.
    """
    other = next((weight for weight in weights if weight not in (0.0, 1.0)), None)
    if other is not None:
        raise ValueError(
            f"a token weighs {other:g}: labels say 0 or 1 alone; expected weights in the loss, as "
            "harness.weighted_trainer has them"
        )
    return [id if weight else IGNORED for id, weight in zip(ids, weights, strict=True)]


def to_trl(
    conversations: Iterable[Conversation],
    mask: str | Mapping[str, Any] = "full",
    *,
    tokenizer: Any,
    template: str = "auto",
    model: Any = None,
    seed: int = 0,
    graded: bool = False,
) -> list[dict[str, list[Any]]]:
    """Rows for `datasets.Dataset.from_list` that TRL's SFTTrainer trains on as they are.

    Args:
        conversations: a training set.
        mask: as `weights`.
        tokenizer: as `weights`.
        template: as `weights`.
        model: as `weights`.
        seed: as `weigh_all`.
        graded: add `weights`, for a trainer of `harness.weighted_trainer`; needed for a mask whose
            weights are not 0 and 1 alone.

    Returns:
        `input_ids`, `labels` and maybe `weights` of each.

    Raises:
        ValueError: as `weights`; or the mask grades tokens and `graded` is not given.
    """
    rows: list[dict[str, list[Any]]] = []
    options = {"tokenizer": tokenizer, "template": template, "model": model, "seed": seed}
    for ids, own, _ in weigh_all(conversations, mask, **options):
        if graded:
            labels = to_labels(ids, [float(weight > 0) for weight in own])
            rows.append({"input_ids": ids, "labels": labels, "weights": own})
        else:
            rows.append({"input_ids": ids, "labels": to_labels(ids, own)})
    return rows


def _mask(mask: str | Mapping[str, Any]) -> Mask:
    chosen = _composed(tuple(arguments({"mask": mask})))
    if chosen.schedule != "constant":
        raise ValueError(
            f"mask={chosen.name}: its weights change while training goes on "
            f"(schedule={chosen.schedule}), expected a mask of constant ones"
        )
    return chosen


@cache
def _composed(settings: tuple[str, ...]) -> Mask:
    plugins.load()
    return command_config("config", Run, settings).mask


@lru_cache(maxsize=2)
def _tokenizer(tokenizer: Any) -> Tokenizer:
    if tokenizer in OURS:
        return load_tokenizer(tokenizer)
    from harness.data.own_files import Files, quiet
    from harness.data.own_tokenizer import OwnTokenizer

    if isinstance(tokenizer, str | Path):
        quiet()
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(tokenizer), trust_remote_code=False)
        except Exception as error:  # the library raises what it likes
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"tokenizer={str(tokenizer)!r}: {reason}") from None
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"tokenizer: {type(tokenizer).__name__}, expected a fast one")
    return OwnTokenizer(Files(str(tokenizer.name_or_path), Path(), ""), tokenizer)


def _example(said: Conversation, number: int) -> Example:
    fields = dict(said) if isinstance(said, Mapping) else {"messages": list(map(dict, said))}
    return example_of(Record(fields, f"conversation {number}")).example


def _surprisal(model: Any, ids: np.ndarray, mask: str) -> Floats:
    """−ln p of each token under the model, in nats, float32 [time]; 0 for the first."""
    if model is None:
        raise ValueError(f"mask={mask}: ranks tokens by their surprisal, expected model=…")
    import torch

    with torch.no_grad():
        batch = torch.as_tensor(ids, dtype=torch.int64, device=model.device)[None]
        logits = model(batch).logits[0, :-1].float()
        nats = torch.nn.functional.cross_entropy(logits, batch[0, 1:], reduction="none")
    return np.concatenate([np.zeros(1, np.float32), nats.cpu().numpy()])
