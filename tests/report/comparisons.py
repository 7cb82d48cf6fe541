"""Comparisons made by formula from drawn judgments: what the tests of ``comparison.html`` read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison import decide
from sie_agent.comparison.bias import bias_of
from sie_agent.comparison.metrics import METRICS, Graded, figure_of, nearest_level
from sie_agent.comparison.reliability import calibrated_reliability, reliability_points
from sie_agent.results import Comparison

from .fixtures import ITEMS, QUERIES

ARMS = ("relevance/graded", "relevance/esci", "relevance/written", "relevance/query-likelihood-terse")
MANY = (
    *ARMS,
    *(f"relevance/variant-{number}" for number in range(5)),
    "/home/someone/a/long/path/to/my-own-prompt.yaml",
)
DEPARTMENTS = ("garden", "tools", "kitchen & dining")
N_QUERIES, PER_QUERY = 40, 12


def comparison(
    arms: Sequence[str] = ARMS,
    *,
    graded: bool = True,
    bias: bool = True,
    texts: Sequence[str] = (),
    prices: bool = True,
    verdict: str | None = None,
) -> Comparison:
    """A comparison of *arms*, each a little better than the one before; *texts* take the place of all foreign texts."""
    rng = np.random.default_rng(5)
    queries = np.repeat(np.arange(N_QUERIES), PER_QUERY)
    grade = rng.integers(0, 4, len(queries)) / 3
    samples = _samples(queries, rng, texts)
    scores = {
        name: np.clip(0.15 + 0.6 * grade + rng.normal(0, 0.42 - 0.03 * place, len(grade)), 0, 1)
        for place, name in enumerate(arms)
    }
    known = Graded(grade, queries)
    values = {name: METRICS["within"].values(known, score) for name, score in scores.items()}
    decision = _decision(values) if graded else {"verdict": "unknown", "sentence": "Without grades nobody can tell."}
    if verdict is not None:
        decision["verdict"] = verdict
    variants = [_arm(name, scores[name], known, samples, place, graded, bias) for place, name in enumerate(arms)]
    if not prices:
        variants = [{**one, "cost": None} for one in variants]
    control = _arm("word overlap", rng.random(len(grade)), known, samples, 0, graded, False)
    text = texts[0] if texts else ""
    return Comparison.model_validate(
        {
            "mode": "zero-shot",
            "decide_by": "within",
            "decision": {**decision, "metric": "within", "mode": "zero-shot", "alpha": 0.05, "power": 0.8},
            "baseline": arms[0],
            "n_samples": len(grade),
            "n_pairs": len(grade),
            "n_queries": N_QUERIES,
            "levels": known.levels.tolist(),
            "relevant_at": 0.75,
            "variants": variants,
            "controls": [{**control, "kind": "control", "about": text or "shared words, no judge"}] if graded else [],
            "agreement": _agreement(arms),
            "stability": [_stability(name, change, text) for name in arms[:2] for change in ("repeat", "word order")],
            "differing": _differing(samples, scores, grade if graded else None, known.levels, texts),
            "failed": [
                {
                    "variant": "relevance/broken",
                    "cause": text or "the server refused the key",
                    "hint": text or "Set the key.",
                }
            ],
            "cost": 1.25 if prices else None,
        }
    )


def _samples(queries: np.ndarray, rng: np.random.Generator, texts: Sequence[str]) -> pd.DataFrame:
    words = list(texts) or list(ITEMS)
    asked = list(texts) or [query for query, _ in QUERIES]
    return pd.DataFrame(
        {
            "sample_id": [f"{texts[0] if texts else 'pair'}-{row}" for row in range(len(queries))],
            "query": [f"{asked[one % len(asked)]} {one}" for one in queries],
            "item_id": [str(row) for row in range(len(queries))],
            "title": [
                f"{words[row % len(words)]}{', in many colours' * int(rng.integers(0, 3))}"
                for row in range(len(queries))
            ],
            "position": pd.array(np.tile(np.arange(1, PER_QUERY + 1), N_QUERIES), "Int64"),
            "attributes": [f'{{"brand": "maker {rng.integers(6)}"}}' for _ in queries],
        }
    )


def _decision(values: dict[str, np.ndarray]) -> dict[str, Any]:
    found = decide(values, margin=0.02)
    pairs = [
        {
            "first": one.first,
            "second": one.second,
            "difference": one.difference,
            "ci_low": one.low,
            "ci_high": one.high,
            "p": one.p,
            "p_holm": one.p_holm,
            "better": one.better,
            "p_equivalent": one.p_equivalent,
            "equivalent": one.equivalent,
            "identical": one.identical,
            "n_queries": one.n_queries,
            "queries_needed": one.queries_needed,
        }
        for one in found.pairs
    ]
    told = {"verdict": found.verdict, "choice": found.choice, "sentence": found.sentence, "margin": found.margin}
    return {**told, "ranking": [list(group) for group in found.ranking], "pairs": pairs, "n_queries": found.n_queries}


def _arm(
    name: str, score: np.ndarray, known: Graded, samples: pd.DataFrame, place: int, graded: bool, bias: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "variant": name,
        "n_graded": len(score),
        "input_tokens": 400 * len(score) * (place + 1),
        "output_tokens": 10 * len(score),
        "cost": 0.08 * (place + 1),
        "seconds_per_pair": 0.05,
        "unparsed": 0.0,
        "reasons": [{"status": "empty", "count": 2, "detail": "no text"}] if place == 1 else [],
    }
    if not graded:
        return made
    figures = {key: figure_of(one.values(known, score), one) for key, one in METRICS.items()}
    error, after = calibrated_reliability(known, score)
    made |= {"metrics": figures, "ece_calibrated": error, "reliability_calibrated": after}
    made |= {"reliability": reliability_points(known, score)}
    counts = known.confusion(score).sum(axis=0).astype(int).tolist()
    made |= {"confusion": {"levels": known.levels.tolist(), "counts": counts}}
    if bias:
        lengths = samples["title"].str.len()
        swayed = score + 0.15 * (lengths > lengths.median()).to_numpy() * (place == 1)
        made |= {"bias": bias_of(samples, swayed, known.grade)}
    return made


def _agreement(arms: Sequence[str]) -> list[dict[str, Any]]:
    one = {"value": 0.61, "ci_low": 0.52, "ci_high": 0.7}
    figures = {"spearman": one, "kappa": one, "alpha": one, "same_level": one}
    return [{"first": arms[0], "second": name, **figures} for name in arms[1:]]


def _stability(name: str, change: str, note: str) -> dict[str, Any]:
    same = {"value": 0.93, "ci_low": 0.88, "ci_high": 0.98}
    moved = {"value": 0.02, "ci_low": 0.01, "ci_high": 0.03}
    return {"variant": name, "change": change, "n_pairs": 100, "same_level": same, "mean_change": moved, "note": note}


def _differing(
    samples: pd.DataFrame,
    scores: dict[str, np.ndarray],
    grade: np.ndarray | None,
    levels: np.ndarray,
    texts: Sequence[str],
) -> list[dict[str, Any]]:
    every = np.array(list(scores.values()))
    spread = every.max(axis=0) - every.min(axis=0)
    found = []
    for place, row in enumerate(np.argsort(-spread)[:30]):
        said = [
            {
                "variant": name,
                "score": float(score[row]),
                "level": float(levels[nearest_level(score[[row]], levels)[0]]),
                "rationale": (texts[place % len(texts)] if texts else "the item is of another size than asked for")
                if "written" in name
                else "",
            }
            for name, score in scores.items()
        ]
        department = texts[place % len(texts)] if texts else DEPARTMENTS[place % 3]
        told = samples.iloc[row][["sample_id", "query", "item_id", "title"]].to_dict()
        held = None if grade is None else float(grade[row])
        found.append({**told, "department": department, "grade": held, "spread": float(spread[row]), "said": said})
    return found
