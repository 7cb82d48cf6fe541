"""The process: socket, signals, a graceful stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from sie_agent.errors import EnvironmentFailure
from sie_agent.serving.connections.accepting import Acceptor, possible_connections
from sie_agent.serving.connections.admission import Admission
from sie_agent.serving.connections.connection import Connection
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.state import State

logger = logging.getLogger("sie_agent.serving")
# the default of 5 ms lets a thread of Python code hold up the event loop for as long; an answer takes less
SWITCH_SECONDS = 0.0005
# how late a deadline of a connection may be noticed
SWEEP_SECONDS = 0.25


@dataclass(frozen=True)
class Stopping:
    """How the service stops.

    Attributes
    ----------
    drain_seconds : how long it goes on answering, saying that it is not ready, before it takes no more connections.
    grace_seconds : how long requests under way may take after that.
    """

    drain_seconds: float = 3.0
    grace_seconds: float = 30.0


class ScoringServer(uvicorn.Server):
    """uvicorn's server, with our own accepting and limiting of connections.

    It does not handle signals either: that ends a process by the signal and not with exit code 0.

    Parameters
    ----------
    most : most connections beside those for probes.
    """

    def __init__(self, config: uvicorn.Config, state: State, most: int) -> None:
        super().__init__(config)
        self.state = state
        self.admission = Admission(state.limits, state.refused, most)
        self.acceptor: Acceptor | None = None
        self.working: set[asyncio.Task[None]] = set()
        state.metrics.connections.labels("any").set_function(lambda: len(self.admission.admitted))
        state.metrics.connections.labels("probes").set_function(lambda: len(self.admission.probes_only))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets=[])
        for listener in sockets or ():
            self.acceptor = Acceptor(
                listener, self.take, lambda: self.admission.make_room(self.admission.waiting), self.state.refused
            )
        self.spawn(self.sweep())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting connections, and wait for requests under way."""
        if self.acceptor is not None:
            self.acceptor.close()
        await super().shutdown(sockets)
        for task in self.working:
            task.cancel()
        self.state.refused.say_all(now_or_never=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task that is kept until it ends."""
        self.working.add(task := asyncio.get_running_loop().create_task(work))
        task.add_done_callback(self.working.discard)

    def take(self, connected: socket.socket, address: str) -> None:
        """Admit a connection that has just been accepted, or close it."""
        connection = Connection(
            self.config, self.server_state, self.lifespan.state, admission=self.admission, limits=self.state.limits
        )
        if self.admission.enter(connection, address):
            self.spawn(self.connect(connected, connection))
        else:
            connected.close()

    async def connect(self, connected: socket.socket, connection: Connection) -> None:
        """Attach an admitted connection to the event loop."""
        connected.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, connected)
        except OSError:
            self.admission.left(connection)
            connected.close()

    async def sweep(self) -> None:
        """Check all deadlines at regular intervals."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.check(now)
                    if self.acceptor is not None and not self.acceptor.open:
                        # it may have been accepted while the others were shut down
                        connection.shutdown()
            self.state.refused.say_all()


class PlainFormatter(logging.Formatter):
    """Log lines without tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_info = record.exc_text = None
        return super().format(record)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises
    ------
    EnvironmentFailure : the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise EnvironmentFailure(
            f"cannot listen on {host} port {port} ({said})", hint="Give another --host or --port."
        ) from error


def run(
    app: FastAPI,
    state: State,
    listener: socket.socket,
    *,
    stopping: Stopping | None = None,
    ready: Callable[[], None] = lambda: None,
    debug: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; *ready* is called once requests are answered.

    SIGHUP loads the scorer again. A second SIGTERM or SIGINT ends the drain, a third does not wait for requests.
    """
    configure_logging(debug)
    chosen = stopping or Stopping()
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # uvicorn counts in whole seconds
        timeout_graceful_shutdown=max(1, round(chosen.grace_seconds)),
    )
    most = possible_connections(state.limits)
    if most < state.limits.connections:
        logger.info("file handles allow %d connections, and %d for probes", most, state.limits.probe_connections)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(serve_until_stopped(ScoringServer(config, state, most), state, listener, chosen, ready))
    finally:
        sys.setswitchinterval(before)
        state.batcher.close()
        listener.close()


async def serve_until_stopped(
    server: ScoringServer, state: State, listener: socket.socket, stopping: Stopping, ready: Callable[[], None]
) -> None:
    """Run the server and handle signals."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    asked = 0

    def on_stop() -> None:
        nonlocal asked
        asked += 1
        state.drain()
        if asked > 1:
            server.should_exit = True
        server.force_exit = asked > 2
        stop.set()

    async def reload() -> None:
        # the log and the metrics have the outcome
        with suppress(HttpError):
            await state.reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: server.spawn(reload()))
    serving = loop.create_task(server.serve([listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    if server.started:
        ready()
    await asyncio.wait({serving, loop.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    ends = time.monotonic() + stopping.drain_seconds
    while not server.should_exit and not serving.done() and time.monotonic() < ends:
        await asyncio.sleep(0.02)
    server.should_exit = True
    await serving


def configure_logging(debug: bool) -> None:
    """Log lines of the service and of uvicorn on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    form = "%(asctime)s %(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(form) if debug else PlainFormatter(form))
    for name, level in (("sie_agent.serving", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
