"""One draw of `scripts/experiments/headline/run.py`: a log, models of it, what judges and references make of it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scripts.benchmarks.shared import say
from scripts.experiments.headline.data import RELEVANT_AT, Study
from scripts.experiments.headline.variants import LABELS, TARGETS, VARIANTS, Label, Variant, pool_values, references
from scripts.experiments.headline.views import LinearView, View
from scripts.experiments.references.half_logs import subset_losses
from sie_agent.attribution import FeatureRows, Setting, train
from sie_agent.evaluation import QueryPairs, knowledge_removed
from sie_agent.labels import student_settings
from sie_agent.samples import LogSettings, simulate_log
from sie_agent.scorer import fit_student, student_inputs

LOG = LogSettings("ranked-clicks", 0.15, RELEVANT_AT)
# fixed before any figure was looked at
DRAWS = (1, 2)
SEEDS, TWINS = 6, 5
GROUPS, HALVES, HALF_SEEDS = 20, 60, 2
# the forms of `value` in the order in which they are distilled, as far as there is time
FIRST = (("text", "none", 0), ("text", "ekfac", 0), ("text", "ekfac", "text"), ("embeddings", "ekfac", "text"))
FIRST_DISTILLED = (*FIRST, *(label for label in LABELS if label not in FIRST))


class Draw:
    """One log on a data set, and the models that learned it."""

    def __init__(self, study: Study, seed: int) -> None:
        self.study, self.seed = study, seed
        self.logged = study.mask("log-judged") | study.mask("log-unseen")
        self.label = simulate_log(study.samples, LOG, seed)["label"].to_numpy(np.float64)
        self.judged, self.unseen = (study.mask(name)[self.logged] for name in ("log-judged", "log-unseen"))
        self.targets = {name: self.models(name, 10_000 * seed) for name in TARGETS}
        self.proxies = {name: [run[-1] for run in self.models(name, 10_000 * seed + 5_000)] for name in TARGETS}

    def rows(self, target: str, mask: np.ndarray, values: np.ndarray) -> FeatureRows:
        """Some rows as a target reads them, with *values* (n,) as targets."""
        features = self.study.embeddings if target == "embeddings" else self.study.texts
        return FeatureRows(features[mask], values[mask].astype(np.float32), self.study.queries[mask])

    def models(self, target: str, seed: int) -> list[list]:
        """Checkpoints of six seeds."""
        log = self.rows(target, self.logged, self.label)
        return [
            train(log.features, log.targets, TARGETS[target], seed + one, queries=log.queries) for one in range(SEEDS)
        ]

    def views(self, variant: Variant, kept: dict) -> list[list[View | LinearView]]:
        """The targets as a variant sees them, made once for all variants."""
        key = (variant.target, variant.metric)
        if key not in kept:
            log = self.rows(variant.target, self.logged, self.label)
            loss = TARGETS[variant.target].loss
            if variant.metric == "linear":
                kept[key] = [[LinearView(log, log)]]
            else:
                runs = self.targets[variant.target]
                kept[key] = [
                    [
                        View(one, log, log, variant.metric, loss)
                        for one in (run if variant.metric == "none" else run[-1:])
                    ]
                    for run in runs
                ]
        return kept[key]

    def validation(self, target: str, mask: np.ndarray) -> tuple[FeatureRows, np.ndarray]:
        """Graded validation rows of a mask and their text scores."""
        return self.rows(target, mask, self.study.grade), self.study.scores["tfidf"][mask]

    def reference_columns(self, kept: dict) -> dict[str, np.ndarray]:
        """Of the unseen rows: ``references`` (variants, 3, rows), ``losses`` (targets, rows), ``queries`` (rows,).

        A reference comes thrice: whole, and by disjoint halves of validation queries and seeds.
        """
        trusted = self.study.mask("reference-validation")
        half = np.random.default_rng(self.seed).permutation(int(self.study.queries.max()) + 1) % 2 == 0
        first = trusted & half[self.study.queries]
        found = []
        for variant in VARIANTS:
            views = self.views(variant, kept)
            parts = [self.validation(variant.target, mask) for mask in (trusted, first, trusted & ~first)]
            # a regression has no seeds to halve
            seeds = (views, views[0::2], views[1::2]) if len(views) > 1 else (views, views, views)
            found.append([references(variant, one, [part])[0] for one, part in zip(seeds, parts, strict=True)])
        return {
            "references": np.array(found)[:, :, self.unseen],
            "losses": self.plain_losses(),
            "queries": self.study.queries[self.study.mask("log-unseen")],
        }

    def plain_losses(self) -> np.ndarray:
        """(targets, unseen rows): mean training loss of each row over seeds."""
        found = []
        for name in TARGETS:
            log = self.rows(name, self.logged, self.label)
            views = [View(run[-1], log, log, "none", TARGETS[name].loss) for run in self.targets[name]]
            found.append(np.mean([view.loss.losses(view.scores, log) for view in views], axis=0))
        return np.array(found)[:, self.unseen]

    def values(self) -> dict[str, np.ndarray]:
        """``judges``; their within-query ``accuracy`` (judges, queries); ``values`` (labels, judges, 1 + twins, n).

        The judge comes first, its twins after it; a judge that was asked about fewer rows has NaN in ``asked``.
        """
        study, judges = self.study, self.study.judges(self.seed)
        log_judged = study.mask("log-judged")
        views = {}
        for name, models in self.proxies.items():
            fitted_on, log = self.rows(name, log_judged, self.label), self.rows(name, self.logged, self.label)
            views[name] = [
                [View(one, fitted_on, log, metric, TARGETS[name].loss) for metric in ("none", "ekfac")]
                for one in models
            ]
        accuracy, found = [], []
        for name, relevance in judges.items():
            accuracy.append(QueryPairs(study.grade, study.queries, int(study.queries.max()) + 1).accuracy(relevance))
            twins = [
                knowledge_removed(relevance, study.queries, study.grade, RELEVANT_AT, 100 * self.seed + one).relevance
                for one in range(TWINS)
            ]
            # twins of a judge without ties are all the same
            done: dict[bytes, np.ndarray] = {}
            for answers in (relevance, *twins):
                if answers.tobytes() not in done:
                    done[answers.tobytes()] = self.values_of(answers, views)
            found.append([done[answers.tobytes()] for answers in (relevance, *twins)])
            say(f"{study.name}, draw {self.seed}: {name}")
        asked = np.array([np.isfinite(relevance[self.logged]) for relevance in judges.values()])
        return {
            "judges": np.array(list(judges)),
            "accuracy": np.array(accuracy),
            "values": np.array(found).transpose(2, 0, 1, 3),
            "asked": asked,
            "unseen": self.unseen,
            "inputs": student_inputs(study.texts[self.logged], self.label[self.logged]),
        }

    def values_of(self, answers: np.ndarray, views: dict) -> np.ndarray:
        """`value` of the log's rows in every form, (labels, rows)."""
        asked, values = np.isfinite(answers), {}
        for name in TARGETS:
            labels = [label for label in LABELS if label[0] == name]
            pool = self.rows(name, asked, answers)
            values |= pool_values(views[name], labels, pool, self.study.scores["tfidf"][asked], asked[self.logged])
        return np.array([values[label] for label in LABELS], np.float32)

    def datamodelling(self, kept: dict, work: Path) -> dict[str, np.ndarray]:
        """What retraining on halves of the log is compared with: ``chosen``, and per variant and target the sums."""
        study, trusted = self.study, self.study.mask("reference-validation")
        names = np.unique(study.queries[trusted])
        group_of = np.full(int(study.queries.max()) + 1, -1)
        group_of[names] = np.random.default_rng(self.seed).permutation(len(names)) % GROUPS
        found: dict[str, np.ndarray] = {}
        for target, settings in TARGETS.items():
            log = self.rows(target, self.logged, self.label)
            validation = self.rows(target, trusted, study.grade)
            arguments = argparse.Namespace(
                target=target, data=study.name, log=LOG.kind, rows=len(log.targets), flips=LOG.rate, seed=self.seed,
                subsets=HALVES, subset_seeds=HALF_SEEDS, groups=GROUPS, work=work / "halves",
            )  # fmt: skip
            setting = Setting([], log, log, validation, RELEVANT_AT, settings.loss)
            chosen, losses = subset_losses(arguments, setting, group_of[validation.queries], settings)
            found["chosen"], found[f"losses {target}"] = chosen, losses["ranking"]
        masks = [trusted & (group_of[study.queries] == group) for group in range(GROUPS)]
        done: dict[tuple, np.ndarray] = {}
        for variant in VARIANTS:
            key = (variant.target, variant.metric, variant.without)
            if key not in done:
                parts = [self.validation(variant.target, mask) for mask in masks]
                done[key] = references(variant, self.views(variant, kept), parts)
            influence = done[key]
            if variant.centred:
                influence = influence - query_means(influence, study.queries[self.logged])
            found[f"sums {variant.name}"] = found["chosen"].astype(np.float64) @ influence.T
        return found


