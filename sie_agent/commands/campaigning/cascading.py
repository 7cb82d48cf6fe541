"""A cascade in a campaign: cheaper judges settle what they are sure of, the chosen one is asked about the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import yaml

from sie_agent.campaign import CampaignState, entry
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.steps import changed, whole_queries
from sie_agent.commands.comparing.arms import Arm
from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError
from sie_agent.files.manifest import write_text

ALONE = "no cascade: the chosen judge is asked about every pair"
LEVELS, GRADED, BATCH = "levels.yaml", "cascade-grades", "batch"
# guarantees from fewer grades do not get far
FEWEST_GRADES, FEWEST_QUERIES = 300, 60
# of a judge, what a level of a cascade has too
OF_JUDGE = [one.name for one in fields(Judge) if one.name != "options"]


def levels_of(campaign: Campaign, figures: Mapping[str, Any]) -> tuple[list[Arm], str]:
    """The arms that a cascade asks, cheapest first and the chosen one last; none where it does not pay, and why."""
    goal, choice = campaign.goal, figures["choice"]
    if goal.cascade == "off":
        return [], "the goal says so"
    if len(figures["arm_costs"]) == 1:
        return [], "there is no other judge or prompt"
    if figures["grades_to_decide_by"] < FEWEST_GRADES:
        return [], f"a guarantee needs {FEWEST_GRADES} grades or more, and there are {figures['grades_to_decide_by']}"
    unit, costs = goal.budget.unit, figures["arm_costs"]
    own = costs[choice].get(unit)
    cheaper = [name for name, cost in costs.items() if own and (cost.get(unit) or 0.0) < own]
    if not cheaper:
        return [], f"no judge of the pilot costs fewer {unit} than {choice}"
    ordered = sorted(cheaper, key=lambda name: costs[name].get(unit) or 0.0)
    return [*(campaign.arm(name) for name in ordered), campaign.arm(choice)], ""


def as_level(number: int, arm: Arm, *, last: bool) -> dict[str, Any]:
    """A level of the file of levels."""
    judge = {name: getattr(arm.judge, name) for name in OF_JUDGE}
    told = {name: value for name, value in judge.items() if value not in (None, "")}
    kind = "endpoint" if last else "judge"
    return {"name": f"{number}-{arm.by}", "kind": kind, "variant": arm.prompt, **told}


def cascade(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Calibrate a cascade of the piloted judges where there are grades enough, and one is cheaper than the chosen."""
    from sie_agent.commands.calibrate_cascade import calibrate_cascade

    figures, goal = state["figures"], campaign.goal
    arms, why = levels_of(campaign, figures)
    if not arms:
        return changed(state, "label", entry("cascade", ALONE, why), cascade=None)
    samples = campaign.table("log")
    graded = samples[samples["grade"].notna()]
    unit = goal.budget.unit
    per_pair = sum(figures["arm_costs"][arm.name].get(unit) or 0.0 for arm in arms)
    pairs = min(len(graded), int(goal.pilot.share * goal.budget.total / per_pair))
    rows = whole_queries(graded, pairs, goal.seed + 2)
    if len(rows) < FEWEST_GRADES or rows["query"].nunique() < FEWEST_QUERIES:
        told = (
            f"{goal.pilot.share:.0%} of the budget pays for {pairs} graded pairs of {rows['query'].nunique()} queries"
        )
        why = f"{told}, and {FEWEST_GRADES} of {FEWEST_QUERIES} are needed"
        return changed(state, "label", entry("cascade", ALONE, why), cascade=None)
    campaign.keep(GRADED, rows)
    levels = [as_level(number, arm, last=arm is arms[-1]) for number, arm in enumerate(arms, 1)]
    write_text(campaign.folder / LEVELS, yaml.safe_dump({"levels": levels}, sort_keys=False))
    limits: dict[str, Any] = {"cache_path": campaign.ledger.cache, "max_cost": campaign.max_cost(state, arms)}
    how: dict[str, Any] = {"relevant_at": goal.people.relevant_at, "seed": goal.seed, "overwrite": True}
    data = campaign.folder / f"{GRADED}.parquet"
    try:
        found = calibrate_cascade(campaign.folder / LEVELS, data, campaign.folder / "cascade", **how, **limits)
    except InputError as error:
        return changed(state, "label", entry("cascade", ALONE, error.problem), cascade=None)
    campaign.paid_beside += found["cost"] or 0.0
    return settled(state, arms, found)


