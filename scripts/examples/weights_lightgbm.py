"""Weights and blended labels in LightGBM: a regression, and a ranker whose grades are blended labels in 32 steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
from lightgbm import LGBMRanker, LGBMRegressor
from sklearn.metrics import roc_auc_score
from weak_labels import small_log, weigh

from sie_agent.features import TextFeatures

SIZE = {"n_estimators": 60, "num_leaves": 7, "min_child_samples": 10, "random_state": 0, "verbose": -1}
STEPS = 32


def regression(inputs: np.ndarray, queries: pd.Series, target: np.ndarray, weight: np.ndarray) -> LGBMRegressor:
    """Blended labels are numbers from 0 to 1, which a regression takes as they are."""
    return LGBMRegressor(**SIZE).fit(inputs, target, sample_weight=weight)


def lambdarank(inputs: np.ndarray, queries: pd.Series, target: np.ndarray, weight: np.ndarray) -> LGBMRanker:
    """A ranker wants whole grades: 32 steps of equal worth, since by default a step counts twice the one before."""
    model = LGBMRanker(objective="lambdarank", label_gain=list(range(STEPS)), **SIZE)
    # rows of a query have to stand together
    order = np.argsort(pd.factorize(queries)[0], kind="stable")
    sizes = pd.Series(pd.factorize(queries)[0][order]).value_counts(sort=False).to_numpy()
    grades = np.round(target * (STEPS - 1)).astype(int)
    return model.fit(inputs[order], grades[order], group=sizes, sample_weight=weight[order])


def main() -> None:
    """Train on the log as it is and on what the scorer makes of it; compare both with the grades of other queries."""
    log, test = small_log()
    both = weigh(log)
    features = TextFeatures.fit(log)
    inputs, relevant = features.transform(log), test["grade"] >= 0.6
    as_logged = (log["label"].to_numpy(), np.ones(len(log)))
    blended = (both["blended_label"].to_numpy(), both["weight"].to_numpy())
    for kind in (regression, lambdarank):
        for name, (target, weight) in (("as logged", as_logged), ("blended and weighted", blended)):
            predicted = kind(inputs, log["query"], target, weight).predict(features.transform(test))
            auc = roc_auc_score(relevant, predicted)
            print(f"LightGBM {kind.__name__}, {name}: AUC {auc:.3f} on {len(test)} rows of unseen queries")
    print("Few rows and a judge that counts words show that it runs, not which is better: `sie run` tells on your log.")


if __name__ == "__main__":
    main()
