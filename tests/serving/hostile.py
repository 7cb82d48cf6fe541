"""What hostile clients do, in sockets; and how the service fares meanwhile."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .conftest import Service

PROBES = ("/healthz", "/readyz", "/metrics")
JSON_HEAD = b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
NDJSON_HEAD = JSON_HEAD.replace(b"application/json", b"application/x-ndjson")
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
BODY = b'{"samples": [{"query": "oak table", "title": "Oak table"}]}'
SCORE = JSON_HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def connect(service: Service, source: str = "127.0.0.1") -> socket.socket:
    """A connection, from one of this machine's own addresses."""
    return socket.create_connection(service.place, timeout=10, source_address=(source, 0))


def heard(wire: socket.socket, seconds: float = 10.0) -> bytes:
    """What the service says until it closes; a reset ends it too."""
    said = b""
    wire.settimeout(seconds)
    with suppress(ConnectionError):
        while part := wire.recv(65536):
            said += part
    return said


def one_answer(wire: socket.socket) -> bytes:
    """The next answer, head and body, of a connection that stays open."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += wire.recv(65536)
    head, _, body = said.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += wire.recv(65536)
    return head + body


def answer_to(service: Service, sent: bytes) -> bytes:
    """What the service says to some bytes, until it closes the connection."""
    with connect(service) as wire:
        with suppress(ConnectionError):
            wire.sendall(sent)
        return heard(wire)


def asked(service: Service, path: str = "/healthz", source: str = "127.0.0.1") -> tuple[int, float, bytes]:
    """Status, seconds and text of an answer, on a connection of its own."""
    started = time.monotonic()
    with connect(service, source) as wire:
        wire.sendall(b"GET %b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path.encode())
        said = heard(wire)
    return int(said[9:12] or 0), time.monotonic() - started, said


def probes_answer(service: Service, within: float = 2.0) -> None:
    """Every probe gets its 200 in time."""
    for path in PROBES:
        status, seconds, _ = asked(service, path)
        assert status == 200 and seconds < within, (path, status, seconds)


@contextmanager
def crowd(service: Service, count: int, sent: bytes, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """So many connections that have sent something and do nothing more."""
    with ExitStack() as stack:
        wires = []
        for _ in range(count):
            wires.append(stack.enter_context(connect(service, source)))
            with suppress(ConnectionError):
                wires[-1].sendall(sent)
        yield wires


def counted(service: Service, reason: str) -> int:
    """How many of these the service has refused or cut. A request in the rain may itself be cut: it is sent again."""
    for _ in range(10):
        status, _, said = asked(service, "/metrics")
        if status == 200:
            break
    found = re.search(rf'sie_refused_total{{reason="{reason}"}} (\d+)', said.decode())
    assert found is not None, (reason, status, said)
    return int(found[1])


def memory_of(service: Service) -> float:
    """Resident memory without mapped files, in MiB."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{service.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def cpu_of(service: Service) -> float:
    """Seconds of processor time that the service has used."""
    words = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
