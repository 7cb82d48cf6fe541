"""What failed completely while the others went on, and why, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sie_agent.errors import EnvironmentFailure, SieError, compose
from sie_agent.judging import JudgmentCache, Reasons, pattern, reasons_in_words, shortened

CAUSE_CHARS = 200
CHECK = "Check the model or the server; `sie label` shows the status of each pair."


@dataclass(frozen=True)
class Failure:
    """What stands for somebody that was asked and gave nothing that can be used.

    Attributes
    ----------
    name : of the judge or the prompt variant.
    cause : why, in one line, in the server's words where it said any.
    hint : what to do about it; empty where nobody knows.
    error : what was raised; None where answers came and none was a judgment.
    """

    name: str
    cause: str
    hint: str = ""
    error: SieError | None = None

    def __str__(self) -> str:
        return f"{self.cause.rstrip('.')}. {self.hint}" if self.hint else self.cause


def raised(name: str, error: SieError, cache: JudgmentCache | None = None) -> Failure:
    """The failure that an error stands for; *cache* where one was in use.

    Raises
    ------
    SieError : the error itself where it is the judgment cache's: it concerns everybody.
    """
    where = getattr(error, "where", None)
    if cache is not None and (cache.trouble is not None or where == str(cache.path)):
        raise error
    problem = compose(getattr(error, "problem", str(error)), where, None)
    return Failure(name, shortened(problem, CAUSE_CHARS), getattr(error, "hint", None) or "", error)


def ungraded(
    name: str, reasons: Reasons, pairs: int, graded: int = 0, where: str = "", *, what: str = "pairs"
) -> Failure:
    """The failure of somebody whose answers are too few judgments.

    Parameters
    ----------
    pairs, graded : how many were asked about, and how many of them have a judgment.
    where : in which part of the run. what : what was asked about.
    """
    told = reasons_in_words(reasons.as_list())
    hint = "`status` and `detail` in the judgments say why, pair by pair"
    return Failure(name, f"judged {graded:,} of {pairs:,} {what}{where}{f' ({told})' if told else ''}", hint)


def reasons_of(judgments: pd.DataFrame) -> Reasons:
    """Why pairs have no judgment."""
    reasons, failed = Reasons(), judgments[judgments["score"].isna()]
    reasons.add_all(zip(failed["status"], failed["detail"], strict=True))
    return reasons


def nobody_left(what: str, failures: Sequence[Failure]) -> SieError:
    """What to raise when all failed: the one error of all, or all causes in a line.

    Parameters
    ----------
    what : what cannot be done.
    """
    first = failures[0]
    if first.error is not None and all(one.cause == first.cause for one in failures):
        return first.error
    alike: dict[str, list[Failure]] = {}
    for one in failures:
        alike.setdefault(pattern(one.cause), []).append(one)
    causes = "; ".join(f"{', '.join(one.name for one in several)}: {several[0].cause}" for several in alike.values())
    return EnvironmentFailure(f"{what}. {causes}", hint=CHECK)


def as_rows(failures: Sequence[Failure], key: str) -> list[dict[str, Any]]:
    """Failures for a JSON file; *key* says what their names are of."""
    return [{key: one.name, "cause": one.cause, "hint": one.hint} for one in failures]
