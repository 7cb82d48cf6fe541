"""Live scores against the log that a scorer was distilled from: what moved, and when to distill again.

Only the settings are imported at once: the help of ``sie serve`` reads them, and is to be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sie_agent.drift.settings import AdjustmentSettings

if TYPE_CHECKING:
    from sie_agent.drift.adjustment import Adjustment
    from sie_agent.drift.resume import resume_adjustment, save_adjustment

__all__ = ["Adjustment", "AdjustmentSettings", "resume_adjustment", "save_adjustment"]

_LATER = {
    "Adjustment": "sie_agent.drift.adjustment",
    "resume_adjustment": "sie_agent.drift.resume",
    "save_adjustment": "sie_agent.drift.resume",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _LATER:
        raise AttributeError(f"module 'sie_agent.drift' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
