"""Agreement over draws: values, controls, intervals, counts, flipped labels, reliability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.evaluation import partial_spearman, query_copies, roc_auc, spearman, spearman_brown
from sie_agent.evaluation.agreement import (
    Column,
    DrawEvidence,
    Panel,
    agreement_rows,
    figure,
    flipped_rows,
    permutation_deviations,
    random_judges_told,
    random_mean,
    reliability_rows,
)

REFERENCE = "tracin-ranking"


def make_draw(seed: int, first_query: int = 0, *, permutation: float = 0.05) -> DrawEvidence:
    rng = np.random.default_rng(seed)
    queries = first_query + np.arange(240) // 6
    truth, control = rng.normal(size=(2, 240))
    halves = truth + control + rng.normal(size=(2, 240))
    unseen = pd.DataFrame(
        {
            "query_code": queries,
            "flipped": rng.random(240) < 0.3,
            f"reference|{REFERENCE}": halves.mean(axis=0),
            f"half-a|{REFERENCE}": halves[0],
            f"half-b|{REFERENCE}": halves[1],
            "scorer|value|good": truth + 0.5 * control + 0.5 * rng.normal(size=240),
            "scorer|value|empty": control + 0.5 * rng.normal(size=240),
            "control|good": control,
            "control|empty": control,
            "baseline|plain-loss": rng.normal(size=240),
        }
    )
    unseen["scorer|support|good"] = -1.0 * unseen["flipped"] + rng.normal(size=240)
    judged = pd.DataFrame({"query_code": queries + 60, "flipped": rng.random(240) < 0.3})
    judged["weak|support|good"] = np.where(
        rng.random(240) < 0.2, np.nan, -2.0 * judged["flipped"] + rng.normal(size=240)
    )
    spread = {"partial_spearman": [permutation, -permutation, None], "spearman": [0.1, 0.2]}
    return DrawEvidence(unseen, judged, {"good": {REFERENCE: spread}, "empty": {REFERENCE: spread}})


COLUMNS = [
    Column("scorer|value|good", "value", "good", "simulated", "scorer", contributes=True),
    Column("scorer|value|empty", "value", "empty", "simulated", "scorer", contributes=True),
    Column("scorer|support|good", "support", "good", "simulated", "scorer"),
    Column("weak|support|good", "support", "good", "simulated", "weak label"),
    Column("baseline|plain-loss", "plain-loss", "none", "no judge", "baseline", high_is_suspicious=True),
]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel([make_draw(0), make_draw(1, 20)], query_copies(130, 300, 0))


def found(rows: list[dict], judge: str, metric: str, label: str = "value") -> dict:
    (row,) = [row for row in rows if (row["judge"], row["metric"], row["label"]) == (judge, metric, label)]
    return row


def test_values_are_means_over_draws_with_their_counts(panel: Panel) -> None:
    rows = agreement_rows(panel, COLUMNS, [REFERENCE], ["scorer|value|good"])
    draws = [draw.unseen for draw in panel.draws]
    plain = [spearman(d["scorer|value|good"], d[f"reference|{REFERENCE}"]) for d in draws]
    row = found(rows, "good", "spearman")
    assert row["draws"] == pytest.approx(plain) and row["value"] == pytest.approx(np.mean(plain))
    assert row["n_samples"] == 480 and row["n_queries"] == 60  # queries 0-39 and 20-59
    assert row["ci_low"] < row["value"] < row["ci_high"]
    given = [
        partial_spearman(
            *(d[key].to_numpy() for key in ("scorer|value|good", f"reference|{REFERENCE}")),
            [d["control|good"].to_numpy(), d["baseline|plain-loss"].to_numpy()],
        )
        for d in draws
    ]
    assert found(rows, "good", "partial_spearman")["value"] == pytest.approx(np.mean(given))
    assert {row["metric"] for row in rows if row["judge"] == "good" and row["label"] == "value"} == {
        "spearman",
        "partial_spearman",
        "kendall",
        "top10_overlap",
        "bottom10_overlap",
    }
    assert not any(row["label"] == "support" and row["source"] == "weak label" for row in rows)


def test_a_judge_that_only_echoes_the_control_contributes_nothing(panel: Panel) -> None:
    rows = agreement_rows(panel, COLUMNS, [REFERENCE], [])
    assert found(rows, "empty", "spearman")["ci_low"] > 0.3
    contribution = found(rows, "empty", "partial_spearman")
    assert contribution["ci_low"] < 0 < contribution["ci_high"]
    assert found(rows, "good", "partial_spearman")["ci_low"] > 0.3


def test_draws_that_disagree_widen_the_interval() -> None:
    """Many queries behind each draw must not make the mean of draws that contradict each other look certain."""
    alike = figure([0.5, 0.5], [np.linspace(0.49, 0.51, 50)] * 2, 10, 5)
    apart = figure([0.3, 0.7], [np.linspace(0.49, 0.51, 50)] * 2, 10, 5)
    assert alike is not None and apart is not None
    assert alike["ci_high"] - alike["ci_low"] == pytest.approx(0.019, abs=1e-3)
    assert apart["ci_high"] == pytest.approx(0.5 + np.hypot(0.0095, 1.96 * 0.2), abs=1e-3)


def test_the_spread_of_permutations_widens_the_contribution() -> None:
    widths = []
    for permutation in (0.0, 0.2):
        panel = Panel([make_draw(0, permutation=permutation)], query_copies(130, 300, 0))
        row = found(agreement_rows(panel, COLUMNS, [REFERENCE], []), "good", "partial_spearman")
        widths.append(row["ci_high"] - row["ci_low"])
        assert permutation_deviations(panel, "good", REFERENCE) == pytest.approx([permutation])
        # known from two permutations only: 4.303 deviations, where 1.96 would do for many
        (wide,) = permutation_deviations(panel, "good", REFERENCE, student=True)
        assert wide == pytest.approx(permutation * 4.3027 / 1.96, rel=1e-3)
    assert widths[1] > widths[0] + 0.4
    narrow = Panel([make_draw(0, permutation=0.1)] * 4, query_copies(130, 300, 0))
    row = found(agreement_rows(narrow, COLUMNS, [REFERENCE], []), "good", "partial_spearman")
    assert widths[0] < row["ci_high"] - row["ci_low"] < widths[1]


def test_unknown_rows_are_left_out(panel: Panel) -> None:
    draw = make_draw(0)
    draw.unseen.loc[:119, "scorer|value|good"] = np.nan
    rows = agreement_rows(Panel([draw], panel.copies), COLUMNS, [REFERENCE], [])
    row = found(rows, "good", "spearman")
    assert row["n_samples"] == 120 and row["n_queries"] == 20
    kept = draw.unseen.iloc[120:]
    assert row["value"] == pytest.approx(spearman(kept["scorer|value|good"], kept[f"reference|{REFERENCE}"]))


def test_flipped_labels_have_low_support(panel: Panel) -> None:
    rows = flipped_rows(panel, COLUMNS)
    by_source = {row["source"]: row for row in rows if row["label"] == "support"}
    weak = [draw.judged.dropna() for draw in panel.draws]
    expected = [roc_auc(-frame["weak|support|good"].to_numpy(), frame["flipped"].to_numpy()) for frame in weak]
    assert by_source["weak label"]["value"] == pytest.approx(np.mean(expected)) and np.mean(expected) > 0.8
    assert by_source["weak label"]["n_samples"] == sum(map(len, weak))
    assert by_source["scorer"]["value"] > 0.6
    assert by_source["scorer"]["ci_low"] < by_source["scorer"]["value"] < by_source["scorer"]["ci_high"]


def test_high_loss_and_high_hardness_find_flipped_labels(panel: Panel) -> None:
    """Where a high value is the suspicious one, it is the high values that are looked at."""
    draw = make_draw(0)
    draw.unseen["baseline|plain-loss"] = draw.unseen["flipped"] + 0.0
    draw.unseen["scorer|hardness|good"] = draw.unseen["flipped"] + 0.0
    columns = [
        COLUMNS[-1],
        Column("scorer|hardness|good", "hardness", "good", "simulated", "scorer", high_is_suspicious=True),
    ]
    assert [row["value"] for row in flipped_rows(Panel([draw], panel.copies), columns)] == [1.0, 1.0]


def test_reliability_is_the_halves_agreement_at_full_size(panel: Panel) -> None:
    rows = {row["metric"]: row for row in reliability_rows(panel, [REFERENCE], "control|good")}
    halves = [spearman(d.unseen[f"half-a|{REFERENCE}"], d.unseen[f"half-b|{REFERENCE}"]) for d in panel.draws]
    plain = rows["spearman"]
    assert plain["value"] == pytest.approx(spearman_brown(float(np.mean(halves))))
    assert plain["bound"] == pytest.approx(np.sqrt(plain["value"]))
    assert rows["partial_spearman"]["value"] < plain["value"]
    assert plain["ci_low"] < plain["value"] < plain["ci_high"]


def test_random_judges_are_counted_each_against_the_spread_of_the_others() -> None:
    ordinary = [0.1, -0.1, 0.12, -0.09, 0.11, -0.1]

    def told(values: list[float | None]) -> tuple[int, int]:
        draw = make_draw(0)
        spread = {"good": {REFERENCE: {"partial_spearman": values}}}
        one = DrawEvidence(draw.unseen, draw.judged, spread)
        return random_judges_told(Panel([one, one], query_copies(130, 20, 0)), "good", REFERENCE)

    assert told(ordinary) == (12, 12)
    # an outlier is told by the others' spread; it does not hide itself, as it would if it counted into its own
    assert told([*ordinary, 0.5]) == (12, 14)
    assert told([*ordinary, 0.25]) == (14, 14)  # 2.4 deviations, of six values: Student's t allows 2.45
    assert told([*ordinary, None, float("nan")]) == (12, 12)
    assert told(ordinary[:3]) == (0, 0)


def test_random_judges_that_lean_to_one_side_are_told() -> None:
    """Each holds zero against the others' spread, but all of them together do not."""

    def told(draws: list[list[float]]) -> tuple[float, float, float]:
        one = make_draw(0)
        panel = [
            DrawEvidence(one.unseen, one.judged, {"good": {REFERENCE: {"partial_spearman": values}}})
            for values in draws
        ]
        return random_mean(Panel(panel, query_copies(130, 20, 0)), "good", REFERENCE)

    leaning = np.random.default_rng(0).normal(0.5, 0.05, (4, 12)).tolist()
    mean, low, high = told(leaning)
    assert mean == pytest.approx(0.5, abs=0.05) and low > 0.4
    honest = np.random.default_rng(1).normal(0.0, 0.4, (4, 12)).tolist()
    mean, low, high = told(honest)
    assert low < 0 < high
    # with a single draw, over its permutations
    mean, low, high = told(honest[:1])
    assert high - low == pytest.approx(2 * 2.201 * np.std(honest[0], ddof=1) / np.sqrt(12), rel=1e-3)
    assert np.isnan(told([[]])).all()


