"""What a server says about itself is read with a bound, and whatever it is."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

import pytest

from sie_agent.errors import EnvironmentFailure
from sie_agent.judging.backends.http.bounded import MOST_BYTES
from sie_agent.judging.backends.http.enquiries import count_tokens, listed_models

from .raw_server import KEY, clear, response, served

BIG = MOST_BYTES + 1


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


# --- lists of models, numbers of tokens


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[" * 200_000,
        b'{"data": {"id": "m"}}',
        b'{"data": [1, null, [], {"id": 5}, {"id": ""}, {"id": "\\ud800"}, {"id": "a\\nb"}]}',
        b'{"data": [{"id": "' + b"x" * 201 + b'"}]}',
        b'"' + b"x" * BIG + b'"',
        b"\xff\xfe\xfd",
    ],
    ids=["empty", "words", "deep", "mapping", "odd names", "long name", "large", "bytes"],
)
def test_lists_of_models_that_are_none(body: bytes) -> None:
    with served(response(body)) as server:
        assert listed_models(server.url, KEY) == []


def test_a_long_list_of_models_is_cut() -> None:
    body = json.dumps({"data": [{"id": f"m{number}"} for number in range(100_000)]}).encode()
    with served(response(body)) as server:
        assert listed_models(server.url, KEY) == [f"m{number}" for number in range(1000)]


def test_a_list_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.judging.backends.http.enquiries.LIST_SECONDS", 0.3)

    def drip(connection: socket.socket, head: str) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
            connection.sendall(bytes([letter]))
            time.sleep(0.05)

    started = time.monotonic()
    with served(drip) as server, pytest.raises(EnvironmentFailure, match="in time"):
        listed_models(server.url, KEY)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("status", "said", "is_fatal"),
    [
        ("401 Unauthorized", "", True),
        ("403 Forbidden", '{"error": "Invalid API key"}', True),
        ("403 Forbidden", '{"error": {"message": "the provided token is not valid, or expired"}}', True),
        ("403 Forbidden", '{"error": "You have no credit left"}', False),
        ("403 Forbidden", '{"error": "This key may not list models: missing permission models.read"}', False),
        ("402 Payment Required", "", False),
        ("404 Not Found", "", False),
        ("405 Method Not Allowed", "", False),
        ("500 Internal Server Error", "", False),
        ("503 Service Unavailable", "", False),
    ],
)
def test_which_statuses_of_the_list_concern_the_key(status: str, said: str, is_fatal: bool) -> None:
    with served(response(said.encode(), status)) as server:
        if not is_fatal:
            assert listed_models(server.url, KEY, "SHOP_KEY") == []
            return
        with pytest.raises(EnvironmentFailure, match=r"refuses the API key. Set SHOP_KEY"):
            listed_models(server.url, KEY, "SHOP_KEY")
        with pytest.raises(EnvironmentFailure, match="wants an API key"):
            listed_models(server.url, None)
        with pytest.raises(EnvironmentFailure, match=r"refuses the user and password. Check those in --base-url"):
            listed_models(server.url.replace("//", "//me:hunter22@"), None)


def test_a_list_may_be_asked_for_within_an_event_loop() -> None:
    async def within() -> list[str]:
        return listed_models(server.url, KEY)

    with served(response(b'{"data": [{"id": "m"}]}')) as server:
        assert asyncio.run(within()) == ["m"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"count": 12}', 12),
        (b'{"count": 1e400}', None),
        (b'{"count": 10000001}', None),
        (b'{"count": true}', None),
        (b"[" * 200_000, None),
        (b"x" * BIG, None),
        (b"9" * 5000, None),
    ],
)
def test_numbers_of_tokens(body: bytes, expected: int | None) -> None:
    @dataclass
    class One:
        url: str
        key: str | None = KEY
        model: str = "m"

    @dataclass
    class Several:
        servers: tuple[One, ...]

    with served(response(body)) as server:
        backend: Any = Several((One(f"{server.url}?api_key=hidden99"),))
        assert count_tokens(backend, [{"role": "user", "content": "x"}]) == expected
    assert server.heads[0].startswith("POST /tokenize?api_key=hidden99 ") and f"Bearer {KEY}" in server.heads[0]
