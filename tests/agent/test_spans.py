"""A span of OpenTelemetry for each node, without a word of a pair in it."""

from __future__ import annotations

import pytest

from sie_agent.agent import AgentSettings, judge_hard_cases, spans
from sie_agent.judging import JudgmentCache, make_backend

from .conftest import judged_of, log_of

telemetry = pytest.importorskip("opentelemetry.sdk.trace")


def test_a_span_for_each_node(cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), telemetry.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(spans, "_tracer", lambda: provider.get_tracer("tests"))
    log = log_of()
    settings = AgentSettings(budget=2, tools=("departments",), settle=0.0, hand_over=0.1)
    judge_hard_cases(log, judged_of(log), make_backend("lexical"), cache, settings)
    found = kept.get_finished_spans()
    names = [span.name for span in found]
    assert names == [f"agent {node}" for node in ("assess", "choose", "look_up", "judge", "decide", "hand_over")]
    assert all(dict(span.attributes or {}) == {"sie.agent.node": span.name[6:], "sie.agent.pairs": 2} for span in found)
    assert not any(title in str(span.to_json()) for span in found for title in log["title"])


def test_without_the_package_there_is_none(cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "_tracer", lambda: None)
    log = log_of(4)
    assert judge_hard_cases(log, judged_of(log), make_backend("lexical"), cache, AgentSettings()).stopped
