"""The references that are tried for the headline, and the weak label `value` in the form that matches each.

All are one formula. A row's influence is the product of its training gradient with M g, where g is the gradient of the
ranking loss on graded validation queries and M is the identity (TracIn), an inverse curvature (EK-FAC, the exact one
of a logistic regression) or that of randomly projected gradients (TRAK). Directions u that shall not count are
projected out in the same metric: M g - M U (U'M U)^-1 U'M g, which is orthogonal to every u. `value` is that with the
answers of a judge on the judged pool in the place of grades, through proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.experiments.headline.views import LinearView, View, direction
from sie_agent.attribution import FeatureRows, TrainingSettings, fitted_temperature, pairs_within, ranking_slopes
from sie_agent.attribution.losses import Pairs, sigmoid

TARGETS = {
    "text": TrainingSettings(hidden=64, epochs=8, weight_decay=1.0),
    "embeddings": TrainingSettings(hidden=64, epochs=8, weight_decay=1.0),
    "pairwise": TrainingSettings(hidden=64, epochs=8, weight_decay=1.0, loss="pairwise"),
}


# a form of `value`: target, curvature, what is projected out
Label = tuple[str, str, str | int]


@dataclass(frozen=True)
class Variant:
    """A reference.

    Attributes
    ----------
    target : a name in ``TARGETS``. metric : ``none``, ``ekfac``, ``trak`` or ``linear``.
    without : ``text``, the gradient of the ranking loss with the untrained text score in the place of the grade;
        ``chance``, that and the gradient that grades in random order have in the mean; or how many leading directions
        of the rows' gradients; 0 for nothing.
    centred : reference and scores less their means over a query.
    """

    name: str
    target: str = "text"
    metric: str = "none"
    without: str | int = 0
    centred: bool = False

    @property
    def label(self) -> Label:
        """The form of `value` that matches: target, curvature, what is projected out."""
        return self.target, "none" if self.metric == "none" else "ekfac", self.without


VARIANTS = (
    Variant("TracIn"),
    Variant("EK-FAC", metric="ekfac"),
    Variant("TRAK", metric="trak"),
    Variant("exact linear influence", metric="linear"),
    Variant("TracIn, text score out", without="text"),
    Variant("EK-FAC, text score out", metric="ekfac", without="text"),
    Variant("TRAK, text score out", metric="trak", without="text"),
    Variant("exact linear influence, text score out", metric="linear", without="text"),
    Variant("TracIn, 1 leading direction out", without=1),
    Variant("TracIn, 3 leading directions out", without=3),
    Variant("TracIn, 10 leading directions out", without=10),
    Variant("TracIn, embeddings", "embeddings"),
    Variant("EK-FAC, embeddings", "embeddings", "ekfac"),
    Variant("EK-FAC, embeddings, text score out", "embeddings", "ekfac", "text"),
    Variant("TracIn, pairs of the log", "pairwise"),
    Variant("EK-FAC, pairs of the log", "pairwise", "ekfac"),
    Variant("TracIn, centred", centred=True),
    Variant("EK-FAC, centred", metric="ekfac", centred=True),
    Variant("EK-FAC, text score out, centred", metric="ekfac", without="text", centred=True),
    Variant("TracIn, text score and chance out", without="chance"),
    Variant("EK-FAC, text score and chance out", metric="ekfac", without="chance"),
)
LABELS = tuple(dict.fromkeys(variant.label for variant in VARIANTS))


def removed_directions(
    view: View | LinearView, without: str | int, part: FeatureRows, scores: np.ndarray, text: np.ndarray, pairs: Pairs
) -> list[np.ndarray]:
    """What a variant projects out, each (p,).

    Parameters
    ----------
    part : validation or pool rows; scores : (m,) at which the slopes of the loss are taken; text : (m,) untrained text
        scores in [0, 1]; pairs : within their queries.
    """
    if isinstance(without, str):
        slopes = [ranking_slopes(scores, text.astype(np.float32), pairs)]
        if without == "chance":
            slopes.append(chance_slopes(scores, pairs))
        return [view.gradient(part.features, one) for one in slopes]
    return list(view.leading[:without]) if without and isinstance(view, View) else []


def chance_slopes(scores: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Slopes of the ranking loss in the mean over all orders of a query's grades, (m,): every pair weighs alike."""
    pull = pairs.share * sigmoid(scores[pairs.worse] - scores[pairs.better])
    return np.bincount(pairs.worse, pull, len(scores)) - np.bincount(pairs.better, pull, len(scores))


def references(
    variant: Variant, views: Sequence[Sequence[View | LinearView]], parts: Sequence[tuple[FeatureRows, np.ndarray]]
) -> np.ndarray:
    """Influence of the log's rows on the ranking loss of each part, (parts, n); positive: the row helps.

    Parameters
    ----------
    views : per seed, of the checkpoints that count. parts : validation rows, with grades as targets, and text scores.
    """
    shape = (len(parts), len(views[0][0].scores))
    total, kernel, errors = np.zeros(shape), np.zeros(shape), np.zeros(shape[1])
    pairs = [pairs_within(part.queries) for part, _ in parts]
    for run in views:
        for view in run:
            errors += view.slopes
            for place, (part, text) in enumerate(parts):
                scores = view.network.scores(part.features).astype(np.float32)
                gradient = view.gradient(part.features, ranking_slopes(scores, part.targets, pairs[place]))
                removed = removed_directions(view, variant.without, part, scores, text, pairs[place])
                moved = view.moved(direction(view, gradient, removed))
                kernel[place] += moved
                total[place] += view.along(moved)
    # TRAK averages kernels and errors apart (Park 2023)
    return kernel * errors if variant.metric == "trak" else total


def pool_values(
    views: Sequence[Sequence[View]], labels: Sequence[Label], pool: FeatureRows, text: np.ndarray, judged: np.ndarray
) -> dict[Label, np.ndarray]:
    """`value` of every row of the log in several forms for one target, each (n,).

    Parameters
    ----------
    views : by proxy: its views without and with curvature.
    pool : the judged rows with the judge's answers as targets; text : (m,) their text scores.
    judged : (n,) which rows of the log count for the unit that a proxy's values are put to.
    """
    pairs = pairs_within(pool.queries)
    found = {label: np.zeros(len(views[0][0].scores)) for label in labels}
    for both in views:
        plain = both[0]
        predicted = plain.network.scores(pool.features)
        factor = fitted_temperature(predicted, pool.targets, pairs)
        scaled = (factor * predicted).astype(np.float32)
        gradient = plain.gradient(pool.features, ranking_slopes(scaled, pool.targets, pairs))
        for label in labels:
            view = both[label[1] == "ekfac"]
            removed = removed_directions(plain, label[2], pool, scaled, text, pairs)
            influence = view.along(view.moved(direction(view, gradient, removed)))
            found[label] += influence / (influence[judged].std() or 1.0)
    return {label: total / len(views) for label, total in found.items()}