def settled(state: CampaignState, arms: Sequence[Arm], found: Mapping[str, Any]) -> CampaignState:
    """Take the cascade where a cheaper level settles something."""
    levels = found["levels"]
    cheap = [one for one in levels[:-1] if one["threshold"] is not None]
    told = {one["name"]: (one["test"] or {}).get("coverage") for one in levels}
    if not cheap:
        why = "; ".join(f"{one['name']} settles nothing: {one['why']}" for one in levels[:-1])
        return changed(state, "label", entry("cascade", ALONE, why, by="verb"), cascade=None)
    words = ", ".join(f"{one['name']} settles {(one['test'] or {}).get('coverage') or 0:.0%}" for one in levels)
    why = (
        f"{words} of test pairs; with a probability of {1 - found['delta']:.0%} people agree with at least "
        f"{1 - found['alpha']:.0%} of what a level settles ({found['mode']}); the last judge's other answers stand "
        "without that promise"
    )
    left, per_pair = 1.0, dict.fromkeys(("money", "judgments", "seconds"), 0.0)
    for arm, level in zip(arms, levels, strict=True):
        if level["threshold"] is None and level is not levels[-1]:
            continue
        for unit, cost in state["figures"]["arm_costs"][arm.name].items():
            per_pair[unit] += left * (cost or 0.0)
        left -= (level["test"] or {}).get("coverage") or 0.0
    entry_of = entry("cascade", "a cascade judges the log", why, by="verb", figures=told)
    return changed(state, "label", entry_of, cascade="cascade/cascade.json", per_pair=per_pair)


def label_by_levels(campaign: Campaign, state: CampaignState, target: int) -> dict[str, Any]:
    """Judge so many random pairs of the log by the cascade; what it leaves has the last judge's answer."""
    from sie_agent.commands.label import label
    from sie_agent.samples.tables import read_table, write_table

    samples, arm = campaign.table("log"), campaign.arm(state["figures"]["choice"])
    rng = np.random.default_rng(campaign.goal.seed)
    chosen = np.sort(rng.permutation(len(samples))[:target])
    campaign.keep(BATCH, samples.iloc[chosen].reset_index(drop=True))
    out, file = campaign.folder / "labels", campaign.folder / str(state["figures"]["cascade"])
    limits: dict[str, Any] = {"cache_path": campaign.ledger.cache, "max_cost": campaign.max_cost(state, campaign.arms)}
    got = label(campaign.folder / f"{BATCH}.parquet", out, cascade=file, overwrite=True, **limits)
    table = read_table(out / "judgments.parquet")
    open_rows = table["score"].isna() & (table["status"] == "unsettled")
    if open_rows.any():
        rest = campaign.table(BATCH)[open_rows.to_numpy()].reset_index(drop=True)
        campaign.keep("rest", rest)
        limits["max_cost"] = campaign.max_cost(state, [arm])
        label(
            campaign.folder / "rest.parquet",
            campaign.folder / "rest",
            variant=arm.prompt,
            judge=arm.judge,
            overwrite=True,
            **limits,
        )
        write_table(
            filled(table, read_table(campaign.folder / "rest" / "judgments.parquet"), file, arm),
            out / "judgments.parquet",
        )
    table = read_table(out / "judgments.parquet")
    ok = int(table["score"].notna().sum())
    return {**got, "pairs": len(table), "ok": ok, "failed": len(table) - ok, "model": str(table["model"].iloc[0])}


def filled(table: pd.DataFrame, rest: pd.DataFrame, file: Any, arm: Arm) -> pd.DataFrame:
    """The cascade's judgments, with the last judge's answers to what nobody settled, as probabilities by its curve."""
    from sie_agent.cascade import load_cascade

    curves = load_cascade(file)[0].levels[-1].curves
    score = table["sample_id"].map(rest.set_index("sample_id")["score"]).to_numpy(np.float64)
    if curves:
        score = 1 / (1 + np.exp(-(curves[0].slope * score + curves[0].intercept)))
    open_rows = table["score"].isna().to_numpy() & (table["status"] == "unsettled").to_numpy() & np.isfinite(score)
    changes = {"score": score, "status": "ok", "detail": f"not settled: {arm.name} without the promise"}
    return table.assign(**{name: table[name].mask(open_rows, value) for name, value in changes.items()})
