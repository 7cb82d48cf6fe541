"""The tables of the bench: what a verdict rests on, every judge's verdict, every gain, every choice."""

from __future__ import annotations

from sie_agent.downstream import AUTO, RULE
from sie_agent.report import bench_words, pick
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, is_loss, points, share
from sie_agent.results import Against, Agreement, Downstream, RecipeCount, Verdict


def against_table(agreement: Agreement) -> ShownTable | None:
    """What the verdict rests on: every rival must be beaten."""
    columns = [TableColumn("Against", "rival"), numeric("Gain in points", points), TableColumn("Beaten?", beaten_words)]
    caption = "What the verdict rests on: “auto” with this judge, within queries, less each rival"
    return table(caption, columns, agreement.verdict.against)


def beaten_words(against: Against) -> str:
    """Whether a rival is beaten for certain."""
    if against.value is None:
        return "not compared"
    if against.beaten:
        return "✓ yes"
    return "✕ no, it is better" if is_loss(against) else "✕ not for certain"


def verdicts_table(agreement: Agreement) -> ShownTable | None:
    """The verdict on every judge, by ranker."""
    names = map(TableColumn, ("Judge", "Mode", "Model", "Verdict"))
    columns = [*names, numeric("Points over the log"), TableColumn("Not beaten")]
    rows = [
        (
            one.judge,
            pick.mode_of(agreement, one.judge),
            ranker,
            bench_words.verdict_words(one, short=True),
            points(one.against[0] if one.against else None),
            not_beaten(one),
        )
        for ranker, verdicts in agreement.verdicts.items()
        for one in verdicts
    ]
    return table("The verdict on every judge", columns, rows)


def not_beaten(verdict: Verdict) -> str:
    """A rival that is certainly ahead of the judge, else the first that the judge is not certainly ahead of."""
    ahead = next((one.rival for one in verdict.against if is_loss(one)), None)
    if ahead is not None:
        return f"{ahead} (certainly ahead)"
    return next((one.rival for one in verdict.against if not one.beaten), ABSENT)


def choices_table(agreement: Agreement) -> ShownTable | None:
    """Which recipes were chosen with each judge, and with its twin."""
    held: dict[tuple[str, str], dict[str, list[RecipeCount]]] = {}
    for one in sorted(agreement.choices, key=lambda one: one.judge != agreement.verdict.judge):
        who = f"{one.judge}, its twin" if one.twin else one.judge
        held.setdefault((who, one.ranker), {}).setdefault(one.strategy, []).append(one)
    rows = [
        (*key, *(bench_words.chosen_words(by.get(strategy, [])) for strategy in (AUTO, RULE)))
        for key, by in held.items()
    ]
    columns = [TableColumn(title) for title in ("Judge", "Model", "“auto” chose", "By the rule, without grades")]
    return table("What was chosen, in how many folds and draws", columns, rows)


def gains_table(agreement: Agreement) -> ShownTable | None:
    """Every way to train, with each metric and its gain over the log."""
    metrics = dict.fromkeys(row.metric for row in agreement.downstream)
    columns = [TableColumn(title) for title in ("Way to train", "Judge", "Mode", "Model")]
    for metric in metrics:
        columns += [numeric(bench_words.metric_words(metric)), numeric("points over the log")]
    held: dict[tuple[str, str, str, str], dict[str, Downstream]] = {}
    for row in agreement.downstream:
        mode = pick.mode_of(agreement, row.judge) if row.judge else "no judge"
        name = bench_words.way_name(row)
        if row.n_queries is not None and row.n_queries < agreement.n_test_queries:
            # a twin that was mostly refused is measured in some folds only
            name += f" ({count(row.n_queries)} of {count(agreement.n_test_queries)} queries)"
        held.setdefault((name, row.judge or ABSENT, mode, row.ranker), {})[row.metric] = row
    rows = [(*key, *(cell for metric in metrics for cell in cells(by.get(metric)))) for key, by in held.items()]
    return table("Every way to train on the log, and what it gains", columns, rows)


def cells(row: Downstream | None) -> tuple[str, str]:
    """A metric and its gain."""
    return (ABSENT, ABSENT) if row is None else (share(row.value), points(row.minus_log))
