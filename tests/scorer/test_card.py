"""The cards: front matter that the Hub's own classes read, and what is said of a scorer and of labels."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import DatasetCard, ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.labels import WEAK_LABELS, label_names
from sie_agent.scorer import Scorer, save_scorer
from sie_agent.scorer.cards.card import UNSTATED, labels_card, scorer_card, size_category
from sie_agent.scorer.cards.markup import plain
from sie_agent.selection import Recipe

LABELS = label_names()

FIGURE = {
    "label": "value",
    "judge": "judge-1",
    "mode": "zero-shot",
    "reference": "tracin-ranking",
    "metric": "spearman",
    "is_baseline": False,
    "source": "scorer",
    "value": 0.8132,
    "ci_low": 0.7,
    "ci_high": 0.9,
    "n_samples": 120,
    "n_queries": 40,
    "draws": [0.81],
}
PARTIAL = {**FIGURE, "metric": "partial_spearman", "value": 0.2, "ci_low": 0.1, "ci_high": 0.3}
ABOUT: dict[str, Any] = {
    "mode": "zero-shot",
    "judge": "judge-1",
    "suite": "my-log",
    "draw": 7,
    "model": "model-1",
    "variant": "relevance/graded",
    "log_hash": "c0ffee",
    "versions": {"lightgbm": "4.7.0", "torch": None},
    "agreement": [FIGURE, PARTIAL, {**FIGURE, "metric": "kendall"}, {**FIGURE, "label": "support", "value": None}],
}


@pytest.fixture(scope="module")
def saved(scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `save_scorer` writes it."""
    folder = tmp_path_factory.mktemp("scorer")
    save_scorer(replace(scorer, about={**scorer.about, **ABOUT}), folder)
    return folder


def test_card_of_a_scorer(saved: Path) -> None:
    card = ModelCard((saved / "README.md").read_text(encoding="utf-8"), ignore_metadata_errors=False)
    assert card.data.library_name == "sie-agent"
    assert "onnx" in card.data.tags and "sample-importance" in card.data.tags
    results = card.data.eval_results or []
    told = [(one.metric_type, one.metric_value, one.dataset_name) for one in results]
    assert told == [("spearman", 0.8132, "my-log"), ("partial_spearman", 0.2, "my-log")]
    for said in ("judge-1", "model-1", "relevance/graded", "c0ffee", "4.7.0", "zero-shot", "onnxruntime", "`7`", "120"):
        assert said in card.text
    assert "| `value` | `tracin-ranking` | 0.81 [0.70, 0.90] | 0.20 [0.10, 0.30] | `zero-shot` |\n\n" in card.text
    assert "the suite `my-log`" in card.text and "torch" not in card.text and "kendall" not in card.text
    for name in (*LABELS, "query", "title", "description", "label"):
        assert f"`{name}`" in card.text
    for name in LABELS:
        assert f"| `{name}` | {WEAK_LABELS[name].meaning} |" in card.text
    assert "weights by value of strength 0.5" in card.text and "Chosen: rule: `of a test`" in card.text
    assert UNSTATED in card.text and "license" not in card.data.to_dict()


def test_without_figures_nothing_is_claimed() -> None:
    card = ModelCard(scorer_card({"labels": ["support"], "about": {"license": "mit"}}), ignore_metadata_errors=False)
    assert card.data.eval_results is None and card.data.license == "mit"
    assert "Not measured" in card.text and "not recorded" in card.text
    assert UNSTATED not in card.text
    assert "not for use" in scorer_card({"about": {"mode": "simulated"}}).lower()


