"""A whole run on a tiny shop: its files, going on, computing figures anew, and that no grade leaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent.suite.draw.world as world_module
from sie_agent.downstream import make_folds
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.evaluation import partial_spearman, roc_auc, spearman
from sie_agent.files.writing import exclusive_lock
from sie_agent.judging import JUDGMENT_COLUMNS
from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.lexical import LexicalBackend
from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import normalise_query
from sie_agent.scorer import load_scorer
from sie_agent.selection import recipe_in
from sie_agent.suite import evaluate_run, run_suite

pytestmark = pytest.mark.slow

TABLES = ("judgments", "labels", "scores", "reference", "samples")
# those of preference are made where it was judged
LABELS = [name for name, label in WEAK_LABELS.items() if label.aspect == "relevance"]
TOLD = ["label_error", "label_error_from"]
Finished = tuple[Any, Path, dict[str, Any]]


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def agreement(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "agreement.json").read_text())


def test_the_folder_holds_what_is_documented(finished: Finished) -> None:
    _, out, summary = finished
    names = {path.name for path in out.iterdir()}
    files = {f"{name}.parquet" for name in TABLES}
    assert files | {"suite.yaml", "manifest.json", "agreement.json", "report.html", "scorer", "draws"} <= names
    assert "log_columns.parquet" in names
    assert list(read(out, "judgments").columns) == list(JUDGMENT_COLUMNS)
    for name in ("labels", "scores"):
        further, told = (["query", "item_id", "label"], [*TOLD, "held_out"]) if name == "scores" else ([], [])
        assert list(read(out, name).columns) == ["sample_id", *further, *LABELS, *told]
    assert list(read(out, "reference").columns) == [
        "sample_id",
        "tracin-ranking",
        "tracin-mean",
        "influence-linear-mean",
        "el2n",
    ]
    samples = read(out, "samples").set_index("sample_id")
    sets = samples["query_set"]
    assert set(sets[read(out, "labels")["sample_id"]]) == {"log-judged"}
    scores = read(out, "scores").set_index("sample_id")
    assert scores.index.tolist() == samples.index.tolist(), "every row has a score"
    assert scores["held_out"].equals(~sets.isin(["log-judged", "log-unseen"]).rename("held_out"))
    assert (scores["label_error_from"] == "text").equals(scores["held_out"].rename("label_error_from"))
    assert summary["scored"] == {"rows": len(samples), "held_out": int(scores["held_out"].sum())}
    assert set(sets[read(out, "reference")["sample_id"]]) == {"log-judged", "log-unseen"}
    for name in ("labels", "scores", "reference"):
        assert np.isfinite(read(out, name).select_dtypes("number").to_numpy()).all()
    assert summary["exit_code"] == 0 and Path(summary["report"]).stat().st_size > 10_000


def test_the_rows_of_the_report_are_explained(finished: Finished) -> None:
    """Those at either end by the label that rows are ranked by, those that look wrong by relevance."""
    _, out, _ = finished
    explained = json.loads((out / "explanations.json").read_text())
    table = read(out, "scores").query("~held_out").set_index("sample_id")
    by = {name: [one for one in explained["explanations"] if one["by"] == name] for name in ("value", "relevance")}
    assert explained["by"] == "value" and len(explained["explanations"]) == sum(map(len, by.values()))
    assert all(10 < len(listed) <= 20 for listed in by.values())
    for name, listed in by.items():
        for one in listed:
            assert one["score"] == pytest.approx(table.loc[one["sample_id"], name], abs=1e-9)
            effects = [feature["effect"] for feature in one["features"]]
            assert one["base"] + sum(effects) + one["rest"] == pytest.approx(one["rank"], abs=1e-9)
    ends = {table["value"].idxmax(), table["value"].idxmin()}
    assert ends <= {one["sample_id"] for one in by["value"]}
    page = (out / "report.html").read_text()
    assert page.count("Why this score") == len(by["value"])
    assert page.count("Words for and against a fit") == len(by["relevance"])


def test_a_run_without_explanations_is_evaluated(finished: Finished, tmp_path: Path) -> None:
    _, out, _ = finished
    older = tmp_path / "older"
    shutil.copytree(out, older)
    (older / "explanations.json").unlink()
    evaluate_run(older)
    assert "Why this score" not in (older / "report.html").read_text()


def test_no_query_is_in_two_sets(finished: Finished) -> None:
    _, out, _ = finished
    samples = read(out, "samples")
    sets = samples.groupby(samples["query"].map(normalise_query))["query_set"].nunique()
    assert (sets == 1).all() and samples["query_set"].nunique() == 5
    for seed in (1, 2):
        evidence = pd.read_parquet(out / "draws" / str(seed) / "evidence.parquet")
        assert (evidence.groupby("query_code")["query_set"].nunique() == 1).all()
        assert set(evidence["query_set"]) == {"log-judged", "log-unseen"}


def test_labels_are_made_of_log_judged_rows_only(finished: Finished) -> None:
    _, out, _ = finished
    for seed in (1, 2):
        evidence = pd.read_parquet(out / "draws" / str(seed) / "evidence.parquet")
        unseen = evidence["query_set"] == "log-unseen"
        for column in evidence:
            if column.startswith(("relevance|", "weak|")):
                assert evidence.loc[unseen, column].isna().all()
        assert evidence.loc[~unseen, "relevance|lexical"].notna().all()


def test_the_judge_is_asked_about_what_some_draw_reads_and_nothing_else(finished: Finished) -> None:
    """Log-judged rows of every draw, and of the draw with a bench what is judged or tuned on in a fold."""
    _, out, _ = finished
    samples = read(out, "samples")
    wanted = set()
    for seed in (1, 2):
        evidence = pd.read_parquet(out / "draws" / str(seed) / "evidence.parquet")
        wanted |= set(evidence.loc[evidence["query_set"] == "log-judged", "sample_id"])
    codes, names = pd.factorize(samples["query"].map(normalise_query))
    for fold in make_folds(codes, list(names), folds=2, judged=0.25, tune=0.15, seed=1):
        wanted |= set(samples["sample_id"][fold.judged | fold.tune])
    assert set(read(out, "judgments")["sample_id"]) == wanted


def test_the_bench_tests_every_query_once_a_draw(finished: Finished) -> None:
    _, out, _ = finished
    bench = pd.read_parquet(out / "draws" / "1" / "bench.parquet")
    assert not (out / "draws" / "2" / "bench.parquet").exists()
    for _, rows in bench.groupby(["ranker", "strategy", "judge", "twin"]):
        assert sorted(rows["query_code"]) == list(range(60))
    assert set(bench["judge"]) == {"", "strong", "guess", "lexical", "random", "positions"}


def test_figures_follow_from_the_evidence(finished: Finished) -> None:
    """agreement.json against a computation of its own, from the draws' evidence."""
    _, out, _ = finished
    figures = agreement(out)
    frames = [pd.read_parquet(out / "draws" / str(seed) / "evidence.parquet") for seed in (1, 2)]
    unseen = [frame[frame["query_set"] == "log-unseen"] for frame in frames]
    wanted = ["scorer|value|strong", "reference|tracin-ranking", "control|strong", "baseline|plain-loss"]
    columns = [[frame[key].to_numpy(float) for key in wanted] for frame in unseen]
    expected = {
        "spearman": np.mean([spearman(one[0], one[1]) for one in columns]),
        "partial_spearman": np.mean([partial_spearman(one[0], one[1], one[2:]) for one in columns]),
    }
    for metric, value in expected.items():
        (row,) = [
            row
            for row in figures["rows"]
            if (row["label"], row["judge"], row["reference"], row["metric"], row["source"])
            == ("value", "strong", "tracin-ranking", metric, "scorer")
        ]
        assert row["value"] == pytest.approx(value, abs=1e-6)
        assert row["mode"] == "simulated" and not row["is_baseline"]
        assert row["n_samples"] == sum(map(len, unseen))
        assert row["n_queries"] == len(set(np.concatenate([frame["query_code"] for frame in unseen])))
    judge = figures["judge"]
    grade = read(out, "samples").set_index("sample_id")["grade"]
    aucs = []
    for frame in frames:
        part = frame[frame["query_set"] == "log-judged"]
        aucs.append(roc_auc(part["relevance|strong"].to_numpy(), grade[part["sample_id"]].to_numpy() >= 0.75))
    assert judge["judge"] == "strong" and judge["auc"] == pytest.approx(np.mean(aucs), abs=1e-6)
    assert {row["label"] for row in figures["rows"]} >= {
        "value",
        "support",
        "lexical",
        "random",
        "plain-loss",
        "no-judge-control",
    }
    assert figures["ceiling"] and figures["reliability"] and figures["downstream"]
    assert figures["agreement"] == {"label": "value", "judge": "strong", "reference": "tracin-ranking"}
    beaten = {one["rival"]: one["value"] for one in figures["verdict"]["against"]}
    headline = figures["headline"]
    assert (headline["judge"], headline["mode"]) == ("strong", "simulated")
    assert headline["gain"]["value"] == beaten["the log as it is"]
    assert headline["less_twin"]["value"] == beaten["the judge without its knowledge, by the same recipe"]


