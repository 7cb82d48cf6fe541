"""A weak label that is registered in one line goes through every verb that reads scores, and through the estimator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import sie_agent
from sie_agent.labels import WEAK_LABELS, StudentSettings, WeakLabel
from sie_agent.samples import load_samples
from sie_agent.scorer import ScorerSession, distill_scorer, load_scorer, save_scorer
from sie_agent.selection import Recipe
from sie_agent.serving import create_app, make_state

from .conftest import Sie

TOY = WeakLabel(
    name="toy",
    make=lambda evidence: evidence.relevance,
    high_is_good=False,
    low=0.0,
    high=1.0,
    title="Toy",
    meaning="how long the title is beside the longest one",
    axis="toy: 0 short, 1 long",
    reads_label=False,
    student=StudentSettings(trees=7, rows_per_leaf=3),
)


LEXICAL = ("--variant", "relevance/lexical", "--backend", "lexical")
SMALL = tuple(
    part
    for setting in ("labels.proxies=1", "target.hidden=4", "target.epochs=1", "target.seeds=2")
    for part in ("--set", setting)
)


@pytest.fixture
def made(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scorer of the new label and of an old one, and the labels it was made of."""
    monkeypatch.setitem(WEAK_LABELS, "toy", TOY)
    samples = load_samples(log)
    toy = samples["title"].str.len() / samples["title"].str.len().max()
    labels = samples[["sample_id"]].assign(toy=toy, support=samples["label"].astype(float))
    recipe = Recipe(by="toy", strength=0.5, mean_label=0.5, chosen="tuned")
    save_scorer(distill_scorer(samples, labels, recipe=recipe), tmp_path / "scorer")
    labels.to_parquet(tmp_path / "labels.parquet")
    return tmp_path


def test_it_is_distilled_with_its_own_settings_and_saved(made: Path) -> None:
    scorer = load_scorer(made / "scorer")
    assert list(scorer.students) == ["support", "toy"] and scorer.students["toy"].booster.num_trees() == 7
    samples = load_samples(made / "log.csv")
    np.testing.assert_array_equal(
        scorer.predict(samples)["toy"], scorer.predict(samples.assign(label=1 - samples["label"]))["toy"]
    )
    session = ScorerSession(made / "scorer")
    columns = (samples[name] for name in ("query", "title", "description", "label"))
    np.testing.assert_allclose(session.score(*columns)["toy"], scorer.predict(samples)["toy"], atol=1e-6)
    card = (made / "scorer" / "README.md").read_text(encoding="utf-8")
    assert f"| `toy` | {TOY.meaning} |" in card and "weights by toy" in card


@pytest.mark.slow
def test_it_is_scored_selected_weighed_and_explained(sie: Sie, made: Path) -> None:
    assert "support, toy" in sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet").out
    scores = pd.read_parquet("s.parquet")
    assert list(scores.columns) == ["sample_id", "query", "item_id", "label", "support", "toy"]
    options = ("--scores", "s.parquet", "--out")
    assert (
        "40 of 80 rows kept by toy"
        in sie("select", *options, "k.parquet", "--keep", "0.5", "--no-balance", "--no-coverage").out
    )
    kept = pd.read_parquet("k.parquet")
    assert kept["toy"].max() <= scores["toy"].sort_values().iloc[39]
    ran = sie("weights", *options, "w.parquet", "--output", "json")
    assert ran.json["by"] == "toy", ran.err
    weights = pd.read_parquet("w.parquet")["weight"]
    # less of it is good
    assert np.corrcoef(weights, scores["toy"])[0, 1] < -0.5
    explained = sie("explain", "--scorer", "scorer", "--data", "log.csv", "--row", "1", "--output", "json")
    assert explained.json["by"] == "toy"
    assert "toy (low is good)" in " ".join(sie("weights", "--help").out.split())
    refused = sie("select", *options, "k.parquet", "--keep", "0.5", "--by", "worth", "--overwrite")
    assert refused.code == 2 and "preference_support, toy" in refused.err


@pytest.mark.parametrize("what", ["scorer", "labels.parquet", "s.parquet"])
def test_it_is_published(sie: Sie, made: Path, what: str) -> None:
    if what == "s.parquet":
        sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", what)
    kind = "scorer" if what == "scorer" else "labels"
    ran = sie("push", kind, what, "--folder", "out", "--output", "json")
    assert ran.code == 0, ran.err
    assert TOY.meaning in (made / "out" / "README.md").read_text(encoding="utf-8")
    if kind == "labels":
        assert ran.json["columns"][-2:] == ["support", "toy"]
        assert ("Sample importance scores" in ran.json["card"]) == (what == "s.parquet")


