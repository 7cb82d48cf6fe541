"""A decision as a sentence that a shop's engineer understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sie_agent.utils.counts import counted

if TYPE_CHECKING:
    from sie_agent.comparison.decide import Decision
    from sie_agent.comparison.pairs import PairTest


def sentence_of(decision: Decision, open_pairs: Sequence[PairTest]) -> str:
    """One or two plain sentences for a decision.

    Parameters
    ----------
    open_pairs : pairs of the choice with other arms that are not decided.
    """
    others = [name for name in decision.means if name != decision.choice]
    if not others:
        return f"There is only {decision.choice}: nothing to compare it with."
    if decision.verdict == "take":
        return _take(decision, open_pairs)
    if decision.verdict == "keep":
        return _keep(decision, others)
    if decision.verdict == "same":
        return _same(decision, others)
    return _more(decision, open_pairs)


def _take(decision: Decision, open_pairs: Sequence[PairTest]) -> str:
    pair = decision.pair(decision.choice, decision.baseline)
    text = f"Take {decision.choice}: it is better than {decision.baseline} by {_size(pair, decision)}."
    if open_pairs:
        rivals = joined([_other(pair, decision.choice) for pair in open_pairs])
        text += f" Whether {rivals} would do better still is not decided{_behind(decision, open_pairs)}."
    return text


def _keep(decision: Decision, others: Sequence[str]) -> str:
    pairs = [decision.pair(decision.choice, name) for name in others]
    beaten = [pair for pair in pairs if pair.better == decision.choice and not pair.equivalent]
    same = [_other(pair, decision.choice) for pair in pairs if pair.equivalent]
    if len(others) == 1:
        return f"Keep {decision.choice}: it is better than {others[0]} by {_size(pairs[0], decision)}."
    text = f"Keep {decision.choice}: it is better than {joined([_other(pair, decision.choice) for pair in beaten])}"
    return f"{text}, and the same as {joined(same)} within {decision.margin:g}." if same else f"{text}."


def _same(decision: Decision, others: Sequence[str]) -> str:
    pairs = [decision.pair(decision.choice, name) for name in others]
    names = joined([decision.choice, *others])
    queries = f"{min(pair.n_queries for pair in pairs):,} queries"
    if all(pair.identical for pair in pairs):
        return f"{names} are byte-identical on all {queries}: keep {decision.choice}."
    twins = [_other(pair, decision.choice) for pair in pairs if pair.identical]
    extra = f" {joined([decision.choice, *twins])} are byte-identical." if twins else ""
    return f"{names} are the same within {decision.margin:g} ({queries}): keep {decision.choice}.{extra}"


def _more(decision: Decision, open_pairs: Sequence[PairTest]) -> str:
    rivals = joined([_other(pair, decision.choice) for pair in open_pairs])
    verb = "differs" if len(open_pairs) == 1 else "differ"
    return (
        f"Not decided whether {rivals} {verb} from {decision.choice}{_behind(decision, open_pairs)};"
        f" until then keep {decision.choice}."
    )


def _behind(decision: Decision, open_pairs: Sequence[PairTest]) -> str:
    """What would decide it."""
    if not decision.n_queries:
        return ": no query has two pairs of different grade (--grade-next with --whole-queries chooses such)"
    if decision.queries_needed is None:
        return f" with {counted(decision.n_queries, 'graded query')}"
    most = max(pair.n_queries for pair in open_pairs)
    more = max(1, decision.queries_needed - most)
    return f": about {_rounded(more):,} more graded queries would decide it"


def _size(pair: PairTest, decision: Decision) -> str:
    """The difference in favour of the winner, with its interval."""
    sign = 1 if pair.better == pair.second else -1
    low, high = sorted((sign * pair.low, sign * pair.high))
    level = f"{100 * (1 - decision.alpha):.3g} %"
    return f"{sign * pair.difference:.3f} ({level} interval {low:.3f} to {high:.3f}, {pair.n_queries:,} queries)"


def _other(pair: PairTest, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _rounded(number: int) -> int:
    """Upwards to two digits: more would say what is not known."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def joined(names: Sequence[str]) -> str:
    """Names as in a sentence: A, B and C."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
