"""Target models on text features and the gradient-based importance of their training rows."""

from sie_agent.attribution.gradients import row_influence
from sie_agent.attribution.losses import (
    cross_entropy,
    cross_entropy_slopes,
    fitted_temperature,
    pairs_within,
    ranking_slopes,
)
from sie_agent.attribution.models.base import Model, layered
from sie_agent.attribution.models.logistic import fit_logistic
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
    "FeatureRows",
    "Model",
    "Setting",
    "TrainingSettings",
    "cross_entropy",
    "cross_entropy_slopes",
    "curvatures",
    "fit_logistic",
    "fitted_temperature",
    "layered",
    "pairs_within",
    "preconditioned",
    "predict",
    "predict_held_out",
    "ranking_slopes",
    "reference_importance",
    "row_influence",
    "train",
]
