"""The top of the page: what was judged, by whom, how well it agrees, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.report import pick, words
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
    """What the page opens with; all of it plain text."""

    suite: str
    judge: str
    mode: str
    mode_words: str
    use: str
    verdict: str
    reason: str
    simulated: bool
    sentences: list[str]
    warning: list[str]
    tiles: list[Tile]


def top_of(run: RunFolder) -> Top:
    """Put the headline into words."""
    agreement = run.agreement
    row = pick.headline_row(agreement)
    judge = pick.primary_judge(run)
    mode = row.mode or pick.mode_of(agreement, judge) if row else pick.mode_of(agreement, judge)
    use = agreement.verdict.use if agreement.verdict.use in words.VERDICTS else "unknown"
    warning = words.few_queries_warning(row.n_queries, row.ci_low, row.ci_high, agreement.interval_level) if row else []
    return Top(
        suite=agreement.suite or str(run.suite.get("name") or run.path.name),
        judge=judge or "an unnamed judge",
        mode=mode,
        mode_words=words.mode_words(mode),
        use=use,
        verdict=words.verdict_title(use),
        reason=words.verdict_reason(agreement.verdict.text, use, bool(agreement.rows or agreement.downstream)),
        simulated=mode == "simulated",
        sentences=_sentences(run, row, judge, mode),
        warning=warning,
        tiles=_tiles(run, row, judge),
    )


def _sentences(run: RunFolder, row: AgreementRow | None, judge: str | None, mode: str) -> list[str]:
    agreement = run.agreement
    judged = run.judgments[(run.judgments["aspect"] == "relevance") & run.judgments["score"].notna()]
    opening = (
        f"The judge {judge or '(no name recorded)'} ({mode}) read "
        f"{words.count(judged['sample_id'].nunique(), 'pair', 'pairs')} "
        f"of {words.count(judged['query'].nunique(), 'query', 'queries')}; "
        f"the run holds {words.count(len(run.samples), 'row', 'rows')} "
        f"of {words.count(run.samples['query'].nunique(), 'query', 'queries')} in all."
    )
    if row is None:
        return [
            opening,
            "Agreement could not be measured: it needs rows that people have graded. "
            "The scores, weights and diagnostics below are there all the same.",
        ]
    what = f"the distilled {row.label}" if row.source == "scorer" else row.label
    agrees = f"On queries that the scorer never saw, {what} agrees with {row.reference} "
    agrees += f"at Spearman {words.number(row.value)}"
    if row.ci_low is not None and row.ci_high is not None:
        agrees += f" ({words.percent(agreement.interval_level)} interval {words.interval(row.ci_low, row.ci_high)})"
    bound = pick.bound_of(agreement, row.reference, judge=row.judge)
    if bound and row.value is not None:
        agrees += f", {words.percent(row.value / bound)} of what labels can reach ({words.number(bound)})"
    sentences = [opening, f"{agrees}.", _comparison(run, row)]
    partial = _partial(run, row)
    sentences.append(
        words.contribution_words(*((partial.value, partial.ci_low, partial.ci_high) if partial else (None, None, None)))
    )
    return [sentence for sentence in sentences if sentence]


def _comparison(run: RunFolder, row: AgreementRow) -> str:
    rows = [other for other in pick.beside(run.agreement, row) if pick.is_baseline(other)]
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
    return next(
        (
            other
            for other in run.agreement.rows
            if other.metric == "partial_spearman"
            and other.label == row.label
            and other.judge == row.judge
            and other.reference == row.reference
            and other.source == row.source
        ),
        None,
    )


def _tiles(run: RunFolder, row: AgreementRow | None, judge: str | None) -> list[Tile]:
    agreement = run.agreement
    tiles = []
    if row is not None:
        bound = pick.bound_of(agreement, row.reference, judge=row.judge)
        control = pick.labelled(pick.beside(agreement, row), pick.CONTROL)
        partial = _partial(run, row)
        tiles = [
            Tile("Agreement", words.number(row.value), words.interval(row.ci_low, row.ci_high)),
            Tile("No-judge control", words.number(control.value if control else None), "shuffled answers"),
            Tile("Bound", words.number(bound), "for a perfect label"),
            Tile(
                "Judge's contribution",
                words.number(partial.value if partial else None),
                words.interval(partial.ci_low, partial.ci_high) if partial else "not measured",
            ),
            Tile("Behind it", words.count(row.n_queries), "queries never seen"),
        ]
    quality = pick.judge_quality(agreement, judge)
    if quality is not None and quality.auc is not None:
        target = pick.target_auc(agreement)
        tiles.append(Tile("Judge's AUC", words.number(quality.auc, 3), f"target model {words.number(target, 3)}"))
    return tiles
