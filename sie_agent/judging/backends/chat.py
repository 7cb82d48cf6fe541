"""Reading and writing the chat-completions format: pure functions, no network."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..answers import Answer, Request, answer_schema, grade_probabilities, parse_written
from ..render import render_messages
from ..variants import Variant

DETAIL_CHARS = 200
SECRETS = re.compile(r"(sk-[\w*.-]{4,}|(?i:bearer)\s+[^\s\"',]+|(?<=://)[^/@\s]+@)")
WRITTEN_INSTEAD = "answered in writing: the server gives no log-probabilities"


class NoLogprobs(Exception):
    """The server answered, but without log-probabilities."""


class Manner(Protocol):
    """How a server wants to be asked: the name of the limit, whether it takes a JSON schema, how many alternatives."""

    limit_name: str
    schema: bool
    top_logprobs: int


def chat_request(variant: Variant, request: Request, method: str, model: str, style: Manner) -> dict[str, Any]:
    """The body of one chat-completions request.

    Parameters
    ----------
    style : what this server understands.
    """
    messages = request.messages
    if method != variant.method:
        messages = render_messages(variant, request.fields, method)
    body: dict[str, Any] = {"model": model, "messages": list(messages), "temperature": 0.0, "seed": 0}
    if method == "graded":
        body |= {style.limit_name: 1, "logprobs": True, "top_logprobs": style.top_logprobs}
        return body
    body[style.limit_name] = variant.max_output_tokens
    if style.schema:
        schema = answer_schema(variant, "written")
        described = {"name": "judgment", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return body


def read_answer(variant: Variant, method: str, body: object) -> Answer:
    """What a chat-completions response says.

    Raises
    ------
    NoLogprobs : log-probabilities were asked for and the response has no place for them.
    """
    choice = _first_choice(body)
    if choice is None:
        return Answer("malformed", method, detail="the response is no chat completion")
    used = _usage(body)
    answer = _read_choice(variant, method, choice, used["output_tokens"])
    return replace(answer, input_tokens=used["input_tokens"], output_tokens=used["output_tokens"])


def _read_choice(variant: Variant, method: str, choice: Mapping[str, Any], written_tokens: int) -> Answer:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
        detail = str(message.get("refusal") or "stopped by the content filter")[:DETAIL_CHARS]
        return Answer("refused", method, detail=detail)
    if method == "graded":
        return _read_graded(variant, choice)
    text = message.get("content")
    rationale = variant.rationale and variant.method == "written"
    tokens = [level.token for level in variant.scale]
    status, detail, grade = parse_written(text if isinstance(text, str) else "", tokens, rationale=rationale)
    if status == "unparsed" and choice.get("finish_reason") == "length":
        detail = f"cut off after {written_tokens} tokens"
    if method != variant.method:
        detail = f"{WRITTEN_INSTEAD}. {detail}".strip(" .")
    return Answer(status, method, detail=detail, grade=grade)


def _read_graded(variant: Variant, choice: Mapping[str, Any]) -> Answer:
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        raise NoLogprobs
    content = logprobs.get("content")
    if not isinstance(content, list) or not content:
        return Answer("empty", "graded", detail="no token was generated")
    first = content[0]
    alternatives = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(alternatives, list) or not alternatives:
        raise NoLogprobs
    pairs: dict[str, float] = {}
    for entry in alternatives:
        entry = entry if isinstance(entry, dict) else {}
        token, number = entry.get("token"), entry.get("logprob")
        if not isinstance(token, str) or isinstance(number, bool) or not isinstance(number, int | float):
            return Answer("bad-logprobs", "graded", detail="an alternative has no token or number")
        # a token may be listed twice (as sampled and as ranked): it counts once
        if not math.isnan(pairs.get(token, 0.0)):
            pairs[token] = float(number) if math.isnan(number) else max(pairs.get(token, -math.inf), number)
    tokens = [level.token for level in variant.scale]
    status, detail, probabilities = grade_probabilities(list(pairs.items()), tokens)
    return Answer(status, "graded", detail=detail, probabilities=probabilities)


def _first_choice(body: object) -> dict[str, Any] | None:
    choices = body.get("choices") if isinstance(body, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return None


def _usage(body: object) -> dict[str, int]:
    usage = body.get("usage") if isinstance(body, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    whole = [count if isinstance(count, int) and count > 0 else 0 for count in counts]
    return {"input_tokens": whole[0], "output_tokens": whole[1]}


def error_text(error: object, secret: str | None) -> str:
    """One short line of an error, without keys."""
    return without_secrets(" ".join(str(error).split()), secret)[:DETAIL_CHARS]


def without_secrets(text: str, secret: str | None) -> str:
    """*text* without keys: neither ours nor what looks like one. Some servers echo what they were sent."""
    if secret and len(secret) >= 4:
        text = text.replace(secret, "[key]")
    return SECRETS.sub("[key]", text)


def shown_url(url: str) -> str:
    """An address for messages: without user, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"
