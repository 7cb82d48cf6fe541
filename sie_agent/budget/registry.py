"""The strategies by name: one file and one line each."""

from __future__ import annotations

from sie_agent.budget.disagreement import DISAGREEMENT
from sie_agent.budget.diverse import DIVERSE
from sie_agent.budget.influence import INFLUENCE
from sie_agent.budget.random_pairs import RANDOM
from sie_agent.budget.strategy import Strategy
from sie_agent.budget.uncertain import UNCERTAIN
from sie_agent.errors import InputError

STRATEGIES: dict[str, Strategy] = {one.name: one for one in (RANDOM, UNCERTAIN, DIVERSE, DISAGREEMENT, INFLUENCE)}
# scripts/experiments/what_to_judge says why
DEFAULT = RANDOM.name


def strategy_named(name: str, where: str | None = "--strategy") -> Strategy:
    """The strategy of this name.

    Raises
    ------
    InputError : there is none.
    """
    if name not in STRATEGIES:
        raise InputError(f"no strategy '{name}'", where=where, hint=f"Choose one of {', '.join(STRATEGIES)}.")
    return STRATEGIES[name]
