"""What stands first on the page: the decision, the ranking, what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.comparison.verdict_row import next_sheet
from sie_agent.report.comparison.arms import ShownComparison
from sie_agent.report.number_words import count, money, number
from sie_agent.report.page import cleaned

SHEET = (
    "Next: the same command with {} chooses pairs to grade; fill in the sheet and give it back with "
    "--grades sheet.csv and another --out."
)
# by verdict: tone, sign, title of the page
VERDICTS = {
    "take": ("good", "✓", "take {}"),
    "keep": ("good", "✓", "keep {}"),
    "same": ("fair", "=", "the same, keep {}"),
    "grade-more": ("", "?", "not decided"),
    "unknown": ("", "?", "cannot tell"),
}
NO_DECISION = "The comparison holds figures and no decision."


@dataclass(frozen=True)
class Top:
    """The head of the page; ``places`` is the ranking, arms of one place tied."""

    tone: str
    mark: str
    title: str
    sentence: str
    next_step: str
    places: list[str]
    cautions: list[str]
    badges: list[str]


def top_of(compared: ShownComparison) -> Top:
    """Decision, ranking with ties, cautions."""
    found, decision = compared.found, compared.found.decision
    verdict = decision.verdict if decision else "unknown"
    tone, mark, title = VERDICTS.get(verdict, VERDICTS["unknown"])
    sentence = decision.sentence if decision and decision.sentence else NO_DECISION
    ranking = [group for group in (decision.ranking if decision else []) if group]
    return Top(
        tone=tone,
        mark=mark,
        title=title.format(decision.choice) if decision else "no decision",
        # a line must not end before the sign
        sentence=cleaned(sentence).replace(" %", "\u00a0%"),
        next_step=SHEET.format(next_sheet(decision.metric))
        if decision and verdict in ("grade-more", "unknown")
        else "",
        places=[_place(group, compared) for group in ranking] if verdict != "unknown" else [],
        cautions=_cautions(compared),
        badges=[
            compared.mode,
            f"{count(found.n_pairs, 'pair', 'pairs')} of {count(found.n_queries, 'query', 'queries')}",
            count(len(found.variants), "arm", "arms"),
            *([f"cost {money(found.cost, 'USD')}"] if found.cost is not None else []),
        ],
    )


def _place(group: list[str], compared: ShownComparison) -> str:
    names = [compared.number_of(name) for name in group]
    return f"{', '.join(names)} (tied)" if len(names) > 1 else names[0]


def _cautions(compared: ShownComparison) -> list[str]:
    """What is missing from the comparison."""
    found = compared.found
    told = [f"{one.variant} failed and is left out: {one.cause}" for one in found.failed]
    if found.stopped:
        told.append(f"Judging stopped early: {found.stopped}")
    if found.n_left_out and found.n_left_out > 0.05 * (found.n_left_out + found.n_pairs) and compared.graded:
        share = found.n_left_out / (found.n_left_out + found.n_pairs)
        told.append(
            f"{number(100 * share, 0)} % of the pairs are left out: an arm gave no judgment, or nobody graded them."
        )
    if found.decision and found.decision.sequential:
        told.append("Judged until decided: the intervals of the decision hold at every look.")
    return told
