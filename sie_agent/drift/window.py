"""The live window of one department, or of all: counts by bin and group, never the rows themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sie_agent.drift.settings import BACKING, MEANS, AdjustmentSettings
from sie_agent.drift.statistics import critical_change, critical_index, edges_of, group_variances, stability_index
from sie_agent.utils.arrays import Doubles

Integers = npt.NDArray[np.int64]

QUANTILES = 101
BLOCK = 50  # rows in a row that are dealt to one group where no query is known: a query's rows come together
MIX = "mix"
SUMS = 3  # of each mean: rows, sum, sum of squares


@dataclass
class Reference:
    """The baseline of one distribution.

    Attributes
    ----------
    edges : (k - 1,) inner edges of the bins; of the mix of departments none, see *bin_of*.
    expected : (k,) rows expected in each bin, summing to the rows behind the baseline.
    counts : (groups, k) the baseline's rows by group; zero where only quantiles are known.
    bin_of : of the mix: bin of each department by its number.
    """

    edges: Doubles
    expected: Doubles
    counts: Doubles
    bin_of: Integers | None = None

    def codes(self, values: Doubles) -> Integers:
        """Bin of each value; -1 for NaN."""
        if self.bin_of is not None:
            return self.bin_of[values.astype(np.int64)]
        return np.where(np.isnan(values), -1, np.searchsorted(self.edges, values, side="left"))


@dataclass(frozen=True)
class EventBatch:
    """Events of one window: (measures, n) values, (n,) labels with NaN where there is none, (n,) groups or -1."""

    values: Doubles
    labels: Doubles
    groups: Integers

    @classmethod
    def joined(cls, parts: Sequence[EventBatch]) -> EventBatch:
        """The events of several batches, of at least one."""
        return cls(
            np.concatenate([part.values for part in parts], axis=1),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.groups for part in parts]),
        )

    def take(self, chosen: slice | Integers) -> EventBatch:
        """Some of the events."""
        return EventBatch(self.values[:, chosen], self.labels[chosen], self.groups[chosen])


@dataclass(frozen=True)
class Finding:
    """One figure at a look: its value, its critical value under no change, live and baseline mean."""

    value: float
    critical: float
    live: float | None = None
    baseline: float | None = None


@dataclass
class DriftWindow:
    """Window and baseline of one department, or of all.

    Attributes
    ----------
    measures : names of the score distributions (weak labels, and ``mix`` where departments are counted).
    references : by measure; missing until the first *warm_up* events have become the baseline.
    live : (segments, measures, groups, bins) counts; sums : (segments, groups, means · 3) rows, sum, sum of squares.
    """

    measures: Sequence[str]
    window: int
    warm_up: int
    settings: AdjustmentSettings
    references: dict[str, Reference] = field(default_factory=dict)
    base_sums: Doubles | None = None
    known_mean: tuple[float, float, float] | None = None  # of BACKING: mean, deviation and rows, from quantiles
    events: int = 0
    segment: int = 0
    filled: int = 0
    warm: list[EventBatch] = field(default_factory=list)

    def __post_init__(self) -> None:
        chosen = self.settings
        self.live = np.zeros((chosen.segments, len(self.measures), chosen.groups, chosen.bins), np.int32)
        self.sums = np.zeros((chosen.segments, chosen.groups, len(MEANS) * SUMS))
        self.step = self.window // chosen.segments

    @classmethod
    def against(
        cls,
        quantiles: Mapping[str, Doubles],
        rows: float,
        measures: Sequence[str],
        window: int,
        warm_up: int,
        settings: AdjustmentSettings,
    ) -> DriftWindow:
        """An empty window; its baseline is the quantiles of a log of *rows* scored events, where these are known."""
        made = cls(measures, window, warm_up, settings)
        for name, known in quantiles.items():
            edges, shares = edges_of(known, settings.bins)
            made.references[name] = Reference(edges, shares * rows, np.zeros((settings.groups, len(shares))))
        if BACKING in quantiles:
            middles = (quantiles[BACKING][1:] + quantiles[BACKING][:-1]) / 2
            made.known_mean = float(middles.mean()), float(middles.std()), rows
        return made

    @property
    def warming_up(self) -> bool:
        """Whether the first events are still being collected for a baseline."""
        return self.base_sums is None

    def nothing(self) -> EventBatch:
        """No rows."""
        return EventBatch(np.empty((len(self.measures), 0)), np.empty(0), np.empty(0, np.int64))

    def room(self) -> int:
        """Events that fit before the next look, or before the warm-up is over."""
        left = self.step - self.filled
        return min(left, self.warm_up - self.events) if self.warming_up else left

    def add(self, rows: EventBatch) -> bool:
        """Count rows, at most :meth:`room` of them; True if a segment is full and a look is due."""
        count = len(rows.labels)
        in_blocks = (self.events + np.arange(count)) // BLOCK % self.settings.groups
        rows = EventBatch(rows.values, rows.labels, np.where(rows.groups < 0, in_blocks, rows.groups))
        self.events += count
        for place, name in enumerate(self.measures):
            if name in self.references:
                self.live[self.segment, place] += self._binned(self.references[name], rows.values[place], rows.groups)
        if self.warming_up:
            self.warm.append(rows)
            if self.events >= self.warm_up:
                self._make_baseline()
        else:
            self.sums[self.segment] += self._summed(rows)
        self.filled += count
        return self.filled >= self.step

    def move_on(self) -> None:
        """Start the next segment, replacing the oldest."""
        self.segment = (self.segment + 1) % self.settings.segments
        self.live[self.segment] = 0
        self.sums[self.segment] = 0
        self.filled = 0

    def findings(self) -> dict[str, Finding]:
        """All figures of the window by name, those of means named ``mean_label`` and so on."""
        level = self.settings.level_per_test(len([name for name in self.measures if name != MIX]))
        counts = self.live.sum(axis=0).astype(np.float64)
        found = {}
        for place, name in enumerate(self.measures):
            reference = self.references.get(name)
            if reference is not None and counts[place].sum() >= self.window / 2:
                found[name] = index_of(counts[place][:, : len(reference.expected)], reference, level)
        for place, name in enumerate(MEANS):
            if (finding := self._change(place, level)) is not None:
                found[f"mean_{name}"] = finding
        return found

    def _binned(self, reference: Reference, values: Doubles, groups: Integers) -> Integers:
        """(groups, bins) counts of some values, NaN left out."""
        codes = reference.codes(values)
        flat = (groups * self.settings.bins + codes)[codes >= 0]
        shape = self.settings.groups, self.settings.bins
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)

    def _summed(self, rows: EventBatch) -> Doubles:
        """(groups, means · 3) rows, sum and sum of squares of each of ``MEANS``."""
        nothing = np.full(len(rows.labels), np.nan)
        backing = dict(zip(self.measures, rows.values, strict=True)).get(BACKING, nothing)
        parts = []
        for values in (rows.labels, backing):
            known = ~np.isnan(values)
            groups, values = rows.groups[known], values[known]
            for weights in (None, values, values**2):
                parts.append(np.bincount(groups, weights, minlength=self.settings.groups))
        return np.column_stack(parts).astype(np.float64)

    def _make_baseline(self) -> None:
        """Use the events of the warm-up as the baseline of every measure that has none."""
        rows = EventBatch.joined(self.warm)
        self.warm = []
        self.base_sums = self._summed(rows)
        for place, name in enumerate(self.measures):
            column = rows.values[place]
            values = column[~np.isnan(column)]
            if name in self.references or len(values) < self.warm_up / 2:
                continue
            found = mix_reference(values, self.settings) if name == MIX else score_reference(values, self.settings.bins)
            found.counts = self._binned(found, column, rows.groups)[:, : len(found.expected)].astype(np.float64)
            found.expected = found.counts.sum(axis=0)
            self.references[name] = found

    def _change(self, place: int, level: float) -> Finding | None:
        """Change of a mean in standard deviations of the baseline; None with too little data."""
        if self.base_sums is None:
            return None
        here = slice(place * SUMS, (place + 1) * SUMS)
        live = self.sums.sum(axis=0)[:, here]
        rows, _, squares = live.sum(axis=0)
        if rows < self.window / 2:
            return None
        mean, variance, freedom = mean_of(live)
        if MEANS[place] == BACKING and self.known_mean is not None:
            old_mean, deviation, old_rows = self.known_mean
            spread = max(squares / rows - mean**2, 1e-300)
            # only quantiles are known of the baseline: its rows are taken to be as alike as the live ones
            old_variance = deviation**2 / old_rows * max(1.0, variance / (spread / rows))
        else:
            old = self.base_sums[:, here]
            old_rows, _, old_squares = old.sum(axis=0)
            if old_rows < self.warm_up / 2:
                return None
            old_mean, old_variance, more = mean_of(old)
            deviation = float(np.sqrt(max(old_squares / old_rows - old_mean**2, 0.0)))
            freedom += more
        if deviation <= 0:
            return None
        critical = critical_change(variance + old_variance, freedom, level) / deviation
        return Finding((mean - old_mean) / deviation, critical, mean, old_mean)


def index_of(counts: Doubles, reference: Reference, level: float) -> Finding:
    """PSI of grouped counts, and what chance exceeds with probability *level*."""
    live = counts.sum(axis=0)
    used = (live + reference.expected) > 0
    rows = float(reference.expected.sum())
    critical = critical_index(counts, reference.counts, rows, int(used.sum()), level)
    return Finding(stability_index(live[used], reference.expected[used]), critical)


def mean_of(grouped: Doubles) -> tuple[float, float, int]:
    """Mean, its variance (at least that of independent rows) and degrees of freedom, from (groups, 3) sums."""
    rows, total, squares = grouped.sum(axis=0)
    mean = total / rows
    variances, freedom = group_variances(grouped[:, 1:2], grouped[:, 0])
    independent = max(squares / rows - mean**2, 0.0) / rows
    return float(mean), float(max(variances[0], independent)), freedom


def score_reference(scores: Doubles, bins: int) -> Reference:
    """Bins of equal share in a sample of scores."""
    edges, shares = edges_of(np.quantile(scores, np.linspace(0, 1, QUANTILES)), bins)
    return Reference(edges, shares * len(scores), np.zeros((0, len(shares))))


def mix_reference(numbers: Doubles, settings: AdjustmentSettings) -> Reference:
    """Bins of the mix: a bin each for the commonest departments, one for the others, one for those not seen yet."""
    counts = np.bincount(numbers.astype(np.int64), minlength=settings.departments + 1)
    bin_of = np.full(len(counts), settings.bins - 1, np.int64)
    bin_of[counts > 0] = max(settings.bins - 2, 0)
    common = np.argsort(-counts, kind="stable")[: max(settings.bins - 2, 0)]
    common = common[counts[common] > 0]
    bin_of[common] = np.arange(len(common))
    return Reference(np.empty(0), np.zeros(settings.bins), np.empty(0), bin_of)
