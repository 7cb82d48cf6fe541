"""The planner: what to judge next, or to stop. Each rule is one function that gives its reason as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sie_agent.campaign.curve import Gain
from sie_agent.campaign.goal import Goal
from sie_agent.utils.counts import counted

# a batch of fewer pairs says nothing that the one before did not say
FEWEST_PAIRS = 20
# `sie distill` refuses fewer
FEWEST_JUDGED = 40
FIRST_SHARE = 0.125
POINT = 0.01
# of the time that is left, what a batch may be expected to take
TIME_SHARE = 0.5


@dataclass(frozen=True)
class Situation:
    """What the planner knows when it decides what to judge next.

    Attributes
    ----------
    judged : pairs of the log that have been put before the judge; pairs : of the log.
    affordable : how many more the budget allows. per_pair : what one costs, in the budget's unit.
    gain : of a batch of so many more pairs, what the quality is expected to gain; None: not known.
    """

    goal: Goal
    judged: int
    pairs: int
    affordable: int
    per_pair: float
    gain: Callable[[int], Gain | None] = field(repr=False)

    @property
    def possible(self) -> int:
        """How many more pairs can be judged."""
        return max(min(self.affordable, self.pairs - self.judged), 0)

    @property
    def next_batch(self) -> int:
        """The batch that the rules would take: so many as there are already, as far as they are possible."""
        first = max(self.goal.stop.first, round(FIRST_SHARE * (self.judged + self.possible)))
        return min(max(self.judged, FEWEST_PAIRS) if self.judged else first, self.possible)

    def needed(self, pairs: int) -> float:
        """The gain from which on so many pairs pay."""
        return POINT * pairs * self.per_pair / self.goal.budget.total / self.goal.stop.point_worth


@dataclass(frozen=True)
class Move:
    """A decision: judge so many more pairs, or stop; why, by whom, and the figures that it rests on."""

    kind: Literal["judge", "stop"]
    pairs: int
    why: str
    by: str = "rules"
    figures: dict[str, Any] = field(default_factory=dict)


def nothing_is_left(known: Situation) -> Move | None:
    """Stop where the budget, or the log, has no room for another batch."""
    if known.judged and known.pairs <= known.judged:
        return Move("stop", 0, "every pair of the log was judged")
    if known.possible >= FEWEST_PAIRS or (known.judged == 0 and known.possible == known.pairs > 0):
        return None
    left = counted(known.possible, "more pair")
    return Move("stop", 0, f"the budget allows {left}, and a batch has {FEWEST_PAIRS} or more")


def begin(known: Situation) -> Move | None:
    """The first batch: an eighth of what the budget allows, so that there is a curve before much is spent."""
    if known.judged:
        return None
    share = f"the larger of {known.goal.stop.first} pairs and an eighth of the {known.possible:,} that are possible"
    return Move("judge", known.next_batch, f"the first batch is {share}: a learning curve before much is spent")


def it_does_not_pay(known: Situation) -> Move | None:
    """Stop where the next batch is hardly likely to gain what it costs."""
    pairs = known.next_batch
    gain = known.gain(pairs)
    if gain is None:
        return None
    needed, chance = known.needed(pairs), gain.chance_above(known.needed(pairs))
    figures = {"next_batch": pairs, "expected_gain": gain.expected, "gain_low": gain.low, "gain_high": gain.high}
    figures |= {"gain_needed": needed, "chance_that_it_pays": chance}
    words = (
        f"{pairs:,} more pairs are expected to add {gain.expected:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] to the "
        f"quality (80 %, bootstrap by query); they pay from {needed:.4f} on, and the chance of that is {chance:.0%}"
    )
    if known.judged < known.goal.stop.least:
        why = f"a curve of fewer than {known.goal.stop.least} judged pairs is often flat by chance, and stops nothing"
        return Move("judge", pairs, why, figures=figures)
    if chance < known.goal.stop.chance:
        return Move("stop", 0, f"{words}, below {known.goal.stop.chance:.0%}", figures=figures)
    return Move("judge", pairs, f"{words}, not below {known.goal.stop.chance:.0%}", figures=figures)


def go_on(known: Situation) -> Move | None:
    """Judge as many pairs again where nothing says that it does not pay."""
    return Move("judge", known.next_batch, "there is no learning curve yet: too few judged pairs or queries")


# the first that has something to say decides
RULES: tuple[Callable[[Situation], Move | None], ...] = (nothing_is_left, begin, it_does_not_pay, go_on)


def next_move(known: Situation) -> Move:
    """What the rules decide."""
    return next(move for rule in RULES if (move := rule(known)) is not None)


def refusal(known: Situation, move: Move) -> str | None:
    """Why the rules forbid a move that somebody else proposes; None where they allow it."""
    if move.kind == "stop":
        if known.judged < FEWEST_JUDGED and known.possible >= FEWEST_PAIRS:
            return f"{known.judged} judged pairs are too few to distill a scorer from"
        return None
    if move.pairs > known.possible:
        return f"{move.pairs:,} pairs are more than the {known.possible:,} that the budget and the log allow"
    if move.pairs < min(FEWEST_PAIRS, known.possible) or move.pairs < 1:
        return f"a batch has {FEWEST_PAIRS} pairs or more, not {move.pairs:,}"
    forced = nothing_is_left(known)
    return None if forced is None else forced.why


def affordable(left: Mapping[str, Any], per_pair: Mapping[str, float | None]) -> int | None:
    """How many pairs all limits together allow; None where nothing limits them, or what they cost is not known.

    Parameters
    ----------
    left : by money, judgments and seconds what is left; None: no limit. per_pair : what a pair costs; None: not known.
    """
    found = []
    for name, rest in left.items():
        cost = per_pair.get(name)
        if rest is not None and cost:
            # a batch that takes longer than expected still ends in time
            found.append(int(rest * (TIME_SHARE if name == "seconds" else 1.0) / cost))
    return min(found, default=None)


def pilot_size(goal: Goal, arms: int, room: int | None, pairs: int) -> tuple[int, int, str]:
    """How many pairs each arm is piloted on, how many arms, and why.

    Parameters
    ----------
    room : how many judgments the pilot's share of the budget allows; None: not known. pairs : there are for it.
    """
    wanted, kept = min(goal.pilot.pairs, pairs), arms
    if room is None:
        return wanted, kept, f"{wanted} pairs before each judge with its prompt; what one costs is not known yet"
    if room < wanted * arms:
        kept = max(min(arms, room // FEWEST_PAIRS), 1)
        wanted = min(wanted, room // kept)
    why = f"a pilot may take {goal.pilot.share:.0%} of the budget, which is {room:,} judgments"
    if kept < arms:
        several = f"{kept} of {arms} combinations of judge and prompt, the first ones"
        why += f"; with {FEWEST_PAIRS} pairs for each that is enough for {several}"
    return wanted, kept, why
