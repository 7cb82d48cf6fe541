"""Search with a model that reads what went wrong and proposes better words: GEPA (Agrawal 2025), by its library.

The library keeps its state in a pickle where it is given a folder; it gets none here. A run that was cut off goes
through the same steps again, and finds every judgment in the cache and every proposal in the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.improvement.bench import Spent
from sie_agent.improvement.candidates import MOST_EXAMPLES_TEXT, Candidate, candidate_of
from sie_agent.improvement.halving import gain, paired_means, rows_of
from sie_agent.improvement.query_sets import in_order
from sie_agent.improvement.trials import Trial, Trials
from sie_agent.judging import PlainAnswer, Variant
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.extras import require_extra

# queries of a step; of all training queries, those whose mistakes are shown, the others only count
MINIBATCH = 6
SHOWN_SHARE = 0.5
# pairs that are shown, and how much of each text
MISTAKES = 12
TEXT_CHARS = 200
MOST_PROMPT = 60_000
# steps without a proposal, for each that has one
STEPS = 3
PARTS = ("system", "examples")

# from a question to what the model that reflects says
Reflect = Callable[[str], PlainAnswer]

ABOUT = """A language model grades how relevant products are to searches in an online shop. """
SYSTEM_TEMPLATE = (
    ABOUT
    + """These are its instructions:
```
<curr_param>
```
Of the pairs below people gave another grade than it did:

<side_info>

Write better instructions. Say in general terms what the mistakes have in common; name no single product and no single
search. Keep what the instructions say about the form of the answer, word for word. Give the new instructions as a
whole, between ``` marks, and nothing else between them."""
)
EXAMPLES_TEMPLATE = (
    ABOUT
    + """It is shown these worked examples, a YAML list:
```
<curr_param>
```
Of the pairs below people gave another grade than it did:

<side_info>

Write a better list: examples that teach what these mistakes have in common, at most eight, in a good order. Invent the
products and the searches. Each entry has the keys query, title and (unless those above have none) answer, which is a
grade as above, in quotes. Give the whole list between ``` marks, and nothing else between them."""
)


class Quiet:
    """A log that keeps nothing: the library's words are not for users."""

    def log(self, message: str) -> None:
        """Take a line."""