def test_the_saved_scorer_gives_the_scores(finished: Finished) -> None:
    _, out, _ = finished
    samples, scores = read(out, "samples"), read(out, "scores")
    rows = samples[samples["sample_id"].isin(scores["sample_id"])]
    predicted = load_scorer(out / "scorer").predict(rows.drop(columns="grade"))
    assert predicted["sample_id"].tolist() == scores["sample_id"].tolist()
    np.testing.assert_allclose(predicted[LABELS], scores[LABELS], atol=1e-9)


def test_the_scorers_card_says_where_it_is_from_and_what_was_measured(finished: Finished) -> None:
    _, out, _ = finished
    about = json.loads((out / "scorer" / "config.json").read_text())["about"]
    assert {"judge", "mode", "suite", "draw", "seed", "n_samples", "settings", "log_hash", "versions"} <= set(about)
    assert set(about["settings"]) == set(LABELS) and about["n_samples"] > 0
    figures = json.loads((out / "agreement.json").read_text())
    wanted = next(
        row
        for row in figures["rows"]
        if row["source"] == "scorer"
        and row["metric"] == "spearman"
        and all(row[key] == figures["agreement"][key] for key in ("label", "judge", "reference"))
    )
    assert wanted["value"] in [row["value"] for row in about["agreement"]]
    card = (out / "scorer" / "README.md").read_text()
    assert figures["agreement"]["reference"] in card and f"{wanted['value']:.2f}" in card and about["judge"] in card
    scores = pd.read_parquet(out / "scores.parquet")
    assert list(scores.columns) == ["sample_id", "query", "item_id", "label", *LABELS, *TOLD, "held_out"]


