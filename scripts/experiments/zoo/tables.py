"""Tables in Markdown of what `scripts/experiments/zoo/levels.py` put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.experiments.zoo.run import LOGS

SOURCES = ("generated", "crowdflower", "homedepot")
SIMULATED = ("simulated-1.00", "simulated-0.90", "simulated-0.79", "simulated-0.69")
REAL = ("panel", "embedded", "minilm")
FREE = ("lexical", "positions", "random", "between")
INTRODUCTION = """\
Rankers trained on the whole log, a quarter of it judged; every query tested once a draw. Accuracy within queries: the
share of a query's pairs of different grade that are in the right order. Gains over the log as it is, in points
(hundredths), with 95 % intervals over queries and draws. Two draws tell next to nothing of their spread (Student's t
with one degree of freedom), so that rows with two have the widest intervals. Simulated judges are human grades plus
noise."""
BASELINES = (
    "clean labels",
    "tfidf",
    "bm25",
    "word-overlap",
    "minilm",
    "true propensities",
    "estimated propensities",
    "plain loss",
)
JUDGES_STRATEGIES = (
    "auto",
    "auto, no grades",
    "judge's labels, distilled",
    "judge's labels, judged rows",
    "the judge's recipe",
)
# of all that was tried, what the tables show
STRATEGIES_READ = frozenset(("log", *BASELINES, *JUDGES_STRATEGIES))


def tables(found: Mapping[str, Any]) -> str:
    """All tables."""
    rows = found["rows"]
    parts = [
        "# The zoo of logs",
        INTRODUCTION,
        "## What each log can teach",
        teaches_table(rows, found["missing"]),
        "## What `auto` gains over the log, by judge",
        judges_table(rows, (*SIMULATED, *REAL, *FREE), "auto"),
        "## Without grades to choose on",
        judges_table(rows, (*SIMULATED, *REAL, *FREE), "auto, no grades"),
        "## The judge's answers as labels, distilled to all rows",
        judges_table(rows, (*SIMULATED, *REAL, *FREE), "judge's labels, distilled"),
        "## The judge's answers as labels, judged rows alone",
        judges_table(rows, (*SIMULATED, *REAL, *FREE), "judge's labels, judged rows"),
        "## Each judge's twin, by the recipe that its judge's `auto` chose",
        judges_table(rows, (*SIMULATED, *REAL), "the judge's recipe", twin=True),
        "## Without a judge",
        baselines_table(rows),
        "## Verdicts",
        verdict_table(rows),
        "## NDCG@10 and pooled AUC: `auto`, gains over the log",
        judges_table(rows, (*SIMULATED, *REAL, "lexical"), "auto", metric="ndcg@10"),
        judges_table(rows, (*SIMULATED, *REAL, "lexical"), "auto", metric="auc"),
        "## Other rankers",
        rankers_table(rows),
        "## Levels",
        levels_text(found["levels"], rows),
    ]
    return "\n\n".join(parts) + "\n"


def points(figure: Mapping[str, float] | None) -> str:
    """A difference in points with its interval."""
    if figure is None or figure["value"] is None or figure["value"] != figure["value"]:
        return "–"
    return f"{100 * figure['value']:+.1f} [{100 * figure['ci_low']:+.1f}, {100 * figure['ci_high']:+.1f}]"


def names_of(rows: Mapping[str, Any]) -> list[str]:
    """Log × data set, in order, those of other rankers last."""
    usual = [f"{source}-{log}" for source in SOURCES for log in LOGS]
    return [name for name in usual if name in rows] + [name for name in rows if name not in usual]


def ways_of(row: Mapping[str, Any], ranker: str | None = None) -> list[Mapping[str, Any]]:
    """The ways of the first or another ranker."""
    rankers = row["rankers"]
    return list(rankers[ranker or next(iter(rankers))]["ways"])


def way(
    ways: Sequence[Mapping[str, Any]], strategy: str, judge: str = "", twin: bool = False
) -> Mapping[str, Any] | None:
    """One way."""
    return next((one for one in ways if (one["strategy"], one["judge"], one["twin"]) == (strategy, judge, twin)), None)


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def teaches_table(rows: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """What clean labels gain."""
    body = []
    for source in SOURCES:
        for log in LOGS:
            name = f"{source}-{log}"
            if name not in rows:
                body.append([source, log, "–", "–", "–", "–", "–", f"not done: {missing.get(name, 'not run')}"])
                continue
            row = rows[name]
            told = next(one for one in row["teaches"] if one["metric"] == "within")
            ways = ways_of(row)
            log_way, clean = way(ways, "log"), way(ways, "clean labels")
            body.append(
                [
                    source,
                    log,
                    ", ".join(map(str, row["draws"])),
                    f"{log_way['within']:.3f}" if log_way else "–",
                    f"{clean['within']:.3f}" if clean else "–",
                    f"{points(told['clean_minus_text'])} ({told['best_text']})",
                    points(told["clean_minus_log"]),
                    f"{sum(row['seconds']) / max(len(row['seconds']), 1):.0f} s a draw",
                ]
            )
    head = ["data", "log", "draws", "log", "clean", "clean − best text score", "clean − log", "note"]
    return markdown(head, body)


def judges_table(
    rows: Mapping[str, Any], judges: Sequence[str], strategy: str, *, twin: bool = False, metric: str = "within"
) -> str:
    """Gains of one strategy by judge."""
    there = [judge for judge in judges if any(way(ways_of(row), strategy, judge, twin) for row in rows.values())]
    body = []
    for name in names_of(rows):
        ways = ways_of(rows[name])
        found = [way(ways, strategy, judge, twin) for judge in there]
        body.append([name, *("–" if one is None else points(one[f"{metric} gain"]) for one in found)])
    return markdown([f"{metric}", *there], body)


def baselines_table(rows: Mapping[str, Any]) -> str:
    """Gains of what needs no judge."""
    there = [one for one in BASELINES if any(way(ways_of(row), one) for row in rows.values())]
    body = []
    for name in names_of(rows):
        found = [way(ways_of(rows[name]), one) for one in there]
        body.append([name, *("–" if one is None else points(one["within gain"]) for one in found)])
    return markdown(["within", *there], body)


def rankers_table(rows: Mapping[str, Any]) -> str:
    """`auto` with other rankers, where they were run."""
    body = []
    for name, row in rows.items():
        for ranker in row["rankers"] if len(row["rankers"]) > 1 else ():
            ways = ways_of(row, ranker)
            log, told = way(ways, "log"), next(one for one in row["teaches"] if is_within(one, ranker))
            start = [name, ranker, f"{log['within']:.3f}" if log else "–", points(told["clean_minus_text"])]
            for judge in dict.fromkeys(one["judge"] for one in ways if one["judge"]):
                auto, labels = way(ways, "auto", judge), way(ways, "judge's labels, distilled", judge)
                gains = [points(one["within gain"]) if one else "–" for one in (auto, labels)]
                use = next((one["use"] for one in row["rankers"][ranker]["verdicts"] if one["judge"] == judge), "–")
                body.append([*start, judge, *gains, use])
    head = ["log", "ranker", "with the log", "clean − best text score", "judge", "auto", "judge's labels, distilled"]
    return markdown([*head, "verdict"], body) if body else "Not done: not run."


def is_within(row: Mapping[str, Any], ranker: str) -> bool:
    """Whether a row of `teaches` is of accuracy within queries by a ranker."""
    return bool(row["metric"] == "within" and row["ranker"] == ranker)


def verdicts_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The verdicts of the first ranker."""
    return list(next(iter(row["rankers"].values()))["verdicts"])


