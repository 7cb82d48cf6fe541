"""What one judge makes of a draw: relevance, weak labels, scorers, and the no-judge control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sie_agent.attribution import SIGNED
from sie_agent.errors import EnvironmentFailure
from sie_agent.evaluation import (
    between_judge,
    calibration,
    interval,
    judge_within,
    partial_spearman,
    positions_judge,
    query_copies,
    resampled_auc,
    roc_auc,
    simulate_judge,
    spearman,
)
from sie_agent.panels import combined
from sie_agent.pipeline import distill_labels, label_errors_of, make_labels, scattered
from sie_agent.scorer import LABEL_ERROR
from sie_agent.selection import RELEVANCE
from sie_agent.suite.draw.calibrated import curve_for, note_mode, tuning_grades
from sie_agent.suite.draw.draw import CEILING, Draw
from sie_agent.suite.parts import JudgePart
from sie_agent.utils.arrays import Booleans, Doubles

# the weak label that the headline is about, and whose control is drawn
HEADLINE_LABEL = "value"
# what is known of a judge against the human grade
JUDGE_FIGURES = ("within", "within_low", "within_high", "auc", "auc_low", "auc_high", "spearman")
# the weak label that is a probability
SUPPORT = "support"


def asked_rows(draw: Draw, part: JudgePart, rows: Booleans | None = None) -> Booleans:
    """(n,) rows that a judge is asked about: the judged part of the log, or whole queries of it up to a limit.

    Parameters
    ----------
    rows : (n,) other rows to ask about.
    """
    judged = draw.judged if rows is None else rows
    if part.max_pairs is None or judged.sum() <= part.max_pairs:
        return judged
    queries = draw.world.queries
    place = np.random.default_rng(draw.seed).permutation(len(draw.world.query_names))[queries]
    order = np.argsort(place[judged], kind="stable")
    places = place[judged][order]
    return np.asarray(judged & (place < max(places[part.max_pairs], places[0] + 1)))


def relevance_of(draw: Draw, part: JudgePart, rows: Booleans | None = None, tuning: Booleans | None = None) -> Doubles:
    """The judge's relevance of the rows that it is asked about, (n,), NaN elsewhere.

    Parameters
    ----------
    rows : (n,) other rows to ask about.
    tuning : (n,) rows whose grades a calibration or weights are from; those of the draw when not given.
    """
    tuned = draw.mask("tune") if tuning is None else tuning
    answers = answers_of(draw, part, rows, tuned)
    if part.calibration is None:
        return answers
    return curve_for(draw, part, answers_of(draw, part, tuned, tuned), tuned).apply(answers)


def answers_of(draw: Draw, part: JudgePart, rows: Booleans | None, tuning: Booleans) -> Doubles:
    """:func:`relevance_of` before calibration."""
    world, judged = draw.world, asked_rows(draw, part, rows)
    if part.kind == "panel":
        members = [one for one in world.suite.judges if one.name in (part.members or ())]
        kind, wanted = part.panel or "mean-rank", rows
        if part.reads_grades:
            wanted = (draw.judged if rows is None else rows) | tuning
        said = [relevance_of(draw, one, wanted, tuning) for one in members]
        return combined(kind, said, judged, grades=tuning_grades(draw, tuning), queries=world.queries)
    if part.is_asked:
        return world.relevance(part, judged)
    return np.where(judged, made_up(draw, part), np.nan)


def known_to(draw: Draw, part: JudgePart) -> Booleans:
    """(n,) rows of tuning queries that the judge, or every member of a panel, has judged."""
    tuning = draw.mask("tune")
    return tuning & ~np.isnan(answers_of(draw, part, tuning, tuning)) if part.mode.startswith("gold") else tuning


def made_up(draw: Draw, part: JudgePart) -> Doubles:
    """The answers of a judge computed from grades, positions or chance, (n,)."""
    world = draw.world
    if part.kind == "random":
        return np.random.default_rng(9_000 + draw.seed).random(len(draw.label))
    if part.kind == "positions":
        return positions_judge(draw.position)
    if part.kind == "between":
        return between_judge(world.grade, world.queries, 8_000 + draw.seed)
    return simulate_judge(world.grade, part.auc or 1.0, world.suite.log.relevant_at, 7_000 + draw.seed)


def apply_judge(draw: Draw, part: JudgePart, step: Callable[[], None]) -> None:
    """Weak labels, their students, the students' scores of every row, and the no-judge control of one judge."""
    suite, relevance, log = draw.world.suite, relevance_of(draw, part), draw.logged
    graded = int(np.isfinite(relevance).sum())
    if graded < 2:
        raise EnvironmentFailure(
            f"judge '{part.name}' judged {graded} of {int(asked_rows(draw, part).sum())} pairs; weak labels need 2",
            where=f"draw {draw.seed}",
            hint="Check its model or server; `sie label` shows the status of each pair.",
        )
    logged = draw.every_row.take(log)
    labels = make_labels(logged, draw.proxies, relevance[log], suite.distilling, by_rank=part.is_ranked)
    distilled = distill_labels(logged, labels, suite.distilling, draw.seed, step)
    draw.columns[f"relevance|{part.name}"] = relevance
    note_mode(draw, part, known_to(draw, part))
    for name, scores in distilled.scores(draw.world.student_inputs, draw.label).items():
        draw.columns[f"weak|{name}|{part.name}"] = scattered(distilled.labels[name], log)
        draw.columns[f"scorer|{name}|{part.name}"] = scores
    draw.students[part.name] = dict(distilled.students)
    names = draw.world.samples["query"][log]
    told = label_errors_of(logged, names, draw.proxies, distilled, suite.distilling, draw.seed)
    if told is not None:
        draw.errors[part.name] = told
        relevance_said = draw.columns[f"scorer|{RELEVANCE}|{part.name}"][log]
        error = told[0].of(relevance_said, logged.label, told[1])[0]
        draw.columns[f"scorer|{LABEL_ERROR}|{part.name}"] = scattered(error, log)
    draw.facts.setdefault("judges", {})[part.name] = judge_quality(draw, relevance)
    draw.facts.setdefault("calibration", {})[part.name] = support_calibration(draw, part.name)
    if draw.has_references and draw.unseen.any() and part.name != CEILING.name:
        control(draw, part, relevance, step)


