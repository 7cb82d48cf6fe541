"""What the routes share: the scorer that answers, its reload, and whether the service is stopping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from sie_agent.errors import SieError
from sie_agent.scorer import ScorerSession, scorer_folder
from sie_agent.selection import AUTO
from sie_agent.serving.batching import Batcher
from sie_agent.serving.engine import load
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.metrics import Metrics
from sie_agent.serving.protocol import Engine, Loader, Observer
from sie_agent.serving.refusal_log import RefusalLog
from sie_agent.serving.settings import LOOPBACK, Limits
from sie_agent.serving.weighing import RecipeOverride

logger = logging.getLogger("sie_agent.serving")


class State:
    """The service's state, with the scorer loaded; changed in the event loop only.

    Parameters
    ----------
    folder : the scorer's. token : what a client has to send; None where it needs none.
    open_metrics : whether /metrics is answered without the token.
    observer : what adjusts weights, or what makes it of the loaded scorer.
    weigh_by, strength : the weak label that weights are made of, and how far they spread around 1; by default as the
        scorer's recipe says. With ``none`` every weight is 1.
    loader : how an engine is made of the folder. host : where the service is going to listen.

    Attributes
    ----------
    loaded : the scorer that answers. override : what the user wants in place of parts of any scorer's recipe.
    alone : it listens on this machine only and without a token, so that who asks is told by headers alone.
    refused : counts and logs what is refused at a bound. held_bytes : of bodies, now.
    draining : the service is stopping; what has been accepted is still answered. under_way : requests now.

    Raises
    ------
    InputError : the folder is not a scorer, is damaged or newer, or does not give what its rows are to be weighed by.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        token: str | None = None,
        limits: Limits | None = None,
        open_metrics: bool = False,
        observer: Observer | Callable[[Engine], Observer] | None = None,
        weigh_by: str = AUTO,
        strength: float | None = None,
        loader: Loader = ScorerSession,
        host: str = "127.0.0.1",
    ) -> None:
        self.folder, self.loader, self.override = scorer_folder(folder), loader, RecipeOverride(weigh_by, strength)
        self.limits, self.metrics = limits or Limits(), Metrics()
        self.refused = RefusalLog(self.metrics)
        self.loaded = load(self.folder, loader, self.override)
        self.metrics.serving(self.loaded)
        watch = observer(self.loaded.engine) if callable(observer) else observer
        self.batcher = Batcher(self.metrics, self.limits.samples, self.limits.queue_rows, watch, self.loaded)
        self.batcher.check(self.loaded)
        self.token, self.open_metrics = token, open_metrics
        self.alone = token is None and host in LOOPBACK
        self.held_bytes, self.under_way, self.draining = 0, 0, False
        self._reloading = asyncio.Lock()
        self._next_reload: asyncio.Task[bool] | None = None

    @property
    def unknown_status(self) -> int:
        """Status for unauthorised requests: 401 where a token is set, else 403."""
        return 403 if self.token is None else 401

    def drain(self) -> None:
        """Report that this service is about to stop."""
        self.draining = True
        self.metrics.draining.set(1)

    async def reload(self) -> bool:
        """Load the scorer of the folder again; True if it is another one.

        The old one answers until the new one has been loaded and has scored a row; if that fails it goes on.

        Whoever asks while the folder is being read shares one further reading, which begins after that: any number of
        requests keep no more than two readings going.

        Raises
        ------
        HttpError : 409 with what is wrong with the folder, or why its scores cannot be weighed.
        """
        if self._next_reload is None:
            self._next_reload = asyncio.create_task(self._reload_in_turn())
        return await asyncio.shield(self._next_reload)

    async def _reload_in_turn(self) -> bool:
        async with self._reloading:
            # later calls may mean a folder that has changed since
            self._next_reload = None
            try:
                fresh = await asyncio.to_thread(load, self.folder, self.loader, self.override)
                self.batcher.check(fresh)
            except Exception as error:
                self.metrics.reloads.labels("refused").inc()
                said = str(error) if isinstance(error, SieError) else f"{type(error).__name__} while it was loaded"
                logger.warning("the scorer was not reloaded, the old one goes on: %s", said)
                raise HttpError(409, "reload_refused", f"{said} The old scorer goes on.") from error
            changed = fresh.sha256 != self.loaded.sha256
            if changed:
                self.loaded = fresh
                self.metrics.serving(fresh)
                await self.batcher.scorer_changed(fresh)
            self.metrics.reloads.labels("changed" if changed else "unchanged").inc()
            logger.info("scorer %s, %s", fresh.version, "loaded" if changed else "unchanged")
            return changed


# the name by which the room offers it
make_state = State
