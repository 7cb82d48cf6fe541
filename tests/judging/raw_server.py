"""Servers of plain sockets that answer what they are told to, and a client that asks them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import openai
import pytest

from sie_agent.judging.backends.http.bounded import library
from sie_agent.judging.backends.http.clients import async_client

KEY = "sk-a-very-secret-key"
FINE = b'{"ok": true}'
TLS_HANDSHAKE = b"\x16"
ENVIRONMENT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir", "openai_api_key")


def clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates but those of the test."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class Asked:
    """Where a server is, and the requests that it got: head and body of each."""

    port: int
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


Reply = Callable[[socket.socket, str], None]


@contextmanager
def served(reply: Reply | bytes, tls: ssl.SSLContext | None = None) -> Iterator[Asked]:
    """A server of one thread a connection; *reply* writes what it likes, or is what is written."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = Asked(listener.getsockname()[1])

    def one(raw: socket.socket) -> None:
        try:
            with raw if tls is None else tls.wrap_socket(raw, server_side=True) as connection:
                connection.settimeout(5)
                while True:
                    received = b""
                    while b"\r\n\r\n" not in received:
                        chunk = connection.recv(65536)
                        if not chunk:
                            return
                        received += chunk
                        if received[:1] == TLS_HANDSHAKE:
                            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                            return
                    head, _, body = received.partition(b"\r\n\r\n")
                    length = next(
                        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                    )
                    while len(body) < length:
                        body += connection.recv(65536)
                    state.heads.append(head.decode())
                    state.bodies.append(body)
                    if isinstance(reply, bytes):
                        connection.sendall(reply)
                    else:
                        reply(connection, head.decode())
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def response(body: bytes = FINE, status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def asked(url: str, key: str | None = None, timeout: float = 5.0) -> bytes:
    """The body of an answer to one question."""

    async def ask() -> bytes:
        client = async_client(url, key, timeout)
        try:
            found = await client.post("/chat/completions", cast_to=library.Response, body={"words": "all of them"})
        finally:
            await client.close()
        content: bytes = found.content
        return content

    return asyncio.run(ask())


def failure(url: str, key: str | None = None, timeout: float = 5.0) -> BaseException:
    with pytest.raises(openai.APIConnectionError) as caught:
        asked(url, key, timeout)
    return caught.value


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks)
