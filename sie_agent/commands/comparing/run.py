"""The work of ``sie compare-prompts``, with everything checked and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.comparing.arms import Arm, Asking, asking, judge_each, not_comparable
from sie_agent.commands.comparing.grades import grades_from_sheet, sheet_to_grade
from sie_agent.commands.comparing.plan import planned
from sie_agent.commands.comparing.stability import stability_of
from sie_agent.commands.comparing.until import judge_until_decided
from sie_agent.commands.judges import Judge
from sie_agent.comparison.compared import comparable_judgments, compare_judgments
from sie_agent.comparison.decide import Decision
from sie_agent.comparison.repeats import sampled
from sie_agent.errors import InputError
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.files.typed_json import write_document
from sie_agent.judging import is_lasting
from sie_agent.report import write_comparison_page
from sie_agent.results import Comparison
from sie_agent.samples import InvalidRows, load_samples
from sie_agent.samples.tables import write_table
from sie_agent.suite.failed import as_rows, nobody_left, reasons_of
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.collecting import rare_collection


@dataclass(frozen=True)
class ComparisonTask:
    """What is compared and how, as the parameters of :func:`sie_agent.compare_prompts`.

    Attributes
    ----------
    source : column map, split and limit of the data. arms : every variant with every judge. judges : by name.
    """

    data: str | Path
    source: Mapping[str, Any]
    arms: Sequence[Arm]
    judges: Mapping[str, Judge]
    cache_path: str | Path | None
    retry_failed: bool
    max_cost: float | None
    relevant_at: float
    decide_by: str
    margin: float
    until_decided: bool
    batch: int
    seed: int
    stability: int | None
    repeats: int
    grade_next: int | None
    out_sheet: str | Path | None
    whole_queries: bool
    grades: str | Path | None

    def samples(self, policy: InvalidRows | None) -> tuple[pd.DataFrame, Doubles | None, int]:
        """The samples with their grades; with a sheet, the chance (n,) of each of its grades, and how many it gave.

        Raises
        ------
        InputError : the data or the sheet are wrong; no grades to decide by; no pair left to grade.
        """
        loaded = load_samples(self.data, invalid=policy, **self.source)
        samples, chances, given = loaded, None, 0
        if self.grades is not None:
            samples, chances, given = grades_from_sheet(loaded, self.grades)
        if self.until_decided and samples["grade"].isna().all():
            hint = "Map the human grade in the column map, or leave --until out."
            raise InputError("there are no grades to decide by", where="--until", hint=hint)
        if self.grade_next is not None and samples["grade"].notna().all():
            raise InputError("every pair has a grade: there is none to choose", where="--grade-next")
        return samples, chances, given

    def chosen(self, samples: pd.DataFrame) -> pd.DataFrame | None:
        """The pairs that are asked again; None where none is to be."""
        return None if self.stability is None else sampled(samples, self.stability)


def planned_task(task: ComparisonTask, policy: InvalidRows | None) -> dict[str, Any]:
    """What the task would ask, cost and take; asks no judge and writes nothing."""
    from sie_agent.commands.comparing.arms import check_prices

    check_prices(task.arms, task.max_cost)
    samples, _, _ = task.samples(policy)
    how = {"cache_path": task.cache_path, "retry_failed": task.retry_failed}
    return planned(samples, task.arms, task.chosen(samples), task.repeats, **how)


def compare_into(
    folder: Path, task: ComparisonTask, policy: InvalidRows | None, log_json: str | Path | None
) -> dict[str, Any]:
    """Judge and compare; writes comparison.json, its page, judgments.parquet and manifest.json into *folder*."""
    samples, chances, given = task.samples(policy)
    manifest = Manifest(command_line())
    how = {"retry_failed": task.retry_failed, "max_cost": task.max_cost}
    with rare_collection(), log_events(log_json), asking(task.cache_path, manifest, **how) as asked:
        event("start", data=str(task.data), arms=[arm.name for arm in task.arms])
        settled, batches = None, []
        if task.until_decided:
            rule: dict[str, Any] = {"decide_by": task.decide_by, "margin": task.margin}
            until = judge_until_decided(samples, task.arms, asked, batch=task.batch, seed=task.seed, **rule)
            if chances is not None:
                known = pd.Series(chances, index=samples["sample_id"].to_numpy(object))
                chances = np.asarray(known.loc[until.samples["sample_id"].to_numpy(object)], np.float64)
            samples, tables, settled, batches = until.samples, until.tables, until.decision, until.batches
        else:
            tables = judge_each(samples, task.arms, asked)
        result = compared(samples, tables, task, asked, settled, chances)
        if (chosen := task.chosen(samples)) is not None:
            result["stability"] = stability_of(task.arms, tables, chosen, task.repeats, result["levels"], asked)
        result |= {"batches": batches, "graded_by_sheet": given}
        if task.grade_next is not None and task.out_sheet is not None:
            how_many = {"seed": task.seed, "whole_queries": task.whole_queries}
            # an arm that failed completely must not leave every pair out
            kept = {row["variant"]: tables[row["variant"]] for row in result["variants"]}
            result["sheet"] = sheet_to_grade(task.out_sheet, samples, kept, task.grade_next, **how_many)
        event("end", asked=asked.account.asked, failed=asked.account.failed, cost=asked.account.cost)
        return written(folder, result, samples, tables, task, asked)


def compared(
    samples: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    task: ComparisonTask,
    asked: Asking,
    settled: Decision | None,
    chances: Doubles | None,
) -> dict[str, Any]:
    """The figures, with what each arm cost, and who failed.

    Raises
    ------
    EnvironmentFailure : no arm gave a judgment that can be compared.
    """
    kept, apart = comparable_judgments(samples, tables)
    failures = [*asked.failures.values(), *(not_comparable(tables[name], name, kept) for name in apart)]
    if not kept:
        raise nobody_left("no variant gave a judgment that can be compared", failures)
    if settled is not None and set(settled.means) != set(kept):
        settled = None
    with asked.manifest.stage("comparison"):
        rule: dict[str, Any] = {"relevant_at": task.relevant_at, "decide_by": task.decide_by, "margin": task.margin}
        result: dict[str, Any] = compare_judgments(samples, kept, settled=settled, chances=chances, **rule)
    arms = {arm.name: arm for arm in task.arms}
    for row in result["variants"]:
        arm, table = arms[row["variant"]], kept[row["variant"]]
        row |= {"prompt": arm.prompt, "judge": arm.by, "cost": asked.cost_of(arm, table)}
        row["reasons"] = reasons_of(table).as_list()
    order = list(arms)
    if order[0] not in kept:
        told = f"{order[0]} failed, so {result['baseline']} is the base of the comparison."
        result["note"] = " ".join(filter(None, (told, result.get("note"))))
    result["failed"] = as_rows(sorted(failures, key=lambda one: order.index(one.name)), "variant")
    return result


def written(
    folder: Path,
    result: dict[str, Any],
    samples: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    task: ComparisonTask,
    asked: Asking,
) -> dict[str, Any]:
    """The result with what was spent, in files."""
    joined = pd.concat([table.assign(arm=name) for name, table in tables.items()], ignore_index=True)
    missing = joined["score"].isna()
    failed = int(missing.sum()) + len(samples) * (len(task.arms) - len(tables))
    spent = asked.spent()
    manifest = asked.manifest
    manifest.counts.update(samples=len(samples), judged=len(joined), cached=int(joined["cached"].sum()), failed=failed)
    manifest.extra["failed"] = result["failed"]
    manifest.tokens.update(spent["tokens"])
    manifest.cost = spent["cost"]
    lasting = sum(map(is_lasting, joined.loc[missing, "status"]))
    result = {**result, **spent, "failed_for_good": lasting, "n_without_grade": failed}
    write_table(joined, folder / "judgments.parquet")
    write_document(folder / "comparison.json", Comparison, result)
    manifest.write(folder / "manifest.json")
    result["page"] = str(write_comparison_page(folder, Comparison.model_validate(result)))
    return result
