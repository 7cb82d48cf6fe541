"""The first click log of this project, kept as a warning: its positions follow shared words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.simulations.attention import discount
from sie_agent.samples.simulations.kinds import LogKind, grades, log_table, ranks, uniform
from sie_agent.samples.simulations.lexical_scores import lexical_scores
from sie_agent.samples.splits import query_keys


def simulate_clicks(samples: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """A click log with position bias and brand bias, one impression per row.

    ``P(click) = (0.08 + 0.25 b + 0.62 g^1.5) / log2(1 + rank)``: g the grade, b the number of rows
    whose title begins with the same word over that of the commonest such word, rank the place of the
    row among the rows of its query by :func:`lexical_scores` (ties by item_id, then sample_id).
    Draws are hashes of (seed, sample_id).

    Parameters
    ----------
    samples : table with ``sample_id``, ``query``, ``item_id``, ``title`` and a ``grade`` in every row.
    seed : which draw.

    Returns
    -------
    pandas.DataFrame
        ``label`` (0.0 or 1.0), ``position`` (Int64, from 1) and ``click_probability``, aligned with
        ``samples.index``.

    Raises
    ------
    InputError
        If a grade is missing.
    """
    grade = grades(samples, "simulated clicks")
    brand = samples["title"].str.split(n=1).str[0].str.casefold()
    counts = brand.map(brand.value_counts()).to_numpy(dtype=float)
    position = ranks_within_query(samples)
    probability = (0.08 + 0.25 * counts / counts.max() + 0.62 * grade**1.5) / np.log2(1 + position)
    clicked = uniform(samples["sample_id"], seed, "click") < probability
    columns = {"label": clicked.astype(float), "position": pd.array(position, dtype="Int64")}
    return pd.DataFrame({**columns, "click_probability": probability}, index=samples.index)


def ranks_within_query(samples: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Rank of each row, from 1, among the rows of its query by falling lexical score."""
    # rounded, so that equal texts tie on every machine
    score = np.round(lexical_scores(samples["query"], samples["title"]), 9)
    texts = (query_keys(samples["query"]), samples["item_id"], samples["sample_id"])
    query, item, sample = (pd.factorize(column, sort=True)[0] for column in texts)
    return ranks(query, sample, item, -score)


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """The columns of a simulated log; there is no rate, and the grade is read as it is."""
    log = simulate_clicks(samples, seed=seed)
    position = log["position"].to_numpy(dtype=np.int64)
    return log_table(log["label"].to_numpy(), position=position, examination=discount(position))


KIND = LogKind(
    name="clicks",
    words="Clicks with position and brand bias on a ranking by shared words; kept as a warning, since a judge that "
    "only counts shared words looks good on it.",
    rate_means="no rate can be set",
    default_rate=None,
    simulate=simulate,
)
