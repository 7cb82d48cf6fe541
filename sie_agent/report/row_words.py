"""Why a row is among the most (or least) valuable, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.report.number_words import number


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
        return {self.relevance >= 0.5, self.relevance_rank >= 0.5} == {not self.is_positive}

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
        clear = "clear" if facts.clarity_rank > 2 / 3 else "fairly clear"
        parts.append(f"intent {'vague' if vague else clear}")
    return f"{', '.join(parts)}: {_conclusion(facts, vague=vague, clicks=clicks, most=most)}."


def _conclusion(facts: RowFacts, *, vague: bool, clicks: bool, most: bool) -> str:
    backed = facts.is_backed
    who = "the judge" if facts.support is None else "the scorer"
    if backed is None:
        return f"{who} is undecided about the label, but training on it is likely to {'help' if most else 'harm'}"
    if backed:
        supports = f"{who} supports the label"
        return supports if most else f"{supports}, yet training on it is likely to harm"
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
    return f"{'perhaps' if vague else 'likely'} a relevant item marked down"
