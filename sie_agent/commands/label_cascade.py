"""``sie label --cascade``: what is checked before the levels are asked."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError
from sie_agent.utils.values import check_values


def by_cascade(
    data: str | Path,
    out: str | Path,
    cascade: str | Path,
    retry_failed: bool,
    cache_path: str | Path | None,
    log_json: str | Path | None,
    *,
    column_map: str | Path | None,
    split: str | None,
    limit: int | None,
    max_cost: float | None,
    skip_invalid: bool,
    strict: bool,
    overwrite: bool,
) -> dict[str, Any]:
    """:func:`label` with a calibrated cascade in place of a judge."""
    from sie_agent.cascade import cascade_file
    from sie_agent.commands.cascade_askers import judge_files
    from sie_agent.commands.cascade_labelling import SHEET, TRACES, label_by_cascade, load_task
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.outputs import File, Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import rows_policy

    check_values(data=data, column_map=column_map, split=split, limit=limit, max_cost=max_cost, cascade=cascade)
    task = load_task(cascade, cache_path, retry_failed, max_cost)
    place = Folder("--out", out, ("judgments.parquet", "manifest.json", SHEET, TRACES))
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {
        "--data": source_of(data),
        "--map": column_map,
        "--cascade": cascade_file(cascade),
        **judge_files(task.settings),
    }
    settings = {"--split": split, "--limit": limit, "cascade": task.file.levels_hash}
    work = Work("label", reads, settings, grows=("--limit",))
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        log = LogRows(data, column_map, split, limit, policy, allow_missing_labels=False)
        return label_by_cascade(place.path, log, task, log_json)


def refuse_beside_cascade(**given: Any) -> None:
    """A cascade names its judges and variants itself.

    Raises
    ------
    InputError : names the first option that says otherwise.
    """
    judge = given.pop("judge", None)
    if isinstance(judge, Judge):
        # each field is an option of its own
        usual = Judge()
        given |= {one.name: getattr(judge, one.name) for one in fields(judge) if judge != usual}
        given = {name: value for name, value in given.items() if value != getattr(usual, name, None)}
    elif judge not in (None, "local"):
        given["backend"] = judge
    for name, value in given.items():
        if value not in (None, (), [], False):
            problem = "a cascade names its judges and variants itself"
            raise InputError(problem, where=f"--{name.replace('_', '-')}", hint="Leave it out beside --cascade.")
