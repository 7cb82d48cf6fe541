"""The top of the page: the verdict in plain words, what to do now, and how much stands behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sie_agent.downstream import AUTO, CLEAN
from sie_agent.report import bench_words, pick
from sie_agent.report.glossary import mode_words
from sie_agent.report.number_words import count, ends_of, is_loss, number, percent, points, share
from sie_agent.report.read import RunFolder
from sie_agent.results import Against, Downstream, Measured, Verdict
from sie_agent.samples import IMPRESSIONS, pair_keys, query_keys

FEW_QUERIES = 100


@dataclass(frozen=True)
class Tile:
    """One figure of a row of figures: its name, its value, and a line below it."""

    name: str
    value: str
    below: str


def top_of(run: RunFolder) -> dict[str, Any]:
    """The top of the page, by the names in the template; all of it plain text."""
    agreement, judge = run.agreement, pick.primary_judge(run)
    mode = pick.mode_of(agreement, judge)
    use = agreement.verdict.use if agreement.verdict.use in bench_words.TITLES else "unknown"
    _, tone, mark = bench_words.SHORT[use]
    wanted = (pick.main_ranker(agreement), AUTO, judge, False)
    chosen = [one for one in agreement.choices if (one.ranker, one.strategy, one.judge, one.twin) == wanted]
    recipe, why = bench_words.recipe_words(use, run.recipe, chosen)
    return {
        "suite": agreement.suite or str(run.suite.get("name") or run.path.name),
        "tone": tone,
        "mark": mark,
        "title": bench_words.verdict_words(agreement.verdict),
        "sentence": plain_words(run, use),
        "now": bench_words.NOW[use],
        "caution": caution_words(run, mode),
        "lost": lost_words(run),
        "reason": verdict_reason(agreement.verdict.text, use, bool(agreement.downstream)),
        "mode": mode,
        "mode_words": mode_words(mode),
        "behind": _behind(run, judge, mode),
        "recipe": recipe,
        "recipe_why": why,
        "teaches": bench_words.teaches_words(agreement),
        "tiles": _tiles(run, judge),
    }


def verdict_reason(text: str, use: str, has_figures: bool) -> str:
    """The reason that evaluation gave, or a generic one."""
    if text.strip():
        return text.strip()
    if not has_figures:
        return "Nobody graded any pair, so the effect on a ranker cannot be measured: grade some pairs first."
    return f"The run gives no reason for '{use}'; the figures below are all there is."


def plain_words(run: RunFolder, use: str) -> str:
    """Why the verdict is what it is, in a sentence without technical terms."""
    agreement = run.agreement
    reason = verdict_reason(agreement.verdict.text, use, bool(agreement.downstream))
    if use == "unknown":
        few = "A ranker can be tested only on queries whose rows people have graded, and too few have been."
        return reason if agreement.downstream else few
    log, own, taught = pick.log_within(agreement), own_row(run), pick.taught(agreement)
    if use == "cannot tell" and taught is not None and taught.clean_minus_text is not None:
        return (
            "Even a ranker that learns from the grades themselves is not certainly better here than one that only "
            f"compares words ({points(taught.clean_minus_text)} points), so none can show that it helps."
        )
    if use == "log loses nothing" and taught is not None and taught.clean_minus_log is not None:
        return (
            "Even a ranker that learns from the grades themselves is not certainly better than one that learns from "
            f"this log ({points(taught.clean_minus_log)} points): nothing is shown to be lost."
        )
    if own is None or log is None:
        return reason
    told = (
        f"With target and weights the ranker puts {share(own.value)} of the pairs of a query in the right order, with "
        f"the log as it is {share(log)}"
    )
    if use == "use":
        return f"{told}: {points(own.minus_log)} points, more than anything simpler gives."
    ahead = [one for one in agreement.verdict.against if is_loss(one)]
    if ahead:
        best = min(ahead, key=lambda one: one.value or 0.0)
        return f"{told}. This is certainly better: {best.rival} (by {points(turned(best))} points)."
    rival = unbeaten(agreement.verdict)
    return f"{told}. It is not certainly ahead of this: {rival}." if rival else f"{told}."


def turned(rival: Against) -> Measured:
    """What a rival gains over the judge, from what the judge gains over it."""
    value, low, high = (None if end is None else -end for end in (rival.value, rival.ci_high, rival.ci_low))
    return Measured(value=value, ci_low=low, ci_high=high)


def own_row(run: RunFolder) -> Downstream | None:
    """What training by `auto` with the judge reaches within queries."""
    return pick.within_queries(run.agreement).get((AUTO, pick.primary_judge(run), False))


def unbeaten(verdict: Verdict) -> str:
    """The first rival that was tried and not certainly beaten; empty where there is none."""
    return next((one.rival for one in verdict.against if not one.beaten and one.value is not None), "")


def few_queries_warning(queries: int) -> str:
    """A warning if too few queries were tested, otherwise empty."""
    if queries >= FEW_QUERIES:
        return ""
    return f"Only {count(queries, 'query', 'queries')} stand behind this: read it as a demonstration, not as a result."


def caution_words(run: RunFolder, mode: str) -> str:
    """A caution for the top of the page; empty if none is needed."""
    if mode == "simulated":
        return (
            "The judge of this run is simulated: a human grade with noise added. It shows what a judge of that quality "
            "could do; it is not a result."
        )
    return few_queries_warning(run.agreement.n_test_queries) if run.agreement.downstream else ""


def lost_words(run: RunFolder) -> list[str]:
    """What the run had to do without, one sentence each."""
    told = [f"{one.text}." for one in run.agreement.failed if one.text]
    if run.agreement.instead_of:
        told.append(f"This page is about judge '{pick.primary_judge(run)}', in place of '{run.agreement.instead_of}'.")
    return told


def _behind(run: RunFolder, judge: str | None, mode: str) -> str:
    keys, queries = pair_keys(run.samples), query_keys(run.samples["query"].astype(str))
    read = run.samples["sample_id"].isin(pick.answered(run, "relevance")["sample_id"])
    held = count(keys.nunique(), "pair", "pairs")
    if IMPRESSIONS in run.samples:
        held = f"{count(float(run.samples[IMPRESSIONS].sum()), 'impression', 'impressions')}, {held}"
    elif len(keys) != keys.nunique():
        held = f"{count(len(keys), 'row', 'rows')}, {held}"
    return (
        f"The judge {judge or '(no name recorded)'} ({mode}) and those beside it read "
        f"{count(keys[read].nunique(), 'pair', 'pairs')} of {count(queries[read].nunique(), 'query', 'queries')}; "
        f"the run holds {held} of {count(queries.nunique(), 'query', 'queries')} in all."
    )


def _tiles(run: RunFolder, judge: str | None) -> list[Tile]:
    """Gain, twin, clean labels, gap and judge, each within queries; empty if nothing was measured."""
    rows = pick.within_queries(run.agreement)
    own, twin, clean = rows.get((AUTO, judge, False)), rows.get((AUTO, judge, True)), rows.get((CLEAN, None, False))
    tiles = []
    for name, row in (("Gain over the log", own), ("Its twin, knowledge removed", twin), ("Clean labels", clean)):
        if row is not None and pick.has_gain(row):
            value, _, ends = points(row.minus_log).partition(" ")
            tiles.append(Tile(name, value, f"points {ends}"))
    if own is not None and own.gap_recovered is not None:
        tiles.append(gap_tile(own.gap_recovered))
    quality = pick.judge_quality(run.agreement, judge)
    if quality is not None and quality.within is not None:
        tiles.append(Tile("Judge within queries", share(quality.within), "of pairs in the right order"))
    if run.agreement.n_test_queries:
        tiles.append(Tile("Behind it", count(run.agreement.n_test_queries), "graded queries, each tested"))
    return tiles


def gap_tile(gap: float) -> Tile:
    """How much of the gap to clean labels is closed; more than all of it is not shown as a share."""
    if gap > 1:
        return Tile("Gap recovered", "all", "and more: answers are degrees, clean labels only yes or no")
    return Tile("Gap recovered", percent(gap), "of the way to clean labels")


def judge_words(run: RunFolder) -> str:
    """The judge beside the ranker that is trained on the log, both within queries."""
    quality = pick.judge_quality(run.agreement, pick.primary_judge(run))
    if quality is None or not quality.n_pairs:
        return unchecked_words(run)
    if quality.within is None:
        told = "No query has two rows of different grades, so how the judge orders a query's items is not known"
        return told if quality.auc is None else f"{told}; over all graded pairs its AUC is {number(quality.auc)}."
    told = f"The judge puts {share(*ends_of(quality, 'within'))} of the pairs of a query's items in the right order"
    log = pick.log_within(run.agreement)
    if log is None:
        return f"{told}; a coin toss gets half of them right."
    return f"{told}; the ranker trained on the log as it is, {share(log)}."


def unchecked_words(run: RunFolder) -> str:
    """What is known about a judge that was not measured on all grades: the evidence behind the choice of the recipe."""
    tuning = run.samples[run.samples["query_set"] == "tune"]
    if run.recipe is not None and run.recipe.why and tuning["grade"].notna().any():
        return f"The judge was checked on the graded tuning queries alone: {run.recipe.why}."
    return "The judge was not checked against human grades, so how good it is remains unknown."
