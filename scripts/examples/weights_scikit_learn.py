"""Importance weights in scikit-learn: `sample_weight` of the last step of a pipeline."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from weak_labels import small_log, weigh

from sie_agent.samples import TextFeatures


def main() -> None:
    """Train on the log as it is and with weights; hold both against the grades of other queries."""
    train, test = small_log()
    weights = weigh(train)
    features = TextFeatures.fit(train)
    relevant = test["grade"] >= 0.6
    for name, given in (("as logged", np.ones(len(train))), ("weighted", weights)):
        model = make_pipeline(FunctionTransformer(features.transform), LogisticRegression(C=0.1, max_iter=500))
        model.fit(train, train["label"] > 0, logisticregression__sample_weight=given)
        auc = roc_auc_score(relevant, model.predict_proba(test)[:, 1])
        print(f"scikit-learn, {name}: AUC {auc:.3f} on {len(test)} rows of unseen queries")
    print("Few rows and a judge that counts words show that it runs, not which is better: `sie run` tells on your log.")


if __name__ == "__main__":
    main()
