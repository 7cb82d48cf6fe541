"""Print the figures of runs as Markdown tables.

python scripts/tools/results_table.py eval/results/homedepot-clicks
python scripts/tools/results_table.py eval/results/*/ > eval/results/TABLES.md   # every run that is kept
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
Row = dict[str, Any]

METRICS = {"within": "within queries", "ndcg@10": "NDCG@10", "auc": "pooled AUC"}
WAY = ("ranker", "strategy", "judge", "twin")
NOTHING = "–"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table and an empty line; nothing where there are no rows."""
    held = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *held, ""] if held else []


def shown(figure: Row | None, digits: int = 2) -> str:
    """A value with its interval; a dash where there is none."""
    if figure is None or figure["value"] is None:
        return NOTHING
    low, high = figure["ci_low"], figure["ci_high"]
    ends = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{figure['value']:.{digits}f}{ends}"


def points(figure: Row | None) -> str:
    """A difference in percentage points with its interval."""
    if figure is None or figure["value"] is None:
        return NOTHING
    value, low, high = (100 * figure[name] for name in ("value", "ci_low", "ci_high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def percent(value: float | None) -> str:
    """A share in percent."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def find(rows: Iterable[Row], **wanted: Any) -> Row | None:
    """The first row with these values."""
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def judge_name(row: Row) -> str:
    """The judge of a row, or its twin."""
    return f"{row['judge'] or NOTHING}{', its twin' if row['twin'] else ''}"


def way_name(row: Row, n_queries: int) -> str:
    """A way to train; a twin that was mostly refused is measured in some folds only."""
    part = f" ({row['n_queries']:,} of {n_queries:,} queries)" if row["n_queries"] < n_queries else ""
    return f"{row['strategy']}{part}"


def verdict_lines(figures: Figures) -> list[str]:
    """The verdict on every judge and ranker: gain over the log, and the first rival that is not beaten."""
    rows = []
    for ranker, verdicts in figures["verdicts"].items():
        for one in verdicts:
            held = next((rival["rival"] for rival in one["against"] if not rival["beaten"]), NOTHING)
            gain = one["against"][0] if one["against"] else None
            rows.append((one["judge"], ranker, one["use"], points(gain), held))
    return table(("judge", "model", "verdict", "points over the log, within queries", "not beaten"), rows)


def against_lines(figures: Figures) -> list[str]:
    """What the verdict rests on."""
    rows = [(one["rival"], points(one), "yes" if one["beaten"] else "no") for one in figures["verdict"]["against"]]
    return table((f"`auto` with {figures['verdict']['judge']}, against", "points", "beaten"), rows)


def teaches_lines(figures: Figures) -> list[str]:
    """What clean labels gain: the room that a judge has."""
    rows = [
        (
            one["ranker"],
            METRICS.get(one["metric"], one["metric"]),
            points(one["clean_minus_log"]),
            points(one["clean_minus_text"]),
            one["best_text"] or NOTHING,
        )
        for one in figures["teaches"]
    ]
    return table(("model", "measure", "clean labels over the log", "over the best text score", "which is"), rows)


def gain_lines(figures: Figures) -> list[str]:
    """Every way to train: each metric in percent, and what it gains over the log in points."""
    held: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in figures["downstream"]:
        held.setdefault(tuple(row[name] for name in WAY), {})[row["metric"]] = row
    heads = ["way to train", "judge", "model"]
    heads += [head for name in METRICS.values() for head in (f"{name}, %", "gain")]
    rows = []
    for by_metric in held.values():
        first = next(iter(by_metric.values()))
        cells = [way_name(first, figures["n_test_queries"]), judge_name(first), first["ranker"]]
        for metric in METRICS:
            row = by_metric.get(metric)
            cells += [NOTHING, NOTHING] if row is None else [percent(row["value"]), points(row["minus_log"])]
        rows.append(cells)
    return table(heads, rows)


def choice_lines(figures: Figures) -> list[str]:
    """How often each recipe was chosen, over folds and draws."""
    held: dict[tuple[Any, ...], list[Row]] = {}
    for one in figures["choices"]:
        held.setdefault(tuple(one[name] for name in WAY), []).append(one)
    rows = []
    for members in held.values():
        ordered = sorted(members, key=lambda one: -one["count"])
        told = ", ".join(f"{one['recipe']} ({one['count']} of {one['of']})" for one in ordered)
        rows.append((ordered[0]["strategy"], judge_name(ordered[0]), ordered[0]["ranker"], told))
    return table(("way to train", "judge", "model", "chosen recipes"), rows)


def judge_lines(figures: Figures) -> list[str]:
    """How good each judge is, within queries first."""
    rows = []
    for one in figures["judges"]:
        within, auc = (
            {"value": one.get(name), "ci_low": one.get(f"{name}_low"), "ci_high": one.get(f"{name}_high")}
            for name in ("within", "auc")
        )
        pairs, draws = f"{one['n_pairs']:,}", str(one["n_draws"])
        rows.append((one["judge"], one["mode"], pairs, draws, shown(within, 3), shown(auc, 3)))
    return table(("judge", "mode", "pairs", "draws", "right pairs within queries", "pooled AUC"), rows)


def reliability_lines(figures: Figures) -> list[str]:
    """How far each reference agrees with itself: to be read before any agreement."""
    rows = [
        (row["reference"], row["metric"], shown(row), NOTHING if row["bound"] is None else f"{row['bound']:.2f}")
        for row in figures["reliability"]
    ]
    return table(("reference", "metric", "reliability", "bound"), rows)


def agreement_lines(figures: Figures) -> list[str]:
    """Every agreement of a scorer, a weak label or a baseline with a reference."""
    held: dict[tuple[Any, ...], dict[str, Row]] = {}
    for row in [
        *figures["rows"],
        *({**row, "judge": "human grade", "source": "ceiling"} for row in figures["ceiling"]),
    ]:
        key = tuple(row[name] for name in ("reference", "label", "judge", "source"))
        held.setdefault(key, {})[row["metric"]] = row
    metrics = list(dict.fromkeys(metric for by_metric in held.values() for metric in by_metric))
    rows = [(*key, *(shown(by_metric.get(metric)) for metric in metrics)) for key, by_metric in held.items()]
    return table(("reference", "label", "judge", "from", *metrics), rows)


def permutation_lines(figures: Figures) -> list[str]:
    """What single permutations of a judge's answers reach, each a judge that knows nothing."""
    lines = []
    for row in figures["permutations"]:
        share = row["random_holds_zero"]
        told = "not counted as judges" if share is None else f"{share:.0%} of {row['random_judges']} hold zero"
        lines.append(
            f"Single permutations of {row['judge']} against {row['reference']}: Spearman {row['spearman_mean']:.2f} "
            f"± {row['spearman_deviation']:.2f}; contribution strays {row['partial_deviation']:.2f} from zero in one "
            f"draw; {told}."
        )
    return lines


def main(folder: Path) -> None:
    """Print all tables of a run folder."""
    figures = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    if "verdicts" not in figures:
        print(f"{folder}: of an older version, left out; run the suite again", file=sys.stderr)
        return
    print(f"\n## {figures['suite']}\n\n{figures['verdict']['text']} {figures['n_test_queries']:,} graded queries.\n")
    makers = (against_lines, verdict_lines, teaches_lines, gain_lines, choice_lines, judge_lines)
    agreed = (reliability_lines, agreement_lines, permutation_lines)
    print("\n".join(line for make in (*makers, *agreed) for line in make(figures)))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for argument in sys.argv[1:]:
        if (Path(argument) / "agreement.json").is_file():
            main(Path(argument))
