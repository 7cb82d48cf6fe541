"""A small, realistic run folder, written by hand and by formula: what the report's tests read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from sie_agent.suite.summary.next_steps import write_next_steps

from .figures import Options, agreement

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
MEMBERS = (
    {"name": "small", "kind": "openai", "variant": "relevance/default", "base_url": "http://127.0.0.1:8000/v1"},
    {"name": "words", "kind": "lexical", "variant": "relevance/lexical"},
)
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


def build_run(folder: Path, options: Options | None = None) -> Path:
    """Write a run folder and return its path."""
    chosen = options or Options()
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    samples = _samples(chosen, generator)
    relevance = np.clip(samples["grade"] + generator.normal(0, 0.2, len(samples)), 0, 1)
    seen = samples if chosen.graded else samples.assign(grade=math.nan)
    seen.to_parquet(folder / "samples.parquet")
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
    scores[samples["query_set"].isin(["log-judged", "log-unseen"])].to_parquet(folder / "scores.parquet")
    if chosen.explained:
        (folder / "explanations.json").write_text(json.dumps(_explanations(samples, scores)), encoding="utf-8")
    (folder / "agreement.json").write_text(json.dumps(agreement(chosen, generator)), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(_manifest(len(samples))), encoding="utf-8")
    (folder / "draws" / "1").mkdir(parents=True, exist_ok=True)
    (folder / "draws" / "1" / "facts.json").write_text(json.dumps({"recipe": RECIPE}), encoding="utf-8")
    if chosen.evidence:
        _evidence(folder, samples, relevance, generator)
    suite = {
        "name": "homedepot-clicks",
        "draws": [1, 2],
        "data": {"source": "homedepot"},
        "log": {"kind": chosen.log},
        "judges": [{"name": "strong", "kind": "panel", "members": ["small", "words"]}, *MEMBERS],
        "judge": {"backend": "openai", "api_key": "sk-hidden", "max_tokens": 1},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    if chosen.evidence:
        write_next_steps(folder)
    return folder


def _evidence(folder: Path, samples: pd.DataFrame, relevance: pd.Series[float], generator: np.random.Generator) -> None:
    """What the judge said of the log-judged rows, and the support that follows, in both draws."""
    read = samples["query_set"] == "log-judged"
    logged = samples["query_set"].isin(["log-judged", "log-unseen"])
    right = 1 - (samples["label"] - relevance).abs().clip(0, 1)
    pd.DataFrame({"sample_id": samples["sample_id"], "support": right})[read].to_parquet(folder / "labels.parquet")
    for seed in ("1", "2"):
        held = {
            "sample_id": samples["sample_id"],
            "label": samples["label"],
            "relevance|strong": relevance.where(read),
            "weak|support|strong": right.where(read),
            "scorer|support|strong": right,
            "baseline|plain-loss": generator.random(len(samples)),
        }
        (folder / "draws" / seed).mkdir(parents=True, exist_ok=True)
        pd.DataFrame(held)[logged].to_parquet(folder / "draws" / seed / "evidence.parquet")


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
                    "description": "",
                    "position": place + 1,
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
        about = {**texts, **sums, **what_if, "features": features, "words": words}
        explained += [{**about, "by": by} for by in ("value", "relevance")]
    return {"by": "value", "explanations": explained}


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
