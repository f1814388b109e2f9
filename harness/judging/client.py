"""Asking an OpenAI-compatible server, by the official client: rate, retries, patience."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from harness.config.extras import lacking
from harness.config.judge import Judge
from harness.judging.forms import FORMS, told
from harness.judging.questions import Question
from harness.judging.replies import Replies, Reply, key_of

KEY = "OPENAI_API_KEY"
"""The environment variable that holds the key; a server that wants none is given "none"."""

FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0
"""Seconds between two tries of a server that does not answer: doubled each time, up to the last."""


class Unanswered(OSError):
    """The server did not answer in time, or refused: one line. What was said before is kept."""


class Client:
    """A judge that can be asked by several threads.

    Attributes:
        asked: requests that were sent.
        tokens_in, tokens_out: of all replies that were read, from the cache too.
        forms: form of replies -> how many of them were asked for in it.
    """

    def __init__(self, config: Judge, replies: Replies) -> None:
        """A client of the server that a config without `faults` names."""
        import openai

        self._openai = openai
        self._config = config
        self._replies = replies
        self._server = openai.OpenAI(
            base_url=config.url or None,
            api_key=os.environ.get(KEY) or "none",
            max_retries=0,  # ours wait as long as `patience` says
        )
        self._lock = Lock()
        self._next = 0.0
        self._form = FORMS[0]
        self.asked = self.tokens_in = self.tokens_out = 0
        self.forms: Counter[str] = Counter()

    def ask_all(self, questions: Sequence[Question]) -> list[float | None]:
        """What the judge says to each, None where it cannot be read; equal ones are asked once.

        Raises:
            Unanswered: as `ask`; further questions are not asked then.
        """
        different = {question.text: question for question in questions}
        with ThreadPoolExecutor(self._config.concurrency) as pool:
            try:
                said = list(pool.map(self.ask, different.values()))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        found = dict(zip(different, said, strict=True))
        return [found[question.text] for question in questions]

    def ask(self, question: Question) -> float | None:
        """What the judge says; a reply that cannot be read is told to it, and it is asked again.

        Raises:
            Unanswered: the server does not answer, or refuses.
        """
        messages = [{"role": "user", "content": question.text}]
        for _ in range(self._config.attempts):
            reply = self._reply(messages, question.schema)
            value = question.read(reply.text)
            if value is not None:
                return value
            messages = [
                messages[0],
                {"role": "assistant", "content": reply.text or "…"},
                {"role": "user", "content": f"That cannot be read. {question.form}"},
            ]
        return None

    def _reply(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]) -> Reply:
        """A reply, from the cache where it was given before."""
        request = {
            "model": self._config.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": self._config.tokens,
        }
        known = self._replies.get(request)
        reply = known or self._sent(request, schema)
        with self._lock:
            self.tokens_in += reply.tokens_in
            self.tokens_out += reply.tokens_out
            self.forms[reply.form] += 1
            self.asked += known is None
        if known is None:
            self._replies.keep(reply)
        return reply

    def _sent(self, request: Mapping[str, Any], schema: Mapping[str, Any]) -> Reply:
        """Send a request until it is answered or patience ends."""
        openai = self._openai
        passing = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)
        end, wait = time.monotonic() + self._config.patience, FIRST_WAIT
        while True:
            self._pace()
            form = self._form
            try:
                completion = self._server.chat.completions.create(**told(request, schema, form))
                return _read(request, form, completion)
            except passing as error:
                if time.monotonic() + wait > end:
                    raise Unanswered(self._line(error)) from None
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if form == FORMS[-1]:
                    raise Unanswered(self._line(error)) from None
                self._loosen(form)
            except openai.APIError as error:
                raise Unanswered(self._line(error)) from None

    def _loosen(self, form: str) -> None:
        """Go on to the next form, unless another thread has: the server does not know this one."""
        with self._lock:
            if self._form == form:
                self._form = FORMS[FORMS.index(form) + 1]

    def _pace(self) -> None:
        """Wait until the next request may go out."""
        if not self._config.rate:
            return
        with self._lock:
            begin = max(self._next, time.monotonic())
            self._next = begin + 60 / self._config.rate
        time.sleep(max(0.0, begin - time.monotonic()))

    def _line(self, error: Exception) -> str:
        """What is wrong, without the key, which servers may repeat."""
        said = " ".join(str(error).split())
        key = os.environ.get(KEY)
        if key:
            said = said.replace(key, f"${KEY}")
        where = self._config.url or os.environ.get("OPENAI_BASE_URL", "OpenAI's server")
        return f"url={where}: {said[:300].rstrip('.')}; the same command goes on from here"


def faults(config: Judge) -> list[str]:
    """A line for each thing that is wrong before anything is asked."""
    found = []
    reason = lacking("judge")
    if reason:
        found.append(reason)
    if config.url:
        parts = urlsplit(config.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            found.append(f"url={config.url}: expected http://HOST/v1 or https://HOST/v1")
        elif parts.username or parts.password or parts.query:
            found.append(f"url=…@{parts.hostname}…: expected the key in ${KEY} alone")
    elif not os.environ.get(KEY):
        found.append(f"${KEY}: missing, expected a key, or url=http://HOST/v1 of a server")
    return found


def _read(request: Mapping[str, Any], form: str, completion: Any) -> Reply:
    usage = completion.usage
    return Reply(
        key=key_of(request),
        request=request,
        form=form,
        text=(completion.choices[0].message.content or "") if completion.choices else "",
        model=str(completion.model),
        tokens_in=int(usage.prompt_tokens) if usage else 0,
        tokens_out=int(usage.completion_tokens) if usage else 0,
    )
