"""Tests of paired differences that hold however often somebody looks, and stop as soon as they have decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

import numpy as np

from sie_agent.comparison.clustered import query_mean
from sie_agent.comparison.decide import Decision, check_arms, conclude
from sie_agent.comparison.pairs import PairTest, corrected
from sie_agent.utils.arrays import Doubles

# the shares of its capital that a gambler stakes: from what a difference of 0.01 asks for up to nearly all
STAKES = np.geomspace(0.005, 0.98, 24)
LOWEST = -1 + 1e-9
# ends of intervals are exact to 2/2^16, and outward
HALVINGS = 16


def log_wealth(values: Doubles, bound: float, starting: Doubles | None = None) -> Doubles:
    """Log capital, per stake, of a gambler who bets that the mean of values in [-1, 1] is above *bound*.

    A stake b multiplies the capital by 1 - b + b·(1 + x)/(1 + bound) for each value x: where the mean is at most
    *bound*, no capital grows in the mean, so the mean over stakes of the capitals rarely ever gets large (Ville 1939;
    Waudby-Smith and Ramdas 2024; a mixture over stakes as in Orabona and Jun 2024).

    Parameters
    ----------
    values : (..., n) in [-1, 1]; bound : from -1 on; starting : (..., stakes) from earlier values.

    Returns
    -------
    (..., stakes).
    """
    # a bet against the lowest mean there is would divide by 0; a bound a little above is as valid
    ratio = (1 + values) / (1 + max(bound, LOWEST)) - 1
    grown = np.log1p(ratio[..., None] * STAKES).sum(axis=-2)
    return np.asarray(grown if starting is None else starting + grown)


def log_mean(wealth: Doubles) -> Doubles:
    """Log of the mean capital over stakes, (...) of (..., stakes)."""
    most = wealth.max(axis=-1)
    return np.asarray(most + np.log(np.exp(wealth - most[..., None]).mean(axis=-1)))


class ConfidenceSequence:
    """Intervals of a mean that all hold at once, after every value, with probability 1 - alpha.

    Parameters
    ----------
    alpha : chance that any interval misses the mean. bound : values lie in [-bound, bound].

    Examples
    --------
    >>> import numpy as np
    >>> sequence = ConfidenceSequence()
    >>> sequence.add(np.random.default_rng(0).normal(0.1, 0.1, 500).clip(-1, 1))
    >>> low, high = sequence.interval()
    >>> bool(0.05 < low < 0.1 < high < 0.15)
    True
    """

    def __init__(self, alpha: float = 0.05, bound: float = 1.0) -> None:
        self.alpha, self.bound = alpha, bound
        self._values = np.empty(0)
        self._low, self._high = -bound, bound

    def add(self, values: Doubles) -> None:
        """Take further values, in the order in which they came; NaN is left out.

        Raises
        ------
        ValueError : a value outside [-bound, bound].
        """
        self._values = np.append(self._values, checked(values, self.bound))
        self._low = max(self._low, self.bound * _lower(self._values, self.alpha / 2))
        self._high = min(self._high, -self.bound * _lower(-self._values, self.alpha / 2))

    def interval(self) -> tuple[float, float]:
        """The interval after all values so far: the intersection of those after each batch."""
        return self._low, self._high


def checked(values: Doubles, bound: float) -> Doubles:
    """The known values divided by their bound.

    Raises
    ------
    ValueError : a value outside [-bound, bound].
    """
    known = values[~np.isnan(values)].astype(np.float64)
    # a sum of shares may be a rounding error above 1
    if len(known) and float(np.abs(known).max()) > bound * (1 + 1e-9):
        raise ValueError(f"a value is {known[np.abs(known).argmax()]:g}; the test holds for values up to ±{bound:g}")
    return np.clip(known / bound, -1.0, 1.0)


def _lower(values: Doubles, alpha: float) -> float:
    """The largest bound that a gambler has disproved; capital falls with the bound, so halving finds it."""
    low, high = -1.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        disproved = float(log_mean(log_wealth(values, middle))) >= np.log(1 / alpha)
        low, high = (middle, high) if disproved else (low, middle)
    return low


class _Evidence:
    """What a pair's differences say so far against three hypotheses, kept up with every batch."""

    def __init__(self, margin: float, alpha: float) -> None:
        # evidence for more than 0, less than 0, more than -margin, less than margin: the last three by mirroring
        self.bets = ((1, 0.0), (-1, 0.0), (1, -margin), (-1, -margin))
        self.wealth = np.zeros((len(self.bets), len(STAKES)))
        self.most = np.zeros(len(self.bets))
        self.sequence = ConfidenceSequence(alpha)
        self.differences: list[Doubles] = []

    def add(self, differences: Doubles) -> None:
        known = checked(differences, 1.0)
        self.differences.append(known)
        self.sequence.add(known)
        for row, (sign, bound) in enumerate(self.bets):
            self.wealth[row] = log_wealth(sign * known, bound, self.wealth[row])
        self.most = np.maximum(self.most, log_mean(self.wealth))

    @property
    def p(self) -> float:
        """p-value of no difference, valid at any time: both sides share the error."""
        return float(min(1.0, 2 * np.exp(-self.most[:2].max())))

    @property
    def p_equivalent(self) -> float:
        """p-value of a difference of the margin or more: both sides have to be disproved."""
        return float(np.exp(-self.most[2:].min()))

    def needed(self, n_pairs: int, alpha: float) -> int | None:
        """Total number of queries at which one of the two would be shown, if evidence goes on to grow as so far."""
        count = sum(map(len, self.differences))
        now = log_mean(self.wealth)
        rates = [(now[:2].max(), np.log(2 * n_pairs / alpha)), (now[2:].min(), np.log(n_pairs / alpha))]
        numbers = [int(np.ceil(count * goal / grown)) for grown, goal in rates if grown > 0.1]
        return max(count + 1, min(numbers)) if numbers else None


