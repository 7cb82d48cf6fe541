"""``label_error`` of the service: what ``sie score`` gives a row that its scorer's log does not have."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from sie_agent.commands.score import score
from sie_agent.samples.tables import write_table
from sie_agent.scorer import LOG_COLUMNS, LabelErrors, load_scorer, save_scorer, with_log_columns
from sie_agent.serving import create_app, make_state

from .conftest import Start

Rows = list[dict[str, Any]]
HEAD = LabelErrors(
    0.3,
    {
        "relevance": 2.1,
        "by_row": 0.5,
        "by_query": 0.3,
        "others_label": 1.4,
        "others_relevance": -0.7,
        "intercept": -2.0,
    },
    {"relevance": 3.1, "intercept": -2.5},
)
TOLD = ["label_error", "label_error_from"]


@pytest.fixture(scope="module")
def telling_folder(scorer_folder: Path, log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scorer of the other tests, which tells wrong labels, with the columns of its log beside it."""
    folder = tmp_path_factory.mktemp("telling")
    columns = {name: np.random.default_rng(0).random(len(log)) for name in LOG_COLUMNS}
    save_scorer(with_log_columns(load_scorer(scorer_folder), HEAD, columns, log, folder), folder / "scorer")
    return folder / "scorer"


@pytest.fixture(scope="module")
def asked(rows: Rows) -> Rows:
    """Rows with a label of 0, 1, between them, and with none."""
    return [{**row, "label": (0.0, 1.0, 0.3, None)[place % 4]} for place, row in enumerate(rows[:120])]


@pytest.fixture(scope="module")
def bulk(telling_folder: Path, asked: Rows, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What `sie score` makes of these rows, where they are of no log that the scorer knows."""
    folder = tmp_path_factory.mktemp("bulk")
    write_table(
        pd.DataFrame(asked).assign(item_id="i", sample_id=lambda t: "new-" + t["sample_id"]), folder / "l.parquet"
    )
    score(telling_folder, folder / "l.parquet", folder / "s.parquet")
    return pd.read_parquet(folder / "s.parquet")


def assert_as_in_bulk(found: Rows, bulk: pd.DataFrame) -> None:
    assert set(bulk["label_error_from"]) == {"text"} == {row["label_error_from"] for row in found}
    np.testing.assert_allclose(
        np.array([row["label_error"] for row in found], float), bulk["label_error"][: len(found)], rtol=0, atol=1e-12
    )


def client_of(folder: Path, **further: Any) -> TestClient:
    return TestClient(create_app(make_state(folder, **further)), base_url="http://localhost")


def test_it_is_what_bulk_gives_a_row_that_is_not_in_the_log(
    telling_folder: Path, asked: Rows, bulk: pd.DataFrame
) -> None:
    with client_of(telling_folder) as client:
        reply = client.post("/v1/score", json={"samples": asked}).json()
        assert_as_in_bulk(reply["scores"], bulk)
        assert set(reply) == {"scorer", "scores"} and list(reply["scores"][0])[-2:] == TOLD
        assert [row["label_error"] is None for row in reply["scores"]] == [row["label"] is None for row in asked]
        single = [client.post("/v1/score", json={"samples": [row]}).json()["scores"][0] for row in asked[:8]]
        assert_as_in_bulk(single, bulk)
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in asked)
        told = client.post("/v1/score", content=lines, headers={"content-type": "application/x-ndjson"})
        assert_as_in_bulk([json.loads(line) for line in told.text.splitlines()], bulk)
        assert client.get("/v1/scorer").json()["label_error"] is True


def test_it_comes_with_the_labels_that_are_asked_for(telling_folder: Path, asked: Rows, bulk: pd.DataFrame) -> None:
    with client_of(telling_folder, weigh_by="none") as client:
        reply = client.post("/v1/score", json={"samples": asked[:9], "labels": ["support"]}).json()["scores"]
        assert set(reply[0]) == {"sample_id", "support", "weight", "blended_label", *TOLD}
        assert_as_in_bulk(reply, bulk)
        # it is given with every row and is not a weak label to ask for
        refused = client.post("/v1/score", json={"samples": asked[:1], "labels": ["label_error"]})
        assert refused.status_code == 422 and refused.json()["error"]["code"] == "unknown_label"


def test_a_scorer_that_tells_nothing_gives_no_such_column(scorer_folder: Path, asked: Rows) -> None:
    with client_of(scorer_folder) as client:
        reply = client.post("/v1/score", json={"samples": asked[:3]}).json()["scores"]
        assert not set(TOLD) & set(reply[0])
        assert client.get("/v1/scorer").json()["label_error"] is False
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    # a reload may bring a scorer that does
    assert set(TOLD) < set(schemas["Score"]["properties"]) and not set(TOLD) & set(schemas["Score"]["examples"][0])


def test_the_description_says_it(telling_folder: Path, asked: Rows) -> None:
    with client_of(telling_folder) as client:
        described = client.get("/openapi.json").json()
        reply = client.post("/v1/score", json={"samples": asked}).json()
        scorer = client.get("/v1/scorer").json()
    schemas = described["components"]["schemas"]
    for name, answer in (("ScoreAnswer", reply), ("Scorer", scorer)):
        jsonschema_rs.validate({**schemas[name], "components": described["components"]}, answer)
        jsonschema_rs.validate({**schemas[name], "components": described["components"]}, schemas[name]["examples"][0])
    assert list(schemas["Score"]["examples"][0])[-2:] == TOLD
    assert "no probability" in schemas["Score"]["properties"]["label_error"]["description"]
    wrong = {**reply, "scores": [{**reply["scores"][0], "label_error_from": "log"}]}
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate({**schemas["ScoreAnswer"], "components": described["components"]}, wrong)


@pytest.mark.slow
def test_with_the_adjustment_and_over_a_reload(
    launch: Start, telling_folder: Path, asked: Rows, bulk: pd.DataFrame, tmp_path: Path
) -> None:
    save_scorer(load_scorer(telling_folder), tmp_path / "scorer")
    with launch(tmp_path / "scorer", adjust=True).client() as client:
        assert_as_in_bulk(client.post("/v1/score", json={"samples": asked}).json()["scores"], bulk)
        save_scorer(replace(load_scorer(telling_folder), label_errors=None), tmp_path / "scorer")
        assert client.post("/v1/reload").json()["scorer"]["label_error"] is False
        assert not set(TOLD) & set(client.post("/v1/score", json={"samples": asked}).json()["scores"][0])
        config = tmp_path / "scorer" / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "label_errors": {"log": {}}}))
        refused = client.post("/v1/reload")
        assert refused.status_code == 409 and "field 'label_errors'" in refused.json()["error"]["message"]
        assert 'sie_faults_total{part="observer"} 0' in client.get("/metrics").text
