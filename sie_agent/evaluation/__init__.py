"""How good judges and scorers are: agreement with references and grades, intervals, and controls."""

from sie_agent.evaluation.agreement import (
    Column,
    DrawEvidence,
    Panel,
    agreement_rows,
    flipped_rows,
    permutation_deviations,
    random_judges_told,
    random_mean,
    reliability_rows,
)
from sie_agent.evaluation.bootstrap import interval, mean_of, query_copies, resampled_rows, standard_error, widen
from sie_agent.evaluation.calibration import calibration
from sie_agent.evaluation.confident import confident_learning
from sie_agent.evaluation.embeddings import embedding_features
from sie_agent.evaluation.metrics import METRICS, chances_of_top, partial_spearman, roc_auc, spearman, spearman_brown
from sie_agent.evaluation.model_agreement import agreement_of_models
from sie_agent.evaluation.moments import query_moments, resampled_auc, resampled_correlation
from sie_agent.evaluation.propensity import propensity_weights, regression_em
from sie_agent.evaluation.quality import judge_quality_curve
from sie_agent.evaluation.simulated import between_judge, positions_judge, simulate_judge
from sie_agent.evaluation.strength import WithinQueries, judge_within, mean_within, paired_query_difference
from sie_agent.evaluation.text_scores import TEXT_SCORES
from sie_agent.evaluation.twin import knowledge_removed
from sie_agent.evaluation.within import QueryNdcg, QueryPairs, query_auc

__all__ = [
    "METRICS",
    "TEXT_SCORES",
    "Column",
    "DrawEvidence",
    "Panel",
    "QueryNdcg",
    "QueryPairs",
    "WithinQueries",
    "agreement_of_models",
    "agreement_rows",
    "between_judge",
    "calibration",
    "chances_of_top",
    "confident_learning",
    "embedding_features",
    "flipped_rows",
    "interval",
    "judge_quality_curve",
    "judge_within",
    "knowledge_removed",
    "mean_of",
    "mean_within",
    "paired_query_difference",
    "partial_spearman",
    "permutation_deviations",
    "positions_judge",
    "propensity_weights",
    "query_auc",
    "query_copies",
    "query_moments",
    "random_judges_told",
    "random_mean",
    "regression_em",
    "reliability_rows",
    "resampled_auc",
    "resampled_correlation",
    "resampled_rows",
    "roc_auc",
    "simulate_judge",
    "spearman",
    "spearman_brown",
    "standard_error",
    "widen",
]
