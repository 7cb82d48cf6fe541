"""Ten logs of the made-up shop, each judged as a run of its own: who is recommended, and who never is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sie_agent.bench import BASELINES, BenchData, JudgeAnswers, all_values, make_folds, run_bench, verdict
from sie_agent.bench.measuring import WITHIN
from sie_agent.bench.verdict import SIMPLE as VERDICT_WORDS
from sie_agent.evaluation import between_judge, knowledge_removed, positions_judge, query_copies, simulate_judge
from sie_agent.pipeline import DistilSettings
from sie_agent.samples import LogSettings
from sie_agent.threads import one_thread

pytestmark = pytest.mark.slow

DRAWS = range(1, 11)
SOURCE, FOLDS, REPLICATES = "generated:120", 4, 500
LOGS = {"clicks": LogSettings("clicks"), "ranked-clicks": LogSettings("ranked-clicks", 0.15)}
SETTINGS = DistilSettings.model_validate(
    {"labels": {"proxies": 2, "clarity": "none"}, "scorer": {"trees": 40}, "target": {"hidden": 16}}
)
# what costs nothing, and stands in every bench
SIMPLE = {"lexical": "word overlap", "positions": "positions", "random": "random"}
NEVER = ("word overlap", "twin of word overlap", "between", "random")
Verdicts = dict[str, list[dict[str, Any]]]


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
        ("nearly positions", position * np.exp(0.2 * rng.normal(size=len(grade))), True),
        ("between", between_judge(grade, queries, 8_000 + seed), False),
    ]
    found = []
    for name, relevance, by_rank in judges:
        twin = knowledge_removed(relevance, queries, grade, data.relevant_at, 15_000 + seed)
        found += [JudgeAnswers(name, relevance, by_rank), JudgeAnswers(name, twin.relevance, True, twin=True)]
    return found


def verdicts_of(data: BenchData) -> dict[str, dict[str, Any]]:
    """What a run of this one draw says of each judge; none but the positions is held against itself."""
    tune = data.settings.recipe.tune
    folds = make_folds(data.queries, data.query_names, folds=FOLDS, judged=0.25, tune=tune, seed=data.seed)
    answers = answers_of(data)
    with one_thread():
        table, _ = run_bench(data, folds, answers, ("target",), 1)
    values = all_values([table], len(data.query_names))[WITHIN]
    copies = query_copies(len(data.query_names), REPLICATES, 20_240)
    found = {}
    for one in answers[::2]:
        others = {kind: name for kind, name in SIMPLE.items() if name != one.name or kind == "positions"}
        found[one.name] = verdict(one.name, "simulated", values, "target", copies, others)
    return found


@pytest.fixture(scope="module")
def made(shop: Callable[[str], Any]) -> Any:
    return shop(SOURCE)


@pytest.fixture(scope="module", params=LOGS)
def verdicts(made: Any, request: pytest.FixtureRequest) -> tuple[str, Verdicts]:
    """The log, and by judge the verdict of each draw."""
    with pytest.MonkeyPatch.context() as patch:
        # no rival of a verdict, and three quarters of the time
        patch.delitem(BASELINES, "estimated propensities")
        drawn = [verdicts_of(made.data(seed, LOGS[request.param], SETTINGS)) for seed in DRAWS]
    return request.param, {name: [one[name] for one in drawn] for name in drawn[0]}


def uses(verdicts: Verdicts, judge: str) -> list[str]:
    """The verdict in a word, draw by draw."""
    return [one["use"] for one in verdicts[judge]]


@pytest.mark.parametrize("judge", NEVER)
def test_who_has_no_knowledge_is_never_recommended(verdicts: tuple[str, Verdicts], judge: str) -> None:
    assert "use" not in uses(verdicts[1], judge), uses(verdicts[1], judge)


def test_who_follows_positions_is_hardly_ever_recommended(verdicts: tuple[str, Verdicts]) -> None:
    """Positions with a little noise are the positions, which are certainly beaten by themselves once in forty."""
    assert "use" not in uses(verdicts[1], "positions")
    assert uses(verdicts[1], "nearly positions").count("use") <= 1, uses(verdicts[1], "nearly positions")


def test_a_strong_judge_is_recommended_unless_positions_do_as_well(verdicts: tuple[str, Verdicts]) -> None:
    """In eight of ten draws.

    The shop's ranker of ranked clicks was fitted on four fifths of the grades: its order, learned, is as good as clean
    labels, so that no judge is certainly better than that.
    """
    log, found = verdicts
    unbeaten = [[one["rival"] for one in draw["against"] if not one["beaten"]] for draw in found["strong"]]
    if log == "clicks":
        assert uses(found, "strong").count("use") >= 8, unbeaten
    others = [[rival for rival in one if rival != VERDICT_WORDS["positions"]] for one in unbeaten]
    assert others.count([]) >= 8, others
