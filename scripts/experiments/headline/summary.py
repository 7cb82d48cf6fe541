"""What `scripts/experiments/headline/run.py` measured, as figures with intervals, and as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from scripts.experiments.headline.variants import LABELS, TARGETS, VARIANTS, Variant
from sie_agent.evaluation import (
    interval,
    query_copies,
    query_moments,
    resampled_correlation,
    spearman,
    spearman_brown,
    standard_error,
    widen,
)

REPLICATES = 400
MEASURES = ("agreement", "given twin", "less twin")
# the references of which the table of judges tells
SHOWN = ("TracIn", "EK-FAC", "EK-FAC, embeddings, text score out")
NEEDED = {"order": 0.8, "order_low": 0.5, "twin": 0.05, "reliability": 0.5, "lds": 0.3}
Arrays = Mapping[str, np.ndarray]
# places of the columns whose moments are taken; twins follow
SCORE, REFERENCE, LOSS, TWINS, SOME, OTHERS, FIRST = range(7)
# twins from this one on are what those before it are compared with
SPLIT = 2


def data_figures(draws: Sequence[Arrays]) -> dict[str, Any]:
    """Every figure of a data set, from the arrays of its draws."""
    judges = [str(name) for name in draws[0]["judges"]]
    accuracy = judge_accuracy(draws)
    rows = []
    for place, variant in enumerate(VARIANTS):
        found: dict[str, Any] = {"variant": variant.name, "reliability": reliability(draws, place, variant)}
        found["lds"] = datamodelling(draws[0], variant) if "half chosen" in draws[0] else None
        # undistilled `value` stands in where no scorer was distilled
        label = LABELS.index(variant.label)
        kind = "distilled" if any(f"distilled {label}" in draw for draw in draws) else "direct"
        there = [draw for draw in draws if f"{kind} {label}" in draw]
        measures = [measured(draw, kind, place, variant) for draw in there]
        told = {name: judged(measures, name, judges, accuracy) for name in MEASURES}
        found |= {"scores": kind, "draws": len(there), "measures": told}
        found["passes"] = [name for name in MEASURES if passes(found, told[name])] if found["lds"] else None
        rows.append(found)
    about = {name: figure(accuracy[place][:1].ravel(), accuracy[place][1:]) for place, name in enumerate(judges)}
    return {"judges": about, "variants": rows}


def passes(row: Mapping[str, Any], measure: Mapping[str, Any]) -> bool:
    """Whether a reference meets (a) to (d) by a measure."""
    order, twin, lds = measure["order"], measure["twin"], row["lds"]
    return bool(
        order["value"] >= NEEDED["order"]
        and order["ci_low"] > NEEDED["order_low"]
        and (twin is None or max(abs(twin["ci_low"]), abs(twin["ci_high"])) <= NEEDED["twin"])
        and row["reliability"]["value"] >= NEEDED["reliability"]
        and lds["ci_low"] >= NEEDED["lds"]
    )


def figure(values: Sequence[float] | np.ndarray, replicates: np.ndarray) -> dict[str, float]:
    """The mean over draws; its interval holds the resampling of queries and the spread of the draws.

    Parameters
    ----------
    values : of each draw; replicates : of the mean, (replicates,).
    """
    mean = float(np.mean(values))
    low, high = widen(*interval(replicates), mean, standard_error(values))
    return {"value": mean, "ci_low": low, "ci_high": high}


def codes_and_copies(queries: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the queries that are there, and how often each is drawn: once each first, then in every replicate."""
    present, codes = np.unique(queries, return_inverse=True)
    drawn = query_copies(len(present), REPLICATES, seed)
    return codes.ravel(), np.concatenate([np.ones((1, len(present)), drawn.dtype), drawn])


