"""Heads and framing that are not HTTP, too large, or can be read in two ways: a status, and the connection ends."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import pytest

from .conftest import Service
from .hostile import (
    BODY,
    CHUNKED,
    JSON_HEAD,
    NDJSON_HEAD,
    SCORE,
    answer_to,
    asked,
    connect,
    counted,
    heard,
    memory_of,
    one_answer,
)

pytestmark = pytest.mark.slow

GET = b"GET /v1/scorer HTTP/1.1\r\nhost: localhost\r\n"


def code_of(said: bytes) -> str:
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"connection: close" in head and b"content-type: application/json" in head
    fault = json.loads(body)["error"]
    assert set(fault) == {"code", "message", "field"}
    return str(fault["code"])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
        (b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\nhost: a\n\n", 400, "bad_request"),
        (b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"GET /v1/scorer HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (GET + b"host: elsewhere\r\n\r\n", 400, "bad_request"),
        (b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"GET ftp://localhost/healthz HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"GET http://a@localhost/healthz HTTP/1.1\r\nhost: a\r\n\r\n", 400, "bad_request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505, "unsupported_version"),
        (b"GET /\r\n\r\n", 505, "unsupported_version"),
        (GET + b"a: b\r\n c\r\n\r\n", 400, "bad_request"),
        (GET + b"a: b\rc: d\r\n\r\n", 400, "bad_request"),
        (GET + b"a: \x00\r\n\r\n", 400, "bad_request"),
        (GET + b"a b: c\r\n\r\n", 400, "bad_request"),
        # framing that a proxy in front may read in another way
        (JSON_HEAD + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: 2, 2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: +2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: -2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: 0x2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length : 2\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: 99999999999999999999999\r\n\r\n{}", 400, "bad_request"),
        (JSON_HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "unsupported_coding"),
        (JSON_HEAD.replace(b"1.1", b"1.0") + CHUNKED + b"0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"xyz\r\n", 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"fffffffffffffffff\r\n{}", 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"2\n{}\n0\n\n", 400, "bad_request"),
        (GET + b"x: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (GET + b"".join(b"x%d: 1\r\n" % number for number in range(101)) + b"\r\n", 431, "headers_too_large"),
        (GET + b"a:\r\n" * 60_000, 431, "headers_too_large"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "uri_too_long"),
        (b"\r\n" * 20_000, 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"1;" + b"a" * 600_000, 400, "bad_request"),
        (JSON_HEAD + CHUNKED + b"0\r\n" + b"a: b\r\n" * 5_000, 431, "headers_too_large"),
        (JSON_HEAD + CHUNKED + b"0\r\na: " + b"b" * 600_000, 400, "bad_request"),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(
    open_service: Service, sent: bytes, status: int, code: str
) -> None:
    before = counted(open_service, code)
    said = answer_to(open_service, sent)
    assert said[:12] == b"HTTP/1.1 %d" % status
    assert code_of(said) == code
    assert counted(open_service, code) == before + 1


def test_the_largest_head_is_understood(open_service: Service) -> None:
    fields = b"".join(b"x%d: %b\r\n" % (number, b"a" * 300) for number in range(98))
    assert answer_to(open_service, GET + fields + b"connection: close\r\n\r\n")[:12] == b"HTTP/1.1 200"


def test_a_head_of_64_mb_holds_up_nobody(guarded_service: Service) -> None:
    """The parser joins a header's parts anew with each part: without a bound this took 23 s of the only thread."""
    before, said = memory_of(guarded_service), []

    def attack() -> None:
        with connect(guarded_service) as wire:
            with suppress(ConnectionError):
                wire.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: ")
                for _ in range(64):
                    wire.sendall(b"a" * 2**20)
            said.append(heard(wire))

    threads = [threading.Thread(target=attack) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        status, seconds, _ = asked(guarded_service)
        assert status == 200
        slowest = max(slowest, seconds)
    assert slowest < 1 and time.monotonic() - started < 10
    assert memory_of(guarded_service) - before < 30
    # who still sends is told for some time, and may not have listened
    assert len(said) == 4 and all(not one or one.startswith(b"HTTP/1.1 431") for one in said)


@pytest.mark.parametrize("word", ["websocket", "h2c", "TLS/1.0"])
def test_the_wish_for_another_protocol_is_ignored(open_service: Service, word: str) -> None:
    wish = b"connection: upgrade\r\nupgrade: %b\r\n" % word.encode()
    said = answer_to(open_service, GET + wish + b"\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200") and b"connection: close" in said and said.count(b"HTTP/1.1") == 1
    # and of such a request too the body is read, in one piece or two, of known length or in chunks
    length = JSON_HEAD + wish + b"content-length: %d\r\n\r\n" % len(BODY)
    chunks = JSON_HEAD + wish + CHUNKED + b"%x\r\n" % len(BODY)
    assert b'"support"' in answer_to(open_service, length + BODY)
    assert b'"support"' in answer_to(open_service, chunks + BODY + b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    with connect(open_service) as wire:
        wire.sendall(length)
        time.sleep(0.05)
        wire.sendall(BODY)
        assert b'"support"' in heard(wire)


def test_an_absolute_url_says_who_is_asked(open_service: Service) -> None:
    def status(target: bytes, host: bytes) -> bytes:
        head = b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % (target, host)
        return answer_to(open_service, head)[9:12]

    assert status(b"http://localhost/v1/scorer", b"localhost") == b"200"
    assert status(b"http://[::1]:80/v1/scorer?x", b"elsewhere.example") == b"200"
    # without a token only this machine's own names are answered, in whatever form they are sent
    assert status(b"http://elsewhere.example/v1/scorer", b"localhost") == b"403"
    assert status(b"http://localhost", b"localhost") == b"404"


def test_http_1_0(open_service: Service) -> None:
    said = answer_to(open_service, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200") and b"transfer-encoding" not in said
    assert b'"support"' in answer_to(open_service, SCORE.replace(b"HTTP/1.1", b"HTTP/1.0"))
    expecting = b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(BODY)
    assert b" 100 " not in answer_to(open_service, JSON_HEAD.replace(b"1.1", b"1.0") + expecting + BODY)
    line = BODY[13:-2] + b"\n"
    said = answer_to(
        open_service, NDJSON_HEAD.replace(b"1.1", b"1.0") + b"content-length: %d\r\n\r\n" % len(line) + line
    )
    assert said.startswith(b"HTTP/1.1 400") and b"a stream needs HTTP/1.1" in said


def test_who_waits_for_100_is_told_only_after_the_token(guarded_service: Service, open_service: Service) -> None:
    expecting = JSON_HEAD + b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(BODY)
    said = answer_to(guarded_service, expecting)
    assert said.startswith(b"HTTP/1.1 401") and b"connection: close" in said
    assert answer_to(open_service, expecting.replace(b"%d" % len(BODY), b"9999999"))[:12] == b"HTTP/1.1 413"
    with connect(open_service) as wire:
        wire.sendall(expecting)
        assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(BODY)
        assert b'"support"' in one_answer(wire)


def test_requests_in_one_packet_are_answered_in_order(open_service: Service) -> None:
    last = SCORE.replace(b"host: localhost", b"host: localhost\r\nconnection: close")
    said = answer_to(open_service, GET + b"\r\n" + SCORE + b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" + last)
    found = [said.index(word) for word in (b'"sha256"', b'"support"', b'"alive"')]
    assert found == sorted(found) and said.count(b"HTTP/1.1 200") == 4
    # what is wrong is told after the answers to what is before it
    said = answer_to(open_service, SCORE + SCORE + b"FOO / HTTP/1.1\r\n\r\n")
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]
    said = answer_to(open_service, SCORE + JSON_HEAD + CHUNKED + b"xyz\r\n")
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_thousands_of_requests_in_one_packet_are_not_held(open_service: Service) -> None:
    before, cut = memory_of(open_service), counted(open_service, "pipelined")
    for _ in range(5):
        said = answer_to(open_service, b"GET /healthz HTTP/1.1\r\nhost:a\r\n\r\n" * 7_000)
        assert 1 <= said.count(b"HTTP/1.1 200") <= 10
        # the last answer says that it is the last: the client sends the rest again
        assert b"connection: close" in said[said.rindex(b"HTTP/1.1 200") :]
    assert memory_of(open_service) - before < 10 and counted(open_service, "pipelined") > cut