class UntilDecided:
    """Judge queries batch by batch and stop when it is decided; any false decision is at most as frequent as alpha.

    Each pair's p-values are valid at every time (the capital of a gambler who bets against the hypothesis), and are
    corrected by Holm over all pairs. So it is no cheating to look after each batch, to stop when it looks good, or when
    the budget ends. A :func:`~sie_agent.comparison.decide` after each batch would have false alarms far above alpha.

    Decided is it when one arm is certainly better than, or within the margin the same as, each other arm.

    Parameters
    ----------
    margin, alpha, baseline : as in :func:`~sie_agent.comparison.decide`.

    Examples
    --------
    >>> import numpy as np
    >>> rng, test = np.random.default_rng(0), UntilDecided(margin=0.02)
    >>> found = None
    >>> while found is None:
    ...     a = rng.uniform(0.4, 0.6, 25)
    ...     found = test.add({"A": a, "B": a + rng.normal(0.1, 0.1, 25)})
    >>> found.verdict, found.choice
    ('take', 'B')
    """

    def __init__(self, *, margin: float, alpha: float = 0.05, baseline: str | None = None) -> None:
        self.margin, self.alpha, self.baseline = margin, alpha, baseline
        self._evidence: dict[tuple[str, str], _Evidence] = {}
        self._values: dict[str, list[Doubles]] = {}

    def add(self, values: Mapping[str, Doubles]) -> Decision | None:
        """Take a further batch of queries: of each arm (n_queries,) values; differences have to lie in [-1, 1].

        Returns
        -------
        The decision as soon as there is one, else None.

        Raises
        ------
        ValueError : as :func:`~sie_agent.comparison.decide`; other arms than before; a difference outside [-1, 1].
        """
        names = check_arms(values, self.margin, self.baseline)
        if self._values and set(names) != set(self._values):
            raise ValueError(f"the arms were {list(self._values)}, and are now {names}")
        for name in names:
            self._values.setdefault(name, []).append(values[name])
        for first, second in combinations(self._values, 2):
            evidence = self._evidence.setdefault((first, second), _Evidence(self.margin, self.alpha))
            evidence.add(values[second] - values[first])
        return found if settled(found := self.decision()) else None

    def decision(self, identical: Collection[tuple[str, str]] = ()) -> Decision:
        """What can be said after all batches so far, decided or not: for when the budget ends.

        ``low`` and ``high`` of a pair are its confidence sequence, ``queries_needed`` supposes that evidence goes on to
        grow as it did.

        Parameters
        ----------
        identical : as in :func:`~sie_agent.comparison.decide`, when there is no query left.

        Raises
        ------
        ValueError : there was no batch.
        """
        if not self._values:
            raise ValueError("there was no batch of queries yet")
        values = {name: np.concatenate(columns) for name, columns in self._values.items()}
        pairs = corrected([self._pair(*names, names in identical) for names in self._evidence], self.alpha)
        names = list(values)
        return conclude(pairs, values, margin=self.margin, alpha=self.alpha, baseline=self.baseline or names[0])

    def _pair(self, first: str, second: str, identical: bool) -> PairTest:
        evidence = self._evidence[first, second]
        mean = query_mean(np.concatenate(evidence.differences))
        low, high = evidence.sequence.interval()
        identical = identical and mean.n_queries > 0
        if identical:
            low, high = 0.0, 0.0
        return PairTest(
            first=first,
            second=second,
            difference=mean.value,
            low=low,
            high=high,
            p=evidence.p,
            p_holm=1.0,
            better=None,
            p_equivalent=0.0 if identical else evidence.p_equivalent,
            equivalent=False,
            identical=identical,
            n_queries=mean.n_queries,
            queries_needed=None if identical else evidence.needed(len(self._evidence), self.alpha),
            deviation=mean.deviation,
        )


def settled(decision: Decision) -> bool:
    """Whether one arm is certainly better than, or within the margin the same as, each other arm."""

    def holds(name: str) -> bool:
        rivals = [pair for pair in decision.pairs if name in (pair.first, pair.second)]
        return all(pair.equivalent or pair.better == name for pair in rivals)

    return any(holds(name) for name in decision.means)
