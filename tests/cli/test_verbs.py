"""The verbs one after the other, as a person would type them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.attribution import REFERENCES, SIGNED
from sie_agent.commands.attribute import DEFAULT_REFERENCES
from sie_agent.judging import JUDGMENT_COLUMNS
from sie_agent.judging.backends import BACKENDS
from sie_agent.labels import WEAK_LABELS
from sie_agent.scorer import FROM, LABEL_ERROR

from .conftest import Ran, Sie

LABEL = ("label", "--variant", "relevance/lexical", "--backend", "lexical")
# those of preference are made where it was judged
NAMES = [name for name, label in WEAK_LABELS.items() if label.aspect == "relevance"]
LABELS = ["sample_id", *NAMES]
SCORES = ["sample_id", "query", "item_id", "label", *NAMES, LABEL_ERROR, FROM]


def done(ran: Ran) -> Ran:
    """The run, if it ended well."""
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture
def scorer(sie: Sie, log: Path, tmp_path: Path) -> Path:
    """A scorer that was distilled from the small log."""
    done(sie(*LABEL, "--data", log, "--out", "labelled"))
    done(sie("distill", "--judgments", "labelled", "--data", log, "--out", "distilled", "--set", "labels.proxies=2"))
    return tmp_path / "distilled"


def test_label_then_label_again(sie: Sie, log: Path, tmp_path: Path) -> None:
    first = done(sie(*LABEL, "--data", log, "--out", "out", "--output", "json")).json
    assert (first["rows"], first["ok"], first["failed"], first["asked"]) == (80, 80, 0, 80 - first["cached"])
    table = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
    assert list(table.columns) == list(JUDGMENT_COLUMNS)
    assert len(table) == 80 and table["score"].between(0, 1).all()
    assert first["pairs"] == 40 and (tmp_path / "out" / "manifest.json").is_file()
    again = done(sie(*LABEL, "--data", log, "--out", "out", "--output", "json")).json
    assert (again["asked"], again["cached"]) == (0, 80)


def test_limit(sie: Sie, log: Path) -> None:
    assert done(sie(*LABEL, "--data", log, "--out", "out", "--limit", "7", "--output", "json")).json["pairs"] == 7


@pytest.mark.slow
def test_from_judgments_to_weights(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    labels = pd.read_parquet(scorer / "labels.parquet")
    assert list(labels.columns) == LABELS and len(labels) == 80 and labels.notna().all().all()
    done(sie("score", "--scorer", scorer, "--data", log, "--out", "scores.parquet"))
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(scores.columns) == SCORES and scores["sample_id"].tolist() == [f"s{row}" for row in range(80)]
    select = ("select", "--scores", "scores.parquet", "--keep", "0.25", "--by", "hardness", "--out", "k.parquet")
    ran = done(sie(*select, "--no-coverage", "--no-balance"))
    assert "20 of 80 rows kept by hardness" in ran.out
    kept = pd.read_parquet(tmp_path / "k.parquet")
    assert kept["hardness"].max() <= scores["hardness"].sort_values().iloc[19] + 1e-12
    assert "20 of 80 rows kept by hardness" in done(sie(*select, "--overwrite")).out
    positive = scores[scores["label"] >= 0.5]
    kept = pd.read_parquet(tmp_path / "k.parquet")
    assert set(kept.loc[kept["label"] >= 0.5, "query"]) == set(positive["query"])
    done(sie("weights", "--scores", "scores.parquet", "--by", "value", "--out", "w.parquet"))
    weights = pd.read_parquet(tmp_path / "w.parquet")
    assert list(weights.columns) == ["sample_id", "weight", "blended_label"]
    assert weights["weight"].mean() == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_scores_do_not_depend_on_the_chunks(
    sie: Sie, log: Path, scorer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(sie("score", "--scorer", scorer, "--data", log, "--out", "whole.parquet"))
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", 7)
    done(sie("score", "--scorer", scorer / "scorer", "--data", log, "--out", "parts.parquet"))
    whole, parts = (pd.read_parquet(tmp_path / name) for name in ("whole.parquet", "parts.parquet"))
    pd.testing.assert_frame_equal(whole, parts)


@pytest.mark.slow
def test_grades_change_no_weak_label(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(log)
    frame["grade"] = frame["grade"].to_numpy()[::-1]
    frame.to_csv(tmp_path / "other.csv", index=False)
    done(
        sie("distill", "--judgments", "labelled", "--data", "other.csv", "--out", "again", "--set", "labels.proxies=2")
    )
    before, after = (pd.read_parquet(folder / "labels.parquet") for folder in (scorer, tmp_path / "again"))
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.slow
def test_data_without_labels_are_scored(sie: Sie, log: Path, scorer: Path, tmp_path: Path) -> None:
    pd.read_csv(log).drop(columns=["label", "grade"]).to_csv(tmp_path / "bare.csv", index=False)
    ran = done(sie("score", "--scorer", scorer, "--data", "bare.csv", "--out", "scores.parquet"))
    assert "no label" in ran.err
    assert pd.read_parquet(tmp_path / "scores.parquet")["support"].notna().all()


@pytest.mark.slow
def test_damaged_scorer(sie: Sie, log: Path, scorer: Path) -> None:
    (scorer / "scorer" / "model.onnx").write_text("cut off")
    ran = sie("score", "--scorer", scorer, "--data", log, "--out", "scores.parquet")
    assert ran.code == 2 and "model.onnx" in ran.err and "sie distill" in ran.err


def test_attribute(sie: Sie, log: Path, tmp_path: Path) -> None:
    done(sie("attribute", "--data", log, "--out", "r.parquet", "--seeds", "2", "--relevant-at", "0.6"))
    table = pd.read_parquet(tmp_path / "r.parquet")
    assert list(table.columns) == ["sample_id", *DEFAULT_REFERENCES]
    assert 0 < len(table) < 80 and table.notna().all().all()
    asked = pd.read_csv(log).set_index("sample_id").loc[table["sample_id"], "query"].unique()
    assert len(asked) < 8
    one = done(sie("attribute", "--data", log, "--out", "o.parquet", "--seeds", "2", "--reference", "el2n"))
    assert "el2n" in one.out
    pd.testing.assert_series_equal(pd.read_parquet(tmp_path / "o.parquet")["el2n"], table["el2n"])


def test_help_of_label_names_every_backend_that_ships(sie: Sie) -> None:
    """By hand, since help loads nothing heavy, and what registers backends does."""
    told = " ".join(sie("label", "--help").out.split())
    assert all(kind in told for kind in BACKENDS)


def test_help_of_attribute_names_every_reference(sie: Sie) -> None:
    shown = "".join(done(sie("attribute", "--help")).out.replace("│", "").split())
    for name in REFERENCES:
        method, _, loss = name.rpartition("-") if name in SIGNED else (name, "", "")
        assert method in shown and loss in shown
    for name in DEFAULT_REFERENCES:
        assert name in shown


def test_simulated_log(sie: Sie, tmp_path: Path) -> None:
    command = ("attribute", "--data", "sample", "--simulate", "clicks", "--reference", "el2n", "--seeds", "1")
    command += ("--limit", "452")
    first = done(sie(*command, "--out", "a.parquet", "--output", "json")).json
    other = done(sie(*command, "--out", "b.parquet", "--output", "json", "--seed", "1")).json
    assert first["log_hash"] != other["log_hash"]


def test_compare_prompts_takes_values_side_by_side(sie: Sie, tmp_path: Path) -> None:
    (tmp_path / "relevance").mkdir()
    text = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
    (tmp_path / "relevance" / "bare.yaml").write_text(text)
    command = ("compare-prompts", "--data", "sample", "--backend", "lexical", "--out", "out", "--limit", "100")
    ran = done(sie(*command, "--variants", "relevance/lexical", "relevance/bare.yaml"))
    assert "the base" in ran.out and "AUC" in ran.out
    assert (tmp_path / "out" / "comparison.json").is_file()


def test_init_writes_a_suite_that_is_run(sie: Sie, log: Path, tmp_path: Path) -> None:
    ran = done(sie("init", log))
    assert "query" in ran.out and "sie run" in ran.out
    suite, column_map = tmp_path / "log-suite.yaml", tmp_path / "log-map.yaml"
    assert "# " in suite.read_text() and "grade: grade" in column_map.read_text()
    done(sie("init", log))
    column_map.write_text(column_map.read_text() + "# looked through\n")
    assert sie("init", log).code == 2
    done(sie("init", log, "--force"))


def test_cache(sie: Sie, log: Path) -> None:
    done(sie(*LABEL, "--data", log, "--out", "out"))
    stats = done(sie("cache", "stats", "--output", "json")).json
    assert stats["entries"] > 0 and stats["groups"][0]["variant"] == "relevance/lexical"
    assert "relevance/lexical" in done(sie("cache", "stats")).out
    assert done(sie("cache", "prune", "--variant", "other", "--yes", "--output", "json")).json["deleted"] == 0
    assert done(sie("cache", "prune", "--all", "--yes", "--output", "json")).json["deleted"] == stats["entries"]
    assert done(sie("cache", "stats", "--output", "json")).json["entries"] == 0


def test_pruning_the_cache_asks_first(sie: Sie, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    done(sie(*LABEL, "--data", log, "--out", "out"))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ran = sie("cache", "prune", "--all")
    assert ran.code == 1 and "Delete all answers?" in ran.err and "nothing was changed" in ran.err
    ran = sie("cache", "prune", "--all", "--output", "json")
    assert ran.code == 2 and "--yes" in ran.err and ran.out == ""
    assert done(sie("cache", "stats", "--output", "json")).json["entries"] > 0


@pytest.mark.slow
def test_run_and_evaluate(sie: Sie, tmp_path: Path) -> None:
    small = ("draws=[1]", "judges=[{name: words, kind: lexical, by_rank: true}]", "headline_judge=words")
    small += ("target.seeds=2", "labels.proxies=2", "evaluation.permutations=2", "evaluation.replicates=20")
    small += ("downstream.draws=0", "data.limit=300")
    settings = [part for setting in small for part in ("--set", setting)]
    said = done(sie("run", "quickstart", "--out", "run", "--output", "json", *settings)).json
    assert Path(said["report"]).is_file()
    made = {path.name for path in (tmp_path / "run").iterdir()}
    files = ("suite.yaml", "manifest.json", "samples.parquet", "judgments.parquet", "labels.parquet", "scores.parquet")
    assert made >= {*files, "reference.parquet", "scorer", "agreement.json", "report.html"}
    assert "Report:" in done(sie("evaluate", "run")).out
    done(sie("score", "--scorer", "run", "--data", "sample", "--simulate", "clicks", "--out", "scores.parquet"))
