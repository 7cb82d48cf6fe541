"""Fit the calibration of the likelihood variants on the hand-made pairs and write it into their files.

    python scripts/tools/calibrate_likelihood.py [--write] [--model FOLDER] [VARIANT ...]

A logistic curve from the variant's number (mean log-probability in nats, less that of a generic product)
to relevance, by maximum likelihood with Platt's (1999) smoothed targets, so that 60 pairs cannot make it
certain.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from sie_agent.files.paths import prompts_dir
from sie_agent.judging import JudgmentCache, Variant, judge, list_variants, load_variant, make_backend


def hand_made_pairs() -> pd.DataFrame:
    """The calibration pairs as a table of samples."""
    path = prompts_dir() / "calibration.jsonl"
    pairs = pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line])
    numbers = [f"calibration-{number}" for number in range(1, len(pairs) + 1)]
    return pairs.assign(sample_id=numbers, item_id=numbers, description="", attributes="{}")


def uncalibrated(variant: Variant) -> Variant:
    """The same variant with the curve's centre at 0 and width 1, so that log-odds are its number."""
    plain = variant.calibration.model_copy(update={"center": 0.0, "width": 1.0})
    return variant.model_copy(update={"calibration": plain})


def fit(numbers: np.ndarray, relevant: np.ndarray) -> tuple[float, float]:
    """Centre and width of the curve ``sigmoid((number - center) / width)``."""
    positive, negative = float(relevant.sum()), float((1 - relevant).sum())
    targets = np.where(relevant == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: np.ndarray) -> float:
        logits = parameters[0] * numbers + parameters[1]
        return float(np.mean(np.logaddexp(0.0, logits) - targets * logits))

    slope, shift = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    if slope <= 0:
        raise SystemExit("the number falls with relevance: this variant cannot be calibrated")
    return float(-shift / slope), float(1.0 / slope)


def write(name: str, center: float, width: float, model: str, auc: float, count: int) -> None:
    """Replace the calibration block at the end of the variant's file."""
    path = Path(prompts_dir()) / f"{name}.yaml"
    head = re.split(r"^calibration:\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
    block = (
        f"calibration:\n  center: {center:.4f}\n  width: {width:.4f}\n  model: {model}\n"
        f"  fitted_on: {count} hand-made pairs (prompts/calibration.jsonl), AUC {auc:.3f}\n"
    )
    path.write_text(head + block, encoding="utf-8")


def main() -> None:
    """Fit every variant named, or all of method likelihood."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*")
    parser.add_argument("--model", default=None)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    pairs = hand_made_pairs()
    relevant = pairs["relevant"].to_numpy(dtype=float)
    backend = make_backend("local", model=arguments.model)
    names = arguments.variants or list_variants("relevance")
    with JudgmentCache() as cache:
        for name in names:
            variant = load_variant(name)
            if variant.method != "likelihood":
                continue
            judged = judge(pairs.drop(columns="relevant"), uncalibrated(variant), backend, cache)
            odds = [math.log(score / (1.0 - score)) for score in judged["score"]]
            center, width = fit(np.array(odds), relevant)
            auc = float(roc_auc_score(relevant, odds))
            print(f"{name}: center {center:.4f}, width {width:.4f}, AUC {auc:.3f}")
            if arguments.write:
                write(name, center, width, backend.model, auc, len(pairs))


if __name__ == "__main__":
    main()
