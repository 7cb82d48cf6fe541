"""``sie distill``: judgments and the log into weak labels, weak labels into a scorer, and the recipe for its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.downstream import choose_recipe, hashed_order, strength_on
from sie_agent.errors import InputError
from sie_agent.features import TextFeatures
from sie_agent.files.manifest import Manifest, command_line, library_versions
from sie_agent.files.outputs import Folder, Work, outputs
from sie_agent.files.paths import user_path
from sie_agent.files.tables import log_hash, write_table
from sie_agent.pipeline import (
    FEWEST_QUERIES,
    Distilled,
    DistillSettings,
    Log,
    Proxies,
    check_models_installed,
    distill_log,
    label_errors_of,
    scorer_of,
    train_proxies,
)
from sie_agent.pipeline.judged_log import FEWEST_JUDGED, Judged, check_paths, read_judgments, relevance_of_all
from sie_agent.pipeline.loading import load_log, samples_hash, source_of
from sie_agent.samples import normalise_query, pair_keys, rows_policy, with_grades, without_grade
from sie_agent.scorer import COLUMNS_FILE, save_scorer, settle_columns, with_log_columns, with_recipe
from sie_agent.selection import POSITIVE_AT, Recipe
from sie_agent.suite import READERS, load_distill_settings
from sie_agent.utils.progress import bar, say
from sie_agent.utils.threads import one_thread
from sie_agent.utils.values import check_values

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
MANIFEST = "manifest.json"


def distill(
    judgments: str | Path | Sequence[str | Path],
    data: str | Path,
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    grades: str | Path | None = None,
    model: str | Sequence[str] | None = None,
    variant: str | None = None,
    by_rank: bool | None = None,
    suite: str | Path | None = None,
    overrides: Sequence[str] = (),
    simulate: str | None = None,
    seed: int = 0,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make weak labels of a judged log, distill a scorer from them, and choose what to train with.

    Writes ``labels.parquet``, ``scorer/``, ``log_columns.parquet`` and ``manifest.json`` into *out*. Labels and scorer
    read no grade. Where the data have grades, the recipe (which target and weights a trainer gets) is chosen on some of
    the graded queries, which are held out of the log for that; see `sie_agent.pipeline.recipes` for the rule.

    Parameters
    ----------
    judgments : file that ``sie label`` wrote, or its folder; several, and of a pair in two the last answer counts.
    data, column_map, split, limit : the log that was judged, as `load_samples` takes it; labels are needed.
    grades : a file with ``sample_id`` and ``grade`` that people filled in; they replace those of the data.
    model, variant : whose judgments, where the files hold several judges'; several models are a panel, whose answer is
        the mean of their ranks.
    by_rank : use only the order of the judge's answers; None: where the judge's scale means nothing (query
        likelihood, cosine, shared words).
    suite : a suite whose settings (``labels``, ``scorer``, ``target``, ``recipe``) to take; overrides : ``key=value``
        settings of these, such as ``labels.proxies=3``.
    simulate : draw the log from the grades, a name in ``LOGS``; seed : of all draws.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.
    out : folder to write into.

    Returns
    -------
    ``labels``, ``scorer``, ``manifest`` (paths), ``rows``, ``judged``, ``without_judgment``, ``model``, ``variant``,
    ``by_rank``, ``mode``, ``weak_labels``, ``recipe`` (``words``, ``chosen``, ``why`` and its numbers).

    Raises
    ------
    InputError : no label in the data, judgments of several judges, judgments of other data, or wrong settings.
    EnvironmentFailure : the folder cannot be written to.

    Examples
    --------
    >>> import sie_agent as sie
    >>> quick = ["labels.proxies=2", "labels.log_columns=false", "target.epochs=1", "recipe.auto=false"]
    >>> result = sie.distill("runs/judged", "sample", "runs/mine", simulate="ranked-clicks", overrides=quick)
    >>> result["rows"], result["weak_labels"]
    (1700, ['relevance', 'value', 'support', 'hardness'])
    """
    check_paths(judgments)
    files = [judgments] if isinstance(judgments, str | Path) else list(judgments)
    check_values(judgments=files, data=data, column_map=column_map, split=split, limit=limit, grades=grades)
    check_values(model=model, variant=variant, suite=suite, simulate=simulate, seed=seed)
    settings = load_distill_settings(suite, overrides)
    check_models_installed(settings.proxy)
    check_no_run(user_path(out))
    place = Folder("--out", out, ("labels.parquet", "scorer/", COLUMNS_FILE, f".{COLUMNS_FILE}.new", MANIFEST))
    reads = {"--judgments": judgment_files(files), "--data": source_of(data), "--map": column_map, "--grades": grades}
    asked: dict[str, Any] = {
        "--split": split,
        "--limit": limit,
        "--model": model,
        "--variant": variant,
        "--by-rank": by_rank,
    }
    asked |= {"--simulate": simulate, "--seed": seed, **settings.model_dump(mode="json")}
    with outputs(Work("distill", reads, asked, uses={"--suite": suite}), place, overwrite=overwrite):
        manifest = Manifest(command_line(), seeds=[seed])
        table, where = read_judgments(files)
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        samples = load_log(
            data, column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed, invalid=policy
        )
        samples = samples if grades is None else with_grades(samples, grades)
        models = [model] if isinstance(model, str) else list(model or ())
        judged = relevance_of_all(table, samples, where, models=models, variant=variant, by_rank=by_rank)
        folder = place.path
        readable = without_grade(samples)
        facts = {"model": judged.model, "variant": judged.variant, "by_rank": judged.by_rank, "mode": "zero-shot"}
        with one_thread():
            with manifest.stage("features"):
                say("Computing text features")
                features = TextFeatures.fit(readable)
                work = Distilling.of(readable, features.transform(readable), judged, settings, seed)
            with manifest.stage("proxies, weak labels, scorer"):
                distilled, proxies = work.distill(log_columns=settings.wants_log_columns)
                about = {**facts, "log_hash": log_hash(samples), "versions": library_versions()}
                scorer = scorer_of(features, work.log, readable["query"], distilled, settings, seed, about)
                errors = label_errors_of(work.log, readable["query"], proxies, distilled, settings, seed)
            with manifest.stage("recipe"):
                grade = samples["grade"].to_numpy(np.float64)
                recipe = work.recipe(distilled, grade, readable["position"].to_numpy(np.float64, na_value=np.nan))
        scorer = with_recipe(scorer, recipe)
        if errors is not None:
            scorer = with_log_columns(scorer, *errors, readable, folder)
        save_scorer(scorer, folder / "scorer")
        settle_columns(folder, scorer)
        labels = {name: values[judged.known] for name, values in distilled.labels.items()}
        ids = readable["sample_id"].to_numpy()[judged.known]
        write_table(pd.DataFrame({"sample_id": ids, **labels}), folder / "labels.parquet")
        count, told = int(judged.known.sum()), describe(recipe)
        manifest.counts.update(samples=len(samples), queries=work.n_queries, judged=count, failed=len(samples) - count)
        manifest.counts["pairs"] = pair_keys(samples).nunique()
        manifest.hashes.update(data=samples_hash(samples), log=log_hash(samples))
        manifest.extra.update(judge=facts, settings=settings.model_dump(mode="json"), recipe=told)
        manifest.write(folder / MANIFEST)
        return {
            "labels": str(folder / "labels.parquet"),
            "scorer": str(folder / "scorer"),
            "manifest": str(folder / MANIFEST),
            "rows": len(samples),
            "judged": count,
            "without_judgment": len(samples) - count,
            "positives": int((samples["label"] >= POSITIVE_AT).sum()),
            "negatives": int((samples["label"] < POSITIVE_AT).sum()),
            "positive_at": POSITIVE_AT,
            **facts,
            "weak_labels": list(scorer.students),
            "label_error": scorer.label_errors is not None,
            "recipe": told,
            "exit_code": 0,
        }


