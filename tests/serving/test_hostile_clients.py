"""Clients that take their time, for ever, with every part of a request and of its answer; and how the service stops."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import TOKEN, Service, Start
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
    crowd,
    heard,
    memory_of,
    one_answer,
    probes_answer,
    until,
)

pytestmark = pytest.mark.slow

SHORT = [
    *("--head-seconds", "0.6", "--body-seconds", "0.6", "--stream-seconds", "1.2"),
    *("--write-seconds", "1", "--keep-alive-seconds", "0.6"),
]


@pytest.fixture(scope="module")
def impatient(launch_shared: Start, scorer_folder: Path) -> Service:
    """A service with short deadlines."""
    return launch_shared(scorer_folder, *SHORT)


@pytest.fixture(scope="module")
def impatient_guarded(launch_shared: Start, scorer_folder: Path) -> Service:
    """The same with a token."""
    return launch_shared(scorer_folder, *SHORT, "--open-metrics", token=TOKEN)


def trickled(service: Service, start: bytes, more: bytes, pause: float = 0.05) -> tuple[bytes, float]:
    """What is said to somebody who sends byte after byte, and after how many seconds the connection ends."""
    with connect(service) as wire:
        wire.sendall(start)
        started, said = time.monotonic(), b""
        wire.settimeout(pause)
        while time.monotonic() - started < 10:
            with suppress(TimeoutError):
                try:
                    wire.sendall(more)
                    part = wire.recv(65536)
                except ConnectionError:
                    break
                said += part
                if not part:
                    break
        return said, time.monotonic() - started


@pytest.mark.parametrize(
    ("start", "more", "reason"),
    [
        (b"GET /", b"a", "head_timeout"),
        (b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: ", b"a", "head_timeout"),
        (b"GET /healthz HTTP/1.1\r\nhost: a\r\n", b"a:\r\n", "head_timeout"),
        (b"", b"\r\n", "head_timeout"),
        (JSON_HEAD + b"content-length: 1000\r\n\r\n", b" ", "body_timeout"),
        (JSON_HEAD + CHUNKED, b"1\r\n \r\n", "body_timeout"),
        (JSON_HEAD + CHUNKED + b"1;", b"a", "body_timeout"),
    ],
)
def test_a_byte_now_and_then_is_answered_408(impatient: Service, start: bytes, more: bytes, reason: str) -> None:
    before = counted(impatient, reason)
    said, seconds = trickled(impatient, start, more)
    assert said.startswith(b"HTTP/1.1 408") and b'"timeout"' in said and b"connection: close" in said
    assert 0.5 < seconds < 5 and counted(impatient, reason) == before + 1


def test_a_line_of_a_stream_that_does_not_end_is_cut(impatient: Service) -> None:
    said, seconds = trickled(impatient, NDJSON_HEAD + CHUNKED, b"1\r\n \r\n")
    assert b'"code":"timeout"' in said and 0.5 < seconds < 6
    # silence between two lines may be longer
    with connect(impatient) as wire:
        wire.sendall(NDJSON_HEAD + CHUNKED)
        for _ in range(3):
            wire.sendall(b"4\r\nbad\n\r\n")
            time.sleep(0.8)
        wire.sendall(b"0\r\n\r\n")
        wire.settimeout(2)
        said = b""
        while not said.endswith(b"0\r\n\r\n"):
            said += wire.recv(65536)
        assert said.count(b'"invalid_json"') == 3


@pytest.mark.parametrize("framing", [b"content-length: 2000000\r\n\r\n", b"content-length: 60000\r\n\r\n", CHUNKED])
def test_without_the_token_no_body_is_waited_for(impatient_guarded: Service, framing: bytes) -> None:
    started = time.monotonic()
    said, seconds = trickled(impatient_guarded, JSON_HEAD + framing, b"1\r\n \r\n")
    assert said.startswith(b"HTTP/1.1 401") and said.count(b"HTTP/1.1") == 1
    assert seconds < 8 and time.monotonic() - started < 9


def test_a_refused_body_that_comes_after_all_costs_nothing_but_itself(impatient_guarded: Service) -> None:
    with connect(impatient_guarded) as wire:
        for _ in range(3):
            wire.sendall(JSON_HEAD + b"content-length: 60000\r\n\r\n")
            assert b" 401 " in one_answer(wire)
            wire.sendall(b" " * 60_000)
        wire.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b" 200 " in one_answer(wire)


def test_who_rests_too_long_is_parted_with(impatient: Service) -> None:
    with connect(impatient) as wire, connect(impatient) as silent:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        started = time.monotonic()
        assert heard(wire).count(b"HTTP/1.1") == 1 and 0.4 < time.monotonic() - started < 3
        assert heard(silent) == b""


def test_who_sends_no_more_still_gets_the_answer(impatient: Service) -> None:
    for sent in (SCORE, SCORE + SCORE):
        with connect(impatient) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            started = time.monotonic()
            assert heard(wire).count(b'"support"') == sent.count(b"POST") and time.monotonic() - started < 0.5
    for sent in (b"", SCORE[:30], SCORE[:-5]):
        with connect(impatient) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            started = time.monotonic()
            heard(wire)
            assert time.monotonic() - started < 0.5


def unread_stream(service: Service) -> socket.socket:
    """A stream of which nothing is read, so far that the service cannot send any more."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.connect(service.place)
    wire.settimeout(0.5)
    wire.sendall(NDJSON_HEAD + CHUNKED)
    lines = b"x\n" * 20_000
    with suppress(TimeoutError, ConnectionError):
        for _ in range(1000):
            wire.sendall(b"%x\r\n%b\r\n" % (len(lines), lines))
    return wire


