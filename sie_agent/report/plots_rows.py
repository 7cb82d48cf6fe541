"""Charts of the rows themselves: judged relevance against importance, distributions, clarity."""

from __future__ import annotations

from functools import partial

import pandas as pd

from sie_agent.labels import WEAK_LABELS, label_names
from sie_agent.report import listed_rows, pick, plots
from sie_agent.report.number_words import count
from sie_agent.report.plots import Plot, histogram, safe
from sie_agent.report.read import RunFolder

MAP_LIMIT = 400
SHORT = 48


def map_plot(run: RunFolder, known: pd.DataFrame, *, clicks: bool) -> Plot | None:
    """The label that rows are ranked by against judged relevance, by what the log says; None where no row has both."""
    drawn, by = listed_rows.spread(known, MAP_LIMIT), listed_rows.ranking_label(known.columns)
    if by is None or drawn.empty:
        return None
    positive, negative = ("clicked", "not clicked") if clicks else ("relevant", "not relevant")
    groups = (
        (positive, drawn["label"] >= 0.5, plots.BLUE, "circle"),
        (negative, drawn["label"] < 0.5, plots.VERMILLION, "diamond-open"),
        ("no label", drawn["label"].isna(), plots.GREY, "x"),
    )
    traces = [
        plots.marks(
            [round(value, 4) for value in drawn.loc[mask, "judged"]],
            [float(f"{value:.4g}") for value in drawn.loc[mask, by]],
            color,
            symbol=symbol,
            size=7,
            marker_opacity=0.75,
            name=f"log says {name}",
            hovertext=[
                f"<b>{safe(query, SHORT)}</b><br>{safe(title, SHORT)}"
                for query, title in drawn.loc[mask, ["query", "title"]].itertuples(index=False)
            ],
            hovertemplate=f"%{{hovertext}}<br>judged %{{x:.2f}}, {by} %{{y:.3g}}<extra></extra>",
        )
        for name, mask, color, symbol in groups
        if mask.any()
    ]
    made = plots.chart(
        traces,
        420,
        xaxis={"title_text": "judged relevance", "range": [-0.03, 1.03]},
        yaxis={"title_text": f"{by} (scorer)", "zeroline": True, "zerolinecolor": plots.MUTED},
        showlegend=True,
    )
    both = int((known["judged"].notna() & known[by].notna()).sum())
    some = "" if len(drawn) == both else f", one of {len(drawn):,} drawn at random from {both:,}"
    yes, no = bool((drawn["label"] >= 0.5).any()), bool((drawn["label"] < 0.5).any())
    doubted = int(((drawn["label"] >= 0.5) & (drawn["judged_rank"] < 1 / 3)).sum())
    return plots.plot_of(
        made,
        key="plot-map",
        title="Rows at a glance",
        summary=f"Scatter of {by} against judged relevance for {len(drawn):,} rows; {doubted} of them are "
        f"{positive} in the log although the judge puts them in its lowest third.",
        caption=plots.sentences(
            f"Each mark is a row that the judge read{some}.",
            (yes or no) and f"“Log says {positive}” means a label of 0.5 or more.",
            (yes and no) and "Log and judge disagree where filled marks stand on the left and open ones on the right.",
            "Point at a mark to read the row.",
        ),
        mode=pick.mode_of_run(run),
        basis=count(len(drawn), "row", "rows"),
    )


def score_plots(run: RunFolder, known: pd.DataFrame) -> list[Plot]:
    """Distributions of judged relevance and of every weak label that the run has."""
    of_rows = partial(histogram, unit="rows", mode=pick.mode_of_run(run))
    found = [
        of_rows(
            listed_rows.relevance_of(run).to_numpy(),
            key="plot-judged",
            title="Judged relevance",
            axis="judged relevance",
            color=plots.GREY,
            limits=(0.0, 1.0),
            caption="How many rows got which answer from the judge, from 0 (no use) to 1 (just what was asked for); "
            "rows that it did not read are left out.",
        )
    ]
    for place, name in enumerate(label_names(known.columns)):
        label, values = WEAK_LABELS[name], known[name].dropna()
        limits = None if label.low is None or label.high is None else (label.low, label.high)
        inside = limits is None or values.between(limits[0] - 1e-6, limits[1] + 1e-6).all()
        found.append(
            of_rows(
                values.to_numpy(),
                key=f"plot-score-{place}",
                title=label.title,
                axis=label.axis,
                color=plots.label_style(name)[0],
                limits=limits if inside else None,
                caption=f"How many rows got which {name} from the scorer. {name.capitalize()}: {label.meaning}.",
            )
        )
    return [plot for plot in found if plot is not None]


def clarity_plot(run: RunFolder) -> Plot | None:
    """Clarity of the queries; None where nothing judged it."""
    clarity = listed_rows.clarity_of(run)
    source = listed_rows.clarity_source(run)
    return histogram(
        clarity.to_numpy(),
        key="plot-clarity",
        title="Clarity of the queries",
        axis="clarity",
        unit="queries",
        color=plots.GREEN,
        limits=(0.0, 1.0),
        mode="no judge" if source.startswith("classic") else pick.mode_of_run(run),
        caption=f"Asked once per query; {source}.",
    )
