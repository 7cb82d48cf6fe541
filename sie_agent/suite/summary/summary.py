"""From finished draws to ``agreement.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.attribution import MAGNITUDES, SIGNED
from sie_agent.downstream import THE_LOG, TWIN_BY_RECIPE
from sie_agent.evaluation import (
    Column,
    DrawEvidence,
    Panel,
    agreement_rows,
    flipped_rows,
    judge_quality_curve,
    mean_of,
    permutation_deviations,
    query_copies,
    random_judges_told,
    random_mean,
    reliability_rows,
)
from sie_agent.files.typed_json import write_document
from sie_agent.labels import WEAK_LABELS
from sie_agent.results import Agreement
from sie_agent.scorer import LABEL_ERROR
from sie_agent.suite.draw.calibrated import with_modes
from sie_agent.suite.draw.draw import CEILING
from sie_agent.suite.draw.draw_files import Stored
from sie_agent.suite.draw.judges import HEADLINE_LABEL, JUDGE_FIGURES
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.remaining import read_failures
from sie_agent.suite.settings import Suite
from sie_agent.suite.summary.bench_summary import bench_of, kept_of
from sie_agent.utils.counts import counted

BOOTSTRAP_SEED = 20_240
# columns of the evidence that no judge made
BASELINES = ("plain-loss", "proxy-loss", "confident-learning", "held-out-confidence", "random")
FEW_QUERIES = 200
# 17 of 20: an interval of 95 % holds zero that often or more in all but one of a hundred suites
RANDOM_HELD = 0.85


def write_figures(folder: Path, suite: Suite, draws: Sequence[Stored]) -> Agreement:
    """Write ``agreement.json`` of a run folder from its finished draws, in the suite's order.

    Raises
    ------
    InputError : ``failures.json`` is damaged. EnvironmentFailure : the file cannot be written.
    """
    figures = {**summarise(suite, draws), **read_failures(folder).model_dump()}
    return write_document(folder / "agreement.json", Agreement, figures)


def summarise(suite: Suite, draws: Sequence[Stored]) -> dict[str, Any]:
    """All figures of a run, in the layout of `sie_agent.results.Agreement`.

    Parameters
    ----------
    draws : the finished draws, in the suite's order.
    """
    suite = with_modes(suite, [draw.facts for draw in draws])
    n_queries = int(draws[0].facts["n_queries"])
    copies = query_copies(n_queries, suite.evaluation.replicates, BOOTSTRAP_SEED)
    panel = Panel([as_evidence(draw) for draw in draws], copies)
    primary, judges = suite.primary, suite.judges_and_baseline
    references = [name for name in suite.references if panel.having(f"reference|{name}")]
    columns = reported_columns(judges, primary)
    detailed = [f"scorer|{name}|{primary.name}" for name in (HEADLINE_LABEL, "support")]
    rows = agreement_rows(panel, columns, references, detailed)
    rows += flipped_rows(panel, columns + error_columns(judges) + reference_columns(references))
    permutations = permutation_summary(panel, judges, references)
    tried = suite.bench_judges(positions=any(draw.facts.get("has_positions") for draw in draws))
    qualities = [judge_row(judge, draws) for judge in dict.fromkeys([*judges, *tried])]
    target_auc = mean_or_none(draw.facts.get("target_auc") for draw in draws)
    quality = next(row for row in qualities if row["judge"] == primary.name)
    shown = ("label", "reference", "metric", "value", "ci_low", "ci_high")
    ceiling = [{key: row[key] for key in shown} for row in rows if row["judge"] == CEILING.name]
    agreed = {"label": HEADLINE_LABEL, "judge": primary.name, "reference": suite.headline_reference}
    reliability = reliability_rows(panel, references, f"control|{primary.name}")
    bench = bench_of(suite, tried, draws, n_queries, copies)
    curve = judge_quality_curve(qualities, rows, bench.pop("gains"), reliability, agreed, target_auc, permutations)
    return {
        "suite": suite.name,
        "mode": primary.mode,
        "log": suite.log.model_dump(mode="json"),
        "headline": headline_of(bench["verdict"], primary),
        "agreement": agreed,
        "rows": [row for row in rows if row["judge"] != CEILING.name],
        "reliability": reliability,
        "ceiling": ceiling,
        "permutations": permutations,
        **bench,
        "kept": kept_of(suite.downstream.keep, draws, n_queries, copies),
        "calibration": calibration_rows(draws),
        "judges": qualities,
        "judge": {**{key: quality[key] for key in ("judge", "within", "auc", "spearman")}, "target_auc": target_auc},
        "target": {"auc": target_auc},
        "quality": curve,
        "notes": notes(suite, draws, bench["n_test_queries"], permutations),
    }


def headline_of(verdict: Mapping[str, Any], primary: JudgePart) -> dict[str, Any]:
    """What the judge's knowledge is worth to the ranker: the gain over the log, and the gain less its twin's.

    No agreement with gradients is the headline: none was found that rises with what a judge knows and is nothing for a
    judge whose knowledge was removed (eval/results/references/HEADLINE.md).
    """
    told = {one["rival"]: one for one in verdict["against"] if one["value"] is not None}
    figures = {name: told.get(rival) for name, rival in (("gain", THE_LOG), ("less_twin", TWIN_BY_RECIPE))}
    return {
        "judge": primary.name,
        "mode": primary.mode,
        "measure": "gain within queries",
        **{name: one and {key: one[key] for key in ("value", "ci_low", "ci_high")} for name, one in figures.items()},
    }


def as_evidence(draw: Stored) -> DrawEvidence:
    """A stored draw, split into its query sets."""
    sets = draw.evidence["query_set"]
    return DrawEvidence(
        unseen=draw.evidence[sets == "log-unseen"].reset_index(drop=True),
        judged=draw.evidence[sets == "log-judged"].reset_index(drop=True),
        permutations=draw.facts.get("permutations", {}),
    )


def reported_columns(judges: Sequence[JudgePart], primary: JudgePart) -> list[Column]:
    """The columns compared with the references: every judge's scorer, its control, and the baselines."""
    columns = [
        Column(f"baseline|{name}", name, "none", "no judge", "baseline", high_is_suspicious=name.endswith("-loss"))
        for name in BASELINES
    ]
    for judge in judges:
        if judge.kind == "lexical" and judge.name != primary.name:
            key = f"scorer|{HEADLINE_LABEL}|{judge.name}"
            columns.append(Column(key, "lexical", judge.name, judge.mode, "baseline", contributes=True))
        else:
            columns += label_columns("scorer", judge.name, judge.mode, "scorer")
        columns += label_columns("weak", judge.name, judge.mode, "weak label")
        columns.append(Column(f"control|{judge.name}", "no-judge-control", judge.name, judge.mode, "baseline"))
    columns += label_columns("scorer", CEILING.name, "ceiling", "scorer")
    return columns


