"""What the students are compared on: real pairs, a drawn click log, and the weak labels of a judge on every row.

Half of the queries train the students, a tenth chooses their settings, the rest are never seen. The pool that `value`
is taken on holds the training queries only.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from sie_agent.attribution import FeatureRows, train
from sie_agent.features import TextFeatures
from sie_agent.judging import JudgmentCache
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.samples import without_grade
from sie_agent.suite.draw.draw import Draw, log_odds, start_draw
from sie_agent.suite.draw.judges import relevance_of
from sie_agent.suite.draw.world import World, build_world
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import load_suite

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

QUERY_SETS = "{log-judged: 0.5, tune: 0.1, log-unseen: 0.4}"
REAL_JUDGES = ("local", "embedding", "lexical", "openai", "vllm", "langchain")


@dataclass(frozen=True)
class Setting:
    """The weak labels of one judge, and what a student may read.

    Attributes
    ----------
    judge : its name; samples : the log without grades, all rows; queries : (n,) codes.
    training, tuning, unseen : (n,) masks, by query.
    weak : by label, (n,); baselines : by name, (n,), what is known without any student.
    features : text features fitted on the training rows alone; inputs : (n, d) theirs of every row.
    """

    judge: str
    samples: pd.DataFrame
    queries: npt.NDArray[np.intp]
    training: Booleans
    tuning: Booleans
    unseen: Booleans
    weak: Mapping[str, Doubles]
    baselines: Mapping[str, Doubles]
    features: TextFeatures
    inputs: npt.NDArray[np.float32]

    @property
    def label(self) -> Doubles:
        """(n,) the log's label."""
        return self.samples["label"].to_numpy(np.float64)

    def ranks(self, name: str) -> Doubles:
        """(n,) the rank of a weak label in (0, 1) among the training rows: what every student learns."""
        known = np.sort(self.weak[name][self.training])
        middle = np.searchsorted(known, self.weak[name], "left") + np.searchsorted(known, self.weak[name], "right")
        return np.asarray(middle / (2 * len(known)))


def settings_of(suite: str, overrides: Sequence[str], judges: Sequence[str], cache: Path, seed: int) -> list[Setting]:
    """One setting for each of the *judges* of a suite; all share the log, the proxies and the split.

    The judgments come from a copy of the *cache*, which is left as it is.
    """
    loaded = load_suite(suite, [f"query_sets={QUERY_SETS}", f"draws=[{seed}]", *overrides])
    parts = [next(part for part in loaded.judges_and_baseline if part.name == name) for name in judges]
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "judgments.sqlite"
        if cache.is_file():
            shutil.copy(cache, copied)
        with JudgmentCache(copied) as opened:
            world = build_world(loaded, opened)
            everything = np.ones(len(world.samples), bool)
            for part in parts:
                if part.kind in REAL_JUDGES:
                    world.ask(part, everything)
    return settings_from(world, start_draw(world, seed), parts)


def settings_from(world: World, draw: Draw, parts: Sequence[JudgePart]) -> list[Setting]:
    """The settings of a draw whose judges have answered."""
    label = draw.label.astype(np.float32)
    seeds = [10_000 * draw.seed + 5_000 + one for one in range(world.suite.labels.proxies)]
    proxies = [
        train(world.inputs, label, world.suite.distilling.proxy.training, one, queries=world.queries)[-1]
        for one in seeds
    ]
    chance = 1 / (1 + np.exp(-log_odds(proxies, world.inputs)))
    samples = without_grade(world.samples.assign(label=draw.label))
    training, tuning, unseen = draw.judged, draw.mask("tune"), draw.unseen
    features = TextFeatures.fit(samples[training])
    inputs = features.transform(samples)
    rows, all_asked = FeatureRows(world.inputs, label, world.queries), pd.Series("log-judged", index=draw.sets.index)
    found = []
    for part in parts:
        # agreement needs the weak label of every row, so the judge is asked about the unseen queries too
        relevance = relevance_of(replace(draw, sets=all_asked), part)
        if np.isnan(relevance).any():
            raise SystemExit(f"judge '{part.name}' left {int(np.isnan(relevance).sum())} pairs without a grade")
        pool = FeatureRows(world.inputs[training], relevance[training].astype(np.float32), world.queries[training])
        evidence = Evidence(rows, relevance, proxies, pool, LabelSettings(by_rank=part.is_ranked))
        found.append(
            Setting(
                judge=part.name,
                samples=samples,
                queries=world.queries,
                training=training,
                tuning=tuning,
                unseen=unseen,
                weak={name: label.make(evidence) for name, label in WEAK_LABELS.items() if label.is_importance},
                baselines={"the log's label alone": draw.label, "loss of the proxies": np.abs(draw.label - chance)},
                features=features,
                inputs=inputs,
            )
        )
    return found


def mean_of_ranks(scores: Sequence[Doubles]) -> Doubles:
    """Mean over several scores of their ranks, (n,)."""
    return np.asarray(np.mean([rankdata(one) for one in scores], axis=0))
