"""Spans with the conventional names, and one line per event."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from sie_agent.errors import EnvironmentFailure
from sie_agent.files.event_log import event, log_events
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.utils import tracing

from .conftest import table
from .scripted_server import Reply, completion, error, scripted_server

KEY = "sk-span-0123456789abcdef"
GRADED = completion("3", top={"3": math.log(0.9), "2": math.log(0.1)})


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", lambda: provider.get_tracer("sie_agent"))
    return exporter


def test_a_span_per_request_with_the_conventional_names(cache: JudgmentCache, spans: InMemorySpanExporter) -> None:
    with scripted_server(lambda _, number: Reply(500, error("oops")) if number == 1 else Reply(body=GRADED)) as server:
        backend = make_backend("openai", base_url=server.url, model="m", api_key=KEY)
        judge(table([("garden hose", "Rubber Garden Hose")]), load_variant("relevance/graded"), backend, cache)
    failed, answered = spans.get_finished_spans()
    assert (answered.name, answered.kind) == ("chat m", SpanKind.CLIENT)
    attributes = dict(answered.attributes or {})
    assert attributes["gen_ai.operation.name"] == "chat" and attributes["gen_ai.request.model"] == "m"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (100, 1)
    assert attributes["server.address"] == "127.0.0.1" and attributes["gen_ai.request.max_tokens"] == 4
    assert answered.status.status_code is StatusCode.UNSET
    assert dict(failed.attributes or {})["error.type"] == "server-error"
    assert failed.status.status_code is StatusCode.ERROR
    told = "".join(span.to_json() for span in (failed, answered))
    assert "Hose" not in told and KEY not in told


def test_without_the_package_nothing_is_missing(
    cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch, spans: InMemorySpanExporter
) -> None:
    monkeypatch.setattr(tracing, "tracer", lambda: None)
    with scripted_server(lambda *_: Reply(body=GRADED)) as server:
        backend = make_backend("openai", base_url=server.url, model="m")
        found = judge(table([("hose", "a hose")]), load_variant("relevance/graded"), backend, cache)
    assert found["status"][0] == "ok" and not spans.get_finished_spans()


@pytest.mark.slow
def test_a_line_per_event(cache: JudgmentCache, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with (
        scripted_server(lambda _, number: Reply(500, error(KEY)) if number == 1 else Reply(body=GRADED)) as server,
        log_events(path),
    ):
        backend = make_backend("openai", base_url=server.url, model="m", api_key=KEY)
        judge(table([("garden hose", "Rubber Garden Hose")]), load_variant("relevance/graded"), backend, cache)
    event("unheard")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["trouble", "form", "answer"]
    assert lines[0]["status"] == "server-error" and lines[1]["model"] == "m" and lines[1]["time"]
    assert KEY not in path.read_text() and "Hose" not in path.read_text()


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="--log-json"), log_events(tmp_path / "none" / "events.jsonl"):
        pass
