"""The HTTP service: ``sie serve``. Nothing heavy is imported before :func:`serve` is called."""

from __future__ import annotations

from sie_agent.serving.adjustment_settings import AdjustmentSettings
from sie_agent.serving.command import serve
from sie_agent.serving.protocol import Engine, Observer
from sie_agent.serving.settings import Limits

__all__ = ["AdjustmentSettings", "Engine", "Limits", "Observer", "serve"]
