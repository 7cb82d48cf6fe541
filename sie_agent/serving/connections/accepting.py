"""Accepting connections: a few at a time, never more than there are file handles for.

The event loop's own server takes all that wait at once, before any of them can be counted, and where file handles run
out it closes whoever comes next, probes too.
"""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

from sie_agent.errors import EnvironmentFailure
from sie_agent.serving.refusal_log import RefusalLog
from sie_agent.serving.settings import Limits

# fewer than places for probes, so that a new connection is read from before it can be closed for another
AT_ONCE = 16
PAUSE_SECONDS = 0.05
# for reloading, saving, /proc, and connections that are being closed
SPARE_HANDLES = 40
FEWEST = 8
OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def possible_connections(limits: Limits) -> int:
    """How many connections the file handles of this process allow, beside those for probes; at most the limit.

    Raises
    ------
    EnvironmentFailure : too few to serve anybody.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed == resource.RLIM_INFINITY:
        return limits.connections
    open_ones = Path("/proc/self/fd")
    used = len(os.listdir(open_ones)) if open_ones.is_dir() else 64
    possible = allowed - used - SPARE_HANDLES - limits.probe_connections
    if possible < FEWEST:
        raise EnvironmentFailure(
            f"only {allowed} files may be open at once, {used} of them are open already",
            hint=f"Raise it (`ulimit -n`) to {allowed - possible + FEWEST} or more.",
        )
    return min(limits.connections, possible)


class Acceptor:
    """Takes connections from a listening socket.

    Parameters
    ----------
    take : given a connected socket and its peer's address. make_room : called where no handle is left.
    """

    def __init__(
        self,
        listener: socket.socket,
        take: Callable[[socket.socket, str], None],
        make_room: Callable[[], object],
        refused: RefusalLog,
    ) -> None:
        self.listener, self.take, self.make_room, self.refused = listener, take, make_room, refused
        self.loop = asyncio.get_running_loop()
        self.open = True
        listener.setblocking(False)
        self.resume()

    def resume(self) -> None:
        """Start or resume accepting connections."""
        if self.open:
            self.loop.add_reader(self.listener.fileno(), self.accept)

    def close(self) -> None:
        """Stop accepting connections."""
        if self.open:
            self.open = False
            self.loop.remove_reader(self.listener.fileno())

    def accept(self) -> None:
        """Accept some of the pending connections."""
        for _ in range(AT_ONCE):
            try:
                connected, address = self.listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # a peer that disconnected before it was accepted is not a fault
                if error.errno in OUT_OF:
                    self.pause()
                    return
                continue
            self.take(connected, str(address[0]))

    def pause(self) -> None:
        """No file handle is left: close an idle connection and pause, or the loop would spin on the readable socket."""
        self.refused.note("no_handles")
        self.make_room()
        self.loop.remove_reader(self.listener.fileno())
        self.loop.call_later(PAUSE_SECONDS, self.resume)
