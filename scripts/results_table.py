"""Print the figures of runs as Markdown tables.

python scripts/results_table.py eval/results/homedepot-clicks
python scripts/results_table.py eval/results/homedepot-clicks --quality    # only the curve of judge quality
python scripts/results_table.py eval/results/*/ > eval/results/TABLES.md   # every run that is kept
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sie_agent.evaluation import judge_quality_curve

MANY_PAIRS = 5000


def with_interval(row: dict[str, Any], digits: int = 2) -> str:
    """A value with its interval."""
    value, low, high = (row[key] for key in ("value", "ci_low", "ci_high"))
    ends = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{ends}"


def find(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any] | None:
    """The first row with these values."""
    return next((row for row in rows if all(row[key] == value for key, value in wanted.items())), None)


def shown(row: dict[str, Any] | None, digits: int = 2) -> str:
    """A cell; a dash where there is no figure."""
    return "–" if row is None else with_interval(row, digits)


def agreement_table(figures: dict[str, Any], reference: str) -> list[str]:
    """Per judge: quality, value's Spearman, contribution, control, support."""
    rows = [row for row in figures["rows"] if row["reference"] == reference]
    lines = [
        "| judge | mode | draws | judge's AUC | `value`, Spearman | contribution (partial) | no-judge control "
        "| `support`, Spearman |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for judge in figures["judges"]:
        name = judge["judge"]
        value = find(rows, judge=name, metric="spearman", source="scorer", label="value") or find(
            rows, judge=name, metric="spearman", label="lexical"
        )
        partial = next((row for row in rows if row["judge"] == name and row["metric"] == "partial_spearman"), None)
        control = find(rows, judge=name, label="no-judge-control", metric="spearman")
        support = find(rows, judge=name, label="support", metric="spearman", source="scorer")
        auc = "–" if judge["auc"] is None else f"{judge['auc']:.3f}"
        cells = [
            name,
            judge["mode"],
            str(judge["n_draws"]),
            auc,
            *map(shown, (value, partial, control, support)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def reliability_lines(figures: dict[str, Any]) -> list[str]:
    """How far each reference agrees with itself: to be read before any agreement."""
    lines = ["| reference | reliability | bound | partial reliability | bound |", "|---|---|---|---|---|"]
    rows = figures["reliability"]
    for reference in dict.fromkeys(row["reference"] for row in rows):
        cells = [reference]
        for metric in ("spearman", "partial_spearman"):
            row = find(rows, reference=reference, metric=metric)
            cells += [shown(row), "–" if row is None or row["bound"] is None else f"{row['bound']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def baseline_lines(figures: dict[str, Any], reference: str) -> list[str]:
    """Plain loss, proxy loss, random; ceiling; what single permutations reach."""
    rows = [row for row in figures["rows"] if row["reference"] == reference and row["metric"] == "spearman"]
    told = [
        f"{label} {shown(find(rows, label=label, judge='none'))}" for label in ("plain-loss", "proxy-loss", "random")
    ]
    lines = ["", f"Baselines against {reference}: " + "; ".join(told) + "."]
    for row in figures["ceiling"]:
        if row["reference"] == reference:
            lines.append(f"Ceiling (human grade as the judge, {row['metric']}): {with_interval(row)}.")
            break
    for row in rows:
        if row["label"] == "value" and row["source"] == "scorer" and len(row["draws"]) > 1:
            low, high = min(row["draws"]), max(row["draws"])
            lines.append(f"Single draws of `value` by {row['judge']}: {low:.2f} to {high:.2f}.")
    for row in figures["permutations"]:
        if row["reference"] == reference:
            lines.append(
                f"Single permutations of {row['judge']}: Spearman {row['spearman_mean']:.2f} "
                f"± {row['spearman_deviation']:.2f}; contribution strays {row['partial_deviation']:.2f} from zero "
                f"in one draw; {random_words(row)}."
            )
    return lines


def random_words(row: dict[str, Any]) -> str:
    """How many of the permutations, each a judge that knows nothing, are told for what they are."""
    share = row.get("random_holds_zero")
    return "not counted as judges" if share is None else f"{share:.0%} of {row['random_judges']} hold zero"


def hardness_table(figures: dict[str, Any]) -> list[str]:
    """Hardness against the magnitudes, with what the proxy loss reaches alone and what is left when it is given."""
    rows = [row for row in figures["rows"] if row["metric"] in ("spearman", "partial_given_proxy_loss")]
    given = [row for row in rows if row["metric"] == "partial_given_proxy_loss"]
    if not given:
        return []
    lines = [
        "",
        "| reference | judge | `hardness`, Spearman | given the proxy loss | proxy loss alone |",
        "|---|---|---|---|---|",
    ]
    for row in given:
        same = {"reference": row["reference"], "metric": "spearman"}
        plain = find(rows, judge=row["judge"], label="hardness", source="scorer", **same)
        alone = find(rows, label="proxy-loss", judge="none", **same)
        cells = [row["reference"], row["judge"], *map(shown, (plain, row, alone))]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def flipped_table(figures: dict[str, Any]) -> list[str]:
    """How well flipped labels are found."""
    rows = [
        row
        for row in figures["rows"]
        if row["metric"] == "auc_flipped" and (row["label"] == "support" or row["source"].endswith("on judged rows"))
    ]
    if not rows:
        return []
    lines = ["", "| label | judge | source | AUC of flipped labels |", "|---|---|---|---|"]
    return lines + [f"| {row['label']} | {row['judge']} | {row['source']} | {with_interval(row, 3)} |" for row in rows]


def downstream_table(figures: dict[str, Any]) -> list[str]:
    """What strategies do to the models trained on the log, half of the rows kept or weighted."""
    lines = ["", "| strategy | judge | kept | model | AUC | gap recovered | NDCG@10 |", "|---|---|---|---|---|---|---|"]
    # runs of older versions trained the target model only, and did not say so
    rows = [{"ranker": "target", **row} for row in figures["downstream"]]
    for row in rows:
        if row["metric"] != "auc" or row["keep"] not in (0.5, 1.0):
            continue
        same = {key: row[key] for key in ("strategy", "judge", "keep", "weighting", "ranker")}
        gain = find(rows, metric="ndcg@10", **same)
        gap = row["gap_recovered"]
        gap_text = "–" if gap is None else f"{gap:.0%} [{row['gap_ci_low']:.0%}, {row['gap_ci_high']:.0%}]"
        cells = [
            row["strategy"],
            row["judge"] or "–",
            "weights" if row["weighting"] else f"{row['keep']:.0%}",
            row["ranker"],
            with_interval(row, 3),
            gap_text,
            shown(gain, 3),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def gap_cell(figure: dict[str, Any] | None) -> str:
    """Gap recovered with its interval."""
    if figure is None:
        return "–"
    return f"{figure['value']:.0%} [{figure['ci_low']:.0%}, {figure['ci_high']:.0%}]"


def quality_table(figures: dict[str, Any]) -> list[str]:
    """The curve of judge quality; computed from the other figures where the run is older than it."""
    inputs = (figures[key] for key in ("judges", "rows", "downstream", "reliability", "headline"))
    quality = figures.get("quality") or judge_quality_curve(*inputs, figures["target"]["auc"])
    places = {(one["judge"], one["measure"]): one for one in quality["placed"]}
    lines = [
        "| judge | mode | pairs | draws | judge's AUC | Spearman | share of the bound | beside the curve "
        "| gap, weights | gap, half kept |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for point in quality["points"]:
        place, of_bound = places.get((point["judge"], "agreement")), point["share_of_bound"]
        beside = "–"
        if place is not None:
            ends = f"[{place['ci_low']:+.2f}, {place['ci_high']:+.2f}]"
            beside = f"{place['place']}: {place['difference']:+.2f} {ends}, {place['n_shared_draws']} draw(s)"
        cells = [
            point["judge"],
            point["mode"],
            "–" if point["n_pairs"] is None else f"{point['n_pairs']:,}",
            str(point["n_draws"]),
            f"{point['auc']:.3f}",
            shown(point["agreement"]),
            "–" if of_bound is None else f"{of_bound:.0%}",
            beside,
            gap_cell(point["weights"]),
            gap_cell(point["filter"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    many = [point for point in quality["points"] if point["kind"] == "real" and point["n_pairs"] >= MANY_PAIRS]
    if many:
        best = max(many, key=lambda point: point["auc"])["judge"]
        place = places.get((best, "agreement"))
        told = place["place"] if place is not None else "not beside any part of"
        lines += ["", f"Real judge of the highest AUC over at least {MANY_PAIRS:,} pairs: {best}, {told} the curve."]
    return lines


def main(folder: Path, *, quality_alone: bool = False) -> None:
    """Print all tables of a run folder."""
    figures = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    reference = figures["headline"]["reference"]
    print(f"\n## {figures['suite']}\n{figures['verdict']['text']}\n")
    if quality_alone:
        print("\n".join(quality_table(figures)))
        return
    lines = reliability_lines(figures) + agreement_table(figures, reference) + baseline_lines(figures, reference)
    print("\n".join(lines + hardness_table(figures) + flipped_table(figures) + downstream_table(figures)))
    print("\n".join(["", *quality_table(figures)]))


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--quality"]
    if not arguments:
        sys.exit(__doc__)
    for argument in arguments:
        if (Path(argument) / "agreement.json").is_file():
            main(Path(argument), quality_alone="--quality" in sys.argv)
