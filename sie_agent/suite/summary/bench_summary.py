"""What the bench of a run gives to ``agreement.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sie_agent.downstream import (
    AUTO,
    NOTHING_TRIED,
    QUERIES_WANTED,
    UNKNOWN,
    WITHIN,
    all_values,
    all_verdicts,
    bench_rows,
    choices_made,
    ungraded_words,
    what_it_teaches,
)
from sie_agent.suite.draw.draw_files import Stored
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Integers


def bench_of(
    suite: Suite, tried: Sequence[JudgePart], draws: Sequence[Stored], n_queries: int, copies: Integers
) -> dict[str, Any]:
    """What the bench gives to ``agreement.json``: the verdict on the headline judge, and what it rests on."""
    tables = [draw.bench for draw in draws if draw.bench is not None]
    values = all_values(tables, n_queries) if tables else {}
    told = [(judge.name, judge.mode) for judge in tried]
    names: dict[str, str] = {judge.kind: judge.name for judge in reversed(tried)}
    simple: dict[str, str] = {kind: names[kind] for kind in ("lexical", "positions", "random") if kind in names}
    within = values.get(WITHIN, {})
    verdicts = {ranker: all_verdicts(told, within, ranker, copies, simple) for ranker in suite.downstream.rankers}
    main = suite.downstream.rankers[0]
    own = next((one for one in verdicts[main] if one["judge"] == suite.primary.name), None)
    rows = bench_rows(values, copies) if values else []
    gains = {
        row["judge"]: {**row["minus_log"], "draws": row["gains"]}
        for row in rows
        if (row["strategy"], row["metric"], row["ranker"], row["twin"]) == (AUTO, WITHIN, main, False)
    }
    rows_there, graded = (int(draws[0].facts.get(name, 0)) for name in ("rows", "graded"))
    known = own is not None and own["use"] != UNKNOWN
    missing = draws[0].facts.get("to_grade") or about(rows_there, graded, n_queries)
    lacks = graded < rows_there
    text = ungraded_words(rows_there, graded, missing) if lacks else NOTHING_TRIED
    unknown = {"judge": suite.primary.name, "use": UNKNOWN, "text": text, "against": []}
    return {
        "verdict": {**(own if known and own else unknown), "to_grade": missing if lacks and not known else None},
        "verdicts": verdicts,
        "downstream": rows,
        "teaches": what_it_teaches(values, copies) if values else [],
        "choices": choices_made([draw.facts.get("choices", []) for draw in draws]),
        "twins": [draw.facts["twins"] for draw in draws if "twins" in draw.facts],
        "n_test_queries": max((row["n_queries"] for row in rows), default=0),
        "gains": gains,
    }


def about(rows: int, graded: int, queries: int) -> dict[str, int]:
    """What is to be graded, for a draw of a version that did not count it: as if no grade were in those queries."""
    wanted = min(QUERIES_WANTED, queries) if queries else QUERIES_WANTED
    size = math.ceil(wanted * rows / max(queries, 1))
    return {"queries": wanted, "rows": size, "graded": 0, "pairs": size}
