"""Grades that people filled in after a run: taken up by a run of their own, on the graded queries alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.suite import run_suite

GIVEN = {"log": {"kind": "given"}, "judges": [{"name": "lexical", "kind": "lexical"}], "draws": [1], "references": []}


@pytest.mark.slow
def test_a_run_on_the_graded_queries_alone_has_a_verdict(workshop: Any, make_shop: Any) -> None:
    shop = make_shop()
    data = workshop.data(shop.drop(columns="grade"))
    graded = shop[["sample_id", "grade"]].assign(grade=shop["grade"].where(shop.index < 200))
    graded.to_csv(workshop.folder / "graded.csv", index=False)
    suite = workshop.suite(data, **GIVEN, downstream={"draws": 1, "folds": 2})
    out = workshop.folder / "run"
    asked = [f"data.grades={workshop.folder / 'graded.csv'}", "data.only_graded=true"]
    summary = run_suite(suite, out, overrides=asked, cache_path=workshop.cache)
    assert summary["verdict"]["use"] != "unknown"
    samples = pd.read_parquet(out / "samples.parquet")
    # the query of row 198 has rows beyond the 200 that were graded
    assert len(samples) == 198 and samples["grade"].notna().all()
    assert "only_graded: true" in (out / "suite.yaml").read_text()


def test_no_whole_graded_query_is_bad_input(workshop: Any, make_shop: Any) -> None:
    data = workshop.data(make_shop().drop(columns="grade"))
    suite = workshop.suite(data, **GIVEN, downstream={"draws": 0})
    with pytest.raises(InputError, match="no query has a grade in every row"):
        run_suite(suite, workshop.folder / "run", overrides=["data.only_graded=true"], cache_path=workshop.cache)
