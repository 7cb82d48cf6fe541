"""The candidates that were tried, with what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sie_agent.improvement.bench import Bench
from sie_agent.improvement.candidates import BadCandidate, Candidate, examples_in, variant_of
from sie_agent.improvement.query_sets import QuerySets, check_examples_apart
from sie_agent.improvement.trial_log import TrialLog
from sie_agent.judging import Variant
from sie_agent.utils.progress import say


@dataclass
class Trial:
    """A candidate and its figures.

    Attributes
    ----------
    number : from 1. change : what is new, in words. failed : why it is no variant, or None.
    value, start : accuracy within queries on the training queries on which it was judged last, and the start's on the
        same. queries : how many these are. pairs : judged for it.
    """

    number: int
    candidate: Candidate
    variant: Variant | None
    change: str
    failed: str | None = None
    value: float | None = None
    start: float | None = None
    queries: int = 0
    pairs: int = 0
    tuned: float | None = None

    @property
    def name(self) -> str:
        """What it is called in the decision."""
        return f"trial {self.number}"

    def as_dict(self) -> dict[str, Any]:
        """Its figures."""
        told = {"trial": self.number, "key": self.candidate.key, "change": self.change, "failed": self.failed}
        figures = {"value": self.value, "start": self.start, "queries": self.queries, "pairs": self.pairs}
        return {**told, **figures, "tuned": self.tuned}


@dataclass
class Trials:
    """Makes candidates to variants, numbers them and writes the log.

    Attributes
    ----------
    start : the variant to be improved. most : how many candidates may be tried.
    """

    start: Variant
    sets: QuerySets
    bench: Bench
    log: TrialLog
    most: int
    tried: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held_out = self.sets.held_out()

    def add(self, candidate: Candidate, change: str, failed: str | None = None) -> Trial:
        """The next trial; one that makes no variant, or shows what it is tested on, has failed."""
        number, variant = len(self.tried) + 1, None
        if failed is None:
            try:
                check_examples_apart(examples_in(candidate.examples), self.held_out)
                variant = variant_of(self.start, candidate, f"{self.start.name}-trial-{number}")
            except BadCandidate as bad:
                failed = str(bad)
        trial = Trial(number, candidate, variant, change, failed)
        self.tried.append(trial)
        shown = candidate.as_dict() if failed is None else {}
        self.log.note(trial=number, key=candidate.key, change=change, failed=failed, **shown)
        if failed is not None:
            say(f"Trial {number} of {self.most} failed: {failed}")
        return trial

    def note_value(self, trial: Trial, value: float, start: float, queries: int) -> None:
        """Note how good a candidate was on training queries."""
        trial.value, trial.start, trial.queries = value, start, queries
        self.log.note(trial=trial.number, set="train", value=value, start=start, queries=queries)
        say(f"Trial {trial.number} of {self.most}: {value:.3f}, start {start:.3f} on {queries:,} training queries")
