"""What came out of a panel: its table of judgments, and what it and its members are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.evaluation import judge_within
from sie_agent.judging import JUDGMENT_COLUMNS
from sie_agent.panels import (
    answer_correlation,
    effective_judges,
    error_correlation,
    mean_correlation,
    member_weights,
    panel_kind,
)
from sie_agent.utils.arrays import Booleans, Doubles
from sie_agent.utils.counts import counted

REPLICATES, SEED = 1000, 17_000
# fewer graded pairs say nothing of errors
FEWEST_GRADED = 10
SUMMED = ("asked", "cached", "seconds", "failed_for_good")


@dataclass(frozen=True)
class PanelMember:
    """A member that has judged: its name, its file, and what `sie label` says of it."""

    name: str
    judgments: Path
    result: dict[str, Any]


def panel_table(kind: str, names: Sequence[str], tables: Sequence[pd.DataFrame], score: Doubles) -> pd.DataFrame:
    """The panel's judgments: a row is answered where every member has answered it.

    Parameters
    ----------
    names, tables : of the members, with the same rows. score : (n,) of the panel, NaN where it has none.
    """
    first, known = tables[0], ~np.isnan(score)
    status, detail = np.full(len(first), "ok", object), np.full(len(first), "", object)
    for name, table in reversed(list(zip(names, tables, strict=True))):
        failed = (table["score"].isna() & ~known).to_numpy(bool)
        status[failed] = table["status"].to_numpy(object)[failed]
        detail[failed] = [f"{name}: {text}" for text in table["detail"].to_numpy(object)[failed]]
    models = " + ".join(most_frequent(table) for table in tables)
    told = first[["sample_id", "query", "item_id"]].assign(
        aspect="relevance",
        variant=f"panel/{kind}",
        model=models,
        endpoint="",
        score=score,
        probabilities=pd.array([None] * len(first), dtype="string"),
        entropy=np.nan,
        status=status,
        detail=detail,
        input_tokens=sum(table["input_tokens"] for table in tables),
        output_tokens=sum(table["output_tokens"] for table in tables),
        cached=np.all([table["cached"] for table in tables], axis=0),
        latency_ms=sum(table["latency_ms"] for table in tables),
    )
    return told[list(JUDGMENT_COLUMNS)]


def most_frequent(table: pd.DataFrame) -> str:
    """The model that gave most of a member's judgments."""
    return str(table.loc[table["score"].notna(), "model"].value_counts().index[0])


def panel_facts(
    kind: str,
    members: Sequence[PanelMember],
    answers: Sequence[Doubles],
    score: Doubles,
    *,
    grades: Doubles,
    tuning: Booleans,
    queries: np.ndarray,
) -> dict[str, Any]:
    """Members, how far their errors go together, how many judges they are worth, and the best of them beside the panel.

    Parameters
    ----------
    answers : per member, (n,); score : (n,) of the panel. grades : (n,) NaN where there is none; tuning : (n,) graded
        rows that weights are from: quality is that on the others. queries : (n,) keys.
    """
    test = ~np.isnan(grades) & ~tuning & ~np.isnan(score)
    of_errors = int((~np.isnan(grades) & ~np.isnan(score)).sum()) >= FEWEST_GRADED
    matrix = error_correlation(answers, grades) if of_errors else answer_correlation(answers)
    mean = mean_correlation(matrix)
    within = [quality(one, grades, queries, test) for one in answers]
    weighted = panel_kind(kind).reads_grades
    weights = member_weights(answers, np.where(tuning, grades, np.nan), queries) if weighted else None
    listed = [
        {
            "name": one.name,
            **{name: one.result[name] for name in ("model", "ok", "failed", "cost")},
            "variant": one.result["variants"][0],
            "weight": None if weights is None else float(weights[place]),
            "within": within[place],
        }
        for place, one in enumerate(members)
    ]
    ranked = [one for one in listed if one["within"] is not None]
    best = max(ranked, key=lambda one: one["within"]["mean"], default=None)
    return {
        "kind": kind,
        "members": listed,
        "correlation": {"of": "errors" if of_errors else "answers", "matrix": matrix.tolist(), "mean": mean},
        "effective_judges": effective_judges(len(members), mean),
        "within": quality(score, grades, queries, test),
        "best": None if best is None else {name: best[name] for name in ("name", "within")},
    }


def quality(answers: Doubles, grades: Doubles, queries: np.ndarray, rows: Booleans) -> dict[str, Any] | None:
    """Accuracy within the queries of some rows, with its interval; None where no pair can be compared."""
    if not rows.any():
        return None
    codes = pd.factorize(pd.Series(queries[rows]))[0].astype(np.intp)
    found = judge_within(answers[rows], grades[rows], codes, REPLICATES, SEED)
    return asdict(found) if found.n_queries else None


def panel_result(folder: Path, kind: str, members: Sequence[PanelMember], table: pd.DataFrame) -> dict[str, Any]:
    """What `sie label` says of a panel: counts of the panel's own judgments, sums of what its members were asked."""
    results = [one.result for one in members]
    failed = Counter(table.loc[table["score"].isna(), "status"])
    costs = [one["cost"] for one in results if one["cost"] is not None]
    seconds, asked = (sum(one[name] for one in results) for name in ("seconds", "asked"))
    models = " + ".join(one["model"] for one in results)
    return {
        **results[0],
        **{name: sum(one[name] for one in results) for name in SUMMED},
        "judgments": str(folder / "judgments.parquet"),
        "manifest": str(folder / "manifest.json"),
        "ok": int(table["score"].notna().sum()),
        "failed": int(table["score"].isna().sum()),
        "failed_by_cause": dict(failed.most_common()),
        "reasons": [reason for one in results for reason in one["reasons"]],
        "tries_failed": [reason for one in results for reason in one["tries_failed"]],
        "tokens": {name: sum(one["tokens"][name] for one in results) for name in ("input", "output")},
        "cost": sum(costs) if costs else None,
        "per_second": round(asked / seconds, 2) if asked and seconds > 0 else None,
        "stopped": next((one["stopped"] for one in results if one["stopped"]), None),
        "next_may_cost": next((one["next_may_cost"] for one in results if one["next_may_cost"]), None),
        "model": models,
        "asked_model": models,
        "models": {models: int(table["score"].notna().sum())},
        "mixture": None,
        "variants": [f"panel/{kind}"],
    }


def panel_lines(facts: dict[str, Any]) -> Iterator[str]:
    """What a panel is made of and worth, as it is printed."""
    for one in facts["members"]:
        told = [f"{one['model']} ({one['variant']})"]
        told += [] if one["weight"] is None else [f"weight {one['weight']:.2f}"]
        told += [] if one["within"] is None else [within_words(one["within"])]
        yield f"  member          {one['name']}: {', '.join(told)}"
    yield from (f"  left out        {one['name']}: {one['cause']}" for one in facts["lost"])
    found = facts["correlation"]
    if found["mean"] == found["mean"]:
        judges = f"{counted(len(facts['members']), 'judge')} worth {facts['effective_judges']:.1f}"
        yield f"  {found['of']:<15} correlation {found['mean']:.2f} on average: {judges} that err independently"
    if facts["within"] is not None and facts["best"] is not None:
        best = f"the best member, {facts['best']['name']}: {within_words(facts['best']['within'])}"
        yield f"  panel           {within_words(facts['within'])}; {best}"


def within_words(found: dict[str, Any]) -> str:
    """Accuracy within queries in words."""
    return f"within queries {found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
