"""Sentence embeddings: a text's vector is its own, and features from which a perceptron learns within queries."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sie_agent.evaluation import embedding_features, embeddings
from sie_agent.evaluation.embeddings import embed_texts

needs_encoder = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("all_minilm_l6_v2") is None, reason="the encoder is not installed"),
]
WORDS = np.array(
    ["garden", "hose", "red", "office", "chair", "lamp", "steel", "reel", "mesh", "50", "ft", "kit", "for"]
)


def titles(count: int, seed: int = 0) -> list[str]:
    """Texts of one to forty words, some of them equal."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 40))) for _ in range(count)] + ["hose", "hose", ""]


class Encoder:
    """In the place of the model: unit vectors from a hash of the text, without torch."""

    def __call__(self, texts: list[str]) -> np.ndarray:
        rows = []
        for text in texts:
            parts = [np.random.default_rng(list(word.encode())).normal(size=384) for word in text.split()]
            rows.append(np.sum(parts or [np.ones(384)], axis=0))
        table = np.array(rows)
        return (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def words_as_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "embed_texts", Encoder())


def pairs(n_queries: int = 40, items: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    queries = np.repeat([" ".join(rng.choice(WORDS, 3, replace=False)) for _ in range(n_queries)], items)
    return pd.DataFrame({"query": queries, "title": [" ".join(rng.choice(WORDS, 5)) for _ in queries]})


def test_features_are_centred_and_the_widest_of_each_block_has_deviation_one(words_as_vectors: None) -> None:
    found = embedding_features(pairs())
    assert found.shape == (400, 65) and found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    deviations = found.std(axis=0)
    assert [deviations[:32].max(), deviations[32:64].max(), deviations[64]] == pytest.approx([1, 1, 1], abs=1e-4)


def test_features_of_a_row_go_with_the_row(words_as_vectors: None) -> None:
    samples = pairs()
    order = np.random.default_rng(0).permutation(len(samples))
    np.testing.assert_allclose(embedding_features(samples.iloc[order]), embedding_features(samples)[order], atol=1e-5)


def test_features_read_texts_alone(words_as_vectors: None) -> None:
    samples = pairs()
    labelled = samples.assign(label=1.0, grade=np.linspace(0, 1, len(samples)))
    np.testing.assert_array_equal(embedding_features(labelled), embedding_features(samples))


def test_features_of_few_rows_are_numbers(words_as_vectors: None) -> None:
    assert embedding_features(pairs().iloc[:0]).shape == (0, 65)
    for rows in (1, 2, 5):
        assert np.isfinite(embedding_features(pairs().iloc[:rows])).all()


def test_no_texts_need_no_model() -> None:
    assert embed_texts([]).shape == (0, 384)


class TestEncoder:
    """With the real model."""

    pytestmark = needs_encoder

    def test_a_vector_does_not_depend_on_the_texts_beside_it(self) -> None:
        texts = titles(150)
        together = embed_texts(texts)
        assert together.shape == (153, 384) and together.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
        rng = np.random.default_rng(1)
        for size in (1, 31, 33, 100):
            chosen = rng.choice(len(texts), size, replace=False)
            others = embed_texts([texts[text] for text in chosen])
            # 1e-6 is what is promised
            np.testing.assert_allclose(others, together[chosen], atol=1e-6)
        np.testing.assert_array_equal(together[150], together[151])

    def test_vectors_are_those_of_one_text_without_padding(self) -> None:
        import torch

        from sie_agent.judging import encode_sentences

        model, tokenizer = embeddings.encoder()
        texts = ["hose", "a red garden hose of 50 ft with a reel"]
        for text, vector in zip(texts, embed_texts(texts), strict=True):
            alone = encode_sentences(model, tokenizer([text], return_tensors="pt"))[0]
            assert torch.allclose(alone, torch.tensor(vector), atol=2e-6)

    def test_the_threads_of_torch_are_given_back(self) -> None:
        import torch

        before = torch.get_num_threads()
        embed_texts(["some text that was not embedded before"])
        assert torch.get_num_threads() == before

    def test_the_last_texts_are_not_embedded_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = embed_texts(titles(20))
        monkeypatch.setattr(embeddings, "encoder", lambda: pytest.fail("embedded again"))
        again = embed_texts(titles(20)[::-1])
        np.testing.assert_array_equal(again[::-1], first)
        first[:] = 0  # the caller's own copy
        np.testing.assert_array_equal(embed_texts(titles(20)), again[::-1])

    def test_a_perceptron_learns_within_queries(self) -> None:
        """The share of query words in the title, on queries that it has not seen."""
        from sie_agent.attribution import TrainingSettings, predict, train
        from sie_agent.evaluation import QueryPairs
        from sie_agent.judging import share_of_words

        samples = pairs(160, 15)
        truth = np.array([share_of_words(*pair) for pair in zip(samples["query"], samples["title"], strict=True)])
        queries, features = np.repeat(np.arange(160), 15), embedding_features(samples)
        seen = queries < 120
        network = train(features[seen], truth[seen].astype(np.float32), TrainingSettings(), 0)[-1]
        found = QueryPairs(truth[~seen], queries[~seen], 160).accuracy(predict([network], features[~seen]))
        assert np.nanmean(found) > 0.6


def test_a_missing_model_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from sie_agent.errors import EnvironmentFailure
    from sie_agent.models import files as models

    embeddings.encoder.cache_clear()
    monkeypatch.setattr(embeddings, "require_transformers", lambda: None)
    monkeypatch.setattr(models, "ENCODER", replace(models.ENCODER, module="no_such_package"))
    with pytest.raises(EnvironmentFailure, match=r"model\.zip is not installed"):
        embed_texts(["never embedded"])
