"""Arms asked again about the same pairs: who says the same twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.comparing.arms import Arm, Asking
from sie_agent.comparison.compared import query_codes, scores_of
from sie_agent.comparison.repeats import asked_again, stability_row
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


def stability_of(
    arms: Sequence[Arm],
    tables: Mapping[str, pd.DataFrame],
    chosen: pd.DataFrame,
    repeats: int,
    levels: Sequence[float],
    asked: Asking,
) -> list[dict[str, Any]]:
    """How far each arm says the same of *chosen* pairs when it is asked again, change by change."""
    codes = pd.Series(query_codes(chosen), index=chosen["sample_id"].to_numpy(object))
    rows = []
    for arm in (arm for arm in arms if arm.name in tables):
        say(f"Asking {counted(len(chosen), 'pair')} again of {arm.name}")
        found: dict[str, list[tuple[Any, Any, Any]]] = {}
        notes: dict[str, str] = {}
        with asked.manifest.stage(f"asking {arm.name} again"):
            for again in asked_again(arm.variant, chosen, repeats):
                found.setdefault(again.change, [])
                notes[again.change] = again.note
                table = (
                    asked.table(arm, again.rows, variant=again.variant, repeat=again.repeat) if not again.note else None
                )
                if table is not None:
                    known = scores_of(again.rows, tables[arm.name])
                    place = codes.loc[again.rows["sample_id"].to_numpy(object)].to_numpy(np.intp)
                    found[again.change].append((known, table["score"].to_numpy(np.float64), place))
                elif not again.note:
                    # the arm has its judgments; that it could not be asked again is told in its place
                    notes[again.change] = str(asked.failures.pop(arm.name).cause)
        for change, parts in found.items():
            before, after, queries = ([part[place] for part in parts] for place in range(3))
            row = stability_row(change, before, after, queries, np.asarray(levels))
            rows.append({"variant": arm.name, **row, "note": notes[change]})
    return rows
