"""What is refused, with which status, code, message and field."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sie_agent.errors import InputError
from sie_agent.serving import Limits

from .conftest import Service, Start

pytestmark = pytest.mark.slow

ROW = {"query": "oak table", "title": "Oak table"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def small(launch_shared: Start, scorer_folder: Path) -> Service:
    """A service with small limits."""
    return launch_shared(scorer_folder, "--max-body", "4096", "--max-samples", "8", "--max-queue", "16")


def fault_of(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert set(reply.json()) == {"error"} and set(reply.json()["error"]) == {"code", "message", "field"}
    return dict(reply.json()["error"])


@pytest.mark.parametrize(
    ("sample", "field", "said"),
    [
        ({"title": "t"}, "samples[0].query", "Field required"),
        ({"query": "q"}, "samples[0].title", "Field required"),
        ({**ROW, "query": " \t "}, "samples[0].query", "the query is empty"),
        ({**ROW, "title": ""}, "samples[0].title", "the title is empty"),
        ({**ROW, "title": 3}, "samples[0].title", "valid string"),
        ({**ROW, "label": 1.5}, "samples[0].label", "less than or equal to 1"),
        ({**ROW, "label": -1}, "samples[0].label", "greater than or equal to 0"),
        ({**ROW, "label": "1"}, "samples[0].label", "valid number"),
        ({**ROW, "label": True}, "samples[0].label", "valid number"),
        ({**ROW, "lable": 1}, "samples[0].lable", "unknown field"),
        ({**ROW, "grade": 1}, "samples[0].grade", "unknown field"),
        ({**ROW, "sample_id": " "}, "samples[0].sample_id", "the sample_id is empty"),
        ({**ROW, "sample_id": 1.5}, "samples[0].sample_id", "valid"),
        ({**ROW, "description": 7}, "samples[0].description", "valid string"),
        ("row", "samples[0]", "object"),
    ],
)
def test_a_wrong_sample(client: httpx.Client, sample: Any, field: str, said: str) -> None:
    fault = fault_of(client.post("/v1/score", json={"samples": [sample]}), 422)
    assert fault["code"] == "invalid_request" and fault["field"] == field
    assert fault["message"].startswith(f"{field}: ") and said in fault["message"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"samples": [{"query": "\xff"}]}', "invalid_json", None),
        (b'{"samples": [{"query": "a", "title": "b", "label": NaN}]}', "invalid_request", "samples[0].label"),
        (b"[]", "invalid_request", None),
        (b"{}", "invalid_request", "samples"),
        (b'{"samples": []}', "invalid_request", "samples"),
        (b'{"samples": {}}', "invalid_request", "samples"),
        (b'{"samples": [{"query": "a", "title": "b"}], "labels": []}', "invalid_request", "labels"),
        (b'{"samples": [{"query": "a", "title": "b"}], "labels": ["worth"]}', "unknown_label", "labels"),
        (b"[" * 100_000, "invalid_json", None),
        (b'{"samples": [{"query": "a", "title": "b", "label": 1, "label": 0}]}', "invalid_json", None),
        (
            b'{"samples": [{"query": "a", "title": "b"}], "samples": [{"query": "c", "title": "d"}]}',
            "invalid_json",
            None,
        ),
        (b'{"samples": [{"query": "a", "title": "b", "tit\\u006ce": "c"}]}', "invalid_json", None),
    ],
)
def test_a_wrong_body(client: httpx.Client, body: bytes, code: str, field: str | None) -> None:
    fault = fault_of(client.post("/v1/score", content=body, headers=JSON), 422)
    assert (fault["code"], fault["field"]) == (code, field)


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {**JSON, "content-encoding": "gzip"}, {"content-type": "application/json5"}],
)
def test_other_types_of_body(client: httpx.Client, headers: dict[str, str]) -> None:
    assert fault_of(client.post("/v1/score", content=b"{}", headers=headers), 415)["code"] == "unsupported_type"


def test_parameters_of_the_type_do_not_matter(client: httpx.Client) -> None:
    body = json.dumps({"samples": [ROW]})
    assert client.post("/v1/score", content=body, headers={"content-type": "Application/JSON; x=1"}).status_code == 200


def test_too_many_samples(small: Service) -> None:
    with small.client() as client:
        assert client.post("/v1/score", json={"samples": [ROW] * 8}).status_code == 200
        fault = fault_of(client.post("/v1/score", json={"samples": [ROW] * 9}), 422)
        assert fault["code"] == "too_many_samples" and "at most 8" in fault["message"]
        described = client.get("/openapi.json").json()["components"]["schemas"]["ScoreRequest"]
        assert described["properties"]["samples"]["maxItems"] == 8


def test_too_large_a_body(small: Service) -> None:
    with small.client() as client:
        fault = fault_of(client.post("/v1/score", content=b" " * 4097, headers=JSON), 413)
        assert fault["code"] == "too_large" and "4,096 bytes" in fault["message"]
        # the connection is still good
        assert client.post("/v1/score", json={"samples": [ROW]}).status_code == 200


def test_too_large_a_body_in_chunks(small: Service) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    with small.client() as client:
        assert fault_of(client.post("/v1/score", content=chunks(), headers=JSON), 413)["code"] == "too_large"


def test_an_endless_body_is_refused_before_its_end(small: Service) -> None:
    place = ("127.0.0.1", int(small.address.rsplit(":", 1)[1]))
    with socket.create_connection(place, timeout=10) as wire:
        wire.sendall(
            b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            wire.sendall(b"3e8\r\n" + b" " * 1000 + b"\r\n")
        assert wire.recv(12) == b"HTTP/1.1 413"


def test_a_full_queue(odd: Start) -> None:
    service = odd(seconds=0.5, limits={"samples": 2, "queue_rows": 4})
    with httpx.Client(base_url=service.address, trust_env=False) as client:
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda _: client.post("/v1/score", json={"samples": [ROW]}), range(12)))
        statuses = [reply.status_code for reply in replies]
        refused = [reply for reply in replies if reply.status_code == 503]
        assert set(statuses) == {200, 503} and statuses.count(200) >= 4
        for reply in refused:
            assert fault_of(reply, 503)["code"] == "busy" and int(reply.headers["retry-after"]) >= 1
        # and then there is room again
        assert client.post("/v1/score", json={"samples": [ROW]}).status_code == 200


def test_too_many_requests(odd: Start) -> None:
    service = odd(seconds=1.0, limits={"requests": 2})
    with service.client() as client, ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: client.post("/v1/score", json={"samples": [ROW]}), range(6)))
    assert sorted({reply.status_code for reply in replies}) == [200, 503]


def test_a_body_that_does_not_come(odd: Start) -> None:
    service = odd(limits={"body_seconds": 0.3})
    place = ("127.0.0.1", int(service.address.rsplit(":", 1)[1]))
    with socket.create_connection(place, timeout=10) as wire:
        wire.sendall(
            b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 9\r\n\r\n{"
        )
        assert wire.recv(12) == b"HTTP/1.1 408"


def test_the_event_loop_stays_free(odd: Start) -> None:
    service = odd(seconds=1.0)
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        scored = pool.submit(client.post, "/v1/score", json={"samples": [ROW]})
        time.sleep(0.2)
        started = time.perf_counter()
        assert client.get("/healthz").status_code == 200
        assert time.perf_counter() - started < 0.5
        assert not scored.done() and scored.result().status_code == 200


def test_a_failing_scorer_is_one_requests_fault(odd: Start) -> None:
    service = odd(seconds=0.2)
    queries = ["fine", "fine", "poison", "fine", "fine"]
    with service.client() as client, ThreadPoolExecutor(5) as pool:
        bodies = [{"samples": [{"query": query, "title": "abc"}]} for query in queries]
        replies = list(pool.map(lambda body: client.post("/v1/score", json=body), bodies))
        assert [reply.status_code for reply in replies] == [200, 200, 500, 200, 200]
        assert fault_of(replies[2], 500)["code"] == "internal"
        assert re.search(r'sie_faults_total\{part="engine"\} 1', client.get("/metrics").text)
        assert client.get("/readyz").status_code == 200
    code, said = service.stop()
    assert code == 0 and "RuntimeError" in said
    assert "secret" not in said and "Traceback" not in said


def test_limits_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="from 1 upwards"):
        Limits(samples=0)
    with pytest.raises(InputError, match="rows of one request"):
        Limits(samples=10, queue_rows=9)
