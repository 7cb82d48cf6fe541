"""Charts of agreement: dots with intervals, the judge's contribution, judges side by side."""

from __future__ import annotations

from typing import Any

from sie_agent.report import dots, pick, words
from sie_agent.report.plots import (
    BLUE,
    GREEN,
    OCHRE,
    PURPLE,
    ROSE,
    SKY,
    VERMILLION,
    Plot,
    Trace,
    finish,
    note_at,
    safe,
    vertical_line,
)
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import AgreementRow

GROUPS = ("Distilled scorer", "Weak labels, not distilled", "Baselines: no judge")


def agreement_plot(run: RunFolder) -> Plot | None:
    """The headline's agreement beside everything it must be compared with; None without figures."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return None
    rows = pick.beside(run.agreement, row)
    bound = pick.bound_of(run.agreement, row.reference, judge=row.judge)
    control = pick.labelled(rows, pick.CONTROL)
    entries = [(_group(item), item, item.label) for item in rows]
    ceiling = [
        item
        for item in run.agreement.ceiling
        if item.reference == row.reference and item.metric == "spearman" and item.value is not None
    ]
    for item in ceiling:
        as_row = AgreementRow(
            label="grade",
            judge="none",
            metric="spearman",
            value=item.value,
            ci_low=item.ci_low,
            ci_high=item.ci_high,
            reference=item.reference,
            source="ceiling",
            is_baseline=True,
        )
        entries.append(("Ceiling: human grade", as_row, item.label))
    figure, height = dots.dot_chart(entries, bound=bound, control=control.value if control else None, metric="Spearman")
    told = "; ".join(
        f"{item.label} ({_group(item).lower()}) {words.figure(item.value, item.ci_low, item.ci_high)}" for item in rows
    )
    return Plot(
        key="plot-agreement",
        title=f"Agreement with {row.reference}",
        figure=figure,
        height=height,
        summary=f"Spearman agreement with {row.reference}: {told}. Bound {words.number(bound)}.",
        caption="Dots are Spearman rank agreements, lines their intervals, faint dots single draws. "
        "The grey band holds what needs no judge, the dotted line is the control: only what lies to the "
        "right of them is worth paying a judge for. "
        "The dashed line is the most any label can reach with this reference.",
        mode=pick.modes_of(run.agreement, rows),
        basis=words.count(row.n_queries, "query", "queries"),
    )


def contribution_plot(run: RunFolder) -> Plot | None:
    """The judge's own part, per label and judge; None without figures."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    rows = [
        row
        for row in run.agreement.rows
        if row.metric == "partial_spearman"
        and row.value is not None
        and row.reference == headline.reference
        and row.source == headline.source
        and not (pick.is_baseline(row) and row.label != "random")
    ]
    if not rows:
        return None
    rank = {
        judge: place
        for place, judge in enumerate(
            dict.fromkeys(
                row.judge for row in sorted(rows, key=lambda row: (row.judge != headline.judge, -(row.value or 0.0)))
            )
        )
    }
    rows.sort(key=lambda row: rank[row.judge])
    entries = [(safe(f"Judge: {row.judge}", 34) if row.judge != "none" else "No judge", row, row.label) for row in rows]
    bound = pick.bound_of(run.agreement, headline.reference, metric="partial_spearman", judge=headline.judge)
    figure, height = dots.dot_chart(entries, bound=bound, control=None, metric="Partial Spearman")
    told = "; ".join(
        f"{row.label}, judge {row.judge}, {words.figure(row.value, row.ci_low, row.ci_high)}" for row in rows
    )
    return Plot(
        key="plot-contribution",
        title="The judge's own contribution",
        figure=figure,
        height=height,
        summary=f"Partial rank correlation with {headline.reference}, given control and plain loss: {told}.",
        caption="What is left of the agreement once the no-judge control and the plain loss are taken out. "
        "An interval that touches zero means the judge may have added nothing.",
        mode=pick.modes_of(run.agreement, rows),
        basis=words.count(rows[0].n_queries, "query", "queries"),
    )


def judges_plot(run: RunFolder) -> Plot | None:
    """Agreement against the judge's AUC, one mark per judge; None unless two judges have both."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    found = [
        (row, quality.auc)
        for row in run.agreement.rows
        if row.label == headline.label
        and row.reference == headline.reference
        and row.metric == "spearman"
        and row.source == headline.source
        and row.value is not None
        and not pick.is_baseline(row)
        and (quality := pick.judge_quality(run.agreement, row.judge))
        and quality.auc is not None
    ]
    if len({row.judge for row, _ in found}) < 2:
        return None
    palette, symbols = (
        (BLUE, VERMILLION, GREEN, PURPLE, OCHRE, SKY, ROSE),
        ("circle", "square", "diamond", "triangle-up", "cross", "star", "x"),
    )
    traces: list[Trace] = []
    for place, (row, auc) in enumerate(sorted(found, key=lambda pair: pair[1] or 0.0)):
        color = palette[place % len(palette)]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [auc],
                "y": [row.value],
                "name": safe(row.judge, 40),
                "text": [f"  {safe(row.judge, 24)}  "],
                "textposition": "middle left" if place == len(found) - 1 else "middle right",
                "textfont": {"size": 12},
                "marker": {"color": color, "symbol": symbols[place % len(symbols)], "size": 12},
                "error_y": _error(row, color),
                "hovertemplate": f"{safe(row.judge, 40)} ({safe(pick.mode_of(run.agreement, row.judge))})<br>"
                "AUC %{x:.3f}<br>"
                f"agreement {words.figure(row.value, row.ci_low, row.ci_high)}<extra></extra>",
                "cliponaxis": False,
            }
        )
    target = pick.target_auc(run.agreement)
    known = [auc for _, auc in found if auc is not None] + ([target] if target is not None else [])
    margin = max(0.03, (max(known) - min(known)) * 0.22)
    layout: dict[str, Any] = {
        "xaxis": {
            "title": {"text": "judge's AUC against the human grade"},
            "range": [min(known) - margin, max(known) + margin],
        },
        "yaxis": {"title": {"text": "agreement (Spearman)"}},
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
    }
    if target is not None:
        layout["shapes"] = [vertical_line(target, "dash")]
        layout["annotations"] = [
            note_at(target, f"target model {words.number(target, 3)}", top=True, right_of=target < 0.8)
        ]
    told = "; ".join(
        f"{row.judge}: AUC {words.number(auc, 3)}, agreement {words.number(row.value)}" for row, auc in found
    )
    return Plot(
        key="plot-judges",
        title="Better judge, better agreement?",
        figure=finish(traces, layout, 360),
        height=360,
        summary=f"Agreement of {headline.label} with {headline.reference} against the judge's AUC: {told}.",
        caption="One mark per judge, with its interval. Left of the dashed line a judge knows less than the "
        "model that is trained on the log.",
        mode=pick.modes_of(run.agreement, [row for row, _ in found]),
        basis=words.count(headline.n_queries, "query", "queries"),
    )


def _error(row: AgreementRow, color: str) -> dict[str, Any]:
    if row.value is None or row.ci_low is None or row.ci_high is None:
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "color": color,
        "thickness": 2,
        "width": 5,
        "array": [row.ci_high - row.value],
        "arrayminus": [row.value - row.ci_low],
    }


def _group(row: AgreementRow) -> str:
    if pick.is_baseline(row):
        return GROUPS[2]
    return GROUPS[0] if row.source == "scorer" else GROUPS[1]