def test_the_manifest_counts(finished: Finished) -> None:
    _, out, _ = finished
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["samples"] == 360 and manifest["counts"]["queries"] == 60
    assert manifest["counts"]["judged"] == len(read(out, "judgments")) and manifest["counts"]["failed"] == 0
    assert manifest["seeds"] == [1, 2] and {"log", "suite", "samples"} <= set(manifest["hashes"])


def copied(finished: Finished, tmp_path: Path) -> tuple[Any, Path]:
    shared, out, _ = finished
    return shared, Path(shutil.copytree(out, tmp_path / "run"))


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_second_run_goes_on(finished: Finished, tmp_path: Path) -> None:
    shared, out = copied(finished, tmp_path)
    before, figures = times(out / "draws"), agreement(out)
    run_suite(shared.folder / "tiny.yaml", out, cache_path=shared.cache)
    assert times(out / "draws") == before
    assert agreement(out) == figures
    assert json.loads((out / "manifest.json").read_text())["counts"]["cached"] == len(read(out, "judgments"))


def test_a_draw_that_was_cut_short_is_run_again_and_comes_out_the_same(finished: Finished, tmp_path: Path) -> None:
    shared, out = copied(finished, tmp_path)
    figures, before = agreement(out), times(out / "draws" / "1")
    (out / "draws" / "2" / "facts.json").unlink()
    run_suite(shared.folder / "tiny.yaml", out, cache_path=shared.cache)
    assert times(out / "draws" / "1") == before
    assert agreement(out) == figures


def test_another_headline_judge_gets_its_own_main_files(finished: Finished, tmp_path: Path) -> None:
    """labels, scores and scorer are the primary judge's, also when the run folder had another one before."""
    shared, out = copied(finished, tmp_path)
    run_suite(shared.folder / "tiny.yaml", out, overrides=["headline_judge=guess"], cache_path=shared.cache)
    evidence = pd.read_parquet(out / "draws" / "1" / "evidence.parquet").set_index("sample_id")
    scores = read(out, "scores").query("~held_out").set_index("sample_id")
    np.testing.assert_allclose(scores["value"], evidence.loc[scores.index, "scorer|value|guess"], atol=1e-5)
    assert agreement(out)["agreement"]["judge"] == "guess"


