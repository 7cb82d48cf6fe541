"""The drift watch of the service: its baseline, reloads, and its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sie_agent.drift.adjustment import Adjustment, checked_quantiles
from sie_agent.drift.resume import content_of, resume_adjustment
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.state_file import write_state
from sie_agent.errors import InputError
from sie_agent.serving.protocol import Engine
from sie_agent.serving.weighing import WHERE

MEND = "Distill it again, or serve it with --no-adjustment."


class LiveAdjustment(Adjustment):
    """The adjustment for the scorer that is served, saved to a file where one is given.

    Parameters
    ----------
    config : the scorer's ``config.json``: ``score_quantiles`` and ``score_rows``.
    settings : windows and thresholds; path : file that it goes on from and is saved to.

    Raises
    ------
    InputError : the scorer does not say what its scores were like when it was distilled.
    EnvironmentFailure : the file is there and cannot be read.
    """

    def __init__(
        self, config: Mapping[str, Any], settings: AdjustmentSettings | None = None, path: Path | None = None
    ) -> None:
        super().__init__(**baseline_of(config), settings=settings)
        self.path = path
        if path is not None:
            resume_adjustment(path, self)

    def check(self, engine: Engine, by: str | None) -> None:
        """Check that a scorer has a baseline, also for the weak label *by*, and gives every score of that baseline.

        Raises
        ------
        InputError : it has none, or it and its scores differ.
        """
        known = checked_quantiles(baseline_of(getattr(engine, "config", {}))["baseline"], WHERE)
        if strange := sorted(set(known) - set(engine.labels)):
            raise InputError(f"'{strange[0]}' is not a score of this scorer", where=WHERE, hint=MEND)
        if by is not None and by not in known:
            raise InputError(f"there is no baseline of '{by}' to weigh by", where=WHERE, hint=MEND)

    def scorer_changed(self, engine: Engine) -> None:
        """Start afresh: scores of different scorers cannot be compared."""
        self.begin(**baseline_of(getattr(engine, "config", {})))

    def saving(self) -> Callable[[], None]:
        """Copy what is known; what is returned writes it to the file, where there is one.

        What is returned raises EnvironmentFailure where the file cannot be written.
        """
        if self.path is None:
            return lambda: None
        return partial(write_state, self.path, content_of(self))


def baseline_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline that a scorer's configuration holds.

    Raises
    ------
    InputError : it holds none.
    """
    quantiles = {name: np.asarray(values, np.float64) for name, values in config.get("score_quantiles", {}).items()}
    if not quantiles:
        raise InputError(
            "the scorer does not say what its scores were like when it was distilled", where=WHERE, hint=MEND
        )
    return {"baseline": quantiles, "baseline_events": max(int(config.get("score_rows", 0)), 1)}
