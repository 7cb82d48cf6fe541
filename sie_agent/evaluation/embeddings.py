"""Frozen sentence embeddings of queries and titles, and what a small perceptron can learn from within queries.

The encoder is all-MiniLM-L6-v2 (Reimers & Gurevych 2019, Wang 2020) from its package. torch is imported when the first
text is embedded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.judging import ENCODER_TOKENS, encode_sentences
from sie_agent.models import encoder_folder, load_pretrained, require_transformers, torch_workers
from sie_agent.utils.arrays import Doubles, Floats

WIDTH = 384
BATCH = 32
# texts are padded to the next multiple of so many tokens
STEP = 8
COMPONENTS = 32


@lru_cache(maxsize=1)
def encoder() -> tuple[Any, Any]:
    """Model and tokenizer, kept in memory (90 MB) once loaded.

    Raises
    ------
    MissingExtraError : torch or transformers is not installed.
    EnvironmentFailure : the package with the model is not installed, or its file is damaged.
    """
    require_transformers()
    return load_pretrained("AutoModel", encoder_folder(), "float32")


def embed_texts(texts: Sequence[str]) -> Floats:
    """Unit vectors of texts, (m, 384): the mean of the last hidden states, of the first 256 tokens.

    A text's vector does not depend on the texts beside it: it is always computed in a batch of 32, padded to the next
    multiple of eight tokens, by one thread (batches run side by side). The shape of a matrix product, on which its
    rounding depends, is thereby a matter of the text's own length. Promised are equal vectors to within 1e-6 on one
    machine; subsets of 1 to 700 out of 6,332 titles and queries gave them equal bit for bit. Another processor or
    version of torch may differ by some 1e-6.

    Parameters
    ----------
    texts : any; equal ones are embedded once. The vectors of the last call are kept, so that a second reader of the
        same samples does not wait.

    Raises
    ------
    MissingExtraError, EnvironmentFailure : see :func:`encoder`.
    """
    if not len(texts):
        return np.empty((0, WIDTH), np.float32)
    codes, distinct = pd.factorize(np.asarray(texts, object), sort=True)
    return np.asarray(embed_distinct(tuple(distinct))[codes])


@lru_cache(maxsize=1)
def embed_distinct(texts: tuple[str, ...]) -> Floats:
    """:func:`embed_texts` of sorted texts that differ."""
    model, tokenizer = encoder()
    tokens = tokenizer(list(texts), truncation=True, max_length=ENCODER_TOKENS)["input_ids"]
    lengths = np.array([-(-len(one) // STEP) * STEP for one in tokens])
    batches = []
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        batches += [members[start : start + BATCH] for start in range(0, len(members), BATCH)]
    inputs = (full_batch([tokens[text] for text in members], int(lengths[members[0]])) for members in batches)
    found = np.empty((len(texts), WIDTH), np.float32)
    with torch_workers() as pool:
        for members, vectors in zip(batches, pool.map(partial(encode_sentences, model), inputs), strict=True):
            found[members] = vectors[: len(members)].numpy()
    found.flags.writeable = False
    return found


def full_batch(tokens: Sequence[Sequence[int]], length: int) -> dict[str, Any]:
    """Token ids and mask, (32, length); rows that are left over repeat the first text."""
    import torch

    ids, mask = np.zeros((2, BATCH, length), np.int64)
    for row in range(BATCH):
        text = tokens[row if row < len(tokens) else 0]
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def embed_pairs(samples: pd.DataFrame) -> tuple[Floats, Floats]:
    """Unit vectors of query and title of each row, (n, 384) each.

    Parameters
    ----------
    samples : table with ``query`` and ``title``.
    """
    vectors = embed_texts([*samples["query"], *samples["title"]])
    return vectors[: len(samples)], vectors[len(samples) :]


def embedding_features(samples: pd.DataFrame) -> Floats:
    """What a perceptron on frozen sentence embeddings reads of each row, (n, 65) float32.

    Query and title are projected on the first 32 principal components of the distinct texts. Their elementwise
    product (32 columns) and absolute difference (32) say how the two agree, component by component (Conneau 2017),
    without saying which query it is: from the projections themselves, a network trained on some hundred queries learns
    these queries, and ranks the items of others by chance (within-query accuracy 0.55, here 0.66, on 168 queries).
    The last column is the cosine.

    Columns are centred; each of the two blocks is divided by the largest standard deviation in it, so that components
    that vary little stay small and are learned late, and the cosine by its own. The sign of a component, which is
    arbitrary, cancels. Labels and grades are not read.

    Parameters
    ----------
    samples : table with ``query`` and ``title``; all rows that one model trains on and predicts, because components
        and scales are those of the rows given.
    """
    if not len(samples):
        return np.empty((0, 2 * COMPONENTS + 1), np.float32)
    queries, titles = embed_pairs(samples)
    # sorted, so that sums, and with them the components, do not depend on the order of the rows
    texts = sorted({*samples["query"], *samples["title"]})
    middle, directions = principal_components(embed_texts(texts).astype(np.float64))
    left, right = ((side - middle) @ directions for side in (queries, titles))
    cosine = np.einsum("nd,nd->n", queries, titles, dtype=np.float64)[:, None]
    blocks = [left * right, np.abs(left - right), cosine]
    return np.concatenate([scaled(block) for block in blocks], axis=1).astype(np.float32)


def principal_components(vectors: Doubles) -> tuple[Doubles, Doubles]:
    """Mean (d,) and first directions (d, 32) of *vectors* (m, d), largest variance first (Pearson 1901)."""
    middle = vectors.mean(axis=0)
    centred = vectors - middle
    _, directions = np.linalg.eigh(centred.T @ centred)
    return middle, directions[:, ::-1][:, :COMPONENTS]


def scaled(block: Doubles) -> Doubles:
    """Columns centred, and all divided by the standard deviation of the one that varies most."""
    widest = float(block.std(axis=0).max())
    return np.asarray((block - block.mean(axis=0)) / (widest if widest > 1e-9 else 1.0))
