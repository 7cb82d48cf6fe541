"""The steps that ask judges: the pilot, the choice, and the log batch by batch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sie_agent.campaign import CampaignState, entry
from sie_agent.commands.campaigning.context import Campaign, judgments_per_pair
from sie_agent.commands.campaigning.measures import curve_figures
from sie_agent.commands.campaigning.steps import changed, judges_with_prompts
from sie_agent.commands.comparing.arms import Arm
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.utils.counts import counted

ZERO_SHOT = "zero-shot"


def pilot(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Put the pairs of the pilot before every arm, and compare the arms."""
    arms = [campaign.arm(name) for name in state["figures"]["pilot_arms"]]
    data = campaign.folder / "pilot.parquet"
    budget = campaign.goal.budget.money
    most = None if budget is None else budget * campaign.goal.pilot.share
    limit = campaign.max_cost(state, arms, most)
    common: dict[str, Any] = {"cache_path": campaign.ledger.cache, "max_cost": limit, "overwrite": True}
    started = time.monotonic()
    if len(arms) == 1:
        found, paid = one_arm(campaign, arms[0], data, common)
    else:
        found, paid = several_arms(campaign, arms, data, common)
    words = f"{counted(len(campaign.table('pilot')), 'pair')} before {judges_with_prompts(len(arms))}"
    told = entry("pilot", words, found.pop("why"), by="verb", figures=found["told"])
    campaign.paid_beside += paid or 0.0
    # of judges that are too fast for their rate to be known, loading a model included
    pace = (time.monotonic() - started) / max(len(campaign.table("pilot")) * len(arms), 1)
    known: dict[str, Any] = {"decision": found["decision"], "mode": found["mode"], "pilot_pace": pace}
    return changed(state, "choose", told, pilot=found["arms"], **known)


def one_arm(campaign: Campaign, arm: Arm, data: Any, common: Mapping[str, Any]) -> tuple[dict[str, Any], float | None]:
    """A pilot of one arm: there is nothing to compare it with, but its cost, time and failures are found out."""
    from sie_agent.commands.label import label

    got = label(data, campaign.folder / "pilot", variant=arm.prompt, judge=arm.judge, **common)
    if got["stopped"] == "cost" and not got["ok"]:
        raise pilot_too_small(got["next_may_cost"])
    if not got["ok"]:
        raise EnvironmentFailure(f"{arm.name} gave no judgment in the pilot", hint=f"See {campaign.folder}/pilot.")
    row = {"name": arm.name, "quality": None, "failed": got["failed"], "money": money_per_pair(got["cost"], got["ok"])}
    told = {"failed": got["failed"]}
    return {
        "arms": [row],
        "decision": {},
        "mode": ZERO_SHOT,
        "told": told,
        "why": "there is one judge and one prompt",
    }, got["cost"]


def pilot_too_small(dearest: float | None) -> InputError:
    """The pilot's share of the budget does not even pay for one answer at its dearest."""
    problem = f"the pilot's share does not pay for one answer, which may cost {dearest or 0:.4g} USD"
    return InputError(problem, where="goal, field 'budget'", hint="Give a larger budget, or a larger pilot.share.")


def money_per_pair(cost: float | None, pairs: int) -> float | None:
    """USD of a pair; None where there is no price."""
    return None if cost is None else cost / max(pairs, 1)


def several_arms(
    campaign: Campaign, arms: list[Arm], data: Any, common: Mapping[str, Any]
) -> tuple[dict[str, Any], float | None]:
    """A pilot of several arms by ``sie compare-prompts``."""
    from sie_agent.commands.compare_prompts import compare_prompts

    goal = campaign.goal
    judges = {arm.by: arm.judge for arm in arms}
    asked: Any = judges if len(judges) > 1 else next(iter(judges.values()))
    rule: dict[str, Any] = {"decide_by": goal.pilot.decide_by, "margin": goal.pilot.margin, "seed": goal.seed}
    rule["relevant_at"] = goal.people.relevant_at
    names = list(dict.fromkeys(arm.prompt for arm in arms))
    got = compare_prompts(data, names, campaign.folder / "pilot", judge=asked, **rule, **common)
    by_name = {arm.name: arm for arm in campaign.arms}
    by_asked = {(arm.prompt, arm.by): arm.name for arm in by_name.values()}
    rows = []
    for one in got["variants"]:
        arm_name = by_asked[one["prompt"], arms[0].by if len(judges) == 1 else one["judge"]]
        rows.append(
            {
                "name": arm_name,
                "quality": (one.get("metrics") or {}).get(goal.pilot.decide_by),
                "failed": one["n_failed"],
                "money": money_per_pair(one.get("cost"), len(campaign.table("pilot"))),
            }
        )
    decision = dict(got["decision"] or {})
    told = {row["name"]: (row["quality"] or {}).get("value") for row in rows}
    why = str(decision.get("sentence") or "there are no grades, so nothing tells which judge or prompt is right")
    kept = {"verdict": decision.get("verdict"), "queries_needed": decision.get("queries_needed"), "sentence": why}
    return {"arms": rows, "decision": kept, "mode": got["mode"], "told": told, "why": why}, got["cost"]


