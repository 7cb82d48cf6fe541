"""The figures on test queries: the start, what was accepted, and what a practitioner would use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sie_agent.comparison import query_mean
from sie_agent.evaluation.text_scores import TEXT_SCORES
from sie_agent.evaluation.twin import knowledge_removed
from sie_agent.evaluation.within import QueryNdcg
from sie_agent.improvement.bench import Bench, accuracy, codes_of
from sie_agent.judging import Variant
from sie_agent.samples import without_grade
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import say

if TYPE_CHECKING:
    from sie_agent.improvement.improve import ImprovementTask

# of the random judge, whose figures are means
RANDOM_JUDGES = 200


def test_rows(task: ImprovementTask, bench: Bench, best: Variant, mode: str, accepted: bool) -> list[dict[str, Any]]:
    """Accuracy within queries and NDCG@10 on the test queries, intervals by query, differences to the start.

    Raises
    ------
    Spent : the limit on cost was met.
    """
    rows = task.sets.test
    codes, count = codes_of(rows)
    grade = rows["grade"].to_numpy(np.float64)
    ndcg = QueryNdcg(grade, codes, count)
    say(f"Reporting on {count:,} test queries")

    def values(score: Doubles) -> tuple[Doubles, Doubles]:
        return accuracy(score, grade, codes, count), ndcg.ndcg(score)

    start = bench.scores(task.start, rows)
    judged = bench.scores(best, rows) if accepted else start
    base = values(start)
    rng = np.random.default_rng(task.seed)
    chance = [np.mean([values(rng.random(len(rows)))[place] for _ in range(RANDOM_JUDGES)], axis=0) for place in (0, 1)]
    twin = knowledge_removed(judged, codes, grade, task.relevant_at, task.seed)
    # a twin of which too little knowledge is left to remove by grade is one by relevant or not, and compared by that
    relevant = (grade >= task.relevant_at).astype(np.float64)
    target = grade if twin.cells == "grade" else relevant
    removed = (accuracy(twin.relevance, target, codes, count), ndcg.ndcg(twin.relevance))
    measured = [("start", "judge", "zero-shot", base)]
    measured += [("best", "judge", mode, values(judged))] if accepted else []
    measured += [
        ("word overlap", "control", "zero-shot", values(TEXT_SCORES["word-overlap"].score(without_grade(rows)))),
        ("knowledge removed", "control", "simulated", removed),
        ("random judges", "control", "simulated", (chance[0], chance[1])),
    ]
    return [
        {
            "name": name,
            "kind": kind,
            "mode": how,
            "within": bounded(with_interval(found[0])),
            "ndcg": bounded(with_interval(found[1])),
            "against": twin.cells if name == "knowledge removed" else "grade",
            "difference": None if name in ("start", "knowledge removed") else with_interval(found[0] - base[0]),
            "n_queries": int(np.isfinite(found[0]).sum()),
        }
        for name, kind, how, found in measured
    ]


def bounded(measured: dict[str, float]) -> dict[str, float]:
    """An interval of a share, which cannot reach beyond 0 and 1."""
    return {name: min(max(value, 0.0), 1.0) if value == value else value for name, value in measured.items()}


def with_interval(values: Doubles) -> dict[str, float]:
    """The mean over queries with its 95 % interval."""
    mean = query_mean(values)
    low, high = mean.interval()
    return {"value": mean.value, "ci_low": low, "ci_high": high}
