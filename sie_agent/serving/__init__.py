"""The HTTP service: ``sie serve``. What is slow to import, or needs its extra, is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sie_agent.serving.settings import Limits

# the module of each name that is imported on first use
_LATER = {
    **dict.fromkeys(("create_app", "make_state"), "app"),
    "LiveAdjustment": "live",
    **dict.fromkeys(("Engine", "Observer"), "protocol"),
    **dict.fromkeys(("Stopping", "listen", "run"), "server"),
}
__all__ = ["Limits"]
__all__ += list(_LATER)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _LATER:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
