"""OpenTelemetry spans around requests, with the names of its conventions for generative models.

Only where the package is installed; without a tracer provider its spans do nothing and cost microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from sie_agent.judging.answers import Answer
from sie_agent.utils import tracing


@contextmanager
def request_span(url: str, model: str, body: dict[str, Any]) -> Iterator[Any]:
    """A client span ``chat MODEL`` around one request, for :func:`record`; None without the package.

    No message, key or product text gets into it.
    """
    tracer = tracing.tracer()
    if tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind

    parts = urlsplit(url)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": float(body.get("temperature", 0.0)),
        "gen_ai.request.max_tokens": int(body.get("max_tokens") or body.get("max_completion_tokens") or 0),
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    # an error's text may quote what was sent: the status says enough
    quiet: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=attributes, **quiet) as span:
        yield span


def record(span: Any, answer: Answer, *, failed: bool) -> None:
    """Note on a span of :func:`request_span` how its request ended; *failed*: without an answer."""
    if span is None:
        return
    if not failed:
        span.set_attribute("gen_ai.usage.input_tokens", answer.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", answer.output_tokens)
        span.set_attribute("sie.judgment.status", answer.status)
    if answer.status != "ok":
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("error.type", answer.status)
        span.set_status(Status(StatusCode.ERROR, answer.status))
