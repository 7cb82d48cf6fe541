"""What a comparison would ask, cost and take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sie_agent.commands.comparing.arms import Arm, by_judge
from sie_agent.commands.judges import open_judge
from sie_agent.comparison.repeats import asked_again
from sie_agent.errors import EXIT_DONE
from sie_agent.judging import JudgmentCache, Variant, estimate
from sie_agent.samples import without_grade


def planned(
    samples: pd.DataFrame, arms: Sequence[Arm], chosen: pd.DataFrame | None, repeats: int, **how: Any
) -> dict[str, Any]:
    """What would be asked, over all arms, with what it costs and how long it takes; asks nothing.

    Parameters
    ----------
    chosen : pairs that are asked again, *repeats* times and in other ways; None for none.
    how : ``cache_path`` and ``retry_failed``.
    """
    parts = []
    with JudgmentCache(how["cache_path"]) as cache:
        for judge, of_judge in by_judge(arms):
            backend = open_judge(judge, asks=False)[0]
            try:
                for arm in of_judge:
                    given: list[tuple[str, Variant, pd.DataFrame, int]] = [(arm.name, arm.variant, samples, 0)]
                    if chosen is not None:
                        again = asked_again(arm.variant, chosen, repeats)
                        given += [(f"{arm.name}, {one.change}", one.variant, one.rows, one.repeat) for one in again]
                    for name, variant, rows, repeat in given:
                        if len(rows):
                            once = {"retry_failed": how["retry_failed"], "repeat": repeat}
                            part = estimate([without_grade(rows)], variant, backend, cache, **once)
                            parts.append({**part, "variant": name})
            finally:
                backend.close()
    costs, seconds = ([part[key] for part in parts] for key in ("cost", "seconds"))
    paid = [cost for cost in costs if cost is not None]
    return {
        "parts": parts,
        **{key: sum(part[key] for part in parts) for key in ("to_ask", "cached")},
        "tokens": {kind: sum(part[f"{kind}_tokens"] for part in parts) for kind in ("input", "output")},
        "cost": sum(paid) if paid else None,
        "seconds": None if None in seconds else sum(seconds),
        "exit_code": EXIT_DONE,
    }
