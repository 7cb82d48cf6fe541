"""``sie distill``: judgments and the log into weak labels, weak labels into a scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.attribution import Rows, pairs_within, train
from sie_agent.errors import InputError
from sie_agent.judging import judge_clarity_from_catalogue
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.progress import bar, say
from sie_agent.run import Manifest, command_line, library_versions
from sie_agent.samples import TextFeatures, log_hash, normalise_query, read_table, without_grade, write_table
from sie_agent.scorer import distil_scorer, save_scorer
from sie_agent.verbs.common import load_log, samples_hash, training_settings, writable_folder
from sie_agent.verbs.evidence import Judged, clarity_of, relevance_of

PROXY_SEEDS = 5_000


def distil(
    judgments: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    model: str | None = None,
    variant: str | None = None,
    by_rank: bool | None = None,
    proxies: int = 6,
    simulate: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Make weak labels of a judged log and distil a scorer from them.

    Writes ``labels.parquet``, ``scorer/`` and ``manifest.json`` into *out*. No grade is read.

    Parameters
    ----------
    judgments : file that ``sie label`` wrote, or its folder. Clarity is taken from it where it is there, else
        computed from the catalogue (Cronen-Townsend 2002).
    data, column_map, split, limit : the log that was judged, as `load_samples` takes it; labels are needed.
    model, variant : whose judgments, where the file holds several judges'.
    by_rank : use only the order of the judge's answers; None: where the judge's scale means nothing (query
        likelihood, cosine, shared words).
    proxies : how many cheap models ``value`` is averaged over.
    simulate : draw the log from the grades, by a name in ``LOGS``; seed : of all draws.

    Returns
    -------
    ``labels``, ``scorer``, ``manifest`` (paths), ``rows``, ``judged``, ``without_judgment``, ``model``,
    ``variant``, ``by_rank``, ``clarity`` (``judged`` or ``catalogue``), ``pool_loss``, ``weak_labels``.

    Raises
    ------
    InputError : no label in the data, judgments of several judges, or judgments of other data.
    EnvironmentFailure : the folder cannot be written to.
    """
    if proxies < 1:
        raise InputError(f"proxies is {proxies}", where="--proxies", mend="Give a whole number of at least 1.")
    manifest = Manifest(command_line(), seeds=[seed])
    path = Path(judgments).expanduser()
    path = path / "judgments.parquet" if path.is_dir() else path
    table = read_table(path, required=("sample_id", "query", "aspect", "score", "status"))
    samples = load_log(data, column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed)
    judged = relevance_of(table, samples, str(path), model=model, variant=variant, by_rank=by_rank)
    folder = writable_folder(out)
    readable = without_grade(samples)
    with manifest.stage("features and clarity"):
        say("Computing text features")
        features = TextFeatures.fit(readable)
        inputs = features.transform(readable)
        clarity, clarity_from = clarity_of(table, readable)
        if clarity_from == "catalogue":
            by_query = judge_clarity_from_catalogue(readable).set_index("query")["score"]
            clarity = readable["query"].map(by_query).to_numpy(np.float64)
    with manifest.stage("proxies and weak labels"):
        log = as_rows(inputs, readable)
        evidence = gather(log, judged, clarity, proxies, seed)
        labels = pd.DataFrame({"sample_id": readable["sample_id"].to_numpy()[judged.known]})
        for name, make in WEAK_LABELS.items():
            labels[name] = make(evidence)
    facts = {
        "model": judged.model,
        "variant": judged.variant,
        "by_rank": judged.by_rank,
        "clarity": clarity_from,
        "pool_loss": evidence.settings.pool_loss,
        "mode": "zero-shot",
    }
    with manifest.stage("scorer"):
        say("Distilling the scorer")
        scorer = distil_scorer(
            readable[judged.known],
            labels,
            features=features,
            seed=seed,
            about={**facts, "log_hash": log_hash(samples), "versions": library_versions()},
        )
        save_scorer(scorer, folder / "scorer")
    write_table(labels, folder / "labels.parquet")
    count = int(judged.known.sum())
    manifest.counts.update(
        samples=len(samples),
        queries=int(samples["query"].nunique()),
        judged=count,
        failed=len(samples) - count,
    )
    manifest.hashes.update(data=samples_hash(samples), log=log_hash(samples))
    manifest.extra["judge"] = facts
    manifest.write(folder / "manifest.json")
    return {
        "labels": str(folder / "labels.parquet"),
        "scorer": str(folder / "scorer"),
        "manifest": str(folder / "manifest.json"),
        "rows": len(samples),
        "judged": count,
        "without_judgment": len(samples) - count,
        **facts,
        "weak_labels": list(scorer.students),
        "exit_code": 0,
    }


def as_rows(inputs: np.ndarray[Any, np.dtype[np.float32]], samples: pd.DataFrame) -> Rows:
    """The log as models see it: features, label, and a code per query."""
    queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
    return Rows(inputs, samples["label"].to_numpy(np.float32), queries)


def gather(
    log: Rows, judged: Judged, clarity: np.ndarray[Any, np.dtype[np.float64]], proxies: int, seed: int
) -> Evidence:
    """Train the proxies on the whole log; put together what weak labels of the judged rows may read."""
    settings = training_settings(len(log.targets))
    seeds = [10_000 * seed + PROXY_SEEDS + one for one in range(proxies)]
    trained = []
    with bar("Training proxies", proxies) as shown:
        for one in seeds:
            trained.append(train(log.features, log.targets, settings, one)[-1])
            shown.advance()
    relevance = judged.relevance[judged.known]
    rows = log.take(judged.known)
    pool = Rows(rows.features, relevance.astype(np.float32), rows.queries)
    pairs = pairs_within(pool.queries)
    ordered = bool((pool.targets[pairs.better] != pool.targets[pairs.worse]).any())
    if not ordered:
        say("No query has two items that the judge tells apart: `value` is taken on the mean loss")
    return Evidence(
        rows=rows,
        relevance=relevance,
        clarity=clarity[judged.known],
        proxies=trained,
        pool=pool,
        settings=LabelSettings(pool_loss="ranking" if ordered else "mean", by_rank=judged.by_rank),
    )
