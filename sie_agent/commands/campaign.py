"""``sie campaign``: a whole job within a budget, from a log to weights, a scorer and a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.campaigning.lines import lines
from sie_agent.commands.verb import OUT_FOLDER, Option, Verb
from sie_agent.errors import InputError, SieError
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    from sie_agent.campaign import Goal

PARTS = (
    *("campaign.json", "campaign.html", "journal.md", "journal.jsonl", "steps.sqlite", "answers.sqlite"),
    *("log.parquet", "pilot.parquet", "test-grades.parquet", "sheet.csv", "scores.parquet", "weights.parquet"),
    *("levels.yaml", "cascade-grades.parquet", "batch.parquet", "rest.parquet", "cascade/", "rest/"),
    *("running/", "pilot/", "labels/", "model/"),
)


def run_campaign(
    goal: str | Path,
    out: str | Path | None = None,
    *,
    approve: bool = False,
    yes: float | None = None,
    grades: str | Path | None = None,
    dry_run: bool = False,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Plan and carry out a whole job within a budget: pilot, choose a judge, judge the log, distill, weigh, evaluate.

    Stops before anything of the budget is spent, and where people must grade (exit code 3), and says how to go on. To
    go on, also after a kill, give the same command again. Every decision is in journal.md with its figures. Writes
    campaign.html (the page to read), campaign.json, scores.parquet, weights.parquet and model/scorer. Nothing is asked
    twice, and no step spends more than the budget has left.

    Parameters
    ----------
    goal : The goal: a YAML file with the log, the judges and the budget, or sample, the one that ships.
    out : Folder to write into (not needed for *dry_run*).
    approve : Approve what it waits for.
    yes : Approve without asking as long as all that was spent stays within this sum, in the budget's unit (USD,
        judgments or seconds).
    grades : The sheet that it waits for, filled in.
    dry_run : Say what would be done and what it may cost; nothing is asked or written.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*; a campaign there is begun again.

    Returns
    -------
    What ``campaign.json`` holds, and ``waits_for`` (None, or what is to be approved or graded), ``page``, ``scorer``,
    ``weights``, ``scores`` (paths, None while they are not there), ``exit_code`` (0 done, 3 it waits).

    Raises
    ------
    InputError : the goal, the log, a judge or the sheet is wrong, or *out* holds other work.
    EnvironmentFailure : a server or the disk is in the way, or the extra ``agent`` is not installed; what was done is
        kept.

    Examples
    --------
    >>> import pathlib
    >>> import sie_agent as sie
    >>> text = "log: {data: sample, simulate: ranked-clicks}\\njudges: words=lexical\\nbudget: {judgments: 300}\\n"
    >>> _ = pathlib.Path("goal.yaml").write_text(text)
    >>> planned = sie.run_campaign("goal.yaml", dry_run=True)
    >>> planned["exit_code"], planned["unit"]
    (0, 'judgments')
    """
    from sie_agent.campaign import check_installed_graph, load_goal, placed
    from sie_agent.commands.campaigning.planned import planned

    check_values(goal=goal, grades=grades, yes=yes)
    check_installed_graph()
    read = load_goal(goal)
    how = {"skip_invalid": skip_invalid, "strict": strict}
    try:
        if dry_run:
            return planned(read, how)
        return in_folder(read, goal, out, how, approve=approve, yes=yes, grades=grades, overwrite=overwrite)
    except InputError as error:
        raise placed(error, goal) from error


def in_folder(
    read: Goal,
    given: str | Path,
    out: str | Path | None,
    how: Mapping[str, Any],
    *,
    approve: bool,
    yes: float | None,
    grades: str | Path | None,
    overwrite: bool,
) -> dict[str, Any]:
    """Begin a campaign in its folder, or go on with it.

    Parameters
    ----------
    read : the goal that was read from *given*.
    """
    from sie_agent.commands.campaigning.context import Campaign
    from sie_agent.commands.campaigning.run import JOURNAL, begin_again, carried_out
    from sie_agent.outputs import Folder, Work, outputs
    from sie_agent.pipeline.loading import source_of

    if out is None:
        raise InputError("no folder to write into", where="--out", hint="Give --out DIR, or --dry-run.")
    place = Folder("--out", out, PARTS)
    settings = {"goal": read.model_dump(mode="json", exclude={"log": {"data", "map"}})}
    work = Work("campaign", {"log.data": source_of(read.log.data), "log.map": read.log.map}, settings)
    with outputs(work, place, overwrite=overwrite):
        if overwrite:
            begin_again(place.path, PARTS)
        campaign = Campaign.opened(read, place.path, how, given=str(given), yes=yes, grades=grades)
        try:
            return carried_out(campaign, approve=approve)
        except SieError:
            # a log that cannot be used: nothing was decided, and nothing is left behind
            if not (place.path / JOURNAL).exists():
                begin_again(place.path, PARTS)
            raise


VERB = Verb(
    run_campaign,
    lines,
    examples=(
        "sie campaign sample --dry-run",
        "sie campaign goal.yaml --out runs/campaign",
        "sie campaign goal.yaml --out runs/campaign --approve",
        "sie campaign goal.yaml --out runs/campaign --grades runs/campaign/sheet.csv",
        "sie campaign goal.yaml --out runs/campaign --yes 20",
    ),
    options={"goal": Option("GOAL", argument=True), "out": OUT_FOLDER, "yes": Option("SUM")},
    python_only=(),
)
