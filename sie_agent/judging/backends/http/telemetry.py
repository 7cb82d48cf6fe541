"""OpenTelemetry spans around requests, with the names of its conventions for generative models.

Only where the package is installed; without a tracer provider its spans do nothing and cost microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from sie_agent.judging.answers import Answer


class Span(Protocol):
    """What the body of :func:`request_span` gets."""

    def answered(self, answer: Answer) -> None: ...

    def failed(self, status: str) -> None: ...


class _NoSpan:
    def answered(self, answer: Answer) -> None:
        return None

    def failed(self, status: str) -> None:
        return None


class _RealSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def answered(self, answer: Answer) -> None:
        self._span.set_attribute("gen_ai.usage.input_tokens", answer.input_tokens)
        self._span.set_attribute("gen_ai.usage.output_tokens", answer.output_tokens)
        self._span.set_attribute("sie.judgment.status", answer.status)
        if answer.status != "ok":
            self.failed(answer.status)

    def failed(self, status: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", status)
        self._span.set_status(Status(StatusCode.ERROR, status))


@contextmanager
def request_span(url: str, model: str, body: dict[str, Any]) -> Iterator[Span]:
    """A client span ``chat MODEL`` around one request. No message, key or product text gets into it."""
    tracer = _tracer()
    if tracer is None:
        yield _NoSpan()
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
    with tracer.start_as_current_span(
        f"chat {model}",
        kind=SpanKind.CLIENT,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield _RealSpan(span)


@lru_cache(maxsize=1)
def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("sie_agent")
