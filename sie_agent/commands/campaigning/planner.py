"""A model that proposes what comes next; the rules refuse what they forbid, and its cost is part of the budget."""

from __future__ import annotations

from sie_agent.campaign import Move, Situation, decided, question
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.judges import open_judge
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging import Accounted, say_in_text

ANSWER_TOKENS = 300
ANSWER_SECONDS = 60.0
WHERE = "goal, field 'planner'"


def proposed_move(campaign: Campaign, known: Situation, left: float | None) -> Move:
    """What the model proposes where the rules allow it, else what they decide.

    Parameters
    ----------
    left : USD of the budget; None where money is not limited.

    Raises
    ------
    InputError : the planner is none of a chat server, or has no price while money is limited.
    """
    _, judge = parse_judge(campaign.goal.planner, where=WHERE)
    asked = question(known)
    backend = open_judge(judge)[0]
    try:
        prices = list(backend.prices.values()) if isinstance(backend, Accounted) else []
        if left is not None and not prices:
            hint = "Give price_input and price_output, in USD per million tokens."
            raise InputError("a budget in money, and the planner has no price", where=WHERE, hint=hint)
        dearest = max((one.of(len(asked.encode()), ANSWER_TOKENS) for one in prices), default=0.0)
        if left is not None and dearest > left:
            return decided(known, None, "what is left of the budget does not pay for the model's answer")
        try:
            said = say_in_text(backend, asked, most_tokens=ANSWER_TOKENS, seconds=ANSWER_SECONDS)
        except EnvironmentFailure as error:
            return decided(known, None, error.problem)
        campaign.paid_beside += max((one.of(said.input_tokens, said.output_tokens) for one in prices), default=0.0)
        return decided(known, said.text)
    finally:
        backend.close()
