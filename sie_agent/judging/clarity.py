"""The clarity of a query from the catalogue alone: the classic clarity score, no model needed."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sie_agent.features import unspaced
from sie_agent.judging.answers import Answer
from sie_agent.judging.questions import writable
from sie_agent.judging.table import JUDGMENT_COLUMNS, typed

MODEL = "clarity-score"
VARIANT = "clarity/cronen-townsend"
SMOOTHING = 0.6
MOST_DOCUMENTS = 500


@dataclass(frozen=True)
class Catalogue:
    """The items' texts as a language model sees them.

    ``shares`` (documents × words, sparse) holds P_ml(w | d); ``collection`` (words,) holds P(w).
    """

    words: dict[str, int]
    shares: Any
    by_word: Any
    collection: NDArray[np.float64]


def judge_clarity_from_catalogue(samples: pd.DataFrame) -> pd.DataFrame:
    """Clarity of every distinct query by how much its items' language differs from the catalogue's.

    Cronen-Townsend, Zhou, Croft 2002: KL(query model || collection model) in bits, where the query model is
    sum_d P(w | d) P(d | Q), P(Q | d) = prod_q P(q | d), P(w | d) = 0.6 P_ml(w | d) + 0.4 P(w), over the 500
    likeliest documents with a word of the query. The documents are the distinct items' titles and
    descriptions. Score = 1 - 2^(-bits), in [0, 1).

    Parameters
    ----------
    samples : the table of samples; only query, item_id, title and description are read.

    Returns
    -------
    One judgment per distinct query in order of appearance (aspect ``clarity``, model ``clarity-score``, no
    ``sample_id`` and ``item_id``). Status ``"no-match"`` where no word of the query is in the catalogue.
    """
    samples = writable(samples)
    catalogue = read_catalogue(samples)
    records = []
    for query in samples["query"].drop_duplicates():
        bits = clarity_bits(str(query), catalogue)
        if bits is None:
            answer = Answer("no-match", "catalogue", detail="no word of the query is in the catalogue")
            score = math.nan
        else:
            answer = Answer("ok", "catalogue", detail=f"{bits:.3f} bits")
            score = 1.0 - 2.0**-bits
        records.append((str(query), score, answer.status, answer.detail))
    table = pd.DataFrame.from_records(records, columns=["query", "score", "status", "detail"])
    fixed: dict[str, Any] = {
        "sample_id": "",
        "item_id": "",
        "aspect": "clarity",
        "variant": VARIANT,
        "model": MODEL,
        "endpoint": "",
    }
    fixed |= {"probabilities": None, "entropy": math.nan, "input_tokens": 0, "output_tokens": 0}
    return typed(table.assign(**fixed, cached=False, latency_ms=0.0))[list(JUDGMENT_COLUMNS)]


def read_catalogue(samples: pd.DataFrame) -> Catalogue:
    """Word counts of the distinct items, as probabilities."""
    from scipy.sparse import csr_matrix

    names = [name for name in ("title", "description") if name in samples.columns]
    items = samples.drop_duplicates("item_id")[names]
    seen: set[str] = set()
    words: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    counts: list[float] = []
    for values in items.itertuples(index=False):
        text = " ".join(str(value) for value in values)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        counted = Counter(unspaced.words_in(text))
        if not counted or digest in seen:
            continue
        for word, count in counted.items():
            rows.append(len(seen))
            columns.append(words.setdefault(word, len(words)))
            counts.append(count)
        seen.add(digest)
    matrix = csr_matrix((counts, (rows, columns)), shape=(len(seen), len(words)), dtype=np.float64)
    lengths = np.asarray(matrix.sum(axis=1)).ravel()
    totals = np.asarray(matrix.sum(axis=0)).ravel()
    shares = csr_matrix(matrix.multiply(1.0 / lengths[:, None])) if len(seen) else matrix
    return Catalogue(words, shares, shares.tocsc(), totals / max(float(totals.sum()), 1.0))


def clarity_bits(query: str, catalogue: Catalogue) -> float | None:
    """The clarity score in bits; None where the catalogue has none of the query's words."""
    places = [catalogue.words[word] for word in unspaced.words_in(query) if word in catalogue.words]
    if not places:
        return None
    background = (1.0 - SMOOTHING) * catalogue.collection
    chosen = catalogue.by_word[:, places]
    documents = np.unique(chosen.indices)
    share = np.asarray(chosen[documents].todense())
    log_likelihood = np.log(SMOOTHING * share + background[places]).sum(axis=1)
    best = np.argsort(-log_likelihood, kind="stable")
    # where a tie crosses the limit, each of the tied documents counts by its chance to be among the first
    least = log_likelihood[best[:MOST_DOCUMENTS][-1]]
    above, tied = int((log_likelihood > least).sum()), int((log_likelihood == least).sum())
    best = best[: above + tied]
    chance = np.where(log_likelihood[best] == least, min(1.0, (MOST_DOCUMENTS - above) / tied), 1.0)
    posterior = chance * np.exp(log_likelihood[best] - log_likelihood[best].max())
    posterior /= posterior.sum()
    model = SMOOTHING * np.asarray(catalogue.shares[documents[best]].T @ posterior).ravel() + background
    bits = float(np.sum(model * np.log2(model / catalogue.collection)))
    return max(bits, 0.0)
