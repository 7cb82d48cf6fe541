"""Target models on text features and the gradient-based importance of their training rows."""

from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_influence
from sie_agent.attribution.losses import (
    Pairs,
    cross_entropy,
    cross_entropy_slopes,
    fitted_temperature,
    listwise_loss,
    listwise_slopes,
    pairs_within,
    ranking_loss,
    ranking_slopes,
    sigmoid,
)
from sie_agent.attribution.models.base import Layered, Model, layered
from sie_agent.attribution.models.logistic import Logistic, fit_batches, fit_logistic, linear_influence
from sie_agent.attribution.models.networks import Network, new_network
from sie_agent.attribution.models.two_tower import TwoTower, new_two_tower
from sie_agent.attribution.references import MAGNITUDES, REFERENCES, SIGNED, reference_importance
from sie_agent.attribution.references.ekfac import curvatures, preconditioned
from sie_agent.attribution.setting import FeatureRows, Setting
from sie_agent.attribution.training import TARGETS, TRAINERS, predict, predict_held_out, train
from sie_agent.attribution.training_losses import TRAINING_LOSSES
from sie_agent.attribution.training_steps import TrainingSettings

__all__ = [
    "MAGNITUDES",
    "REFERENCES",
    "SIGNED",
    "TARGETS",
    "TRAINERS",
    "TRAINING_LOSSES",
    "VALIDATION_LOSSES",
    "FeatureRows",
    "Layered",
    "Logistic",
    "Model",
    "Network",
    "Pairs",
    "Setting",
    "TrainingSettings",
    "TwoTower",
    "cross_entropy",
    "cross_entropy_slopes",
    "curvatures",
    "fit_batches",
    "fit_logistic",
    "fitted_temperature",
    "layered",
    "linear_influence",
    "listwise_loss",
    "listwise_slopes",
    "new_network",
    "new_two_tower",
    "pairs_within",
    "preconditioned",
    "predict",
    "predict_held_out",
    "ranking_loss",
    "ranking_slopes",
    "reference_importance",
    "row_influence",
    "sigmoid",
    "train",
]
