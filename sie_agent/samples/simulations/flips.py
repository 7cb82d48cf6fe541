"""Labels that are the truth, some of them turned at random."""

from __future__ import annotations

import pandas as pd

from sie_agent.samples.simulations.kinds import LogKind, check_share, grades, log_table, uniform


def simulate_flips(samples: pd.DataFrame, *, rate: float, seed: int, relevant_at: float = 0.75) -> pd.DataFrame:
    """A log whose labels are the truth, flipped at random.

    ``y = grade >= relevant_at``, flipped with probability *rate*. Every draw is a hash of
    (seed, sample_id), so the log is the same for every order or part of the rows.

    Parameters
    ----------
    samples : table with ``sample_id`` and a ``grade`` in every row.
    rate : probability of a flip, in [0, 1].
    seed : which draw.
    relevant_at : grade, in [0, 1], from which an item counts as relevant.

    Returns
    -------
    pandas.DataFrame
        ``label`` (0.0 or 1.0) and ``flipped`` (bool), aligned with ``samples.index``.

    Raises
    ------
    InputError
        If a grade is missing, or rate or relevant_at is outside [0, 1].
    """
    for name, value in (("rate", rate), ("relevant_at", relevant_at)):
        check_share(name, value, "simulated flips")
    relevant = grades(samples, "simulated flips") >= relevant_at
    flipped = uniform(samples["sample_id"], seed, "flip") < rate
    labels = (relevant ^ flipped).astype(float)
    return pd.DataFrame({"label": labels, "flipped": flipped}, index=samples.index)


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """The columns of a simulated log."""
    log = simulate_flips(samples, rate=rate, seed=seed, relevant_at=relevant_at)
    return log_table(log["label"].to_numpy(), flipped=log["flipped"].to_numpy())


KIND = LogKind(
    name="flips",
    words="Every label is the truth, except that some are turned at random, whatever the item or its place.",
    rate_means="share of the labels that are turned",
    default_rate=0.2,
    simulate=simulate,
)
