"""The log's rows with everything known about them, and the choice of rows to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.labels import WEAK_LABELS, label_names
from sie_agent.report import pick
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.doubt import PER_QUERY, SUPPORT, share_below
from sie_agent.report.number_words import count, number, significant
from sie_agent.report.page import cleaned
from sie_agent.report.read import RunFolder
from sie_agent.report.why import Why, why
from sie_agent.results import Explained
from sie_agent.samples import pair_keys, query_keys
from sie_agent.scorer import LABEL_ERROR

HELD_OUT = ("reference-validation", "test")
SHOWN = 10


@dataclass(frozen=True)
class ShownRow:
    """One row as the page shows it; texts are foreign and must be escaped.

    ``facts`` are names and figures. ``truth`` is ``wrong`` or ``right`` where the row's grade is compared with its
    label, and ``grade`` says that in words; both are empty elsewhere.
    """

    query: str
    title: str
    sample_id: str
    reason: str
    facts: list[tuple[str, str]]
    why: Why | None
    truth: str = ""
    grade: str = ""


def known_rows(run: RunFolder) -> pd.DataFrame:
    """The log's rows with scores, judged relevance and clarity.

    Returns
    -------
    columns of the samples, the weak labels of the run, ``judged`` and ``clarity`` in their own scales (NaN where
    unknown), ``judged_rank, clarity_rank`` in [0, 1] (share of judged rows, or queries, that lie below). Rows of the
    graded sets are left out: they are not part of what is trained on.
    """
    rows = scored_rows(run.samples, run.scores)
    relevance, clarity = relevance_of(run), clarity_of(run)
    rows["judged"] = rows["sample_id"].map(relevance).astype("float64")
    rows["judged_rank"] = rows["sample_id"].map(share_below(relevance)).astype("float64")
    rows["clarity"] = rows["query"].map(clarity).astype("float64")
    rows["clarity_rank"] = rows["query"].map(share_below(clarity)).astype("float64")
    return rows


def ranking_label(columns: Iterable[str]) -> str | None:
    """The weak label that rows are ranked by: the registry's first importance label among the *columns*."""
    return next(iter(label_names(columns, importance=True)), None)


