"""A span of OpenTelemetry for each node, without a word of a pair in it."""

from __future__ import annotations

import pytest

from sie_agent.agent import AgentSettings, judge_hard_cases
from sie_agent.judging import JudgmentCache, make_backend
from sie_agent.utils import tracing

from ..judging.scripted_server import scripted_server
from .conftest import judge_script, judged_of, log_of, server_backend

telemetry = pytest.importorskip("opentelemetry.sdk.trace")


def test_a_span_for_each_node(cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), telemetry.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "tracer", lambda: provider.get_tracer("tests"))
    log = log_of()
    settings = AgentSettings(budget=2, tools=("departments",), settle=0.0, hand_over=0.1)
    with scripted_server(judge_script(grade=lambda text: ("3", 0.5))) as server:
        judge_hard_cases(log, judged_of(log), server_backend(server), cache, settings)
    found = kept.get_finished_spans()
    nodes = [span for span in found if span.name.startswith("agent ")]
    assert [span.name for span in nodes] == [
        f"agent {node}" for node in ("assess", "choose", "look_up", "judge", "decide", "hand_over")
    ]
    assert all(dict(span.attributes or {}) == {"sie.agent.node": span.name[6:], "sie.agent.pairs": 2} for span in nodes)
    assert not any(title in str(span.to_json()) for span in found for title in log["title"])


def test_without_the_package_there_is_none(cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "tracer", lambda: None)
    log = log_of(4)
    assert judge_hard_cases(log, judged_of(log), make_backend("lexical"), cache, AgentSettings()).stopped