def label_columns(kind: str, judge: str, mode: str, source: str) -> list[Column]:
    """A judge's importance labels, as they are or distilled."""
    return [
        Column(
            f"{kind}|{name}|{judge}",
            name,
            judge,
            mode,
            source,
            contributes=kind == "scorer" and name == HEADLINE_LABEL,
            high_is_suspicious=not label.high_is_good,
        )
        for name, label in WEAK_LABELS.items()
        if label.is_importance
    ]


def error_columns(judges: Sequence[JudgePart]) -> list[Column]:
    """The label errors estimated by each judge's scorer."""
    return [
        Column(f"scorer|{LABEL_ERROR}|{one.name}", LABEL_ERROR, one.name, one.mode, "scorer", high_is_suspicious=True)
        for one in judges
    ]


def reference_columns(references: Sequence[str]) -> list[Column]:
    """The references, as finders of flipped labels; the signed ones read the grades of their validation queries."""
    return [
        Column(
            f"reference|{name}",
            name,
            "none",
            "reads grades" if name in SIGNED else "no judge",
            "reference",
            high_is_suspicious=name in MAGNITUDES,
        )
        for name in references
    ]


def judge_row(judge: JudgePart, draws: Sequence[Stored]) -> dict[str, Any]:
    """Quality of a judge against the human grade, mean over the draws that it judged.

    The ends of its AUC's interval are means as well: draws share queries, so more draws do not narrow it.
    """
    facts = [draw.facts["judges"][judge.name] for draw in draws if judge.name in draw.facts.get("judges", {})]
    counts = {"n_draws": len(facts), "n_pairs": int(sum(fact["n_pairs"] for fact in facts))}
    means = {name: mean_or_none(fact.get(name) for fact in facts) for name in JUDGE_FIGURES}
    return {"judge": judge.name, "kind": judge.kind, "mode": judge.mode, **counts, **means}


