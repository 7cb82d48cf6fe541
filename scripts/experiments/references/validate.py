"""Every reference compared with retraining: linear datamodelling score, wrong labels found, seconds; libraries beside.

    python scripts/experiments/references/validate.py --target mlp --log clicks

Targets: linear, mlp, mlp-pairwise, linear-pairwise, two-tower; logs: flips, clicks.

A log of Home Depot pairs, or for two towers of the games, with flipped labels or biased clicks. Half of its rows are
drawn again and again; the target model is trained on each half with two seeds. The linear datamodelling score (Park
2023) is the Spearman correlation over the halves between the sum of a reference over the rows that are in, and the loss
that the model then has on graded validation queries, with its sign turned: here the mean over groups of validation
queries. `reliability` is how far the losses of the two seeds agree, which bounds what any reference can reach. A
reference sees neither the halves nor their models.

The scorer is compared with the same: it is distilled from the labels of half of the queries, judged by simulated judges
(and by one whose answers are permuted), and scores all rows; it knows no groups, hence `lds_whole`, against the loss on
all validation queries. Writes TARGET-LOG.json and .parquet (row ids and scores) into --out; subsets already trained are
kept in --work.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd

from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.experiments.references.half_logs import RELEVANT_AT, prepared, subset_losses
from scripts.tools.keep_results import numbered, numbers_of
from sie_agent.attribution import (
    REFERENCES,
    SIGNED,
    FeatureRows,
    Setting,
    TrainingSettings,
    reference_importance,
    train,
)
from sie_agent.evaluation import interval, roc_auc, simulate_judge, spearman
from sie_agent.files.manifest import version_of
from sie_agent.labels import Evidence, LabelSettings, StudentSettings, value
from sie_agent.scorer import fit_student, student_inputs

TARGETS = {
    "linear": TrainingSettings(hidden=0, epochs=20, weight_decay=1.0),
    "mlp": TrainingSettings(hidden=64, epochs=8, weight_decay=1.0),
    "linear-pairwise": TrainingSettings(hidden=0, epochs=20, weight_decay=1.0, loss="pairwise"),
    "mlp-pairwise": TrainingSettings(hidden=64, epochs=8, weight_decay=1.0, loss="pairwise"),
    "two-tower": TrainingSettings(kind="two-tower", hidden=32, epochs=16, weight_decay=1.0),
}
REPLICATES = 2000
WHOLE_REPLICATES = 400
PROXIES = 6
# simulated judges by their AUC of relevance; the last one's answers are permuted among the pairs
JUDGES = {"1.00": 1.0, "0.90": 0.9, "0.79": 0.79, "0.69": 0.69, "permuted": 0.9}
PACKAGES = ("kronfluence", "dattri", "captum")


Losses = dict[str, np.ndarray]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--data", default="homedepot", help="graded pairs; two towers have the games")
    parser.add_argument("--rows", type=int, default=4000, help="rows of the log")
    parser.add_argument("--log", choices=("flips", "clicks"), default="flips")
    parser.add_argument("--flips", type=float, default=0.2, help="share of labels that are flipped")
    parser.add_argument("--subsets", type=int, default=100)
    parser.add_argument("--subset-seeds", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5, help="models that a reference is averaged over")
    parser.add_argument("--groups", type=int, default=20, help="groups of validation queries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without-libraries", action="store_true")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps subset losses; none if absent")
    parser.add_argument("--out", type=Path, default=Path("eval/results/references"))
    return parser.parse_args()


def main() -> None:
    """Measure and write."""
    arguments = parsed()
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    settings = TARGETS[arguments.target]
    with manifest.stage("data"):
        log, validation, groups, grade, flipped, sample_ids, texts = prepared(arguments, settings.kind)
    with manifest.stage("models"):
        runs = [
            train(log.features, log.targets, settings, 100 + seed, queries=log.queries)
            for seed in range(arguments.seeds)
        ]
    setting = Setting(runs, log, log, validation, RELEVANT_AT, settings.loss)
    with manifest.stage("subsets"):
        chosen, losses = subset_losses(arguments, setting, groups, settings)
    rows, columns = [], {}
    with manifest.stage("references"):
        for name in REFERENCES:
            for seeds in sorted({1, arguments.seeds}):
                found = measured(name, replace(setting, runs=runs[:seeds]), groups, chosen, losses, flipped)
                rows.append({"by": "sie_agent", "seeds": seeds, **found[0]})
                columns[name] = found[1]
            say(described(rows[-1]))
    with manifest.stage("scorer"):
        rows += scorer_rows(setting, settings, grade, texts, chosen, losses)
    # the libraries are given the perceptron written in torch, and know the pointwise loss
    if (settings.kind, settings.loss) == ("perceptron", "pointwise") and not arguments.without_libraries:
        with manifest.stage("libraries"):
            rows += library_rows(setting, groups, chosen, losses, flipped)
    figures = {
        "target": arguments.target,
        "log": arguments.log,
        "log_rows": len(log.targets),
        "validation_rows": len(validation.targets),
        "packages": {name: version_of(name) for name in PACKAGES},
        "reliability": {name: reliability(one) for name, one in losses.items()},
        "rows": rows,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = {name: column.astype(np.float32) for name, column in columns.items()}
    table = pd.DataFrame({"sample_id": sample_ids, "flipped": flipped, **kept})
    if settings.kind == "two-tower":
        # ids of the games name shopper and item
        table = numbered(table, numbers_of(table["sample_id"]))
    table.to_parquet(arguments.out / f"{arguments.target}-{arguments.log}.parquet", index=False)
    write_figures(arguments.out / f"{arguments.target}-{arguments.log}.json", manifest, figures)


def reliability(losses: np.ndarray) -> float | None:
    """Mean over groups of the correlation over subsets of the two seeds' losses, stepped up to their mean."""
    if len(losses) < 2:
        return None
    single = np.mean([spearman(losses[0][:, group], losses[1][:, group]) for group in range(losses.shape[2])])
    return float(2 * single / (1 + single))


