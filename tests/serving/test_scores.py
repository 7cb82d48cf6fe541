"""The scores themselves: those of the scorer, whoever else asks at the same time."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from sie_agent.labels import label_names
from sie_agent.samples import validate_samples
from sie_agent.scorer import load_scorer

from .conftest import Service, Start

Rows = list[dict[str, Any]]
LABELS = label_names()


def values(scores: list[dict[str, Any]]) -> list[list[float]]:
    return [[row[name] for name in LABELS] for row in scores]


def test_the_scores_are_those_of_the_scorer(client: httpx.Client, rows: Rows, scorer_folder: Path) -> None:
    messy = [{**row, "query": f" {row['query']}\t", "title": f"{row['title']}\x00", "label": None} for row in rows[:20]]
    asked = rows[:100] + [{**row, "sample_id": f"m{row['sample_id']}"} for row in messy]
    reply = client.post("/v1/score", json={"samples": asked}).json()
    table = validate_samples(pd.DataFrame(asked[:100]).assign(item_id="i"), "test")
    blank = validate_samples(pd.DataFrame(asked[100:]).assign(item_id="i"), "test")
    expected = load_scorer(scorer_folder).predict(pd.concat([table, blank]))
    assert [row["sample_id"] for row in reply["scores"]] == expected["sample_id"].tolist()
    for found, wanted in zip(values(reply["scores"]), expected[list(LABELS)].to_numpy().tolist(), strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)


def test_only_what_is_asked_for(client: httpx.Client, rows: Rows) -> None:
    asked = [{"query": "q", "title": "t"}, {"query": "q", "title": "t", "sample_id": 7}]
    reply = client.post("/v1/score", json={"samples": asked, "labels": ["support"]})
    assert [set(row) for row in reply.json()["scores"]] == [{"sample_id", "support", "weight", "blended_label"}] * 2
    assert [row["sample_id"] for row in reply.json()["scores"]] == ["1", "7"]
    version = client.get("/v1/scorer").json()["version"]
    assert reply.json()["scorer"] == reply.headers["x-sie-scorer"] == version


@pytest.mark.slow
def test_scores_do_not_depend_on_who_else_asks(open_service: Service, client: httpx.Client, rows: Rows) -> None:
    chance = random.Random(0)
    requests = [chance.sample(rows, chance.choice((1, 1, 2, 16))) for _ in range(150)]
    alone = [client.post("/v1/score", json={"samples": request}).json() for request in requests]

    async def together() -> list[Any]:
        limits = httpx.Limits(max_connections=32)
        async with httpx.AsyncClient(
            base_url=open_service.address, timeout=60, limits=limits, trust_env=False
        ) as crowd:
            replies = await asyncio.gather(*(crowd.post("/v1/score", json={"samples": r}) for r in requests))
        return [reply.json() for reply in replies]

    before = largest_batches(client)
    assert asyncio.run(together()) == alone
    # or nothing was shown: rows of several requests did share batches
    assert largest_batches(client) > before


def largest_batches(client: httpx.Client) -> float:
    """How many batches had more rows than the largest request."""
    lines = client.get("/metrics").text.splitlines()
    counts = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith("sie_batch_rows")}
    return counts["sie_batch_rows_count"] - counts['sie_batch_rows_bucket{le="16.0"}']


def test_metrics(client: httpx.Client, rows: Rows) -> None:
    client.post("/v1/score", json={"samples": rows[:3]})
    for path in ("/v1/made-up-1", "/v1/made-up-2"):
        client.get(path)
    text = client.get("/metrics").text
    sha256 = client.get("/v1/scorer").json()["sha256"]
    for wanted in (
        'sie_requests_total{method="POST",route="/v1/score",status="200"}',
        'sie_requests_total{method="GET",route="other",status="404"}',
        'sie_request_seconds_bucket{le="0.05",route="/v1/score"}',
        "sie_rows_total",
        "sie_batch_rows_bucket",
        "sie_inference_seconds_sum",
        "sie_queue_rows 0.0",
        'sie_reloads_total{outcome="refused"}',
        f'sie_scorer_info{{labels="{",".join(LABELS)}",sha256="{sha256}"}} 1.0',
        "process_resident_memory_bytes",
    ):
        assert wanted in text
    assert "made-up" not in text


@pytest.mark.slow
def test_an_observer_weighs_and_holds_nobody_up(odd: Start) -> None:
    service = odd(observer=True)
    rows = [{"query": "q", "title": "abcd", "label": 1, "department": "garden"}, {"query": "q", "title": "ab"}]
    with service.client() as client:
        reply = client.post("/v1/score", json={"samples": rows})
        # the observer takes half a second
        assert reply.elapsed.total_seconds() < 0.45
        assert [row["weight"] for row in reply.json()["scores"]] == [0.4, 0.2]
        assert client.get("/v1/adjustment").json() == {"rows": 2, "unlabelled": 1, "departments": ["garden", ""]}
        # where the observer fails the weight is that of the recipe: 6 lies beyond its quantiles
        failed = client.post("/v1/score", json={"samples": [{"query": "q", "title": "abcdef"}]})
        assert [row["weight"] for row in failed.json()["scores"]] == [1.5]
        broken = client.post("/v1/score", json={"samples": [{**rows[0], "department": "broken"}]})
        assert broken.status_code == 200
        assert client.get("/v1/adjustment").json()["rows"] == 3
        figures = client.get("/metrics").text
        assert 'sie_faults_total{part="observer"} 2' in figures
        assert 'sie_adjustment_rows{department="a \\"b\\""} 3.0' in figures
        assert "/v1/adjustment" in client.get("/openapi.json").json()["paths"]
