"""Importance for a cross-encoder compared with retraining it: its own references, and a cheap perceptron's.

    python scripts/tools/make_small_encoder.py --out cache/models/small-encoder
    python scripts/experiments/references/validate_cross_encoder.py --model cache/models/small-encoder

The target model is a transformer that reads query and title together; halves of the log, the losses on graded
validation queries and the linear datamodelling score (LDS) are those of `validate.py`. Three kinds of rows:
the cross-encoder's own references (`by: cross-encoder`; EK-FAC by kronfluence), those of a perceptron on text features
that was trained on the same log (`by: perceptron`), and the scorer that is distilled from simulated judges through such
perceptrons (`by: scorer`). `own_tracin` is the Spearman correlation of each with the cross-encoder's own TracIn of the
same loss over the rows of the log (of the scorer: over the queries that no judge saw). Writes cross-encoder-LOG.json
and .parquet (row ids and scores) into --out; losses of subsets are kept in --work, so that a killed run goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd
import torch

from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.experiments.references.cross_encoder_gradients import kronfluence_pairs, products_by_state
from scripts.experiments.references.half_logs import RELEVANT_AT, first_queries, subset_losses
from scripts.experiments.references.validate import (
    JUDGES,
    PROXIES,
    datamodelling,
    described,
    measured,
    reliability,
    whole_score,
)
from sie_agent.attribution import FeatureRows, Model, Setting, TrainingSettings, reference_importance, train
from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.evaluation import roc_auc, simulate_judge, spearman
from sie_agent.features import TextFeatures
from sie_agent.files.manifest import version_of
from sie_agent.labels import Evidence, LabelSettings, StudentSettings, value
from sie_agent.models import token_pairs
from sie_agent.samples import (
    assign_query_sets,
    load_samples,
    normalise_query,
    simulate_clicks,
    simulate_flips,
    without_grade,
)
from sie_agent.scorer import fit_student, student_inputs

LENGTH = 32
CHEAP = TrainingSettings(hidden=64, epochs=8, batch_size=64, weight_decay=1.0)
OWN_LOSSES = ("ranking", "mean")
Losses = dict[str, np.ndarray]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the cross-encoder's body")
    parser.add_argument("--data", default="homedepot")
    parser.add_argument("--rows", type=int, default=2000, help="rows of the log, and of the validation queries")
    parser.add_argument("--log", choices=("flips", "clicks"), default="clicks")
    parser.add_argument("--flips", type=float, default=0.2, help="share of labels that are flipped")
    parser.add_argument("--subsets", type=int, default=50)
    parser.add_argument("--subset-seeds", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=4, help="models that a reference is averaged over")
    parser.add_argument("--groups", type=int, default=20, help="groups of validation queries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps subset losses; none if absent")
    parser.add_argument("--out", type=Path, default=Path("eval/results/references"))
    arguments = parser.parse_args()
    arguments.target = f"cross-encoder-{arguments.log}"  # the name of the subsets' files
    return arguments


@dataclass(frozen=True)
class Pairs:
    """Log and validation rows, by what reads them.

    Attributes
    ----------
    tokens, texts : log and validation rows as the cross-encoder and as the perceptron read them.
    groups : (m,) group of each validation row; grade, flipped, ids : (n,) of each row of the log.
    """

    tokens: tuple[FeatureRows, FeatureRows]
    texts: tuple[FeatureRows, FeatureRows]
    groups: np.ndarray
    grade: np.ndarray
    flipped: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class Held:
    """What everything is compared with: (subsets, n) rows that are in, and by loss (seeds, subsets, groups) losses."""

    chosen: np.ndarray
    losses: Losses


def main() -> None:
    """Measure and write."""
    arguments = parsed()
    torch.set_num_threads(1)
    settings = TrainingSettings(
        "cross-encoder",
        epochs=4,
        batch_size=32,
        learning_rate=1e-3,
        weight_decay=0.1,
        model=arguments.model,
        length=LENGTH,
    )
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    with manifest.stage("data"):
        pairs = prepared(arguments)
    (log, validation), (cheap_log, cheap_validation) = pairs.tokens, pairs.texts
    with manifest.stage("models"):
        runs = [train(log.features, log.targets, settings, 100 + seed) for seed in range(arguments.seeds)]
        cheap_runs = [train(cheap_log.features, log.targets, CHEAP, 500 + seed) for seed in range(PROXIES)]
    own = Setting(runs, log, log, validation, RELEVANT_AT)
    cheap = Setting(cheap_runs, cheap_log, cheap_log, cheap_validation, RELEVANT_AT)
    relevant = validation.targets >= RELEVANT_AT
    auc = {
        "cross-encoder": mean_auc(runs, validation, relevant),
        "perceptron": mean_auc(cheap_runs, cheap_validation, relevant),
    }
    say(f"AUC of relevance on validation queries: {auc}")
    with manifest.stage("subsets"):
        held = Held(*subset_losses(arguments, own, pairs.groups, settings))
    with manifest.stage("own references"):
        rows, columns = own_rows(own, pairs, held)
    with manifest.stage("kronfluence"):
        rows += kronfluence_rows(own, pairs, held, columns)
    with manifest.stage("perceptron"):
        rows += cheap_rows(cheap, pairs, held, columns)
    with manifest.stage("scorer"):
        rows += scorer_rows(cheap, pairs, held, columns)
    figures = {
        "target": "cross-encoder",
        "log": arguments.log,
        "log_rows": len(log.targets),
        "validation_rows": len(validation.targets),
        "packages": {name: version_of(name) for name in ("torch", "transformers", "kronfluence")},
        "auc": auc,
        "reliability": {name: reliability(one) for name, one in held.losses.items()},
        "rows": rows,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = {name: column.astype(np.float32) for name, column in columns.items()}
    table = pd.DataFrame({"sample_id": pairs.ids, "flipped": pairs.flipped, **kept})
    table.to_parquet(arguments.out / f"{arguments.target}.parquet", index=False)
    write_figures(arguments.out / f"{arguments.target}.json", manifest, figures)


def mean_auc(runs: list[list[Model]], rows: FeatureRows, relevant: np.ndarray) -> float:
    """AUC of relevance by the trained models of some seeds, its mean."""
    return float(np.mean([roc_auc(run[-1].scores(rows.features).astype(np.float64), relevant) for run in runs]))


def prepared(arguments: argparse.Namespace) -> Pairs:
    """The log and the validation rows, for both models."""
    samples = load_samples(arguments.data)
    sizes = samples.groupby("query")["query"].transform("size")
    samples = samples[sizes >= 7].reset_index(drop=True)
    sets = assign_query_sets(samples, {"log-unseen": 0.75, "reference-validation": 0.25}, arguments.seed)
    queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
    readable = without_grade(samples)
    texts = TextFeatures.fit(readable).transform(readable)
    flipped = np.zeros(len(samples), bool)
    if arguments.log == "flips":
        labelled = simulate_flips(samples, rate=arguments.flips, relevant_at=RELEVANT_AT, seed=arguments.seed)
        flipped = labelled["flipped"].to_numpy(bool)
    else:
        labelled = simulate_clicks(samples, seed=arguments.seed)
    label, grade = labelled["label"].to_numpy(np.float32), samples["grade"].to_numpy(np.float32)
    places = [
        first_queries(queries, (sets == name).to_numpy(), arguments.rows)
        for name in ("log-unseen", "reference-validation")
    ]
    of_place = [
        token_pairs(readable["query"].iloc[one].tolist(), readable["title"].iloc[one].tolist(), arguments.model, LENGTH)
        for one in places
    ]
    in_log, trusted = places
    names, codes = np.unique(queries[trusted], return_inverse=True)
    groups = (np.random.default_rng(arguments.seed).permutation(len(names)) % arguments.groups)[codes.ravel()]

    def both(features: list[np.ndarray]) -> tuple[FeatureRows, FeatureRows]:
        return (
            FeatureRows(features[0], label[in_log], queries[in_log]),
            FeatureRows(features[1], grade[trusted], queries[trusted]),
        )

    ids = samples["sample_id"].to_numpy()
    return Pairs(
        both(of_place), both([texts[one] for one in places]), groups, grade[in_log], flipped[in_log], ids[in_log]
    )


def own_rows(setting: Setting, pairs: Pairs, held: Held) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """TracIn of the cross-encoder by groups of validation queries, and its magnitudes.

    A group's TracIn is the dot product of every row's gradient with the group's, so every row's gradient is computed
    once per state; that the groups together give what the package computes is checked by the way.
    """
    started = time.perf_counter()
    found = products_by_state(setting, pairs.groups, OWN_LOSSES)
    seconds = time.perf_counter() - started
    rows, columns = [], {}
    for loss in OWN_LOSSES:
        name = f"tracin-{loss}"
        whole = columns[name] = reference_importance(name, setting)
        rows.append(
            {
                "by": "cross-encoder",
                "reference": name,
                "seeds": len(setting.runs),
                "seconds": seconds,
                "auc_flipped": roc_auc(-whole, pairs.flipped) if pairs.flipped.any() else None,
                "groups_agree": spearman(weighted_sum(found[loss], setting, pairs.groups, loss), whole),
                **datamodelling(found[loss], held.chosen, held.losses[loss]),
                **whole_score(whole, held.chosen, held.losses[loss]),
            }
        )
        say(described(rows[-1]))
    for name in ("el2n", "grand"):
        columns[name] = reference_importance(name, setting)
    return rows, columns


def weighted_sum(by_group: np.ndarray, setting: Setting, groups: np.ndarray, loss: str) -> np.ndarray:
    """Mean over groups by their rows (mean loss) or queries (ranking loss): what the whole validation set gives."""
    counted = [setting.validation.queries[groups == group] for group in range(len(by_group))]
    sizes = [len(one) if loss == "mean" else len(np.unique(one)) for one in counted]
    return np.asarray(np.average(by_group, axis=0, weights=sizes))


def kronfluence_rows(
    setting: Setting, pairs: Pairs, held: Held, columns: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    """EK-FAC of the cross-encoder's linear layers by kronfluence, first seed."""
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = kronfluence_pairs(setting, Path(folder))
    except ImportError as error:
        return [{"by": "kronfluence", "reference": "ekfac", "failed": f"not installed: {error}"}]
    seconds, rows = time.perf_counter() - started, []
    scores = setting.runs[0][-1].scores(setting.validation.features)
    for loss in OWN_LOSSES:
        whole = VALIDATION_LOSSES[loss](setting)(scores) @ found
        by_group = []
        for group in range(int(pairs.groups.max()) + 1):
            inside = pairs.groups == group
            part = replace(setting, validation=setting.validation.take(inside))
            by_group.append(VALIDATION_LOSSES[loss](part)(scores[inside]) @ found[inside])
        columns[f"kronfluence-ekfac-{loss}"] = whole
        rows.append(
            {
                "by": "kronfluence",
                "reference": f"ekfac-{loss}",
                "seeds": 1,
                "seconds": seconds,
                "auc_flipped": roc_auc(-whole, pairs.flipped) if pairs.flipped.any() else None,
                "own_tracin": spearman(whole, columns[f"tracin-{loss}"]),
                **datamodelling(np.array(by_group), held.chosen, held.losses[loss]),
                **whole_score(whole, held.chosen, held.losses[loss]),
            }
        )
        say(described(rows[-1]))
    return rows