def test_who_does_not_read_its_answer_is_cut_off(impatient: Service) -> None:
    cut, before = counted(impatient, "write_timeout"), memory_of(impatient)
    wires = [unread_stream(impatient) for _ in range(4)]
    until(lambda: counted(impatient, "write_timeout") >= cut + 4)
    assert memory_of(impatient) - before < 30
    probes_answer(impatient)
    for wire in wires:
        wire.close()


def test_resets_are_nobodys_fault_and_the_log_stays_short(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder)
    for number in range(300):
        with connect(service) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.sendall((b"", SCORE[:20], SCORE[:-5], SCORE, SCORE * 3, b"\x00")[number % 6])
    probes_answer(service)
    assert answer_to(service, SCORE + b"GET / HTTP/1.0\r\n\r\n").count(b'"support"') == 1
    refused = counted(service, "bad_request")
    for number in range(100):
        answer_to(service, b"GET /secret HTTP/1.1\r\nsecret: %d\r\n\r\n" % number)
    code, said = service.stop()
    assert code == 0 and "Traceback" not in said and "ERROR" not in said and "exception" not in said.lower()
    # what is refused is counted, in few lines and without content
    lines = [line for line in said.splitlines() if "bad_request" in line]
    assert "secret" not in said and 1 <= len(lines) <= 3
    assert sum(int(line.rpartition("(")[2].rstrip(")")) for line in lines) == refused + 100


