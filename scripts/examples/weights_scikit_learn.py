"""Weights and blended labels in scikit-learn: a classifier takes each row twice, as a click and as none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from weak_labels import small_log, weigh

from sie_agent.features import TextFeatures


def trained(log: pd.DataFrame, features: TextFeatures, target: np.ndarray, weight: np.ndarray) -> Pipeline:
    """A label of 0.3 is a click of weight 0.3 and a miss of weight 0.7: the cross-entropy is the same."""
    twice = pd.concat([log, log], ignore_index=True)
    clicked = np.repeat([1, 0], len(log))
    shares = np.concatenate([weight * target, weight * (1 - target)])
    model = make_pipeline(FunctionTransformer(features.transform), LogisticRegression(C=0.1, max_iter=500))
    return model.fit(twice, clicked, logisticregression__sample_weight=shares)


def main() -> None:
    """Train on the log as it is and on what the scorer makes of it; compare both with the grades of other queries."""
    log, test = small_log()
    both = weigh(log)
    features = TextFeatures.fit(log)
    relevant = test["grade"] >= 0.6
    as_logged = (log["label"].to_numpy(), np.ones(len(log)))
    blended = (both["blended_label"].to_numpy(), both["weight"].to_numpy())
    for name, (target, weight) in (("as logged", as_logged), ("blended and weighted", blended)):
        model = trained(log, features, target, weight)
        auc = roc_auc_score(relevant, model.predict_proba(test)[:, 1])
        print(f"scikit-learn, {name}: AUC {auc:.3f} on {len(test)} rows of unseen queries")
    print("Few rows and a judge that counts words show that it runs, not which is better: `sie run` tells on your log.")


if __name__ == "__main__":
    main()
