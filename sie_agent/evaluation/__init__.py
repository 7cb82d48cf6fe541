"""How far a scorer agrees with gradient-based importance, and what using it does to the trained model."""

from sie_agent.evaluation.bootstrap import bootstrap_mean, interval, query_copies, resampled_rows, widen
from sie_agent.evaluation.downstream import (
    Bench,
    Effect,
    Strategy,
    base_effects,
    baseline_strategies,
    effect_columns,
    filter_effects,
    weight_effects,
)
from sie_agent.evaluation.metrics import METRICS, kendall, partial_spearman, roc_auc, spearman, spearman_brown
from sie_agent.evaluation.moments import query_moments, query_ndcg, resampled_auc, resampled_correlation
from sie_agent.evaluation.simulated import noise_for_auc, simulate_judge

__all__ = [
    "METRICS",
    "Bench",
    "Effect",
    "Strategy",
    "base_effects",
    "baseline_strategies",
    "bootstrap_mean",
    "effect_columns",
    "filter_effects",
    "interval",
    "kendall",
    "noise_for_auc",
    "partial_spearman",
    "query_copies",
    "query_moments",
    "query_ndcg",
    "resampled_auc",
    "resampled_correlation",
    "resampled_rows",
    "roc_auc",
    "simulate_judge",
    "spearman",
    "spearman_brown",
    "weight_effects",
    "widen",
]
