"""The last steps: the scorer, scores and weights of every row, and what they are worth."""

from __future__ import annotations

from typing import Any

from sie_agent.campaign import CampaignState, entry
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.measures import outcome
from sie_agent.commands.campaigning.steps import changed
from sie_agent.utils.counts import counted


def distill_all(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Distill the scorer from all judgments of the chosen arm, those of the pilot too, and score and weigh the log."""
    from sie_agent.commands.distill import distill
    from sie_agent.commands.score import score
    from sie_agent.commands.weights import weights

    folder, goal = campaign.folder, campaign.goal
    arm = campaign.arm(state["figures"]["choice"])
    labels, piloted = folder / "labels" / "judgments.parquet", folder / "pilot" / "judgments.parquet"
    by_cascade = bool(state["figures"].get("cascade"))
    judged = [labels] if by_cascade or not state["figures"].get("piloted", True) else [piloted, labels]
    data = folder / "log.parquet"
    whose: dict[str, Any] = {"model": state["figures"]["model"], "variant": None if by_cascade else arm.variant.name}
    how: dict[str, Any] = {"overrides": goal.distill, "seed": goal.seed, "overwrite": True}
    made = distill(judged, data, folder / "model", **whose, **how)
    scored = score(folder / "model" / "scorer", data, folder / "scores.parquet", overwrite=True)
    weighed = weights(folder / "scores.parquet", folder / "weights.parquet", overwrite=True)
    words = f"a scorer from {counted(made['judged'], 'judged pair')}; scores and weights of {scored['rows']:,} rows"
    figures = {"judged": made["judged"], "mean_weight": weighed["mean_weight"], "chosen": made["recipe"]["chosen"]}
    why = f"train with {made['recipe']['words']}: {made['recipe']['why']}"
    told = entry("distill", words, why, by="verb", figures=figures)
    return changed(
        state,
        "evaluate",
        told,
        recipe=made["recipe"]["words"],
        recipe_why=made["recipe"]["why"],
        distilled=made["judged"],
    )


def evaluate(campaign: Campaign, state: CampaignState) -> CampaignState:
    """Compare the targets with people's grades of test queries, which decided nothing before."""
    found = outcome(campaign, state["figures"]["recipe"], state["figures"].get("recipe_why", ""))
    figures = {
        name: (found.get(name) or {}).get("value") for name in ("log", "target", "scorer", "gain", "scorer_gain")
    }
    why = f"measured on {found['mode']}" if found.get("mode") else "nobody graded pairs of test queries"
    told = entry("evaluate", found["sentence"], why, by="verb", figures=figures)
    return changed(state, "end", told, outcome=found)
