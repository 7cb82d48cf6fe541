"""Rankers trained on a share of the rows: quality for ``agreement.json``, seconds for ``manifest.json``.

Seconds differ from run to run, so they stand where no two runs are promised to be equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream import AT_RANDOM, LOG, WITHIN, Way, all_values, keep_name, kept_names, mean_of_way, minus
from sie_agent.files.typed_json import read_model
from sie_agent.results import Agreement, RunManifest
from sie_agent.suite.draw.draw_files import Stored
from sie_agent.utils.arrays import Doubles, Integers


def kept_of(shares: Sequence[float], draws: Sequence[Stored], n_queries: int, copies: Integers) -> list[dict[str, Any]]:
    """Rows of ``agreement.json`` under ``kept``: each selection and metric beside the whole log; [] without shares.

    Parameters
    ----------
    shares : of the suite's ``downstream.keep``. copies : (replicates, n_queries): how often each query is drawn.
    """
    tables = [with_log(draw.bench, draw.kept) for draw in draws if draw.bench is not None and draw.kept is not None]
    if not tables:
        return []
    counts = means_of(draws, ("rows", "positives"))
    return [
        kept_row(way, metric, of, copies, shares, counts[way])
        for metric, of in all_values(tables, n_queries).items()
        for way in of
    ]


def with_log(bench: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """The log as it is, from the bench's table, before what is kept of it."""
    log = bench[(bench["strategy"] == LOG) & (bench["judge"] == "")]
    return pd.concat([log, kept], ignore_index=True)


def kept_row(
    way: Way,
    metric: str,
    values: Mapping[Way, Doubles],
    copies: Integers,
    shares: Sequence[float],
    counts: Mapping[str, float],
) -> dict[str, Any]:
    """One selection and metric: its mean, and its difference to the whole log and to as many rows at random."""
    about = selection_of(way, shares)
    needs_order = about["by"] not in (LOG, AT_RANDOM)
    at_random = Way(way.ranker, keep_name(about["keep"], AT_RANDOM)) if needs_order else None
    gains = {
        "minus_log": minus(values, way, Way(way.ranker, LOG), copies),
        "minus_random": minus(values, way, at_random, copies),
    }
    return {**about, "metric": metric, **mean_of_way(values[way], copies), **gains, **counts}


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
    means = means_of(draws, ("rows", "seconds", "cpu_seconds"))
    tried = Counter(way_of(one) for one in trainings(draws))
    log = {way.ranker: told["cpu_seconds"] for way, told in means.items() if way.strategy == LOG}
    return [
        {
            **selection_of(way, shares),
            **told,
            "of_log": told["cpu_seconds"] / log[way.ranker] if log[way.ranker] > 0 else None,
            "n": tried[way],
        }
        for way, told in means.items()
    ]


def kept_briefly(figures: Agreement, manifest: Path) -> list[dict[str, Any]]:
    """For the summary of a run: each selection without twins, of the first ranker, within queries; and its time.

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


def trainings(draws: Sequence[Stored]) -> list[Mapping[str, Any]]:
    """Every training of every draw, as ``facts.json`` has them."""
    return [one for draw in draws for one in draw.facts.get("kept", [])]


def way_of(training: Mapping[str, Any]) -> Way:
    """Whose training it was."""
    return Way(*(training[name] for name in Way._fields))


def means_of(draws: Sequence[Stored], names: Sequence[str]) -> dict[Way, dict[str, float]]:
    """Means over folds and draws by way, in the order in which they were tried."""
    held: dict[Way, list[Mapping[str, Any]]] = {}
    for one in trainings(draws):
        held.setdefault(way_of(one), []).append(one)
    return {
        way: {name: float(np.mean([one[name] for one in several])) for name in names} for way, several in held.items()
    }
