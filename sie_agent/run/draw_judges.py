"""What one judge makes of a draw: relevance, weak labels, scorers, and the no-judge control."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sie_agent.attribution import SIGNED
from sie_agent.errors import EnvironmentFailure
from sie_agent.evaluation import (
    interval,
    partial_spearman,
    query_copies,
    resampled_auc,
    roc_auc,
    simulate_judge,
    spearman,
)
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.run.draw import CEILING, Booleans, Doubles, Draw
from sie_agent.run.suite_parts import JudgePart
from sie_agent.scorer import StudentSettings, fit_student, settings_of, student_inputs


def asked_rows(draw: Draw, part: JudgePart) -> Booleans:
    """(n,) the log-judged rows that a judge is asked about: all, or whole queries in a drawn order up to its limit."""
    judged = draw.judged
    if part.max_pairs is None or judged.sum() <= part.max_pairs:
        return judged
    queries = draw.world.queries
    place = np.random.default_rng(draw.seed).permutation(len(draw.world.query_names))[queries]
    order = np.argsort(place[judged], kind="stable")
    places = place[judged][order]
    return np.asarray(judged & (place < max(places[part.max_pairs], places[0] + 1)))


def relevance_of(draw: Draw, part: JudgePart) -> Doubles:
    """The judge's relevance of the rows that it is asked about, (n,), NaN elsewhere."""
    world, judged = draw.world, asked_rows(draw, part)
    if part.kind == "simulated":
        full = simulate_judge(world.grade, part.auc or 1.0, world.suite.log.relevant_at, 7_000 + draw.seed)
        return np.where(judged, full, np.nan)
    if part.kind == "random":
        return np.where(judged, np.random.default_rng(9_000 + draw.seed).random(len(judged)), np.nan)
    if part.kind == "panel":
        members = [one for one in world.suite.judges if one.name in (part.members or ())]
        return mean_rank([relevance_of(draw, one) for one in members], judged)
    return world.relevance(part, judged)


def mean_rank(answers: Sequence[Doubles], rows: Booleans) -> Doubles:
    """Mean over judges of the rank of their answers in (0, 1), (n,), on the *rows* that all of them graded."""
    known = rows & np.all([~np.isnan(one) for one in answers], axis=0)
    found = np.full(len(rows), np.nan)
    found[known] = np.mean([(rankdata(one[known]) - 0.5) / known.sum() for one in answers], axis=0)
    return found


def weak_labels(draw: Draw, part: JudgePart, relevance: Doubles, names: tuple[str, ...]) -> dict[str, Doubles]:
    """Weak labels of the log-judged rows by name, each (n_judged,)."""
    settings = draw.world.suite.labels
    known = draw.judged & ~np.isnan(relevance)
    evidence = Evidence(
        rows=draw.proxy_rows(draw.judged, draw.label),
        relevance=relevance[draw.judged],
        clarity=draw.world.clarity[draw.judged],
        proxies=draw.proxies,
        pool=draw.proxy_rows(known, relevance),
        settings=LabelSettings(
            settings.pool_loss, settings.temperature, part.by_rank, settings.scale, settings.curvature
        ),
        training_loss=draw.world.proxy_training.loss,
        held_out=draw.columns["baseline|held-out"][draw.judged] if settings.scale == "joint" else None,
    )
    return {name: WEAK_LABELS[name](evidence) for name in names}


def apply_judge(draw: Draw, part: JudgePart, step: Callable[[], None]) -> None:
    """Weak labels, their students, the students' scores of every row, and the no-judge control of one judge."""
    suite, relevance = draw.world.suite, relevance_of(draw, part)
    names = tuple(WEAK_LABELS)
    graded = int(np.isfinite(relevance).sum())
    if graded < 2:
        raise EnvironmentFailure(
            f"judge '{part.name}' graded {graded} of {int(asked_rows(draw, part).sum())} pairs; weak labels need 2",
            where=f"draw {draw.seed}",
            mend="Check its model or server; `sie label` shows the status of each pair.",
        )
    labels = weak_labels(draw, part, relevance, names)
    inputs = student_inputs(draw.world.inputs, draw.label)
    chosen = suite.scorer.model_dump()
    draw.columns[f"relevance|{part.name}"] = relevance
    students = {}
    for name, label in labels.items():
        column = np.full(len(draw.label), np.nan)
        column[draw.judged] = label
        draw.columns[f"weak|{name}|{part.name}"] = column
        students[name] = fit_student(inputs[draw.judged], label, settings_of(name, **chosen), draw.seed)
        draw.columns[f"scorer|{name}|{part.name}"] = students[name].predict(inputs)
        step()
    draw.students[part.name] = students
    draw.facts.setdefault("judges", {})[part.name] = judge_quality(draw, relevance)
    if draw.world.has_grades and draw.unseen.any() and part.name != CEILING.name:
        control(draw, part, relevance, inputs, settings_of("value", **chosen), step)


def judge_quality(draw: Draw, relevance: Doubles) -> dict[str, float]:
    """AUC and Spearman of a judge with the human grade on the rows it judged; NaN without grades."""
    known = ~np.isnan(relevance)
    facts = {"n_pairs": int(known.sum())}
    if not draw.world.has_grades or not known.any():
        return {**facts, **dict.fromkeys(("auc", "auc_low", "auc_high", "spearman"), float("nan"))}
    score, grade, queries = relevance[known], draw.world.grade[known], draw.world.queries[known]
    relevant = grade >= draw.world.suite.log.relevant_at
    # codes of these rows' queries alone: queries that were not judged need not be drawn
    present, codes = np.unique(queries, return_inverse=True)
    copies = query_copies(len(present), draw.world.suite.evaluation.replicates, 12_000 + draw.seed)
    low, high = interval(resampled_auc(score, relevant, codes, copies))
    auc = {"auc": roc_auc(score, relevant), "auc_low": low, "auc_high": high}
    return {**facts, **auc, "spearman": spearman(score, grade)}


def control(
    draw: Draw,
    part: JudgePart,
    relevance: Doubles,
    inputs: npt.NDArray[np.float32],
    settings: StudentSettings,
    step: Callable[[], None],
) -> None:
    """The same pipeline with the judge's answers permuted among the pairs: mean rank over the permutations.

    Also what each permutation alone contributes given the others: the spread of the contribution of a judge that knows
    nothing, which belongs into the interval of every contribution.
    """
    rng = np.random.default_rng(11_000 + draw.seed)
    places = np.flatnonzero(~np.isnan(relevance))
    ranks = []
    for _ in range(draw.world.suite.evaluation.permutations):
        permuted = relevance.copy()
        permuted[places] = relevance[rng.permutation(places)]
        label = weak_labels(draw, part, permuted, ("value",))["value"]
        student = fit_student(inputs[draw.judged], label, settings, draw.seed)
        ranks.append(rankdata(student.predict(inputs[draw.unseen])))
        step()
    stacked = np.asarray(ranks)
    column = np.full(len(draw.label), np.nan)
    column[draw.unseen] = stacked.mean(axis=0)
    draw.columns[f"control|{part.name}"] = column
    loss = draw.columns["baseline|plain-loss"][draw.unseen]
    spread = {}
    for name in draw.world.suite.references:
        reference = draw.columns.get(f"reference|{name}")
        if reference is None or name not in SIGNED:
            continue
        asked = reference[draw.unseen]
        alone = [spearman(one, asked) for one in stacked]
        given = [partial_spearman(one, asked, [stacked.sum(axis=0) - one, loss]) for one in stacked]
        spread[name] = {"spearman": alone, "partial_spearman": given}
    draw.facts.setdefault("permutations", {})[part.name] = spread