def test_evaluate_run_gives_the_same_figures(finished: Finished, tmp_path: Path) -> None:
    _, out = copied(finished, tmp_path)
    figures, before = agreement(out), times(out / "draws")
    (out / "agreement.json").unlink()
    summary = evaluate_run(out)
    assert agreement(out) == figures and times(out / "draws") == before
    assert summary["exit_code"] == 0 and summary["verdict"] == figures["verdict"]


def test_a_folder_without_a_run_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        evaluate_run(tmp_path)


GIVEN: dict[str, Any] = {
    "log": {"kind": "given"},
    "judges": [{"name": "lexical", "kind": "lexical"}],
    "draws": [1],
    "downstream": {"draws": 1, "seeds": 1, "folds": 2},
}


def test_a_log_without_grades_works(workshop: Any, make_shop: Any) -> None:
    data = workshop.data(make_shop().drop(columns="grade"))
    sets = {"log-judged": 0.5, "log-unseen": 0.5}
    out = workshop.folder / "run"
    summary = run_suite(workshop.suite(data, **{**GIVEN, "query_sets": sets}), out, cache_path=workshop.cache)
    assert summary["verdict"]["use"] == "unknown" and "Grade 360 more pairs" in summary["verdict"]["text"]
    assert summary["exit_code"] == 0
    for name, rows in (("labels", 180), ("scores", 360)):
        assert len(read(out, name)) == rows
        assert np.isfinite(read(out, name)[LABELS].to_numpy()).all()
    assert list(read(out, "reference").columns) == ["sample_id"]
    assert agreement(out)["downstream"] == [] and (out / "report.html").stat().st_size > 10_000
    assert load_scorer(out / "scorer").students.keys() == set(LABELS)


def test_grades_change_neither_judgments_nor_labels_nor_scores(workshop: Any, make_shop: Any) -> None:
    shop = make_shop()
    rng = np.random.default_rng(0)
    outs = []
    for number, grade in enumerate((shop["grade"], rng.permutation(shop["grade"]), np.full(len(shop), np.nan))):
        data = workshop.data(shop.assign(grade=grade), f"pairs{number}.csv")
        out = workshop.folder / f"run{number}"
        # a bench asks about more rows, and there is none without grades
        suite = workshop.suite(data, **{**GIVEN, "downstream": {"draws": 0}})
        run_suite(suite, out, cache_path=workshop.folder / f"{number}.sqlite")
        outs.append(out)
    for other in outs[1:]:
        for name in ("labels", "scores"):
            pd.testing.assert_frame_equal(read(other, name), read(outs[0], name))
        judgments = [read(folder, "judgments").drop(columns="latency_ms") for folder in (other, outs[0])]
        pd.testing.assert_frame_equal(*judgments)
    references = [read(folder, "reference") for folder in outs[:2]]
    assert not np.allclose(references[0]["tracin-ranking"], references[1]["tracin-ranking"])


class HalfDeaf(LexicalBackend):
    """A backend that fails on every third pair, or on all."""

    share = 3

    def answer(self, variant: Any, requests: Any) -> Any:
        for batch in super().answer(variant, requests):
            yield [
                (request, Answer("server-error", "lexical", detail="HTTP 500") if number % self.share == 0 else answer)
                for number, (request, answer) in enumerate(batch)
            ]


class Deaf(HalfDeaf):
    share = 1


def test_pairs_without_a_grade_are_told_by_exit_code_3(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "make_backend", lambda *_, **__: HalfDeaf())
    out = workshop.folder / "run"
    summary = run_suite(workshop.suite(**GIVEN), out, cache_path=workshop.cache)
    judgments = read(out, "judgments")
    failed = judgments["score"].isna()
    assert 0.2 < failed.mean() < 0.5 and set(judgments.loc[failed, "status"]) == {"server-error"}
    assert summary["exit_code"] == 3 and summary["pairs_without_grade"] == failed.sum()
    labels = read(out, "labels").set_index("sample_id")
    unjudged = labels.index.isin(judgments.loc[failed, "sample_id"])
    assert labels.loc[unjudged, "support"].isna().all() and labels.loc[~unjudged, "support"].notna().all()
    assert np.isfinite(read(out, "scores")[LABELS].to_numpy()).all()