def measured(draw: Arrays, kind: str, place: int, variant: Variant) -> dict[str, np.ndarray]:
    """Measures of every judge in a draw, each (judges, 1 + replicates), the sample itself first; and of its twins.

    What twins have is under ``twin NAME``: of the first two draws of ties against the others; NaN where all draws are
    equal because the judge has no ties.
    """
    codes, copies = codes_and_copies(draw["queries"], 0)

    def column(values: np.ndarray) -> np.ndarray:
        if not variant.centred:
            return values
        return values - (np.bincount(codes, values) / np.bincount(codes))[codes]

    reference = column(draw["references"][place, 0])
    loss = column(draw["losses"][list(TARGETS).index(variant.target)])
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*MEASURES, *(f"twin {name}" for name in MEASURES))}
    for scores in draw[f"{kind} {LABELS.index(variant.label)}"]:
        own, *twins = (column(one.astype(np.float64)) for one in scores)
        ranks = np.array([rankdata(one) for one in twins])
        means = [ranks.mean(axis=0), ranks[:SPLIT].mean(axis=0), ranks[SPLIT:].mean(axis=0)]
        moments = query_moments([own, reference, loss, *means, *twins], codes, copies.shape[1])

        def drawn(*columns: int, moments: np.ndarray = moments) -> np.ndarray:
            kept = np.append(np.array(columns), moments.shape[1] - 1)
            # a constant score, of which all is projected out, agrees with nothing
            return np.nan_to_num(resampled_correlation(moments[:, kept[:, None], kept], copies))

        agreement = drawn(SCORE, REFERENCE)
        of_twins = np.array([drawn(FIRST + one, REFERENCE) for one in range(len(twins))])
        found["agreement"].append(agreement)
        found["given twin"].append(drawn(SCORE, REFERENCE, TWINS, LOSS))
        found["less twin"].append(agreement - of_twins.mean(axis=0))
        found["twin agreement"].append(of_twins.mean(axis=0))
        differ = bool((ranks != ranks[0]).any())
        nothing = np.full(len(copies), np.nan)
        found["twin given twin"].append(drawn(SOME, REFERENCE, OTHERS, LOSS) if differ else nothing)
        found["twin less twin"].append(
            of_twins[:SPLIT].mean(axis=0) - of_twins[SPLIT:].mean(axis=0) if differ else nothing
        )
    return {name: np.array(values) for name, values in found.items()}


def judge_accuracy(draws: Sequence[Arrays]) -> np.ndarray:
    """Within-query accuracy of every judge, mean over draws, (judges, 1 + replicates); queries resampled."""
    found = []
    for draw in draws:
        each = draw["accuracy"]
        there = ~np.isnan(each)
        kept = there.any(axis=0)
        copies = codes_and_copies(np.flatnonzero(kept), 1)[1]
        found.append((np.where(there, each, 0)[:, kept] @ copies.T) / (there[:, kept] @ copies.T))
    return np.asarray(np.mean(found, axis=0))


def judged(
    measures: Sequence[dict[str, np.ndarray]], name: str, judges: Sequence[str], accuracy: np.ndarray
) -> dict[str, Any]:
    """A measure of every judge, how it orders them (a), and the twin that has most of it (b)."""
    values = np.array([one[name] for one in measures])
    rng = np.random.default_rng(2)
    # draws are resampled with the queries; the sample itself has every draw once
    chosen = rng.integers(len(values), size=(REPLICATES, len(values)))
    resampled = [values[which, :, 1 + place].mean(axis=0) for place, which in enumerate(chosen)]
    orders = [spearman(one, accuracy[:, 1 + place]) for place, one in enumerate(resampled)]
    low, high = interval(orders)
    mean = values[:, :, 0].mean(axis=0)
    twins = np.array([one[f"twin {name}"] for one in measures])
    told = {}
    for place, judge in enumerate(judges):
        known = np.isfinite(twins[:, place, 0])
        if known.any():
            told[judge] = figure(twins[known, place, 0], twins[known, place, 1:].mean(axis=0))
    return {
        "order": {"value": spearman(mean, accuracy[:, 0]), "ci_low": low, "ci_high": high},
        "judges": {
            judge: figure(values[:, place, 0], values[:, place, 1:].mean(axis=0)) for place, judge in enumerate(judges)
        },
        "twins": told,
        "twin": max(told.values(), key=lambda one: max(abs(one["ci_low"]), abs(one["ci_high"])), default=None),
    }


def reliability(draws: Sequence[Arrays], place: int, variant: Variant) -> dict[str, float]:
    """Agreement of the reference's halves, mean over draws, at full size (Spearman-Brown)."""
    values = []
    for draw in draws:
        codes, copies = codes_and_copies(draw["queries"], 0)
        halves = list(draw["references"][place, 1:])
        if variant.centred:
            halves = [one - (np.bincount(codes, one) / np.bincount(codes))[codes] for one in halves]
        values.append(resampled_correlation(query_moments(halves, codes, copies.shape[1]), copies))
    found = figure([one[0] for one in values], np.mean(values, axis=0)[1:])
    return {name: spearman_brown(value) for name, value in found.items()}


