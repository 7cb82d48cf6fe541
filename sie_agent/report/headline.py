"""The top of the page: what to do, what it rests on, who judged."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.bench import AUTO, CLEAN, WITHIN
from sie_agent.report import bench_words, pick, words
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import AgreementRow


@dataclass(frozen=True)
class Tile:
    """One figure of the top row: its name, its value, and a line below it."""

    name: str
    value: str
    below: str


@dataclass(frozen=True)
class Top:
    """What the page opens with; all of it plain text. ``tone`` and ``mark`` are the look of the verdict."""

    suite: str
    mode: str
    mode_words: str
    tone: str
    mark: str
    verdict: str
    reason: str
    recipe: str
    recipe_why: str
    simulated: bool
    sentences: list[str]
    warning: list[str]
    tiles: list[Tile]


def top_of(run: RunFolder) -> Top:
    """Put the verdict into words."""
    agreement = run.agreement
    judge = pick.primary_judge(run)
    mode = pick.mode_of(agreement, judge)
    use = agreement.verdict.use if agreement.verdict.use in bench_words.TITLES else "unknown"
    verdict, tone, mark = bench_words.TITLES[use]
    ranker = pick.main_ranker(agreement)
    recipe, why = bench_words.recipe_words(use, run.recipe, bench_words.auto_chose(agreement, ranker, judge))
    sentences = [bench_words.teaches_words(agreement, ranker), _opening(run, judge, mode)]
    return Top(
        suite=agreement.suite or str(run.suite.get("name") or run.path.name),
        mode=mode,
        mode_words=words.mode_words(mode),
        tone=tone,
        mark=mark,
        verdict=verdict,
        reason=words.verdict_reason(agreement.verdict.text, use, bool(agreement.downstream)),
        recipe=recipe,
        recipe_why=why,
        simulated=mode == "simulated",
        sentences=[sentence for sentence in sentences if sentence],
        warning=words.few_queries_warning(agreement.n_test_queries) if agreement.downstream else [],
        tiles=_tiles(run, ranker, judge),
    )


def _opening(run: RunFolder, judge: str | None, mode: str) -> str:
    judged = run.judgments[(run.judgments["aspect"] == "relevance") & run.judgments["score"].notna()]
    return (
        f"The judge {judge or '(no name recorded)'} ({mode}) and those beside it read "
        f"{words.count(judged['sample_id'].nunique(), 'pair', 'pairs')} "
        f"of {words.count(judged['query'].nunique(), 'query', 'queries')}; "
        f"the run holds {words.count(len(run.samples), 'row', 'rows')} "
        f"of {words.count(run.samples['query'].nunique(), 'query', 'queries')} in all."
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
    if own is not None:
        tiles.append(Tile("Gap recovered", words.percent(own.gap_recovered), "of the way to clean labels"))
    quality = pick.judge_quality(agreement, judge)
    if quality is not None and quality.within is not None:
        value = f"{words.number(100 * quality.within, 1)} %"
        tiles.append(Tile("Judge within queries", value, "of pairs in the right order"))
    if agreement.n_test_queries:
        tiles.append(Tile("Behind it", words.count(agreement.n_test_queries), "graded queries, each tested"))
    return tiles


def judge_words(run: RunFolder) -> str:
    """The judge beside the ranker that is trained on the log, both within queries."""
    quality = pick.judge_quality(run.agreement, pick.primary_judge(run))
    if quality is None or quality.within is None:
        return "The judge was not checked against human grades, so how good it is remains unknown."
    judge = bench_words.share(quality.within, quality.within_low, quality.within_high)
    told = f"The judge puts {judge} of the pairs of a query's items in the right order"
    log = pick.log_within(run.agreement)
    if log is None:
        return f"{told}; a coin toss gets half of them right."
    return f"{told}; the ranker trained on the log as it is, {bench_words.share(log, None, None)}."


def agreement_sentences(run: RunFolder) -> list[str]:
    """How well the headline's label agrees with its reference, in words; empty where that was not measured."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return []
    what = f"the distilled {row.label}" if row.source == "scorer" else row.label
    agrees = f"On queries that the scorer never saw, {what} agrees with {row.reference} "
    agrees += f"at Spearman {words.number(row.value)}"
    if row.ci_low is not None and row.ci_high is not None:
        agrees += f" (95 % interval {words.interval(row.ci_low, row.ci_high)})"
    bound = pick.bound_of(run.agreement, row.reference, judge=row.judge)
    if bound and row.value is not None:
        agrees += f", {words.percent(row.value / bound)} of what labels can reach ({words.number(bound)})"
    partial = _partial(run, row)
    told = (partial.value, partial.ci_low, partial.ci_high) if partial else (None, None, None)
    sentences = [f"{agrees}.", _comparison(run, row), words.contribution_words(*told)]
    return [sentence for sentence in sentences if sentence]


def _comparison(run: RunFolder, row: AgreementRow) -> str:
    rows = [other for other in pick.beside(run.agreement, row) if other.is_baseline]
    control = pick.labelled(rows, pick.CONTROL)
    others = [other for other in rows if other.label != pick.CONTROL]
    told = ", ".join(f"{other.label} {words.number(other.value)}" for other in others)
    parts = [
        f"Without any judge: {told}" if told else "",
        f"the same pipeline with shuffled answers reaches {words.number(control.value)}" if control else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _partial(run: RunFolder, row: AgreementRow) -> AgreementRow | None:
    same = (row.label, row.judge, row.reference, row.source)
    return next(
        (
            other
            for other in run.agreement.rows
            if other.metric == "partial_spearman" and (other.label, other.judge, other.reference, other.source) == same
        ),
        None,
    )
