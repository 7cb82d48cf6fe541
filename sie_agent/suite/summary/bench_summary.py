"""What the bench of a run gives to ``agreement.json``, and to ``manifest.json`` the seconds of trainings.

Seconds differ from run to run, so they stand where no two runs are promised to be equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.downstream import (
    AT_RANDOM,
    AUTO,
    LOG,
    NOTHING_TRIED,
    QUERIES_WANTED,
    UNKNOWN,
    WITHIN,
    Way,
    all_values,
    all_verdicts,
    bench_rows,
    choices_made,
    keep_name,
    kept_names,
    mean_of_way,
    minus,
    ungraded_words,
    what_it_teaches,
)
from sie_agent.files.typed_json import read_model
from sie_agent.results import Agreement, RunManifest
from sie_agent.suite.draw.draw_files import Stored
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Doubles, Integers


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
    """What to grade, for draws of versions that did not count it: assumes that no row of those queries is graded."""
    wanted = min(QUERIES_WANTED, queries) if queries else QUERIES_WANTED
    size = math.ceil(wanted * rows / max(queries, 1))
    return {"queries": wanted, "rows": size, "graded": 0, "pairs": size}


def kept_of(shares: Sequence[float], draws: Sequence[Stored], n_queries: int, copies: Integers) -> list[dict[str, Any]]:
    """Rows of ``agreement.json`` under ``kept``: each selection and metric beside the whole log; [] without shares.

    Parameters
    ----------
    shares : of the suite's ``downstream.keep``. copies : (replicates, n_queries): how often each query is drawn.
    """
    tables = [with_log(draw.bench, draw.kept) for draw in draws if draw.bench is not None and draw.kept is not None]
    if not tables:
        return []
    counts = trainings(draws)
    return [
        kept_row(way, metric, of, copies, shares, counts[way])
        for metric, of in all_values(tables, n_queries).items()
        for way in of
    ]


def with_log(bench: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """The bench's rows for the log as it is, followed by those for shares of it."""
    log = bench[(bench["strategy"] == LOG) & (bench["judge"] == "")]
    return pd.concat([log, kept], ignore_index=True)


def kept_row(
    way: Way,
    metric: str,
    values: Mapping[Way, Doubles],
    copies: Integers,
    shares: Sequence[float],
    counts: Mapping[Any, float],
) -> dict[str, Any]:
    """One selection and metric: its mean, and its difference from the whole log and from as many random rows."""
    about = selection_of(way, shares)
    needs_order = about["by"] not in (LOG, AT_RANDOM)
    at_random = Way(way.ranker, keep_name(about["keep"], AT_RANDOM)) if needs_order else None
    return {
        **about,
        "metric": metric,
        **mean_of_way(values[way], copies),
        "minus_log": minus(values, way, Way(way.ranker, LOG), copies),
        "minus_random": minus(values, way, at_random, copies),
        "rows": counts["rows"],
        "positives": counts["positives"],
    }


def selection_of(way: Way, shares: Sequence[float]) -> dict[str, Any]:
    """What was kept, and for which ranker; the log as it is has a share of 1."""
    keep, by = kept_names(shares).get(way.strategy, (1.0, LOG))
    return {"ranker": way.ranker, "keep": keep, "by": by, "judge": way.judge or None, "twin": way.twin}


def seconds_of(shares: Sequence[float], draws: Sequence[Stored]) -> list[dict[str, Any]]:
    """What ``manifest.json`` has under ``training_seconds``: a row for each selection and ranker.

    ``seconds`` is the mean over folds and draws of the wall time of training one ranker, in one thread, without its
    predictions, ``cpu_seconds`` that of its time on the processor, which other programs do not lengthen; ``of_log`` is
    the latter as a share of its mean for all rows; ``n`` the number of trainings.
    """
    means = trainings(draws)
    log = {way.ranker: told["cpu_seconds"] for way, told in means.items() if way.strategy == LOG}
    return [
        {
            **selection_of(way, shares),
            **{name: told[name] for name in ("rows", "seconds", "cpu_seconds", "n")},
            "of_log": told["cpu_seconds"] / log[way.ranker] if log[way.ranker] > 0 else None,
        }
        for way, told in means.items()
    ]


def kept_briefly(figures: Agreement, manifest: Path) -> list[dict[str, Any]]:
    """For a run's summary: each selection of the first ranker within queries, without twins, and its training time.

    Parameters
    ----------
    figures : of ``agreement.json``. manifest : the run's; where it has no times, none are told.
    """
    rows = [row for row in figures.kept if row.metric == WITHIN and not row.twin and row.by != LOG]
    trained = read_model(manifest, RunManifest).training_seconds if rows and manifest.is_file() else []
    times = {one.key: {"seconds": one.seconds, "of_log": one.of_log} for one in trained}
    shown = {"keep", "by", "judge", "minus_log", "minus_random"}
    return [
        {**row.model_dump(include=shown), **times.get(row.key, {"seconds": None, "of_log": None})}
        for row in rows
        if row.ranker == rows[0].ranker
    ]


def trainings(draws: Sequence[Stored]) -> dict[Way, dict[Any, Any]]:
    """What every training took, by way in the order tried: means over folds and draws, and their number ``n``."""
    rows = pd.DataFrame([one for draw in draws for one in draw.facts.get("kept", [])])
    if rows.empty:
        return {}
    groups = rows.groupby(list(Way._fields), sort=False)
    means = groups[["rows", "positives", "seconds", "cpu_seconds"]].mean().assign(n=groups.size())
    return dict(zip(map(Way._make, means.index.tolist()), means.to_dict("records"), strict=True))