def test_what_no_judge_made_finds_flipped_labels_on_the_judged_rows_too(panel: Panel) -> None:
    columns = [
        Column("reference|el2n", "el2n", "none", "no judge", "reference", high_is_suspicious=True),
        Column("reference|influence-linear-mean", "influence-linear-mean", "none", "reads grades", "reference"),
    ]
    draw = panel.draws[0]
    frames = {}
    for name, frame in (("unseen", draw.unseen), ("judged", draw.judged)):
        high = frame["flipped"].to_numpy(float)
        frames[name] = frame.assign(**{"reference|el2n": high, "reference|influence-linear-mean": -high})
    rows = flipped_rows(
        Panel([DrawEvidence(frames["unseen"], frames["judged"], {})], panel.copies), [*COLUMNS, *columns]
    )
    by_source = {(row["label"], row["source"]): row for row in rows}
    for name in ("el2n", "influence-linear-mean"):
        assert by_source[name, "reference"]["value"] == by_source[name, "reference on judged rows"]["value"] == 1
    assert ("plain-loss", "baseline on judged rows") not in by_source  # it has no such column here
    assert by_source["plain-loss", "baseline"]["is_baseline"]


def test_hardness_is_also_given_the_proxy_loss() -> None:
    draw = make_draw(4)
    rng = np.random.default_rng(9)
    cheap = rng.random(len(draw.unseen))
    magnitude = cheap + 0.2 * rng.random(len(cheap))
    echo = cheap + 0.2 * rng.random(len(cheap))
    unseen = draw.unseen.assign(
        **{"reference|el2n": magnitude, "baseline|proxy-loss": cheap, "scorer|hardness|good": echo}
    )
    column = Column("scorer|hardness|good", "hardness", "good", "simulated", "scorer", high_is_suspicious=True)
    rows = agreement_rows(
        Panel([DrawEvidence(unseen, draw.judged, {})], query_copies(130, 200, 0)), [column], ["el2n"], []
    )
    plain = found(rows, "good", "spearman", "hardness")
    given = found(rows, "good", "partial_given_proxy_loss", "hardness")
    assert plain["value"] > 0.8 and given["ci_low"] < 0 < given["ci_high"]
