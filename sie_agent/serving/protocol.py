"""What the service asks of its parts: an engine that scores rows, and an observer that watches the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sie_agent.utils.arrays import Doubles

Scores = Mapping[str, Doubles]


class Engine(Protocol):
    """A loaded scorer. It is called from one thread at a time and never from the event loop.

    It may have a ``recipe`` (:class:`sie_agent.scorer.Recipe`, or None), by which rows get weights and blended labels,
    ``label_errors`` (:class:`sie_agent.scorer.LabelErrors`, or None), by which they get ``label_error``, and a
    ``config`` with ``score_quantiles``, which the adjustment compares live scores with. One with ``columns``, names of
    numbers that it reads of each row, is also given ``behaviour``, by name a list of (n,) numbers or None.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The weak labels that it gives, such as ``("relevance", "value")``."""

    def score(
        self, query: Sequence[str], title: Sequence[str], description: Sequence[str], label: Sequence[float | None]
    ) -> Scores:
        """One (n,) array per weak label. A row's scores depend on that row alone."""


class Observer(Protocol):
    """Adjusts weights to the scores that it observes. All calls come from the inference thread, one at a time.

    An observer that raises costs nobody an answer: the fault is counted and logged, and the weight is that of the
    recipe. So it is for rows of another scorer than that of the last :meth:`scorer_changed`: they are not shown to it.
    """

    def check(self, engine: Engine, by: str | None) -> None:
        """Raise where this scorer cannot be watched, or its rows cannot be weighed by *by* (None: by nothing).

        It changes nothing. This one alone is called from the event loop, before :meth:`scorer_changed`.
        """

    def observe(
        self, scores: Scores, labels: Doubles, departments: Sequence[str], queries: Sequence[str] | None = None
    ) -> None:
        """Take note of a batch after it has been answered.

        *labels* (n,) hold NaN and *departments* (n,) "" where there is none.
        """

    def weigh(self, by: str, scores: Doubles, strength: float, quantiles: Sequence[float]) -> Doubles:
        """(n,) weights of rows whose weak label *by* has these scores.

        *strength* is that of the recipe; while nothing has been observed ranks are those in its *quantiles*.
        """

    def state(self) -> Mapping[str, Any]:
        """The present state, in JSON's own types."""

    def metrics(self) -> Iterable[tuple[str, Mapping[str, str], float]]:
        """Name, labels and value of gauges for Prometheus."""

    def scorer_changed(self, engine: Engine) -> None:
        """Another scorer answers from now on."""

    def saving(self) -> Callable[[], None]:
        """Copy what is to be kept over a restart, and return what writes it; now and then, and at the end.

        What is returned is called in another thread: it may take its time.
        """


Loader = Callable[[Path], Engine]
