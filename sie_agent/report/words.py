"""Numbers to words: every sentence of the report that depends on a figure is made here."""

from __future__ import annotations

import math
from dataclasses import dataclass

FEW_QUERIES = 100
ABSENT = "–"
MODES = {
    "zero-shot": "the scorer saw the judge's answers and no human grade",
    "gold-calibrated": "the judge's scale was fitted on a number of human grades",
    "reference-calibrated": "the scorer also saw the reference importance of some rows",
    "simulated": "the judge is a human grade with noise added: a ceiling, not a result",
}


def number(value: float | None, digits: int = 2) -> str:
    """A figure rounded for reading, with a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return ABSENT if value is None or not math.isfinite(value) else f"{number(value * 100, 0)} %"


def count(value: float | None, one: str = "", many: str = "") -> str:
    """A whole number with thousands separated, and its noun: ``1 query``, ``2,000 queries``."""
    if value is None or not math.isfinite(value):
        return f"an unknown number of {many}" if many else ABSENT
    noun = one if value == 1 else many or one
    return f"{value:,.0f} {noun}".strip()


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """``0.51 to 0.57``; a dash where there is no interval."""
    return ABSENT if low is None or high is None else f"{number(low, digits)} to {number(high, digits)}"


def figure(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """A figure with its interval in brackets, where it has one."""
    if low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} ({interval(low, high, digits)})"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ABSENT
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def money(amount: float | None, currency: str) -> str:
    """A cost; says so where it is not known."""
    if amount is None:
        return "not known"
    if amount == 0:
        return "nothing"
    return f"{number(amount, 2 if amount >= 0.1 else 4)} {currency}"


def mode_words(mode: str) -> str:
    """What a mode means, in a clause; empty where the mode is not one of the known ones."""
    return MODES.get(mode, "")


def verdict_reason(text: str, use: str, has_figures: bool) -> str:
    """The reason that evaluation gave, or a plain one where it gave none."""
    if text.strip():
        return text.strip()
    if not has_figures:
        return "Nobody graded any pair, so the effect on a ranker cannot be measured: grade some pairs first."
    return f"The run gives no reason for '{use}'; the figures below are all there is."


def few_queries_warning(queries: int) -> list[str]:
    """Sentences for the warning box; empty where there are enough queries."""
    if queries >= FEW_QUERIES:
        return []
    return [
        f"The verdict rests on {count(queries, 'query', 'queries')}; below {FEW_QUERIES} the interval itself is shaky.",
        "No conclusion can be drawn from this run: read it as a demonstration, "
        "and judge and grade more queries before acting on it.",
    ]


def contribution_words(value: float | None, low: float | None, high: float | None) -> str:
    """Whether the judge adds anything beyond the pipeline around it."""
    if value is None:
        return "What the judge adds to this agreement was not measured."
    told = f"What the judge adds to this agreement is {figure(value, low, high)}"
    if low is None or high is None:
        return f"{told}, without an interval."
    if low <= 0 <= high:
        return f"{told}; the interval holds zero, so it may be none."
    if low > 0:
        return f"{told}: above zero. Whether it gains anything stands further up."
    return f"{told}: below zero, the judge misleads."


def place_words(place: str, difference: float | None, low: float | None, high: float | None) -> str:
    """Where a real judge lies beside the curve of simulated ones: ``above, by 0.12 (0.05 to 0.19)``."""
    if place not in ("above", "on", "below"):
        return ABSENT
    told = f"{number(difference)} ({interval(low, high)})"
    return f"on it, {told}" if place == "on" else f"{place} it, {told}"


@dataclass(frozen=True)
class RowFacts:
    """What is known of one row when its sentence is written.

    ``relevance_rank`` and ``clarity_rank`` are shares of the run's judged rows (queries) that lie below:
    judges use their scales differently, so "high" means high for this judge. ``support`` is what the page shows beside
    the sentence, in [0, 1]: where it is known, the sentence says the same.
    """

    label: float | None
    relevance: float | None
    relevance_rank: float | None
    clarity: float | None
    clarity_rank: float | None
    support: float | None = None

    @property
    def is_backed(self) -> bool | None:
        """Whether the label is held to be right; None where that is undecided.

        By the support that the page shows, else by where the judge ranks the row.
        """
        if self.support is not None:
            sure = self.support
        elif self.relevance_rank is not None:
            sure = self.relevance_rank if self.is_positive else 1 - self.relevance_rank
        else:
            return None
        return True if sure > 2 / 3 else False if sure < 1 / 3 else None

    @property
    def relevance_contradicts_label(self) -> bool:
        """Whether the shown relevance speaks against the label, both as a number and by its rank."""
        if self.relevance is None or self.relevance_rank is None:
            return False
        if self.is_positive:
            return self.relevance < 0.5 and self.relevance_rank < 0.5
        return self.relevance >= 0.5 and self.relevance_rank >= 0.5

    @property
    def is_positive(self) -> bool:
        """Whether the log's label is rather a yes than a no."""
        return self.label is None or self.label >= 0.5


def log_says(label: float | None, clicks: bool) -> str:
    """The log's label in a word or two."""
    if label is None:
        return "has no label"
    if 0.0 < label < 1.0:
        return f"says {number(label)}"
    positive, negative = ("clicked", "not clicked") if clicks else ("relevant", "not relevant")
    return f"says {positive if label >= 0.5 else negative}"


def row_reason(facts: RowFacts, *, clicks: bool, most: bool) -> str:
    """Why a row is among the most (or least) valuable, in one sentence."""
    opening = f"The log {log_says(facts.label, clicks)}"
    if facts.relevance is None or facts.relevance_rank is None:
        told = "" if facts.support is None else f": {_conclusion(facts, vague=False, clicks=clicks, most=most)}"
        return f"{opening}; this row was not judged, the scorer places it by its text and its label alone{told}."
    parts = [opening, f"the judge gives {number(facts.relevance)}"]
    vague = facts.clarity_rank is not None and facts.clarity_rank < 1 / 3
    if facts.clarity_rank is not None:
        parts.append(
            "intent vague" if vague else "intent clear" if facts.clarity_rank > 2 / 3 else "intent fairly clear"
        )
    return f"{', '.join(parts)}: {_conclusion(facts, vague=vague, clicks=clicks, most=most)}."


def _conclusion(facts: RowFacts, *, vague: bool, clicks: bool, most: bool) -> str:
    backed = facts.is_backed
    who = "the judge" if facts.support is None else "the scorer"
    if backed is None:
        return f"{who} is undecided about the label, but training on it is likely to {'help' if most else 'harm'}"
    if backed:
        return (
            f"{who} supports the label" if most else f"{who} supports the label, yet training on it is likely to harm"
        )
    if most:
        return f"{who} doubts the label, yet training on it is likely to help"
    if facts.relevance is None or facts.relevance_rank is None:
        return "likely a wrong label"
    if not facts.relevance_contradicts_label:
        return f"{who} doubts the label, although the judged relevance does not contradict it"
    if facts.is_positive:
        return "perhaps a wrong label, but the query is vague" if vague else "likely a wrong label"
    if clicks:
        return "a good item passed over, perhaps never looked at"
    return "perhaps a relevant item marked down" if vague else "likely a relevant item marked down"
