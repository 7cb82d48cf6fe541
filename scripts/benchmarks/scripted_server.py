"""A server of one fixed answer: the fastest that a client can meet."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# one token's alternatives, as a server with log-probabilities sends them
ALTERNATIVES = [{"token": str(grade), "logprob": logprob} for grade, logprob in ((3, -0.4), (2, -1.4), (1, -3.0))]
FIRST_TOKEN = {"token": "3", "logprob": -0.4, "top_logprobs": ALTERNATIVES}
COMPLETION = {
    "id": "scripted",
    "object": "chat.completion",
    "model": "scripted",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "3"},
            "logprobs": {"content": [FIRST_TOKEN]},
        }
    ],
    "usage": {"prompt_tokens": 500, "completion_tokens": 1, "total_tokens": 501},
}


@dataclass
class ScriptedServer:
    """The fastest server there can be here: reads a request, sends one fixed answer.

    Attributes
    ----------
    bodies : the bodies that were posted, as they came over the wire, if *keep* is set.
    written : the answer to requests that ask for no log-probabilities; "3" as to the others if not given.
    """

    model: str = "scripted"
    keep: bool = False
    written: str | None = None
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, ready: Callable[[int], None]) -> None:
        """Serve on a free port until cancelled; *ready* is told which."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        ready(server.sockets[0].getsockname()[1])
        async with server:
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        models = json.dumps({"object": "list", "data": [{"id": self.model, "object": "model"}]}).encode()
        answer = json.dumps(COMPLETION).encode()
        message = {"role": "assistant", "content": self.written}
        in_words = {**COMPLETION, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
        written = json.dumps(in_words).encode() if self.written is not None else answer
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
                body = await reader.readexactly(length)
                if self.keep and body:
                    self.bodies.append(body)
                sent = models if not body else answer if b'"logprobs"' in body else written
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(sent), sent)
                )
                await writer.drain()
        writer.close()


@contextmanager
def serving(server: ScriptedServer) -> Iterator[int]:
    """Run a scripted server in a thread; gives its port."""
    ports: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    def tell(port: int) -> None:
        ports.append(port)
        ready.set()

    task = loop.create_task(server.serve(tell))
    thread = threading.Thread(target=run_until_cancelled, args=(loop, task), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def run_until_cancelled(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    """The body of a server's thread."""
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass
    finally:
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
