"""The top of the page: the verdict in plain words, what to do now, and how much stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.downstream import AUTO, CLEAN, WITHIN
from sie_agent.report import bench_words, pick, words
from sie_agent.report.read import RunFolder
from sie_agent.results import Against, Downstream, Measured, Verdict
from sie_agent.samples import IMPRESSIONS, pair_keys, query_keys

TITLES = {
    "use": "Train with these weights",
    "simpler": "Do not train with these weights: something simpler does as well",
    "log loses nothing": "Train on your log as it is",
    "cannot tell": "These data cannot tell whether weights help",
    "unknown": "Whether weights help is not known yet",
}
NOW = {
    "use": "Now: write the weights with the command below, and look at the rows that are most likely wrong.",
    "simpler": "Now: train on the log as it is, or by the simpler thing. Look at the rows below all the same.",
    "log loses nothing": "Now: train on the log. Look at the rows below all the same: single labels can be wrong.",
    "cannot tell": "Now: leave the log as it is, look at the rows below, and grade more queries to find out.",
    "unknown": "Now: look at the rows below, and grade the queries that “What to do next” names.",
}


@dataclass(frozen=True)
class Tile:
    """One figure of a row of figures: its name, its value, and a line below it."""

    name: str
    value: str
    below: str


@dataclass(frozen=True)
class Top:
    """What the page opens with; all of it plain text. ``tone`` and ``mark`` are the look of the verdict."""

    suite: str
    tone: str
    mark: str
    title: str
    sentence: str
    now: str
    caution: str
    lost: list[str]
    reason: str
    mode: str
    mode_words: str
    behind: str
    recipe: str
    recipe_why: str
    teaches: str
    tiles: list[Tile]


def top_of(run: RunFolder) -> Top:
    """Put the verdict into words."""
    agreement = run.agreement
    judge = pick.primary_judge(run)
    mode = pick.mode_of(agreement, judge)
    use = agreement.verdict.use if agreement.verdict.use in TITLES else "unknown"
    _, tone, mark = bench_words.TITLES[use]
    ranker = pick.main_ranker(agreement)
    recipe, why = bench_words.recipe_words(use, run.recipe, bench_words.auto_chose(agreement, ranker, judge))
    return Top(
        suite=agreement.suite or str(run.suite.get("name") or run.path.name),
        tone=tone,
        mark=mark,
        title=bench_words.verdict_words(agreement.verdict, TITLES),
        sentence=plain_words(run, use),
        now=NOW[use],
        caution=caution_words(run, mode),
        lost=lost_words(run),
        reason=words.verdict_reason(agreement.verdict.text, use, bool(agreement.downstream)),
        mode=mode,
        mode_words=words.mode_words(mode),
        behind=_behind(run, judge, mode),
        recipe=recipe,
        recipe_why=why,
        teaches=bench_words.teaches_words(agreement, ranker),
        tiles=_tiles(run, ranker, judge),
    )


def plain_words(run: RunFolder, use: str) -> str:
    """Why the verdict is what it is, in a sentence without a term."""
    agreement = run.agreement
    if use == "unknown":
        if agreement.downstream:
            return words.verdict_reason(agreement.verdict.text, use, True)
        return "A ranker can be tested only on queries whose rows people have graded, and too few have been."
    log, own = pick.log_within(agreement), own_row(run)
    teaches = next(iter(one for one in agreement.teaches if one.metric == WITHIN), None)
    if use == "cannot tell" and teaches is not None and teaches.clean_minus_text is not None:
        return (
            "Even a ranker that learns from the grades themselves is not certainly better here than one that only "
            f"compares words ({bench_words.points(teaches.clean_minus_text)} points), so none can show that it helps."
        )
    if use == "log loses nothing" and teaches is not None and teaches.clean_minus_log is not None:
        return (
            "Even a ranker that learns from the grades themselves is not certainly better than one that learns from "
            f"this log ({bench_words.points(teaches.clean_minus_log)} points): nothing is shown to be lost."
        )
    if own is None or log is None:
        return words.verdict_reason(agreement.verdict.text, use, bool(agreement.downstream))
    told = (
        f"With target and weights the ranker puts {bench_words.share(own.value, None, None)} of the pairs of a query "
        f"in the right order, with the log as it is {bench_words.share(log, None, None)}"
    )
    if use == "use":
        return f"{told}: {bench_words.points(own.minus_log)} points, more than anything simpler gives."
    ahead = [one for one in agreement.verdict.against if bench_words.is_better(one)]
    if ahead:
        best = min(ahead, key=lambda one: one.value or 0.0)
        return f"{told}. This does certainly better: {best.rival} (by {bench_words.points(turned(best))} points)."
    rival = unbeaten(agreement.verdict)
    return f"{told}. It is not certainly ahead of this: {rival}." if rival else f"{told}."


def turned(rival: Against) -> Measured:
    """What a rival gains over the judge, where its figure is what the judge gains over it."""
    value, low, high = (None if end is None else -end for end in (rival.value, rival.ci_high, rival.ci_low))
    return Measured(value=value, ci_low=low, ci_high=high)


def own_row(run: RunFolder) -> Downstream | None:
    """What training by `auto` with the judge reaches within queries."""
    judge = pick.primary_judge(run)
    wanted = (AUTO, judge, False, WITHIN)
    rows = pick.of_main_ranker(run.agreement)
    return next((row for row in rows if (row.strategy, row.judge, row.twin, row.metric) == wanted), None)


def unbeaten(verdict: Verdict) -> str:
    """The first rival that was tried and not certainly beaten; empty where there is none."""
    return next((one.rival for one in verdict.against if not one.beaten and one.value is not None), "")


def caution_words(run: RunFolder, mode: str) -> str:
    """What to keep in mind before anything else; empty where there is nothing of the kind."""
    few = run.agreement.downstream and run.agreement.n_test_queries < words.FEW_QUERIES
    if mode == "simulated":
        return (
            "The judge of this run is simulated: a human grade with noise added. It shows what a judge of that quality "
            "could do; it is not a result."
        )
    if not few:
        return ""
    queries = words.count(run.agreement.n_test_queries, "query", "queries")
    return f"Only {queries} stand behind this: read it as a demonstration, not as a result."


def lost_words(run: RunFolder) -> list[str]:
    """What the run had to do without, a sentence each."""
    agreement = run.agreement
    told = [f"{one.text}." for one in agreement.failed if one.text]
    if agreement.instead_of:
        judge = pick.primary_judge(run)
        told.append(f"This page is about judge '{judge}', in place of '{agreement.instead_of}'.")
    return told


def _behind(run: RunFolder, judge: str | None, mode: str) -> str:
    judged = run.judgments[(run.judgments["aspect"] == "relevance") & run.judgments["score"].notna()]
    keys, queries = pair_keys(run.samples), query_keys(run.samples["query"].astype(str))
    read = run.samples["sample_id"].isin(judged["sample_id"])
    held = words.count(keys.nunique(), "pair", "pairs")
    if IMPRESSIONS in run.samples:
        held = f"{words.count(float(run.samples[IMPRESSIONS].sum()), 'impression', 'impressions')}, {held}"
    elif len(keys) != keys.nunique():
        held = f"{words.count(len(keys), 'row', 'rows')}, {held}"
    return (
        f"The judge {judge or '(no name recorded)'} ({mode}) and those beside it read "
        f"{words.count(keys[read].nunique(), 'pair', 'pairs')} "
        f"of {words.count(queries[read].nunique(), 'query', 'queries')}; "
        f"the run holds {held} of {words.count(queries.nunique(), 'query', 'queries')} in all."
    )


def _tiles(run: RunFolder, ranker: str, judge: str | None) -> list[Tile]:
    """Gain, twin, clean labels, gap and judge, each within queries; empty where nothing was measured."""
    agreement = run.agreement
    rows = {
        (row.strategy, row.judge, row.twin): row
        for row in agreement.downstream
        if (row.ranker, row.metric) == (ranker, WITHIN)
    }
    own, twin, clean = rows.get((AUTO, judge, False)), rows.get((AUTO, judge, True)), rows.get((CLEAN, None, False))
    tiles = []
    for name, row in (("Gain over the log", own), ("Its twin, knowledge removed", twin), ("Clean labels", clean)):
        if row is not None and row.minus_log is not None and row.minus_log.value is not None:
            value, ends = bench_words.points(row.minus_log).partition(" ")[::2]
            tiles.append(Tile(name, value, f"points {ends}"))
    if own is not None and own.gap_recovered is not None:
        tiles.append(gap_tile(own.gap_recovered))
    quality = pick.judge_quality(agreement, judge)
    if quality is not None and quality.within is not None:
        value = f"{words.number(100 * quality.within, 1)} %"
        tiles.append(Tile("Judge within queries", value, "of pairs in the right order"))
    if agreement.n_test_queries:
        tiles.append(Tile("Behind it", words.count(agreement.n_test_queries), "graded queries, each tested"))
    return tiles


def gap_tile(gap: float) -> Tile:
    """How much of the way to clean labels is gone; more than all of it is no share."""
    if gap > 1:
        return Tile("Gap recovered", "all", "and more: answers are degrees, clean labels only yes or no")
    return Tile("Gap recovered", words.percent(gap), "of the way to clean labels")


def judge_words(run: RunFolder) -> str:
    """The judge beside the ranker that is trained on the log, both within queries."""
    quality = pick.judge_quality(run.agreement, pick.primary_judge(run))
    if quality is None or not quality.n_pairs:
        return unchecked_words(run)
    if quality.within is None:
        told = "No query has two rows of different grades, so how the judge orders a query's items is not known"
        return told if quality.auc is None else f"{told}; over all graded pairs its AUC is {words.number(quality.auc)}."
    judge = bench_words.share(quality.within, quality.within_low, quality.within_high)
    told = f"The judge puts {judge} of the pairs of a query's items in the right order"
    log = pick.log_within(run.agreement)
    if log is None:
        return f"{told}; a coin toss gets half of them right."
    return f"{told}; the ranker trained on the log as it is, {bench_words.share(log, None, None)}."


def unchecked_words(run: RunFolder) -> str:
    """What is known of a judge that was not measured on all grades: what the choice of the recipe says of it."""
    tuning = run.samples[run.samples["query_set"] == "tune"]
    if run.recipe is not None and run.recipe.why and tuning["grade"].notna().any():
        return f"The judge was checked on the graded tuning queries alone: {run.recipe.why}."
    return "The judge was not checked against human grades, so how good it is remains unknown."
