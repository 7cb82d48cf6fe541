"""What clarity could say of a query, what is had without a judge, and how far the two agree; for measure.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import entropy
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from sie_agent.evaluation import QueryPairs, interval, partial_spearman, query_copies, resampled_rows, spearman
from sie_agent.judging import judge_clarity_from_catalogue
from sie_agent.samples import lexical_scores, without_grade

Doubles = npt.NDArray[np.float64]

RATER_VARIANCE, SPREAD = "rater variance", "spread of grades"
RELEVANT, BEYOND, TEXT = "fully relevant", "variance beyond grades", "accuracy of text"
# what is clear should have less disagreement and less spread, more that is right, and be ranked well by its words
EXPECTED = {RATER_VARIANCE: -1, SPREAD: -1, RELEVANT: 1, BEYOND: -1, TEXT: 1}
WORDS, CHARACTERS, CATALOGUE = "number of words", "number of characters", "catalogue's clarity score"
OWN, NEAREST = "departments of its items", "departments of the nearest items"
BASELINES = (WORDS, CHARACTERS, OWN, NEAREST, CATALOGUE)
TOPICS, DEPARTMENTS, NEAREST_ITEMS = 100, 30, 50
SEED = 20_260


def outcomes_of(samples: pd.DataFrame, variance: npt.NDArray[np.floating]) -> pd.DataFrame:
    """What clarity could say of each query, indexed by query in order of appearance, a column per outcome.

    Parameters
    ----------
    samples : graded pairs, (n,), ``grade`` in [0, 1].
    variance : (n,) how much the raters of each pair disagreed.

    Returns
    -------
    ``rater variance``: mean of its pairs. ``spread of grades``: their standard deviation. ``fully relevant``: share
    of the highest grade. ``variance beyond grades``: mean difference from the variance that is usual at a pair's
    grade, because raters can hardly disagree about what is plainly right. ``accuracy of text``: share of its pairs of
    unequal grades that character TF-IDF puts in order; NaN where there are none.
    """
    grade = samples["grade"].astype("float64")
    codes, names = pd.factorize(samples["query"])
    pairs = pd.DataFrame({"query": samples["query"].to_numpy(), "grade": grade.to_numpy(), "variance": variance})
    pairs["beyond"] = pairs["variance"] - pairs.groupby("grade")["variance"].transform("mean")
    pairs["top"] = pairs["grade"] >= 1.0
    by_query = pairs.groupby("query", sort=False)
    text = lexical_scores(samples["query"], samples["title"])
    accuracy = QueryPairs(grade.to_numpy(), codes.astype(np.intp), len(names)).accuracy(text)
    return pd.DataFrame(
        {
            RATER_VARIANCE: by_query["variance"].mean(),
            SPREAD: by_query["grade"].std(ddof=0),
            RELEVANT: by_query["top"].mean(),
            BEYOND: by_query["beyond"].mean(),
            TEXT: pd.Series(accuracy, index=names),
        }
    ).loc[names]


def baselines_of(samples: pd.DataFrame) -> pd.DataFrame:
    """What is known of each query without a judge, indexed by query in order of appearance, a column per baseline.

    The data have no departments. Titles are clustered (TF-IDF, 100 latent topics, k-means with 30 clusters, fixed
    seed), and ambiguity is the entropy in bits of the clusters of the query's own items, and of the 50 titles that are
    nearest to the query by TF-IDF.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    queries = samples["query"].drop_duplicates()
    titles = samples["title"].drop_duplicates()
    vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\w+").fit(titles)
    vectors = vectorizer.transform(titles)
    topics = normalize(TruncatedSVD(min(TOPICS, vectors.shape[1] - 1), random_state=SEED).fit_transform(vectors))
    department = KMeans(min(DEPARTMENTS, len(titles)), n_init=4, random_state=SEED).fit_predict(topics)
    of_title = dict(zip(titles, department, strict=True))
    own = samples.groupby("query", sort=False)["title"].agg(lambda some: bits([of_title[one] for one in some]))
    cosine = (vectorizer.transform(queries) @ vectors.T).toarray()
    nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :NEAREST_ITEMS]
    catalogue = judge_clarity_from_catalogue(without_grade(samples)).set_index("query")["score"]
    return pd.DataFrame(
        {
            WORDS: [float(len(query.split())) for query in queries],
            CHARACTERS: [float(len(query)) for query in queries],
            OWN: own.loc[queries].to_numpy(np.float64),
            NEAREST: [bits(department[row]) for row in nearest],
            CATALOGUE: catalogue.loc[queries].to_numpy(np.float64),
        },
        index=pd.Index(queries, name="query"),
    )


def bits(departments: Sequence[Any] | npt.NDArray[np.integer]) -> float:
    """Entropy in bits of how often each department occurs."""
    return float(entropy(np.unique(np.asarray(departments), return_counts=True)[1], base=2))


