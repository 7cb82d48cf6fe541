"""What is refused or cut at a bound: counted by reason, logged without content, and never more than a line per reason
and ten seconds, so that an attack does not fill the disk."""

from __future__ import annotations

import logging
import time
from collections import Counter

from sie_agent.serving.metrics import Metrics

SAY_SECONDS = 10.0
logger = logging.getLogger("sie_agent.serving")


class RefusalLog:
    """Counts and logs refusals.

    Parameters
    ----------
    metrics : holds the counter ``sie_refused_total``, by reason.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.unsaid: Counter[str] = Counter()
        self.said: dict[str, float] = {}

    def note(self, reason: str) -> None:
        """Count one; the first is logged at once, those of the next ten seconds together."""
        self.metrics.refused.labels(reason).inc()
        self.unsaid[reason] += 1
        self.say(reason)

    def say_all(self, *, now_or_never: bool = False) -> None:
        """Log what has not been logged for long enough, or everything."""
        for reason in list(self.unsaid):
            self.say(reason, at_once=now_or_never)

    def say(self, reason: str, *, at_once: bool = False) -> None:
        """Log the refusals of one reason, unless one was logged a moment ago."""
        now = time.monotonic()
        if at_once or now - self.said.get(reason, -SAY_SECONDS) >= SAY_SECONDS:
            logger.warning("refused or cut: %s (%d)", reason, self.unsaid.pop(reason))
            self.said[reason] = now
