"""Clicks of a shopper who reads from the top and stops when she is satisfied or tired."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.simulations.attention import attraction, check_rate, out_of_reach, solve
from sie_agent.samples.simulations.kinds import LogKind, grades, log_table, uniform
from sie_agent.samples.simulations.ranker import places, ranker_scores
from sie_agent.samples.splits import query_keys
from sie_agent.utils.arrays import Booleans, Doubles

# per place, the rows that stand there and the rows right above them
Levels = list[tuple[npt.NDArray[np.int64], ...]]

WHERE = "simulated log 'cascade'"
# reads on after an item that did not satisfy her; the best value of Chapelle and Zhang (2009)
PERSEVERANCE = 0.9
# probability that a clicked item of grade 1 ends the search
SATISFACTION = 0.6


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """One walk down the ranking per query, after the dynamic Bayesian network model (Chapelle and Zhang 2009).

    At each place she clicks with probability c = attraction; a click satisfies her with s = 0.6·grade, and then she
    stops; otherwise she reads on with γ = 0.9. So P(look at p + 1) = P(look at p)·γ·(1 − c·s), which is the column
    ``examination``. For a low rate, all attractions are scaled down; where they do not suffice, shoppers get more
    patient: γ rises towards 1 and s falls towards 0.

    Raises
    ------
    InputError
        If a grade is missing, or the rate cannot be reached.
    """
    check_rate(rate, WHERE)
    grade = grades(samples, WHERE)
    position = places(samples, ranker_scores(samples, grade, seed), seed)
    levels = rows_by_place(samples, position)
    attracted = attraction(grade)

    def expected(scale: float, patience: float) -> float:
        clicks = scale * attracted
        return float(np.mean(clicks * reached(levels, read_on(clicks, grade, patience))))

    scale, patience = fitted(expected, rate, float(np.mean(attracted)))
    clicks = scale * attracted
    on = read_on(clicks, grade, patience)
    looked_at, clicked = walk(samples, levels, clicks, grade, patience, seed)
    return log_table((looked_at & clicked).astype(float), position=position, examination=reached(levels, on))


def fitted(expected: Callable[[float, float], float], rate: float, most: float) -> tuple[float, float]:
    """Scale of the attractions and patience, each in [0, 1], at which the expected click rate is *rate*."""
    if expected(1.0, 0.0) >= rate:
        return solve(lambda scale: expected(scale, 0.0), rate, 0.0, 1.0), 0.0
    if expected(1.0, 1.0) < rate:
        raise out_of_reach(rate, most, WHERE)
    return 1.0, solve(lambda patience: expected(1.0, patience), rate, 0.0, 1.0)


def habits(grade: Doubles, patience: float) -> tuple[float, Doubles]:
    """Probability of reading on, and (n,) of being satisfied by what was clicked."""
    return PERSEVERANCE + (1 - PERSEVERANCE) * patience, SATISFACTION * (1 - patience) * grade


def read_on(clicks: Doubles, grade: Doubles, patience: float) -> Doubles:
    """Probability that who looks at a row looks at the next one, (n,)."""
    perseverance, satisfied = habits(grade, patience)
    return np.asarray(perseverance * (1 - clicks * satisfied))


def rows_by_place(samples: pd.DataFrame, position: npt.NDArray[np.int64]) -> Levels:
    """Per place from the second on, the rows that stand there, and the rows right above them."""
    query = pd.factorize(query_keys(samples["query"]))[0]
    order = np.lexsort([position, query])
    below, above = order[1:], order[:-1]
    inside = query[below] == query[above]
    below, above = below[inside], above[inside]
    levels = [position[below] == place for place in range(2, position.max() + 1)]
    return [(below[level], above[level]) for level in levels]


def reached(levels: Levels, on: Doubles) -> Doubles:
    """Probability that each row is looked at, (n,), from the probability *on* of going on from it."""
    found = np.ones(len(on))
    for below, above in levels:
        found[below] = found[above] * on[above]
    return found


def walk(
    samples: pd.DataFrame, levels: Levels, clicks: Doubles, grade: Doubles, patience: float, seed: int
) -> tuple[Booleans, Booleans]:
    """Which rows were looked at, and which would be clicked if they were, (n,) each."""
    perseverance, satisfied = habits(grade, patience)
    drawn = {name: uniform(samples["sample_id"], seed, f"cascade-{name}") for name in ("click", "satisfied", "on")}
    clicked = drawn["click"] < clicks
    goes_on = ~(clicked & (drawn["satisfied"] < satisfied)) & (drawn["on"] < perseverance)
    looked_at = np.ones(len(clicks), bool)
    for below, above in levels:
        looked_at[below] = looked_at[above] & goes_on[above]
    return looked_at, clicked


KIND = LogKind(
    name="cascade",
    words="Clicks of one shopper per query who reads a trained model's ranking from the top and stops after a click "
    "that satisfies her.",
    rate_means="expected share of the pairs that are clicked",
    default_rate=0.15,
    simulate=simulate,
)