def cheap_rows(setting: Setting, pairs: Pairs, held: Held, columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The perceptron's references against the cross-encoder's losses."""
    rows = []
    for loss in OWN_LOSSES:
        for method in ("tracin", "ekfac"):
            found, whole = measured(f"{method}-{loss}", setting, pairs.groups, held.chosen, held.losses, pairs.flipped)
            columns[f"perceptron-{method}-{loss}"] = whole
            found["own_tracin"] = spearman(whole, columns[f"tracin-{loss}"])
            rows.append({"by": "perceptron", "seeds": len(setting.runs), **found})
            say(described(rows[-1]))
    for name in ("el2n", "grand"):
        found = reference_importance(name, setting)
        rows.append({"by": "perceptron", "reference": name, f"own_{name}": spearman(found, columns[name])})
    return rows


def scorer_rows(setting: Setting, pairs: Pairs, held: Held, columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The scorer distilled from half of the queries, by simulated judges, through perceptron proxies."""
    log = setting.training
    names = np.unique(log.queries)
    judged = np.isin(log.queries, np.random.default_rng(7).permutation(names)[: len(names) // 2])
    inputs = student_inputs(log.features, log.targets.astype(np.float64))
    rows = []
    for name, auc in JUDGES.items():
        relevance = simulate_judge(pairs.grade.astype(np.float64), auc, RELEVANT_AT, 11)[judged]
        if name == "permuted":
            relevance = np.random.default_rng(13).permutation(relevance)
        part = log.take(judged)
        evidence = Evidence(
            part,
            relevance,
            [run[-1] for run in setting.runs],
            FeatureRows(part.features, relevance.astype(np.float32), part.queries),
            LabelSettings(),
        )
        score = fit_student(inputs[judged], value(evidence), StudentSettings(), 0).predict(inputs)
        columns[f"scorer-value-{name}"] = score
        found = whole_score(score, held.chosen, held.losses["ranking"])
        agreed = spearman(score[~judged], columns["tracin-ranking"][~judged])
        rows.append({"by": "scorer", "reference": "value", "judge": name, "own_tracin": agreed, **found})
        say(f"scorer, judge {name}: LDS {found['lds_whole']:.3f}, TracIn of unseen queries {agreed:.3f}")
    return rows


if __name__ == "__main__":
    main()