def query_means(columns: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The mean of each query at each of its rows, (..., n)."""
    codes = np.unique(queries, return_inverse=True)[1].ravel()
    counts = np.bincount(codes)
    return np.array([(np.bincount(codes, one) / counts)[codes] for one in columns])


def distilled(found: Mapping[str, np.ndarray], place: int, unseen: np.ndarray, seed: int) -> np.ndarray:
    """Scores of the unseen rows by students of one form of `value`, (judges, 1 + twins, unseen rows)."""
    settings, scores = student_settings("value"), []
    for values, asked in zip(found["values"][place], found["asked"], strict=True):
        done: dict[bytes, np.ndarray] = {}
        for one in values:
            if one.tobytes() not in done:
                student = fit_student(found["inputs"][asked], one[asked].astype(np.float64), settings, seed)
                done[one.tobytes()] = student.ranks(found["inputs"][unseen])
        scores.append([done[one.tobytes()] for one in values])
    return np.array(scores, np.float32)


def measure(study: Study, seed: int, folder: Path) -> None:
    """Measure one draw, stage by stage; a stage whose file is in *folder* is not run again."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ["values", "references", "halves"] if seed == DRAWS[0] else ["values", "references"]
    missing = [name for name in wanted if not (folder / f"{name}.npz").is_file()]
    if not missing:
        return
    draw, kept = Draw(study, seed), {}
    stages = {
        "values": draw.values,
        "references": lambda: draw.reference_columns(kept),
        "halves": lambda: draw.datamodelling(kept, folder.parent),
    }
    for name in missing:
        np.savez(folder / f"{name}.npz", **stages[name]())
        say(f"{study.name}, draw {seed}: {name}")


def distill(study: Study, seed: int, folder: Path, label: Label) -> None:
    """Distill one form of `value` of one draw, for every judge and twin, unless that was done."""
    path = folder / file_of(label)
    if not path.is_file():
        found = dict(np.load(folder / "values.npz"))
        np.save(path, distilled(found, LABELS.index(label), found["unseen"], seed))
        say(f"{study.name}, draw {seed}: distilled {label}")


def file_of(label: Label) -> str:
    """Name of the file with the distilled scores of one form of `value`."""
    return f"distilled-{'-'.join(map(str, label))}.npy"


def gathered(folder: Path) -> dict[str, np.ndarray] | None:
    """What there is of one draw; None where its references or values are not there yet."""
    if not all((folder / f"{name}.npz").is_file() for name in ("references", "values")):
        return None
    values = np.load(folder / "values.npz")
    references = dict(np.load(folder / "references.npz"))
    found = {**references, "judges": values["judges"], "accuracy": values["accuracy"]}
    if (folder / "halves.npz").is_file():
        found |= {f"half {name}": one for name, one in np.load(folder / "halves.npz").items()}
    for place, label in enumerate(LABELS):
        path = folder / file_of(label)
        if path.is_file():
            found[f"distilled {place}"] = np.load(path)
        found[f"direct {place}"] = values["values"][place][:, :, values["unseen"]]
    return found
