"""Simulated logs with a known truth: flipped labels, and clicks with position and brand bias."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.splits import query_keys


def simulate_flips(samples: pd.DataFrame, *, rate: float, seed: int, relevant_at: float = 0.75) -> pd.DataFrame:
    """A log whose labels are the truth, flipped at random.

    ``y = grade >= relevant_at``, flipped with probability *rate*. Every draw is a hash of
    (seed, sample_id), so the log is the same for every order or part of the rows.

    Parameters
    ----------
    samples : table with ``sample_id`` and a ``grade`` in every row.
    rate : probability of a flip, in [0, 1].
    seed : which draw.
    relevant_at : grade, in [0, 1], from which an item counts as relevant.

    Returns
    -------
    pandas.DataFrame
        ``label`` (0.0 or 1.0) and ``flipped`` (bool), aligned with ``samples.index``.

    Raises
    ------
    InputError
        If a grade is missing, or rate or relevant_at is outside of [0, 1].
    """
    for name, value in (("rate", rate), ("relevant_at", relevant_at)):
        if not 0 <= value <= 1:
            raise InputError(f"{name} is {value}", where="simulated flips", mend="Give a number from 0 to 1")
    relevant = grades(samples, "simulated flips") >= relevant_at
    flipped = uniform(samples["sample_id"], seed, "flip") < rate
    labels = (relevant ^ flipped).astype(float)
    return pd.DataFrame({"label": labels, "flipped": flipped}, index=samples.index)


def simulate_clicks(samples: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """A click log with position bias and brand bias, one impression per row.

    ``P(click) = (0.08 + 0.25 b + 0.62 g^1.5) / log2(1 + rank)``: g the grade, b the number of rows
    whose title begins with the same word over that of the commonest such word, rank the place of the
    row among the rows of its query by :func:`lexical_scores` (ties by item_id, then sample_id).
    Draws are hashes of (seed, sample_id).

    Parameters
    ----------
    samples : table with ``sample_id``, ``query``, ``item_id``, ``title`` and a ``grade`` in every row.
    seed : which draw.

    Returns
    -------
    pandas.DataFrame
        ``label`` (0.0 or 1.0), ``position`` (Int64, from 1) and ``click_probability``, aligned with
        ``samples.index``.

    Raises
    ------
    InputError
        If a grade is missing.
    """
    grade = grades(samples, "simulated clicks")
    brand = samples["title"].str.split(n=1).str[0].str.casefold()
    counts = brand.map(brand.value_counts()).to_numpy(dtype=float)
    position = ranks_within_query(samples)
    probability = (0.08 + 0.25 * counts / counts.max() + 0.62 * grade**1.5) / np.log2(1 + position)
    clicked = uniform(samples["sample_id"], seed, "click") < probability
    columns = {
        "label": clicked.astype(float),
        "position": pd.array(position, dtype="Int64"),
        "click_probability": probability,
    }
    return pd.DataFrame(columns, index=samples.index)


def ranks_within_query(samples: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Place of each row, from 1, among the rows of its query by falling lexical score."""
    frame = pd.DataFrame(
        {
            "query": query_keys(samples["query"]).to_numpy(),
            # rounded, so that equal texts tie on every machine
            "score": -np.round(lexical_scores(samples["query"], samples["title"]), 9),
            "item_id": samples["item_id"].to_numpy(),
            "sample_id": samples["sample_id"].to_numpy(),
        }
    )
    ordered = frame.sort_values(["score", "item_id", "sample_id"], kind="stable")
    ranks = ordered.groupby("query", sort=False).cumcount() + 1
    return np.asarray(ranks.sort_index(), dtype=np.int64)


def lexical_scores(queries: pd.Series, titles: pd.Series) -> npt.NDArray[np.float64]:
    """Cosine, in [0, 1], of the character 3-gram TF-IDF vectors of query and title, row by row.

    Case and white space are folded; document frequencies are those of the distinct titles, smoothed by one:
    rarity = ln((1 + n) / (1 + df)) + 1.
    """
    from scipy import sparse

    query_codes, distinct_queries = pd.factorize(query_keys(queries))
    title_codes, distinct_titles = pd.factorize(query_keys(titles))
    n_titles = len(distinct_titles)
    grams, texts = character_grams([*distinct_titles, *distinct_queries])
    distinct_grams, columns = np.unique(grams, return_inverse=True)
    shape = (n_titles + len(distinct_queries), len(distinct_grams))
    counts = sparse.csr_matrix((np.ones(len(grams)), (texts, columns)), shape=shape)
    in_titles = np.bincount(counts[:n_titles].indices, minlength=shape[1])
    # grams that no title has count for nothing, as if the vocabulary were that of the titles
    rarity = np.where(in_titles > 0, np.log((1 + n_titles) / (1 + in_titles)) + 1, 0.0)
    weighted = counts @ sparse.diags(rarity)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    unit = (sparse.diags(1 / np.where(lengths > 0, lengths, 1.0)) @ weighted).tocsr()
    products = unit[n_titles + query_codes].multiply(unit[title_codes])
    return np.clip(np.asarray(products.sum(axis=1), dtype=np.float64).ravel(), 0.0, 1.0)


def character_grams(texts: list[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Every 3-gram of every text, padded with a space at both ends, as a number; and the text it is of."""
    padded = [f" {text} " for text in texts]
    # a code point has 21 bits, so three of them fit one 64-bit number
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    owners = np.repeat(np.arange(len(padded)), [len(text) for text in padded])
    grams = codes[:-2] | (codes[1:-1] << np.uint64(21)) | (codes[2:] << np.uint64(42))
    inside = owners[:-2] == owners[2:]
    return grams[inside], owners[:-2][inside]


def grades(samples: pd.DataFrame, where: str) -> npt.NDArray[np.float64]:
    """The grades, or InputError if one is missing: noise is put on a truth that is known."""
    values = samples["grade"].to_numpy(dtype=np.float64)
    missing = int(np.isnan(values).sum())
    if missing:
        raise InputError(
            f"{missing:,} of {len(values):,} rows have no grade, and a simulated log needs one in each",
            where=where,
            mend="Use the log's own labels (noise: none), or keep only rows with a grade",
        )
    return values


def uniform(sample_ids: pd.Series, seed: int, purpose: str) -> npt.NDArray[np.float64]:
    """One number in [0, 1) per row: the first 53 bits of SHA-256 of seed, purpose and id."""
    start = hashlib.sha256(f"{seed}\0{purpose}\0".encode())
    draws = np.empty(len(sample_ids))
    for row, sample_id in enumerate(sample_ids):
        state = start.copy()
        state.update(sample_id.encode())
        draws[row] = (int.from_bytes(state.digest()[:8]) >> 11) * 2.0**-53
    return draws
