"""`sie run` and `sie distill` take one way: the same log, answers, settings and seed give the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.distill import distill
from sie_agent.commands.score import score
from sie_agent.samples import LOGS, load_samples, without_grade
from sie_agent.scorer import COLUMNS_FILE, load_scorer
from sie_agent.suite import load_suite, run_suite

pytestmark = pytest.mark.slow

SEED = 3
GIVEN: dict[str, Any] = {
    "log": {"kind": "given"},
    "query_sets": {"log-judged": 0.25, "log-unseen": 0.75},
    "draws": [SEED],
    "judges": [{"name": "lexical", "kind": "lexical", "by_rank": True}],
    "references": [],
    # a bench would ask about more rows
    "downstream": {"draws": 0},
}
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "clicks": {"log": {"kind": "ranked-clicks"}},
    # held-out proxies beside the others, to find the flipped labels
    "flips": {"log": {"kind": "flips"}},
    "joint": {"labels": {"proxies": 2, "clarity": "none", "scale": "joint"}},
    "other proxies": {"labels": {"proxies": 2, "pool_loss": "mean", "proxy": {"hidden": 3, "epochs": 1}}},
    # the students read numbers of the shopper too, and so does the target
    "behaviour": {
        "scorer": {"trees": 8, "inputs": ["text", "behaviour"]},
        "target": {"hidden": 4, "epochs": 2, "inputs": ["text", "behaviour"]},
    },
    "pairwise": {"target": {"hidden": 4, "epochs": 2, "loss": "pairwise"}},
}


def shopped(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with what shoppers did, some of it not known."""
    rng = np.random.default_rng(1)
    return rows.assign(shopper_views=np.where(rng.random(len(rows)) < 0.2, np.nan, rng.poisson(3, len(rows))))


@pytest.mark.parametrize("change", CHANGES)
def test_run_and_distill_make_the_same_labels_and_the_same_scorer(workshop: Any, make_shop: Any, change: str) -> None:
    changes = {**GIVEN, **CHANGES[change]}
    data, run, made = workshop.data(shopped(make_shop())), workshop.folder / "run", workshop.folder / "made"
    suite = workshop.suite(data, **changes)
    run_suite(suite, run, cache_path=workshop.cache)
    simulated = None if changes["log"]["kind"] == "given" else changes["log"]["kind"]
    said = distill(run / "judgments.parquet", data, made, suite=suite, simulate=simulated, seed=SEED)
    assert said["judged"] < said["rows"] == 360
    pd.testing.assert_frame_equal(
        pd.read_parquet(run / "labels.parquet"), pd.read_parquet(made / "labels.parquet"), check_exact=True
    )
    ran, distilled = load_scorer(run / "scorer"), load_scorer(made / "scorer")
    rows = without_grade(load_samples(data))
    for label in (0.0, 1.0):
        pd.testing.assert_frame_equal(
            ran.predict(rows.assign(label=label)), distilled.predict(rows.assign(label=label)), check_exact=True
        )
    for name, values in ran.score_quantiles.items():
        np.testing.assert_array_equal(values, distilled.score_quantiles[name])
    assert ran.about["settings"] == distilled.about["settings"] and ran.about["seed"] == distilled.about["seed"]
    # how wrong labels are told: the regressions, the log's columns, and what they say of every row
    assert ran.label_errors == distilled.label_errors is not None
    assert (run / COLUMNS_FILE).read_bytes() == (made / COLUMNS_FILE).read_bytes()
    told = pd.read_parquet(run / "scores.parquet").drop(columns="held_out")
    assert set(told["label_error_from"]) == {"log"} and told["label_error"].nunique() > 100
    for folder in (run, made):
        score(folder, data, workshop.folder / "s.parquet", simulate=simulated, seed=SEED, overwrite=True)
        scored = pd.read_parquet(workshop.folder / "s.parquet").set_index("sample_id").loc[told["sample_id"]]
        pd.testing.assert_frame_equal(scored.reset_index(), told, check_exact=True)


def test_distill_keeps_the_settings_that_it_used(workshop: Any, make_shop: Any) -> None:
    data, run = workshop.data(make_shop()), workshop.folder / "run"
    suite = workshop.suite(data, **GIVEN)
    run_suite(suite, run, cache_path=workshop.cache)
    wanted = ["labels.proxies=1", "recipe.tune=0.3", "scorer.leaves=3"]
    distill(run, data, workshop.folder / "made", suite=suite, overrides=wanted, seed=SEED)
    told = json.loads((workshop.folder / "made" / "manifest.json").read_text())["settings"]
    assert told == load_suite(suite, wanted).distilling.model_dump(mode="json")


TINY: dict[str, Any] = {
    "draws": [1],
    "judges": [{"name": "strong", "kind": "simulated", "auc": 0.9}],
    "references": [],
    "query_sets": {"log-judged": 0.5, "log-unseen": 0.5},
    "labels": {"proxies": 1, "clarity": "none"},
    "target": {"hidden": 4, "epochs": 1, "batch_size": 32, "checkpoints": 1},
    "downstream": {"draws": 1, "folds": 2},
}


@pytest.mark.parametrize("kind", ["given", *LOGS])
def test_every_kind_of_log_gives_a_bench(workshop: Any, make_shop: Any, kind: str) -> None:
    suite = workshop.suite(workshop.data(make_shop(30, 5)), log={"kind": kind}, **TINY)
    out = Path(workshop.folder) / "run"
    assert run_suite(suite, out, cache_path=workshop.cache)["exit_code"] == 0
    figures = json.loads((out / "agreement.json").read_text())
    judges = {row["judge"] for row in figures["downstream"]}
    shown = kind not in ("given", "flips", "missing-positives")
    assert judges == {None, "strong", "lexical", "random", *(["positions"] if shown else [])}
    strategies = {row["strategy"] for row in figures["downstream"] if row["judge"] is None}
    assert ("estimated propensities" in strategies) == shown
    assert figures["verdict"]["use"] in ("use", "simpler", "cannot tell", "log loses nothing")
    assert figures["log"]["kind"] == kind and figures["n_test_queries"] > 10