def permutation_summary(panel: Panel, judges: Sequence[JudgePart], references: Sequence[str]) -> list[dict[str, Any]]:
    """How single permutations of each judge agree with each reference: their mean and spread, plain and partial."""
    summary = []
    for judge, reference in product((judge.name for judge in judges), references):
        told = [draw.permutations.get(judge, {}).get(reference, {}).get("spearman", []) for draw in panel.draws]
        alone = [value for draw in told for value in draw if value is not None]
        deviations = permutation_deviations(panel, judge, reference)
        if not alone or not deviations:
            continue
        held, counted_judges = random_judges_told(panel, judge, reference)
        mean, low, high = random_mean(panel, judge, reference)
        summary.append(
            {
                "judge": judge,
                "reference": reference,
                "n": len(alone),
                "spearman_mean": float(np.mean(alone)),
                "spearman_deviation": float(np.std(alone)),
                "partial_deviation": float(np.mean(deviations)),
                "random_holds_zero": held / counted_judges if counted_judges else None,
                "random_judges": counted_judges,
                **{"partial_mean": mean, "partial_mean_low": low, "partial_mean_high": high},
            }
        )
    return summary


def random_note(row: Mapping[str, Any]) -> str:
    """How often a judge that knows nothing is recognised as such."""
    share, count = row["random_holds_zero"], row["random_judges"]
    low, high = row["partial_mean_low"], row["partial_mean_high"]
    text = (
        f"Of {count} random judges (permuted answers), {share:.0%} have a contribution whose interval holds zero (at "
        f"least {RANDOM_HELD:.0%} must); their mean is {row['partial_mean']:.2f} [{low:.2f}, {high:.2f}]"
    )
    if share < RANDOM_HELD or not low <= 0 <= high:
        return f"{text}. That is not nothing: on this suite a contribution can be luck, or the harness leans."
    return f"{text}."


def calibration_rows(draws: Sequence[Stored]) -> list[dict[Any, Any]]:
    """Calibration of `support` by judge, source and label, means over draws."""
    by, figures = ["judge", "source", "label"], ["n", "mean", "share", "error"]
    found = [draw.facts.get("calibration", {}) for draw in draws]
    rows = [{"judge": judge, **row} for draw in found for judge, told in draw.items() for row in told]
    table = pd.DataFrame(rows, columns=[*by, *figures]).astype(dict.fromkeys(figures, float))
    return table.groupby(by, sort=False)[figures].mean().reset_index().to_dict("records")


def mean_or_none(values: Iterable[float | None]) -> float | None:
    """Mean of the known, finite values; None without any."""
    mean = mean_of(values)
    return None if np.isnan(mean) else mean


def notes(
    suite: Suite, draws: Sequence[Stored], test_queries: int, permutations: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What a reader must know to read the figures rightly."""
    texts = [
        f"Mean over {counted(len(draws), 'draw')} of query sets, log and models, fixed in the suite.",
        "Intervals resample queries and hold the spread over draws; those of the judge's contribution also that of "
        "single permutations of the judge's answers.",
        "The no-judge control is the mean rank over permutations, each distilled; single permutations stray further "
        "(see `permutations`).",
    ]
    about = (suite.primary.name, suite.headline_reference)
    known = [row for row in permutations if row["random_holds_zero"] is not None]
    texts += [random_note(row) for row in known if (row["judge"], row["reference"]) == about]
    if 0 < test_queries < FEW_QUERIES:
        texts.append(
            f"So few queries ({counted(test_queries, 'test query')}) can tell very little: no figure here is a "
            "headline."
        )
    if any(judge.kind == "simulated" for judge in suite.judges):
        texts.append(
            "Simulated judges are human grades plus noise: they show what a judge of that quality would reach."
        )
    return texts