def datamodelling(draw: Arrays, variant: Variant) -> dict[str, float]:
    """Linear datamodelling score (Park 2023), mean over groups; halves and groups resampled together."""
    predicted, reached = draw[f"half sums {variant.name}"], -draw[f"half losses {variant.target}"].mean(axis=0)
    rng, (halves, groups) = np.random.default_rng(3), predicted.shape

    def score(rows: np.ndarray, columns: np.ndarray) -> float:
        sides = [rankdata(one[rows][:, columns], axis=0) for one in (predicted, reached)]
        left, right = (one - one.mean(axis=0) for one in sides)
        spread = np.sqrt((left**2).sum(axis=0) * (right**2).sum(axis=0))
        return float(np.nanmean((left * right).sum(axis=0) / spread))

    value = score(np.arange(halves), np.arange(groups))
    drawn = [score(rng.integers(halves, size=halves), rng.integers(groups, size=groups)) for _ in range(REPLICATES)]
    low, high = interval(drawn)
    return {"value": value, "ci_low": low, "ci_high": high}


def markdown(figures: Mapping[str, Any]) -> str:
    """The table of references by (a) to (d), and what the judges of each data set have by some of them."""
    head = ["reference", "data", "`value` of, draws"]
    head += [f"({part}) {one}" for part in "ab" for one in MEASURES]
    head += ["(c) reliability", "(d) LDS", "passes by"]
    lines = [*introduction(figures), "", table_line(head), "|---" * len(head) + "|"]
    for place, variant in enumerate(VARIANTS):
        for name, data in figures["data"].items():
            lines.append(table_line([variant.name, name, *cells_of(data["variants"][place])]))
    for name, data in figures["data"].items():
        for judge, why in data["not_done"].items():
            lines.append(table_line([f"judge {judge}", name, f"not done: {why}", *[""] * (len(head) - 3)]))
    for name, data in figures["data"].items():
        lines += ["", *judge_lines(name, data)]
    return "\n".join(lines)


def introduction(figures: Mapping[str, Any]) -> list[str]:
    """What the tables are, and which references pass everywhere."""
    passed = [
        f"{variant.name} by {measure}"
        for place, variant in enumerate(VARIANTS)
        for measure in MEASURES
        if all(measure in (data["variants"][place]["passes"] or ()) for data in figures["data"].values())
    ]
    return [
        "# Which gradient reference is fit for a headline",
        f"On all of {', '.join(figures['data'])}: {', '.join(passed) or 'none'}.",
        "",
        "Made by `python scripts/experiments/headline/run.py table`, which also says what the measures are, from "
        "[headline.json](headline.json). With 95 % intervals over queries and draws: (a) Spearman, over judges, of the "
        "measure and within-query accuracy, 0.8 is asked for and 0.5 for the lower end; (b) what the twin with most of "
        "it has, within 0.05 of zero with its interval (`agreement`: its own agreement); (c) at least 0.5; "
        "(d) lower end at least 0.3, first draw. `scorer`: of the distilled scorer; `undistilled`: of `value` through "
        "proxies on the unseen rows.",
    ]


def judge_lines(name: str, data: Mapping[str, Any]) -> list[str]:
    """A line for each judge of a data set: its accuracy, and its agreement less that of its twins."""
    told = [row for row in data["variants"] if row["variant"] in SHOWN]
    head = [f"{name}: judge", "accuracy within queries"]
    head += [f"{row['variant']}: {part}" for row in told for part in ("agreement", "less twin")]
    lines = [table_line(head), "|---" * len(head) + "|"]
    for judge, accuracy in data["judges"].items():
        cells = [f"{accuracy['value']:.3f}"]
        for row in told:
            cells += [shown(row["measures"][part]["judges"][judge]) for part in ("agreement", "less twin")]
        lines.append(table_line([judge, *cells]))
    return lines


def cells_of(row: Mapping[str, Any]) -> list[str]:
    """The figures of one reference on one data set."""
    told = [shown(row["measures"][one][part]) for part in ("order", "twin") for one in MEASURES]
    passed = "–" if row["passes"] is None else ", ".join(row["passes"]) or "none"
    kind = "scorer" if row["scores"] == "distilled" else "undistilled"
    return [f"{kind}, {row['draws']}", *told, shown(row["reliability"]), shown(row["lds"]), passed]


def shown(one: Mapping[str, float] | None) -> str:
    """A figure with its interval."""
    if one is None:
        return "not done"
    return f"{one['value']:.2f} [{one['ci_low']:.2f}, {one['ci_high']:.2f}]"


def table_line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
