"""What takes a scorer, a run folder or judgments takes every way to name it, as the command line does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

import sie_agent as sie
from sie_agent import InputError
from sie_agent.scorer.files import file_of_run, scorer_folder

from .conftest import CHEAP, Made

pytestmark = pytest.mark.slow


def ways(made: Made) -> list[str | Path]:
    """All ways to name the scorer."""
    return [made.distilled, str(made.distilled), made.scorer, str(made.scorer)]


def scored(scorer: str | Path, made: Made) -> Any:
    out = Path("out.parquet")
    out.unlink(missing_ok=True)
    return sie.score(scorer, made.log, out)["rows"]


def explained(scorer: str | Path, made: Made) -> Any:
    return sie.explain(scorer, made.log, rows=[1])["explanations"][0]["score"]


def explained_rows(scorer: str | Path, made: Made) -> Any:
    return sie.explain_rows(scorer, sie.load_samples(made.log, limit=1))[0].score


def opened(scorer: str | Path, made: Made) -> Any:
    return sie.ScorerSession(scorer).score(["lamp"], ["Brass lamp"], [""], [1.0])["value"].tolist()


def loaded(scorer: str | Path, made: Made) -> Any:
    return sie.load_scorer(scorer).predict(sie.load_samples(made.log, limit=5))["value"].tolist()


def estimated(scorer: str | Path, made: Made) -> Any:
    return sie.ImportanceScorer.load(scorer).predict(sie.load_samples(made.log, limit=5)).tolist()


def pushed(scorer: str | Path, made: Made) -> Any:
    return [one["path"] for one in sie.push_scorer(scorer, dry_run=True)["files"]]


def pushed_labels(scorer: str | Path, made: Made) -> Any:
    return sie.push_labels(scorer, dry_run=True)["rows"]


def served(scorer: str | Path, made: Made) -> Any:
    from sie_agent.serving import create_app, make_state

    row = {"query": "lamp", "title": "Brass lamp", "sample_id": "a"}
    with TestClient(create_app(make_state(scorer))) as client:
        answer = client.post("/v1/score", json={"samples": [row]}, headers={"host": "localhost"})
        return answer.status_code, answer.json()["scores"][0]["value"]


TAKES = (scored, explained, explained_rows, opened, loaded, estimated, pushed, pushed_labels, served)


@pytest.mark.parametrize("take", TAKES, ids=lambda take: take.__name__)
def test_a_scorer_is_named_in_any_way(take: Callable[[str | Path, Made], Any], made: Made) -> None:
    found = [take(scorer, made) for scorer in ways(made)]
    assert all(one == found[0] for one in found) and found[0]


def test_the_home_folder_has_its_short_name(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(made.distilled, tmp_path / "d")
    assert sie.load_scorer("~/d").students.keys() == sie.ScorerSession("~/d/scorer").config["outputs"].keys()
    sie.save_scorer(sie.load_scorer("~/d"), "~/saved")
    sie.ImportanceScorer.load("~/saved").save("~/again")
    assert (tmp_path / "saved" / "config.json").is_file() and (tmp_path / "again" / "config.json").is_file()
    with sie.JudgmentCache("~/answers.sqlite") as cache:
        assert cache.path == tmp_path / "answers.sqlite"


@pytest.mark.parametrize("wrong", [None, 3, pd.DataFrame()], ids=["None", "number", "table"])
def test_what_is_no_path_is_said(wrong: Any) -> None:
    with pytest.raises(InputError, match="expected a text or a path, found"):
        sie.load_scorer(wrong)


def test_a_folder_without_a_scorer_is_said(tmp_path: Path) -> None:
    for take in (sie.load_scorer, sie.ScorerSession, sie.ImportanceScorer.load):
        with pytest.raises(InputError, match="no scorer here"):
            take(tmp_path)


@pytest.mark.parametrize("named", ["folder", "text", "file", "list", "tuple of text"])
def test_judgments_are_named_in_any_way(named: str, made: Made) -> None:
    file = made.judgments / "judgments.parquet"
    given: Any = {
        "folder": made.judgments,
        "text": str(made.judgments),
        "file": file,
        "list": [made.judgments],
        "tuple of text": (str(file),),
    }[named]
    assert sie.distill(given, str(made.log), "d", overrides=CHEAP)["judged"] == 300


def test_judgments_in_memory_are_no_file(made: Made) -> None:
    table = pd.read_parquet(made.judgments / "judgments.parquet")
    with pytest.raises(InputError, match=r"found a DataFrame.*to_parquet"):
        sie.distill(table, made.log, "d", overrides=CHEAP)


def test_a_file_beside_a_scorer_is_found_from_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "scorer"
    inside.mkdir()
    (tmp_path / "labels.parquet").touch()
    assert file_of_run(inside, "labels.parquet") == inside / "labels.parquet"
    (inside / "config.json").touch()
    assert file_of_run(inside, "labels.parquet") == tmp_path / "labels.parquet"
    assert file_of_run(tmp_path, "labels.parquet") == tmp_path / "labels.parquet"
    (inside / "labels.parquet").touch()
    assert file_of_run(inside, "labels.parquet") == inside / "labels.parquet"
    assert scorer_folder(tmp_path) == inside and scorer_folder(inside) == inside
