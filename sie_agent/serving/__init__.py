"""The HTTP service: ``sie serve``. What is slow to import, or needs its extra, is imported where first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sie_agent.serving.settings import Limits

if TYPE_CHECKING:
    from sie_agent.serving.app import create_app, make_state
    from sie_agent.serving.live import LiveAdjustment
    from sie_agent.serving.protocol import Engine, Observer
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

_LATER = {
    "Engine": "sie_agent.serving.protocol",
    "LiveAdjustment": "sie_agent.serving.live",
    "Observer": "sie_agent.serving.protocol",
    "create_app": "sie_agent.serving.app",
    "make_state": "sie_agent.serving.app",
    "Stopping": "sie_agent.serving.server",
    "listen": "sie_agent.serving.server",
    "run": "sie_agent.serving.server",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'sie_agent.serving' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
