"""The cards: front matter that the Hub's own classes read, and what is said of a scorer and of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from huggingface_hub import DatasetCard, ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.scorer import LABELS, Scorer, save_scorer
from sie_agent.scorer.card import UNSTATED, labels_card, scorer_card, size_category

FIGURE = {
    "label": "value",
    "reference": "tracin-ranking",
    "metric": "spearman",
    "value": 0.8132,
    "ci_low": 0.7,
    "ci_high": 0.9,
    "mode": "zero-shot",
}
CONFIG: dict[str, Any] = {
    "labels": list(LABELS),
    "sha256": {"model.onnx": "0", "README.md": "0"},
    "about": {
        "mode": "zero-shot",
        "model": "judge-1",
        "variant": "relevance/graded",
        "log_hash": "c0ffee",
        "versions": {"lightgbm": "4.7.0"},
        "agreement": [FIGURE, {**FIGURE, "label": "support", "value": None}],
        "dataset": "my log",
    },
}


def test_card_of_a_scorer() -> None:
    card = ModelCard(scorer_card(CONFIG), ignore_metadata_errors=False)
    assert card.data.library_name == "sie-agent"
    assert "onnx" in card.data.tags and "sample-importance" in card.data.tags
    [result] = card.data.eval_results or []
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("spearman", 0.8132, "my log")
    for said in ("judge-1", "relevance/graded", "c0ffee", "4.7.0", "zero-shot", "0.81 [0.70, 0.90]", "onnxruntime"):
        assert said in card.text
    for name in (*LABELS, "query", "title", "description", "label"):
        assert f"`{name}`" in card.text
    assert UNSTATED in card.text and "license" not in card.data.to_dict()


def test_without_figures_nothing_is_claimed() -> None:
    card = ModelCard(scorer_card({"labels": ["support"], "about": {"license": "mit"}}), ignore_metadata_errors=False)
    assert card.data.eval_results is None and card.data.license == "mit"
    assert "Not measured" in card.text and "not recorded" in card.text and "onnxruntime" not in card.text
    assert UNSTATED not in card.text
    assert "not for use" in scorer_card({"about": {"mode": "simulated"}}).lower()


def test_what_the_card_says_of_onnxruntime_runs(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_scorer(scorer, tmp_path)
    if not (tmp_path / "model.onnx").is_file():
        pytest.skip("this scorer has no ONNX file")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    [code] = [part.split("```")[0] for part in card.split("```python\n")[1:] if "InferenceSession" in part]
    monkeypatch.chdir(tmp_path)
    told: dict[str, Any] = {}
    exec(code, told)
    row = {"sample_id": "s", "query": "desk lamp", "title": "Brass desk lamp", "description": "", "label": 1.0}
    expected = scorer.predict(pd.DataFrame([row]))
    for name in LABELS:
        assert told["scores"][name] == pytest.approx(expected[name].to_numpy(), abs=1e-9)


TEXT = st.text(max_size=30)


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_any_provenance_leaves_a_card_that_can_be_read(model: str, dataset: str, licence: str, tags: list[str]) -> None:
    about = {"model": model, "variant": "\n---\n", "dataset": dataset, "license": licence, "agreement": [FIGURE]}
    text = scorer_card({"labels": tags, "about": {**about, "versions": dict.fromkeys(tags, "| 1\n")}})
    card = ModelCard(text, ignore_metadata_errors=False)
    assert card.data.library_name == "sie-agent"
    assert (card.data.license or "") == licence
    assert "## Limits" in card.text


def test_card_of_labels() -> None:
    columns = {"sample_id": "string", "support": "float64"}
    card = DatasetCard(labels_card(columns, 1_234, 5_678, "cc-by-4.0", {"model": "judge-1"}))
    assert card.data.license == "cc-by-4.0" and card.data.size_categories == ["1K<n<10K"]
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    features = card.data.dataset_info["features"]
    assert features == [{"name": "sample_id", "dtype": "string"}, {"name": "support", "dtype": "float64"}]
    assert "judge-1" in card.text and "1,234" in card.text and UNSTATED not in card.text
    assert UNSTATED in labels_card(columns, 1, 1, None, {})


@pytest.mark.parametrize(
    ("count", "name"), [(1, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (10_000_000, "n>10M")]
)
def test_size_categories(count: int, name: str) -> None:
    assert size_category(count) == name
