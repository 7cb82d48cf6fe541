"""What a model proposes to do next: read, checked, and refused where the rules forbid it."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sie_agent.campaign.rules import FEWEST_PAIRS, Move, Situation, next_move, refusal
from sie_agent.errors import InputError
from sie_agent.files.json_files import parse_json

MOST_TEXT = 20_000
MOST_WHY = 300


class Proposal(BaseModel):
    """What a model may say: one of the moves that the rules know."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    step: Literal["judge", "stop"]
    pairs: int = Field(0, ge=0, le=2**53)
    why: str = Field("", max_length=10_000)


def question(known: Situation) -> str:
    """What the model is asked: the figures, and the moves that are allowed. No text of the log is in it."""
    rule = next_move(known)
    figures = {
        "unit": known.goal.budget.unit,
        "budget": known.goal.budget.total,
        "cost_of_a_pair": known.per_pair,
        "judged_pairs": known.judged,
        "pairs_in_the_log": known.pairs,
        "most_pairs": known.possible,
        "fewest_pairs": FEWEST_PAIRS,
        **rule.figures,
    }
    move = {"step": rule.kind, "pairs": rule.pairs, "why": rule.why}
    return (
        "You plan a campaign that judges pairs of a search log with a language model, to distill a scorer from the "
        "judgments. Decide what comes next: judge another batch, or stop.\n\n"
        f"Figures: {json.dumps(figures)}\n"
        f"A simple rule would do this: {json.dumps(move)}\n\n"
        'Answer with one JSON object and nothing else: {"step": "judge" or "stop", "pairs": a whole number from '
        f'{min(FEWEST_PAIRS, known.possible)} to {known.possible} (0 to stop), "why": one sentence}}'
    )


def read_proposal(text: str) -> Move:
    """The move that an answer proposes: the first JSON object in it.

    Raises
    ------
    InputError : there is none, or it is not a move.
    """
    start = text.find("{", 0, MOST_TEXT)
    end = text.rfind("}", 0, MOST_TEXT)
    if start < 0 or end < start:
        raise InputError("the answer holds no JSON object", where="planner")
    try:
        told = Proposal.model_validate(parse_json(text[start : end + 1]))
    except (ValidationError, ValueError, RecursionError) as error:
        raise InputError("the answer is not a move: step judge or stop, pairs, why", where="planner") from error
    why = "".join(letter if letter.isprintable() else " " for letter in told.why)[:MOST_WHY]
    pairs = told.pairs if told.step == "judge" else 0
    return Move(told.step, pairs, f"the model: {' '.join(why.split()) or 'no reason given'}", by="model")


def decided(known: Situation, answer: str | None, problem: str | None = None) -> Move:
    """The model's move where the rules allow it, else theirs, with the reason for the refusal.

    Parameters
    ----------
    answer : what the model said; None where it was not asked, for the reason *problem*.
    """
    own = next_move(known)
    if answer is not None:
        try:
            proposed = read_proposal(answer)
            problem = refusal(known, proposed)
        except InputError as error:
            problem = error.problem
        else:
            if problem is None:
                return Move(proposed.kind, proposed.pairs, proposed.why, "model", own.figures)
    return Move(own.kind, own.pairs, f"{own.why} (the model's proposal was refused: {problem})", own.by, own.figures)
