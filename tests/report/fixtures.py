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
JUDGES = (
    ("strong", 0.9, 0.54, "simulated"),
    ("middling", 0.79, 0.43, "simulated"),
    ("SmolLM2-135M", 0.684, 0.17, "zero-shot"),
)
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
    judges: int = 3
    use: str = "weights"
    texts: tuple[str, ...] = ()
    headline_queries: int = 240
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
    support = (0.5 - (samples["label"] - relevance).abs()) * 0.8
    scores = pd.DataFrame(
        {
            "sample_id": samples["sample_id"],
            "hardness": (samples["label"] - relevance).abs().clip(0, 1),
            "support": support,
            "value": support * 0.004 + generator.normal(0, 0.0006, len(samples)),
        }
    )
    scores.to_parquet(folder / "scores.parquet")
    scores.to_parquet(folder / "labels.parquet")
    if chosen.graded:
        scores[["sample_id"]].assign(tracin=scores["value"]).to_parquet(folder / "reference.parquet")
    if chosen.explained:
        (folder / "explanations.json").write_text(json.dumps(_explanations(samples, scores)), encoding="utf-8")
    (folder / "agreement.json").write_text(json.dumps(_agreement(chosen, generator)), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(_manifest(len(samples))), encoding="utf-8")
    suite = {
        "name": "homedepot-clicks",
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
        "n_queries": options.headline_queries,
        "draws": [],
        "source": "scorer",
        **other,
    }


def _agreement(options: Options, generator: np.random.Generator) -> dict[str, Any]:
    verdict = "At half the rows the target model wins back 79 % of the loss, and the judge knows more."
    empty: dict[str, Any] = {
        "suite": "homedepot-clicks",
        "mode": "zero-shot",
        "verdict": {"text": "", "use": "unknown"},
        "headline": None,
        "rows": [],
        "reliability": [],
        "ceiling": [],
        "downstream": [],
        "judges": [],
        "judge": None,
        "target": None,
        "notes": [],
    }
    if not options.graded:
        return {**empty, "verdict": {"text": "Grade 180 more pairs to get a verdict.", "use": "unknown"}}
    spread = 0.03 if options.headline_queries > 99 else 0.24
    rows = []
    for judge, _, value, mode in JUDGES[: options.judges]:
        draws = (value + generator.normal(0, 0.03, 10)).round(3).tolist()
        rows.append(_row("value", judge, mode, value, spread, options, draws=draws))
        rows.append(_row("value", judge, mode, value - 0.1, 0.04, options, metric="partial_spearman"))
        rows.append(_row("support", judge, mode, value - 0.1, spread, options))
        rows.append(_row("value", judge, mode, value - 0.08, 0.04, options, source="weak label"))
        rows.append(_row("support", judge, mode, value - 0.14, 0.04, options, source="weak label"))
        rows.append(_row("value", judge, mode, value - 0.2, 0.04, options, metric="kendall"))
    rows.append(_row("random", "random", "zero-shot", 0.01, 0.05, options, metric="partial_spearman"))
    for label, value in (
        ("plain-loss", -0.32),
        ("lexical", 0.12),
        ("random", 0.0),
        ("no-judge-control", 0.08),
    ):
        rows.append(_row(label, "none", "zero-shot", value, 0.03, options, is_baseline=True, source="baseline"))
    return {
        **empty,
        "verdict": {"text": verdict, "use": options.use},
        "rows": rows,
        "mode": JUDGES[0][3],
        "headline": {"label": "value", "judge": "strong", "reference": REFERENCE},
        "reliability": [
            {
                "reference": REFERENCE,
                "metric": "spearman",
                "value": 0.71,
                "ci_low": 0.66,
                "ci_high": 0.75,
                "bound": 0.84,
            },
            {
                "reference": REFERENCE,
                "metric": "partial_spearman",
                "value": 0.6,
                "ci_low": None,
                "ci_high": None,
                "bound": 0.77,
            },
        ],
        "ceiling": [
            {
                "label": "value",
                "reference": REFERENCE,
                "metric": "spearman",
                "value": 0.71,
                "ci_low": 0.68,
                "ci_high": 0.74,
            }
        ],
        "downstream": [row for name in options.rankers for row in _downstream(name)],
        "judges": [
            {
                "judge": judge,
                "kind": "simulated" if mode == "simulated" else "local",
                "mode": mode,
                "n_pairs": 5200,
                "auc": auc,
                "spearman": auc - 0.3,
            }
            for judge, auc, _, mode in JUDGES[: options.judges]
        ],
        "judge": {"auc": 0.9, "spearman": 0.6, "target_auc": 0.711, "judge": "strong"},
        "target": {"auc": 0.711, "ndcg@10": 0.83},
        "quality": _quality(),
        "notes": ["Ten draws of clicks, seeds fixed in the suite."],
    }


