"""OpenTelemetry spans, one for each node of the graph; only where the package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sie_agent.utils import tracing


@contextmanager
def node_span(node: str, count: int) -> Iterator[None]:
    """A span ``agent NODE`` around the work of a node for *count* pairs; no text of a pair gets into it."""
    tracer = tracing.tracer()
    if tracer is None:
        yield
        return
    attributes = {"sie.agent.node": node, "sie.agent.pairs": count}
    quiet: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(f"agent {node}", attributes=attributes, **quiet):
        yield
