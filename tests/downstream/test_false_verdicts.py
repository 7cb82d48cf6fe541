"""Logs of the made-up shop, each as a run of its own: who is recommended, and who never is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.downstream import BASELINES, BenchData, JudgeAnswers, all_values, make_folds, run_bench
from sie_agent.downstream.measuring import WITHIN
from sie_agent.downstream.verdicts import verdict
from sie_agent.evaluation import between_judge, knowledge_removed, positions_judge, query_copies, simulate_judge
from sie_agent.pipeline import DistillSettings
from sie_agent.samples import LogSettings
from sie_agent.utils.threads import one_thread

from ..soak import seeds

pytestmark = [pytest.mark.slow, pytest.mark.soak]

DRAWS = seeds(1)
# draws that are certain together
ENOUGH = 10
# on fewer queries the order of the shop's ranker, which was fitted on grades, teaches as much as any judge
SOURCE, FOLDS, REPLICATES = "generated:1000", 2, 500
LOG = LogSettings("ranked-clicks", 0.15)
SETTINGS = DistillSettings.model_validate({"labels": {"proxies": 1, "clarity": "none"}, "scorer": {"trees": 30}})
# what costs nothing, and stands in every bench
SIMPLE = {"lexical": "word overlap", "positions": "positions", "random": "random"}
NEVER = ("word overlap", "twin of word overlap", "positions", "between", "random")
NEARLY = "nearly positions"
JUDGES = ("strong", *NEVER, NEARLY)


def answers_of(data: BenchData) -> list[JudgeAnswers]:
    """Every judge of a draw with its twin behind it."""
    grade, queries, seed = data.grade, data.queries, data.seed
    rng = np.random.default_rng(9_000 + seed)
    overlap = data.text_scores["word-overlap"]
    emptied = knowledge_removed(overlap, queries, grade, data.relevant_at, 300 + seed).relevance
    position = positions_judge(data.position)
    judges: list[tuple[str, np.ndarray, bool]] = [
        ("strong", simulate_judge(grade, 0.9, data.relevant_at, 7_000 + seed), False),
        ("word overlap", overlap, True),
        ("random", rng.random(len(grade)), False),
        ("positions", position, True),
        ("twin of word overlap", emptied, True),
        (NEARLY, position * np.exp(0.2 * rng.normal(size=len(grade))), True),
        ("between", between_judge(grade, queries, 8_000 + seed), False),
    ]
    found = []
    for name, relevance, by_rank in judges:
        twin = knowledge_removed(relevance, queries, grade, data.relevant_at, 15_000 + seed)
        found += [JudgeAnswers(name, relevance, by_rank), JudgeAnswers(name, twin.relevance, True, twin=True)]
    return found


def run_of(data: BenchData) -> pd.DataFrame:
    """The bench of one draw."""
    tune = data.settings.recipe.tune
    folds = make_folds(data.queries, data.query_names, folds=FOLDS, judged=0.25, tune=tune, seed=data.seed)
    with one_thread():
        return run_bench(data, folds, answers_of(data), ("target",), 1)[0]


def verdicts_on(draws: Sequence[pd.DataFrame], n_queries: int) -> dict[str, str]:
    """What a run of these draws says of each judge, in a word; none but the positions is compared with itself."""
    values = all_values(draws, n_queries)[WITHIN]
    copies = query_copies(n_queries, REPLICATES, 20_240)
    found = {}
    for judge in JUDGES:
        others = {kind: name for kind, name in SIMPLE.items() if name != judge or kind == "positions"}
        found[judge] = verdict(judge, "simulated", values, "target", copies, others)["use"]
    return found


@dataclass(frozen=True)
class Runs:
    """Ten runs of one draw each, and one of all ten draws: by judge, the verdicts in a word."""

    alone: dict[str, list[str]]
    together: dict[str, str]


@pytest.fixture(scope="module")
def runs(shop: Callable[[str], Any]) -> Runs:
    made = shop(SOURCE)
    count = len(made.names)
    with pytest.MonkeyPatch.context() as patch:
        # no rival of a verdict, and three quarters of the time; its place in the order of the registry stays
        name = "estimated propensities"
        patch.setitem(BASELINES, name, replace(BASELINES[name], make=lambda data, fold: None))
        draws = [run_of(made.data(seed, LOG, SETTINGS)) for seed in DRAWS]
    alone = [verdicts_on([draw], count) for draw in draws]
    return Runs({judge: [one[judge] for one in alone] for judge in JUDGES}, verdicts_on(draws, count))


def test_a_strong_judge_is_recommended_in_eight_of_ten(runs: Runs) -> None:
    assert runs.alone["strong"].count("use") >= int(0.8 * len(DRAWS)), runs.alone["strong"]


@pytest.mark.skipif(len(DRAWS) < ENOUGH, reason="three draws together cannot tell: make soak takes more")
def test_a_strong_judge_is_recommended_by_all_draws_together(runs: Runs) -> None:
    assert runs.together["strong"] == "use"


@pytest.mark.parametrize("judge", NEVER)
def test_who_has_no_knowledge_beyond_the_log_is_never_recommended(runs: Runs, judge: str) -> None:
    assert "use" not in runs.alone[judge] and runs.together[judge] != "use", runs.alone[judge]


def test_positions_with_a_little_noise_are_no_better_than_positions(runs: Runs) -> None:
    """One draw does not show how far two trainings on the same thing differ: chance may pass one of ten, not all."""
    assert runs.alone[NEARLY].count("use") <= max(1, len(DRAWS) // 10), runs.alone[NEARLY]
    assert runs.together[NEARLY] != "use"
