"""What a target and a weight for every row do to the ranker that is trained on the whole log."""

from sie_agent.downstream.bench_data import BenchData, JudgeAnswers, Way
from sie_agent.downstream.choosing import choose_recipe
from sie_agent.downstream.figures import all_values, bench_rows, choices_made, mean_of_way, minus, what_it_teaches
from sie_agent.downstream.folds import Fold, hashed_order, make_folds
from sie_agent.downstream.judged import AUTO, JUDGE_LABELS, JUDGED_ONLY, RULE, SAME_RECIPE, recipe_name, strength_on
from sie_agent.downstream.keeping import AT_RANDOM, BY_LOSS, Keeping, keep_name, kept_names, selections
from sie_agent.downstream.measuring import AUC, BENCH_METRICS, WITHIN, measure_fold, run_bench
from sie_agent.downstream.rankers import RANKERS, TARGET
from sie_agent.downstream.strategies import BASELINES, CLEAN, LOG
from sie_agent.downstream.verdicts import (
    NOTHING_TRIED,
    QUERIES_WANTED,
    THE_LOG,
    TWIN_BY_RECIPE,
    UNKNOWN,
    all_verdicts,
    queries_needed,
    ungraded_words,
)

__all__ = [
    "AT_RANDOM",
    "AUC",
    "AUTO",
    "BASELINES",
    "BENCH_METRICS",
    "BY_LOSS",
    "CLEAN",
    "JUDGED_ONLY",
    "JUDGE_LABELS",
    "LOG",
    "NOTHING_TRIED",
    "QUERIES_WANTED",
    "RANKERS",
    "RULE",
    "SAME_RECIPE",
    "TARGET",
    "THE_LOG",
    "TWIN_BY_RECIPE",
    "UNKNOWN",
    "WITHIN",
    "BenchData",
    "Fold",
    "JudgeAnswers",
    "Keeping",
    "Way",
    "all_values",
    "all_verdicts",
    "bench_rows",
    "choices_made",
    "choose_recipe",
    "hashed_order",
    "keep_name",
    "kept_names",
    "make_folds",
    "mean_of_way",
    "measure_fold",
    "minus",
    "queries_needed",
    "recipe_name",
    "run_bench",
    "selections",
    "strength_on",
    "ungraded_words",
    "what_it_teaches",
]