def choose(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Choose who judges the log: the best figure, or the cheapest within the margin of it."""
    from sie_agent.commands.label import plan

    rows = state["figures"]["pilot"]
    margin = campaign.goal.pilot.margin
    quality = {row["name"]: (row["quality"] or {}).get("value") for row in rows}
    known = {name: value for name, value in quality.items() if value is not None}
    best = max(known, key=lambda name: known[name]) if known else rows[0]["name"]
    near = [row for row in rows if known and known.get(row["name"], -1.0) >= known[best] - margin]
    per_pair = {row["name"]: costs_of(campaign, row, state["figures"]["pilot_pace"]) for row in rows}
    unit = campaign.goal.budget.unit
    choice = min((row["name"] for row in near), key=lambda name: per_pair[name][unit] or 0.0, default=best)
    why = reason(len(rows), choice, best, known, margin, state["figures"]["decision"])
    arm = campaign.arm(choice)
    expected = plan(
        campaign.folder / "log.parquet", variant=arm.prompt, judge=arm.judge, cache_path=campaign.ledger.cache
    )
    figures = {f"{name}_per_pair": value for name, value in per_pair[choice].items()}
    figures |= {"quality": known.get(choice), "whole_log_would_cost": expected["cost"]}
    told = entry("choose", f"{choice} judges the log", why, figures=figures)
    known_of: dict[str, Any] = {"choice": choice, "per_pair": per_pair[choice], "arm_costs": per_pair, "judged": 0}
    return changed(state, "decide", told, **known_of)


def reason(
    arms: int, choice: str, best: str, known: Mapping[str, float], margin: float, decision: Mapping[str, Any]
) -> str:
    """Why an arm was chosen."""
    if arms == 1:
        return "there is no other judge or prompt"
    if not known:
        return "it is the first: without grades of people nothing tells which judge or prompt is better"
    tested = {
        "take": "the test is sure of it",
        "keep": "the test is sure of it",
        "same": "the test finds no difference",
    }
    sure = tested.get(str(decision.get("verdict")), "no test is sure of it yet, so the best figure is the best guess")
    if choice != best:
        figures = f"{known[choice]:.3f} and {known[best]:.3f}"
        return f"it is the cheapest within {margin:g} of the best, {best} ({figures}); {sure}"
    return f"it has the best figure, {known[choice]:.3f}; {sure}"


def costs_of(campaign: Campaign, row: Mapping[str, Any], pace: float | None) -> dict[str, float | None]:
    """What a pair costs before an arm, in each unit; None where it is not known.

    Parameters
    ----------
    pace : seconds of a pair in the pilot, for judges whose own rate is not known; None where there was none.
    """
    from sie_agent.commands.judges import open_judge
    from sie_agent.judging import JudgmentCache

    arm = campaign.arm(row["name"])
    backend = open_judge(arm.judge, asks=False)[0]
    try:
        with JudgmentCache(campaign.ledger.cache) as cache:
            rate = cache.recent_rate(arm.variant.name, backend.model)
    finally:
        backend.close()
    judgments = float(judgments_per_pair(arm))
    return {"money": row["money"], "judgments": judgments, "seconds": judgments / rate if rate else pace}


def label_batch(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Judge the log up to the number of pairs that was decided on, and see what that is worth."""
    from sie_agent.commands.campaigning.cascading import label_by_levels
    from sie_agent.commands.label import label

    goal, figures = campaign.goal, state["figures"]
    arm, target = campaign.arm(figures["choice"]), figures["label_target"]
    if figures.get("cascade"):
        got = label_by_levels(campaign, state, target)
    else:
        limits: dict[str, Any] = {"cache_path": campaign.ledger.cache, "max_cost": campaign.max_cost(state, [arm])}
        how: dict[str, Any] = {"budget": target, "strategy": goal.strategy, "seed": goal.seed, "overwrite": True}
        data = campaign.folder / "log.parquet"
        got = label(data, campaign.folder / "labels", variant=arm.prompt, judge=arm.judge, **how, **limits)
    told = {name: got[name] for name in ("pairs", "ok", "failed", "asked", "cached", "cost", "stopped")}
    words = f"{got['ok']:,} of {counted(got['pairs'], 'pair')} have a judgment"
    why = "the limit on cost stopped it" if got["stopped"] == "cost" else ""
    new = changed(
        state, "curve", entry("label", words, why, by="verb", figures=told), judged=got["pairs"], model=got["model"]
    )
    campaign.paid_beside += got["cost"] or 0.0
    if got["stopped"] == "cost":
        new["figures"]["stopped_by_cost"] = True
    return new


def curve(campaign: Campaign, state: CampaignState) -> CampaignState:
    """The learning curve of all that was judged so far."""
    found = curve_figures(campaign)
    if not found:
        told = entry("curve", "there is no learning curve yet", "too few judged pairs or queries")
    else:
        last = found["points"][-1] if found["points"] else {}
        words = f"a student of the judgments agrees with {found['target']} at {last.get('quality', float('nan')):.3f}"
        told = entry("curve", words, "on queries it has not seen, bootstrap by query", by="verb", figures=last)
    stopped = state["figures"].get("stopped_by_cost")
    return changed(state, "distill" if stopped else "decide", told, curve=found)
