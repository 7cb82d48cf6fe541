"""The clarity of a query from the catalogue alone: the classic clarity score, no model needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sie_agent.features import unspaced
from sie_agent.judging.questions import writable
from sie_agent.judging.table import typed

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
    for query in map(str, samples["query"].drop_duplicates()):
        bits = clarity_bits(query, catalogue)
        if bits is None:
            records.append((query, math.nan, "no-match", "no word of the query is in the catalogue"))
        else:
            records.append((query, 1.0 - 2.0**-bits, "ok", f"{bits:.3f} bits"))
    table = pd.DataFrame.from_records(records, columns=["query", "score", "status", "detail"])
    named: dict[str, Any] = {"aspect": "clarity", "variant": VARIANT, "model": MODEL, "probabilities": None}
    named |= dict.fromkeys(("sample_id", "item_id", "endpoint"), "")
    counts = dict.fromkeys(("input_tokens", "output_tokens", "latency_ms"), 0)
    return typed(table.assign(**named, **counts, entropy=math.nan, cached=False))


def read_catalogue(samples: pd.DataFrame) -> Catalogue:
    """Word counts of the distinct items, as probabilities."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    names = [name for name in ("title", "description") if name in samples.columns]
    items = samples.drop_duplicates("item_id")[names]
    texts = dict.fromkeys(" ".join(map(str, values)) for values in items.itertuples(index=False))
    documents = [words for words in map(unspaced.words_in, texts) if words]
    if not documents:
        return Catalogue({}, None, None, np.zeros(0))
    counter = CountVectorizer(analyzer=list, dtype=np.float64)
    counts = counter.fit_transform(documents)
    shares = csr_matrix(counts.multiply(1.0 / counts.sum(axis=1)))
    totals = np.asarray(counts.sum(axis=0)).ravel()
    return Catalogue(counter.vocabulary_, shares, shares.tocsc(), totals / totals.sum())


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
