"""What a cascade is expected to ask, cost and take, before anything is asked."""

from __future__ import annotations

from typing import Any

from sie_agent.cascade import PERSON
from sie_agent.commands.cascade_askers import JudgeAsker, askers_of
from sie_agent.commands.cascade_labelling import CascadeTask
from sie_agent.commands.labelling import Passage
from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import EXIT_DONE
from sie_agent.judging import Accounted, JudgmentCache, estimate


def planned_cascade(log: LogRows, task: CascadeTask) -> dict[str, Any]:
    """What a cascade is expected to ask: the first level as it is, the others by the shares of its calibration.

    Returns
    -------
    ``levels`` (each: ``name``, ``kind``, ``expected`` rows, ``cached`` of them where that is known, ``cost``,
    ``seconds``), ``rows``, and the sums ``to_ask``, ``cost``, ``seconds`` (None where a part is not known).
    """
    parts: list[dict[str, Any]] = []
    passage = Passage()
    with askers_of(task.settings, task.max_cost) as askers, JudgmentCache(task.cache_path) as cache:
        readings = {one.name for one in task.readings(askers)}
        for _ in passage.watch(log.chunks()):
            pass
        share = 1.0
        for level in task.file.levels:
            if level.kind != PERSON and level.name not in readings:
                continue
            expected = round(share * passage.samples)
            part: dict[str, Any] = {"name": level.name, "kind": level.kind, "expected": expected, "cached": None}
            free = not isinstance(getattr(askers.get(level.name), "backend", None), Accounted)
            part["cost"] = 0.0 if free else None if level.cost_per_pair is None else expected * level.cost_per_pair
            part["seconds"] = None if level.seconds_per_pair is None else round(expected * level.seconds_per_pair, 1)
            asker = askers.get(level.name)
            if not parts and isinstance(asker, JudgeAsker):
                how: dict[str, Any] = {"retry_failed": task.retry_failed}
                found = [estimate(log.chunks(), one, asker.backend, cache, **how) for one in asker.variants]
                part["cached"] = min(one["cached"] for one in found)
                for name in ("cost", "seconds"):
                    known = [one[name] for one in found]
                    part[name] = part[name] if None in known else sum(known)
            parts.append(part)
            share -= level.test.coverage or 0.0 if level.test is not None else 0.0
    costs, seconds = ([part[name] for part in parts if part["kind"] != PERSON] for name in ("cost", "seconds"))
    return {
        "levels": parts,
        "rows": passage.samples,
        "to_ask": sum(part["expected"] for part in parts if part["kind"] != PERSON),
        "cost": None if None in costs else sum(costs),
        "seconds": None if None in seconds else sum(seconds),
        "exit_code": EXIT_DONE,
    }
