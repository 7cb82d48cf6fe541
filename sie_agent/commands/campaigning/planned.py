"""``sie campaign --dry-run``: the plan with its cost, made in a folder that goes away; nothing is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sie_agent.campaign import CampaignState, Goal, amount, in_line
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.campaigning.run import FIRST, booked
from sie_agent.commands.campaigning.steps import check, plan
from sie_agent.errors import EXIT_DONE


def planned(goal: Goal, how: Mapping[str, Any]) -> dict[str, Any]:
    """What a campaign would do first, and the most that each step may spend.

    Raises
    ------
    InputError : the goal, the log or a judge is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign.opened(goal, Path(folder), how)
        state: CampaignState = {**FIRST}
        for name, work in (("check", check), ("plan", plan)):
            state = {**state, **booked(campaign, name, work)(state)}
        people = state["next"] == "sheet"
        wants = state["wants"]
        total = campaign.ledger.left(campaign.spent(FIRST))
    told = [in_line(one) for one in state["journal"]]
    steps = list(told)
    if people:
        steps.append(f"people grade {goal.people.pairs:,} pairs on a sheet; then the pilot is planned")
    elif wants:
        steps.append(f"the pilot may spend at most {amount(wants)}, after it is approved")
    steps.append(f"then the log is judged batch by batch as long as it pays: at most {amount(total)} in all")
    steps.append("then a scorer, scores, weights and the test on test queries: no judge is asked")
    return {"planned": steps, "unit": goal.budget.unit, "pilot": wants, "budget": total, "exit_code": EXIT_DONE}
