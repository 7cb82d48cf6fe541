"""Many connections, of one client and of several, and too few file handles: probes answer, and others learn why not."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.serving import Limits
from sie_agent.serving.connections.accepting import possible_connections
from sie_agent.serving.connections.admission import PATIENCE_SECONDS, Admission, network
from sie_agent.serving.metrics import Metrics
from sie_agent.serving.refusal_log import RefusalLog

from .conftest import TOKEN, Service, Start
from .hostile import (
    CHUNKED,
    JSON_HEAD,
    NDJSON_HEAD,
    SCORE,
    answer_to,
    asked,
    connect,
    counted,
    cpu_of,
    crowd,
    heard,
    memory_of,
    one_answer,
    probes_answer,
    until,
)

HALF = b"GET /v1/scorer HTTP/1.1\r\nhost: localhost\r\nx: "
CLOSED_SCORE = SCORE.replace(b"host:", b"connection: close\r\nhost:")


@pytest.fixture(scope="module")
def few_handles(launch_shared: Start, scorer_folder: Path) -> Iterator[Service]:
    """A service that may open 256 files."""
    service = launch_shared(scorer_folder, handles=256)
    yield service
    code, said = service.stop()
    assert code == 0 and "Traceback" not in said


@pytest.fixture(scope="module")
def few_places(launch_shared: Start, scorer_folder: Path) -> Service:
    """A service that takes 16 connections."""
    return launch_shared(scorer_folder, "--max-connections", "16", "--max-client-connections", "16")


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        HALF,
        JSON_HEAD + b"content-length: 100000\r\n\r\n{",
        NDJSON_HEAD + CHUNKED + b"3\r\nbad\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
    ids=["silent", "half a head", "half a body", "streams", "keep-alive"],
)
def test_probes_answer_however_many_come_under_256_handles(few_handles: Service, sent: bytes) -> None:
    service = few_handles
    before = memory_of(service)
    with crowd(service, 300, sent), crowd(service, 300, sent, "127.0.0.2"):
        for _ in range(3):
            probes_answer(service)
        assert memory_of(service) - before < 60
        # others are served, or learn why not
        said = answer_to(service, CLOSED_SCORE)
        assert b'"support"' in said or (said[9:12] in (b"429", b"503") and b"retry-after: 1" in said)
        used = cpu_of(service)
        time.sleep(0.5)
        assert cpu_of(service) - used < 0.25
    until(lambda: b'"support"' in answer_to(service, CLOSED_SCORE))


@pytest.mark.slow
def test_probes_answer_while_connections_rain(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--open-metrics", handles=256, token=TOKEN)
    ended = threading.Event()

    def rain(source: str) -> None:
        while not ended.is_set():
            with ExitStack() as stack, suppress(OSError):
                for _ in range(150):
                    stack.enter_context(connect(service, source)).sendall(HALF)

    threads = [threading.Thread(target=rain, args=(f"127.0.0.{number}",)) for number in (2, 3, 4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: counted(service, "place_needed") > 50)
        found: list[tuple[int, float]] = []
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends or len(found) < 40:
            found.append(asked(service)[:2])
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    # a probe whose packet is late by more than a round of the loop may be taken for one of the rain
    assert [status for status, _ in found].count(200) >= 0.98 * len(found)
    assert max(seconds for _, seconds in found) < 2
    assert service.stop()[0] == 0


@pytest.mark.slow
def test_one_client_has_its_share_and_others_are_served(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--max-connections", "40", "--max-client-connections", "20")
    slow = JSON_HEAD + b"content-length: 100000\r\n\r\n{"
    with crowd(service, 30, slow, "127.0.0.2") as wires:
        said = [heard(wire, 2) for wire in wires[20:]]
        assert all(one.startswith(b"HTTP/1.1 429") and b"retry-after" in one for one in said)
        assert b'"code":"too_many_connections"' in said[0]
        assert b'"support"' in answer_to(service, CLOSED_SCORE)
        assert asked(service, source="127.0.0.2")[0] == 200
        assert counted(service, "too_many_connections") >= 10
        # and where all have theirs, the rest is told that there are too many in all
        with crowd(service, 20, slow, "127.0.0.3"), crowd(service, 3, slow, "127.0.0.4") as late:
            for wire in late:
                one = heard(wire, 2)
                assert one.startswith(b"HTTP/1.1 503") and b'"busy"' in one
            probes_answer(service)
            assert 'sie_connections{place="any"} 40.0' in asked(service, "/metrics")[2].decode()
    until(lambda: b'"support"' in answer_to(service, CLOSED_SCORE))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", HALF, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"])
def test_who_only_waits_makes_room(few_places: Service, sent: bytes) -> None:
    service = few_places
    until(lambda: 'sie_connections{place="any"} 1.0' in asked(service, "/metrics")[2].decode())
    before = counted(service, "place_needed")
    with crowd(service, 16, sent) as wires:
        time.sleep(PATIENCE_SECONDS + 0.3)
        with connect(service) as late:
            late.sendall(SCORE)
            assert b'"support"' in one_answer(late)
            late.sendall(SCORE)
            assert b'"support"' in one_answer(late)
        said = heard(wires[0], 1)
        assert (b"503" in said) == (sent == HALF)
        assert counted(service, "place_needed") > before


@pytest.mark.slow
def test_who_works_is_not_asked_to_leave(odd: Start) -> None:
    service = odd(seconds=2.0, limits={"connections": 4, "client_connections": 4, "samples": 1})
    with crowd(service, 4, SCORE) as wires:
        time.sleep(PATIENCE_SECONDS + 0.3)
        assert answer_to(service, CLOSED_SCORE).startswith(b"HTTP/1.1 429")
        assert b'"support"' in one_answer(wires[0])


@pytest.mark.slow
def test_no_handle_left_is_waited_out(launch: Start, scorer_folder: Path) -> None:
    """Handles may go for other reasons than connections: the loop neither spins nor ends."""
    service = launch(scorer_folder)
    pid, before = service.process.pid, resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    with connect(service) as known, crowd(service, 20, HALF):
        known.sendall(SCORE)
        one_answer(known)
        used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        started, processor = time.monotonic(), cpu_of(service)
        with crowd(service, 30, HALF):
            known.sendall(SCORE)
            assert b'"support"' in one_answer(known)
            time.sleep(1)
            assert cpu_of(service) - processor < 0.5 * (time.monotonic() - started)
            # those who only wait make room, also for probes
            probes = [asked(service) for _ in range(3)]
            assert [status for status, _, _ in probes] == [200] * 3
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        until(lambda: counted(service, "no_handles") >= 1)
        probes_answer(service)
    assert service.stop()[0] == 0


@pytest.mark.slow
def test_too_few_handles_to_serve_anybody(scorer_folder: Path, launch: Start) -> None:
    with pytest.raises(AssertionError, match=r"files may be open at once.*ulimit -n"):
        launch(scorer_folder, handles=80)


def test_handles_bound_connections() -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(allowed, 1024), most))
        assert 500 < possible_connections(Limits(connections=100_000)) < 1024 - 40 - 32
        assert possible_connections(Limits(connections=50)) == 50
        with pytest.raises(EnvironmentFailure, match="ulimit -n"):
            possible_connections(Limits(probe_connections=1000))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


class Somebody:
    """A connection without a socket."""

    def __init__(self, admission: Admission, answering: bool = False) -> None:
        self.admission, self.answering, self.gone = admission, answering, False

    def leave(self) -> None:
        self.gone = True
        self.admission.left(self)


def test_the_door_forgets_nobody_and_keeps_nobody() -> None:
    admission = Admission(Limits(client_connections=3, probe_connections=2), RefusalLog(Metrics()), 4)
    guests = [Somebody(admission) for _ in range(4)]
    assert all(admission.enter(guest, "10.0.0.1") for guest in guests)
    assert [admission.refusal_of(guest) is None for guest in guests] == [True, True, True, False]
    others = [Somebody(admission) for _ in range(3)]
    assert all(admission.enter(other, "10.0.0.2") for other in others)
    statuses = [refusal.status if (refusal := admission.refusal_of(other)) else None for other in others]
    # of the two places for probes the one that has waited longest is taken
    assert statuses == [None, 503, 503] and guests[3].gone and not others[1].gone
    for other in others[1:]:
        other.answering = True
    assert not admission.enter(Somebody(admission), "10.0.0.3")
    for one in (*guests, *others):
        admission.left(one)
        admission.left(one)
    assert not admission.clients and not admission.admitted and not admission.probes_only and not admission.waiting


def test_the_one_that_waited_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("sie_agent.serving.connections.admission.time.monotonic", lambda: now)
    admission = Admission(Limits(client_connections=2), RefusalLog(Metrics()), 2)
    first, second, third, fourth = (Somebody(admission) for _ in range(4))
    assert admission.enter(first, "::1") and admission.enter(second, "::1")
    admission.at_work(first)
    now += PATIENCE_SECONDS
    assert admission.enter(third, "::1") and second.gone and admission.refusal_of(third) is None
    assert admission.enter(fourth, "::1") and admission.refusal_of(fourth) is not None
    admission.wait(first)
    now += PATIENCE_SECONDS
    fifth = Somebody(admission)
    assert admission.enter(fifth, "::1") and third.gone and not first.gone and admission.refusal_of(fifth) is None


def test_addresses_of_one_client() -> None:
    assert network("127.0.0.1") == network("::ffff:127.0.0.1") == "127.0.0.1"
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("fe80::1%lo") == network("fe80::2")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"connections": 0}, "connections is 0"),
        ({"head_seconds": 0.0}, "more than 0"),
        ({"body_seconds": float("nan")}, "more than 0"),
        ({"write_seconds": float("inf")}, "write_seconds is inf"),
        ({"client_connections": 0}, "client_connections is 0"),
        ({"held_bytes": 1000}, "one body may have"),
    ],
)
def test_bounds_that_make_no_sense(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Limits(**given)
