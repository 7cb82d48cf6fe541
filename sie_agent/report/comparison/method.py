"""How the figures of the page were computed, in sentences."""

from __future__ import annotations

from sie_agent.report.columns import LONG, ShownTable, TableColumn, numeric, table
from sie_agent.report.comparison.arms import ShownComparison
from sie_agent.report.comparison.quality import words_of
from sie_agent.report.number_words import ABSENT, count, interval, money, number, percent
from sie_agent.results.comparison import VariantQuality


def method_words(compared: ShownComparison) -> list[str]:
    """A sentence or two on each part of the computation."""
    found, decision = compared.found, compared.found.decision
    graded = " and a person graded" if compared.graded else ""
    pairs = count(found.n_pairs, "pair", "pairs")
    told = [
        f"Every arm judged the same pairs; the figures are of the {pairs} that every arm judged{graded}. Mode: "
        f"{compared.mode}. The judges never see a grade.",
    ]
    if compared.graded:
        told.append(
            "Queries are the unit of chance: pairs of one query go together. Every interval is of 95 % and comes from "
            "the spread over queries (Student's t on values per query; of figures over all pairs, their influence "
            "values)."
        )
    if decision and decision.pairs and decision.sequential:
        told.append(
            f"The decision is by {words_of(decision.metric)}, with a test that holds at every look, over all pairs of "
            f"arms (level {number(decision.alpha)}, margin {number(decision.margin, 3)})."
        )
    elif decision and decision.pairs:
        tests = count(len(decision.pairs), "pair", "pairs")
        told.append(
            f"The decision is by {words_of(decision.metric)}: a paired t test over queries for each of the {tests} of "
            f"arms, corrected by Holm (1979) over all of them, so that any false alarm comes in at most "
            f"{percent(decision.alpha)} of comparisons. Two arms are the same where two one-sided tests, corrected "
            f"likewise, put the difference within {number(decision.margin, 3)}. Numbers of queries that would decide "
            f"are for a power of {percent(decision.power)}."
        )
    if found.levels:
        levels = ", ".join(number(level) for level in found.levels)
        told.append(f"A judgment counts as the nearest level of the grades' own scale: {levels}.")
    if found.relevant_at is not None and compared.graded:
        told.append(f"A pair counts as relevant for the AUC from a grade of {number(found.relevant_at)} on.")
    if any(arm.quality.bias for arm in compared.arms):
        told.append(
            "Effects of features: least squares of the judgment on the group and an indicator of each grade, standard "
            "errors clustered by query (Liang and Zeger 1986); “for certain” is Holm's test over the features of an "
            "arm. An order that people see within one grade shows as an effect too, so an effect is a hint and no "
            "proof of a fault."
        )
    if found.note:
        told.append(found.note)
    if found.graded_by_sheet:
        told.append(f"{count(found.graded_by_sheet, 'grade', 'grades')} came from a sheet that people filled in.")
    return told


def batches_table(compared: ShownComparison) -> ShownTable | None:
    """How the comparison stood after each batch."""
    columns = [
        numeric("Queries", "n_queries", count),
        numeric("Pairs", "n_pairs", count),
        numeric("Cost", lambda row: money(row.cost, "USD")),
        TableColumn("Leader", lambda row: compared.number_of(row.leader)),
        numeric("Ahead of the next by", lambda row: number(row.difference, 3)),
        numeric("Interval valid at every look", lambda row: interval(row.ci_low, row.ci_high, 3)),
        TableColumn("Decided", lambda row: "yes" if row.decided else "no"),
    ]
    return table("After every batch of queries", columns, compared.found.batches)


def failed_table(compared: ShownComparison) -> ShownTable | None:
    """Arms that failed, and what to do about it."""
    columns = [
        TableColumn("Arm", "variant"),
        TableColumn("Why", "cause", kind=LONG),
        TableColumn("What to do", "hint", kind=LONG),
    ]
    return table("Arms that failed completely", columns, compared.found.failed)


def controls_table(compared: ShownComparison) -> ShownTable | None:
    """What each control is."""
    held = [arm for arm in compared.controls if arm.quality.about]
    return table("The controls", [TableColumn("Control", "name"), TableColumn("What it is", _about, kind=LONG)], held)


def confusion_tables(compared: ShownComparison) -> list[ShownTable]:
    """Of each arm, how often which grade was judged to be which level."""
    found = []
    for arm in compared.arms:
        held = arm.quality.confusion
        if held is None or not held.counts:
            continue
        columns = [TableColumn("Grade", lambda row: number(row[0]))]
        columns += [
            numeric(f"judged {number(level)}", lambda row, place=place: count(row[1][place]))
            for place, level in enumerate(held.levels)
        ]
        made = table(f"{arm.place} {arm.name}", columns, [*zip(held.levels, held.counts, strict=True)])
        if made is not None:
            found.append(made)
    return found


def reasons_table(compared: ShownComparison) -> ShownTable | None:
    """Why pairs have no judgment."""
    rows = [(arm, one) for arm in compared.arms for one in arm.quality.reasons]
    columns = [
        TableColumn("Arm", lambda row: f"{row[0].place} {row[0].name}"),
        TableColumn("Status", lambda row: row[1].status or ABSENT),
        numeric("Pairs", lambda row: count(row[1].count)),
        TableColumn("What was said most often", lambda row: row[1].detail, kind=LONG),
    ]
    return table("Pairs without a judgment", columns, rows)


def _about(arm: object) -> str:
    quality = getattr(arm, "quality", None)
    return quality.about if isinstance(quality, VariantQuality) else ""
