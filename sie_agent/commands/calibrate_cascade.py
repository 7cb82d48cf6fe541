"""``sie calibrate-cascade``: levels that settle pairs one after the other, with a guarantee on what each settles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.cascade_lines import calibration_lines
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.values import check_values

AGREE_ON = ("relevant", "level")


def calibrate_cascade(
    levels: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    grades: str | Path | None = None,
    alpha: float = 0.1,
    delta: float = 0.05,
    agree_on: str = "relevant",
    relevant_at: float = 0.75,
    tune: float = 0.5,
    seed: int = 0,
    seen: Sequence[str | Path] = (),
    max_cost: float | None = None,
    retry_failed: bool = False,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Find how sure each level of a cascade has to be to settle a pair; writes cascade.json and manifest.json.

    Levels are asked in their order, each about what those before left. With a probability of at least 1 - delta,
    people agree with at least 1 - alpha of what a level settles, for all levels at once. Thresholds are tested on
    graded queries of their own, one path for each level, by tests whose units are queries. What a level settles is
    shown on further queries, beside what the best constant answer would agree. `sie label --cascade` uses the file.

    Parameters
    ----------
    levels : YAML file that lists the levels.
    data, column_map, split, limit : as `load_samples` takes them.
    out : Folder to write into.
    grades : File with sample_id and grade, beside the grades of the data.
    alpha : Disagreement with people that is allowed among what a level settles.
    delta : Probability with which some level may disagree more.
    agree_on : relevant (or not), or level (the nearest grade).
    relevant_at : Grade from which on a pair counts as relevant.
    tune : Share of the graded queries that thresholds are tested on; half of the others are for curves, half for the
        figures.
    seed : of the query sets.
    seen : File with a column query: queries that a scorer was distilled on or a judge was calibrated on, which are
        left out; can be repeated.
    max_cost : stop before the answers of this run cost more, in USD.
    retry_failed : ask again where the cache holds a lasting failure.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    ``cascade`` (path), and what the file holds: ``levels``, ``alpha``, ``delta``, ``mode``, ``people`` and the counts.

    Raises
    ------
    InputError : the file of levels, the data or a judge is wrong; no or too few graded queries; the limit on cost was
        reached.
    EnvironmentFailure : a server or the disk is in the way.

    Examples
    --------
    >>> import sie_agent as sie
    >>> _ = open("levels.yaml", "w").write(
    ...     "levels: [{name: words, kind: judge, backend: lexical, variant: relevance/lexical}, {kind: person}]"
    ... )
    >>> found = sie.calibrate_cascade("levels.yaml", "sample", "runs/cascade", alpha=0.3)
    >>> [level["name"] for level in found["levels"]]
    ['words', 'person']
    """
    from sie_agent.cascade import load_levels
    from sie_agent.commands.cascade_askers import AskingLimits, askers_of, check_agents, judge_files
    from sie_agent.commands.cascade_calibrating import Aim, calibrated
    from sie_agent.commands.cascade_seen import seen_queries
    from sie_agent.files.manifest import Manifest, command_line
    from sie_agent.files.typed_json import write_document
    from sie_agent.judging import JudgmentCache
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline.loading import load_log, source_of
    from sie_agent.results.cascade import CascadeFile
    from sie_agent.samples import query_keys, rows_policy, with_grades

    check_values(levels=levels, data=data, column_map=column_map, split=split, limit=limit, grades=grades, seen=seen)
    check_values(alpha=alpha, delta=delta, relevant_at=relevant_at, tune=tune, seed=seed, max_cost=max_cost)
    if agree_on not in AGREE_ON:
        raise InputError(f"expected one of {', '.join(AGREE_ON)}, found '{agree_on}'", where="--agree-on")
    settings = load_levels(levels)
    check_agents(levels, settings)
    aim = Aim(alpha, delta, agree_on, relevant_at, tune, seed)
    reads = {"--levels": levels, "--data": source_of(data), "--map": column_map, "--grades": grades}
    reads |= {f"--seen {number}": file for number, file in enumerate(seen)} | judge_files(settings)
    asked: dict[str, Any] = {
        "--split": split,
        "--limit": limit,
        "--alpha": alpha,
        "--delta": delta,
        "--agree-on": agree_on,
    }
    asked |= {"--relevant-at": relevant_at, "--tune": tune, "--seed": seed, "levels": settings.model_dump(mode="json")}
    work = Work("calibrate-cascade", reads, asked)
    place = Folder("--out", out, ("cascade.json", "manifest.json"))
    manifest = Manifest(command_line())
    with askers_of(settings, max_cost) as askers, outputs(work, place, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "invalid": policy}
        samples = load_log(data, label_needed=False, allow_missing_labels=True, **rows)
        samples = samples if grades is None else with_grades(samples, grades)
        graded = samples[samples["grade"].notna()]
        left_out, known = seen_queries(graded, settings, seen)
        used = samples[~query_keys(samples["query"]).isin(left_out)].reset_index(drop=True)
        with JudgmentCache(cache_path) as cache, manifest.stage("calibrating"):
            limits = AskingLimits(cache, retry_failed, max_cost)
            content = calibrated(used, settings, askers, limits, aim)
        content |= {"n_seen": len(left_out), "seen": known, "made_by": work.as_dict()}
        found = write_document(place.path / "cascade.json", CascadeFile, content)
        account = limits.account
        manifest.counts.update(pairs=len(used), graded=int(used["grade"].notna().sum()), asked=account.asked)
        manifest.tokens.update(input=account.input_tokens, output=account.output_tokens)
        manifest.cost = account.cost
        manifest.seeds.append(seed)
        manifest.extra["mode"] = found.mode
        manifest.write(place.path / "manifest.json")
    told = found.model_dump(mode="json", exclude={"format", "made_by"})
    cost = {"asked": account.asked, "cost": account.cost}
    return {"cascade": str(place.path / "cascade.json"), **told, **cost, "exit_code": 0}


VERB = Verb(
    calibrate_cascade,
    calibration_lines,
    examples=(
        "sie calibrate-cascade levels.yaml --data log.csv --out runs/cascade",
        "sie calibrate-cascade levels.yaml --data log.csv --grades grades.csv --alpha 0.15 --max-cost 5 \\",
        "    --seen runs/labels/judgments.parquet --out runs/cascade",
        "sie label --data log.csv --cascade runs/cascade/cascade.json --out runs/labels",
    ),
    options={
        "out": OUT_FOLDER,
        "levels": Option("LEVELS.yaml", argument=True),
        "alpha": Option("SHARE"),
        "delta": Option("SHARE"),
        "tune": Option("SHARE"),
        "seen": Option("FILE"),
    },
)
