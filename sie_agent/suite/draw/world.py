"""What all draws of a run share: samples, features, queries, judges' answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream import RANKERS
from sie_agent.errors import InputError, SieError
from sie_agent.evaluation import TEXT_SCORES, embedding_features
from sie_agent.features import TextFeatures
from sie_agent.judging import (
    JUDGMENT_COLUMNS,
    Accounted,
    Backend,
    JudgmentCache,
    Session,
    judge,
    judge_clarity_from_catalogue,
    load_variant,
    make_backend,
)
from sie_agent.samples import load_samples, normalise_query, rows_policy, with_grades, without_grade
from sie_agent.scorer import Block, fit_blocks, row_inputs
from sie_agent.suite.draw.double_judging import DoubleJudging
from sie_agent.suite.failed import Failure, raised, reasons_of, ungraded
from sie_agent.suite.inputs import READERS
from sie_agent.suite.parts import CLARITY_VARIANT, DataPart, JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers

NO_JUDGMENTS = pd.DataFrame(columns=list(JUDGMENT_COLUMNS))


@dataclass
class World:
    """The run's fixed part.

    Attributes
    ----------
    samples : the samples table; queries : (n,) code of each row's query.
    inputs : (n, d) text features; blocks, student_inputs : what students read beside them, and all that they read;
        target_inputs : (n, ...) what the target model reads.
    grade : (n,) human grade, NaN where there is none; only evaluation and simulations read it.
    clarity : (n,) clarity of each row's query in [0, 1], NaN where nothing judged it.
    judgments : the judgments tables gathered so far, by judge.
    asked : by judge, who answered and what it cost, for the manifest; also of one that failed completely.
    lost_clarity : why the headline's judge did not say how clear the queries are; None where it did or was not asked.
    retry_failed : whether judges are asked again where the cache holds a lasting failure.
    """

    suite: Suite
    samples: pd.DataFrame
    features: TextFeatures
    inputs: Floats
    blocks: tuple[Block, ...]
    student_inputs: Floats
    target_inputs: Floats
    queries: Integers
    query_names: list[str]
    clarity: Doubles
    cache: JudgmentCache
    judgments: dict[str, pd.DataFrame] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost_clarity: Failure | None = None
    retry_failed: bool = False

    @property
    def grade(self) -> Doubles:
        """(n,) human grade in [0, 1], NaN where there is none."""
        return self.samples["grade"].to_numpy(np.float64)

    @property
    def has_grades(self) -> bool:
        """Whether every row has a human grade."""
        return not bool(self.samples["grade"].isna().any())

    @cached_property
    def proxy_inputs(self) -> Floats:
        """What the proxies read, one row per sample."""
        proxy, target = self.suite.distilling.proxy, self.suite.target
        if (proxy.kind, proxy.model, proxy.length, proxy.inputs) == (
            target.kind,
            target.model,
            target.length,
            target.inputs,
        ):
            return self.target_inputs
        return READERS[proxy.kind](without_grade(self.samples), self.inputs, proxy)

    def model_features(self, reads: str) -> Floats:
        """What rankers of a kind (``target``, ``text`` or ``embeddings``) read, one row per sample."""
        if reads == "embeddings":
            return self.embeddings
        return self.inputs if reads == "text" else self.target_inputs

    @cached_property
    def embeddings(self) -> Floats:
        """(n, d) features made of frozen sentence embeddings."""
        return embedding_features(without_grade(self.samples))

    @cached_property
    def text_scores(self) -> dict[str, Doubles]:
        """Untrained text scores of every row; those from embeddings only if a ranker reads embeddings too."""
        embedded = any(RANKERS[name].reads == "embeddings" for name in self.suite.downstream.rankers)
        readable = without_grade(self.samples)
        return {
            name: score.score(readable)
            for name, score in TEXT_SCORES.items()
            if embedded or score.reads != "embeddings"
        }

    def ask(self, part: JudgePart, rows: Booleans) -> None:
        """Ask a real judge about the chosen rows and keep its judgments table.

        Raises
        ------
        SieError : it cannot answer the variant, or the server, the model or the cache is in the way. What was answered
            is in the cache.
        """
        variant = load_variant(part.asks_with or "")
        asked = without_grade(self.samples[rows])
        backend = open_judge(part)
        mixture = DoubleJudging(part.servers)
        mixture.add(asked)
        session, mixed = Session(backend, self.cache), None
        try:
            again = self.retry_failed
            table = judge(asked, variant, backend, self.cache, retry_failed=again, session=session)
            self.judgments[part.name] = table
            for_clarity = self.suite.labels.clarity == "judge" and part == self.suite.primary
            if for_clarity and table["score"].notna().any():
                self.ask_clarity(asked, backend, session)
            mixed = mixture.measure([variant], backend, self.cache, session)
        finally:
            backend.close()
            self.take_account(part, session, mixed, backend)

    def ask_clarity(self, asked: pd.DataFrame, backend: Backend, session: Session) -> None:
        """Ask the headline's judge how clear the queries are; if it cannot say, remember why."""
        name = self.suite.primary.name
        try:
            variant, again = load_variant(CLARITY_VARIANT), self.retry_failed
            table = judge(asked, variant, backend, self.cache, retry_failed=again, session=session)
        except SieError as error:
            self.lost_clarity = raised(name, error, self.cache)
            return
        if table["score"].isna().all():
            self.lost_clarity = ungraded(name, reasons_of(table), len(table), what="queries")
        self.take_clarity(table)

    def take_account(self, part: JudgePart, session: Session, mixed: dict[str, Any] | None, backend: Backend) -> None:
        """Record who answered for a judge and what it cost; a judge that moves into the headline is asked twice."""
        before = self.asked.get(part.name, {"asked": 0, "cost": None, "tokens": {}, "servers": [], "mixture": None})
        account = session.account
        cost = account.cost if before["cost"] is None else before["cost"] + (account.cost or 0.0)
        graded = self.judgments.get(part.name, NO_JUDGMENTS).dropna(subset="score")
        tokens = {"input": account.input_tokens, "output": account.output_tokens}
        self.asked[part.name] = {
            "asked": before["asked"] + account.asked,
            "cost": cost,
            "tokens": {name: before["tokens"].get(name, 0) + count for name, count in tokens.items()},
            "models": counts_of(graded["model"]),
            "endpoints": counts_of(graded["endpoint"]),
            "mixture": mixed or before["mixture"],
            "servers": before["servers"] + (backend.report() if isinstance(backend, Accounted) else []),
        }

    def take_clarity(self, table: pd.DataFrame) -> None:
        """Keep clarity judgments, one per query, and assign them to rows."""
        self.judgments["clarity"] = table
        by_query = dict(zip(table["query"], table["score"], strict=True))
        self.clarity = self.samples["query"].map(by_query).to_numpy(np.float64)

    def relevance(self, part: JudgePart, rows: Booleans) -> Doubles:
        """What a real judge said of the chosen rows, (n,), NaN elsewhere and where it gave no judgment."""
        table = self.judgments[part.name]
        said = dict(zip(table["sample_id"], table["score"], strict=True))
        return np.where(rows, self.samples["sample_id"].map(said).to_numpy(np.float64), np.nan)

    def judgments_table(self) -> pd.DataFrame:
        """All judgments of the run, of relevance and of clarity."""
        tables = [table for table in self.judgments.values() if len(table)]
        return pd.concat(tables, ignore_index=True) if tables else NO_JUDGMENTS


