"""Whether the clarity of a query, as a model judges it, says anything that raters, grades or a ranker bear out.

    python scripts/experiments/clarity/measure.py --judge qwen=http://127.0.0.1:8136/v1 --judge smol=http://127.0.0.1:8135/v1
    python scripts/experiments/clarity/measure.py --judge qwen=http://127.0.0.1:8136/v1 --training

Each judge (NAME=URL, NAME as its server knows it) grades every query by each prompt. Compared with them, over queries:
how much raters disagreed, how far their grades spread, how much is fully relevant, how well words rank the items; and,
as baselines, the length of the query, the ambiguity of its departments and the catalogue's clarity score. Answers are
kept in --cache: a run that was cut off goes on, and a second one asks nothing. With --training a ranker is
trained on logs whose rows weigh by clarity (clarity_training.py; some minutes). Prints Markdown tables, writes
clarity.json and clarity-manifest.json. Needs the real data (SIE_DATA) and scripts/tools/serve_vllm.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd

from scripts.benchmarks.shared import say, server_facts, started_manifest
from scripts.experiments.clarity.comparisons import (
    EXPECTED,
    all_agreements,
    baselines_of,
    chance,
    outcomes_of,
)
from scripts.experiments.clarity.training import training_figures, training_table
from sie_agent.errors import InputError, SieError
from sie_agent.files.manifest import Manifest, digest, write_json
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import load_samples, without_grade
from sie_agent.utils.threads import one_thread

VARIANTS = ("clarity/graded", "clarity/kinds", "clarity/agreement")
VARIANCE = "relevance_variance"


def judged_columns(
    samples: pd.DataFrame, arguments: argparse.Namespace, manifest: Manifest
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A column of clarity for each judge and prompt, indexed by query, and what the answers were like."""
    columns: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    queries = samples["query"].drop_duplicates().tolist()
    readable = without_grade(samples)
    with JudgmentCache(arguments.cache) as cache:
        for model, url in arguments.judge:
            backend = make_backend("openai", model=model, base_url=url, concurrency=arguments.concurrency)
            try:
                for name in arguments.variants:
                    with manifest.stage(f"{model}, {name}"):
                        table = judge(readable, load_variant(name), backend, cache).set_index("query").loc[queries]
                    score = table["score"].astype("float64")
                    columns[f"{model}, {name}"] = score
                    facts[f"{model}, {name}"] = {
                        "statuses": {str(key): int(count) for key, count in table["status"].value_counts().items()},
                        "mean": float(score.mean()),
                        "deviation": float(score.std()),
                        "distinct": int(score.round(6).nunique()),
                    }
                    asked = table[~table["cached"]]
                    manifest.counts["from_cache"] = manifest.counts.get("from_cache", 0) + len(table) - len(asked)
                    manifest.tokens["input"] += int(asked["input_tokens"].sum())
                    manifest.tokens["output"] += int(asked["output_tokens"].sum())
            finally:
                backend.close()
            manifest.extra.setdefault("servers", {})[model] = server_facts(url)
    return pd.DataFrame(columns, index=pd.Index(queries, name="query")), facts


def measure(arguments: argparse.Namespace, manifest: Manifest) -> dict[str, Any]:
    """Every figure."""
    samples = load_samples(arguments.data)
    if VARIANCE not in samples.columns:
        raise InputError(
            f"no column {VARIANCE}", where=arguments.data, hint="Give data whose raters' variance is kept: crowdflower"
        )
    variants = {name: load_variant(name) for name in arguments.variants}
    judged, answers = judged_columns(samples, arguments, manifest)
    with one_thread():
        with manifest.stage("baselines"):
            outcomes = outcomes_of(samples, samples[VARIANCE].to_numpy(np.float64))
            baselines = baselines_of(samples)
        with manifest.stage("agreement"):
            found = all_agreements(baselines, judged, outcomes, arguments.replicates)
            given = [baselines[name].to_numpy(np.float64) for name in baselines]
            permuted = {
                "alone": chance(judged, outcomes, times=arguments.permutations),
                "beyond_baselines": chance(judged, outcomes, given, times=arguments.permutations),
            }
        training = None
        if arguments.training:
            with manifest.stage("training"):
                training = training_figures(samples, judged, baselines, arguments.draws, say)
    manifest.counts.update(pairs=len(samples), queries=len(outcomes), judged=judged.shape[1])
    manifest.hashes.update({name: digest(variant.model_dump_json()) for name, variant in variants.items()})
    return {
        "data": arguments.data,
        "judges": [name for name, _ in arguments.judge],
        "replicates": arguments.replicates,
        "outcomes": {
            name: {"expected_sign": sign, "mean": outcomes[name].mean(), "deviation": outcomes[name].std()}
            for name, sign in EXPECTED.items()
        },
        "answers": answers,
        **found,
        "permuted": permuted,
        "carries": carrying(found["judged"]),
        "training": training,
    }