@pytest.mark.slow
def test_it_goes_from_judgments_to_scores_to_the_service(
    sie: Sie, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sie distill` makes it of the judge's answers; what is scored with it is what the service answers."""
    monkeypatch.setitem(WEAK_LABELS, "toy", TOY)
    assert sie("label", *LEXICAL, "--data", log, "--out", "labelled").code == 0
    ran = sie("distill", "--judgments", "labelled", "--data", log, "--out", "made", *SMALL, "--output", "json")
    assert ran.code == 0 and ran.json["weak_labels"][-1] == "toy", ran.err
    labels = pd.read_parquet("made/labels.parquet")
    judged = pd.read_parquet("labelled/judgments.parquet").set_index("sample_id")["score"]
    np.testing.assert_allclose(labels["toy"], judged[labels["sample_id"]])
    assert load_scorer(tmp_path / "made" / "scorer").students["toy"].booster.num_trees() == TOY.student.trees
    assert TOY.meaning in (tmp_path / "made" / "scorer" / "README.md").read_text(encoding="utf-8")
    assert sie("score", "--scorer", "made", "--data", log, "--out", "s.parquet").code == 0
    assert "by toy" in sie("weights", "--scores", "s.parquet", "--by", "toy", "--out", "w.parquet").out
    pushed = sie("push", "labels", "made/labels.parquet", "--folder", "out", "--output", "json")
    assert pushed.code == 0 and pushed.json["columns"][-1] == "toy", pushed.err
    scores = pd.read_parquet("s.parquet")
    rows = load_samples(log)[["sample_id", "query", "title", "label"]].to_dict("records")
    with TestClient(create_app(make_state(tmp_path / "made" / "scorer")), base_url="http://localhost") as client:
        answered = pd.DataFrame(client.post("/v1/score", json={"samples": rows}).json()["scores"])
        assert client.get("/openapi.json").json()["components"]["schemas"]["Score"]["properties"]["toy"]
    np.testing.assert_allclose(answered["toy"], scores["toy"], atol=1e-6)


@pytest.mark.slow
def test_a_run_reports_it(sie: Sie, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEAK_LABELS, "toy", TOY)
    (tmp_path / "suite.yaml").write_text(
        f"name: toy\ndata: {{source: {log}}}\njudges: [{{name: words, kind: lexical, by_rank: true}}]\n"
        "query_sets: {log-judged: 0.5, log-unseen: 0.25, reference-validation: 0.25}\n"
        "references: [tracin-mean]\nheadline_reference: tracin-mean\nlabels: {clarity: none}\ndownstream: {draws: 0}\n"
        "evaluation: {permutations: 2, replicates: 20}\n",
        encoding="utf-8",
    )
    ran = sie("run", "suite.yaml", "--out", "run", *SMALL, "--output", "json")
    assert ran.code == 0, ran.err
    for table in ("labels", "scores"):
        assert pd.read_parquet(f"run/{table}.parquet")["toy"].notna().all()
    assert "toy" in load_scorer(tmp_path / "run" / "scorer").students
    figures = json.loads((tmp_path / "run" / "agreement.json").read_text())
    told = [row for row in figures["rows"] if row["label"] == "toy"]
    assert {row["judge"] for row in told} == {"words"} and any(row["metric"] == "spearman" for row in told)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert TOY.meaning in page
    assert f"| `toy` | {TOY.meaning} |" in (tmp_path / "run" / "scorer" / "README.md").read_text(encoding="utf-8")


def test_the_estimator_knows_it(made: Path) -> None:
    samples, labels = load_samples(made / "log.csv"), pd.read_parquet(made / "labels.parquet")
    fitted = sie_agent.ImportanceScorer().fit(samples, labels)
    assert fitted.labels_ == ["support", "toy"] and fitted.predict(samples).shape == (80, 2)
    assert np.corrcoef(fitted.sample_weight(samples, by="toy"), fitted.predict(samples)[:, 1])[0, 1] < -0.5
    one = sie_agent.ImportanceScorer("toy").fit(samples, labels["toy"].to_numpy())
    assert one.predict(samples).shape == (80,)


def test_a_file_of_a_label_that_is_not_registered_any_more(
    sie: Sie, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recipe cannot be followed; a scorer without one still scores."""
    monkeypatch.delitem(WEAK_LABELS, "toy")
    ran = sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet")
    assert ran.code == 2 and "'toy', which is not a weak label" in ran.err
    config = json.loads((made / "scorer" / "config.json").read_text())
    (made / "scorer" / "config.json").write_text(json.dumps({**config, "recipe": None}))
    assert sie("score", "--scorer", "scorer", "--data", "log.csv", "--out", "s.parquet").code == 0
