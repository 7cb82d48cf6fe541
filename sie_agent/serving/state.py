"""What the routes share: the scorer that answers, its reload, and whether the service is stopping."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

from sie_agent.errors import SieError
from sie_agent.serving.batching import Batcher
from sie_agent.serving.engine import Loaded, load
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.metrics import Metrics
from sie_agent.serving.protocol import Loader
from sie_agent.serving.refusal_log import RefusalLog
from sie_agent.serving.settings import Limits
from sie_agent.serving.weighing import NO_OVERRIDE, RecipeOverride

logger = logging.getLogger("sie_agent.serving")


@dataclass
class State:
    """The service's state; changed in the event loop only.

    Attributes
    ----------
    folder, loader : where the scorer lies, and how it is loaded. loaded : the one that answers.
    override : what the user wants in place of parts of any scorer's recipe.
    alone : it listens on this machine only and without a token, so that who asks is told by headers alone.
    refused : counts and logs what is refused at a bound. held_bytes : of bodies, now.
    draining : the service is stopping; what has been accepted is still answered. under_way : requests now.
    """

    folder: Path
    loader: Loader
    loaded: Loaded
    limits: Limits
    metrics: Metrics
    batcher: Batcher
    token: str | None = None
    open_metrics: bool = False
    alone: bool = False
    override: RecipeOverride = NO_OVERRIDE
    held_bytes: int = 0
    draining: bool = False
    under_way: int = 0
    refused: RefusalLog = field(init=False)
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next_reload: asyncio.Task[bool] | None = None

    def __post_init__(self) -> None:
        self.refused = RefusalLog(self.metrics)

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