def counts_of(names: pd.Series[str]) -> dict[str, int]:
    """How often each non-empty name occurs, the most frequent first."""
    return {str(name): int(count) for name, count in names.value_counts().items() if name}


def open_judge(part: JudgePart) -> Backend:
    """The backend of a real judge; nothing is loaded and nobody is asked yet.

    Raises
    ------
    InputError : settings that do not fit together. MissingExtraError : a package is not installed.
    """
    return make_backend(
        part.kind,
        model=part.model,
        base_url=part.base_url,
        concurrency=part.concurrency,
        endpoints=part.servers,
        revision=part.revision,
        price=part.price,
    )


def build_world(suite: Suite, cache: JudgmentCache, folder: Path | None = None) -> World:
    """Load the samples of a suite and compute what all draws share.

    Parameters
    ----------
    folder : where rows that cannot be used are listed.

    Raises
    ------
    InputError : the data do not fit the suite: no grades for a simulation, no labels for a given log, no rows left.
    """
    part = suite.data
    policy = rows_policy(folder, skip_invalid=part.skip_invalid, strict=part.strict)
    samples = load_samples(part.source, column_map=part.map, split=part.split, limit=part.limit, invalid=policy)
    samples = chosen_by_grade(samples, part)
    keys = samples["query"].map(normalise_query)
    enough = keys.groupby(keys).transform("size") >= part.min_items_per_query
    samples, keys = samples[enough].reset_index(drop=True), keys[enough]
    if samples.empty:
        raise InputError(
            f"no query has {part.min_items_per_query} items", where=part.source, hint="Lower data.min_items_per_query."
        )
    check_labels(suite, samples)
    codes, names = pd.factorize(keys)
    features = TextFeatures.fit(without_grade(samples))
    inputs = features.transform(without_grade(samples))
    blocks = fit_blocks(without_grade(samples), suite.scorer.inputs)
    world = World(
        suite=suite,
        samples=samples,
        features=features,
        inputs=inputs,
        blocks=blocks,
        student_inputs=row_inputs(inputs, blocks, without_grade(samples)),
        target_inputs=READERS[suite.target.kind](without_grade(samples), inputs, suite.target),
        queries=codes.astype(np.intp),
        query_names=[str(name) for name in names],
        clarity=np.full(len(samples), np.nan),
        cache=cache,
    )
    if suite.labels.clarity == "catalogue":
        world.take_clarity(judge_clarity_from_catalogue(without_grade(samples)))
    return world