@dataclass(frozen=True)
class Distilling:
    """A judged log, ready to be distilled whole or in part.

    Attributes
    ----------
    names : (n_queries,) the queries, in the order of their codes.
    """

    log: Log
    judged: Judged
    names: Sequence[str]
    settings: DistillSettings
    seed: int

    @classmethod
    def of(
        cls,
        readable: pd.DataFrame,
        inputs: npt.NDArray[np.float32],
        judged: Judged,
        settings: DistillSettings,
        seed: int,
    ) -> Distilling:
        """From the rows without their grades, and their text features."""
        queries, names = pd.factorize(readable["query"].map(normalise_query))
        read = READERS[settings.proxy.kind](readable, inputs, settings.proxy)
        shown = bool(readable["position"].notna().any())
        log = Log(inputs, read, readable["label"].to_numpy(np.float64), queries.astype(np.intp), shown)
        return cls(log, judged, [str(name) for name in names], settings, seed)

    @property
    def n_queries(self) -> int:
        """Number of queries."""
        return len(self.names)

    def distill(self, rows: Booleans | None = None, *, log_columns: bool = False) -> tuple[Distilled, Proxies]:
        """Weak labels and students of the log, or of some of its rows, (n,), and the proxies.

        Parameters
        ----------
        log_columns : also train the proxies that the log's columns are made by.
        """
        log = self.log if rows is None else self.log.take(rows)
        relevance = self.judged.relevance if rows is None else self.judged.relevance[rows]
        with bar("Training proxies", self.settings.labels.proxies + 2 * log_columns) as shown:
            proxies = train_proxies(log, self.settings, self.seed, shown.advance, held_out=log_columns)
        say("Making weak labels and distilling the scorer")
        distilled = distill_log(log, proxies, relevance, self.settings, self.seed, by_rank=self.judged.by_rank)
        return distilled, proxies

    def recipe(self, distilled: Distilled, grade: Doubles, position: Doubles) -> Recipe:
        """The recipe: by graded queries that are held out for it, else by the log.

        Parameters
        ----------
        distilled : of the whole log. grade, position : (n,) NaN where there is none.
        """
        tune = self.tuning_rows(grade)
        kept = ~np.isin(self.log.queries, np.unique(self.log.queries[tune]))
        if not self.settings.recipe.auto or not tune.any() or self.judged.known[kept].sum() < FEWEST_JUDGED:
            everything = np.ones(len(grade), bool)
            return self._chosen(distilled, everything, ~everything, grade, position, by_grades=False)
        say("Choosing target and weights on graded queries that are held out")
        return self._chosen(self.distill(kept)[0], kept, tune, grade, position, by_grades=True)

    def _chosen(
        self,
        distilled: Distilled,
        rows: Booleans,
        tune: Booleans,
        grade: Doubles,
        position: Doubles,
        *,
        by_grades: bool,
    ) -> Recipe:
        relevance, known = self.judged.relevance, np.isfinite(grade)
        judge = strength_on(relevance[known], grade[known], self.log.queries[known], self.seed) if by_grades else None
        return choose_recipe(
            self.log.take(rows),
            distilled,
            relevance[rows],
            self.log.take(tune),
            grade[tune],
            judge,
            self.settings,
            self.seed,
            position=position[rows],
        )

    def tuning_rows(self, grade: Doubles) -> Booleans:
        """(n,) graded rows of the queries to choose on: by hash, the share that is asked for, and twelve at least.

        A query counts where two of its rows differ in grade.
        """
        known = np.isfinite(grade)
        spread = pd.Series(grade[known]).groupby(self.log.queries[known]).nunique()
        useful = set(spread.index[spread > 1].tolist())
        wanted = max(FEWEST_QUERIES, round(self.settings.recipe.tune * self.n_queries))
        chosen = [code for code in hashed_order(self.names, f"{self.seed}\0tune") if code in useful][:wanted]
        return known & np.isin(self.log.queries, chosen)


def judgment_files(files: Sequence[str | Path]) -> list[str | Path]:
    """Of folders of judgments, what `sie label` wrote: a scorer may lie in a folder below it."""
    read: list[str | Path] = []
    for one in files:
        held = [user_path(one) / name for name in ("judgments.parquet", MANIFEST)]
        read += held if held[0].is_file() else [one]
    return read


def check_no_run(folder: Path) -> None:
    """Nothing that is written into *folder* belongs to a run.

    Raises
    ------
    InputError : it does.
    """
    if (folder / "agreement.json").exists():
        raise InputError("is the folder of a run", where=f"--out {folder}", hint="Give a folder of its own.")


def describe(recipe: Recipe) -> dict[str, Any]:
    """What a recipe is, for results and manifests."""
    numbers = {name: getattr(recipe, name) for name in ("blend", "by", "strength", "mean_label", "chosen", "why")}
    return {"words": recipe.words, **numbers}
