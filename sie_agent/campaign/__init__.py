"""A whole job within a budget: goal, rules of the planner, learning curve, ledger, journal, graph."""

from __future__ import annotations

from sie_agent.campaign.curve import CurvePoints, Gain, as_figures, expected_gain, from_figures, learning_points
from sie_agent.campaign.goal import Goal, load_goal, placed, write_goal
from sie_agent.campaign.graph import END_STEP, CampaignGraph, CampaignState, check_installed_graph, opened_graph
from sie_agent.campaign.journal import amount, as_lines, as_markdown, entry, in_line
from sie_agent.campaign.ledger import CampaignLedger, Expense
from sie_agent.campaign.proposals import decided, question
from sie_agent.campaign.rules import FEWEST_JUDGED, Move, Situation, affordable, next_move, pilot_size

__all__ = [
    "END_STEP",
    "FEWEST_JUDGED",
    "CampaignGraph",
    "CampaignLedger",
    "CampaignState",
    "CurvePoints",
    "Expense",
    "Gain",
    "Goal",
    "Move",
    "Situation",
    "affordable",
    "amount",
    "as_figures",
    "as_lines",
    "as_markdown",
    "check_installed_graph",
    "decided",
    "entry",
    "expected_gain",
    "from_figures",
    "in_line",
    "learning_points",
    "load_goal",
    "next_move",
    "opened_graph",
    "pilot_size",
    "placed",
    "question",
    "write_goal",
]
