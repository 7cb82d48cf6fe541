"""Target models on text features and the gradient-based importance of their training rows."""

from sie_agent.attribution.influence import fit_logistic, linear_influence
from sie_agent.attribution.losses import (
    Pairs,
    cross_entropy,
    cross_entropy_slopes,
    fitted_temperature,
    pairs_within,
    ranking_loss,
    ranking_slopes,
    sigmoid,
)
from sie_agent.attribution.networks import Network, backward, directional, new_network, scores
from sie_agent.attribution.references import (
    REFERENCES,
    SIGNED,
    Rows,
    Setting,
    reference_importance,
    row_influence,
)
from sie_agent.attribution.training import TrainingSettings, predict, train, train_many

__all__ = [
    "REFERENCES",
    "SIGNED",
    "Network",
    "Pairs",
    "Rows",
    "Setting",
    "TrainingSettings",
    "backward",
    "cross_entropy",
    "cross_entropy_slopes",
    "directional",
    "fit_logistic",
    "fitted_temperature",
    "linear_influence",
    "new_network",
    "pairs_within",
    "predict",
    "ranking_loss",
    "ranking_slopes",
    "reference_importance",
    "row_influence",
    "scores",
    "sigmoid",
    "train",
    "train_many",
]
