"""OpenTelemetry, where it is installed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def tracer() -> Any:
    """The tracer of this package; None without ``opentelemetry``."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("sie_agent")
