"""The students that are tried: each learns the weak labels of importance and scores rows from their raw text."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import Ridge

from scripts.experiments.students.networks import DenseSettings, fit_dense, fit_transformer, word_vectors
from scripts.experiments.students.setting import Setting
from sie_agent.evaluation import spearman
from sie_agent.features import feature_names
from sie_agent.labels import label_names
from sie_agent.scorer import distill_scorer, save_scorer, student_inputs

Doubles = npt.NDArray[np.float64]

LABELS = label_names(importance=True)
SHIPPED = "shipped: distill_scorer"
ALPHAS = (1.0, 16.0)
# (n-grams of words, n-grams of characters, pairs of words) as powers of two
BUCKETS = 18
PAIR_BUCKETS = 19
WORD = re.compile(r"[a-z0-9]+")
# features that count what query and item share, without cosines and topics
OVERLAP = tuple(name for name in feature_names() if not name.endswith("cosine") and "topic" not in name)


@dataclass(frozen=True)
class Trained:
    """A student of all these labels.

    Attributes
    ----------
    scores : from a table of samples to (n, labels), columns in the order of LABELS; raw text in.
    size : bytes on disk; slow : whether a transformer runs over every row; chosen : by label, what tuning chose.
    """

    scores: Callable[[pd.DataFrame], Doubles]
    size: int
    slow: bool = False
    chosen: Mapping[str, str] | None = None


@dataclass(frozen=True)
class TreeSettings:
    """Of LightGBM; where *patience* is set, trees are added until the tuning queries get worse for so many trees."""

    trees: int
    leaves: int
    rate: float
    share: float = 0.5
    patience: int = 0


def shipped(setting: Setting, seed: int) -> Trained:
    """What the package distills, with its own settings, saved and scored as the package does."""
    rows = setting.samples[setting.training]
    weak = pd.DataFrame({name: setting.weak[name][setting.training] for name in LABELS})
    scorer = distill_scorer(rows, weak.assign(sample_id=rows["sample_id"].to_numpy()), seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        save_scorer(scorer, Path(folder) / "scorer")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Trained(lambda samples: scorer.predict(samples)[list(LABELS)].to_numpy(np.float64), size)


def trees(wanted: TreeSettings, columns: Sequence[str] | None = None) -> Callable[[Setting, int], Trained]:
    """Gradient-boosted trees on the text features, or on some *columns* of them, and the log's label."""
    names = feature_names()
    chosen = [names.index(name) for name in columns or names]

    def fit(setting: Setting, seed: int) -> Trained:
        inputs = student_inputs(setting.inputs[:, chosen], setting.label)
        boosters = [boosted(inputs, setting, name, wanted, seed) for name in LABELS]

        def scores(samples: pd.DataFrame) -> Doubles:
            read = student_inputs(setting.features.transform(samples)[:, chosen], samples["label"])
            return np.column_stack([booster.predict(read, num_threads=0) for booster in boosters])

        grown = {name: f"{booster.current_iteration()} trees" for name, booster in zip(LABELS, boosters, strict=True)}
        texts = sum(len(booster.model_to_string()) for booster in boosters)
        return Trained(scores, texts + features_size(setting), chosen=grown)

    return fit


def boosted(
    inputs: npt.NDArray[np.float32], setting: Setting, name: str, wanted: TreeSettings, seed: int
) -> lightgbm.Booster:
    """Trees for one weak label."""
    ranks, callbacks = setting.ranks(name), []
    data = lightgbm.Dataset(inputs[setting.training], ranks[setting.training], params={"verbose": -1})
    sets = []
    if wanted.patience:
        sets = [lightgbm.Dataset(inputs[setting.tuning], ranks[setting.tuning], reference=data)]
        callbacks = [lightgbm.early_stopping(wanted.patience, verbose=False)]
    parameters = {
        "objective": "regression",
        "num_leaves": wanted.leaves,
        "learning_rate": wanted.rate,
        "feature_fraction": wanted.share,
        "min_data_in_leaf": min(20, max(1, int(setting.training.sum()) // 10)),
        "seed": seed,
        "verbose": -1,
    }
    booster = lightgbm.train(parameters, data, wanted.trees, valid_sets=sets, callbacks=callbacks)
    if wanted.patience and booster.best_iteration:
        return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))
    return booster


def features_size(setting: Setting) -> int:
    """Bytes of the fitted text features."""
    return sum(np.asarray(getattr(setting.features, field.name)).nbytes for field in fields(setting.features))


