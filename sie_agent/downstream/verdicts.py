"""The plain verdict: whether this log is better off with this judge, and if not, with what simpler thing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sie_agent.downstream.bench_data import Way
from sie_agent.downstream.figures import Values, best_text, minus
from sie_agent.downstream.judged import AUTO, SAME_RECIPE
from sie_agent.downstream.strategies import CLEAN, LOG
from sie_agent.utils.arrays import Integers
from sie_agent.utils.counts import counted

USE, SIMPLER, LOSES_NOTHING, CANNOT_TELL, UNKNOWN = "use", "simpler", "log loses nothing", "cannot tell", "unknown"
NOTHING_TRIED = (
    "Unknown: no ranker was trained with this judge's target and weights. Give the data human grades, name the judge "
    "in downstream.judges, and set downstream.draws to 1 or more."
)
FEW_QUERIES, QUERIES_WANTED = 200, 400
THE_LOG = "the log as it is"
TWIN, TWIN_BY_RECIPE = "the judge without its knowledge", "the judge without its knowledge, by the same recipe"
NOT_ITS_DOING = "The gain does not come from what the judge knows: do not pay for it"
# judges that cost nothing, by kind; the simplest first
SIMPLE = {
    "lexical": "word overlap as the judge",
    "positions": "the log's own positions as the judge",
    "random": "a judge that answers at random",
}


def verdict(
    judge: str, mode: str, values: Values, ranker: str, copies: Integers, simple: Mapping[str, str]
) -> dict[str, Any]:
    """What to do with a judge's target and weights, from accuracy within the test queries.

    ``use`` where a ranker trained by `auto` with the judge is certainly better (95 %) than each of: the log as it is,
    the best untrained text score, what needs no judge through the same pipeline (word overlap, the positions at which
    rows were shown, chance), and the judge's own twin without its knowledge. All must hold, so no correction for their
    number is due.

    Parameters
    ----------
    judge, mode : whose verdict. values : (draws, queries) accuracy by way, from :func:`by_way`.
    simple : by kind (a key of ``SIMPLE``), names of the judges that need no language model.

    Returns
    -------
    ``judge``, ``use`` (one of the words above), ``text`` for people, and ``against``: by rival, what `auto` gains.
    """
    own = Way(ranker, AUTO, judge)
    told = f"{judge} ({mode})"
    if own not in values or Way(ranker, CLEAN) not in values:
        return {"judge": judge, "use": UNKNOWN, "text": NOTHING_TRIED, "against": []}
    text = best_text(values, ranker)
    rivals: list[tuple[str, Way | None]] = [
        (THE_LOG, Way(ranker, LOG)),
        (f"the text score {text.strategy}" if text else "a text score", text),
        *((SIMPLE[kind], Way(ranker, AUTO, name)) for kind, name in simple.items()),
        (TWIN, Way(ranker, AUTO, judge, twin=True)),
        (TWIN_BY_RECIPE, Way(ranker, SAME_RECIPE, judge, twin=True)),
    ]
    against = [against_rival(name, values, own, rival, copies) for name, rival in rivals]
    over_text, over_log = (minus(values, Way(ranker, CLEAN), rival, copies) for rival in (text, Way(ranker, LOG)))
    n_queries = int((~np.isnan(values[own])).any(axis=0).sum())
    few = f" Only {n_queries} queries stand behind this: take it as a hint." if n_queries < FEW_QUERIES else ""
    if against[0]["value"] is None or not np.isfinite(against[0]["value"]):
        use, said = UNKNOWN, "Unknown: no query has two rows of different grade, so nothing could be put in order."
    elif over_text is not None and not over_text["ci_low"] > 0:
        use, said = CANNOT_TELL, cannot_tell(text, over_text, n_queries)
    # few draws can leave clean labels uncertain where the judge's target is certain already
    elif over_log is not None and not over_log["ci_low"] > 0 and not against[0]["beaten"]:
        use, said = LOSES_NOTHING, loses_nothing(over_log)
    elif all(one["beaten"] for one in against):
        use, others = USE, ", ".join(one["rival"] for one in against[1:])
        said = (
            f"Use target and weights: with {told} the ranker puts more of the pairs of a query in the right order than "
            f"with the log as it is, {interval_words(against[0])}; it is also certainly ahead of {others}.{few}"
        )
    else:
        use, said = SIMPLER, f"{simpler(told, not_beaten(against))}{few}"
    return {"judge": judge, "use": use, "text": said, "against": against}


def not_beaten(against: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The rival that is certainly better, by most; where there is none, the first, from the simplest on, not beaten."""
    better = [one for one in against if one["ci_high"] is not None and one["ci_high"] < 0]
    if better:
        return min(better, key=lambda one: float(one["value"]))
    return next(one for one in against if not one["beaten"])