def verdict_table(rows: Mapping[str, Any]) -> str:
    """The verdict on each judge."""
    judges = [*SIMULATED, *REAL, *FREE]
    there = [
        judge
        for judge in judges
        if any(
            one["judge"] == judge for row in rows.values() for one in next(iter(row["rankers"].values()))["verdicts"]
        )
    ]
    body = []
    for name in names_of(rows):
        told = {one["judge"]: one["use"] for one in verdicts_of(rows[name])}
        body.append([name, *(told.get(judge, "–") for judge in there)])
    return markdown(["verdict", *there], body)


def levels_text(levels: Mapping[str, Any], rows: Mapping[str, Any]) -> str:
    """The levels in words, with what they rest on."""
    behind, harms = levels["behind_hindsight"], levels["harms"]
    named = "".join(f"; {one['judge']} on {one['log']}: {points(one)}" for one in harms)
    worst = "; ".join(f"{one['judge']} on {one['log']} {points(one)}" for one in levels["worst"])
    body = []
    for name in names_of(rows):
        own = next(iter(rows[name]["rankers"].values()))["auto"]
        for metric in ("within", "auc") if name.startswith("homedepot") else ("within",):
            found = [own.get(judge, {}).get(metric, {}).get("labels") for judge in SIMULATED]
            body.append([f"{name}, {metric}", *map(points, found)])
    lines = [
        f"- {levels['pairs']} pairs of judge and log; certainly more than half a point below the log (Holm): "
        f"{len(harms)}{named}.",
        "- `auto` behind the best strategy in hindsight (chosen on half of the queries, scored on the other), mean "
        f"over judges and logs: {100 * behind['mean']:.2f} points; largest {100 * behind['largest']:.2f}.",
        f"- The five lowest of `auto`: {worst}.",
        "",
        markdown(["`auto` less the judge's labels, distilled", *SIMULATED], body),
    ]
    return "\n".join(lines)
