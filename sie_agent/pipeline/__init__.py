"""From a judged log to weak labels, a scorer and a recipe: the one way that every verb takes."""

from sie_agent.pipeline.distill_settings import (
    DistillSettings,
    SuiteSection,
    TargetPart,
    check_models_installed,
)
from sie_agent.pipeline.distilling import (
    Distilled,
    Proxies,
    distill_labels,
    distill_log,
    make_labels,
    scorer_of,
    train_proxies,
    training_of,
)
from sie_agent.pipeline.log import Log, scattered
from sie_agent.pipeline.log_evidence import label_errors_of
from sie_agent.pipeline.recipes import CANDIDATES, FEWEST_QUERIES, above_chance, choose_by_grades, choose_by_log, tuned

__all__ = [
    "CANDIDATES",
    "FEWEST_QUERIES",
    "DistillSettings",
    "Distilled",
    "Log",
    "Proxies",
    "SuiteSection",
    "TargetPart",
    "above_chance",
    "check_models_installed",
    "choose_by_grades",
    "choose_by_log",
    "distill_labels",
    "distill_log",
    "label_errors_of",
    "make_labels",
    "scattered",
    "scorer_of",
    "train_proxies",
    "training_of",
    "tuned",
]
