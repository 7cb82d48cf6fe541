"""`sie calibrate`, `sie label --calibration` and what `sie distill` says of such judgments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.calibration import load_calibration
from sie_agent.commands.calibrate import lines
from sie_agent.errors import InputError
from sie_agent.pipeline.judged_log import read_judgments, relevance_of
from sie_agent.samples import load_samples

WORDS: dict[str, Any] = {"variant": "relevance/lexical", "judge": "lexical"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """40 queries of 6 items: the more words of the query, the higher the grade."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(240):
        shared = int(rng.integers(0, 3))
        words = ["red", f"lamp{number // 6}"][:shared]
        grade = min(1.0, 0.5 * shared + 0.5 * (rng.random() < 0.2))
        row = {"sample_id": f"s{number}", "query": f"red lamp{number // 6}", "item_id": f"i{number}", "grade": grade}
        rows.append({**row, "title": " ".join([*words, "thing"]), "label": float(rng.random() < 0.5)})
    path = tmp_path / "log.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


@pytest.fixture
def judged(shop: Path, tmp_path: Path) -> Path:
    sie.label(shop, tmp_path / "raw", cache_path=tmp_path / "c.sqlite", **WORDS)
    return tmp_path / "raw"


def test_calibrated_judgments_keep_the_raw_score_and_name_their_mode(shop: Path, judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    found = sie.calibrate(judged, shop, out, method="isotonic")
    assert found["mode"] == f"gold-calibrated ({found['n_grades']} grades)" and found["n_grades"] == 120
    assert found["test"]["n_pairs"] == 120 and found["test"]["brier_after"] < found["test"]["brier_before"]
    assert any("cross-fitted" in line for line in lines(found))
    # the same work replaces its own file, other work does not
    sie.calibrate(judged, shop, out, method="isotonic")
    with pytest.raises(InputError, match="overwrite"):
        sie.calibrate(judged, shop, out, method="platt")
    result = sie.label(shop, tmp_path / "cal", calibration=out, cache_path=tmp_path / "c.sqlite", **WORDS)
    raw, table = (pd.read_parquet(tmp_path / name / "judgments.parquet") for name in ("raw", "cal"))
    pd.testing.assert_series_equal(table["raw_score"], raw["score"], check_names=False)
    np.testing.assert_allclose(table["score"], load_calibration(out)[0].apply(raw["score"].to_numpy()))
    assert result["mode"] == found["mode"] and set(table["mode"]) == {found["mode"]}
    assert json.loads((tmp_path / "cal" / "manifest.json").read_text())["judge"]["mode"] == found["mode"]
    # the scale means something now
    samples = load_samples(shop)
    told = relevance_of(*read_judgments([tmp_path / "cal"])[:1], samples, "j")
    assert (told.mode, told.by_rank) == (found["mode"], False)
    assert relevance_of(*read_judgments([judged])[:1], samples, "j").by_rank
    # and another calibration is fitted to what the model said
    again = sie.calibrate(tmp_path / "cal", shop, tmp_path / "again.json", method="isotonic")
    assert again["test"] == found["test"]


def test_only_tuning_queries_decide(shop: Path, judged: Path, tmp_path: Path) -> None:
    before = load_calibration(sie.calibrate(judged, shop, tmp_path / "a.json")["calibration"])[0]
    log = pd.read_parquet(shop)
    from sie_agent.samples import assign_query_sets

    test = assign_query_sets(log, {"tune": 0.5, "test": 0.5}, 0) == "test"
    log.loc[test, "grade"] = 1 - log.loc[test, "grade"]
    log.to_parquet(tmp_path / "other.parquet")
    after = load_calibration(sie.calibrate(judged, tmp_path / "other.parquet", tmp_path / "b.json")["calibration"])[0]
    assert before == after


def test_a_share_needs_no_grades(shop: Path, judged: Path, tmp_path: Path) -> None:
    pd.read_parquet(shop).drop(columns="grade").to_parquet(tmp_path / "ungraded.parquet")
    found = sie.calibrate(judged, tmp_path / "ungraded.parquet", tmp_path / "p.json", method="prior", prior=0.3)
    assert found["mode"] == "share-calibrated (share 0.3)" and found["test"] is None and found["n_grades"] == 0
    told = list(lines(found))
    assert any("not known" in line for line in told)
    with pytest.raises(InputError, match="grade"):
        sie.calibrate(judged, tmp_path / "ungraded.parquet", tmp_path / "q.json", method="platt")


def test_another_variant_or_model_is_refused_unless_told(shop: Path, judged: Path, tmp_path: Path) -> None:
    path = Path(sie.calibrate(judged, shop, tmp_path / "c.json", method="platt")["calibration"])
    how: dict[str, Any] = {"cache_path": tmp_path / "c.sqlite", "judge": "lexical"}
    other = tmp_path / "relevance"
    other.mkdir()
    text = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
    (other / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"variant 'relevance/lexical'.*'relevance/mine'"):
        sie.label(shop, tmp_path / "x", variant=other / "mine.yaml", calibration=path, **how)
    content = json.loads(path.read_text()) | {"model": "another"}
    (tmp_path / "d.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model 'another'.*'lexical'"):
        sie.label(shop, tmp_path / "y", variant="relevance/lexical", calibration=tmp_path / "d.json", **how)
    told = sie.label(
        shop,
        tmp_path / "z",
        variant="relevance/lexical",
        calibration=tmp_path / "d.json",
        allow_other_judge=True,
        **how,
    )
    assert told["mode"].startswith("gold-calibrated")


def test_modes_are_not_mixed_and_not_made_up(shop: Path, judged: Path, tmp_path: Path) -> None:
    table, where = read_judgments([judged])
    samples = load_samples(shop)
    mixed = table.assign(raw_score=table["score"], mode="gold-calibrated (10 grades)")
    mixed.loc[mixed.index[:5], "mode"] = None
    with pytest.raises(InputError, match="with and without calibration"):
        relevance_of(mixed, samples, where)
    with pytest.raises(InputError, match="unknown mode"):
        relevance_of(mixed.assign(mode="<b>gold</b>"), samples, where)