def agreement(
    predictor: Doubles, outcome: Doubles, given: Sequence[Doubles] = (), *, replicates: int = 2_000
) -> dict[str, float]:
    """Rank correlation of two columns over queries, with the ranks of others taken out of both where *given*.

    Parameters
    ----------
    predictor, outcome, given : (n,) each; queries with a NaN anywhere are left out.
    replicates : of the bootstrap over queries.

    Returns
    -------
    ``queries`` that were used; ``value``; ``low``, ``high``, 95 %; ``p``, two-sided, from Student's t with
    queries − 2 − number of *given* degrees of freedom (Kendall & Stuart). All but the first NaN where either column is
    constant.
    """
    table = np.column_stack([predictor, outcome, *given])
    table = table[~np.isnan(table).any(axis=1)]
    count, freedom = len(table), len(table) - 2 - len(given)

    def statistic(rows: npt.NDArray[np.intp]) -> float:
        left, right, *others = table[rows].T
        return partial_spearman(left, right, others) if others else spearman(left, right)

    value = statistic(np.arange(count)) if count > 2 else float("nan")
    if not np.isfinite(value) or freedom < 1:
        return {"queries": count, **dict.fromkeys(("value", "low", "high", "p"), float("nan"))}
    each = np.arange(count)
    drawn = [statistic(resampled_rows(each, copies)) for copies in query_copies(count, replicates, SEED)]
    low, high = interval(drawn)
    # columns that agree fully have no residual to divide by
    distance = abs(value) * np.sqrt(freedom / max(1 - value**2, 1e-12))
    return {"queries": count, "value": value, "low": low, "high": high, "p": float(2 * student.sf(distance, freedom))}


def holm(tests: Sequence[dict[str, Any]]) -> None:
    """Add ``p_holm``, corrected for their number (Holm 1979), to those of the tests that have a ``p``."""
    known = [test for test in tests if np.isfinite(test["p"])]
    if known:
        for test, corrected in zip(known, multipletests([test["p"] for test in known], method="holm")[1], strict=True):
            test["p_holm"] = float(corrected)


def chance(
    judged: pd.DataFrame, outcomes: pd.DataFrame, given: Sequence[Doubles] = (), *, times: int = 200
) -> dict[str, float]:
    """How far answers agree with outcomes once they are permuted among the queries.

    Parameters
    ----------
    judged, outcomes : a row per query, a column per judge and prompt, and per outcome. given : held fixed, (n,) each.

    Returns
    -------
    ``times``; ``single``: 95 % quantile of |correlation| over permutations, columns and outcomes; ``largest``: 95 %
    quantile of the largest one of the whole table, where all columns are permuted alike.
    """
    rng = np.random.default_rng(SEED)
    found = np.full((times, judged.shape[1], outcomes.shape[1]), np.nan)
    for one in range(times):
        mixed = judged.to_numpy(np.float64)[rng.permutation(len(judged))]
        for row, column in np.ndindex(found.shape[1:]):
            tested = agreement(mixed[:, row], outcomes.iloc[:, column].to_numpy(np.float64), given, replicates=0)
            found[one, row, column] = abs(tested["value"])
    if np.isnan(found).all():
        return {"times": times, "single": float("nan"), "largest": float("nan")}
    most = np.nanmax(found, axis=(1, 2))
    return {"times": times, "single": float(np.nanquantile(found, 0.95)), "largest": float(np.nanquantile(most, 0.95))}


def all_agreements(
    baselines: pd.DataFrame, judged: pd.DataFrame, outcomes: pd.DataFrame, replicates: int
) -> dict[str, Any]:
    """Every agreement that is asked about.

    Returns
    -------
    ``baselines``: by baseline and outcome, :func:`agreement`. ``judged``: by column and outcome ``alone``,
    ``beyond_words`` (number of words held fixed) and ``beyond_baselines`` (all of them), each corrected by Holm's
    method for the number of columns times outcomes. ``between``: Spearman correlation of the judged columns with each
    baseline and with each other.
    """

    def by_outcome(column: Doubles, given: Sequence[Doubles] = ()) -> dict[str, Any]:
        return {
            str(name): agreement(column, outcomes[name].to_numpy(np.float64), given, replicates=replicates)
            for name in outcomes
        }

    def numbers(table: pd.DataFrame) -> Mapping[str, Doubles]:
        return {str(name): table[name].to_numpy(np.float64) for name in table}

    plain, asked = numbers(baselines), numbers(judged)
    kinds: dict[str, Sequence[Doubles]] = {
        "alone": (),
        "beyond_words": [plain[WORDS]],
        "beyond_baselines": list(plain.values()),
    }
    found = {name: {kind: by_outcome(column, given) for kind, given in kinds.items()} for name, column in asked.items()}
    for kind in kinds:
        holm([test for by_kind in found.values() for test in by_kind[kind].values()])
    others = {**plain, **asked}
    return {
        "baselines": {name: by_outcome(column) for name, column in plain.items()},
        "judged": found,
        "between": {
            name: {other: agreement(column, values, replicates=0)["value"] for other, values in others.items()}
            for name, column in asked.items()
        },
    }
