"""``sie distill``: judgments and the log into weak labels, weak labels into a scorer, and the recipe for its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.commands.words import yes_lines
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

MANIFEST = "manifest.json"
OF_RECIPE = ("blend", "by", "strength", "preference", "mean_label", "chosen", "why")
NO_LABEL_ERROR = "No label_error: labels are all alike, rows too few, or it is switched off"


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
    inputs: str | None = None,
    suite: str | Path | None = None,
    overrides: Sequence[str] = (),
    simulate: str | None = None,
    seed: int = 0,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make weak labels of a judged log, distill the scorer, and choose what to train with.

    Writes labels.parquet, scorer/, log_columns.parquet and manifest.json. The log's own labels are needed. Human grades
    are not, and labels and scorer read none; where there are some, the recipe (which target and weights a trainer gets)
    is chosen on some of the graded queries, which are held out of the log for that.

    Parameters
    ----------
    judgments : File that ``sie label`` wrote, or its folder; can be repeated, and if a pair is in several files,
        the last answer counts.
    data, column_map, split, limit : the log that was judged, as `load_samples` takes it; labels are needed.
    out : Folder to write into.
    grades : File with sample_id and grade (0 to 1) that people filled in, for the recipe; in place of the data's.
    model : Whose judgments, if there are several models'. Repeated: a panel of them, whose answer is the mean of their
        ranks.
    variant : Which prompt's judgments, if the file has several.
    by_rank : Use only the order of the judge's answers, or their degree; otherwise the variant decides (the order,
        where its scale means nothing: query likelihood, cosine, shared words).
    inputs : What the scorer reads: text, and behind it, with commas between, embedding (sentence vectors by MiniLM;
        embedding:static is faster, embedding:FOLDER another encoder) and behaviour (columns shopper_*). Otherwise the
        suite decides, or the text alone.
    suite : Take labels, scorer, target and recipe settings from this suite.
    overrides : One such setting, say labels.proxies=3; can be repeated.
    simulate, seed : draw the log from the grades, a name in ``LOGS``; seed of all draws.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    ``labels``, ``scorer``, ``manifest`` (paths), ``rows``, ``judged``, ``without_judgment``, ``model``, ``variant``,
    ``by_rank``, ``mode``, ``weak_labels``, ``inputs``, ``recipe`` (``words``, ``chosen``, ``why`` and its numbers).

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
    import numpy as np
    import pandas as pd

    from sie_agent.commands.distilling import Distilling
    from sie_agent.features import TextFeatures
    from sie_agent.files.manifest import Manifest, command_line, library_versions
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline import check_models_installed, label_errors_of, scorer_of
    from sie_agent.pipeline.judged_log import check_paths, check_preference, read_judgments, relevance_of_all
    from sie_agent.pipeline.loading import load_log, samples_hash, source_of
    from sie_agent.samples import pair_keys, rows_policy, with_grades, without_grade
    from sie_agent.samples.tables import log_hash, write_table
    from sie_agent.scorer import (
        COLUMNS_FILE,
        fit_blocks,
        inputs_named,
        save_scorer,
        settle_columns,
        with_log_columns,
        with_recipe,
    )
    from sie_agent.selection import POSITIVE_AT
    from sie_agent.suite import load_distill_settings
    from sie_agent.utils.threads import one_thread

    check_paths(judgments)
    files = [judgments] if isinstance(judgments, str | Path) else list(judgments)
    check_values(judgments=files, data=data, column_map=column_map, split=split, limit=limit, grades=grades)
    check_values(model=model, variant=variant, inputs=inputs, suite=suite, simulate=simulate, seed=seed)
    settings = load_distill_settings(suite, overrides)
    if inputs is not None:
        scorer_part = settings.scorer.model_copy(update={"inputs": inputs_named(inputs, "--inputs")})
        settings = settings.model_copy(update={"scorer": scorer_part})
    check_models_installed(settings.proxy)
    check_no_run(user_path(out))
    place = Folder("--out", out, ("labels.parquet", "scorer/", COLUMNS_FILE, f".{COLUMNS_FILE}.new", MANIFEST))
    reads = {"--judgments": judgment_files(files), "--data": source_of(data), "--map": column_map, "--grades": grades}
    asked: dict[str, Any] = {"--split": split, "--limit": limit, "--model": model, "--variant": variant}
    asked |= {"--by-rank": by_rank, "--simulate": simulate, "--seed": seed, **settings.model_dump(mode="json")}
    with outputs(Work("distill", reads, asked, uses={"--suite": suite}), place, overwrite=overwrite):
        manifest = Manifest(command_line(), seeds=[seed])
        table, where = read_judgments(files)
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "invalid": policy}
        samples = load_log(data, simulate=simulate, seed=seed, **rows)
        samples = samples if grades is None else with_grades(samples, grades)
        models = [model] if isinstance(model, str) else list(model or ())
        judged = relevance_of_all(table, samples, where, models=models, variant=variant, by_rank=by_rank)
        check_preference(judged, settings.recipe.preference, where)
        folder = place.path
        readable = without_grade(samples)
        facts = {"model": judged.model, "variant": judged.variant, "by_rank": judged.by_rank, "mode": judged.mode}
        facts |= {} if judged.preference_by is None else {"preference": judged.preference_by}
        with one_thread():
            with manifest.stage("features"):
                say("Computing text features")
                features = TextFeatures.fit(readable)
                blocks = fit_blocks(readable, settings.scorer.inputs)
                work = Distilling.of(readable, features.transform(readable), judged, settings, seed, blocks)
            with manifest.stage("proxies, weak labels, scorer"):
                distilled, proxies = work.distill(log_columns=settings.wants_log_columns)
                about = {**facts, "log_hash": log_hash(samples), "versions": library_versions()}
                scorer = scorer_of(features, work.log, readable["query"], distilled, settings, seed, about, blocks)
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
        count = int(judged.known.sum())
        told = {"words": recipe.words, **{name: getattr(recipe, name) for name in OF_RECIPE}}
        manifest.counts.update(samples=len(samples), queries=len(work.names), judged=count, failed=len(samples) - count)
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
            "inputs": list(settings.scorer.inputs),
            "label_error": scorer.label_errors is not None,
            "recipe": told,
            "exit_code": 0,
        }


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


def lines(result: dict[str, Any]) -> list[str]:
    """The result as it is printed."""
    scale = "its order only" if result["by_rank"] else "its degrees"
    judge = f"{result['model']} ({result['variant']}; {scale})"
    more = f" from {', '.join(result['inputs'])}" if len(result["inputs"]) > 1 else ""
    return [
        f"{result['judged']:,} of {counted(result['rows'], 'row')} judged, by {judge}",
        *yes_lines(result["positives"], result["negatives"], result["positive_at"]),
        f"Weak labels: {result['labels']}",
        f"Scorer for {', '.join(result['weak_labels'])}{more}: {result['scorer']}",
        *([] if result["label_error"] else [NO_LABEL_ERROR]),
        f"Train with {result['recipe']['words']}: {result['recipe']['why']}",
    ]


VERB = Verb(
    distill,
    lines,
    examples=(
        "sie distill --judgments runs/labels/judgments.parquet --data log.csv --map map.yaml --out runs/scorer",
        "sie distill --judgments runs/labels --data sample --simulate ranked-clicks --out runs/scorer",
        "sie distill --judgments runs/labels --data log.csv --suite suite.yaml --set labels.proxies=3 "
        "--out runs/scorer",
    ),
    options={"out": OUT_FOLDER, "by_rank": Option(flag="--by-rank/--by-degree"), "suite": Option("SUITE")},
)