def test_a_stop_under_attack_keeps_its_time(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--drain-seconds", "0.5", "--grace-seconds", "1")
    unread = unread_stream(service)
    with (
        crowd(service, 40, b"GET / HTTP/1.1\r\nhost: a\r\nx: "),
        crowd(service, 40, JSON_HEAD + b"content-length: 100000\r\n\r\n{") as slow,
        crowd(service, 40, NDJSON_HEAD + CHUNKED + b"3\r\nbad\r\n"),
        crowd(service, 40, b""),
    ):
        started = time.monotonic()
        code, said = service.stop()
        assert code == 0 and time.monotonic() - started < 0.5 + 1 + 2.5
        assert "Traceback" not in said and "exception" not in said.lower()
        # who was under way is told, where that could be
        assert all(b"503" in heard(wire)[:20] for wire in slow)
    unread.close()


def test_reloads_under_attack(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, handles=256)
    heads = JSON_HEAD.replace(b"/v1/score", b"/v1/reload")
    with connect(service) as known:
        known.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        one_answer(known)
        with crowd(service, 300, SCORE[:-1]):
            known.sendall(heads + b"content-length: 0\r\n\r\n")
            assert b'"changed":false' in one_answer(known)
            probes_answer(service)
    until(lambda: b'"support"' in answer_to(service, SCORE + b"GET / HTTP/1.0\r\n\r\n"))
    # and of many reloads at once some share a reading
    ask = JSON_HEAD.replace(b"/v1/score", b"/v1/reload") + b"connection: close\r\ncontent-length: 0\r\n\r\n"
    said: list[bytes] = []
    threads = [threading.Thread(target=lambda: said.append(answer_to(service, ask))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(b'"changed":false' in one for one in said) and len(said) == 30
    text = asked(service, "/metrics")[2].decode()
    readings = next(line for line in text.splitlines() if line.startswith('sie_reloads_total{outcome="unchanged"}'))
    assert 1 <= float(readings.split()[1]) <= 12


def meanwhile(service: Service, work: Callable[[], object]) -> float:
    """The slowest answer of a probe while something else goes on, in seconds."""
    thread = threading.Thread(target=work)
    thread.start()
    slowest = 0.0
    while thread.is_alive():
        status, seconds, _ = asked(service)
        assert status == 200
        slowest = max(slowest, seconds)
    return slowest


MANY = 2 * 2**20 - 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"samples": [' + b",".join([b"{}"] * (MANY // 3)) + b"]}", b"too_many_samples"),
        (b'{"samples": [' + b",".join([b"1"] * (MANY // 2)) + b"]}", b"too_many_samples"),
        (b'{"samples": [{' + b",".join(b'"%x":0' % number for number in range(200_000)) + b"}]}", b"unknown field"),
        (b"{" + b",".join(b'"%x":0' % number for number in range(200_000)) + b"}", b"unknown field"),
        (BODY[:-1] + b', "labels": [' + b",".join([b"1"] * (MANY // 2 - 50)) + b"]}", b"names; at most"),
        (b'{"samples": ' + b"[" * MANY, b"recursion"),
        (b'{"samples": [{"query": "a", "title": "b", "sample_id": ' + b"9" * MANY + b"}]}", b"out of range"),
        (b'{"samples": [{"query": "a", "title": "b", "label": ' + b"9" * 4000 + b"}]}", b"samples[0].label"),
        (b'{"samples": [{"query": "a", "title": "b", "label": 1e999999999}]}', b"samples[0].label"),
        (b'{"samples": [{"query": "a", "title": "b", "' + b"k" * MANY + b'": 1}]}', b"unknown field"),
        (b'{"samples": [{}' + b",{}" * 20_000 + b"]}", b"samples[0].query"),
        (b'{"samples": [{' + b",".join(b'"%x":0' % number for number in range(7_000)) + b"}]}", b"things are wrong"),
    ],
)
def test_a_body_of_a_million_things_takes_no_long_time(open_service: Service, body: bytes, said: bytes) -> None:
    head = JSON_HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    before, answers = memory_of(open_service), []
    slowest = meanwhile(open_service, lambda: answers.append(answer_to(open_service, head + body)))
    assert answers[0][:12] == b"HTTP/1.1 422" and said in answers[0] and len(answers[0]) < 1000
    assert slowest < 0.5 and memory_of(open_service) - before < 150


def test_a_stream_of_tiny_wrong_lines_lets_others_in_between(open_service: Service) -> None:
    lines = b"1\n" * 100_000
    sent = NDJSON_HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(lines) + lines
    answers: list[bytes] = []

    def attack() -> None:
        with connect(open_service) as wire:
            sender = threading.Thread(target=wire.sendall, args=(sent,))
            sender.start()
            answers.append(heard(wire))
            sender.join()

    assert meanwhile(open_service, attack) < 0.5
    assert answers[0].count(b'"invalid_request"') == 100_000


def test_bodies_of_many_clients_are_held_to_a_bound(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--max-held", str(4 * 2**20))
    before = memory_of(service)
    half = JSON_HEAD + b"content-length: 2000000\r\n\r\n" + b" " * 1_000_000
    with crowd(service, 12, half) as wires:
        until(lambda: counted(service, "busy") >= 8)
        assert memory_of(service) - before < 30
        probes_answer(service)
        refused = [said for said in (heard_at_once(wire) for wire in wires) if said]
        assert len(refused) >= 8
        for said in refused:
            assert said.startswith(b"HTTP/1.1 503") and b"retry-after" in said
    # what they held is free again once they have gone
    until(lambda: b'"support"' in answer_to(service, SCORE.replace(b"host:", b"connection: close\r\nhost:")))


def heard_at_once(wire: socket.socket) -> bytes:
    """What has come, if anything."""
    wire.settimeout(0.05)
    try:
        return wire.recv(65536)
    except (TimeoutError, ConnectionError):
        return b""


def test_a_slow_model_does_not_keep_metrics_back(odd: Start) -> None:
    service = odd(seconds=2.5, observer=True)
    with connect(service) as wire:
        wire.sendall(SCORE)
        time.sleep(0.3)
        probes_answer(service, within=2.5)
        assert b'"support"' in one_answer(wire)
