"""Clients against real sockets: what comes in has a bound, keys go where they belong, and no secret is written."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
import socket
import threading
import zlib

import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.backends.endpoints import Endpoint, checked_url, key_of
from sie_agent.judging.backends.http.addresses import checked_key, secrets_of
from sie_agent.judging.backends.http.bounded import MOST_BYTES, library
from sie_agent.judging.backends.http.clients import async_client
from sie_agent.judging.backends.http.enquiries import listed_models
from sie_agent.judging.backends.http.network import explained, hopeless

from .raw_server import FINE, KEY, asked, chunked, clear, failure, response, served

BIG = MOST_BYTES + 1


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


# --- how much comes in


def test_a_large_body_that_is_no_larger_than_the_bound_arrives() -> None:
    body = b'"' + b"x" * (MOST_BYTES - 2) + b'"'
    with served(response(body)) as server:
        assert asked(server.url) == body


@pytest.mark.parametrize("kind", ["stated", "chunked", "until closed"])
def test_a_body_without_end_is_cut(kind: str) -> None:
    sent = 0

    def endless(connection: socket.socket, head: str) -> None:
        nonlocal sent
        lines = {"stated": f"Content-Length: {10 * BIG}\r\n", "chunked": "Transfer-Encoding: chunked\r\n"}
        connection.sendall(f"HTTP/1.1 200 OK\r\n{lines.get(kind, '')}\r\n".encode())
        piece = b"x" * 100_000
        for _ in range(10 * BIG // len(piece)):
            connection.sendall(chunked(piece) if kind == "chunked" else piece)
            sent += len(piece)

    with served(endless) as server:
        error = failure(server.url)
    assert type(error.__cause__).__name__ == "TooLarge"
    assert sent < 5 * BIG
    assert "too large" in str(explained(error, server.url)) and not hopeless(error)


def test_a_small_body_that_unpacks_to_much_more_is_cut() -> None:
    pack = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = bytes(1 << 20)
    bomb = b"".join(pack.compress(zeros) for _ in range(64)) + pack.flush()
    assert len(bomb) < MOST_BYTES // 20
    with served(response(bomb, Content_Encoding="gzip")) as server:
        assert type(failure(server.url).__cause__).__name__ == "TooLarge"


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate", "two gzip parts", "identity"])
def test_packed_bodies_are_unpacked(coding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "deflate": zlib.compress(FINE),
        "raw deflate": raw.compress(FINE) + raw.flush(),
        "two gzip parts": gzip.compress(FINE[:5]) + gzip.compress(FINE[5:]),
        "identity": FINE,
    }.get(coding, gzip.compress(FINE))
    name = "deflate" if "deflate" in coding else "gzip" if "parts" in coding else coding
    with served(response(packed, Content_Encoding=name)) as server:
        assert asked(server.url) == FINE
    assert "accept-encoding: gzip, deflate\r\n" in f"{server.heads[0]}\r\n".lower()


def test_packed_bodies_in_single_bytes_are_unpacked() -> None:
    def slowly(connection: socket.socket, head: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(chunked(*(bytes([one]) for one in gzip.compress(FINE))) + b"0\r\n\r\n")

    with served(slowly) as server:
        assert asked(server.url) == FINE


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"no gzip at all", "gzip"),
        (gzip.compress(FINE, mtime=0)[:-9], "gzip"),
        (b"\xff" * 9, "deflate"),
        (FINE, "br"),
        (FINE, "gzip, br"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_a_failure_that_may_pass(body: bytes, coding: str) -> None:
    with served(response(body, Content_Encoding=coding)) as server:
        error = failure(server.url)
    assert type(error.__cause__).__name__ == "DecodingError" and not hopeless(error)
    if "br" in coding:
        assert "which was not asked for" in str(explained(error, server.url))


def test_cookies_do_not_pile_up() -> None:
    with served(response(Set_Cookie="a=b; Path=/")) as server:

        async def twice() -> None:
            client = async_client(server.url, None, 5.0)
            for _ in range(2):
                await client.post("/x", cast_to=library.Response, body={})
            await client.close()

        asyncio.run(twice())
    assert "cookie:" not in server.heads[1].lower()


def test_as_many_connections_as_requests() -> None:
    together = threading.Barrier(120, timeout=8)

    def wait(connection: socket.socket, head: str) -> None:
        together.wait()
        connection.sendall(response())

    with served(wait) as server:

        async def all_at_once() -> None:
            client = async_client(server.url, None, 10.0)
            asks = (client.post("/x", cast_to=library.Response, body={}) for _ in range(120))
            await asyncio.gather(*asks)
            await client.close()

        asyncio.run(all_at_once())


# --- redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_on_the_same_server_keeps_question_and_key(status: str) -> None:
    def reply(connection: socket.socket, head: str) -> None:
        is_last = head.split()[1].endswith("/")
        connection.sendall(response() if is_last else response(b"", status, Location="/v1/chat/completions/"))

    with served(reply) as server:
        assert asked(server.url, KEY) == FINE
    assert all("POST" in head and f"Bearer {KEY}" in head for head in server.heads) and len(server.heads) == 2
    assert b"all of them" in server.bodies[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_server_is_not_followed(host: str) -> None:
    with served(response()) as other:
        target = f"http://{host}:{other.port}/v1/chat/completions"
        with served(response(b"", "307 Temporary", Location=target)) as server:
            error = failure(server.url, KEY)
            models = listed_models(server.url, KEY)
    assert other.heads == [] and hopeless(error) and models == []
    said = str(explained(error, server.url))
    assert f"sends requests on to http://{host}:{other.port}/v1." in said and "--base-url" in said


def test_a_server_that_moved_is_said_at_once() -> None:
    def moved(connection: socket.socket, head: str) -> None:
        connection.sendall(response(b"", "301 Moved", Location=f"https://127.0.0.1:9{head.split()[1]}?k={KEY}"))

    with served(moved) as server, pytest.raises(EnvironmentFailure, match=r"on to https://127.0.0.1:9/v1\. ") as caught:
        listed_models(server.url, KEY)
    assert KEY not in str(caught.value)


def test_circles_of_redirects_end() -> None:
    with served(response(b"", "307 Temporary", Location="/v1/again")) as server:
        error = failure(server.url)
    assert "in circles" in str(explained(error, server.url)) and hopeless(error)


# --- addresses and keys


@pytest.mark.parametrize(
    "url",
    [
        "http://a b/v1",
        "http://a/v 1",
        "http://a\n/v1",
        "http://.a/v1",
        f"http://{'a' * 64}/v1",
        "http://a..b/v1",
        "http://[::1/v1",
        "http://\u2100/v1",
        "http:///v1",
        "http://a:99999/v1",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InputError, match="address is not valid"):
        async_client(url, KEY, 1.0)


@pytest.mark.parametrize("bad", ["schlüssel", "sk-a b", "sk-a\nb", "sk-a\x00b", "“sk-abc”"])
def test_a_key_that_is_none_is_not_quoted(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^SHOP_KEY: the value h") as caught:
        async_client("http://a/v1", bad, 1.0, key_variable="SHOP_KEY")
    assert bad not in str(caught.value)
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        listed_models("http://a/v1", bad)
    if "\0" not in bad:
        monkeypatch.setenv("SHOP_KEY", bad)
        with pytest.raises(InputError, match="SHOP_KEY"):
            key_of(Endpoint(base_url="http://a", api_key_env="SHOP_KEY"), where="file")


def test_white_space_around_a_key_is_no_part_of_it() -> None:
    assert checked_key(f" {KEY}\n") == KEY and checked_key(" \n") is None and checked_key(None) is None


def test_addresses_are_made_whole() -> None:
    assert checked_url(" http://a:1/?api-version=2 ") == "http://a:1/v1?api-version=2"
    assert checked_url("http://u:p@a/x/") == "http://u:p@a/x"
    with pytest.raises(ValueError, match="spaces"):
        checked_url("http://a b")


def authorization(head: str) -> str:
    return next((line[15:] for line in head.split("\r\n") if line.lower().startswith("authorization: ")), "")


def test_user_and_password_are_sent_where_there_is_no_key() -> None:
    with served(response()) as server:
        url = server.url.replace("//", "//me:p%40ss%20word@")
        for key in (None, KEY):
            asked(url, key)
            listed_models(url, key)
    basic = f"Basic {base64.b64encode(b'me:p@ss word').decode()}"
    assert [authorization(head) for head in server.heads] == [basic, basic, f"Bearer {KEY}", f"Bearer {KEY}"]
    assert all("me:p" not in head for head in server.heads)


def test_what_stands_behind_the_question_mark_is_sent_with_every_request() -> None:
    with served(response()) as server:
        url = f"{server.url}?api_key=hidden%261&api-version=7"
        asked(url)
        listed_models(url, None)
    paths = [head.split()[1] for head in server.heads]
    assert paths == [f"/v1/{name}?api_key=hidden%261&api-version=7" for name in ("chat/completions", "models")]
    assert secrets_of(url, KEY) == [KEY, "hidden&1"] and secrets_of("http://me:word@a/v1", None) == ["word"]


def test_placeholders_are_to_be_filled_in() -> None:
    with pytest.raises(InputError, match="Fill them in for USER:PASSWORD"):
        async_client("http://USER:PASSWORD@a/v1", None, 1.0)


def test_logs_of_libraries_have_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with served(response()) as server:
        asked(f"{server.url.replace('//', '//me:hunter22@')}?api_key=hidden99", None)
        asked(server.url, KEY)
    assert "POST" in caplog.text
    assert all(
        one not in caplog.text for one in ("hunter22", "hidden99", KEY, base64.b64encode(b"me:hunter22").decode())
    )
