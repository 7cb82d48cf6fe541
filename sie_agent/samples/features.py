"""Text features of a (query, item) row: what the target models, the proxies and the scorer all read.

No label, judgment or grade enters here. The only thing that is fitted is the catalogue's statistics (inverse
document frequencies and a latent space), which are kept as plain arrays so that no pickle is needed.
"""

from __future__ import annotations

import itertools
import re
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError

Floats = npt.NDArray[np.float32]

WORD = re.compile(r"[a-z0-9]+")
WORD_BUCKETS = 2**14
CHARACTER_BUCKETS = 2**15
LATENT = 24

OVERLAP_NAMES = (
    "share of query words in title",
    "share of query words in title, by rarity",
    "all query words in title",
    "share of query word pairs in title",
    "last query word in title",
    "last query word ends title",
    "first query word in title",
    "share of query numbers in title",
    "query has a number",
    "place of first match in title",
    "rarity of rarest missing query word",
    "mean rarity of query words",
    "words shared over words in either",
    "first title word in query",
    "share of query words in description",
    "share of query words in item",
    "query words",
    "query characters",
    "title words",
    "title characters",
    "share of title words in query",
)
COSINE_NAMES = ("word cosine", "character cosine", "latent cosine")


def feature_names() -> list[str]:
    """Names of the columns that :meth:`TextFeatures.transform` returns, in order."""
    latent = [f"{what} topic {k}" for what in ("query", "title", "shared") for k in range(LATENT)]
    return [*OVERLAP_NAMES, *COSINE_NAMES, *latent]


