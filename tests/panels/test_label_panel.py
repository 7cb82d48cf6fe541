"""`sie label --judges`: members of their own folders, one panel of them, and what is left where one fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.commands import panel_labelling
from sie_agent.commands.label_lines import lines
from sie_agent.commands.panel_labelling import members_of
from sie_agent.commands.panel_results import panel_lines
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging import load_variant
from sie_agent.panels import combined
from sie_agent.pipeline.judged_log import read_judgments, relevance_of
from sie_agent.samples import load_samples

TITLE = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
TEXT = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }} {{ description }}'\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """40 queries of 6 items; titles and descriptions tell of the grade, the second less well."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(240):
        query = f"red lamp{number // 6}"
        shared, other = (int(one) for one in rng.integers(0, 3, 2))
        row = {"sample_id": f"s{number}", "query": query, "item_id": f"i{number}", "grade": shared / 2}
        words = query.split()
        told = shared if rng.random() < 0.9 else other
        row |= {"title": " ".join(words[:told] or ["thing"]), "label": float(rng.random() < 0.5)}
        rows.append({**row, "description": " ".join(words[: int(rng.integers(0, 3))] or ["none"])})
    path = tmp_path / "log.parquet"
    pd.DataFrame(rows).to_parquet(path)
    for name, text in (("title", TITLE), ("text", TEXT)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return path


def specs(folder: Path, *more: str) -> list[str]:
    """Two judges that read different texts."""
    return [f"{name}=lexical,variant={folder}/{name}.yaml" for name in ("title", "text")] + list(more)


def labelled(shop: Path, out: Path, judges: list[str], **how: Any) -> dict[str, Any]:
    return sie.label(shop, out, judges=judges, cache_path=shop.parent / "c.sqlite", **how)


def test_a_panel_is_its_members_put_together(shop: Path, tmp_path: Path) -> None:
    result = labelled(shop, tmp_path / "panel", specs(tmp_path))
    table = pd.read_parquet(result["judgments"])
    members = [
        pd.read_parquet(tmp_path / "panel" / "members" / name / "judgments.parquet") for name in ("title", "text")
    ]
    scores = [one["score"].to_numpy() for one in members]
    np.testing.assert_allclose(table["score"], combined("mean-rank", scores))
    assert set(table["variant"]) == {"panel/mean-rank"} and set(table["model"]) == {"lexical + lexical"}
    assert list(table.columns) == list(members[0].columns) and table["sample_id"].equals(members[0]["sample_id"])
    assert (result["ok"], result["failed"], result["exit_code"], result["mode"]) == (240, 0, 0, "zero-shot")
    told = json.loads((tmp_path / "panel" / "manifest.json").read_text())["panel"]
    assert [one["name"] for one in told["members"]] == ["title", "text"]
    assert told["correlation"]["of"] == "errors" and 1 <= told["effective_judges"] <= 2
    assert told["best"]["name"] == "title" and told["best"]["within"]["mean"] > told["within"]["mean"] > 0.5
    shown = "\n".join(lines(result))
    assert "2 judges worth" in shown and "the best member, title" in shown
    # the judgments of a panel are judgments: only their order means something
    samples = load_samples(shop)
    judged = relevance_of(read_judgments([tmp_path / "panel"])[0], samples, "panel")
    assert judged.by_rank and judged.variant == "panel/mean-rank"
    # and the same command again asks nobody and replaces its own
    assert labelled(shop, tmp_path / "panel", specs(tmp_path))["asked"] == 0


def test_weights_are_of_tuning_queries_and_named(shop: Path, tmp_path: Path) -> None:
    result = labelled(shop, tmp_path / "panel", specs(tmp_path), panel="weighted")
    title, text = result["panel"]["members"]
    assert title["weight"] > text["weight"] and result["mode"] == "gold-calibrated (120 grades)"
    table = pd.read_parquet(result["judgments"])
    assert set(table["mode"]) == {result["mode"]} and "raw_score" not in table
    judged = relevance_of(read_judgments([tmp_path / "panel"])[0], load_samples(shop), "panel")
    # weights are no scale
    assert judged.mode == result["mode"] and judged.by_rank


def test_without_grades_answers_are_compared(shop: Path, tmp_path: Path) -> None:
    pd.read_parquet(shop).drop(columns="grade").to_parquet(tmp_path / "ungraded.parquet")
    result = labelled(tmp_path / "ungraded.parquet", tmp_path / "panel", specs(tmp_path))
    facts = result["panel"]
    assert facts["correlation"]["of"] == "answers" and facts["within"] is None and facts["best"] is None
    assert any("answers" in line for line in panel_lines(facts))
    # found out before anybody is asked
    with pytest.raises(InputError, match="needs human grades"):
        labelled(tmp_path / "ungraded.parquet", tmp_path / "weighted", specs(tmp_path), panel="weighted")
    assert not (tmp_path / "weighted").exists()


def test_a_panel_can_be_calibrated(shop: Path, tmp_path: Path) -> None:
    labelled(shop, tmp_path / "panel", specs(tmp_path))
    fitted = sie.calibrate(tmp_path / "panel", shop, tmp_path / "c.json", method="platt")
    assert fitted["variant"] == "panel/mean-rank"
    result = labelled(shop, tmp_path / "calibrated", specs(tmp_path), calibration=tmp_path / "c.json")
    assert result["mode"] == fitted["mode"]
    with pytest.raises(InputError, match="panel/dawid-skene"):
        labelled(shop, tmp_path / "x", specs(tmp_path), panel="dawid-skene", calibration=tmp_path / "c.json")


def failing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Members of these names cannot be asked."""
    real = panel_labelling.label_into

    def label_into(folder: Path, *given: Any) -> dict[str, Any]:
        if folder.name in names:
            raise EnvironmentFailure("the server is away", where=folder.name)
        return real(folder, *given)

    monkeypatch.setattr(panel_labelling, "label_into", label_into)


def test_a_panel_goes_on_without_a_member(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "gone")
    result = labelled(shop, tmp_path / "panel", specs(tmp_path, "gone=lexical"))
    assert result["exit_code"] == 3 and result["failed"] == 0
    (lost,) = result["panel"]["lost"]
    assert lost["name"] == "gone" and "the server is away" in lost["cause"]
    assert any("left out" in line and "gone" in line for line in lines(result))
    alone = labelled(shop, tmp_path / "two", specs(tmp_path))
    one, other = (pd.read_parquet(found["judgments"])["score"] for found in (result, alone))
    pd.testing.assert_series_equal(one, other)


def test_one_judge_is_no_panel(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "text")
    with pytest.raises(EnvironmentFailure, match=r"1 of 2 members.*server is away"):
        labelled(shop, tmp_path / "panel", specs(tmp_path))
    assert not (tmp_path / "panel" / "judgments.parquet").exists()


def test_a_row_that_a_member_did_not_judge_has_no_answer(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = panel_labelling.label_into

    def label_into(folder: Path, *given: Any) -> dict[str, Any]:
        result = real(folder, *given)
        if folder.name == "text":
            table = pd.read_parquet(result["judgments"])
            table.loc[:2, ["score", "status", "detail"]] = [np.nan, "refused", "no"]
            table.to_parquet(result["judgments"])
        return result

    monkeypatch.setattr(panel_labelling, "label_into", label_into)
    result = labelled(shop, tmp_path / "panel", specs(tmp_path))
    table = pd.read_parquet(result["judgments"])
    assert table["score"].isna().sum() == 3 == result["failed"] and result["exit_code"] == 3
    assert table["status"].tolist()[:4] == ["refused"] * 3 + ["ok"] and table["detail"][0] == "text: no"
    assert result["failed_by_cause"] == {"refused": 3}


def test_a_plan_counts_all_members_and_writes_nothing(shop: Path, tmp_path: Path) -> None:
    planned = labelled(shop, tmp_path / "panel", specs(tmp_path), dry_run=True)
    assert [part["variant"] for part in planned["parts"]] == ["title", "text"]
    assert planned["to_ask"] == sum(part["to_ask"] for part in planned["parts"]) > 0
    assert not (tmp_path / "panel").exists()


def test_members_are_named_in_short_and_asked_what_they_can_answer() -> None:
    graded = load_variant("relevance/graded")
    found = members_of(["lexical,embedding", "big=openai,m,base_url=http://127.0.0.1:9/v1"], graded, sie.Judge())
    assert [(one.name, one.judge.backend, one.variant.name) for one in found] == [
        ("lexical", "lexical", "relevance/lexical"),
        ("embedding", "embedding", "relevance/cosine"),
        ("big", "openai", "relevance/graded"),
    ]


@pytest.mark.parametrize(
    ("judges", "words"),
    [
        (["lexical"], "two judges or more"),
        (["a=lexical", "a=embedding"], "two judges are named 'a'"),
        (["a=lexical", "b=nothing"], "unknown backend 'nothing'"),
        (["..=lexical", "b=lexical"], "name of a folder"),
        (["a/b=lexical", "b=lexical"], "expected name=backend"),
        (["a=lexical", "b=lexical,variant=relevance/none"], "unknown prompt variant"),
        (["a=lexical", "b=lexical,variant=clarity/graded"], "no variant of relevance"),
    ],
)
def test_wrong_judges_are_refused_before_anything_is_written(
    shop: Path, tmp_path: Path, judges: list[str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        labelled(shop, tmp_path / "panel", judges)
    assert not (tmp_path / "panel").exists()


def test_an_unknown_panel_is_refused_before_anything_is_asked(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no panel 'vote'"):
        labelled(shop, tmp_path / "panel", specs(tmp_path), panel="vote")
    with pytest.raises(InputError, match="of no use without judges"):
        sie.label(shop, tmp_path / "panel", variant="relevance/lexical", judge="lexical", panel="weighted")
    assert not (tmp_path / "panel").exists()
    with pytest.raises(InputError, match="no prompt variant"):
        sie.label(shop, tmp_path / "panel")