def dense(candidates: Mapping[str, DenseSettings]) -> Callable[[Setting, int], Trained]:
    """A perceptron on the text features for each label; which of the *candidates*, the tuning queries say."""

    def fit(setting: Setting, seed: int) -> Trained:
        return perceptrons(
            setting, setting.inputs, setting.features.transform, candidates, seed, features_size(setting)
        )

    return fit


def perceptrons(
    setting: Setting,
    inputs: npt.NDArray[np.float32],
    read: Callable[[pd.DataFrame], npt.NDArray[np.float32]],
    candidates: Mapping[str, DenseSettings],
    seed: int,
    size: int,
) -> Trained:
    """A perceptron for each label on *inputs* (n, d), which *read* makes of a table."""
    nets, chosen = [], {}
    for name in LABELS:
        tried = {
            candidate: fit_dense(inputs, setting.label, setting.ranks(name), setting.training, wanted, seed)
            for candidate, wanted in candidates.items()
        }
        chosen[name] = best_of(
            {key: net(inputs[setting.tuning], setting.label[setting.tuning]) for key, net in tried.items()},
            setting,
            name,
        )
        nets.append(tried[chosen[name]])

    def scores(samples: pd.DataFrame) -> Doubles:
        values, label = read(samples), samples["label"].to_numpy(np.float64)
        return np.column_stack([net(values, label) for net in nets])

    return Trained(scores, size + sum(net.size for net in nets), chosen=chosen)


def best_of(scores: Mapping[str, Doubles], setting: Setting, name: str) -> str:
    """Which of several scores of the tuning rows agrees best with a weak label."""
    truth = setting.weak[name][setting.tuning]
    return max(scores, key=lambda candidate: spearman(scores[candidate], truth))


def ngrams(setting: Setting, seed: int) -> Trained:
    """Ridge regression on hashed n-grams of query and title and pairs of their words, with and without the label."""
    found = hashed(setting.samples)
    models, chosen = [], {}
    for name in LABELS:
        rows, ranks = found[setting.training], setting.ranks(name)[setting.training]
        tried = {
            f"alpha {alpha:g}": Ridge(alpha=alpha, solver="lsqr", max_iter=60).fit(rows, ranks) for alpha in ALPHAS
        }
        held = found[setting.tuning]
        chosen[name] = best_of({key: model.predict(held) for key, model in tried.items()}, setting, name)
        models.append(tried[chosen[name]])
    kept = sum(int(np.count_nonzero(model.coef_)) * 8 for model in models)

    def scores(samples: pd.DataFrame) -> Doubles:
        read = hashed(samples)
        return np.column_stack([model.predict(read) for model in models])

    return Trained(scores, kept, chosen=chosen)


def hashed(samples: pd.DataFrame) -> sparse.csr_matrix:
    """Sparse columns of each row: n-grams, pairs of words, all of that once more signed by the label, the label."""
    options: dict[str, Any] = {"n_features": 2**BUCKETS}
    by_word = HashingVectorizer(ngram_range=(1, 2), **options)
    by_character = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **options)
    by_pair = HashingVectorizer(analyzer=word_pairs, n_features=2**PAIR_BUCKETS)
    queries, titles = samples["query"].tolist(), samples["title"].tolist()
    parts = [vectoriser.transform(texts) for vectoriser in (by_word, by_character) for texts in (queries, titles)]
    parts.append(by_pair.transform(zip(queries, titles, strict=True)))
    both, sign = sparse.hstack(parts), 2 * samples["label"].to_numpy(np.float64) - 1
    return sparse.hstack([both, sparse.diags(sign) @ both, 5 * sign[:, None]]).tocsr()


def word_pairs(texts: tuple[str, str]) -> list[str]:
    """Each word of the query beside each word of the title."""
    asked, there = (set(WORD.findall(text.lower())) for text in texts)
    return [f"{one}|{other}" for one in asked for other in there]


def static(candidates: Mapping[str, DenseSettings]) -> Callable[[Setting, int], Trained]:
    """Mean word vectors of MiniLM of query and title, their product and difference, and a perceptron."""

    def fit(setting: Setting, seed: int) -> Trained:
        read, size = word_vectors(setting.samples[setting.training])
        return perceptrons(setting, read(setting.samples), read, candidates, seed, size)

    return fit


def transformer(layers: int, steps: int) -> Callable[[Setting, int], Trained]:
    """The first layers of MiniLM as a cross-encoder with a number for each label, trained in so many steps."""

    def fit(setting: Setting, seed: int) -> Trained:
        ranks = np.column_stack([setting.ranks(name) for name in LABELS])
        rows = setting.samples[setting.training]
        scores, size = fit_transformer(rows, ranks[setting.training], layers, steps, seed)
        return Trained(scores, size, slow=True)

    return fit
