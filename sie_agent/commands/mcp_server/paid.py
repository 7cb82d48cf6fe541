"""Verbs that may cost money, each in a process of its own: it can be stopped, and prints nothing into the protocol."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sie_agent.commands.mcp_server.confined import ServerRoot
from sie_agent.commands.mcp_server.ledger import ClientLedger
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, EnvironmentFailure, InputError
from sie_agent.files.paths import PACKAGE
from sie_agent.files.writing import held

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream, Process
    from mcp.server.mcpserver import Context

# of a verb's result, and of a line that it tells
MOST_RESULT = 16 * 1024 * 1024
MOST_LINE = 64 * 1024
BEAT_SECONDS = 2.0
# a verb that is stopped waits for what it has asked
STOP_SECONDS = 30.0
# it has begun to ask
STARTED = "start"


@dataclass
class Told:
    """What a running verb has said: its last event, whether it began to ask, its last line, whether it has ended."""

    event: str = "starting"
    asked: bool = False
    ended: bool = False
    last: str = ""
    result: bytearray = field(default_factory=bytearray)


class PaidCalls:
    """Runs verbs within the sum of a ledger.

    Parameters
    ----------
    root : where they read and write. ledger : what was spent.
    """

    def __init__(self, root: ServerRoot, ledger: ClientLedger) -> None:
        self.root = root
        self.ledger = ledger

    async def run(
        self,
        verb: str,
        options: Sequence[str],
        context: Context[Any, Any],
        limit: float | None,
        flag: str | None = "--max-cost",
        *,
        cost: Callable[[], float] | None = None,
    ) -> dict[str, Any]:
        """The result of a verb, with ``cost`` as USD of this call.

        Parameters
        ----------
        limit : USD that it may cost, given to it as *flag*; None where nothing is paid for.
        cost : what the call cost, once it has ended; where it is not given, the result's ``cost``.

        Raises
        ------
        InputError : less is left, or the verb says so. EnvironmentFailure : the verb says so.
        """
        from anyio.to_thread import run_sync

        if limit is None:
            return {**await self._result(verb, options, context, Told()), "cost": 0.0}
        # not to be interrupted between reserving and knowing the reservation
        name = await run_sync(self.ledger.reserve, verb, limit)
        told, spent = Told(), None
        try:
            given = [] if flag is None else [f"{flag}={limit!r}"]
            result = await self._result(verb, [*options, *given], context, told)
            spent = max(0.0, float(result.get("cost") or 0.0) if cost is None else cost())
            return {**result, "cost": spent}
        finally:
            if spent is None and told.ended:
                # where it failed after it had begun to ask, nobody says what it cost: the whole reservation counts
                spent = max(0.0, cost()) if cost is not None else None if told.asked else 0.0
            # in this thread: a call that was cancelled runs nothing in another
            self.ledger.settle(name, spent)

    async def _result(
        self, verb: str, options: Sequence[str], context: Context[Any, Any], told: Told
    ) -> dict[str, Any]:
        """The result of a verb.

        Raises
        ------
        InputError, EnvironmentFailure : the verb says so.
        """
        code = await follow([*command(), verb, *options], told, str(self.root.folder), context)
        told.ended = True
        if code not in (EXIT_DONE, EXIT_PARTIAL):
            raise_failure(code, told)
        try:
            result: dict[str, Any] = json.loads(told.result)
        except ValueError:
            raise EnvironmentFailure("the verb gave no result", hint=short(told.last)) from None
        return result


def command() -> list[str]:
    """This program, as a process of its own; no file of the root is ever imported."""
    return [sys.executable, "-P", "-m", "sie_agent", "--output", "json"]


def surroundings() -> dict[str, str]:
    """The environment of such a process, which finds this program where it is."""
    places = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(places)}


def raise_failure(code: int, told: Told) -> None:
    """Raise what a verb said."""
    try:
        said = str(json.loads(told.last)["error"])
    except (ValueError, KeyError, TypeError):
        said = short(told.last) or f"ended with exit code {code}"
    hint = "What was answered is kept; its whole limit counts as spent" if told.asked else None
    raise (InputError if code == 2 else EnvironmentFailure)(said.rstrip("."), hint=hint)


async def follow(words: Sequence[str], told: Told, folder: str, context: Context[Any, Any]) -> int:
    """Run a process to its end, and tell the client how far it is; a call that is cancelled stops the process."""
    import subprocess

    import anyio

    # a signal to this program ends that process first
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": folder, "env": surroundings()}
    with held():
        async with await anyio.open_process(list(words), **how) as process:
            assert process.stdout is not None and process.stderr is not None
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(collect, process.stdout, told.result)
                    group.start_soon(listen, process.stderr, told)
                    group.start_soon(beat, told, context, group.cancel_scope, process)
                return await process.wait()
            except BaseException:
                await stopped(process)
                raise


async def stopped(process: Process) -> None:
    """End a process: it may tidy up, but not for ever."""
    import anyio

    if process.returncode is not None:
        return
    with anyio.CancelScope(shield=True):
        process.terminate()
        with anyio.move_on_after(STOP_SECONDS):
            await process.wait()
            return
        process.kill()
        await process.wait()


async def collect(stream: ByteReceiveStream, into: bytearray) -> None:
    """All that a process prints, up to the bound."""
    async for part in stream:
        into += part[: max(0, MOST_RESULT - len(into))]


async def listen(stream: ByteReceiveStream, told: Told) -> None:
    """The lines that a process tells on standard error: events and, at its end, what went wrong."""
    left = b""
    async for part in stream:
        *lines, left = (left + part)[-MOST_LINE:].split(b"\n")
        for line in filter(None, lines):
            hear(line, told)
    if left:
        hear(left, told)


def hear(line: bytes, told: Told) -> None:
    """One line: an event, or anything else."""
    text = line.decode("utf-8", "replace")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if isinstance(event, dict) and isinstance(event.get("event"), str):
        told.event = short(event["event"], 60)
        told.asked |= told.event == STARTED
    else:
        told.last = text


async def beat(told: Told, context: Context[Any, Any], scope: Any, process: Process) -> None:
    """Tell a client that asked for it, in seconds, that the work goes on, until the process has ended."""
    import anyio

    started = anyio.current_time()
    while process.returncode is None:
        with anyio.move_on_after(BEAT_SECONDS):
            await process.wait()
            return
        await context.report_progress(round(anyio.current_time() - started, 1), None, told.event)
