"""A plain text from a chat server: one question, one answer, bounded in size and time."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.judging.backends.base import Backend
from sie_agent.judging.backends.http.addresses import shown_url
from sie_agent.judging.backends.http.chat import error_text
from sie_agent.judging.backends.http.clients import fetched
from sie_agent.judging.backends.http.model_server import ModelServer
from sie_agent.judging.backends.http.network import explained, hopeless
from sie_agent.judging.backends.http.openai import CHARS_PER_TOKEN, OpenAIBackend
from sie_agent.judging.backends.http.reading import usage_of
from sie_agent.judging.written import thoughts_apart

CHAT_PATH = "/chat/completions"
TRIES = 4
FIRST_WAIT = 1.0
PASSING = frozenset({408, 409, 425, 429})
# forms of a request, the next where a server refuses one
FORMS: Sequence[dict[str, Any]] = ({"max_tokens": 1, "temperature": 1.0}, {"max_completion_tokens": 1}, {})


class PlainAnswer(NamedTuple):
    """What a model said, and the tokens that it took; guessed from the length where the server does not tell."""

    text: str
    input_tokens: int
    output_tokens: int


def say_in_text(backend: Backend, question: str, *, most_tokens: int, seconds: float) -> PlainAnswer:
    """Ask the first server of an `openai` backend for a text; thoughts are left out.

    Raises
    ------
    InputError : the backend is none of a chat server.
    EnvironmentFailure : the server cannot be reached or refuses the request, after four tries.
    """
    server = chat_server(backend)
    problem = "the server gave no answer"
    wait, form = FIRST_WAIT, 0
    for left in reversed(range(TRIES + len(FORMS) - 1)):
        limits = {name: most_tokens if name.startswith("max") else value for name, value in FORMS[form].items()}
        body = {"model": server.model, "messages": [{"role": "user", "content": question}], **limits}
        try:
            status, raw = fetched(server.url, CHAT_PATH, server.key, seconds=seconds, body=body)
        except SieError:
            raise
        except Exception as error:
            if hopeless(error) or not left:
                raise explained(error, server.url) from error
            problem = type(error).__name__
        else:
            if status == 200 and (said := read(raw, question)) is not None:
                return said
            problem = f"{status}: {error_text(raw[:2000].decode('utf-8', 'replace'), server.secrets)}"
            if status in (400, 422) and form + 1 < len(FORMS):
                form += 1
                continue
            if 400 <= status < 500 and status not in PASSING:
                break
        if left:
            time.sleep(wait)
            wait *= 2
    raise EnvironmentFailure(f"the model that reflects does not answer ({problem})", where=shown_url(server.url))


def chat_server(backend: Backend) -> ModelServer:
    """The first server of a backend that has servers.

    Raises
    ------
    EnvironmentFailure : it has none.
    """
    if not isinstance(backend, OpenAIBackend):
        raise EnvironmentFailure(f"'{backend.kind}' is no chat server", hint="Give one of the backend openai.")
    return backend.servers[0]


def read(raw: bytes, question: str) -> PlainAnswer | None:
    """The text of a response; None where it holds none."""
    try:
        body = json.loads(raw)
        content = body["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if not isinstance(content, str):
        return None
    try:
        used = usage_of(body)
    except ValueError:
        used = None
    counts = used or (len(question) // CHARS_PER_TOKEN, len(content) // CHARS_PER_TOKEN)
    return PlainAnswer(thoughts_apart(content)[1], *counts)
