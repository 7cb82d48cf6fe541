"""The steps before and between the verbs: the data, the plan, approval, people's grades, what comes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sie_agent.campaign import CampaignState, Situation, affordable, amount, entry, next_move, pilot_size
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.measures import curve_of, gain_of
from sie_agent.errors import InputError
from sie_agent.utils.counts import counted

TEST = "test"
SHEET = "sheet.csv"
# problems of prompts that are told
MOST_TOLD = 5


def check(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Read the log, draw it where it is simulated, and set the grades of test queries aside."""
    from sie_agent.pipeline.loading import load_log
    from sie_agent.samples import rows_policy
    from sie_agent.samples.tables import write_table

    goal, log = campaign.goal, campaign.goal.log
    policy = rows_policy(campaign.folder, data=log.data, **campaign.how)
    where: dict[str, Any] = {"column_map": log.map, "split": log.split, "limit": log.limit, "invalid": policy}
    samples = load_log(log.data, simulate=log.simulate, seed=goal.seed, **where)
    test = in_test(samples, goal.people.test, goal.seed)
    graded = samples["grade"].notna().to_numpy()
    write_table(samples.loc[graded & test, ["sample_id", "grade"]], campaign.folder / "test-grades.parquet")
    campaign.keep("log", samples.assign(grade=samples["grade"].where(~test)))
    figures = {
        "pairs": len(samples),
        "queries": int(samples["query"].nunique()),
        "positives": int((samples["label"] >= 0.5).sum()),
        "grades_to_decide_by": int((graded & ~test).sum()),
        "grades_to_test_by": int((graded & test).sum()),
    }
    decided = f"{counted(len(samples), 'pair')} of {counted(figures['queries'], 'query')} can be judged"
    grades = figures["grades_to_decide_by"] + figures["grades_to_test_by"]
    why = "nobody has graded a pair"
    if grades:
        why = (
            f"people graded {counted(grades, 'pair')}; grades of test queries decide nothing until the test at the end"
        )
    new = changed(state, "plan", entry("check", decided, why, figures=figures), **figures)
    new["journal"].append(prompts_checked(campaign))
    return new


def prompts_checked(campaign: Campaign) -> dict[str, Any]:
    """What `sie prompts check` finds in the variants against the log; told before anything is approved."""
    from sie_agent.commands.prompts import prompts_check

    names = list(dict.fromkeys(arm.prompt for arm in campaign.arms))
    found = {name: prompts_check(name, campaign.folder / "log.parquet") for name in names}
    problems = [
        f"{name}: {one['told']}" for name in names for one in found[name]["findings"] if one["level"] == "problem"
    ]
    words = f"{counted(len(names), 'prompt variant')} checked against the log: {counted(len(problems), 'problem')}"
    figures = {name: one["problems"] for name, one in found.items()}
    return entry("check", words, "; ".join(problems[:MOST_TOLD]), by="verb", figures=figures)


def in_test(samples: pd.DataFrame, share: float, seed: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,) whether a row's query is for the test: by a hash of the query and the seed."""
    from sie_agent.samples import assign_query_sets

    try:
        sets = assign_query_sets(samples, {"tune": 1 - share, "test": share}, seed)
    except InputError:
        # too few queries for both
        return np.zeros(len(samples), bool)
    return (sets == TEST).to_numpy(bool)


