"""What a ranker gains when the rows of its log weigh by the clarity of their query; for measure.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata
from statsmodels.stats.multitest import multipletests

from scripts.experiments.clarity.comparisons import NEAREST, WORDS
from sie_agent.attribution import FeatureRows
from sie_agent.downstream import RANKERS, TARGET, Fold, make_folds
from sie_agent.evaluation import QueryPairs, paired_query_difference, query_copies
from sie_agent.features import TextFeatures
from sie_agent.pipeline import TargetPart, training_of
from sie_agent.samples import LogSettings, simulate_log, without_grade

Doubles = npt.NDArray[np.float64]

FOLDS, MODELS, REPLICATES, SEED = 5, 3, 2_000, 20_261
# the folds of the bench want queries to choose on; nothing is chosen here
JUDGED, TUNE = 0.25, 0.01
RELEVANT_AT = 0.75
# the same in ratings of 1 to 4, half-way between the two nearest grades
RELEVANT_RATING = 3.5
LOG, CLEAN = "log as it is", "clean labels"
PERMUTED, BY_WORDS, FEW_WORDS = "permuted clarity", "more words", "fewer words"
FEW_DEPARTMENTS = "fewer departments among the nearest items"
# the true ones: nothing a judge says of clarity can be expected to do better
RATERS, RATERS_OF_QUERY = "raters agree on the row", "raters agree in the query"
ONE_RATER, DISPUTED = "one rater", "flips in disputed queries"
MOST_FLIPPED = 0.5


def one_rater(samples: pd.DataFrame, seed: int) -> Doubles:
    """Labels as one rater would give them, (n,) 0 or 1: wrong more often where the raters of a pair disagreed.

    A rating is drawn from a normal distribution around the pair's grade (1 to 4) with the variance of its raters, and
    is relevant where it is nearer to a relevant grade.
    """
    rng = np.random.default_rng([SEED, seed])
    deviation = np.sqrt(samples["relevance_variance"].to_numpy(np.float64))
    rating = 1 + 3 * samples["grade"].to_numpy(np.float64) + deviation * rng.normal(size=len(samples))
    return np.asarray(rating >= RELEVANT_RATING, np.float64)


def by_clicks(samples: pd.DataFrame, seed: int) -> Doubles:
    """The zoo's clicks on a ranked list, at a rate of 15 %, (n,) 0 or 1."""
    log = simulate_log(samples, LogSettings("ranked-clicks", 0.15, RELEVANT_AT), seed)
    return log["label"].to_numpy(np.float64)


def disputed_flips(samples: pd.DataFrame, seed: int) -> Doubles:
    """True labels, turned where raters disagree, (n,) 0 or 1: the world in which clarity would be worth most.

    A label is turned with a probability that rises evenly from 0 to 1/2 with the rank of its query's rater variance.
    """
    rng = np.random.default_rng([SEED, seed])
    codes, _ = pd.factorize(samples["query"])
    disputed = samples["relevance_variance"].astype("float64").groupby(codes).mean().to_numpy()
    chance = MOST_FLIPPED * weights_by_rank(np.asarray(disputed, np.float64))[codes] / 2
    relevant = samples["grade"].to_numpy(np.float64) >= RELEVANT_AT
    return np.asarray(relevant ^ (rng.random(len(samples)) < chance), np.float64)


LABELS: dict[str, Callable[[pd.DataFrame, int], Doubles]] = {
    ONE_RATER: one_rater,
    "clicks, 15 %": by_clicks,
    DISPUTED: disputed_flips,
}


def weights_by_rank(values: Doubles) -> Doubles:
    """Weights that rise evenly with the rank of *values* (n,), from 0 to 2 with mean 1; 1 where a value is NaN."""
    weights = np.ones(len(values))
    known = ~np.isnan(values)
    count = int(known.sum())
    if count > 1:
        weights[known] = 2 * (rankdata(values[known]) - 0.5) / count
    return weights


def weights_of(
    samples: pd.DataFrame, codes: npt.NDArray[np.intp], judged: pd.DataFrame, baselines: pd.DataFrame, seed: int
) -> dict[str, Doubles | None]:
    """Weights of every row, (n,), by way; None weighs all alike.

    Parameters
    ----------
    codes : (n,) which row of *judged* and *baselines* a pair's query is. seed : of the permutation.
    """
    variance = samples["relevance_variance"].astype("float64")
    of_query = variance.groupby(codes).mean().to_numpy(np.float64)
    asked = {str(name): judged[name].to_numpy(np.float64) for name in judged}
    words = baselines[WORDS].to_numpy(np.float64)
    mixed = np.random.default_rng([SEED, seed]).permutation(len(judged))
    by_query = {
        **asked,
        BY_WORDS: words,
        FEW_WORDS: -words,
        FEW_DEPARTMENTS: -baselines[NEAREST].to_numpy(np.float64),
        PERMUTED: next(iter(asked.values()))[mixed],
        RATERS_OF_QUERY: -of_query,
    }
    return {
        LOG: None,
        CLEAN: None,
        **{name: weights_by_rank(values)[codes] for name, values in by_query.items()},
        RATERS: weights_by_rank(-np.asarray(variance, np.float64)),
    }