def test_a_judge_that_answers_nothing_is_told_in_one_line(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sie_agent.errors import SieError

    monkeypatch.setattr(world_module, "make_backend", lambda *_, **__: Deaf())
    with pytest.raises(SieError, match="lexical"):
        run_suite(workshop.suite(**GIVEN), workshop.folder / "run", cache_path=workshop.cache)


def test_wrong_data_for_the_suite_is_bad_input(workshop: Any, make_shop: Any) -> None:
    ungraded = workshop.data(make_shop().drop(columns="grade"))
    with pytest.raises(InputError, match="needs a grade"):
        run_suite(workshop.suite(ungraded), workshop.folder / "run", cache_path=workshop.cache)
    unlabelled = workshop.data(make_shop().drop(columns="label"))
    with pytest.raises(InputError, match="no label"):
        run_suite(workshop.suite(unlabelled, **GIVEN), workshop.folder / "run", cache_path=workshop.cache)
    with pytest.raises(InputError, match="no query has 7 items"):
        run_suite(
            workshop.suite(),
            workshop.folder / "run",
            overrides=["data.min_items_per_query=7"],
            cache_path=workshop.cache,
        )


def test_scores_of_a_run_carry_its_recipe_and_its_folder_is_a_scorers(finished: Finished) -> None:
    _, out, _ = finished
    recipe = recipe_in(out / "scores.parquet")
    assert recipe is not None and recipe == load_scorer(out).recipe == load_scorer(out / "scorer").recipe


def test_a_draw_without_a_bench_leaves_none_of_another_suite_behind(workshop: Any) -> None:
    out = workshop.folder / "run"
    run_suite(workshop.suite(), out, cache_path=workshop.cache)
    changes = ["downstream.draws=0", "log={kind: flips}", "draws=[1]"]
    run_suite(workshop.suite(), out, overrides=changes, cache_path=workshop.cache, overwrite=True)
    assert not (out / "draws" / "1" / "bench.parquet").exists()
    assert agreement(out)["downstream"] == [] and agreement(out)["verdict"]["use"] == "unknown"


def test_a_draw_whose_file_is_gone_or_cut_is_made_again(workshop: Any) -> None:
    out, suite = workshop.folder / "run", workshop.suite(draws=[1])
    run_suite(suite, out, cache_path=workshop.cache)
    before, draw = agreement(out), out / "draws" / "1"
    (draw / "bench.parquet").unlink()
    run_suite(suite, out, cache_path=workshop.cache)
    (draw / "evidence.parquet").write_bytes((draw / "evidence.parquet").read_bytes()[:500])
    run_suite(suite, out, cache_path=workshop.cache)
    (draw / "facts.json").write_text("[1]")
    run_suite(suite, out, cache_path=workshop.cache)
    assert agreement(out) == before


def test_main_files_of_a_suite_that_was_killed_are_not_kept_for_another(workshop: Any) -> None:
    out, suite = workshop.folder / "run", workshop.suite(draws=[1])
    run_suite(suite, out, cache_path=workshop.cache)
    scores = read(out, "scores")
    scores.assign(label=0.5).to_parquet(out / "scores.parquet", index=False)
    # as a run of another suite leaves it that is killed before it writes the scorer's configuration
    (out / "scorer" / "config.json").unlink()
    run_suite(suite, out, cache_path=workshop.cache)
    pd.testing.assert_frame_equal(read(out, "scores"), scores)


def test_a_suite_that_does_not_fit_the_data_leaves_a_finished_folder_as_it_is(workshop: Any) -> None:
    out, suite = workshop.folder / "run", workshop.suite(draws=[1])
    run_suite(suite, out, cache_path=workshop.cache)
    before = (out / "suite.yaml").read_text()
    with pytest.raises(InputError):
        run_suite(suite, out, overrides=["data.min_items_per_query=99"], cache_path=workshop.cache, overwrite=True)
    assert (out / "suite.yaml").read_text() == before
    assert evaluate_run(out)["verdict"] == agreement(out)["verdict"]


def test_two_runs_in_one_folder_at_once_are_refused(workshop: Any) -> None:
    out = workshop.folder / "run"
    out.mkdir()
    with exclusive_lock(out / "run"), pytest.raises(EnvironmentFailure, match="another process"):
        run_suite(workshop.suite(), out, cache_path=workshop.cache)
