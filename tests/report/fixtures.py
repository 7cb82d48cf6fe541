"""A small, realistic run folder, written by hand and by formula: what the report's tests read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from sie_agent.bench import (
    AUTO,
    CLEAN,
    JUDGE_LABELS,
    JUDGED_ONLY,
    LOG,
    RULE,
    SAME_RECIPE,
)

QUERIES = (
    ("garden hose 50 ft", 0.9),
    ("cordless drill battery", 0.82),
    ("light", 0.12),
    ("kids rain boots size 2", 0.88),
    ("apple", 0.1),
    ("gift for dad", 0.18),
    ("stainless kettle", 0.7),
    ("usb c cable long", 0.76),
    ("board", 0.15),
    ("running socks wool", 0.79),
    ("blue thing for kitchen", 0.3),
    ("shower head low pressure", 0.85),
)
ITEMS = (
    "kink-free garden hose, fifty feet",
    "spare battery for cordless drills",
    "floor lamp with linen shade",
    "yellow rain boots for children",
    "dried apple rings, unsweetened",
    "leather key fob with initials",
    "whistling kettle in brushed steel",
    "braided charging cable, three metres",
    "bamboo cutting board",
    "merino ankle socks for runners",
    "blue silicone spatula",
    "water-saving shower head with filter",
)
REFERENCE = "tracin, ranking loss"
# name, accuracy within queries, agreement, points gained over the log, mode, kind
JUDGES = (
    ("strong", 0.88, 0.54, 0.047, "simulated", "simulated"),
    ("middling", 0.74, 0.43, 0.021, "simulated", "simulated"),
    ("SmolLM2-135M", 0.584, 0.17, 0.003, "zero-shot", "openai"),
    ("lexical", 0.53, 0.12, 0.0, "zero-shot", "lexical"),
)
METRICS = ("within", "ndcg@10", "auc")
RECIPE = {
    "blend": 0.6,
    "by": "value",
    "strength": 0.5,
    "level": 0.25,
    "mean_label": 0.15,
    "quantiles": {},
    "chosen": "tuned",
    "why": "of 7 recipes it orders 96 tuning queries best",
}
HOSTILE = (
    "</script><script>window.injected=1</script>",
    '<img src=x onerror="window.injected=2">',
    '<a href="javascript:window.injected=3">free</a> <b>bold</b> %{x} $x^2$ {{ 7*7 }}',
    "<!--<script>' onmouseover='window.injected=4' & \u2028 \u202e tail",
)


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


def build_run(folder: Path, options: Options | None = None) -> Path:
    """Write a run folder and return its path."""
    chosen = options or Options()
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    samples = _samples(chosen, generator)
    relevance = np.clip(samples["grade"] + generator.normal(0, 0.2, len(samples)), 0, 1)
    samples.drop(columns=[] if chosen.graded else ["grade"]).to_parquet(folder / "samples.parquet")
    _judgments(samples, relevance, chosen).to_parquet(folder / "judgments.parquet")
    hardness = (samples["label"] - relevance).abs().clip(0, 1)
    scores = pd.DataFrame(
        {
            "sample_id": samples["sample_id"],
            "relevance": relevance,
            "value": (0.5 - hardness) * 0.0032 + generator.normal(0, 0.0006, len(samples)),
            "support": 1 - hardness,
            "hardness": hardness,
        }
    )
    scores.to_parquet(folder / "scores.parquet")
    if chosen.explained:
        (folder / "explanations.json").write_text(json.dumps(_explanations(samples, scores)), encoding="utf-8")
    (folder / "agreement.json").write_text(json.dumps(_agreement(chosen, generator)), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(_manifest(len(samples))), encoding="utf-8")
    (folder / "draws" / "1").mkdir(parents=True, exist_ok=True)
    (folder / "draws" / "1" / "facts.json").write_text(json.dumps({"recipe": RECIPE}), encoding="utf-8")
    suite = {
        "name": "homedepot-clicks",
        "draws": [1, 2],
        "data": {"source": "homedepot"},
        "log": {"kind": "clicks"},
        "judge": {"backend": "openai", "api_key": "sk-hidden", "max_tokens": 1},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    return folder


def _samples(options: Options, generator: np.random.Generator) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    sets = ("log-judged", "log-unseen", "tune", "reference-validation", "test")
    texts = options.texts
    for number in range(options.queries):
        query, _ = QUERIES[number % len(QUERIES)]
        name = query if number < len(QUERIES) else f"{query} {number // len(QUERIES) + 1}"
        for place in range(8):
            item = ITEMS[(number + place * (place > 2)) % len(ITEMS)]
            grade = (1.0, 1.0, 0.67, 0.0, 0.33, 0.0, 0.67, 0.0)[place]
            clicked = float(generator.random() < 0.08 + 0.75 * grade**1.5)
            rows.append(
                {
                    "sample_id": f"r{number:03d}-{place}",
                    "item_id": f"i{place}",
                    "label": clicked,
                    "grade": grade,
                    "query": texts[number % len(texts)] if texts else name,
                    "title": texts[(number + place) % len(texts)] if texts else f"{item}, type {place + 1}",
                    "query_set": sets[number % 5] if number % 10 else "log-unseen",
                }
            )
    return pd.DataFrame(rows)


def _judgments(samples: pd.DataFrame, relevance: pd.Series[float], options: Options) -> pd.DataFrame:
    pairs = samples[["sample_id", "query", "item_id"]].assign(
        aspect="relevance",
        variant="relevance/default",
        model="SmolLM2-135M",
        score=relevance,
        status="ok",
        cached=False,
    )
    failed = pairs.index[::37]
    pairs.loc[failed, "score"] = math.nan
    pairs.loc[failed, "status"] = "unparsed"
    pairs.loc[pairs.index[::3], "cached"] = True
    clarity = dict(QUERIES)
    queries = pd.DataFrame({"query": samples["query"].unique()}).assign(
        sample_id="",
        item_id="",
        aspect="clarity",
        variant="clarity/cronen-townsend",
        model="clarity-score",
        status="ok",
        cached=False,
    )
    queries["score"] = [
        min(0.99, clarity.get(query.rstrip(" 0123456789"), clarity.get(query, 0.5)) + 0.013 * (place % 9))
        for place, query in enumerate(queries["query"])
    ]
    return pd.concat([pairs, queries], ignore_index=True)


def _explanations(samples: pd.DataFrame, scores: pd.DataFrame) -> dict[str, Any]:
    """Every row explained by formula: the first word of the query raises the score, that of the title lowers it."""
    explained = []
    for row, score in zip(samples.to_dict("records"), scores["value"], strict=True):
        words = []
        for field, effect in (("query", 0.12), ("title", -0.04)):
            word = row[field].split()[0]
            words.append({"field": field, "word": word, "start": 0, "end": len(word), "effect": effect})
        features = [
            {"name": "label (what the log says)", "effect": 0.2, "meaning": f"the log says {row['label']:g}"},
            {"name": "query words", "effect": -0.05, "meaning": "the query has 4 words"},
        ]
        texts = {name: row[name] for name in ("sample_id", "query", "title", "label")}
        sums = {"score": score, "rank": 0.66, "base": 0.5, "rest": 0.01, "words_left_out": 0}
        what_if = {"score_if_label_0": score - 0.01, "score_if_label_1": score + 0.01}
        explained.append({**texts, **sums, **what_if, "by": "value", "features": features, "words": words})
    return {"by": "value", "explanations": explained}


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


def _agreement(options: Options, generator: np.random.Generator) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "suite": "homedepot-clicks",
        "mode": "zero-shot",
        "verdict": {"judge": "strong", "use": "unknown", "text": "", "against": []},
        "verdicts": {},
        "headline": {"label": "value", "judge": "strong", "reference": REFERENCE},
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


def _manifest(samples: int) -> dict[str, Any]:
    return {
        "sie_version": "0.1.0",
        "command": "sie run eval/suites/homedepot-clicks.yaml --out runs/clicks",
        "started": "2026-01-05T10:00:00Z",
        "finished": "2026-01-05T10:07:41Z",
        "wall_seconds": 461.2,
        "stages": [
            {"name": "samples", "seconds": 1.2},
            {"name": "judging", "seconds": 203.8},
            {"name": "labels", "seconds": 31.0},
            {"name": "scorer", "seconds": 22.5},
            {"name": "attribution", "seconds": 118.4},
            {"name": "evaluation", "seconds": 84.3},
        ],
        "counts": {"samples": samples, "queries": 60, "judged": 480, "cached": 160, "failed": 13},
        "tokens": {"input": 812345, "output": 480},
        "cost": {"amount": None, "currency": "USD"},
        "hashes": {"data": "9f2c" * 16, "suite": "01ab" * 16},
        "versions": {"python": "3.11.9", "numpy": "2.4.6"},
        "seeds": [20240101, 20240102],
        "platform": {"system": "Linux", "cores": 2},
    }
