"""What sways the arms besides the grade, and whether they say the same twice: bias and stability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sie_agent.report import plots
from sie_agent.report.columns import LONG, ShownTable, TableColumn, numeric, table
from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.comparison.matrix import p_words
from sie_agent.report.number_words import ABSENT, count, ends_of, figure, share, signed
from sie_agent.report.page import cleaned
from sie_agent.report.plots import Dot, Plot, safe
from sie_agent.results.comparison_parts import BiasRow


@dataclass(frozen=True)
class Held:
    """The rows of one feature, an arm each."""

    feature: str
    rows: list[tuple[ShownArm, BiasRow]]

    @property
    def known(self) -> list[tuple[ShownArm, BiasRow]]:
        """Those that have a figure."""
        return [(arm, row) for arm, row in self.rows if row.value is not None]


def features_of(compared: ShownComparison) -> list[Held]:
    """The rows by feature, in the order of the file."""
    found: dict[str, list[tuple[ShownArm, BiasRow]]] = {}
    for arm in compared.arms:
        for row in arm.quality.bias:
            found.setdefault(row.feature, []).append((arm, row))
    return [Held(feature, rows) for feature, rows in found.items()]


def rows_of(compared: ShownComparison, feature: str) -> list[tuple[ShownArm, BiasRow]]:
    """The rows of one feature."""
    return next((held.rows for held in features_of(compared) if held.feature == feature), [])


def bias_table(compared: ShownComparison) -> ShownTable | None:
    """A row per feature: what is compared, how far the arms are swayed, and which of them for certain."""
    columns = [
        TableColumn("Feature", "feature"),
        TableColumn("What is compared", lambda held: _first(held, "contrast"), kind=LONG),
        TableColumn("Taken from", lambda held: cleaned(_first(held, "source"), 60)),
        TableColumn("Effect on the judgment", _range_words, kind=LONG),
        TableColumn("Swayed for certain", _certain_words, kind=LONG),
        numeric(
            "Pairs",
            lambda held: count(max((row.n_pairs for _, row in held.known), default=0)) if held.known else ABSENT,
        ),
    ]
    return table("What sways the judgment of pairs that people graded alike", columns, features_of(compared))


def bias_plot(compared: ShownComparison) -> Plot | None:
    """Every effect with its interval; None where there is none."""
    dots = [
        Dot(
            group=held.feature,
            name=arm.numbered,
            ends=ends_of(row),
            color=arm.color,
            symbol=arm.symbol,
            hover=f"<b>{safe(arm.name)}</b><br>{safe(held.feature)}: {_effect(row)}",
        )
        for held in features_of(compared)
        for arm, row in held.known
    ]
    if not dots:
        return None
    ends = [end for dot in dots for end in dot.ends if end is not None]
    room = 0.06 * (max(*ends, 0.0) - min(*ends, 0.0) or 1.0)
    made = plots.dot_chart(
        dots,
        axis="effect",
        span=(min(*ends, 0.0) - room, max(*ends, 0.0) + room),
        row_height=24,
    )
    told = "; ".join(f"{dot.group}, {dot.name}: {figure(*dot.ends, 3)}" for dot in dots)
    return plots.plot_of(
        made,
        key="plot-bias",
        title="Every effect",
        summary=f"Effect of each feature on the judgment at the same human grade: {told}.",
        caption="How much higher an arm judges the first group of pairs than the second, at the same human grade. Bars "
        "are 95 % intervals by query, of each effect alone; the line is no effect.",
        mode=compared.mode,
        basis=count(max(row.n_pairs for held in features_of(compared) for _, row in held.known), "pair", "pairs"),
    )


def brand_table(compared: ShownComparison) -> ShownTable | None:
    """The brands that an arm favours or disfavours for certain."""
    rows = [
        (arm, brand)
        for held in features_of(compared)
        for arm, row in held.rows
        for brand in row.brands
        if brand.certain
    ]
    columns = [
        TableColumn("Brand", lambda row: cleaned(row[1].brand, 60)),
        TableColumn("Arm", lambda row: f"{row[0].place} {row[0].name}"),
        numeric("Effect", lambda row: _effect(row[1])),
        numeric("Pairs", lambda row: count(row[1].n_pairs)),
    ]
    source = next((row.source for _, row in rows_of(compared, "brand") if row.source), "")
    word = " (here the first word of the title)" if source.startswith("first word") else ""
    return table(f"Brands{word} that sway an arm for certain, of the ten commonest", columns, rows)


def bias_rows(compared: ShownComparison) -> ShownTable | None:
    """Every row of the file."""
    columns = [
        TableColumn("Feature", lambda row: row[1].feature),
        TableColumn("Arm", lambda row: f"{row[0].place} {row[0].name}"),
        numeric("Effect", lambda row: _effect(row[1]) if row[1].value is not None else ABSENT),
        numeric("p", lambda row: p_words(row[1].p)),
        TableColumn("Certain after Holm", lambda row: row[1].absent or ("yes" if row[1].certain else "no")),
        numeric("Pairs, first group", lambda row: f"{count(row[1].n_pairs)}, {count(row[1].n_first)}"),
    ]
    return table("Every feature and arm", columns, [pair for held in features_of(compared) for pair in held.rows])


def stability_table(compared: ShownComparison) -> ShownTable | None:
    """How far the arms say the same when asked again."""
    columns = [
        TableColumn("Arm", lambda row: compared.number_of(row.variant)),
        TableColumn("Asked again with", lambda row: _change(row.change)),
        numeric("Same level", lambda row: row.note if row.same_level is None else share(*ends_of(row.same_level))),
        numeric("Mean change of the judgment", lambda row: figure(*ends_of(row.mean_change), 3)),
        numeric("Answers", lambda row: count(row.n_pairs)),
    ]
    places = {arm.name: arm.place for arm in compared.arms}
    held = sorted(compared.found.stability, key=lambda row: places.get(row.variant, len(places) + 1))
    return table("The same pairs, asked again", columns, held)


def agreement_table(compared: ShownComparison) -> ShownTable | None:
    """How far every two arms agree, whoever is right."""
    columns = [
        TableColumn("Arms", lambda row: f"{compared.number_of(row.first)} and {compared.number_of(row.second)}"),
        numeric("Spearman", lambda row: figure(*ends_of(row.spearman))),
        numeric("Quadratic kappa", lambda row: figure(*ends_of(row.kappa))),
        numeric("Krippendorff's alpha", lambda row: figure(*ends_of(row.alpha))),
        numeric("Same level", lambda row: share(*ends_of(row.same_level))),
    ]
    return table("Agreement of every two arms, without the human grade", columns, compared.found.agreement)


def _change(name: str) -> str:
    return {"repeat": "the same question", "examples": "the examples in another order"}.get(name, f"the query's {name}")


def _first(held: Held, name: str) -> str:
    return next((str(getattr(row, name)) for _, row in held.rows if getattr(row, name)), "")


def _effect(measured: BiasRow | object) -> str:
    value, low, high = ends_of(measured)
    if value is None:
        return ABSENT
    return signed(value) if low is None or high is None else f"{signed(value)} ({signed(low)} to {signed(high)})"


def _range_words(held: Held) -> str:
    if not held.known:
        return _first(held, "absent") or "not in this data"
    values = sorted(row.value or 0.0 for _, row in held.known)
    if len(values) == 1:
        return _effect(held.known[0][1])
    return f"{signed(values[0])} to {signed(values[-1])}, by arm"


def _certain_words(held: Held) -> str:
    if not held.known:
        return ABSENT
    return _listed([f"{arm.place} {arm.name} {signed(row.value or 0.0)}" for arm, row in held.known if row.certain])


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names) if names else "no arm"
