"""A real HTTP server in a thread that answers chat completions as a script says."""

from __future__ import annotations

import json
import math
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends back.

    Attributes
    ----------
    body : bytes as they are; anything else as JSON.
    headers : a length given here is sent in place of the real one, and the connection closed behind the body.
    delay : seconds before the first byte.
    cut : whether the connection is closed in the middle of the body.
    chunks : what is sent in place of the body, in chunked encoding; there may be no end of them.
    pause : seconds before each chunk.
    unframed : whether the body has no length and ends with the connection, as that of HTTP/1.0 does.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    chunks: Iterable[bytes] | None = None
    pause: float = 0.0
    unframed: bool = False


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


# words with the blank before them, digits one by one, signs: as many tokenizers cut
TOKEN = re.compile(r" ?[A-Za-z]+|'[a-z]+|\d|\s+|[^\sA-Za-z\d]")
LIMITS = ("max_tokens", "max_completion_tokens")
SHARES = (0.97, 0.02, 0.01)


def spoken(
    body: dict[str, Any], text: str, *, tokens: Sequence[str] | None = None, thoughts: int = 0, **more: Any
) -> dict[str, Any]:
    """The response of a model that answers *text* to the request *body*, as far as its limit on length allows.

    Parameters
    ----------
    tokens : those of the text; cut from it where they are not given.
    thoughts : how many tokens are used up before, unseen.
    more : fields of the choice that are otherwise.

    Returns
    -------
    The first tokens with their log-probabilities where they are asked for, and ``finish_reason`` ``"length"`` where
    no room is left for the token that ends the answer.
    """
    wanted = TOKEN.findall(text) if tokens is None else list(tokens)
    limit = next((body[name] for name in LIMITS if body.get(name) is not None), math.inf)
    room = int(min(max(limit - thoughts, 0), len(wanted)))
    said = wanted[:room]
    choice: dict[str, Any] = {"index": 0, "finish_reason": "length" if len(wanted) + thoughts >= limit else "stop"}
    choice["message"] = {"role": "assistant", "content": "".join(said)}
    choice["logprobs"] = None
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [entry(token, body.get("top_logprobs") or 0) for token in said]}
    length = sum(len(message["content"]) for message in body["messages"])
    counts = {"prompt_tokens": length // 4, "completion_tokens": thoughts + room}
    return {"id": "x", "object": "chat.completion", "choices": [{**choice, **more}], "usage": counts}


def entry(token: str, top: int, shares: Sequence[float] = SHARES) -> dict[str, Any]:
    """The log-probabilities of one token, with its *top* alternatives."""
    listed = [
        {"token": one, "logprob": math.log(share), "bytes": list(one.encode("utf-8", "replace"))}
        for one, share in zip((token, "x", "y"), shares, strict=False)
    ]
    return {**listed[0], "top_logprobs": listed[:top]}


def events(completed: dict[str, Any]) -> bytes:
    """A response as a stream of server-sent events: its text in pieces, then why it ended, then what it cost."""
    choice = completed["choices"][0]
    content = choice["message"].get("content") or ""
    shared = {name: completed[name] for name in ("id", "model") if name in completed}
    pieces: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    listed = (choice.get("logprobs") or {}).get("content")
    for number, token in enumerate([one["token"] for one in listed] if listed else TOKEN.findall(content)):
        piece: dict[str, Any] = {"index": 0, "delta": {"content": token}, "finish_reason": None}
        piece |= {"logprobs": {"content": [listed[number]]}} if listed else {}
        pieces.append({"choices": [piece]})
    pieces.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    pieces.append({"choices": [], "usage": completed.get("usage")})
    kind = "chat.completion.chunk"
    lines = [f"data: {json.dumps({**shared, 'object': kind, **piece})}\n\n" for piece in pieces]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


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
            headers = {"Content-Type": "application/json", **reply.headers}
            if reply.chunks is not None:
                headers["Transfer-Encoding"] = "chunked"
            elif reply.unframed or "Content-Length" in headers:
                self.close_connection = True
            else:
                headers["Content-Length"] = str(len(raw))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if reply.chunks is not None:
                for chunk in reply.chunks:
                    time.sleep(reply.pause)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")
                return
            if reply.cut:
                self.wfile.write(raw[: len(raw) // 2])
                self.wfile.flush()
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                return
            self.wfile.write(raw)

    class Server(ThreadingHTTPServer):
        # with the usual five, the sixth of those that connect at once waits a second
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            # who asks may hang up at any moment
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