def carrying(judged: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What judged clarity says of an outcome for certain that no baseline does, whatever the sign.

    Certain: below 5 % after Holm's correction, with all baselines held fixed.
    """
    return [
        {
            "judged": name,
            "outcome": outcome,
            "value": test["value"],
            "as_expected": test["value"] * EXPECTED[outcome] > 0,
        }
        for name, kinds in judged.items()
        for outcome, test in kinds["beyond_baselines"].items()
        if test.get("p_holm", 1.0) < 0.05
    ]


def cell(test: Mapping[str, Any]) -> str:
    """One figure with its interval; bold where it is certain after correction."""
    if not np.isfinite(test["value"]):
        return "–"
    text = f"{test['value']:+.2f} [{test['low']:+.2f}, {test['high']:+.2f}]"
    return f"**{text}**" if test.get("p_holm", 1.0) < 0.05 else text


def table_of(rows: Mapping[str, Mapping[str, Any]], outcomes: Sequence[str]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| Spearman with | {' | '.join(outcomes)} |", "|" + "---|" * (len(outcomes) + 1)]
    return lines + [
        f"| {name} | {' | '.join(cell(tests[outcome]) for outcome in outcomes)} |" for name, tests in rows.items()
    ]


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The tables, for people."""
    outcomes = list(figures["outcomes"])
    signs = ", ".join(f"{name} {'less' if sign < 0 else 'more'}" for name, sign in EXPECTED.items())
    judged = figures["judged"]
    count = len(judged) * len(outcomes)
    parts = [
        f"Expected of a clear query: {signs}. 95 % intervals over queries.",
        "\nKnown without a judge:\n",
        *table_of(figures["baselines"], outcomes),
        f"\nJudged (bold: certain by Holm's method for {count} tests):\n",
        *table_of({name: kinds["alone"] for name, kinds in judged.items()}, outcomes),
        "\nJudged, number of words held fixed:\n",
        *table_of({name: kinds["beyond_words"] for name, kinds in judged.items()}, outcomes),
        "\nJudged, all five baselines held fixed:\n",
        *table_of({name: kinds["beyond_baselines"] for name, kinds in judged.items()}, outcomes),
        f"\n{permuted_words(figures['permuted'], count)}",
    ]
    if figures["training"]:
        parts += ["", *training_table(figures["training"])]
    return "\n".join(parts)


def permuted_words(permuted: Mapping[str, Mapping[str, float]], count: int) -> str:
    """What chance alone does, in a sentence."""
    alone, beyond = permuted["alone"], permuted["beyond_baselines"]
    return (
        f"With the answers permuted among queries, {alone['times']} times, 95 % of single figures stay within "
        f"{alone['single']:.2f} ({beyond['single']:.2f} with the baselines held fixed), and the largest of {count} "
        f"within {alone['largest']:.2f} ({beyond['largest']:.2f})."
    )


def named_url(text: str) -> tuple[str, str]:
    """NAME=URL."""
    name, _, url = text.partition("=")
    if not name or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=URL, such as qwen=http://127.0.0.1:8136/v1")
    return name, url


def read_arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", type=named_url, action="append", required=True, metavar="NAME=URL")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), metavar="clarity/NAME")
    parser.add_argument("--data", default="crowdflower", help="data whose map keeps relevance_variance")
    parser.add_argument("--cache", type=Path, default=Path("cache/judgments.sqlite"))
    parser.add_argument("--out", type=Path, default=Path("eval/results/clarity"))
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--replicates", type=int, default=2_000, help="resamples of the queries")
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--training", action="store_true", help="also train a ranker on weighted logs")
    parser.add_argument("--draws", nargs="+", type=int, default=list(range(1, 11)), help="seeds of the simulated logs")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write."""
    arguments = read_arguments()
    manifest = started_manifest(variants=arguments.variants, draws=arguments.draws)
    manifest.seeds = list(arguments.draws)
    try:
        figures = measure(arguments, manifest)
        write_json(arguments.out / "clarity.json", figures)
        manifest.write(arguments.out / "clarity-manifest.json")
    except SieError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(as_markdown(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
