"""Requests in the chat-completions format, and errors without secrets: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sie_agent.judging.answers import Message, Request, answer_schema
from sie_agent.judging.backends.http.form import GRADE_TOKENS, Form, Turns
from sie_agent.judging.prompts.render import render_messages
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.redact import redacted

DETAIL_CHARS = 200
ERROR_CHARS = 10_000


def chat_request(variant: Variant, request: Request, method: str, model: str, form: Form) -> dict[str, Any]:
    """The body of one chat-completions request in the form that this server understands."""
    messages = request.messages
    if method != variant.method:
        messages = render_messages(variant, request.fields, method)
    body: dict[str, Any] = {"model": model, "messages": turns(messages, form.turns)}
    body |= {name: value for name in ("temperature", "seed") if (value := getattr(form, name)) is not None}
    graded = method == "graded"
    if form.limit_name is not None:
        body[form.limit_name] = form.limit(GRADE_TOKENS if graded else variant.max_output_tokens)
    if graded:
        body |= {"logprobs": True, "top_logprobs": form.top_logprobs}
    elif form.schema == "json_schema":
        described = {"name": "judgment", "strict": True, "schema": answer_schema(variant, "written")}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    elif form.schema:
        body["response_format"] = {"type": form.schema}
    if form.streamed:
        body["stream"] = True
        if form.stream_usage:
            body["stream_options"] = {"include_usage": True}
    if form.no_thinking:
        body["enable_thinking"] = False
    return body


def turns(messages: Sequence[Message], how: Turns) -> list[Message]:
    """The messages as the server takes them: with the system text in the first question, or all in one."""
    if how == "system" or not messages:
        return list(messages)
    if how == "single":
        said = [f"Answer: {one['content']}" if one["role"] == "assistant" else one["content"] for one in messages]
        return [{"role": "user", "content": "\n\n".join(said)}]
    if messages[0]["role"] != "system" or len(messages) == 1:
        return [{**one, "role": "user"} if one["role"] == "system" else one for one in messages]
    first, second, *others = messages
    return [{"role": second["role"], "content": f"{first['content']}\n\n{second['content']}"}, *others]


def error_text(error: object, secrets: Iterable[str | None]) -> str:
    """One short line of an error, without keys: some servers echo what they were sent."""
    return redacted(" ".join(str(error)[:ERROR_CHARS].split()), secrets)[:DETAIL_CHARS]
