"""The process in which a user's chat template is carried out. Imports nothing of the harness.

It reads a line of JSON after another and answers each with one. The first is the template, `text`,
and what it may write as `bos` and `eos`; every other is a list of conversations, answered with
`{"texts": [...]}` or `{"error": "..."}`. A template that takes too long is ended by the kernel
together with this process, also within one operation.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

SECONDS = 2.0
"""Of computing, for the template and for each request."""
MEMORY = 512 << 20
"""Bytes of address space."""
OUTPUT = 1 << 20
"""Characters that a conversation may grow by."""


class Generation(Extension):
    """`{% generation %}`, by which some templates mark answers: its content is written as it is."""

    tags = {"generation"}  # noqa: RUF012  # the base class declares no ClassVar

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The statements between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment() -> ImmutableSandboxedEnvironment:
    """What templates of models expect: as `transformers` carries them out."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    made.globals["raise_exception"] = refuse
    made.filters["tojson"] = to_json
    return made


def refuse(message: str) -> None:
    """What a template calls to refuse a conversation."""
    raise TemplateError(message)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON as it is, without HTML's escapes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def answer(
    template: Any, tokens: dict[str, str], conversations: list[list[dict[str, str]]]
) -> dict[str, Any]:
    """The conversations as the template writes them, or what it raised."""
    texts = []
    for messages in conversations:
        text = template.render(messages=messages, add_generation_prompt=False, **tokens)
        text.encode()  # raises where a surrogate stands alone
        if len(text) > OUTPUT + 2 * sum(len("".join(each.values())) for each in messages):
            return {"error": f"writes {len(text):,} characters for one conversation"}
        texts.append(text)
    return {"texts": texts}


def guarded(task: Any, *arguments: Any) -> Any:
    """What a task returns, or its error as an answer; beyond the time limit this process ends."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return task(*arguments)
    except MemoryError:
        return {"error": f"takes more than {MEMORY >> 20} MiB"}
    except UnicodeEncodeError:
        return {"error": "writes half of a character"}
    except RecursionError:
        return {"error": "calls itself without end, or is nested too deep"}
    except Exception as error:  # a template can raise anything
        line = getattr(error, "lineno", None)
        reason = " ".join(str(error).split()) or type(error).__name__
        return {"error": (f"line {line}: " if line else "") + reason[:300]}
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def main() -> None:
    """Answer until the input ends."""
    with contextlib.suppress(ValueError, OSError):  # macOS knows no limit of address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    first = json.loads(sys.stdin.readline() or '{"text": "", "bos": "", "eos": ""}')
    template = guarded(environment().from_string, first["text"])
    tokens = {"bos_token": first["bos"], "eos_token": first["eos"]}
    for line in sys.stdin:
        request = json.loads(line)
        broken = isinstance(template, dict)
        said = template if broken else guarded(answer, template, tokens, request)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