def datamodelling(by_group: np.ndarray, chosen: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """Linear datamodelling score: mean over groups with its interval.

    Parameters
    ----------
    by_group : (groups, n) importance for each group's loss; losses : (seeds, subsets, groups).
    """
    predicted = chosen.astype(np.float64) @ by_group.T
    reached = -losses.mean(axis=0)
    each = np.array([spearman(predicted[:, group], reached[:, group]) for group in range(len(by_group))])
    drawn = np.random.default_rng(0).integers(len(each), size=(REPLICATES, len(each)))
    low, high = interval(each[drawn].mean(axis=1))
    return {"lds": float(each.mean()), "lds_low": low, "lds_high": high}


def measured(
    name: str,
    setting: Setting,
    groups: np.ndarray,
    chosen: np.ndarray,
    losses: dict[str, np.ndarray],
    flipped: np.ndarray,
) -> tuple[dict[str, Any], np.ndarray]:
    """The figures of one reference, and its importance for the whole validation set."""
    started = time.perf_counter()
    whole = reference_importance(name, setting)
    found: dict[str, Any] = {"reference": name, "seconds": time.perf_counter() - started}
    found["auc_flipped"] = roc_auc(-whole if name in SIGNED else whole, flipped) if flipped.any() else None
    if name in SIGNED:
        loss = name.rpartition("-")[2]
        by_group = [
            reference_importance(name, replace(setting, validation=setting.validation.take(groups == group)))
            for group in range(int(groups.max()) + 1)
        ]
        found |= datamodelling(np.array(by_group), chosen, losses[loss]) | whole_score(whole, chosen, losses[loss])
    return found, whole


def whole_score(score: np.ndarray, chosen: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """The score against the loss on all validation queries, with an interval that resamples subsets."""
    predicted, reached = chosen.astype(np.float64) @ score, -losses.mean(axis=(0, 2))
    drawn = np.random.default_rng(0).integers(len(chosen), size=(WHOLE_REPLICATES, len(chosen)))
    low, high = interval(np.array([spearman(predicted[rows], reached[rows]) for rows in drawn]))
    return {"lds_whole": spearman(predicted, reached), "lds_whole_low": low, "lds_whole_high": high}


def scorer_rows(
    setting: Setting,
    settings: TrainingSettings,
    grade: np.ndarray,
    texts: np.ndarray,
    chosen: np.ndarray,
    losses: Losses,
) -> list[dict[str, Any]]:
    """The distilled scorer's figures on the ranking loss, for judges of several qualities and both kinds of value."""
    log = setting.training
    names = np.unique(log.queries)
    judged = np.isin(log.queries, np.random.default_rng(7).permutation(names)[: len(names) // 2])
    proxies = [
        train(log.features, log.targets, settings, 500 + seed, queries=log.queries)[-1] for seed in range(PROXIES)
    ]
    inputs = student_inputs(texts, log.targets.astype(np.float64))
    rows = []
    for name, auc in JUDGES.items():
        relevance = simulate_judge(grade.astype(np.float64), auc, RELEVANT_AT, 11)[judged]
        if name == "permuted":
            relevance = np.random.default_rng(13).permutation(relevance)
        part = log.take(judged)
        pool = FeatureRows(part.features, relevance.astype(np.float32), part.queries)
        for curvature in ("none", "ekfac"):
            how = LabelSettings(curvature=curvature)
            evidence = Evidence(part, relevance, proxies, pool, how, settings.loss)
            score = fit_student(inputs[judged], value(evidence), StudentSettings(), 0).predict(inputs)
            found = whole_score(score, chosen, losses["ranking"])
            rows.append({"by": "scorer", "reference": "value", "judge": name, "curvature": curvature, **found})
            say(f"scorer, judge {name}, curvature {curvature}: LDS {found['lds_whole']:.3f}")
    return rows


def library_rows(
    setting: Setting, groups: np.ndarray, chosen: np.ndarray, losses: dict[str, np.ndarray], flipped: np.ndarray
) -> list[dict[str, Any]]:
    """The same figures of the libraries, on the mean loss."""
    from scripts.experiments.references.libraries import LIBRARIES

    rows = []
    for method, (package, seeds, function) in LIBRARIES.items():
        with tempfile.TemporaryDirectory() as folder:
            count = len(setting.runs) if seeds == "all" else 1
            started = time.perf_counter()
            pairs = attempted(lambda one=function, place=folder: one(setting, Path(place)))
            seconds = time.perf_counter() - started
        if isinstance(pairs, str):
            rows.append({"by": package, "reference": f"{method}-mean", "seeds": count, "failed": pairs})
            continue
        by_group = np.array([pairs[groups == group].mean(axis=0) for group in range(int(groups.max()) + 1)])
        rows.append(
            {
                "by": package,
                "reference": f"{method}-mean",
                "seeds": count,
                "seconds": seconds,
                "auc_flipped": roc_auc(-pairs.mean(axis=0), flipped) if flipped.any() else None,
                **datamodelling(by_group, chosen, losses["mean"]),
            }
        )
        say(described(rows[-1]))
    return rows


def attempted(call: Callable[[], np.ndarray]) -> np.ndarray | str:
    """What the call gives, or why it does not."""
    try:
        return call()
    except ImportError as error:
        return f"not installed: {error}"


def described(row: dict[str, Any]) -> str:
    """One row in a line."""
    score = f"LDS {row['lds']:.3f} [{row['lds_low']:.3f}, {row['lds_high']:.3f}]" if "lds" in row else "-"
    whole = f", whole {row['lds_whole']:.3f}" if "lds_whole" in row else ""
    wrong = "-" if row["auc_flipped"] is None else f"{row['auc_flipped']:.3f}"
    return (
        f"{row['by']:12} {row['reference']:26} {row['seeds']} seeds: {score}{whole}, flipped {wrong}, "
        f"{row['seconds']:.2f} s"
    )


if __name__ == "__main__":
    main()
