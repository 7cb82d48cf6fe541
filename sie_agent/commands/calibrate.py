"""``sie calibrate``: from the judgments of a judge to probabilities, by graded pairs or a stated share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import Option, Verb
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values


def calibrate(
    judgments: str | Path | Sequence[str | Path],
    data: str | Path,
    out: str | Path,
    *,
    method: str = "isotonic",
    prior: float | None = None,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    grades: str | Path | None = None,
    model: str | None = None,
    variant: str | None = None,
    relevant_at: float = 0.75,
    tune: float = 0.5,
    seed: int = 0,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fit what makes a judge's judgments probabilities that a pair is relevant; writes one JSON file.

    It is fitted on tuning queries alone. Calibration error and Brier score, before and after, are of tuning queries,
    each calibrated by a fit that has not seen it, and of test queries. `sie label --calibration` and suites apply it.

    Parameters
    ----------
    judgments : File that ``sie label`` wrote, or its folder; can be repeated.
    data, column_map, split, limit : as `load_samples` takes them.
    out : File to write.
    method : isotonic or platt (from grades), or prior (from a stated share of relevant pairs, without grades).
    prior : Share of relevant pairs, with --method prior.
    grades : File with sample_id and grade, beside the grades of the data.
    model, variant : Whose judgments, where the file holds several.
    relevant_at : Grade from which on a pair counts as relevant.
    tune : Share of the graded queries to fit on; the others are for the test.
    seed : of the query sets.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.

    Returns
    -------
    ``calibration`` (path), and what the file holds: ``method``, ``mode``, ``variant``, ``model``, ``n_grades``,
    ``n_queries``, ``relevant_at``, ``share``, ``cross_fitted``, ``test`` (each None without grades).

    Raises
    ------
    InputError : no grades that the method needs, too few, or all alike; judgments of several judges or of other data.
    EnvironmentFailure : the file cannot be written.

    Examples
    --------
    >>> import sie_agent as sie
    >>> _ = sie.label("sample", "runs/words", variant="relevance/lexical", judge=sie.Judge("lexical"))
    >>> fitted = sie.calibrate("runs/words", "sample", "runs/words.json", method="platt")
    >>> fitted["mode"], fitted["test"]["brier_after"] < fitted["test"]["brier_before"]
    ('gold-calibrated (849 grades)', True)
    """
    from sie_agent.commands.calibrating import fitted_file, work_of
    from sie_agent.commands.distill import judgment_files
    from sie_agent.files.typed_json import write_document
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.pipeline.judged_log import check_paths, read_judgments, relevance_of
    from sie_agent.pipeline.loading import load_log, source_of
    from sie_agent.results.calibration import CalibrationFile
    from sie_agent.samples import rows_policy, with_grades

    check_paths(judgments)
    files = [judgments] if isinstance(judgments, str | Path) else list(judgments)
    check_values(judgments=files, data=data, column_map=column_map, split=split, limit=limit, grades=grades)
    check_values(
        model=model, variant=variant, relevant_at=relevant_at, tune=tune, seed=seed, prior=prior, method=method
    )
    reads = {"--judgments": judgment_files(files), "--data": source_of(data), "--map": column_map, "--grades": grades}
    asked = {"--method": method, "--prior": prior, "--split": split, "--limit": limit, "--model": model}
    asked |= {"--variant": variant, "--relevant-at": relevant_at, "--tune": tune, "--seed": seed}
    work = Work("calibrate", reads, asked)
    place = File("--out", out)
    with outputs(work, place, overwrite=overwrite, own=work_of):
        target = place.path
        table, where = read_judgments(files)
        policy = rows_policy(target.parent, skip_invalid=skip_invalid, strict=strict, data=data)
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "invalid": policy}
        samples = load_log(data, label_needed=False, allow_missing_labels=True, **rows)
        samples = samples if grades is None else with_grades(samples, grades)
        judged = relevance_of(as_judged(table), samples, where, model=model, variant=variant)
        how = {"method": method, "prior": prior, "relevant_at": relevant_at}
        content = fitted_file(samples, judged, how, tune=tune, seed=seed)
        found = write_document(target, CalibrationFile, {**content, "made_by": work.as_dict()})
    told = found.model_dump(mode="json", exclude={"format", "scores", "values", "slope", "intercept", "made_by"})
    return {"calibration": str(target), **told, "exit_code": 0}


def as_judged(table: Any) -> Any:
    """Judgments as the model gave them, where they were calibrated before."""
    if "raw_score" not in table:
        return table
    return table.assign(score=table["raw_score"].fillna(table["score"])).drop(columns=["raw_score", "mode"])


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    of = f"{result['model']} ({result['variant']})"
    yield f"Calibration of {of}, {result['method']}: {result['mode']}"
    queries = counted(result["n_queries"], "tuning query")
    yield f"  fitted on      {queries}"
    for name, title in (("cross_fitted", "cross-fitted"), ("test", "test queries")):
        found = result[name]
        if found is None or found["ece_before"] is None:
            continue
        errors = f"calibration error {found['ece_before']:.3f} -> {found['ece_after']:.3f}"
        brier = f"Brier score {found['brier_before']:.3f} -> {found['brier_after']:.3f}"
        ends = "" if found["ci_low"] is None else f" [{found['ci_low']:+.3f}, {found['ci_high']:+.3f}]"
        change = f"{found['brier_change']:+.3f}{ends}"
        yield f"  {title:<14} {errors}, {brier} ({change}; {counted(found['n_pairs'], 'pair')})"
    if result["test"] is None:
        yield "  no grades      what it is worth is not known"
    yield f"Calibration: {result['calibration']}"


VERB = Verb(
    calibrate,
    lines,
    examples=(
        "sie calibrate --judgments runs/labels --data log.csv --grades grades.csv --out calibration.json",
        "sie calibrate --judgments runs/labels --data log.csv --method prior --prior 0.3 --out calibration.json",
        "sie label --data log.csv --variant relevance/graded --calibration calibration.json --out runs/calibrated",
    ),
    options={"out": Option("FILE.json"), "prior": Option("SHARE"), "tune": Option("SHARE")},
)