def ungraded_words(rows: int, graded: int, missing: Mapping[str, int]) -> str:
    """What is missing where not every row has a grade, so that no ranker could be tested.

    Parameters
    ----------
    rows, graded : of the whole log, and how many of them have a grade.
    missing : ``queries`` to test on, ``rows`` of them, ``graded`` of those, and ``pairs`` that are to be graded.

    The difference of two rankers has a standard deviation of about a tenth over queries: 400 of them tell it to one
    point, at 95 %.
    """
    has = "has" if graded == 1 else "have"
    some = f"{graded:,} of {counted(rows, 'row')} {has} a grade" if graded else "no row has a grade"
    start = f"Unknown: {some}, and rankers are tested on data with a grade in every row."
    end = "`sie distill` chooses target and weights on any grades."
    queries = counted(missing["queries"], "query")
    if not missing["pairs"]:
        return f"{start} {queries} have that: run a suite on these alone (--set data.only_graded=true). {end}"
    known = f" ({missing['graded']:,} of their {missing['rows']:,} pairs are graded)" if missing["graded"] else ""
    more = counted(missing["pairs"], "more pair")
    return f"{start} Grade {more}, all rows of {queries}{known}, and run a suite on these alone. {end}"


def against_rival(name: str, values: Values, own: Way, rival: Way | None, copies: Integers) -> dict[str, Any]:
    """What a way gains over a rival; a judge is not ahead of itself, and a rival that was not tried is not beaten."""
    found = None if rival is None or rival == own else minus(values, own, rival, copies)
    if found is None:
        return {"rival": name, "value": None, "ci_low": None, "ci_high": None, "beaten": False}
    return {"rival": name, **found, "beaten": bool(found["ci_low"] > 0)}


def cannot_tell(text: Way | None, over_text: Mapping[str, float], n_queries: int) -> str:
    """Clean labels are not shown to beat a text score: what is missing."""
    name = text.strategy if text else "a text score"
    if over_text["ci_high"] < 0:
        return (
            f"This set cannot tell: a ranker trained on human grades is certainly worse than the text score {name} "
            f"({interval_words(over_text)}). Rank by {name}, or give the ranker more to read."
        )
    start = (
        "This set cannot tell: even a ranker trained on human grades is not certainly better than the text score "
        f"{name} ({interval_words(over_text)})."
    )
    needed = queries_needed(over_text["value"], over_text["ci_low"], n_queries)
    if needed is not None:
        return f"{start} About {needed:,} graded queries could if the difference stays; there are {n_queries:,}."
    return f"{start} More queries like these would not settle it."


def queries_needed(value: float, low: float, n_queries: int) -> int | None:
    """How many queries make a difference certain, should it stay; None where it is not above zero.

    The half-width of an interval falls with the root of the number of queries: n·((value − low) / value)².
    """
    return math.ceil(n_queries * ((value - low) / value) ** 2) if value > 0 else None


def loses_nothing(over_log: Mapping[str, float]) -> str:
    """The log is as good as clean labels."""
    return (
        "Your log loses nothing that can be shown: human grades as labels are not certainly better than the log as it "
        f"is ({interval_words(over_log)}), and neither is this judge. Train on the log."
    )


def simpler(told: str, rival: Mapping[str, Any]) -> str:
    """A rival that was not beaten, and what follows."""
    better = rival["ci_high"] is not None and rival["ci_high"] < 0
    does, do = ("does better", "do better") if better else ("does as well", "do as well")
    measured = "" if rival["value"] is None else f" (`auto` with this judge, less that: {interval_words(rival)})"
    advice = {
        THE_LOG: "Train on the log as it is",
        SIMPLE["lexical"]: f"Word overlap {does}: this log needs no language model",
        SIMPLE["positions"]: f"The positions at which rows were shown {do}: this log needs no language model",
        SIMPLE["random"]: f"A judge that answers at random {does}: train on the log as it is",
        **dict.fromkeys((TWIN, TWIN_BY_RECIPE), NOT_ITS_DOING),
    }.get(rival["rival"], f"Rank by {rival['rival']}: it needs neither log nor judge")
    return f"Do not use {told}. {advice}{measured}."


def interval_words(difference: Mapping[str, Any]) -> str:
    """A difference in percentage points with its interval."""
    value, low, high = (100 * difference[name] for name in ("value", "ci_low", "ci_high"))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def all_verdicts(
    judges: Sequence[tuple[str, str]], values: Values, ranker: str, copies: Integers, simple: Mapping[str, str]
) -> list[dict[str, Any]]:
    """:func:`verdict` of every judge, given as (name, mode)."""
    return [verdict(name, mode, values, ranker, copies, simple) for name, mode in judges]