def test_what_the_card_says_of_onnxruntime_runs(scorer: Scorer, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (saved / "README.md").read_text(encoding="utf-8")
    [code] = [part.split("```")[0] for part in card.split("```python\n")[1:] if "InferenceSession" in part]
    monkeypatch.chdir(saved)
    told: dict[str, Any] = {}
    exec(code, told)
    row = {"sample_id": "s", "query": "desk lamp", "title": "Brass desk lamp", "description": "", "label": 1.0}
    expected = scorer.predict(pd.DataFrame([row]))
    for name in LABELS:
        assert told["scores"][name] == pytest.approx(expected[name].to_numpy(), abs=1e-9)


@pytest.mark.parametrize(
    "about",
    [
        {"agreement": [{"value": "x"}]},
        {"agreement": [{"value": 0.5}]},
        {"agreement": [{**FIGURE, "value": "0.5"}, {**FIGURE, "value": True}, {**FIGURE, "label": ["value"]}, 3]},
        {"agreement": [{**FIGURE, "value": float("nan")}, {**FIGURE, "value": 10**400}]},
        {"agreement": {"rows": 1}},
        {"versions": [1]},
        {"versions": {"lightgbm": [4]}},
        {"mode": ["zero-shot"], "license": ["mit"], "model": {"name": 1}},
        ["about"],
    ],
)
def test_what_is_malformed_is_left_out(about: Any) -> None:
    card = ModelCard(scorer_card({"labels": "value", "about": about, "recipe": about}), ignore_metadata_errors=False)
    assert card.data.eval_results is None and "Not measured" in card.text and "Not recorded" in card.text
    assert "None: say to `sie weights` what to weigh by." in card.text
    assert UNSTATED in card.text


def test_a_malformed_interval_is_left_out() -> None:
    card = scorer_card({"about": {"agreement": [{**FIGURE, "ci_low": "low", "mode": None}]}})
    assert "| 0.81 |" in card


EVIL = "<script>alert(1)</script> ![x](http://evil/x.png) a`b | c\\| <b>\x1b[2J\u202e\ud800\n\n# Title"


def test_what_others_wrote_is_no_markup() -> None:
    row = {**FIGURE, "label": EVIL, "reference": EVIL, "mode": EVIL}
    about = dict.fromkeys(ABOUT, EVIL) | {"license": EVIL, "versions": {EVIL: EVIL}, "agreement": [row]}
    cards = [
        scorer_card({"labels": [EVIL], "about": about, "recipe": {**asdict(Recipe()), "why": EVIL}}),
        labels_card({"sample_id": "string"}, 1, 1, EVIL, "weak labels", about),
    ]
    for card in cards:
        assert ModelCard(card, ignore_metadata_errors=False)
        text = card.split("---\n", 2)[2]
        assert "alert" in text and text.encode() and all(letter.isprintable() or letter == "\n" for letter in text)
        for line in text.splitlines():
            # what is left of a line without its code spans holds nothing of it, and a row has as many cells as before
            outside = re.sub("`[^`]*`", "", line)
            assert not re.search(r"alert|!\[|<b>|Title", outside)
            if "alert" in line and line.startswith("|"):
                assert line.count("|") in (3, 6)


TEXT = st.text(max_size=30)


@settings(max_examples=60)
@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_any_provenance_leaves_a_card_that_can_be_read(model: str, suite: str, licence: str, tags: list[str]) -> None:
    about = {"model": model, "variant": "\n---\n", "suite": suite, "license": licence, "agreement": [FIGURE]}
    text = scorer_card({"labels": tags, "about": {**about, "versions": dict.fromkeys(tags, "| 1\n")}})
    card = ModelCard(text, ignore_metadata_errors=False)
    assert card.data.library_name == "sie-agent"
    assert (card.data.license or "") == plain(licence)
    assert "## Limits" in card.text


def test_card_of_labels() -> None:
    columns = {"sample_id": "string", "support": "float64"}
    card = DatasetCard(labels_card(columns, 1_234, 5_678, "cc-by-4.0", "weak labels", {"model": "judge-1"}))
    assert card.data.license == "cc-by-4.0" and card.data.size_categories == ["1K<n<10K"]
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    features = card.data.dataset_info["features"]
    assert features == [{"name": "sample_id", "dtype": "string"}, {"name": "support", "dtype": "float64"}]
    assert "judge-1" in card.text and "1,234" in card.text and UNSTATED not in card.text
    assert UNSTATED in labels_card(columns, 1, 1, None, "weak labels", {})


@pytest.mark.parametrize(
    ("count", "name"), [(1, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (10_000_000, "n>10M")]
)
def test_size_categories(count: int, name: str) -> None:
    assert size_category(count) == name