def scored_rows(samples: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """The rows that are trained on, with their scores; NaN without a score."""
    labels = list(label_names(scores.columns))
    labels += [LABEL_ERROR] if LABEL_ERROR in scores.columns else []
    rows = samples[~samples["query_set"].isin(HELD_OUT)].drop(columns=labels, errors="ignore")
    return rows.merge(scores[["sample_id", *labels]].drop_duplicates("sample_id"), on="sample_id", how="left")


def shown_ids(samples: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """``sample_id`` of the rows that the page lists, each once."""
    rows = scored_rows(samples, scores)
    return list(dict.fromkeys(name for most in (False, True) for name in chosen(rows, most=most)["sample_id"]))


def relevance_of(run: RunFolder) -> pd.Series[float]:
    """What the judge said of each sample that it read.

    Of the judge that the verdict is about, in the first draw; where the run does not say, the mean over all judgments.
    """
    if run.draws and run.draws[0]["relevance"].notna().any():
        own = run.draws[0].dropna(subset="relevance")
        return own.set_index("sample_id")["relevance"]
    return pick.answered(run, "relevance").groupby("sample_id")["score"].mean()


def clarity_of(run: RunFolder) -> pd.Series[float]:
    """Clarity per query; the mean where several variants judged it."""
    judged = pick.answered(run, "clarity")
    return judged.groupby(judged["query"].astype(str))["score"].mean()


def clarity_source(run: RunFolder) -> str:
    """Who judged clarity, in words; empty if nobody did."""
    judged = run.judgments[run.judgments["aspect"] == "clarity"]
    if judged.empty:
        return ""
    models = sorted(set(judged["model"].dropna().astype(str))) if "model" in judged.columns else []
    if models == ["clarity-score"]:
        return "classic clarity score from the catalogue (Cronen-Townsend 2002), not judged by a model"
    return f"judged by {', '.join(models)}" if models else "judged"


def extremes(
    rows: pd.DataFrame, *, most: bool, clicks: bool, explained: Mapping[tuple[str, str], Explained]
) -> list[ShownRow]:
    """The most (or least) valuable rows, with their explanations where there are any."""
    by = ranking_label(rows.columns) or ""
    return [
        _shown(record, explained.get((by, str(record["sample_id"]))), most=most, clicks=clicks)
        for record in chosen(rows, most=most).to_dict("records")
    ]


def chosen(rows: pd.DataFrame, *, most: bool) -> pd.DataFrame:
    """The most (or least) valuable rows, each product once and at most two of a query."""
    by = ranking_label(rows.columns)
    if by is None:
        return rows.head(0)
    ascending = most != WEAK_LABELS[by].high_is_good
    scored = rows[rows[by].notna()].sort_values([by, "sample_id"], ascending=[ascending, True])
    if scored.empty:
        return scored
    # a product is known by its id or by its title
    titles = scored["title"].astype(str).str.split().str.join(" ").str.casefold()
    of_titles = query_keys(scored["query"].astype(str)) + "\x1f" + titles
    once = scored[~(pair_keys(scored).duplicated() | of_titles.duplicated()).to_numpy(dtype=bool)]
    return once.groupby(query_keys(once["query"].astype(str)), sort=False).head(PER_QUERY).head(SHOWN)


def _shown(record: dict[Any, Any], explained: Explained | None, *, most: bool, clicks: bool) -> ShownRow:
    label, judged, rank, clarity, clarity_rank, grade, support = (
        None if pd.isna(record.get(name)) else float(record[name])
        for name in ("label", "judged", "judged_rank", "clarity", "clarity_rank", "grade", SUPPORT)
    )
    facts = RowFacts(label, judged, rank, clarity, clarity_rank, within_range(SUPPORT, support))
    shown = [("log", number(label)), ("judged", number(judged))]
    shown += [] if clarity is None else [("clarity", number(clarity))]
    shown += [(name, _score(name, record[name])) for name in label_names(record)]
    return ShownRow(
        query=cleaned(record["query"], 120),
        title=cleaned(record["title"], 200),
        sample_id=cleaned(record["sample_id"], 60),
        reason=row_reason(facts, clicks=clicks, most=most),
        facts=shown if grade is None else [*shown, ("human grade", number(grade))],
        why=None if explained is None else why(explained),
    )


def _score(name: str, value: Any) -> str:
    """A weak label in words: three significant digits if it has no range, since it comes in any size."""
    known = None if pd.isna(value) else float(value)
    return significant(known) if WEAK_LABELS[name].high is None else number(within_range(name, known))


def within_range(name: str, value: float | None) -> float | None:
    """A score clipped to its label's range, which trees may slightly overshoot."""
    low, high = WEAK_LABELS[name].low, WEAK_LABELS[name].high
    return value if value is None or low is None or high is None else min(max(value, low), high)


def clarity_table(run: RunFolder, *, clearest: bool) -> ShownTable | None:
    """The clearest (or vaguest) queries and how many rows hang on each."""
    clarity = clarity_of(run).sort_index().sort_values(ascending=not clearest, kind="stable").head(SHOWN)
    sizes = run.samples["query"].value_counts()
    rows = [(cleaned(query, 120), number(score), count(sizes.get(query, 0))) for query, score in clarity.items()]
    columns = [TableColumn("Query"), numeric("Clarity"), numeric("Rows")]
    return table("Clearest queries" if clearest else "Vaguest queries", columns, rows)


def spread(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """At most *limit* judged and scored rows, drawn with a fixed seed."""
    by = ranking_label(rows.columns)
    if by is None:
        return rows.head(0)
    both = rows[rows[by].notna() & rows["judged"].notna()]
    if len(both) <= limit:
        return both
    drawn = np.random.default_rng(0).choice(len(both), limit, replace=False)
    return both.iloc[np.sort(drawn)]


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
        """Whether the label counts as right; None if undecided.

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
        """Whether the log's label is closer to yes than to no."""
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
    return f"{'perhaps' if vague else 'likely'} a relevant item that the log calls irrelevant"
