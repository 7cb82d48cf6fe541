"""What a target model is trained on: its slopes, its curvature, and what a single row adds to it."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.losses import Pairs, cross_entropy, pairs_within, sigmoid
from sie_agent.attribution.setting import FeatureRows
from sie_agent.utils.arrays import Floats


class Pointwise:
    """The cross-entropy of each row by itself."""

    def losses(self, scores: Floats, rows: FeatureRows) -> Floats:
        """Loss of each row, (n,) in nats."""
        return cross_entropy(scores, rows.targets)

    def slopes(self, scores: Floats, rows: FeatureRows) -> Floats:
        """d(loss of all rows)/ds of each row, (n,): predicted probability minus label."""
        return np.asarray(sigmoid(scores) - rows.targets, np.float32)

    def curvatures(self, scores: Floats, rows: FeatureRows) -> Floats:
        """d²(loss of all rows)/ds² of each row, (n,)."""
        predicted = sigmoid(scores)
        return np.asarray(predicted * (1 - predicted), np.float32)

    def along(self, scores: Floats, rows: FeatureRows, moved: Floats) -> Floats:
        """Dot product of the gradient of what each row adds to the loss with a direction, (n,).

        Parameters
        ----------
        moved : (n,) derivative of each row's score along the direction.
        """
        return np.asarray(self.slopes(scores, rows) * moved, np.float32)


class Pairwise:
    """The pairwise logistic loss within queries (RankNet, Burges 2005), its mean over queries times their number.

    What a row adds to the loss is every pair that it is in: without the row they would not be there. The rows must be
    whole queries.
    """

    def losses(self, scores: Floats, rows: FeatureRows) -> Floats:
        """Loss of the pairs that each row is in, (n,) in nats."""
        pairs, weight = self.weighted(rows)
        each = (weight * np.logaddexp(0.0, scores[pairs.worse] - scores[pairs.better])).astype(np.float32)
        return on_both(each, each, pairs, len(scores))

    def slopes(self, scores: Floats, rows: FeatureRows) -> Floats:
        """d(loss of all rows)/ds of each row, (n,)."""
        pairs, weight = self.weighted(rows)
        each = weight * wrong_order(scores, pairs)
        return on_both(-each, each, pairs, len(scores))

    def curvatures(self, scores: Floats, rows: FeatureRows) -> Floats:
        """d²(loss of all rows)/ds² of each row, (n,); what two rows of a pair share is left out."""
        pairs, weight = self.weighted(rows)
        wrong = wrong_order(scores, pairs)
        each = weight * wrong * (1 - wrong)
        return on_both(each, each, pairs, len(scores))

    def along(self, scores: Floats, rows: FeatureRows, moved: Floats) -> Floats:
        """Dot product of the gradient of what each row adds to the loss with a direction, (n,).

        Parameters
        ----------
        moved : (n,) derivative of each row's score along the direction.
        """
        pairs, weight = self.weighted(rows)
        each = weight * wrong_order(scores, pairs) * (moved[pairs.worse] - moved[pairs.better])
        return on_both(each, each, pairs, len(scores))

    def weighted(self, rows: FeatureRows) -> tuple[Pairs, Floats]:
        """The pairs within queries that the label orders, and the weight of each."""
        pairs = pairs_within(rows.queries)
        queries = len(np.unique(rows.queries))
        weight = np.maximum(rows.targets[pairs.better] - rows.targets[pairs.worse], 0) * pairs.share * queries
        kept = weight > 0
        return Pairs(pairs.better[kept], pairs.worse[kept], pairs.share[kept]), weight[kept]


def wrong_order(scores: Floats, pairs: Pairs) -> Floats:
    """Probability that each pair is in the wrong order, (pairs,)."""
    return sigmoid(scores[pairs.worse] - scores[pairs.better])


def on_both(to_better: Floats, to_worse: Floats, pairs: Pairs, count: int) -> Floats:
    """Sums over pairs for each row, (count,)."""
    better = np.bincount(pairs.better, to_better, count)
    return np.asarray(better + np.bincount(pairs.worse, to_worse, count), np.float32)


TRAINING_LOSSES: dict[str, Pointwise | Pairwise] = {"pointwise": Pointwise(), "pairwise": Pairwise()}
