"""The tables of the bench: what a verdict rests on, every judge's verdict, every gain, every choice."""

from __future__ import annotations

from sie_agent.downstream import AUTO, RULE
from sie_agent.report import bench_words, pick, words
from sie_agent.report.tables import NUMBER, TEXT, Table, table
from sie_agent.results import Against, Agreement, Downstream, RecipeCount, Verdict

DASHES = (words.ABSENT, words.ABSENT)


def against_table(agreement: Agreement) -> Table | None:
    """What the verdict rests on: every rival must be beaten."""
    columns = [("Against", TEXT), ("Gain in points", NUMBER), ("Beaten?", TEXT)]
    rows = [(one.rival, bench_words.points(one), beaten_words(one)) for one in agreement.verdict.against]
    return table("What the verdict rests on: “auto” with this judge, within queries, less each rival", columns, rows)


def beaten_words(against: Against) -> str:
    """Whether a rival is beaten for certain."""
    if against.value is None:
        return "not compared"
    if against.beaten:
        return "✓ yes"
    return "✕ no, it is better" if bench_words.is_better(against) else "✕ not for certain"


def verdicts_table(agreement: Agreement) -> Table | None:
    """The verdict on every judge, by ranker."""
    columns = [
        ("Judge", TEXT),
        ("Mode", TEXT),
        ("Model", TEXT),
        ("Verdict", TEXT),
        ("Points over the log", NUMBER),
        ("Not beaten", TEXT),
    ]
    rows = [
        (
            one.judge,
            pick.mode_of(agreement, one.judge),
            ranker,
            bench_words.verdict_words(one, {use: title for use, (title, _, _) in bench_words.TITLES.items()}),
            bench_words.points(one.against[0] if one.against else None),
            not_beaten(one),
        )
        for ranker, verdicts in agreement.verdicts.items()
        for one in verdicts
    ]
    return table("The verdict on every judge", columns, rows)


def not_beaten(verdict: Verdict) -> str:
    """A rival that is certainly ahead of the judge, else the first that the judge is not certainly ahead of."""
    ahead = next((one.rival for one in verdict.against if bench_words.is_better(one)), None)
    if ahead is not None:
        return f"{ahead} (certainly ahead)"
    return next((one.rival for one in verdict.against if not one.beaten), words.ABSENT)


def choices_table(agreement: Agreement) -> Table | None:
    """Which recipes were chosen with each judge, and with its twin."""
    columns = [("Judge", TEXT), ("Model", TEXT), ("“auto” chose", TEXT), ("By the rule, without grades", TEXT)]
    held: dict[tuple[str, bool, str], dict[str, list[RecipeCount]]] = {}
    for one in sorted(agreement.choices, key=lambda one: one.judge != agreement.verdict.judge):
        held.setdefault((one.judge, one.twin, one.ranker), {}).setdefault(one.strategy, []).append(one)
    rows = [
        (
            f"{judge}, its twin" if twin else judge,
            ranker,
            *(bench_words.chosen_words(by.get(strategy, [])) for strategy in (AUTO, RULE)),
        )
        for (judge, twin, ranker), by in held.items()
    ]
    return table("What was chosen, in how many folds and draws", columns, rows)


def gains_table(agreement: Agreement) -> Table | None:
    """Every way to train, with each metric and its gain over the log."""
    metrics = list(dict.fromkeys(row.metric for row in agreement.downstream))
    columns = [("Way to train", TEXT), ("Judge", TEXT), ("Mode", TEXT), ("Model", TEXT)]
    for metric in metrics:
        columns += [(bench_words.metric_words(metric), NUMBER), ("points over the log", NUMBER)]
    held: dict[tuple[str, str, str, str], dict[str, Downstream]] = {}
    for row in agreement.downstream:
        mode = pick.mode_of(agreement, row.judge) if row.judge else "no judge"
        name = bench_words.way_name(row)
        if row.n_queries is not None and row.n_queries < agreement.n_test_queries:
            # a twin that was mostly refused is measured in some folds only
            name += f" ({words.count(row.n_queries)} of {words.count(agreement.n_test_queries)} queries)"
        key = (name, row.judge or words.ABSENT, mode, row.ranker)
        held.setdefault(key, {})[row.metric] = row
    rows = [(*key, *(cell for metric in metrics for cell in cells(by.get(metric)))) for key, by in held.items()]
    return table("Every way to train on the log, and what it gains", columns, rows)


def cells(row: Downstream | None) -> tuple[str, str]:
    """A metric and its gain."""
    if row is None:
        return DASHES
    value = words.ABSENT if row.value is None else f"{words.number(100 * row.value, 1)} %"
    return value, bench_words.points(row.minus_log)
