"""What weights by preference do to two towers that are trained on the log."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from scripts.experiments.shopper.world import Rows
from sie_agent.attribution import FeatureRows, TrainingSettings, predict, train
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings, student_settings
from sie_agent.samples import LogSettings, simulate_log
from sie_agent.scorer import fit_student
from sie_agent.selection import PERSONAL
from sie_agent.utils.arrays import Doubles, Floats

# as in eval/suites/games-clicks.yaml
TOWERS = TrainingSettings(kind="two-tower", hidden=32, epochs=16)
SEEDS = 2
# of the weights: the rank of the score moves a weight by as much to either side
STRENGTH = 0.5
LOGS = ("purchases", "clicks")


def labels_of(samples: pd.DataFrame, rows: Rows, log: str, seed: int) -> Doubles:
    """What the log says of its rows, (n,): the purchases, or clicks that positions and words have bent."""
    if log == "purchases":
        return rows.label
    told = simulate_log(samples[~rows.test], LogSettings("clicks"), seed)["label"]
    label = np.full(len(samples), np.nan)
    label[~rows.test] = told.to_numpy(np.float64)
    return label


def tilt(preference: Doubles) -> Doubles:
    """1 + a · (rank - 1/2) · 2 of each row of the log, (n,): mean 1."""
    ranks = (rankdata(preference) - 0.5) / len(preference)
    return np.asarray(1 + STRENGTH * (ranks - 0.5) * 2)


def weights_of(
    judges: Mapping[str, Doubles], preferences: Mapping[str, Doubles], inputs: Floats, label: Doubles, seed: int
) -> dict[str, Doubles | None]:
    """Weights of the log's rows by every way, (n,); None of the log as it is.

    Parameters
    ----------
    judges : answers to the log's rows, (n,); preferences : these distilled. inputs : (n, d) what students read, the
        label last; label : (n,).
    """
    found: dict[str, Doubles | None] = {"log": None}
    inputs = np.hstack([inputs[:, :-1], label[:, None]]).astype(np.float32)
    for name, answers in judges.items():
        if name.startswith("minilm"):
            found[f"preference of {name}"] = tilt(preferences[name])
        student = fit_student(inputs, supported(answers, label), student_settings(PERSONAL), 0, ends=(0.0, 1.0))
        found[f"preference support of {name}"] = tilt(student.predict(inputs))
    found["random weights"] = tilt(np.random.default_rng(6_000 + seed).random(len(label)))
    return found


def supported(answers: Doubles, label: Doubles) -> Doubles:
    """``preference_support`` of each row, (n,): does the shopper back the label?"""
    nothing = np.zeros((len(label), 1), np.float32)
    rows = FeatureRows(nothing, label.astype(np.float32), np.zeros(len(label), np.intp))
    return WEAK_LABELS[PERSONAL].make(Evidence(rows, answers, (), rows, LabelSettings(by_rank=True)))


def towers_scores(
    read: Floats, label: Doubles, rows: Rows, weights: Mapping[str, Doubles | None], seed: int
) -> dict[str, Doubles]:
    """Scores of all rows by towers trained on the log's, (n,) by way; every way has the same seeds."""
    log = ~rows.test
    found = {}
    for name, weight in weights.items():
        models = [
            train(
                read[log],
                label[log].astype(np.float32),
                TOWERS,
                10_000 * seed + one,
                None if weight is None else weight.astype(np.float32),
            )[-1]
            for one in range(SEEDS)
        ]
        found[name] = predict(models, read).astype(np.float64)
    return found
