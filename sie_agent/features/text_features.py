"""Text features of a (query, item) row: what the target models, the proxies and the scorer all read.

No label, judgment or grade enters here. The only thing that is fitted is the catalogue's statistics (inverse
document frequencies and a latent space), which are kept as plain arrays so that no pickle is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.features.overlap import OVERLAP_NAMES, Field, Vocabulary, count_words, overlap_features
from sie_agent.features.reading import CHARACTER_BUCKETS, DIGIT, FIELDS, MOST_WORDS, VERSION, WORD_BUCKETS
from sie_agent.features.tokens import Counts, Doubles, Integers, Ragged, lower, split_grams, split_words

Floats = npt.NDArray[np.float32]

ROWS_AT_ONCE = 16_384
LATENT = 24

COSINE_NAMES = ("word cosine", "character cosine", "latent cosine")


def feature_names() -> list[str]:
    """Names of the columns that :meth:`TextFeatures.transform` returns, in order."""
    latent = [f"{what} topic {k}" for what in ("query", "title", "shared") for k in range(LATENT)]
    return [*OVERLAP_NAMES, *COSINE_NAMES, *latent]


@dataclass(frozen=True)
class TextFeatures:
    """Fitted statistics of a catalogue, and the map from rows to numbers.

    Attributes
    ----------
    word_rarity : (WORD_BUCKETS,) smoothed inverse document frequency of hashed words.
    character_rarity : (CHARACTER_BUCKETS,) the same of hashed character 3- to 4-grams.
    topics : (WORD_BUCKETS, LATENT) truncated singular vectors of the item-word matrix (Deerwester 1990).
    centre, scale : (n_features,) mean and standard deviation of the raw features on the fitted rows.
    version : of the reading of texts (``reading.VERSION``): what was fitted is of no use to another one.
    """

    word_rarity: Floats
    character_rarity: Floats
    topics: Floats
    centre: Floats
    scale: Floats
    version: int = VERSION

    @classmethod
    def fit(cls, samples: pd.DataFrame, *, seed: int = 0) -> TextFeatures:
        """Fit catalogue statistics on the texts of *samples* (queries, titles); labels are not read.

        Parameters
        ----------
        samples : the samples table.
        seed : of the randomised singular value decomposition.
        """
        from sklearn.decomposition import TruncatedSVD
        from sklearn.preprocessing import normalize

        texts = pd.Series([*pd.unique(samples["title"]), *pd.unique(samples["query"])], dtype=object)
        lowered = lower(pa.array(texts, pa.large_string()))
        vocabulary, [found] = split_words([(lowered, MOST_WORDS["title"])])
        word_counts = count_words(Ragged(hashed_words(vocabulary)[found.values], found.starts), WORD_BUCKETS)
        character_counts = split_grams(lowered, CHARACTER_BUCKETS)
        word_rarity = rarity(word_counts)
        decomposition = TruncatedSVD(max(min(LATENT, len(texts) - 1), 1), random_state=seed, n_iter=4)
        decomposition.fit(normalize(weighted(word_counts, word_rarity.astype(np.float64)).astype(np.float32)))
        topics = np.zeros((WORD_BUCKETS, LATENT), np.float32)
        topics[:, : decomposition.components_.shape[0]] = decomposition.components_.T
        none, one = (np.full(len(feature_names()), value, np.float32) for value in (0, 1))
        unscaled = cls(word_rarity, rarity(character_counts), topics, none, one)
        raw = unscaled.transform(samples)
        scale = raw.std(axis=0)
        return replace(unscaled, centre=raw.mean(axis=0), scale=np.where(scale > 1e-6, scale, 1.0))

    def transform(self, samples: pd.DataFrame) -> Floats:
        """Features of each row, standardised.

        Returns
        -------
        (len(samples), n_features) float32. A row's features depend on that row alone.
        """
        starts = range(0, len(samples), ROWS_AT_ONCE)
        blocks = [self._block(samples.iloc[start : start + ROWS_AT_ONCE]) for start in starts]
        return np.concatenate(blocks) if blocks else np.empty((0, len(feature_names())), np.float32)

    def _block(self, samples: pd.DataFrame) -> Floats:
        from sklearn.preprocessing import normalize

        rows, texts = zip(*(distinct_texts(samples[name], self.version) for name in FIELDS), strict=True)
        fields = [(one, MOST_WORDS[name]) for name, one in zip(FIELDS, texts, strict=True)]
        vocabulary, words = split_words(fields, self.version)
        query, title, description = (
            Field(own, pc.utf8_length(one).to_numpy(zero_copy_only=False).astype(np.int64), row)
            for own, one, row in zip(words, texts, rows, strict=True)
        )
        buckets = hashed_words(vocabulary)
        rarity = self.word_rarity.astype(np.float64)
        with_digit = pc.match_substring_regex(pa.array(vocabulary, pa.large_string()), pattern=DIGIT)
        known = Vocabulary(rarity[buckets], with_digit.to_numpy(zero_copy_only=False).astype(bool))
        query_words, title_words = (
            count_words(Ragged(buckets[field.words.values], field.words.starts), WORD_BUCKETS)
            for field in (query, title)
        )
        query_grams, title_grams = (split_grams(one, CHARACTER_BUCKETS, self.version) for one in texts[:2])
        query_topics, title_topics = (
            unit_dense(normalize(weighted(counts, rarity)) @ self.topics.astype(np.float64))[field.rows]
            for counts, field in ((query_words, query), (title_words, title))
        )
        shared = query_topics * title_topics
        cosines = [
            cosine(query_words, query.rows, title_words, title.rows, rarity),
            cosine(query_grams, query.rows, title_grams, title.rows, self.character_rarity.astype(np.float64)),
            shared.sum(axis=1),
        ]
        overlap = overlap_features(query, title, description, known)
        raw = np.column_stack([overlap, *cosines, query_topics, title_topics, shared])
        return np.asarray((raw - self.centre) / self.scale, np.float32)


def distinct_texts(column: pd.Series[str], version: int = VERSION) -> tuple[Integers, pa.Array]:
    """Which of the distinct texts each row has, (n,), and those texts in lower case."""
    encoded = pa.array(column, pa.large_string(), from_pandas=True).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64), lower(encoded.dictionary, version)


def hashed_words(words: list[str]) -> Integers:
    """Bucket of each word."""
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(WORD_BUCKETS, input_type="string", alternate_sign=False)
    return np.asarray(hasher.transform([word] for word in words).indices if words else [], np.int64)


def weighted(counts: Counts, rarity: Doubles) -> Any:
    """(texts, buckets) sparse counts times rarity."""
    from scipy.sparse import csr_matrix

    buckets = counts.buckets()
    shape = (len(counts.starts) - 1, counts.width)
    return csr_matrix((counts.counts * rarity[buckets], buckets, counts.starts), shape=shape)


def cosine(left: Counts, left_rows: Integers, right: Counts, right_rows: Integers, rarity: Doubles) -> Doubles:
    """Cosine of counts times rarity of row i's left and right text, (n,); 0 where one of them is empty."""
    squared = rarity**2
    entries = Ragged(np.arange(len(left.keys)), left.starts).take(left_rows)
    row, mine = entries.owners(), entries.values
    buckets = left.buckets()[mine]
    other = right.entries(right_rows[row], buckets)
    both = other >= 0
    products = left.counts[mine[both]] * right.counts[other[both]] * squared[buckets[both]]
    dots = np.bincount(row[both], products, len(left_rows))

    def lengths(counts: Counts) -> Doubles:
        squares = counts.counts**2 * squared[counts.buckets()]
        return np.sqrt(np.bincount(Ragged(counts.keys, counts.starts).owners(), squares, len(counts.starts) - 1))

    together = lengths(left)[left_rows] * lengths(right)[right_rows]
    return np.asarray(dots / np.where(together > 0, together, 1.0))


def rarity(counts: Counts) -> Floats:
    """Smoothed inverse document frequency per bucket: log((1 + n) / (1 + df)) + 1."""
    documents = np.bincount(counts.buckets(), minlength=counts.width)
    return np.asarray(np.log((len(counts.starts)) / (1 + documents)) + 1.0, np.float32)


def unit_dense(matrix: Any) -> Doubles:
    """Rows of a dense matrix scaled to length one; zero rows stay zero."""
    dense = np.asarray(matrix, np.float64)
    return np.asarray(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9))