def support_calibration(draw: Draw, judge: str) -> list[dict[str, Any]]:
    """Whether labels are right as often as `support` says, for labels of 1 and of 0; nothing without grades.

    Of the weak label on the rows that the judge has read, and of the scorer on the rest of the log.
    """
    world, found = draw.world, []
    if not world.has_grades:
        return []
    relevant = world.grade >= world.suite.log.relevant_at
    for source, kind, rows in (("weak label", "weak", draw.judged), ("scorer", "scorer", draw.unseen)):
        said = draw.columns.get(f"{kind}|{SUPPORT}|{judge}")
        for label in (1.0, 0.0):
            chosen = rows & (draw.label == label)
            if said is not None and chosen.any():
                told = calibration(said[chosen], relevant[chosen] == bool(label))
                found.append({"source": source, "label": label, **told})
    return found


def judge_quality(draw: Draw, relevance: Doubles) -> dict[str, float]:
    """How a judge orders the rows it judged: within queries, over all rows, and by rank; NaN without grades."""
    known, replicates = ~np.isnan(relevance), draw.world.suite.evaluation.replicates
    facts: dict[str, float] = {"n_pairs": int(known.sum())}
    if not draw.world.has_grades or not known.any():
        return {**facts, **dict.fromkeys(JUDGE_FIGURES, float("nan"))}
    score, grade, queries = relevance[known], draw.world.grade[known], draw.world.queries[known]
    relevant = grade >= draw.world.suite.log.relevant_at
    # codes of these rows' queries alone: queries that were not judged need not be drawn
    present, codes = np.unique(queries, return_inverse=True)
    copies = query_copies(len(present), replicates, 12_000 + draw.seed)
    low, high = interval(resampled_auc(score, relevant, codes, copies))
    auc = {"auc": roc_auc(score, relevant), "auc_low": low, "auc_high": high}
    inside = judge_within(score, grade, codes.ravel(), replicates, 12_000 + draw.seed)
    within = {"within": inside.mean, "within_low": inside.low, "within_high": inside.high}
    return {**facts, **within, **auc, "spearman": spearman(score, grade)}


def control(draw: Draw, part: JudgePart, relevance: Doubles, step: Callable[[], None]) -> None:
    """The same pipeline with the judge's answers permuted among the pairs: mean rank over the permutations.

    Also what each permutation alone contributes given the others: the spread of the contribution of a judge that knows
    nothing, which belongs into the interval of every contribution.
    """
    rng, settings = np.random.default_rng(11_000 + draw.seed), draw.world.suite.distilling
    places, log = np.flatnonzero(~np.isnan(relevance)), draw.logged
    logged, unseen = draw.every_row.take(log), draw.unseen
    ranks = []
    for _ in range(draw.world.suite.evaluation.permutations):
        permuted = relevance.copy()
        permuted[places] = relevance[rng.permutation(places)]
        labels = make_labels(
            logged, draw.proxies, permuted[log], settings, by_rank=part.is_ranked, names=(HEADLINE_LABEL,)
        )
        distilled = distill_labels(logged, labels, settings, draw.seed)
        scores = distilled.scores(draw.world.student_inputs[unseen], draw.label[unseen])
        ranks.append(rankdata(scores[HEADLINE_LABEL]))
        step()
    stacked = np.asarray(ranks)
    draw.columns[f"control|{part.name}"] = scattered(stacked.mean(axis=0), unseen)
    loss = draw.columns["baseline|plain-loss"][unseen]
    spread = {}
    for name in draw.world.suite.references:
        reference = draw.columns.get(f"reference|{name}")
        if reference is None or name not in SIGNED:
            continue
        asked = reference[unseen]
        alone = [spearman(one, asked) for one in stacked]
        given = [partial_spearman(one, asked, [stacked.sum(axis=0) - one, loss]) for one in stacked]
        spread[name] = {"spearman": alone, "partial_spearman": given}
    draw.facts.setdefault("permutations", {})[part.name] = spread
