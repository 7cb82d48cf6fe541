"""A service whose engine or observer the tests choose: ``python odd_service.py FOLDER ENGINE [OBSERVER] [LIMITS]``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from sie_agent.serving import Limits
from sie_agent.serving.app import create_app, make_state
from sie_agent.serving.server import Stopping, listen, run


class Slow:
    """Takes its time for every batch, and fails on one word."""

    labels = ("support",)

    def __init__(self, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self.offset = json.loads((folder / "config.json").read_text()).get("offset", 0)
        self.config = {"score_quantiles": {"support": [0.0, 1.0]}}
        self.fresh = True

    def score(self, query: list[str], title: list[str], description: list[str], label: list[float | None]) -> Any:
        # the row that is scored at loading is not waited for: a reload has to fit into the time of a batch
        time.sleep(0 if self.fresh else self.seconds)
        self.fresh = False
        if "poison" in query:
            raise RuntimeError("secret text of a product")
        return {"support": np.array([float(len(text) + self.offset) for text in title])}


class Watching:
    """Counts what it sees; slow, to show that nobody waits for it; fails where a department says so."""

    def __init__(self) -> None:
        self.rows = 0
        self.departments: list[str] = []
        self.unlabelled = 0

    def observe(self, scores: Any, labels: Any, departments: list[str], queries: list[str]) -> None:
        time.sleep(0.5)
        if "broken" in departments:
            raise RuntimeError("observer")
        self.rows += len(labels)
        self.unlabelled += int(np.isnan(labels).sum())
        self.departments += departments
        assert set(scores) == {"support"} and len(queries) == len(departments)

    def weigh(self, by: str, scores: Any, strength: float, quantiles: Any) -> Any:
        assert (by, strength, quantiles) == ("support", 0.5, (0.0, 1.0))
        if 6 in scores:
            raise RuntimeError("observer")
        return scores / 10

    def check(self, engine: Any, by: str) -> None: ...

    def scorer_changed(self, engine: Any) -> None:
        self.rows = 0

    def saving(self) -> Any:
        return lambda: None

    def state(self) -> dict[str, Any]:
        return {"rows": self.rows, "unlabelled": self.unlabelled, "departments": self.departments}

    def metrics(self) -> Any:
        return [("sie_adjustment_rows", {"department": 'a "b"'}, float(self.rows))]


def main() -> None:
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    state = make_state(
        folder,
        limits=Limits(**settings.get("limits", {})),
        observer=Watching() if settings.get("observer") else None,
        weigh_by="support" if settings.get("observer") else "auto",
        loader=lambda found: Slow(found, settings.get("seconds", 0.0)),
    )
    listener = listen("127.0.0.1", 0)
    said = f"odd at http://127.0.0.1:{listener.getsockname()[1]}, ready"
    stopping = Stopping(settings.get("drain", 0.0), 30.0)
    run(create_app(state), state, listener, stopping=stopping, ready=lambda: print(said, file=sys.stderr, flush=True))


if __name__ == "__main__":
    main()
