"""Untrained scores of how well a title answers a query: what a shop has before it learns anything from its log.

They are baselines: a model trained on the log, and a judge, have to rank better than these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sie_agent.evaluation.embeddings import embed_pairs
from sie_agent.features import unspaced
from sie_agent.judging import share_of_words
from sie_agent.samples import lexical_scores, query_keys
from sie_agent.utils.arrays import Doubles

# sizes and models are often one character long, so these are words too
WORD = rf"[^\W{unspaced.UNSPACED}]+|{unspaced.UNIT}"


@dataclass(frozen=True)
class TextScore:
    """A score by name.

    Attributes
    ----------
    name : its key in ``TEXT_SCORES``; words : what it is, for tables.
    score : from a table with ``query`` and ``title`` to (n,) numbers, higher is better, comparable within a query.
    reads : ``embeddings`` needs torch and the package with MiniLM; ``words`` needs nothing.
    """

    name: str
    words: str
    score: Callable[[pd.DataFrame], Doubles]
    reads: Literal["words", "embeddings"]


def tfidf(samples: pd.DataFrame) -> Doubles:
    """Cosine of character 3-gram TF-IDF vectors, in [0, 1], (n,); simulated clicks are ranked by it."""
    return lexical_scores(samples["query"], samples["title"])


def bm25(samples: pd.DataFrame) -> Doubles:
    """BM25 in Lucene's form (Robertson & Zaragoza 2009, Kamphuis 2020), by the library bm25s (Lù 2024), (n,) from 0.

    The catalogue is the distinct titles of *samples*; k1 = 1.5 and b = 0.75 are the library's defaults. Nothing is
    stemmed and no word is left out, so that no language is preferred. Descriptions are not read: the other scores do
    not read them, and on shop searches with rater grades they took within-query accuracy from 0.65 to 0.63.
    """
    import bm25s

    query_codes, queries = pd.factorize(query_keys(samples["query"]))
    title_codes, titles = pd.factorize(query_keys(samples["title"]))

    def words_of(texts: pd.Index) -> list[list[str]]:
        how = {"token_pattern": WORD, "stopwords": None, "show_progress": False, "return_ids": False}
        return list(bm25s.tokenize([unspaced.fold_widths(text) for text in texts], **how))

    found = np.zeros(len(samples))
    in_titles, in_queries = words_of(titles), words_of(queries)
    # the library cannot index a catalogue without a single word
    if not any(in_titles):
        return found
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(in_titles, show_progress=False)
    order = np.argsort(query_codes, kind="stable")
    starts = np.searchsorted(query_codes[order], np.arange(1, len(queries)))
    for words, rows in zip(in_queries, np.split(order, starts), strict=True):
        if words:
            found[rows] = index.get_scores(words)[title_codes[rows]]
    return found


def word_overlap(samples: pd.DataFrame) -> Doubles:
    """Share of the query's distinct words in the title, in [0, 1], (n,); 0 for a query without words."""
    pairs = zip(samples["query"], samples["title"], strict=True)
    return np.array([share_of_words(query, title) or 0.0 for query, title in pairs], np.float64)


def minilm(samples: pd.DataFrame) -> Doubles:
    """Cosine of the sentence embeddings of query and title, in [-1, 1], (n,).

    Raises
    ------
    MissingExtraError, EnvironmentFailure : torch, transformers or the model is not installed.
    """
    queries, titles = embed_pairs(samples)
    return np.asarray(np.einsum("nd,nd->n", queries, titles, dtype=np.float64))


TEXT_SCORES: dict[str, TextScore] = {
    score.name: score
    for score in (
        TextScore("tfidf", "character TF-IDF of query and title", tfidf, "words"),
        TextScore("bm25", "BM25 of query and title", bm25, "words"),
        TextScore("word-overlap", "share of query words in the title", word_overlap, "words"),
        TextScore("minilm", "cosine of MiniLM sentence embeddings", minilm, "embeddings"),
    )
}
