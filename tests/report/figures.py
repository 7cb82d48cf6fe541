"""The figures of a small run folder: what its `agreement.json` holds, by formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sie_agent.downstream import AUTO, CLEAN, JUDGE_LABELS, JUDGED_ONLY, LOG, RULE, SAME_RECIPE

REFERENCE = "tracin, ranking loss"
# name, accuracy within queries, agreement, points gained over the log, mode, kind
JUDGES = (
    ("strong", 0.88, 0.54, 0.047, "simulated", "simulated"),
    ("middling", 0.74, 0.43, 0.021, "simulated", "simulated"),
    ("SmolLM2-135M", 0.584, 0.17, 0.003, "zero-shot", "openai"),
    ("lexical", 0.53, 0.12, 0.0, "zero-shot", "lexical"),
)
METRICS = ("within", "ndcg@10", "auc")


@dataclass(frozen=True)
class Options:
    """What the folder should hold."""

    queries: int = 60
    graded: bool = True
    referenced: bool = True
    judges: int = 4
    use: str = "use"
    texts: tuple[str, ...] = ()
    test_queries: int = 640
    rankers: tuple[str, ...] = ("target",)
    explained: bool = False
    evidence: bool = True
    log: str = "clicks"


def _row(
    label: str, judge: str, mode: str, value: float, spread: float, options: Options, **other: Any
) -> dict[str, Any]:
    return {
        "label": label,
        "judge": judge,
        "mode": mode,
        "reference": REFERENCE,
        "metric": "spearman",
        "value": value,
        "ci_low": value - spread,
        "ci_high": value + spread,
        "n_samples": 2600,
        "is_baseline": False,
        "n_queries": 240,
        "draws": [],
        "source": "scorer",
        **other,
    }


def agreement(options: Options, generator: np.random.Generator) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "suite": "homedepot-clicks",
        "mode": "zero-shot",
        "log": {"kind": options.log, "relevant_at": 0.75},
        "verdict": {"judge": "strong", "use": "unknown", "text": "", "against": []},
        "verdicts": {},
        "headline": {"judge": "strong", "mode": "zero-shot", "measure": "gain within queries"},
        "agreement": {"label": "value", "judge": "strong", "reference": REFERENCE},
        **{name: [] for name in ("rows", "reliability", "ceiling", "permutations", "downstream", "teaches")},
        **{name: [] for name in ("choices", "twins", "judges", "notes")},
        "n_test_queries": 0,
        "quality": {"reference": REFERENCE, "label": "value", "bound": None, "points": [], "placed": [], "needed": []},
    }
    if not options.graded:
        return {**empty, "verdict": {**empty["verdict"], "text": "Grade 180 more pairs to get a verdict."}}
    judges = JUDGES[: options.judges]
    verdicts = [_verdict(judge[0], judge[3], options.use) for judge in judges]
    return {
        **empty,
        **(_agreed(options, generator) if options.referenced else {}),
        "mode": judges[0][4],
        "verdict": verdicts[0],
        "verdicts": dict.fromkeys(options.rankers, verdicts),
        "downstream": [row for ranker in options.rankers for row in _downstream(ranker, options)],
        "teaches": [
            {
                "ranker": ranker,
                "metric": metric,
                "best_text": "tfidf",
                "clean_minus_text": _figure(0.112, 0.01),
                "clean_minus_log": _figure(0.052, 0.01),
            }
            for ranker in options.rankers
            for metric in METRICS
        ],
        "choices": [
            {"ranker": ranker, "strategy": AUTO, "judge": judge[0], "twin": twin, "recipe": recipe, "count": n, "of": 5}
            for ranker in options.rankers
            for judge in judges
            for twin, recipe, n in ((False, "log", 2), (False, "blend 0.6", 3), (True, "log", 5))
        ],
        "twins": [{judge[0]: {"cells": "grade", "covered": 0.94} for judge in judges}],
        "n_test_queries": options.test_queries,
        "judges": [
            {
                "judge": name,
                "kind": kind,
                "mode": mode,
                "n_draws": 2,
                "n_pairs": 5200,
                "within": within,
                "within_low": within - 0.01,
                "within_high": within + 0.01,
                "auc": within - 0.1,
                "spearman": within - 0.3,
            }
            for name, within, _, _, mode, kind in judges
        ],
        "quality": _quality(options),
        "notes": ["Ten draws of clicks, seeds fixed in the suite."],
    }


def _figure(value: float, width: float) -> dict[str, float]:
    return {"value": value, "ci_low": value - width, "ci_high": value + width}


def _verdict(judge: str, gain: float, use: str) -> dict[str, Any]:
    """Three rivals: one that is beaten, one that is not, one that was not tried."""
    against = [
        {"rival": "the log as it is", **_figure(gain, 0.006), "beaten": gain > 0.006},
        {"rival": "word overlap as the judge", **_figure(gain - 0.045, 0.006), "beaten": False},
        {"rival": "a judge that answers at random", "value": None, "ci_low": None, "ci_high": None, "beaten": False},
    ]
    return {"judge": judge, "use": use, "text": f"What to do with {judge}, and why.", "against": against}


def _downstream(ranker: str, options: Options) -> list[dict[str, Any]]:
    """Every way to train, with gains over the log by formula; a twin gains nothing."""
    ways: list[tuple[str, str | None, bool, float]] = [
        ("tfidf", None, False, -0.06),
        (LOG, None, False, 0.0),
        (CLEAN, None, False, 0.052),
        ("estimated propensities", None, False, -0.01),
        ("plain loss", None, False, 0.004),
    ]
    for name, *_, gain, _, _ in JUDGES[: options.judges]:
        ways += [(AUTO, name, False, gain), (RULE, name, False, gain / 2), (JUDGE_LABELS, name, False, gain - 0.01)]
        ways += [(JUDGED_ONLY, name, False, gain - 0.03), ("blend 0.6", name, False, gain - 0.005)]
        ways += [(AUTO, name, True, 0.0), (SAME_RECIPE, name, True, -0.3)]
    shift = 0.01 * options.rankers.index(ranker)
    return [
        {
            "ranker": ranker,
            "strategy": strategy,
            "judge": judge,
            "twin": twin,
            "metric": metric,
            **_figure(base + gain, 0.008),
            "draws": [base + gain] * 2,
            "n_draws": 2,
            "n_queries": options.test_queries,
            "minus_log": _figure(gain + shift, 0.006),
            "gains": [gain] * 2,
            "minus_text": _figure(gain + 0.06, 0.01),
            "gap_recovered": gain / 0.052,
        }
        for metric, base in zip(METRICS, (0.724, 0.723, 0.72), strict=True)
        for strategy, judge, twin, gain in ways
    ]


def _quality(options: Options) -> dict[str, Any]:
    """The judges on a curve that starts at one that answers at random, and one that is made up."""

    def point(judge: str, kind: str, within: float, agreement: float, gain: float) -> dict[str, Any]:
        return {
            "judge": judge,
            "mode": {"real": "zero-shot", "control": "no judge"}.get(kind, "simulated"),
            "kind": kind,
            "auc": within - 0.1,
            "auc_low": within - 0.12,
            "auc_high": within - 0.08,
            "within": within,
            "n_pairs": 5200,
            "n_draws": 2,
            "agreement": _figure(agreement, 0.04) if options.referenced else None,
            "share_of_bound": agreement / 0.84 if options.referenced else None,
            "contribution": None,
            "gain": None if kind == "control" else _figure(gain, 0.006),
        }

    kinds = {"simulated": "simulated", "openai": "real", "lexical": "real"}
    points = [
        point("no-judge control", "control", 0.6, 0.08, 0.0),
        point("guess", "random", 0.5, 0.07, 0.0),
        point("positions", "made up", 0.73, 0.2, 0.007),
        *(point(name, kinds[kind], within, value, gain) for name, within, value, gain, _, kind in JUDGES),
    ]
    placed = {"judge": "SmolLM2-135M", "place": "on", **dict(zip(("ci_low", "ci_high"), (-0.02, 0.08), strict=True))}
    return {
        "reference": REFERENCE,
        "label": "value",
        "bound": 0.84,
        "target_auc": None,
        "points": sorted(points, key=lambda one: float(one["auc"])),
        "placed": [{**placed, "measure": "gain", "difference": 0.03}],
        "needed": [],
    }


def _agreed(options: Options, generator: np.random.Generator) -> dict[str, Any]:
    """Agreement with one reference."""
    rows = []
    for judge, _, value, _, mode, kind in JUDGES[: options.judges]:
        if kind == "lexical":
            rows.append(_row("lexical", judge, mode, value, 0.03, options, is_baseline=True, source="baseline"))
            continue
        draws = (value + generator.normal(0, 0.03, 10)).round(3).tolist()
        rows.append(_row("value", judge, mode, value, 0.03, options, draws=draws))
        rows.append(_row("value", judge, mode, value - 0.1, 0.04, options, metric="partial_spearman"))
        rows.append(_row("support", judge, mode, value - 0.1, 0.03, options))
        rows.append(_row("value", judge, mode, value - 0.08, 0.04, options, source="weak label"))
        rows.append(_row("support", judge, mode, value - 0.14, 0.04, options, source="weak label"))
        rows.append(_row("value", judge, mode, value - 0.2, 0.04, options, metric="kendall"))
    for label, value in (("plain-loss", -0.32), ("random", 0.0), ("no-judge-control", 0.08)):
        rows.append(_row(label, "none", "zero-shot", value, 0.03, options, is_baseline=True, source="baseline"))
    about = {"reference": REFERENCE, "ci_low": None, "ci_high": None}
    return {
        "rows": rows,
        "reliability": [
            {**about, "metric": "spearman", "value": 0.71, "bound": 0.84},
            {**about, "metric": "partial_spearman", "value": 0.6, "bound": 0.77},
        ],
        "ceiling": [{**about, "label": "value", "metric": "spearman", **_figure(0.71, 0.03)}],
    }
