"""The process: socket, signals, a graceful stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from sie_agent.errors import EnvironmentFailure
from sie_agent.serving.errors import Refusal
from sie_agent.serving.state import State

# the default of 5 ms lets a thread of Python code hold up the event loop for as long; an answer takes less
SWITCH_SECONDS = 0.0005


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


class Server(uvicorn.Server):
    """uvicorn's server without its handling of signals, which ends a process by the signal and not with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Plain(logging.Formatter):
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
            f"cannot listen on {host} port {port} ({said})", mend="Give another --host or --port."
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
    """Serve until SIGTERM or SIGINT has been obeyed; *ready* is called once requests are answered.

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
        timeout_keep_alive=75,
        # uvicorn counts in whole seconds
        timeout_graceful_shutdown=max(1, round(chosen.grace_seconds)),
    )
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(serve_until_stopped(Server(config), state, listener, chosen, ready))
    finally:
        sys.setswitchinterval(before)
        state.batcher.close()
        listener.close()


async def serve_until_stopped(
    server: Server, state: State, listener: socket.socket, stopping: Stopping, ready: Callable[[], None]
) -> None:
    """The server, and what signals do to it."""
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

    def on_reload() -> None:
        pending.add(task := loop.create_task(reload_quietly(state)))
        task.add_done_callback(pending.discard)

    pending: set[asyncio.Task[None]] = set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_stop)
    loop.add_signal_handler(signal.SIGHUP, on_reload)
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


async def reload_quietly(state: State) -> None:
    """A reload by signal: its outcome is in the log and the metrics."""
    try:
        await state.reload()
    except Refusal:
        return


def configure_logging(debug: bool) -> None:
    """Log lines of the service and of uvicorn on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    form = "%(asctime)s %(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(form) if debug else Plain(form))
    for name, level in (("sie_agent.serving", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
