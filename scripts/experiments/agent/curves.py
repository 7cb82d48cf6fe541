"""Quality against cost where a share of the pairs goes to a second judge: by uncertainty, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scripts.experiments.agent.population import Figures, Judged, Population, figures_of, told
from sie_agent.evaluation import knowledge_removed
from sie_agent.utils.arrays import Booleans, Doubles

# tokens a pair, as multiples of one pass of the second judge over all pairs
BUDGETS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
DRAWS, RELEVANT_AT = 20, 0.75
MODES = ("gold", "free")


@dataclass(frozen=True)
class Chain:
    """A first judge, how unsure it is of each pair, (n,), and what stands behind it by name.

    Attributes
    ----------
    unit : of budgets: tokens that one pass of the second judge takes for a pair.
    """

    first: Judged
    unsure: Doubles
    behind: Mapping[str, Judged]
    unit: float


def unsure_of(score: Doubles) -> Doubles:
    """(n,) how near a rank or a grade in [0, 1] is to the middle: so the agent has it without probabilities."""
    return 1 - np.abs(2 * np.nan_to_num(score, nan=0.5) - 1)


def subset(judged: Judged, kept: Booleans) -> Judged:
    """The same judge on some of the pairs."""
    return replace(judged, score=judged.score[kept], tokens=judged.tokens[kept], calls=judged.calls[kept])


def chosen(order: Doubles, tokens: Doubles, budget: float, within: Booleans) -> Booleans:
    """(n,) the pairs that are escalated: in their order as long as the money lasts, in test and tuning pairs apart.

    Parameters
    ----------
    order : (n,) the highest first. tokens : (n,) what each takes. budget : tokens a pair. within : (n,) the test pairs.
    """
    found = np.zeros(len(order), bool)
    for part in (within, ~within):
        places = np.flatnonzero(part)
        places = places[np.argsort(-order[places], kind="stable")]
        found[places[np.cumsum(tokens[places]) <= budget * len(places) * (1 + 1e-9)]] = True
    return found


def mixed(first: Doubles, second: Doubles, escalated: Booleans) -> Doubles:
    """(n,) the second judge's score where a pair was escalated and it has one, else the first one's."""
    return np.where(escalated & ~np.isnan(second), second, np.nan_to_num(first, nan=0.0))


class Curves:
    """The curves of a chain of judges.

    Parameters
    ----------
    mode : how scores of two judges come onto one scale, ``gold`` or ``free``.
    """

    def __init__(self, population: Population, chain: Chain, mode: str) -> None:
        self._population, self._chain, self._mode = population, chain, mode
        self._first = population.scaled(chain.first.score, mode)
        rng = np.random.default_rng(11)
        self._random = [rng.random(len(population.grade)) for _ in range(DRAWS)]
        self.unit = chain.unit

    def at(self, second: Judged, budget: float, orders: list[Doubles]) -> tuple[Figures, float, float]:
        """Figures, tokens a pair and share escalated where the budget goes to one judge in some orders."""
        test = self._population.test
        scaled = self._population.scaled(second.score, self._mode)
        taken = [chosen(order, second.tokens, budget * self.unit, test) for order in orders]
        figures = figures_of(self._population, [mixed(self._first, scaled, one) for one in taken])
        spent = float(np.mean([(second.tokens * one)[test].sum() / test.sum() for one in taken]))
        return figures, spent, float(np.mean([one[test].mean() for one in taken]))

    def told(self) -> dict[str, Any]:
        """Every strategy at every budget, and the differences at equal cost."""
        chain, unsure = self._chain, [self._chain.unsure]
        none = figures_of(self._population, [np.nan_to_num(self._first)])
        points: list[dict[str, Any]] = [self._point("none", 0.0, none, 0.0, 0.0)]
        differences = []
        for budget in BUDGETS:
            here: dict[str, Figures] = {}
            for name, judge in chain.behind.items():
                if budget > 1.25 * float(judge.tokens.mean()) / self.unit:
                    continue
                for how, orders in (("unsure", unsure), ("random", self._random)):
                    figures, spent, share = self.at(judge, budget, orders)
                    here[f"{how} to {name}"] = figures
                    points.append(self._point(f"{how} to {name}", budget, figures, spent, share))
            # with more money than one pass takes, there is nothing more to buy of it
            if "unsure to agent" in here and "unsure to one pass" not in here and "one pass" in chain.behind:
                here["unsure to one pass"] = self.at(chain.behind["one pass"], 2.0, unsure)[0]
            here["none"] = none
            for left, right in DIFFERENCES:
                if left in here and right in here:
                    row = {"of": left, "less": right, "budget": budget}
                    differences.append({**row, **here[left].less(here[right])})
        return {
            "tokens_of_one_pass": self.unit,
            "points": points,
            "differences": differences,
            "controls": self._controls(),
        }

    def _point(self, strategy: str, budget: float, figures: Figures, spent: float, share: float) -> dict[str, Any]:
        return {"strategy": strategy, "budget": budget, "tokens": spent, "share": share, **figures.told()}

    def _controls(self) -> list[dict[str, Any]]:
        """What half of the pairs, the least sure, are worth with another second judge in the place of the real one."""
        population, chain = self._population, self._chain
        rows = []
        for name, judge in chain.behind.items():
            budget = 0.5 * float(judge.tokens.mean()) / self.unit
            real, _, _ = self.at(judge, budget, [chain.unsure])
            twin = knowledge_removed(judge.score, population.queries, population.grade, RELEVANT_AT, 3).relevance
            chance = np.random.default_rng(5).random(len(judge.score))
            for control, score in (("twin", twin), ("random answers", chance)):
                found, _, share = self.at(replace(judge, score=score), budget, [chain.unsure])
                rows.append(
                    {"judge": name, "control": control, "share": share, **found.told(), "real_less": real.less(found)}
                )
        return rows


DIFFERENCES = (
    ("unsure to one pass", "random to one pass"),
    ("unsure to agent", "random to agent"),
    ("unsure to agent", "unsure to one pass"),
    ("random to agent", "random to one pass"),
    ("unsure to agent", "none"),
    ("unsure to one pass", "none"),
)


def everything(population: Population, judges: Mapping[str, Judged]) -> dict[str, Any]:
    """Judges that answer every pair: their figures, what they take, and what is first less the others."""
    found = {name: figures_of(population, [np.nan_to_num(one.score)]) for name, one in judges.items()}
    test = population.test
    rows = {
        name: {
            **figures.told(),
            "tokens": float(judges[name].tokens[test].mean()),
            "calls": float(judges[name].calls[test].mean()),
        }
        for name, figures in found.items()
    }
    return rows


__all__ = ["BUDGETS", "DIFFERENCES", "MODES", "Chain", "Curves", "everything", "mixed", "subset", "told", "unsure_of"]
