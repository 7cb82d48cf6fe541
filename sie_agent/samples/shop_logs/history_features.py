"""What a two-tower recommender reads: the shopper by the items of the history, and the item by who has it in theirs.

Only histories enter, and the topics of the texts: no label, and nothing of which item stands beside which history.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.features.text_features import Floats, feature_names, unit_dense

HISTORY_SIZE = 40


def shopper_and_item(samples: pd.DataFrame, inputs: Floats) -> Floats:
    """Features of the shopper, then of the item, as many of each, standardised, (n, 2d).

    Of the shopper: the mean vector of the history's items, and the topics of the query, which is made of the last
    titles. Of the item: its vector, and the topics of its title. An item that is in nobody's history, and a shopper
    without one, have the vector zero.

    Parameters
    ----------
    samples : table with ``history``, a JSON list of item ids, and ``item_id``.
    inputs : (n, n_features) what :meth:`TextFeatures.transform` gives for them.

    Raises
    ------
    InputError : no row has a history, or an item is in the history that it is to be predicted from.
    """
    codes, distinct = pd.factorize(samples["history"])
    histories: list[list[str]] = [json.loads(text) for text in distinct]
    check_histories(samples, [set(history) for history in histories], codes)
    place = {item: number for number, item in enumerate(sorted({item for items in histories for item in items}))}
    shoppers, vectors = vectors_of(incidence(histories, place))
    # the last row, of zeros, is for the items that nobody had before
    found = np.vstack([vectors, np.zeros((1, vectors.shape[1]), np.float32)])
    rows = [place.get(item, len(place)) for item in samples["item_id"]]
    names = np.array(feature_names())
    topics = [inputs[:, np.char.startswith(names, f"{what} topic")] for what in ("query", "title")]
    return np.hstack([standardised(shoppers[codes]), topics[0], standardised(found[rows]), topics[1]])


def check_histories(samples: pd.DataFrame, histories: list[set[str]], codes: npt.NDArray[np.intp]) -> None:
    """Raise InputError where there is no history at all, or where it gives the row's item away."""
    if not any(histories):
        problem = "a two-tower target reads the shopper's history, and no row has one"
        hint = "Map a column of item ids, oldest first, to 'history', or use target.kind: perceptron."
        raise InputError(problem, where="samples, field 'history'", hint=hint)
    for row, (item, code) in enumerate(zip(samples["item_id"], codes, strict=True)):
        if item in histories[code]:
            problem = f"the item '{item}' is in the history that it is to be predicted from"
            where = f"samples, sample_id '{samples['sample_id'].iloc[row]}', field 'history'"
            hint = "Let each history end before its row, and drop rows of items that were bought before."
            raise InputError(problem, where=where, hint=hint)


def incidence(histories: list[list[str]], place: dict[str, int]) -> Any:
    """(histories, items) sparse: one where an item is in a history."""
    from scipy import sparse

    pairs = [(row, place[item]) for row, history in enumerate(histories) for item in dict.fromkeys(history)]
    rows, columns = np.array(pairs, np.intp).reshape(-1, 2).T
    return sparse.csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=(len(histories), len(place)))


def vectors_of(owned: Any, seed: int = 0) -> tuple[Floats, Floats]:
    """Vector of each history, the mean of its items', and of each item, in ``HISTORY_SIZE`` dimensions or fewer.

    Items by the truncated singular vectors of the matrix of histories and items, each item weighted by how rare it is,
    each history of length one (latent semantic analysis, Deerwester 1990, with shoppers for documents).

    Parameters
    ----------
    owned : (histories, items) from :func:`incidence`; seed : of the randomised decomposition.
    """
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    holders = np.asarray(owned.sum(axis=0)).ravel()
    weighted = normalize(owned @ sparse.diags(np.log(1 + owned.shape[0] / holders)))
    size = max(min(HISTORY_SIZE, min(owned.shape) - 1), 1)
    decomposition = TruncatedSVD(size, random_state=seed, n_iter=7).fit(weighted)
    items = unit_dense(decomposition.components_.T * np.sqrt(decomposition.singular_values_)).astype(np.float32)
    lengths = np.maximum(np.asarray(owned.sum(axis=1)), 1)
    return np.asarray(owned @ items / lengths, np.float32), items


def standardised(values: Floats) -> Floats:
    """Every column with mean zero and spread one; a column that is the same everywhere is zero."""
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0), np.float32)