def accuracies(
    features: npt.NDArray[np.float32],
    grade: Doubles,
    codes: npt.NDArray[np.intp],
    folds: Sequence[Fold],
    columns: Mapping[str, tuple[Doubles, Doubles | None]],
    seed: int,
) -> dict[str, Doubles]:
    """Within-query accuracy of a perceptron on every query, (queries,), by way; each query is tested once.

    Parameters
    ----------
    features : (n, d); grade : (n,), read by the test alone; codes : (n,) query of each row.
    columns : by way, labels and weights of all rows, (n,) each.
    """
    count = int(codes.max()) + 1
    settings = TargetPart().training
    found = {name: np.full(count, np.nan) for name in columns}
    for fold in folds:
        rows = np.flatnonzero(fold.log)
        for name, (labels, weights) in columns.items():
            predicted = RANKERS[TARGET].learn(
                FeatureRows(features[rows], labels[rows].astype(np.float32), codes[rows]),
                None if weights is None else (weights[rows] / weights[rows].mean()).astype(np.float32),
                training_of(settings, len(rows)),
                [SEED + 100 * seed + one for one in range(MODELS)],
            )(features[fold.test])
            tested = QueryPairs(grade[fold.test], codes[fold.test], count).accuracy(predicted)
            here = np.unique(codes[fold.test])
            found[name][here] = tested[here]
    return found


def training_figures(
    samples: pd.DataFrame,
    judged: pd.DataFrame,
    baselines: pd.DataFrame,
    draws: Sequence[int],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Gains over the log as it is, in accuracy within queries, by log and way.

    Parameters
    ----------
    samples : graded pairs with ``relevance_variance``.
    judged, baselines : a row per query in order of appearance, see clarity_statistics.py. draws : seeds of the logs.

    Returns
    -------
    By log: ``log``, the accuracy with the log as it is, and ``gains``, by way ``value, ci_low, ci_high`` over queries
    and draws. Gains of judged ways have ``p_holm``, two-sided, for their number over all logs.
    """
    codes, names = pd.factorize(samples["query"])
    codes = codes.astype(np.intp)
    grade = samples["grade"].to_numpy(np.float64)
    readable = without_grade(samples)
    features = TextFeatures.fit(readable).transform(readable)
    copies = query_copies(len(names), REPLICATES, SEED)
    found: dict[str, Any] = {}
    for log, label in LABELS.items():
        by_draw = []
        for draw in draws:
            folds = make_folds(codes, [str(name) for name in names], folds=FOLDS, judged=JUDGED, tune=TUNE, seed=draw)
            labels = label(samples, draw)
            truth = (grade >= RELEVANT_AT).astype(np.float64)
            columns = {
                name: (truth if name == CLEAN else labels, weights)
                for name, weights in weights_of(samples, codes, judged, baselines, draw).items()
            }
            by_draw.append(accuracies(features, grade, codes, folds, columns, draw))
            say(f"{log}, draw {draw}: trained")
        stacked = {name: np.stack([one[name] for one in by_draw]) for name in by_draw[0]}
        found[log] = {
            "log": float(np.nanmean(stacked[LOG])),
            "wrong_labels": float(np.mean(labels != truth)),
            "gains": {
                name: paired_query_difference(values, stacked[LOG], copies)
                for name, values in stacked.items()
                if name != LOG
            },
        }
    correct([found[log]["gains"][str(name)] for log in found for name in judged])
    return found


def correct(gains: Sequence[dict[str, float]]) -> None:
    """Add ``p``, two-sided by the normal distribution with the interval's width, and ``p_holm`` to each gain."""
    for gain in gains:
        error = (gain["ci_high"] - gain["ci_low"]) / (2 * norm.ppf(0.975))
        gain["p"] = float(2 * norm.sf(abs(gain["value"]) / error)) if error > 0 else 1.0
    for gain, corrected in zip(gains, multipletests([gain["p"] for gain in gains], method="holm")[1], strict=True):
        gain["p_holm"] = float(corrected)


def training_table(figures: Mapping[str, Any]) -> list[str]:
    """Lines of a Markdown table: a row per way, a column per log; gains in points."""
    logs = list(figures)
    ways = list(figures[logs[0]]["gains"])

    def cell(gain: Mapping[str, float]) -> str:
        value, low, high = (100 * gain[key] for key in ("value", "ci_low", "ci_high"))
        text = f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
        return f"**{text}**" if gain.get("p_holm", 1.0) < 0.05 else text

    return [
        "Gain in accuracy within queries over the log as it is, in points, rows weighing by:",
        "",
        f"| weights by | {' | '.join(logs)} |",
        "|" + "---|" * (len(logs) + 1),
        f"| ({LOG}: accuracy) | {' | '.join(format(figures[log]['log'], '.3f') for log in logs)} |",
        *[f"| {way} | {' | '.join(cell(figures[log]['gains'][way]) for log in logs)} |" for way in ways],
    ]
