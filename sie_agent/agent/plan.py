"""What the agent would ask, before anything is asked: what costs nothing is looked up for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sie_agent.agent.asking import Asker, Level
from sie_agent.agent.assessing import hard_places, uncertainties
from sie_agent.agent.limits import Ledger
from sie_agent.agent.nodes import Nodes, profile_variant, shown
from sie_agent.agent.run import cases_of, chooser_of, evidence_variant, one_pass_of, usable_tools
from sie_agent.agent.settings import AgentSettings
from sie_agent.agent.shelf import Shelf
from sie_agent.judging import Backend, JudgmentCache, Session, estimate


def planned_questions(
    rows: pd.DataFrame,
    judged: pd.DataFrame,
    backend: Backend,
    cache: JudgmentCache,
    settings: AgentSettings,
    *,
    log: pd.DataFrame | None = None,
    stronger: Mapping[str, Backend] | None = None,
) -> dict[str, Any]:
    """What :func:`judge_hard_cases` would ask; asks nothing.

    Parameters
    ----------
    rows, judged, backend, cache, settings, log, stronger : as :func:`judge_hard_cases` takes them.

    Returns
    -------
    ``hard`` (pairs), ``settled_at``, ``most_calls`` (by the limits and the tools), and ``parts``: as ``estimate`` gives
    them, of the choices of tools, of the question after what costs nothing was looked up, of the items' profiles and of
    the question after them, as if no pair was settled before, and of each stronger judge.
    """
    unsure = uncertainties(judged, rows["sample_id"])
    chosen, settle = hard_places(unsure, settings)
    judges = {"judge": backend, **(stronger or {})}
    levels = [Level(name, one, evidence_variant(one, settings)) for name, one in judges.items()]
    ledger = Ledger(settings)
    ledger.check(list(judges.values()))
    tools = usable_tools(backend, settings)
    shelf = Shelf(rows if log is None else log, judged, by_meaning=settings.by_meaning)
    nodes = Nodes(settings, shelf, Asker(cache, ledger, Session(backend, cache)), tools, levels, settle)
    cases = cases_of(rows, one_pass_of(rows, judged), chosen, unsure)
    texts = pd.DataFrame([case.row for case in cases])
    parts: list[dict[str, Any]] = []
    if cases and settings.order == "model":
        chooser, variant = chooser_of(backend, levels[0].variant, tools)
        parts.append(estimate([texts], variant, chooser, cache))
    free = [tool for tool in tools if not tool.asks]
    for case in cases:
        case.picks = [(tool.name, "") for tool in free]
    nodes.look_up(cases)
    asked = [shown(case) for case in cases]
    if cases and free:
        parts.append(estimate([pd.DataFrame(asked)], levels[0].variant, backend, cache))
    if cases and len(free) < len(tools):
        parts.append(estimate([texts], profile_variant(), backend, cache))
        later = [{**row, "evidence": f"{row['evidence']}\nitem: {'x' * 150}"} for row in asked]
        parts.append(estimate([pd.DataFrame(later)], levels[0].variant, backend, cache))
    parts += [estimate([pd.DataFrame(asked)], one.variant, one.backend, cache) for one in levels[1:] if cases]
    each = (len(tools) - len(free)) * 2 + bool(free) + len(levels) - 1
    # a choice before each tool, and a judgment after it
    each = 2 * len(tools) + (len(tools) - len(free)) + len(levels) if settings.order == "model" else each
    most = len(cases) * min(each, settings.max_calls_per_pair or each)
    return {
        "hard": len(cases),
        "settled_at": settle,
        "most_calls": most if settings.max_calls is None else min(most, settings.max_calls),
        "parts": parts,
    }
