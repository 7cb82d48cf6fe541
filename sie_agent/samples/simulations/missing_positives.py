"""Labels of which positives are missing: what a log of purchases or of sparse ratings looks like."""

from __future__ import annotations

import pandas as pd

from sie_agent.samples.simulations.kinds import LogKind, check_share, grades, log_table, uniform

WHERE = "simulated log 'missing-positives'"


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """``y = grade >= relevant_at``, but 0 with probability *rate* where that is 1 (Elkan and Noto 2008).

    Raises
    ------
    InputError
        If a grade is missing, or a number is outside [0, 1].
    """
    check_share("rate", rate, WHERE)
    check_share("relevant_at", relevant_at, WHERE)
    relevant = grades(samples, WHERE) >= relevant_at
    missing = relevant & (uniform(samples["sample_id"], seed, "missing") < rate)
    return log_table((relevant & ~missing).astype(float), flipped=missing)


KIND = LogKind(
    name="missing-positives",
    words="Every positive label is right, but some relevant items were never noted and stand there as irrelevant.",
    rate_means="share of the relevant items that are labelled irrelevant",
    default_rate=0.5,
    simulate=simulate,
)
