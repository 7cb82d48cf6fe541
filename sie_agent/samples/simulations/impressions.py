"""Click rates over several impressions, between which the places of the items change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.simulations.attention import attraction, depth_for, discount
from sie_agent.samples.simulations.kinds import LogKind, generator, grades, log_table, ranks, uniform
from sie_agent.samples.simulations.ranker import ranker_scores
from sie_agent.samples.splits import query_keys
from sie_agent.utils.arrays import Doubles

WHERE = "simulated log 'impressions'"
MOST = 50
# exponent of the power law of how often queries are asked (Zipf)
TAIL = 1.1
# between impressions scores move by a normal variable of this share of their standard deviation within queries
JITTER = 0.5


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """Clicks per impression; a click is a look that attracts, as in ``ranked-clicks``.

    A query is asked N times, N = min(50, floor(u^(−1/1.1))) for a uniform u, and each time all of its items are shown,
    ordered by the ranker's score plus a normal variable. ``examination`` and ``position`` are means over these N.

    Raises
    ------
    InputError
        If a grade is missing, or the rate cannot be reached.
    """
    grade = grades(samples, WHERE)
    attracted = attraction(grade)
    row, position = shown(samples, ranker_scores(samples, grade, seed), seed)
    count = np.bincount(row, minlength=len(samples))
    discounted = discount(position)

    def mean(values: Doubles) -> Doubles:
        return np.asarray(np.bincount(row, values, len(samples)) / count)

    def looked(depth: float) -> Doubles:
        return mean(np.minimum(depth * discounted, 1.0))

    depth = depth_for(rate, attracted, looked, WHERE)
    probability = min(depth, 1.0) * attracted[row] * np.minimum(max(depth, 1.0) * discounted, 1.0)
    # rows are in order of their ids, and each has its own numbers of this stream as long as the log is the same
    clicked = generator(seed, "impression-click").random(len(row)) < probability
    return log_table(
        mean(clicked.astype(float)),
        position=np.rint(mean(position.astype(float))).astype(np.int64),
        examination=looked(max(depth, 1.0)),
        impressions=count,
    )


def shown(samples: pd.DataFrame, scores: Doubles, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and position, from 1, of every impression."""
    codes, queries = pd.factorize(query_keys(samples["query"]))
    drawn = 1 - uniform(pd.Series(queries), seed, "popularity")
    asked = np.minimum(np.floor(drawn ** (-1 / TAIL)), MOST).astype(np.int64)
    times = asked[codes]
    row = np.repeat(np.arange(len(samples)), times)
    session = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    within = scores - np.bincount(codes, scores)[codes] / np.bincount(codes)[codes]
    scale = JITTER * max(float(within.std()), 1e-9)
    moved = generator(seed, "jitter").normal(scale=scale, size=len(row))
    # one list per query and session, best score first
    listed = codes[row] * MOST + session
    return row, ranks(listed, -(scores[row] + moved))


KIND = LogKind(
    name="impressions",
    words="Click rates of pairs that were shown once or many times, at places that change a little from time to time.",
    rate_means="expected mean of the pairs' click rates",
    default_rate=0.15,
    simulate=simulate,
)
