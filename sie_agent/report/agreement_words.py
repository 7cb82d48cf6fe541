"""How well the scores agree with gradients, in words; and how much of the bound that is, where this can be said."""

from __future__ import annotations

from sie_agent.report import pick
from sie_agent.report.number_words import ABSENT, ends_of, figure, interval, number, percent
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow

# a bound whose square has an interval wider than this says nothing about a share
WIDEST = 0.3
AT_BOUND, UNCERTAIN = "at the bound", "bound too uncertain"


def share_of_bound(agreement: Agreement, reference: str, value: float | None, judge: str | None = None) -> str:
    """An agreement as a share of the most that a label can reach; never above all of it.

    A dash where there is no bound, and words where the bound's own reliability is too uncertain for a share (its 95 %
    interval wider than 0.3) or the agreement lies at the bound or beyond it.
    """
    reliability = pick.bound_of(agreement, reference, judge)
    if value is None or reliability is None or not reliability.bound:
        return ABSENT
    if value >= reliability.bound:
        return AT_BOUND
    low, high = reliability.ci_low, reliability.ci_high
    if low is not None and high is not None and high - low > WIDEST:
        return UNCERTAIN
    return percent(value / reliability.bound)


def bound_words(agreement: Agreement, row: AgreementRow) -> str:
    """:func:`share_of_bound` in a sentence."""
    share = share_of_bound(agreement, row.reference, row.value, row.judge)
    if share == UNCERTAIN:
        return "itself too uncertain to take a share of it"
    return "this is at the bound" if share == AT_BOUND else f"this is {share} of it"


def agreement_sentences(run: RunFolder) -> list[str]:
    """How well the headline's label agrees with its reference, in words; empty where that was not measured."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return []
    what = f"the distilled {row.label}" if row.source == "scorer" else row.label
    agrees = f"On queries that the scorer never saw, {what} agrees with {row.reference} "
    agrees += f"at Spearman {number(row.value)}"
    if row.ci_low is not None and row.ci_high is not None:
        agrees += f" (95 % interval {interval(row.ci_low, row.ci_high)})"
    reliability = pick.bound_of(run.agreement, row.reference, row.judge)
    if reliability is not None and reliability.bound:
        agrees += f"; the most that labels can reach is {number(reliability.bound)} ({bound_words(run.agreement, row)})"
    same = (row.label, row.judge)
    own = [one for one in pick.contributions(run.agreement, row) if (one.label, one.judge) == same]
    told = [f"{agrees}.", _comparison(run, row), contribution_words(*ends_of(own[0] if own else None))]
    return [sentence for sentence in told if sentence]


def _comparison(run: RunFolder, row: AgreementRow) -> str:
    rows = [other for other in pick.beside(run.agreement, row) if other.is_baseline]
    control = pick.labelled(rows, pick.CONTROL)
    others = ", ".join(f"{other.label} {number(other.value)}" for other in rows if other.label != pick.CONTROL)
    parts = [
        f"without any judge: {others}" if others else "",
        f"the same pipeline with shuffled answers reaches {number(control.value)}" if control else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def contribution_words(value: float | None, low: float | None, high: float | None) -> str:
    """Whether the judge adds anything beyond the pipeline around it."""
    if value is None:
        return "What the judge adds to this agreement was not measured."
    told = f"What the judge adds to this agreement is {figure(value, low, high)}"
    if low is None or high is None:
        return f"{told}, without an interval."
    if low <= 0 <= high:
        return f"{told}; the interval includes zero, so it may be none."
    if low > 0:
        return f"{told}: above zero. The gains further up show whether training benefits."
    return f"{told}: below zero, so the judge misleads."
