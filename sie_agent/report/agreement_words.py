"""How well the scores agree with gradients, in words; and how much of the bound that is, where this can be said."""

from __future__ import annotations

from sie_agent.report import pick, words
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow

# a bound whose square has an interval wider than this says nothing of a share
WIDEST = 0.3


def share_of_bound(agreement: Agreement, reference: str, value: float | None, judge: str | None = None) -> str:
    """An agreement as a share of the most that a label can reach; never above all of it.

    A dash where there is no bound, and words where the bound's own reliability is too uncertain for a share (its 95 %
    interval wider than 0.3) or the agreement lies at the bound or beyond it.
    """
    bound = pick.bound_of(agreement, reference, judge=judge)
    if value is None or not bound:
        return words.ABSENT
    if value >= bound:
        return "at the bound"
    entries = [one for one in agreement.reliability if (one.reference, one.metric) == (reference, "spearman")]
    ends = next(((one.ci_low, one.ci_high) for one in entries if one.bound is not None), (None, None))
    if ends[0] is not None and ends[1] is not None and ends[1] - ends[0] > WIDEST:
        return "bound too uncertain"
    return words.percent(value / bound)


def bound_words(agreement: Agreement, row: AgreementRow) -> str:
    """:func:`share_of_bound` in a sentence."""
    share = share_of_bound(agreement, row.reference, row.value, row.judge)
    if share == "at the bound":
        return "this is at the bound"
    if share == "bound too uncertain":
        return "itself too uncertain to take a share of it"
    return f"this is {share} of it"


def agreement_sentences(run: RunFolder) -> list[str]:
    """How well the headline's label agrees with its reference, in words; empty where that was not measured."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return []
    what = f"the distilled {row.label}" if row.source == "scorer" else row.label
    agrees = f"On queries that the scorer never saw, {what} agrees with {row.reference} "
    agrees += f"at Spearman {words.number(row.value)}"
    if row.ci_low is not None and row.ci_high is not None:
        agrees += f" (95 % interval {words.interval(row.ci_low, row.ci_high)})"
    bound = pick.bound_of(run.agreement, row.reference, judge=row.judge)
    if bound and row.value is not None:
        agrees += f"; the most that labels can reach is {words.number(bound)} ({bound_words(run.agreement, row)})"
    partial = _partial(run, row)
    told = (partial.value, partial.ci_low, partial.ci_high) if partial else (None, None, None)
    sentences = [f"{agrees}.", _comparison(run, row), words.contribution_words(*told)]
    return [sentence for sentence in sentences if sentence]


def _comparison(run: RunFolder, row: AgreementRow) -> str:
    rows = [other for other in pick.beside(run.agreement, row) if other.is_baseline]
    control = pick.labelled(rows, pick.CONTROL)
    others = [other for other in rows if other.label != pick.CONTROL]
    told = ", ".join(f"{other.label} {words.number(other.value)}" for other in others)
    parts = [
        f"Without any judge: {told}" if told else "",
        f"the same pipeline with shuffled answers reaches {words.number(control.value)}" if control else "",
    ]
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _partial(run: RunFolder, row: AgreementRow) -> AgreementRow | None:
    same = (row.label, row.judge, row.reference, row.source)
    return next(
        (
            other
            for other in run.agreement.rows
            if other.metric == "partial_spearman" and (other.label, other.judge, other.reference, other.source) == same
        ),
        None,
    )