@dataclass
class Adapter:
    """What the library asks for: evaluates candidates on queries, and says what went wrong.

    An item of its data is a query of the training set.
    """

    trials: Trials
    reflect: Reflect
    base: Candidate
    batch_rows: dict[str, pd.DataFrame]
    calls: int = 0
    waiting: bool = False
    stopped: str | None = None
    trouble: SieError | None = None
    known: dict[str, Trial] = field(default_factory=dict)
    # the library looks whether it is there
    propose_new_texts: Any = None

    def variant(self, parts: Mapping[str, str]) -> tuple[Variant | None, Trial | None]:
        """The variant of a candidate, and its trial; neither where it is not one."""
        candidate = replace(self.base, **{name: parts[name] for name in PARTS})
        if candidate.key == self.base.key:
            return self.trials.start, None
        if candidate.key not in self.known:
            self.waiting = False
            changed = [name for name in PARTS if parts[name] != getattr(self.base, name)]
            self.known[candidate.key] = self.trials.add(candidate, f"proposed: {' and '.join(changed)}")
        trial = self.known[candidate.key]
        return trial.variant, trial

    def evaluate(self, batch: list[str], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """Accuracy within each query; 0 for what makes no variant, or when the budget has ended."""
        from gepa.core.adapter import EvaluationBatch

        variant, trial = self.variant(candidate)
        values, scores = np.zeros(len(batch)), None
        rows = pd.concat([self.batch_rows[query] for query in batch], ignore_index=True)
        if variant is not None and self.stopped is None:
            before = self.trials.bench.pairs
            try:
                found = self.trials.bench.values(variant, rows)
                # a query that has no pairs left says nothing
                values, scores = np.where(np.isnan(found), 0.5, found), self.trials.bench.last
            except Spent as spent:
                self.stopped = spent.reason
            if trial is not None:
                trial.pairs += self.trials.bench.pairs - before
                mean = float(values.mean())
                self.trials.log.note(trial=trial.number, set="part of train", value=mean, queries=len(batch))
        traces = [self.batch_rows[query].to_dict("records") for query in batch] if capture_traces else None
        if traces is not None:
            place = 0
            for records in traces:
                for record in records:
                    record["judged"] = None if scores is None else float(scores[place])
                    place += 1
        return EvaluationBatch(outputs=[None] * len(batch), scores=values.tolist(), trajectories=traces)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[dict[str, str]]]:
        """The pairs that were judged worst, with what people said of them."""
        records = [one for records in eval_batch.trajectories or [] for one in records if one["judged"] is not None]
        known = [one for one in records if one["judged"] == one["judged"]]
        if self.trials.start.method == "likelihood" and known:
            # degrees mean nothing there: places among the pairs do
            places = pd.Series([one["judged"] for one in known]).rank(pct=True)
            known = [{**one, "judged": float(place)} for one, place in zip(known, places, strict=True)]
        worst = sorted(known, key=lambda one: -abs(one["judged"] - one["grade"]))[:MISTAKES]
        told = [
            {
                "Search": str(one["query"])[:TEXT_CHARS],
                "Product": str(one["title"])[:TEXT_CHARS],
                "Grade by the model": f"{one['judged']:.2f} of 1",
                "Grade by people": f"{one['grade']:.2f} of 1, so the model's is "
                f"{'too high' if one['judged'] > one['grade'] else 'too low'}",
            }
            for one in worst
        ]
        return dict.fromkeys(components_to_update, told)

    def propose(self, prompt: str | list[dict[str, Any]]) -> str:
        """Ask the model that reflects; what it said before is in the log."""
        self.finish_waiting()
        if self.stopped is not None or self.trouble is not None:
            return ""
        question = str(prompt)[:MOST_PROMPT]
        key = hashlib.sha256(f"{self.calls}\0{question}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        kept = self.trials.log.reflected(key)
        if kept is None:
            try:
                said = self.reflect(question)
            except Spent as spent:
                self.stopped = spent.reason
                return ""
            except SieError as error:
                # the library would go on without it
                self.trouble = error
                return ""
            self.trials.log.keep_reflection(key, said.text[: 2 * MOST_EXAMPLES_TEXT], *said[1:])
            kept = self.trials.log.reflected(key)
        self.calls += 1
        self.waiting = True
        return str(kept["text"]) if kept else ""

    def finish_waiting(self) -> None:
        """A proposal that brought no new candidate is a trial that failed."""
        if self.waiting:
            self.waiting = False
            self.trials.add(self.base, "proposed: nothing", failed="the answer brought nothing new")

    def ended(self, gepa_state: Any) -> bool:
        """Whether the search is over."""
        over = self.calls >= self.trials.most or self.stopped is not None or self.trouble is not None
        return over or int(gepa_state.i) + 1 >= STEPS * self.trials.most


def search(trials: Trials, reflect: Reflect, seed: int) -> tuple[list[Trial], str | None]:
    """Candidates that a model proposes after it has read what the judge got wrong.

    The mistakes of half of the training queries are shown to it. The other half decides which proposals go on, so that
    words which only repeat what was shown are not taken for better ones.

    Returns
    -------
    The candidates that went on, best first; and why it ended early, or None.

    Raises
    ------
    MissingExtraError : gepa is not installed. EnvironmentFailure : a model does not answer.
    """
    require_extra("improve", "gepa")
    from gepa.api import optimize

    train = trials.sets.train
    order = in_order(train, seed)
    if len(order) < 2:
        raise EnvironmentFailure("two training queries are needed, and there is one")
    cut = max(1, round(SHOWN_SHARE * len(order)))
    base = candidate_of(trials.start)
    adapter = Adapter(trials, reflect, base, {query: rows_of(train, [query]) for query in order})
    parts = {name: getattr(base, name) for name in PARTS}
    found: Any = optimize(
        seed_candidate=parts,
        trainset=order[:cut],
        valset=order[cut:],
        adapter=adapter,
        reflection_lm=adapter.propose,
        reflection_prompt_template={"system": SYSTEM_TEMPLATE, "examples": EXAMPLES_TEMPLATE},
        reflection_minibatch_size=min(MINIBATCH, cut),
        # a step judges the parent and its child on a part, and the child on the rest
        max_metric_calls=STEPS * trials.most * (2 * MINIBATCH + len(order)) + len(order),
        stop_callbacks=adapter.ended,
        logger=Quiet(),
        display_progress_bar=False,
        track_best_outputs=False,
        raise_on_exception=True,
        seed=seed,
    )
    adapter.finish_waiting()
    if adapter.trouble is not None:
        raise adapter.trouble
    values = [by_query(scores, order[cut:]) for scores in found.val_subscores]
    left = list[Trial]()
    for candidate, own in zip(found.candidates[1:], values[1:], strict=True):
        _, trial = adapter.variant(candidate)
        if trial is not None and trial.variant is not None:
            value, start = paired_means(own, values[0])
            trials.note_value(trial, value, start, len(order) - cut)
            left.append(trial)
    return sorted(left, key=lambda trial: -gain(trial)), adapter.stopped


def by_query(scores: Any, order: Sequence[str]) -> Doubles:
    """(n_queries,) the library's figures of one candidate, in our order; NaN where there is none."""
    listed = dict(enumerate(scores)) if isinstance(scores, list) else dict(scores)
    return np.asarray([listed.get(place, np.nan) for place in range(len(order))], np.float64)
