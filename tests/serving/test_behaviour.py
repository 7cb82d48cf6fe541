"""Rows with what the shopper did: the service says what the bulk says, and refuses what it cannot read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from sie_agent.labels import StudentSettings
from sie_agent.scorer import MOST_COLUMNS, distill_scorer, load_scorer, save_scorer
from sie_agent.serving import create_app, make_state

Rows = list[dict[str, Any]]
COLUMNS = ["shopper_affinity", "shopper_views"]


@pytest.fixture(scope="module")
def shopped(log: pd.DataFrame) -> pd.DataFrame:
    """The first rows of the log, with two columns of behaviour, some of it not known."""
    rng = np.random.default_rng(2)
    rows = log.head(120)
    affinity = np.where(rng.random(len(rows)) < 0.3, np.nan, rng.random(len(rows)).round(3))
    return rows.assign(shopper_views=rng.poisson(2, len(rows)).astype(float), shopper_affinity=affinity)


@pytest.fixture(scope="module")
def folder(shopped: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = pd.DataFrame({"sample_id": shopped["sample_id"], "value": shopped["grade"] + shopped["shopper_views"]})
    place = tmp_path_factory.mktemp("behaviour")
    how: dict[str, Any] = {"settings": StudentSettings(trees=12, rows_per_leaf=5), "inputs": "text,behaviour"}
    save_scorer(distill_scorer(shopped, labels, **how), place)
    return place


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(make_state(folder)), base_url="http://localhost") as opened:
        yield opened


@pytest.fixture
def sent(shopped: pd.DataFrame) -> Rows:
    rows: Rows = json.loads(shopped.to_json(orient="records"))
    texts = ("sample_id", "query", "title", "description", "label")
    return [{**{name: row[name] for name in texts}, "behaviour": {name: row[name] for name in COLUMNS}} for row in rows]


def test_the_service_says_what_the_bulk_says(
    client: TestClient, folder: Path, shopped: pd.DataFrame, sent: Rows
) -> None:
    found = client.post("/v1/score", json={"samples": sent}).json()["scores"]
    bulk = load_scorer(folder).predict(shopped)["value"]
    assert np.allclose([row["value"] for row in found], bulk, atol=1e-6)
    lines = client.post(
        "/v1/score",
        content="\n".join(json.dumps(row) for row in sent).encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert [json.loads(line)["value"] for line in lines.text.splitlines()] == [row["value"] for row in found]
    assert client.get("/v1/scorer").json()["columns"] == COLUMNS


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (None, "samples[0].behaviour: the scorer reads shopper_affinity, shopper_views"),
        ({"shopper_views": 1, "shopper_affinty": 2}, "the scorer reads shopper_affinity; give null"),
        ({"shopper_views": "1", "shopper_affinity": None}, "valid number"),
        ({"shopper_views": 1e300, "shopper_affinity": None}, "less than or equal"),
        ({f"shopper_{n}": 1 for n in range(MOST_COLUMNS + 1)}, f"at most {MOST_COLUMNS}"),
        ({"x" * 2_000: 1}, "at most 80"),
        ([1, 2], "should be an object"),
    ],
)
def test_what_is_no_behaviour_is_refused(client: TestClient, sent: Rows, behaviour: Any, said: str) -> None:
    answer = client.post("/v1/score", json={"samples": [{**sent[0], "behaviour": behaviour}]})
    assert answer.status_code == 422 and said in answer.json()["error"]["message"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(client: TestClient, sent: Rows, number: str) -> None:
    body = json.dumps({"samples": [{**sent[0], "behaviour": {"shopper_views": 1, "shopper_affinity": 77}}]})
    answer = client.post("/v1/score", content=body.replace("77", number), headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_line_without_columns_costs_that_line_alone(client: TestClient, sent: Rows) -> None:
    lines = [json.dumps(sent[0]), json.dumps({**sent[1], "behaviour": {}}), json.dumps(sent[2])]
    headers = {"content-type": "application/x-ndjson"}
    answers = client.post("/v1/score", content="\n".join(lines).encode(), headers=headers).text.splitlines()
    told = [json.loads(line) for line in answers]
    assert ["error" in one for one in told] == [False, True, False]
    assert "shopper_affinity" in told[1]["error"]["message"]


def test_a_large_body_of_columns_is_refused_before_it_is_validated(client: TestClient, sent: Rows) -> None:
    many = {f"shopper_{n}": "no number" for n in range(10_000)}
    answer = client.post("/v1/score", json={"samples": [{**sent[0], "behaviour": many}]})
    assert answer.status_code == 422 and answer.json()["error"]["field"] == "samples[0].behaviour"


def test_a_scorer_of_text_reads_no_behaviour(scorer_folder: Path, sent: Rows) -> None:
    with TestClient(create_app(make_state(scorer_folder)), base_url="http://localhost") as opened:
        whole = opened.post("/v1/score", json={"samples": sent[:3]}).json()["scores"]
        plain = [{name: value for name, value in row.items() if name != "behaviour"} for row in sent[:3]]
        assert whole == opened.post("/v1/score", json={"samples": plain}).json()["scores"]
        assert opened.get("/v1/scorer").json()["columns"] == []
