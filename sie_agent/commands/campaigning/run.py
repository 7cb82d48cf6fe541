"""A campaign from one checkpoint to the next: each step is booked, told in the journal, and kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sie_agent.campaign import (
    CampaignGraph,
    CampaignState,
    Expense,
    amount,
    as_lines,
    as_markdown,
    check_installed_graph,
    in_line,
    opened_graph,
)
from sie_agent.commands.campaigning.cascading import cascade
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.ending import distill_all, evaluate
from sie_agent.commands.campaigning.judging import choose, curve, label_batch, pilot
from sie_agent.commands.campaigning.steps import approve, check, covered, decide, grades, plan, sheet
from sie_agent.commands.comparing.grades import grades_from_sheet
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.files.manifest import write_text
from sie_agent.files.paths import user_path
from sie_agent.files.typed_json import write_document
from sie_agent.report import write_campaign_page
from sie_agent.results.campaign import CampaignFile
from sie_agent.utils.progress import say

Work = Callable[[Campaign, CampaignState], CampaignState]
STEPS: dict[str, Work] = {
    "check": check,
    "plan": plan,
    "sheet": sheet,
    "grades": grades,
    "approve": approve,
    "pilot": pilot,
    "choose": choose,
    "cascade": cascade,
    "decide": decide,
    "label": label_batch,
    "curve": curve,
    "distill": distill_all,
    "evaluate": evaluate,
}
ASKING = ("pilot", "cascade", "label", "decide")
FIRST: CampaignState = {
    "next": "check",
    "figures": {},
    "journal": [],
    "spending": [],
    "lost": {},
    "answers": Expense().as_dict(),
    "wants": {},
}
JOURNAL = "journal.jsonl"
FILES = {
    "journal": "journal.md",
    "comparison": "pilot/comparison.html",
    "scorer": "model/scorer",
    "scores": "scores.parquet",
    "weights": "weights.parquet",
}


def booked(campaign: Campaign, name: str, work: Work) -> Callable[[CampaignState], CampaignState]:
    """The step as a node: what it spent goes into the books and its entries into the journal, all in one checkpoint."""

    def step(state: CampaignState) -> CampaignState:
        started, campaign.paid_beside = time.monotonic(), 0.0
        lost = campaign.ledger.lost(state["lost"])
        before = campaign.ledger.answers()
        mark = campaign.ledger.begin(name, campaign.at_once(campaign.arms)) if name in ASKING else None
        try:
            new = work(campaign, state)
        finally:
            # whoever raises has waited for what was under way: only a kill leaves the mark
            if mark is not None:
                mark.unlink(missing_ok=True)
        now = campaign.ledger.answers()
        answers = now - before
        # tries that brought no answer were paid as well
        beside = Expense(max(campaign.paid_beside - answers.money, 0.0), 0, time.monotonic() - started)
        killed = Expense(sum(one["money"] for one in lost.values()), 0, sum(one["seconds"] for one in lost.values()))
        spent = (now - Expense.of(state["answers"])) + beside + killed
        new["answers"], new["lost"] = now.as_dict(), {**state["lost"], **lost}
        new["spending"] = [*state["spending"], {"step": name, **spent.as_dict()}]
        total = sum((Expense.of(row) for row in new["spending"]), Expense())
        known = {"spent": total.as_dict(), "left": campaign.ledger.left(total)}
        done = len(state["journal"])
        fresh = new.get("journal", state["journal"])[done:]
        told = [{"number": done + place, **one, **known} for place, one in enumerate(fresh, 1)]
        for one in told:
            say(in_line(one))
        new["journal"] = [*state["journal"], *told]
        return new

    return step


def carried_out(campaign: Campaign, *, approve: bool) -> dict[str, Any]:
    """Go on with the campaign until it ends or waits, and write what is known into its files."""
    check_installed_graph()
    steps = {name: booked(campaign, name, work) for name, work in STEPS.items()}
    with opened_graph(campaign.folder / "steps.sqlite", steps) as graph:
        try:
            graph.advance(FIRST, answer_of(campaign, graph, approve=approve))
        finally:
            if graph.state().get("journal"):
                result = written(campaign, graph)
            if graph.ended():
                shutil.rmtree(campaign.ledger.marks, ignore_errors=True)
        return result


def answer_of(campaign: Campaign, graph: CampaignGraph, *, approve: bool) -> dict[str, Any] | None:
    """The answer to what the campaign waits for; None where nobody gave one.

    Raises
    ------
    InputError : grades were given and it does not wait for any, or the sheet is wrong.
    """
    waits = graph.waits_for()
    if campaign.grades is not None:
        if waits is None or waits["kind"] != "grades":
            raise InputError("the campaign does not wait for grades", where="--grades", hint="Leave it out.")
        # an answer that was given stays: it is checked before
        grades_from_sheet(campaign.table("log"), campaign.grades)
        return {"grades": str(user_path(campaign.grades))}
    if waits is not None and waits["kind"] == "approval" and (approve or covered(campaign, graph.state(), waits)):
        return {"approved": True}
    if approve and waits is None and not graph.ended():
        say("Nothing waits for approval yet: what comes is shown first")
    return None


def written(campaign: Campaign, graph: CampaignGraph) -> dict[str, Any]:
    """Write journal, campaign.json and the page as of the last checkpoint; gives the result of the verb."""
    state, folder = graph.state(), campaign.folder
    waits = graph.waits_for()
    ended = graph.ended()
    status = "done" if ended else waits["kind"] if waits else "stopped"
    title = f"Campaign of {Path(campaign.given).name}"
    write_text(folder / JOURNAL, as_lines(state["journal"]))
    write_text(folder / "journal.md", as_markdown(state["journal"], title))
    made = write_document(folder / "campaign.json", CampaignFile, content(campaign, state, status))
    page = write_campaign_page(folder, made, waits_in_words(campaign, waits))
    found: dict[str, Any] = made.model_dump(mode="json", exclude={"format"})
    there = {name: str(folder / found["files"][name]) if name in found["files"] else None for name in FILES}
    result = {**found, **there, "waits_for": waits_for_result(campaign, waits), "page": str(page)}
    return {**result, "exit_code": EXIT_DONE if ended else EXIT_PARTIAL}


def content(campaign: Campaign, state: CampaignState, status: str) -> dict[str, Any]:
    """What ``campaign.json`` holds."""
    figures, goal = state["figures"], campaign.goal
    total = sum((Expense.of(row) for row in state["spending"]), Expense())
    by_step: dict[str, Expense] = {}
    for row in state["spending"]:
        by_step[row["step"]] = by_step.get(row["step"], Expense()) + Expense.of(row)
    spending = [{"step": name, **spent.as_dict()} for name, spent in by_step.items()]
    spending += [{"step": "total", **total.as_dict()}, {"step": "left", **campaign.ledger.left(total)}]
    arms = [
        {"name": row["name"], "quality": row["quality"], "money_per_pair": row["money"], "failed": row["failed"]}
        for row in (figures.get("pilot", []) if figures.get("piloted", True) else [])
    ]
    learned = figures.get("curve") or {}
    return {
        "status": status,
        "goal": goal.model_dump(mode="json", exclude_defaults=True),
        "mode": figures.get("mode", ""),
        "unit": goal.budget.unit,
        "decisions": state["journal"],
        "spending": spending,
        "arms": arms,
        "choice": figures.get("choice", ""),
        "curve_target": learned.get("target", ""),
        "curve": learned.get("points", []),
        "judged": figures.get("judged", 0),
        "outcome": figures.get("outcome"),
        "files": {name: file for name, file in FILES.items() if (campaign.folder / file).exists()},
    }


def waits_for_result(campaign: Campaign, waits: dict[str, Any] | None) -> dict[str, Any] | None:
    """What it waits for, with the command that goes on."""
    return None if waits is None else {**waits, "command": command(campaign, waits)}


def command(campaign: Campaign, waits: dict[str, Any]) -> str:
    """The command that goes on."""
    option = "--approve" if waits["kind"] == "approval" else f"--grades {waits['sheet']}"
    return f"sie campaign {campaign.given} --out {campaign.folder} {option}"


def waits_in_words(campaign: Campaign, waits: dict[str, Any] | None) -> str:
    """What it waits for, in a sentence; empty where it does not."""
    if waits is None:
        return ""
    if waits["kind"] == "approval":
        return f"Waits for approval to {waits['words']}, for at most {amount(waits)}: {command(campaign, waits)}"
    return f"Waits for grades: {waits['words']}. Fill in the sheet, then: {command(campaign, waits)}"


def begin_again(folder: Path, parts: Sequence[str]) -> None:
    """Remove what another campaign left in the folder."""
    for name in parts:
        part = folder / name
        if name.endswith("/"):
            shutil.rmtree(part, ignore_errors=True)
            continue
        for suffix in ("", "-wal", "-shm", "-journal", ".ballast"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
