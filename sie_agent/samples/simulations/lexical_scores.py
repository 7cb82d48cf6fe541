"""What shared words alone say of a pair: cosines of character 3-grams."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.features.unspaced import fold_widths, unspaced_pairs
from sie_agent.samples.splits import query_keys

# tells pairs from grams of three characters, which take the 63 bits below
PAIR = np.uint64(1 << 63)


def lexical_scores(queries: pd.Series, titles: pd.Series) -> npt.NDArray[np.float64]:
    """Cosine, in [0, 1], of the character 3-gram TF-IDF vectors of query and title, row by row.

    Case, white space and widths are folded; of scripts without spaces, pairs of characters are grams too. Document
    frequencies are those of the distinct titles, smoothed by one: rarity = ln((1 + n) / (1 + df)) + 1.
    """
    from scipy import sparse

    query_codes, distinct_queries = pd.factorize(query_keys(queries))
    title_codes, distinct_titles = pd.factorize(query_keys(titles))
    n_titles = len(distinct_titles)
    grams, texts = character_grams([fold_widths(text) for text in [*distinct_titles, *distinct_queries]])
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
    """Every 3-gram of every text, padded with a space at both ends, as a number; and the text it is of.

    Pairs of characters of scripts without spaces come behind them.
    """
    padded = [f" {text} " for text in texts]
    # a code point has 21 bits, so three of them fit one 64-bit number
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    owners = np.repeat(np.arange(len(padded)), [len(text) for text in padded])
    grams = codes[:-2] | (codes[1:-1] << np.uint64(21)) | (codes[2:] << np.uint64(42))
    inside = owners[:-2] == owners[2:]
    pairs = unspaced_pairs(codes, owners)
    paired = PAIR | codes[pairs] | (codes[pairs + 1] << np.uint64(21))
    return np.concatenate([grams[inside], paired]), np.concatenate([owners[:-2][inside], owners[pairs]])
