"""Live scores against the log that a scorer was distilled from: what moved, and when to distill again.

Only the settings are imported at once: the help of ``sie serve`` reads them, and is to be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sie_agent.drift.settings import AdjustmentSettings

if TYPE_CHECKING:
    from sie_agent.drift.adjustment import Adjustment
    from sie_agent.drift.resume import resume_adjustment, save_adjustment
    from sie_agent.drift.statistics import critical_index, stability_index

__all__ = [
    "Adjustment",
    "AdjustmentSettings",
    "critical_index",
    "resume_adjustment",
    "save_adjustment",
    "stability_index",
]

_LATER = {
    "Adjustment": "sie_agent.drift.adjustment",
    "critical_index": "sie_agent.drift.statistics",
    "resume_adjustment": "sie_agent.drift.resume",
    "save_adjustment": "sie_agent.drift.resume",
    "stability_index": "sie_agent.drift.statistics",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'sie_agent.drift' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
