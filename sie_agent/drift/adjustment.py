"""Real-time adjustment: live scores against the baseline, weights that follow, and when to distill again."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sie_agent.drift.answer import metrics_of, state_of
from sie_agent.drift.levels import Figure, Standing, now, thresholds_of
from sie_agent.drift.rank_window import RankWindow
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.window import MIX, DriftWindow, EventBatch
from sie_agent.errors import InputError
from sie_agent.labels import label_named
from sie_agent.selection import MILD
from sie_agent.utils.arrays import Doubles

T = TypeVar("T")

OTHER = "other"
UNKNOWN = "unknown"
LONGEST_NAME = 100
WARM_SHARE = 4  # the weights follow the live window alone once this part of it is filled


class Adjustment:
    """Watches live scores and labels for drift, and weighs rows accordingly. Thread-safe.

    Parameters
    ----------
    baseline : by weak label, evenly spaced quantiles (101) of the scorer's scores on the log it was distilled from.
        They should be of rows that the scorer was not fitted on: it is surer of those that it was.
    departments : the same by department, where known; others take their first ``warm_up`` events as baseline.
    baseline_events, department_events : rows behind each of these baselines.

    Raises
    ------
    InputError : a baseline is not a rising row of at least two numbers, or names another weak label.
    """

    def __init__(
        self,
        baseline: Mapping[str, Sequence[float] | Doubles],
        *,
        departments: Mapping[str, Mapping[str, Sequence[float] | Doubles]] | None = None,
        baseline_events: int = 10_000,
        department_events: int = 2_000,
        settings: AdjustmentSettings | None = None,
    ) -> None:
        self.settings = settings or AdjustmentSettings()
        self._lock = threading.RLock()
        self.begin(baseline, departments, baseline_events=baseline_events, department_events=department_events)

    def begin(
        self,
        baseline: Mapping[str, Sequence[float] | Doubles],
        departments: Mapping[str, Mapping[str, Sequence[float] | Doubles]] | None = None,
        *,
        baseline_events: int = 10_000,
        department_events: int = 2_000,
    ) -> None:
        """Start afresh, for example with another scorer; parameters and errors as of the class."""
        checked = checked_quantiles(baseline, "baseline")
        by_department = {
            name_of(name): checked_quantiles(known, f"baseline of department '{name}'")
            for name, known in (departments or {}).items()
        }
        for name, known in by_department.items():
            if strange := set(known) - set(checked):
                raise InputError(f"'{min(strange)}' is not a score of this scorer", where=f"baseline of '{name}'")
        with self._lock:
            self.baseline, self.department_baseline = checked, by_department
            self.labels = tuple(checked)
            self.baseline_events, self.department_events = baseline_events, department_events
            self.started = now()
            self.events = 0
            self.streams: dict[str, DriftWindow] = {}
            self.numbers: dict[str, int] = {}  # a department's number, in the order they came
            self.standings: dict[Figure, Standing] = {}
            window = self.settings.window
            self.overall = DriftWindow.against(
                checked, baseline_events, (*self.labels, MIX), window, window, self.settings
            )
            self.ranks = {name: RankWindow(known, window, window // WARM_SHARE) for name, known in checked.items()}
            self._pending: list[EventBatch] = []
            self._pending_names: list[str] = []
            self._waiting = 0

    def observe(
        self,
        scores: Mapping[str, npt.NDArray[np.floating[Any]]],
        labels: npt.NDArray[np.floating[Any]],
        departments: Sequence[str],
        queries: Sequence[str] | None = None,
    ) -> None:
        """Record a scored batch; cheap, since many small batches are counted together.

        Parameters
        ----------
        scores : by weak label, (n,); labels : (n,) what the log says, NaN where it says nothing.
        departments : (n,) names. queries : (n,) names or texts of the queries; without them rows that follow each
            other are taken to be of one query.

        Raises
        ------
        ValueError : the parts are of different lengths, or a weak label is missing.
        """
        count = len(departments)
        said = np.asarray(labels, np.float64)
        wanted = self.labels
        values = [np.asarray(scores[name], np.float64) for name in wanted if name in scores]
        if len(values) < len(wanted):
            raise ValueError(f"scores are needed for {', '.join(wanted)}")
        if {len(part) for part in values} | {len(said), len(queries) if queries is not None else count} != {count}:
            raise ValueError("scores, labels, departments and queries must be of one length")
        if count == 0:
            return
        if queries is None:
            groups = np.full(count, -1, np.int64)
        else:
            dealt = [zlib.crc32(query.encode("utf-8", "replace")) for query in queries]
            groups = np.array(dealt, np.int64) % self.settings.groups
        rows = EventBatch(np.array(values), said.copy(), groups)
        with self._lock:
            if wanted != self.labels:
                return  # another scorer has taken over meanwhile: these are the last scores of the old one
            self._pending.append(rows)
            self._pending_names.extend(departments)
            self._waiting += count
            if self._waiting >= self.settings.pending:
                self._take_in()

    def weigh(
        self,
        by: str,
        scores: npt.NDArray[np.floating[Any]],
        strength: float | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> Doubles:
        """Weights clip(1 + a · (rank - 0.5) · 2, 0, 2) by the rank among live scores, (n,); mean about 1.

        The good end of the weak label gets more. Until enough events were observed the rank is that in *quantiles*.
        Does not observe.

        Parameters
        ----------
        strength : a, such as a recipe's; a strength of the settings goes before it, and 0.5 stands in for both.
        quantiles : evenly spaced quantiles, such as a recipe's; by default the baseline's.

        Raises
        ------
        InputError : *by* is none of the scorer's weak labels.
        """
        if by not in self.ranks:
            raise InputError(f"cannot weigh by '{by}'", hint=f"Choose one of {', '.join(self.labels)}.")
        power = next(a for a in (self.settings.strength, strength, MILD) if a is not None)
        higher = label_named(by).high_is_good
        return self.ranks[by].weights(np.asarray(scores, np.float64), power, higher=higher, start=quantiles)

    def held(self, look: Callable[[], T]) -> T:
        """Call *look* with all pending events counted and nothing changing meanwhile; return its result."""
        with self._lock:
            self._take_in()
            return look()

    def state(self) -> dict[str, Any]:
        """The current state, in JSON's own types."""
        return self.held(lambda: state_of(self))

    def metrics(self) -> Iterator[tuple[str, dict[str, str], float]]:
        """Name, labels and value of each metric, for Prometheus; ``department`` is empty for all of them together."""
        return iter(self.held(lambda: list(metrics_of(self))))

    def add_department(self, name: str) -> str:
        """The name under which a department is counted (``other`` beyond the limit); creates its window."""
        if name not in self.streams:
            if name != OTHER and sum(known != OTHER for known in self.streams) >= self.settings.departments:
                return self.add_department(OTHER)
            chosen, known = self.settings, self.department_baseline.get(name, {})
            self.streams[name] = DriftWindow.against(
                known, self.department_events, self.labels, chosen.department_window, chosen.warm_up, chosen
            )
            # the bucket has a number of its own, so that it never takes a department's
            self.numbers[name] = chosen.departments if name == OTHER else len(set(self.numbers) - {OTHER})
        return name

    def _take_in(self) -> None:
        """Count the pending events, in order."""
        if not self._pending:
            return
        rows = EventBatch.joined(self._pending)
        names = [self.add_department(name_of(name)) for name in self._pending_names]
        self._pending, self._pending_names, self._waiting = [], [], 0
        numbers = np.array([self.numbers[name] for name in names], np.int64)
        before = self.events
        self.events += len(names)
        for place, name in enumerate(self.labels):
            self.ranks[name].add(rows.values[place])
            self.ranks[name].refresh()
        order = np.argsort(numbers, kind="stable")
        name_by_number = {number: name for name, number in self.numbers.items()}
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        for places in np.split(order, starts[1:]):
            name = name_by_number[int(numbers[places[0]])]
            self._feed(name, self.streams[name], rows.take(places), places + before + 1)
        mixed = EventBatch(np.vstack([rows.values, numbers.astype(np.float64)]), rows.labels, rows.groups)
        self._feed(None, self.overall, mixed, np.arange(before + 1, self.events + 1))

    def _feed(
        self, department: str | None, stream: DriftWindow, rows: EventBatch, numbers: npt.NDArray[np.int64]
    ) -> None:
        """Add rows to a window, and look at its figures whenever a segment is full."""
        start, count = 0, len(rows.labels)
        while start < count:
            end = min(count, start + stream.room())
            if stream.add(rows.take(slice(start, end))):
                for name, finding in stream.findings().items():
                    standing = self.standings.setdefault((department, name), Standing())
                    limits = thresholds_of(name, self.settings)
                    standing.look(finding, limits, self.settings.persist, int(numbers[end - 1]))
                stream.move_on()
            start = end


def name_of(department: object) -> str:
    """A department's name, stripped, shortened, and never empty."""
    return str(department or "").strip()[:LONGEST_NAME] or UNKNOWN


def checked_quantiles(known: Mapping[str, Sequence[float] | Doubles], where: str) -> dict[str, Doubles]:
    """Quantiles as arrays.

    Raises
    ------
    InputError : there is none, or one is not a rising row of at least two finite numbers.
    """
    hint = "Distill the scorer again with `sie distill`."
    if not known:
        raise InputError("there are no quantiles of scores", where=where, hint=hint)
    arrays = {}
    for name, values in known.items():
        array = np.asarray(values, np.float64)
        if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all() or (np.diff(array) < 0).any():
            raise InputError(f"the quantiles of '{name}' are not rising numbers", where=where, hint=hint)
        arrays[name] = array
    return arrays
