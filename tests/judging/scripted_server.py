"""A real HTTP server in a thread that answers chat completions as a script says."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends back; ``cut`` closes the connection in the middle of the body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False


Script = Callable[[dict[str, Any], int], Reply]


def completion(content: str | None = None, *, top: dict[str, float] | None = None, **more: Any) -> dict[str, Any]:
    """A chat-completions response with *content*, and with log-probabilities where *top* gives them."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    choice["message"] = {"role": "assistant", "content": content}
    choice["logprobs"] = None
    if top is not None:
        ranked = [{"token": token, "logprob": number, "bytes": None} for token, number in top.items()]
        choice["logprobs"] = {"content": [{**ranked[0], "top_logprobs": ranked}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    return {
        "id": "x",
        "object": "chat.completion",
        "choices": [{**choice, **more}],
        "usage": usage,
    }


def error(message: str, code: str = "bad") -> dict[str, Any]:
    """The body of an error response."""
    return {"error": {"message": message, "type": "error", "code": code}}


@dataclass
class Scripted:
    """A running server: where it is, what it was asked."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0


@contextmanager
def scripted_server(script: Script, models: tuple[str, ...] = ("m",)) -> Iterator[Scripted]:
    """Serve *script*, a function of the request body and its number (from 1)."""
    lock = threading.Lock()
    state = Scripted("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            return None

        def do_GET(self) -> None:
            self.send(Reply(body={"object": "list", "data": [{"id": name, "object": "model"} for name in models]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.path.endswith("/chat/completions"):
                self.send(Reply(404, error("no such path")))
                return
            with lock:
                state.bodies.append(body)
                state.headers.append({name.lower(): value for name, value in self.headers.items()})
                number = len(state.bodies)
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
            try:
                reply = script(body, number)
                time.sleep(reply.delay)
                if isinstance(reply.body, dict) and "choices" in reply.body:
                    # as servers do, unless the script names another model
                    reply = replace(reply, body={"model": body.get("model"), **reply.body})
                self.send(reply)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with lock:
                    state.at_once -= 1

        def send(self, reply: Reply) -> None:
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            if reply.cut:
                self.wfile.write(raw[: len(raw) // 2])
                self.wfile.flush()
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                return
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
