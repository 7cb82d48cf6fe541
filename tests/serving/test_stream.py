"""NDJSON: a line in, a line out, for as long as the client likes."""

from __future__ import annotations

import itertools
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.labels import label_names
from sie_agent.serving.bodies import LineSplitter

from .conftest import Service, Start

pytestmark = pytest.mark.slow

LABELS = (*label_names(), "weight", "blended_label")
NDJSON = {"content-type": "application/x-ndjson"}
HEAD = (
    b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    ended=st.booleans(),
    cuts=st.lists(st.integers(0, 160), max_size=6),
)
def test_lines_do_not_depend_on_how_they_come(lines: list[bytes], ended: bool, cuts: list[int]) -> None:
    body = b"\n".join(lines) + (b"\n" if ended else b"")
    places = [0, *sorted(cuts), len(body)]
    reader = LineSplitter(8)
    found = [line for start, end in itertools.pairwise(places) for line in reader.feed(body[start:end])]
    found += reader.end()
    expected = [
        (number, line if len(line) <= 8 else None)
        for number, line in enumerate(body.split(b"\n"), 1)
        if line.strip() or len(line) > 8
    ]
    assert found == expected


def test_bad_lines_are_told_and_the_stream_goes_on(client: httpx.Client) -> None:
    body = b"\n".join(
        [
            b'{"query": "oak table", "title": "Oak table", "label": 1, "sample_id": "first"}',
            b"",
            b"not json",
            b'{"query": "", "title": "t"}\r',
            b'{"query": "q", "title": "t", "label": 2}',
            b'{"query": "q\xff", "title": "t"}',
            b"null",
            b'{"query": "q", "title": "t", "label": 1, "label": 0}',
            b'{"query": "' + b"q" * (2**20) + b'", "title": "t"}',
            b'{"query": "oak table", "title": "Oak table", "label": 1}\r',
        ]
    )
    reply = client.post("/v1/score", content=body, headers=NDJSON)
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/x-ndjson"
    answers = [json.loads(line) for line in reply.text.splitlines()]
    assert [answer["line"] for answer in answers] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    first, *wrong, last = answers
    assert first["sample_id"] == "first" and last["sample_id"] == "10"
    assert [first[name] for name in LABELS] == [last[name] for name in LABELS]
    faults = [answer["error"] for answer in wrong]
    assert [fault["code"] for fault in faults] == [
        "invalid_json",
        "invalid_request",
        "invalid_request",
        "invalid_json",
        "invalid_request",
        "invalid_json",
        "too_large",
    ]
    assert [fault["field"] for fault in faults] == [None, "query", "label", None, None, None, None]


def test_each_line_is_answered_before_the_next_is_sent(open_service: Service) -> None:
    place = ("127.0.0.1", int(open_service.address.rsplit(":", 1)[1]))
    line = b'{"query": "oak table", "title": "Oak table"}\n'
    with socket.create_connection(place, timeout=10) as wire:
        wire.sendall(HEAD)
        said = b""
        for number in range(1, 6):
            wire.sendall(b"%x\r\n%b\r\n" % (len(line), line))
            while b'"line":%d,' % number not in said:
                said += wire.recv(65536)
        wire.sendall(b"0\r\n\r\n")
        while not said.endswith(b"0\r\n\r\n"):
            said += wire.recv(65536)


def memory_of(pid: int) -> float:
    """Resident memory without mapped files, in MiB."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_a_long_stream_in_flat_memory(open_service: Service, client: httpx.Client, rows: list[dict[str, Any]]) -> None:
    count = 10_000
    # 40 MB of text: whoever kept it would be seen
    lines = [json.dumps({**row, "description": "word " * 800}).encode() + b"\n" for row in rows[:100]]

    def body() -> Iterator[bytes]:
        for number in range(count):
            yield lines[number % len(lines)] if number % 1000 else b"broken\n"

    expected = client.post("/v1/score", json={"samples": [json.loads(line) for line in lines]}).json()["scores"]
    client.post("/v1/score", content=b"".join(lines * 5), headers=NDJSON)
    before, peak, number = memory_of(open_service.process.pid), 0.0, 0
    with client.stream("POST", "/v1/score", content=body(), headers=NDJSON) as reply:
        for number, text in enumerate(reply.iter_lines(), 1):
            answer = json.loads(text)
            assert answer["line"] == number
            if (number - 1) % 1000:
                assert {name: answer[name] for name in ("sample_id", *LABELS)} == expected[(number - 1) % len(lines)]
            else:
                assert answer["error"]["code"] == "invalid_json"
            if number % 200 == 0:
                peak = max(peak, memory_of(open_service.process.pid))
    assert number == count
    assert peak - before < 15


def test_a_client_that_goes_away(odd: Start) -> None:
    service = odd(seconds=0.05)
    place = ("127.0.0.1", int(service.address.rsplit(":", 1)[1]))
    line = b'{"query": "q", "title": "t"}\n'
    for _ in range(5):
        with socket.create_connection(place, timeout=10) as wire:
            wire.sendall(HEAD + b"%x\r\n%b\r\n" % (len(line), line))
    with service.client() as client:
        deadline = time.monotonic() + 10
        while "sie_requests_under_way 1.0" not in client.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    code, said = service.stop()
    assert code == 0 and "Traceback" not in said and "ERROR" not in said


def test_streams_wait_for_room_and_do_not_fail(odd: Start) -> None:
    service = odd(seconds=0.01, limits={"samples": 4, "queue_rows": 4})
    body = b'{"query": "q", "title": "abc"}\n' * 60
    replies: list[httpx.Response] = []

    def send() -> None:
        with service.client() as client:
            replies.append(client.post("/v1/score", content=body, headers=NDJSON))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [reply for reply in replies if reply.status_code == 200]
    # one that begins while the queue is full is refused with a status; one that has begun is served to its end
    assert good and all(reply.status_code == 503 for reply in replies if reply not in good)
    for reply in good:
        assert [json.loads(line).get("support") for line in reply.text.splitlines()] == [3.0] * 60


@pytest.mark.parametrize("word", ["poison"])
def test_a_scorer_that_fails_in_a_stream(odd: Start, word: str) -> None:
    service = odd()
    body = b'{"query": "%b", "title": "abc"}\n' % word.encode()
    with service.client() as client:
        reply = client.post("/v1/score", content=body, headers=NDJSON)
    assert json.loads(reply.text)["error"]["code"] == "internal"