def _quality() -> dict[str, Any]:
    """A curve of two simulated judges and the control, and two real judges, one of them on it."""

    def figure(value: float, width: float) -> dict[str, float]:
        return {"value": value, "ci_low": value - width, "ci_high": value + width}

    def point(judge: str, kind: str, auc: float, value: float, gap: float | None) -> dict[str, Any]:
        return {
            "judge": judge,
            "mode": {"real": "zero-shot", "control": "no judge"}.get(kind, "simulated"),
            "kind": kind,
            "auc": auc,
            "auc_low": auc - 0.02,
            "auc_high": auc + 0.02,
            "n_pairs": 5200,
            "n_draws": 10,
            "agreement": figure(value, 0.04),
            "share_of_bound": value / 0.84,
            "contribution": figure(value - 0.1, 0.04),
            "weights": None if gap is None else figure(gap, 0.15),
            "filter": None if gap is None else figure(gap - 0.3, 0.15),
        }

    points = [
        point("no-judge control", "control", 0.5, 0.08, None),
        point("guess", "random", 0.503, 0.07, -0.6),
        point("embedded", "real", 0.68, 0.3, 0.02),
        point("simulated-0.79", "simulated", 0.79, 0.42, 0.3),
        point("server", "real", 0.83, 0.46, 0.5),
        point("strong", "simulated", 0.9, 0.54, 0.77),
    ]
    place = {"judge": "embedded", "measure": "agreement", "n_shared_draws": 10, "place": "on"}
    return {
        "reference": REFERENCE,
        "label": "value",
        "bound": 0.84,
        "target_auc": 0.711,
        "points": points,
        "placed": [{**place, "difference": 0.03, "ci_low": -0.02, "ci_high": 0.08}],
        "needed": [],
    }


def _downstream(ranker: str) -> list[dict[str, Any]]:
    """Curves in the shape that filtering has: a rise, a best share, a fall where too little is left.

    ``lambdamart`` stands for a model that clean labels do not help for certain: no gap is given.
    """
    rows: list[dict[str, Any]] = []
    for metric, noisy, clean, width in (("auc", 0.659, 0.711, 0.008), ("ndcg@10", 0.801, 0.842, 0.006)):

        def put(
            strategy: str,
            keep: float,
            share: float,
            weighting: str | None = None,
            *,
            metric: str = metric,
            noisy: float = noisy,
            clean: float = clean,
            width: float = width,
        ) -> None:
            value = noisy + share * (clean - noisy)
            no_judge = strategy in ("all-noisy", "clean-labels", "random", "plain-loss")
            given = metric == "auc" and not no_judge and ranker != "lambdamart"
            share -= 0.2 if given and ranker == "linear" else 0.0
            rows.append(
                {
                    "strategy": strategy,
                    "judge": "none" if no_judge else "strong",
                    "keep": keep,
                    "weighting": weighting,
                    "ranker": ranker,
                    "metric": metric,
                    "value": value,
                    "ci_low": value - width,
                    "ci_high": value + width,
                    "gap_recovered": share if given else None,
                    "gap_ci_low": share - 0.12 if given else None,
                    "gap_ci_high": share + 0.12 if given else None,
                }
            )

        put("all-noisy", 1.0, 0.0)
        put("clean-labels", 1.0, 1.0)
        peaks = {
            "random": -0.35,
            "plain-loss": 0.2,
            "value": 0.4,
            "support": 0.74,
            "value-distilled": 0.5,
            "support-distilled": 0.79,
            "hardness-distilled": 0.45,
        }
        for strategy, peak in peaks.items():
            for keep in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
                put(strategy, keep, peak * (1 - ((keep - 0.5) / 0.5) ** 2) - max(0.0, 0.3 - keep) * 2)
        put("value-weights", 1.0, 0.48, "weights")
        put("support-weights", 1.0, 0.77, "weights")
    return rows


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
