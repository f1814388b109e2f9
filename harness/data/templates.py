"""How conversations are written out, as data: the templates of the package."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.config.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """How messages are written out; every text here has the role `template`.

    Attributes:
        preamble: stands before the first message.
        system, user, input, assistant, tool: stand before a message's (or an Alpaca input's) text.
        system_close, user_close, tool_close: stand after it.
        separator: stands between an answer's end token and the next user message.
        thinking: stands before an answer's thoughts.
        thinking_close: stands after them; the model writes it, so its role is theirs.
    """

    preamble: str = ""
    system: str = ""
    system_close: str = ""
    user: str = ""
    input: str = ""
    user_close: str = ""
    assistant: str = ""
    tool: str = ""
    tool_close: str = ""
    separator: str = ""
    thinking: str = "<think>\n"
    thinking_close: str = "\n</think>\n\n"


TEMPLATES: Registry[Template] = Registry("data.template")
"""Name -> how it writes conversations out."""

HEADERS = Template(
    system_close="\n\n",
    user="### Instruction:\n",
    input="\n\n### Input:\n",
    assistant="\n\n### Response:\n",
    tool="\n\n### Tool:\n",
    separator="\n\n",
)

ALPACA_PREAMBLE = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
)


def tagged(opening: str, closing: str) -> Template:
    """A template of chats: each message stands between two tags, an answer's end apart.

    Args:
        opening: stands before a message, with `{}` where the speaker is named.
        closing: stands after it.
    """
    return Template(
        system=opening.format("system"),
        system_close=closing,
        user=opening.format("user"),
        input="\n\n",
        user_close=closing,
        assistant=opening.format("assistant"),
        tool="\n" + opening.format("tool"),
        tool_close=closing,
        separator="\n",
    )


TEMPLATES.add("alpaca", replace(HEADERS, preamble=ALPACA_PREAMBLE))
TEMPLATES.add("headers", HEADERS)
TEMPLATES.add("chatml", tagged("<|im_start|>{}\n", "<|im_end|>\n"))
TEMPLATES.add("phi3", tagged("<|{}|>\n", "<|end|>\n"))
TEMPLATES.add(
    "plain",
    Template(system_close="\n\n", input="\n", assistant="\n\n", tool="\n\n", separator="\n\n"),
)