def words(text: str) -> list[str]:
    """Lower-cased words of *text*, plural endings taken off."""
    found = WORD.findall(text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


@dataclass(frozen=True)
class TextFeatures:
    """Fitted statistics of a catalogue, and the map from rows to numbers.

    Attributes
    ----------
    word_rarity : (WORD_BUCKETS,) smoothed inverse document frequency of hashed words.
    character_rarity : (CHARACTER_BUCKETS,) the same of hashed character 3- to 4-grams.
    topics : (WORD_BUCKETS, LATENT) truncated singular vectors of the item-word matrix (Deerwester 1990).
    centre, scale : (n_features,) mean and standard deviation of the raw features on the fitted rows.
    """

    word_rarity: Floats
    character_rarity: Floats
    topics: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def fit(cls, samples: pd.DataFrame, *, seed: int = 0) -> TextFeatures:
        """Fit catalogue statistics on the texts of *samples* (queries, titles); labels are not read.

        Parameters
        ----------
        samples : the samples table.
        seed : of the randomised singular value decomposition.
        """
        from sklearn.decomposition import TruncatedSVD

        titles = pd.unique(samples["title"])
        queries = pd.unique(samples["query"])
        word_counts = count_words([*titles, *queries])
        character_counts = count_characters([*titles, *queries])
        word_rarity = rarity(word_counts)
        components = min(LATENT, word_counts.shape[0] - 1)
        decomposition = TruncatedSVD(max(components, 1), random_state=seed, n_iter=4)
        decomposition.fit(unit_rows(word_counts.multiply(word_rarity).tocsr()))
        topics = np.zeros((WORD_BUCKETS, LATENT), np.float32)
        topics[:, : decomposition.components_.shape[0]] = decomposition.components_.T
        unscaled = cls(
            word_rarity,
            rarity(character_counts),
            topics,
            np.zeros(len(feature_names()), np.float32),
            np.ones(len(feature_names()), np.float32),
        )
        raw = unscaled.transform(samples)
        scale = raw.std(axis=0)
        return cls(
            word_rarity,
            unscaled.character_rarity,
            topics,
            raw.mean(axis=0),
            np.where(scale > 1e-6, scale, 1.0),
        )

    def transform(self, samples: pd.DataFrame) -> Floats:
        """Features of each row, standardised.

        Returns
        -------
        (len(samples), n_features) float32. A row's features depend on that row alone.
        """
        query_codes, queries = pd.factorize(samples["query"])
        title_codes, titles = pd.factorize(samples["title"])
        overlap = self._overlap(samples)
        query_words, title_words = (
            unit_rows(count_words(list(texts)).multiply(self.word_rarity).tocsr()) for texts in (queries, titles)
        )
        query_characters, title_characters = (
            unit_rows(count_characters(list(texts)).multiply(self.character_rarity).tocsr())
            for texts in (queries, titles)
        )
        query_topics = unit_dense(query_words @ self.topics)[query_codes]
        title_topics = unit_dense(title_words @ self.topics)[title_codes]
        shared = query_topics * title_topics
        cosines = [
            row_dot(query_words, query_codes, title_words, title_codes),
            row_dot(query_characters, query_codes, title_characters, title_codes),
            shared.sum(axis=1),
        ]
        raw = np.column_stack([overlap, *cosines, query_topics, title_topics, shared]).astype(np.float32)
        return np.asarray((raw - self.centre) / self.scale, np.float32)

    def _overlap(self, samples: pd.DataFrame) -> Floats:
        cached: dict[str, list[str]] = {}

        def split(text: str) -> list[str]:
            if text not in cached:
                cached[text] = words(text)
            return cached[text]

        asked = sorted({word for query in pd.unique(samples["query"]) for word in split(query)})
        buckets = count_words(asked, single=True).indices if asked else []
        rarity_of = dict(zip(asked, self.word_rarity[buckets].tolist(), strict=True)) if asked else {}
        rows = zip(samples["query"], samples["title"], samples["description"], strict=True)
        return np.array(
            [
                overlap_features(q, t, split(q), split(t), split(d), [rarity_of[w] for w in split(q)])
                for q, t, d in rows
            ],
            np.float32,
        ).reshape(len(samples), len(OVERLAP_NAMES))

    def save(self, path: Path) -> None:
        """Write the fitted arrays to *path* (NumPy archive without pickled objects)."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> TextFeatures:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError : the file is missing, damaged or of other features than this version computes.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                loaded = cls(**{field.name: archive[field.name] for field in fields(cls)})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(
                f"cannot read the features ({type(error).__name__})",
                where=path,
                mend="Distil the scorer again.",
            ) from error
        if loaded.centre.shape != (len(feature_names()),):
            raise InputError("features of another version", where=path, mend="Distil the scorer again.")
        return loaded


def overlap_features(
    query: str,
    title: str,
    query_words: list[str],
    title_words: list[str],
    description_words: list[str],
    rarities: list[float],
) -> list[float]:
    """The features that count shared words; one value per name in ``OVERLAP_NAMES``."""
    in_title, in_description, asked = set(title_words), set(description_words), set(query_words)
    count = max(len(query_words), 1)
    hits = [word in in_title for word in query_words]
    matched = sum(hits)
    total_rarity = sum(rarities) or 1.0
    pairs = list(itertools.pairwise(query_words))
    title_pairs = set(itertools.pairwise(title_words))
    numbers = [hit for word, hit in zip(query_words, hits, strict=True) if any(c.isdigit() for c in word)]
    first = next((place for place, word in enumerate(title_words) if word in asked), len(title_words))
    return [
        matched / count,
        sum(r for r, hit in zip(rarities, hits, strict=True) if hit) / total_rarity,
        float(matched == len(query_words) and matched > 0),
        sum(pair in title_pairs for pair in pairs) / len(pairs) if pairs else matched / count,
        float(bool(hits) and hits[-1]),
        float(bool(query_words) and query_words[-1] in title_words[-2:]),
        float(bool(hits) and hits[0]),
        sum(numbers) / len(numbers) if numbers else 0.5,
        float(bool(numbers)),
        first / max(len(title_words), 1),
        max((r for r, hit in zip(rarities, hits, strict=True) if not hit), default=0.0),
        total_rarity / count,
        len(asked & in_title) / max(len(asked | in_title), 1),
        float(bool(title_words) and title_words[0] in asked),
        sum(word in in_description for word in query_words) / count,
        sum(word in in_title or word in in_description for word in query_words) / count,
        float(len(query_words)),
        float(len(query)),
        float(len(title_words)),
        float(len(title)),
        sum(word in asked for word in title_words) / max(len(title_words), 1),
    ]


def count_words(texts: list[str], *, single: bool = False) -> Any:
    """(len(texts), WORD_BUCKETS) sparse counts of hashed words; with *single*, each text is one word already."""
    from sklearn.feature_extraction.text import HashingVectorizer

    analyse = (lambda text: [text]) if single else words
    return HashingVectorizer(n_features=WORD_BUCKETS, analyzer=analyse, norm=None, alternate_sign=False).transform(
        texts
    )


def count_characters(texts: list[str]) -> Any:
    """(len(texts), CHARACTER_BUCKETS) sparse counts of hashed character 3- and 4-grams within words."""
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        n_features=CHARACTER_BUCKETS, analyzer="char_wb", ngram_range=(3, 4), norm=None, alternate_sign=False
    ).transform(texts)


def rarity(counts: Any) -> Floats:
    """Smoothed inverse document frequency per column: log((1 + n) / (1 + df)) + 1."""
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log((1 + counts.shape[0]) / (1 + documents)) + 1.0, np.float32)


def unit_rows(matrix: Any) -> Any:
    """Rows of a sparse matrix scaled to length one; empty rows stay empty."""
    from sklearn.preprocessing import normalize

    return normalize(matrix)


def unit_dense(matrix: Any) -> Floats:
    """Rows of a dense matrix scaled to length one; zero rows stay zero."""
    dense = np.asarray(matrix, np.float32)
    return np.asarray(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9), np.float32)


def row_dot(left: Any, left_codes: npt.NDArray[np.intp], right: Any, right_codes: npt.NDArray[np.intp]) -> Floats:
    """Dot product of row ``left_codes[i]`` of *left* with row ``right_codes[i]`` of *right*, for each i."""
    return np.asarray(left[left_codes].multiply(right[right_codes]).sum(axis=1), np.float32).ravel()
