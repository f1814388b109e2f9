"""Ask a model something: a base goes on with a text, a fine-tuned run answers an instruction.

    harness generate model=mini prompt="The river rose in the night, and"
    harness generate model=hf model.path=FOLDER prompt="The river rose in the night, and"
    harness generate run=runs/main/RUN prompt="Name the capital." input="France lies in Europe."

A run must have been made with save_weights=true. Without `prompt` the text is read from standard
input.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.commands.help import Keys
from harness.config.commands import Generate
from harness.config.compose import command_config
from harness.records.visible import visible

KEYS = Keys("generate", Generate, groups=("model",))


def answer(config: Generate, prompt: str) -> str:
    """The model's continuation of `prompt`, or its answer to it.

    Raises:
        CheckpointError, ConfigError, OSError, ValueError: as their one-line messages say.
    """
    from harness.data.example import alpaca
    from harness.data.prompt import render_prompt
    from harness.data.tokens import opening_of, template_of, tokenize
    from harness.models import device
    from harness.run.trained import open_model
    from harness.train.decoding import generate, one_end, sampler

    where = device.resolve(config.device)
    found = open_model(config.model, config.run)
    model, tokenizer, template = found.model, found.tokenizer, found.template
    if not prompt:
        raise ValueError("prompt: empty, expected a text")
    if config.input and not template:
        raise ValueError(
            f"input={config.input!r}: a base takes a prompt alone, expected run=runs/SWEEP/RUN"
        )
    if template:  # as in training: rendered by the same function, ids of segment after segment
        asked = render_prompt(alpaca(prompt, config.input, ""), template_of(template, tokenizer))
        ids = tokenize(asked, tokenizer, opening_of(template, tokenizer)).ids.tolist()
    else:
        ids = [*tokenizer.opening, *tokenizer.encode(prompt, first=True)]
    if len(ids) >= model.context:
        raise ValueError(
            f"prompt: {len(ids)} tokens, expected fewer than the model's context of {model.context}"
        )
    drawn = sampler(config.temperature, config.top_p, config.seed, where)
    choose = one_end(drawn, tokenizer.stops, where)
    room = len(ids) + config.tokens
    (drawn_ids,) = generate(
        model.to(where), [ids], tokenizer.end, config.tokens, room, "fp32", choose=choose
    )
    return tokenizer.decode(drawn_ids)


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    config = command_config("generate", Generate, arguments, texts=("prompt", "input"))
    prompt = config.prompt or _asked()
    said = answer(config, prompt)
    text = said if config.run else prompt + said
    print(visible(text) if sys.stdout.isatty() else text)
    return 0


def _asked() -> str:
    """The text from standard input.

    Raises:
        ValueError: there is none, or it is not UTF-8.
    """
    try:
        text = input("> ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\n")
        text.encode()  # what is no UTF-8 may come as lone surrogates
    except EOFError:
        raise ValueError("prompt: empty, expected a text") from None
    except UnicodeError:
        raise ValueError("prompt: standard input is no UTF-8") from None
    return text