def chosen_by_grade(samples: pd.DataFrame, part: DataPart) -> pd.DataFrame:
    """The samples with grades from the suite's grades file, reduced to fully graded queries if the suite says so.

    Raises
    ------
    InputError : the file is wrong, or no query has a grade in every row.
    """
    samples = samples if part.grades is None else with_grades(samples, part.grades)
    if not part.only_graded:
        return samples
    whole = samples["grade"].notna().groupby(samples["query"].map(normalise_query)).transform("all")
    if not whole.any():
        raise InputError(
            "no query has a grade in every row",
            where=f"{part.grades or part.source}, field 'grade'",
            hint="Grade all rows of some queries, or leave data.only_graded out.",
        )
    return samples[whole].reset_index(drop=True)


def check_labels(suite: Suite, samples: pd.DataFrame) -> None:
    """Raise if these samples cannot give the log that the suite asks for."""
    if suite.log.kind == "given" and samples["label"].isna().any():
        raise InputError(
            "the samples have no label",
            where=f"{suite.data.source}, field 'label'",
            hint="Map the log's label (clicks, purchases) in the column map, or simulate a log with log.kind.",
        )
    tuned = next((judge.name for judge in suite.judges if judge.reads_grades), None)
    if tuned is not None and samples["grade"].isna().all():
        raise InputError(
            f"judge '{tuned}' is calibrated or weighed by human grades, and there are none",
            where=f"{suite.data.source}, field 'grade'",
            hint="Map the grade, or take its `calibration` or `panel` out.",
        )
    of_grades = ("simulated", "between")
    simulated = suite.log.kind != "given" or any(judge.kind in of_grades for judge in suite.judges)
    if simulated and samples["grade"].isna().any():
        raise InputError(
            "a simulated log or judge needs a grade in every row",
            where=f"{suite.data.source}, field 'grade'",
            hint="Map the grade, or use log.kind: given and a real judge.",
        )
