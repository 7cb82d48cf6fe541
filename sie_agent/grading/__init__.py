"""Few grades, many judgments: what to grade next, and estimates that use both."""

from sie_agent.grading.metrics import powered_difference, powered_pair_metric, powered_query_metric
from sie_agent.grading.powered import PoweredEstimate, prediction_powered_mean
from sie_agent.grading.sampling import choose_next, disagreement_of
from sie_agent.grading.sheets import read_sheet, same_text, shown_id, write_sheet

__all__ = [
    "PoweredEstimate",
    "choose_next",
    "disagreement_of",
    "powered_difference",
    "powered_pair_metric",
    "powered_query_metric",
    "prediction_powered_mean",
    "read_sheet",
    "same_text",
    "shown_id",
    "write_sheet",
]
