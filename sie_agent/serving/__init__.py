"""The HTTP service: ``sie serve``. What needs its extra is imported where it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sie_agent.serving.live import LiveAdjustment
from sie_agent.serving.protocol import Engine, Observer
from sie_agent.serving.settings import Limits

if TYPE_CHECKING:
    from sie_agent.serving.app import create_app, make_state
    from sie_agent.serving.server import Stopping, listen, run

__all__ = [
    "Engine",
    "Limits",
    "LiveAdjustment",
    "Observer",
    "Stopping",
    "create_app",
    "listen",
    "make_state",
    "run",
]

_WITH_THE_EXTRA = {
    "create_app": "sie_agent.serving.app",
    "make_state": "sie_agent.serving.app",
    "Stopping": "sie_agent.serving.server",
    "listen": "sie_agent.serving.server",
    "run": "sie_agent.serving.server",
}


def __getattr__(name: str) -> Any:
    """Import a public name that needs the extra `serve` where it is first asked for."""
    if name not in _WITH_THE_EXTRA:
        raise AttributeError(f"module 'sie_agent.serving' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_WITH_THE_EXTRA[name]), name)
