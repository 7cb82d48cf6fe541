"""A run on a raw log: what is counted, what is listed, and that no product stands twice under a query."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sie_agent.errors import InputError
from sie_agent.report.doubt import doubted
from sie_agent.report.listed_rows import chosen
from sie_agent.samples import normalise_query
from sie_agent.suite import run_suite

from ..samples.raw_logs import MAP, QUERIES, raw_log
from .conftest import Workshop

QUICK = {
    "log": {"kind": "given"},
    "query_sets": {"log-judged": 0.7, "log-unseen": 0.3},
    "draws": [1],
    "judges": [{"name": "lexical", "kind": "lexical"}],
    "downstream": {"draws": 0},
}


def raw_suite(workshop: Workshop, *, missing_names: int, impressions: bool = True, **data: bool) -> Path:
    """A suite on a raw log of 1,200 impressions."""
    source = workshop.data(raw_log(count=1_200, missing_names=missing_names), "raw.csv")
    content = MAP if impressions else {name: part for name, part in MAP.items() if name != "impressions"}
    (workshop.folder / "map.yaml").write_text(yaml.safe_dump(content))
    return workshop.suite(data={"source": str(source), "map": str(workshop.folder / "map.yaml"), **data}, **QUICK)


@pytest.mark.slow
def test_impressions_pairs_and_queries_are_told_apart(workshop: Workshop, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_suite(raw_suite(workshop, missing_names=24), out, cache_path=workshop.cache)
    samples = pd.read_parquet(out / "samples.parquet")
    counts = json.loads((out / "manifest.json").read_text())["counts"]
    assert (counts["impressions"], counts["pairs"], counts["queries"]) == (1_176, len(samples), len(QUERIES))
    assert samples["impressions"].sum() == 1_176 and len(pd.read_csv(out / "invalid-rows.csv")) == 24
    report = (out / "report.html").read_text(encoding="utf-8")
    assert f"the run holds 1,176 impressions, {len(samples):,} pairs of 20 queries in all" in report


@pytest.mark.slow
def test_rows_that_repeat_a_pair_stand_once_on_the_page(workshop: Workshop, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_suite(raw_suite(workshop, missing_names=0, impressions=False), out, cache_path=workshop.cache)
    samples, scores = (pd.read_parquet(out / f"{name}.parquet") for name in ("samples", "scores"))
    rows = samples.drop(columns="label").merge(scores.drop(columns="query"), on="sample_id")
    for most in (True, False):
        listed = chosen(rows, most=most)
        shown = Counter((normalise_query(query), title) for query, title in listed[["query", "title"]].to_numpy())
        assert len(shown) == len(listed) > 2
    report = (out / "report.html").read_text(encoding="utf-8")
    pairs = samples.assign(query=samples["query"].map(normalise_query))[["query", "item_id"]].drop_duplicates()
    assert f"the run holds 1,200 rows, {len(pairs)} pairs of 20 queries in all" in report


@pytest.mark.slow
def test_the_data_section_says_what_happens_to_broken_rows(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"120 of 1,200 rows cannot be used.*data\.skip_invalid"):
        run_suite(raw_suite(workshop, missing_names=120), tmp_path / "a", cache_path=workshop.cache)
    with pytest.raises(InputError, match="the title is empty"):
        run_suite(raw_suite(workshop, missing_names=1, strict=True), tmp_path / "b", cache_path=workshop.cache)
    with pytest.raises(InputError, match="exclude each other"):
        run_suite(raw_suite(workshop, missing_names=1, strict=True, skip_invalid=True), tmp_path / "c")
    suite = raw_suite(workshop, missing_names=120, skip_invalid=True)
    run_suite(suite, tmp_path / "d", cache_path=workshop.cache)
    assert pd.read_parquet(tmp_path / "d" / "samples.parquet")["impressions"].sum() == 1_080


def test_of_two_skus_of_one_name_one_is_listed() -> None:
    rows = pd.DataFrame(
        {
            "sample_id": ["1", "2", "3", "4", "5"],
            "query": ["lamp", "Lamp ", "lamp", "lamp", "desk"],
            "item_id": ["a", "a", "b", "c", "a"],
            "title": ["Red lamp", "Red lamp", "red  lamp", "Blue lamp", "Red lamp"],
            "value": [0.9, 0.8, 0.7, 0.6, 0.5],
        }
    )
    assert chosen(rows, most=True)["sample_id"].tolist() == ["1", "4", "5"]
    doubtful = rows.assign(label=1.0, right=rows["value"])
    assert doubted(doubtful)["sample_id"].tolist() == ["5", "4", "3"]