def plan(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Choose the pairs of the pilot, and say what all of it may cost."""
    goal = campaign.goal
    samples = campaign.table("log")
    test = in_test(samples, goal.people.test, goal.seed)
    known = samples["grade"].notna().to_numpy()
    usable = samples[known] if known.any() else samples[~test]
    room, cost = pilot_room(campaign, state, usable)
    pairs, kept, why = pilot_size(goal, len(campaign.arms), room, len(usable))
    if room is not None and room < 1:
        raise InputError("the budget is too small for one judgment in the pilot", where="goal, field 'budget'")
    campaign.keep("pilot", whole_queries(usable, pairs, goal.seed))
    if goal.people.pairs and not known.any() and not state["figures"].get("asked_people"):
        return changed(state, "sheet")
    if nothing_to_pilot(campaign):
        arm = campaign.arms[0].name
        row = {"name": arm, "quality": None, "failed": 0, "money": None}
        why = f"{arm} is the only judge and prompt, and the budget in judgments says what a pair costs"
        skipped: dict[str, Any] = {"pilot": [row], "piloted": False, "decision": {}, "mode": "zero-shot"}
        return changed(state, "choose", entry("plan", "no pilot", why), pilot_pace=None, **skipped)
    if len(campaign.arms) == 1:
        why = f"one judge and one prompt: the pilot finds out what a pair costs and how long it takes; {why}"
    n = len(campaign.table("pilot"))
    arms = [arm.name for arm in campaign.arms[:kept]]
    figures = {"arms": len(arms), "pairs_each": n, "judgments": n * len(arms), "expected_cost_of_a_judgment": cost}
    words = f"pilot {judges_with_prompts(len(arms))} on {counted(n, 'pair')} each: {', '.join(arms)}"
    planned = entry("plan", words, why, figures=figures)
    share = {name: None if one is None else one * goal.pilot.share for name, one in budget_of(campaign).items()}
    share["judgments"] = None if share["judgments"] is None else n * len(arms)
    wants = wanted("pilot", words, share)
    return changed(state, "approve", planned, wants=wants, pilot_arms=arms)


def nothing_to_pilot(campaign: Campaign) -> bool:
    """Whether there is one arm, and nothing to find out about its cost: the budget limits judgments alone."""
    budget = campaign.goal.budget
    return len(campaign.arms) == 1 and budget.money is None and budget.seconds is None


def judges_with_prompts(count: int) -> str:
    """How many arms, for people."""
    return "1 judge with its prompt" if count == 1 else f"{count:,} combinations of judge and prompt"


def budget_of(campaign: Campaign) -> dict[str, Any]:
    """The limits; None where there is none."""
    budget = campaign.goal.budget
    return {"money": budget.money, "judgments": budget.judgments, "seconds": budget.seconds}


def pilot_room(campaign: Campaign, state: CampaignState, rows: pd.DataFrame) -> tuple[int | None, float | None]:
    """How many judgments the pilot's share allows, and what one costs in the budget's unit; None: not known."""
    from sie_agent.commands.comparing.plan import planned

    sample = rows.head(50)
    told = planned(sample, campaign.arms, None, 0, cache_path=campaign.ledger.cache, retry_failed=False)
    asked = max(told["to_ask"], 1)
    costs = {
        name: None if told[key] is None else told[key] / asked
        for name, key in (("money", "cost"), ("seconds", "seconds"))
    }
    left = {
        name: None if one is None else one * campaign.goal.pilot.share for name, one in campaign.left(state).items()
    }
    per_pair = {"judgments": 1.0, **costs}
    return affordable(left, per_pair), per_pair[campaign.goal.budget.unit]


def whole_queries(rows: pd.DataFrame, pairs: int, seed: int) -> pd.DataFrame:
    """Queries drawn at random with all their rows, as many as fit into *pairs*; where none fits, a part of one."""
    rng = np.random.default_rng(seed)
    queries = rng.permutation(np.sort(rows["query"].unique().astype(object)))
    sizes = rows["query"].value_counts()
    chosen, room = [], pairs
    for query in queries:
        if sizes[query] <= room:
            chosen.append(query)
            room -= int(sizes[query])
    kept: pd.DataFrame = rows[rows["query"].isin(chosen)] if chosen else rows[rows["query"] == queries[0]].head(pairs)
    return kept.reset_index(drop=True)


def wanted(step: str, words: str, most: dict[str, Any]) -> dict[str, Any]:
    """What an approval is asked for: a step, what it does, and the most that it may spend."""
    return {"kind": "approval", "step": step, "words": words, **most}


def approve(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Wait until somebody approves, unless that was done up to a sum that holds."""
    from langgraph.types import interrupt

    wants = state["wants"]
    if covered(campaign, state, wants):
        by = f"--yes {campaign.yes:g} approves all up to that sum"
    else:
        interrupt(wants)
        by = "by --approve"
    words = f"approved: {wants['words']}"
    told = entry("approval", words, f"{by}; at most {amount(wants)}", by="person")
    following = "cascade" if wants["step"] == "label" else str(wants["step"])
    return changed(state, following, told, wants={})


def covered(campaign: Campaign, state: CampaignState, wants: dict[str, Any]) -> bool:
    """Whether the sum of ``--yes`` covers what was spent and what is wanted."""
    if campaign.yes is None or wants.get("kind") != "approval":
        return False
    unit = campaign.goal.budget.unit
    return float(campaign.spent(state).as_dict()[unit]) + float(wants[unit] or 0) <= campaign.yes * (1 + 1e-9)


def decide(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Decide what to judge next, or to stop."""
    known = situation(campaign, state)
    goal, move = campaign.goal, next_move(known)
    if goal.planner != "rules":
        from sie_agent.commands.campaigning.planner import proposed_move

        move = proposed_move(campaign, known, campaign.left(state)["money"])
    if move.kind == "stop":
        told = entry("decide", "stop judging", move.why, by=move.by, figures=move.figures)
        return changed(state, "distill" if known.judged else "end", told)
    target = known.judged + move.pairs
    words = f"judge {move.pairs:,} more pairs, {target:,} in all, chosen by strategy {goal.strategy}"
    told = entry("decide", words, move.why, by=move.by, figures={**move.figures, "possible": known.possible})
    new = changed(state, "label", told, label_target=target)
    if known.judged:
        return new
    most = campaign.left(state)
    if most["judgments"] is not None:
        most["judgments"] = int(known.possible * per_pair_of(state, "judgments"))
    words = f"judge up to {known.possible:,} pairs of the log, batch by batch, as long as that pays"
    new["wants"], new["next"] = wanted("label", words, most), "approve"
    return new


def per_pair_of(state: CampaignState, unit: str) -> Any:
    """What a pair costs before the chosen arm."""
    return state["figures"]["per_pair"].get(unit)


def situation(campaign: Campaign, state: CampaignState) -> Situation:
    """What the planner knows."""
    figures = state["figures"]
    room = affordable(campaign.left(state), figures["per_pair"])
    curve = curve_of(figures)
    return Situation(
        campaign.goal,
        judged=figures.get("judged", 0),
        pairs=figures["pairs"],
        affordable=figures["pairs"] if room is None else room,
        per_pair=per_pair_of(state, campaign.goal.budget.unit) or 0.0,
        gain=lambda pairs: gain_of(curve, pairs),
    )


def grades(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Wait for the sheet that people fill in, and put its grades into the log."""
    from langgraph.types import interrupt

    from sie_agent.commands.comparing.grades import grades_from_sheet
    from sie_agent.samples.tables import write_table

    answer = interrupt({"kind": "grades", **state["wants"]})
    log, pilot = campaign.table("log"), campaign.table("pilot")
    samples, _, given = grades_from_sheet(log, campaign.grades or answer["grades"])
    test = in_test(samples, campaign.goal.people.test, campaign.goal.seed)
    graded = samples["grade"].notna().to_numpy()
    write_table(samples.loc[graded & test, ["sample_id", "grade"]], campaign.folder / "test-grades.parquet")
    by_id = samples.set_index("sample_id")["grade"].where(~test)
    campaign.keep("log", samples.assign(grade=samples["grade"].where(~test)))
    campaign.keep("pilot", pilot.assign(grade=pilot["sample_id"].map(by_id)))
    figures = {"grades_to_decide_by": int((graded & ~test).sum()), "grades_to_test_by": int((graded & test).sum())}
    words = f"people graded {counted(given, 'pair')}"
    why = "their grades of pilot pairs choose who judges; those of test queries are for the test at the end"
    told = entry("grades", words, why, by="person", figures=figures)
    return changed(state, "plan", told, wants={}, asked_people=True, **figures)


def sheet(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Write the sheet for people: half of it pairs of the pilot, half of test queries; whole queries at random."""
    from sie_agent.grading import write_sheet

    goal, log, pilot = campaign.goal, campaign.table("log"), campaign.table("pilot")
    test = log[in_test(log, goal.people.test, goal.seed)]
    parts = [whole_queries(rows, max(goal.people.pairs // 2, 1), goal.seed + 1) for rows in (pilot, test) if len(rows)]
    rows = pd.concat(parts, ignore_index=True)
    target = campaign.folder / SHEET
    write_sheet(target, rows.assign(sampling_probability=min(len(rows) / len(log), 1.0), grade=np.nan))
    words = f"people are asked to grade {counted(len(rows), 'pair')}: {SHEET}"
    told = entry("grades", words, "without grades nothing tells which judge is better, nor what the result is worth")
    return changed(state, "grades", told, wants={"sheet": str(target), "pairs": len(rows), "words": words})


def changed(
    state: CampaignState, following: str, told: dict[str, Any] | None = None, *, wants: Any = None, **figures: Any
) -> CampaignState:
    """What a step changes: the step that follows, an entry of the journal, figures."""
    new: CampaignState = {"next": following, "figures": {**state["figures"], **figures}}
    if told is not None:
        new["journal"] = [*state["journal"], told]
    if wants is not None:
        new["wants"] = wants
    return new
