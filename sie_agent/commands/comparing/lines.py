"""A comparison as it is printed: what to do first, then the ranking and the figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sie_agent.commands.words import asked_again, causes, columns, cost_line, dollars, number, plan_lines, tries_line
from sie_agent.utils.counts import counted

# point estimates beside the deciding figure
BESIDE = {"ndcg@10": "NDCG@10", "auc": "AUC", "spearman": "Spearman", "kappa": "kappa", "within": "within"}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The decision, the ranking with ties, a table of arms and controls, failures and cost; or the plan."""
    if "parts" in result:
        yield from plan_lines(result)
        return
    decision = result["decision"]
    yield decision["sentence"]
    if len(decision["ranking"]) > 1 or any(len(group) > 1 for group in decision["ranking"]):
        yield f"Ranking: {ranking_in_words(decision['ranking'])}"
    # one arm that is left decides nothing, and has its figures all the same
    graded = any(row.get("metrics") for row in result["variants"])
    yield from figure_table(result) if graded else agreement_table(result)
    why = "no grade, or an arm without a judgment" if graded else "an arm without a judgment"
    left_out = f"; {result['n_left_out']:,} left out ({why})" if result["n_left_out"] else ""
    pairs, queries = counted(result["n_pairs"], "pair"), counted(result["n_queries"], "query")
    yield f"{pairs} of {queries}{left_out}. 95 % intervals, by query."
    yield from (result[key] for key in ("note",) if result.get(key))
    yield from powered_table(result)
    yield from stability_table(result.get("stability", []))
    for row in result["variants"]:
        if failed := row["n_failed"]:
            yield f"{row['variant']}: {counted(failed, 'pair')} without a judgment{causes(row['reasons'])}"
    yield from (f"{one['variant']}: {one['hint']}" for one in result["failed"] if one["hint"])
    if sheet := result.get("sheet"):
        yield from sheet_lines(sheet, result["decide_by"])
    yield from (f"Tries that failed: {tries}" for tries in tries_line(result))
    yield from (f"Cost: {cost}" for cost in cost_line(result))
    yield from asked_again(result, result["n_without_grade"])
    yield from (f"Page: {page}" for page in [result.get("page")] if page)


def sheet_lines(sheet: dict[str, Any], decide_by: str) -> Iterator[str]:
    """What to do with a sheet of pairs to grade."""
    from sie_agent.comparison.metrics import METRICS

    pairs, queries = counted(sheet["n_pairs"], "pair"), counted(sheet["n_queries"], "query")
    yield f"To grade next: {pairs} of {queries} in {sheet['file']}"
    yield f"Fill in its column `grade`, then the same command with --grades {sheet['file']} and another --out"
    if METRICS[decide_by].by_query and not sheet["whole_queries"]:
        yield f"{decide_by} needs several graded pairs of a query: add --whole-queries, or decide by auc"


def ranking_in_words(ranking: Sequence[Sequence[str]]) -> str:
    """``1. B; 2. A, C (tied)``."""
    places, said = 1, []
    for group in ranking:
        said.append(f"{places}. {', '.join(group)}{' (tied)' if len(group) > 1 else ''}")
        places += len(group)
    return "; ".join(said)


def figure_table(result: dict[str, Any]) -> Iterator[str]:
    """A line per arm and control: its figures, and its difference to the first arm by the metric that decides."""
    by = result["decide_by"]
    beside = {name: words for name, words in BESIDE.items() if name != by}
    changes = {one["variant"]: one for one in result["differences"] if one["measure"] == by}
    tested = {frozenset((pair["first"], pair["second"])): pair for pair in result["decision"]["pairs"]}
    priced = any(row.get("cost") is not None for row in result["variants"])
    rows = []
    for row in [*result["variants"], *result["controls"]]:
        name = row["variant"]
        if row.get("kind") == "control":
            shown = "control"
        elif (change := changes.get(name)) is None:
            shown = "the base"
        else:
            pair = tested.get(frozenset((name, result["baseline"])), {})
            shown = f"{figure(change)}{standing(pair)}" if known(change["value"]) else "–"
        cost = [dollars(row.get("cost"))] if priced else []
        points = [number(row["metrics"][key]["value"]) for key in beside]
        failed = f"{row['n_failed']:,}" if "n_failed" in row else "–"
        rows.append((name, figure(row["metrics"][by]), *points, *cost, failed, shown))
    blank = ["–"] * (len(beside) + 1 + priced)
    rows += [(one["variant"], *blank, "all", one["cause"]) for one in result["failed"]]
    cost_head = ["cost"] if priced else []
    yield from columns(("variant", by, *beside.values(), *cost_head, "failed", f"{by} against the first"), rows)


def standing(pair: dict[str, Any]) -> str:
    """What the test of all pairs says of one."""
    if pair.get("identical"):
        return ", byte-identical"
    if pair.get("better"):
        return ""
    return ", the same" if pair.get("equivalent") else ", may be chance"


def agreement_table(result: dict[str, Any]) -> Iterator[str]:
    """How far arms agree, where nobody knows who is right."""
    rows = [
        (one["first"], one["second"], *(figure(one[key]) for key in ("spearman", "kappa", "alpha", "same_level")))
        for one in result["agreement"]
    ]
    if rows:
        yield from columns(("variant", "and", "Spearman", "kappa", "alpha", "same level"), rows)
    yield from (f"{one['variant']} failed and is left out: {one['cause']}" for one in result["failed"])


def powered_table(result: dict[str, Any]) -> Iterator[str]:
    """What the judgments of all pairs add to the grades of some, by the metric that decides."""
    by = result["decide_by"]
    found = [(row["variant"], row["powered"][by]) for row in result["variants"] if by in row.get("powered", {})]
    for one in result["differences"]:
        if one["measure"] == by and (powered := one.get("powered")):
            found.append((f"{one['variant']} less {one['baseline']}", powered))
    rows = [
        (name, figure(one), figure(one["graded_only"]), f"{one['n_graded']:,} of {one['n_all']:,}", one["predictor"])
        for name, one in found
        if known(one["ci_low"])
    ]
    if rows:
        yield from columns((f"{by}, few grades", "with judgments", "grades alone", "graded queries", "predictor"), rows)


def stability_table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """How far arms say the same when they are asked again."""
    if not rows:
        return
    shown = [
        (
            row["variant"],
            row["change"],
            f"{row['n_pairs']:,}",
            *(figure(row[key]) if key in row else "–" for key in ("same_level", "mean_change")),
            row["note"],
        )
        for row in rows
    ]
    yield from columns(("asked again", "changed", "answers", "same level", "mean change", ""), shown)


def known(value: float | None) -> bool:
    """Whether there is a figure."""
    return value is not None and not math.isnan(value)


def figure(measured: dict[str, Any]) -> str:
    """A value with its interval; a dash where there is none."""
    if not known(measured["value"]):
        return "–"
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"
