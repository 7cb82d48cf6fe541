"""Assembles the page: one file that opens without a network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from sie_agent.report import (
    bench_words,
    doubt,
    gains,
    groups_section,
    headline,
    judge_quality,
    listed_rows,
    pick,
    plots_rows,
    rows_kept,
    steps,
    suspects,
    tables_run,
    weights_part,
)
from sie_agent.report.agreement import agreement_of
from sie_agent.report.glossary import glossary
from sie_agent.report.page import TEMPLATES, drawing_library, for_script, render, write_page
from sie_agent.report.read import RunFolder, read_run, without_secrets
from sie_agent.utils.redact import redacted_command

# of each list of doubtful rows; the others are folded
SHOWN_ROWS = 5


def write_report(run_dir: Path) -> Path:
    """Write ``report.html`` into a run folder: one self-contained page, no network needed to open it.

    It opens with what a person acts on (the rows most likely wrong, what the weights do, what to judge and grade next);
    all else is folded below. Reads ``agreement.json``, ``manifest.json``, ``suite.yaml``, ``samples.parquet``,
    ``judgments.parquet``, ``scores.parquet`` and, where the run has them, ``labels.parquet``, ``explanations.json``,
    ``next-steps.json``, the ``facts.json`` of its first draw and the ``evidence.parquet`` of all. What a run cannot
    hold (gains without grades, agreement without references) is left out of the page, and the page says so.

    Parameters
    ----------
    run_dir : folder written by ``sie run``.

    Returns
    -------
    path of the page.

    Raises
    ------
    InputError : a file is missing or damaged, or the run is of an older version; names it.
    EnvironmentFailure : the page cannot be written.
    """
    from markupsafe import Markup

    run = read_run(Path(run_dir))
    scripts = [drawing_library(), (TEMPLATES / "report.js").read_text(encoding="utf-8")]
    page = render("report.html.j2", scripts, **content(run), data_block=lambda text: Markup(for_script(text)))
    return write_page(run.path / "report.html", page)


def content(run: RunFolder) -> dict[str, Any]:
    """What the template shows; texts are plain, so that the template escapes them."""
    agreement, known = run.agreement, listed_rows.known_rows(run)
    doubtful = suspects.suspects_of(run, known)
    first = next((row.sample_id for side in doubtful.sides for row in side.rows), None) if doubtful else None
    # a manifest of an older version may hold a password
    command = run.manifest.command if isinstance(run.manifest.command, str) else shlex.join(run.manifest.command)
    clicks = suspects.kind_of_log(str(pick.log_of(run.suite).get("kind") or "")) == "clicks"
    return {
        "top": headline.top_of(run),
        "suspects": doubtful,
        "yes": doubt.yes_words(known),
        "shown_rows": SHOWN_ROWS,
        "groups": groups_section.groups_of(run, known),
        "check_action": steps.check_action(run, first) if first else None,
        "check_file": run.steps.get("check"),
        "weights_told": weights_part.told_words(run),
        "weights_picture": weights_part.picture_of(agreement, pick.primary_judge(run)),
        "weights_change": weights_part.change_words(run),
        "weights_action": steps.weights_action(run),
        "next_steps": steps.next_steps(run),
        "against": gains.against_table(agreement),
        "gains_plot": gains.gains_plot(run),
        "twins_words": bench_words.twins_words(agreement),
        "choices": gains.choices_table(agreement),
        "verdicts": gains.verdicts_table(agreement),
        "gains": gains.gains_table(agreement),
        "kept": rows_kept.kept_of(run),
        "judges": judge_quality.judges_table(agreement),
        "judge_words": headline.judge_words(run),
        "gain_plot": judge_quality.gain_plot(run),
        "gain_table": judge_quality.gain_table(agreement),
        "agreement": agreement_of(run),
        "agreement_quality_plot": judge_quality.agreement_quality_plot(run),
        "agreement_quality_table": judge_quality.agreement_quality_table(agreement),
        "map_plot": plots_rows.map_plot(run, known, clicks=clicks),
        "most": listed_rows.extremes(known, most=True, clicks=clicks, explained=run.explanations),
        "least": listed_rows.extremes(known, most=False, clicks=clicks, explained=run.explanations),
        "row_mode": pick.mode_of_run(run),
        "ranked_by": listed_rows.ranking_label(known.columns),
        "clarity_plot": plots_rows.clarity_plot(run),
        "clearest": listed_rows.clarity_table(run, clearest=True),
        "vaguest": listed_rows.clarity_table(run, clearest=False),
        "score_plots": plots_rows.score_plots(run, known),
        "status_table": tables_run.status_table(run),
        "reasons_table": tables_run.reasons_table(run),
        "models_table": tables_run.models_table(run),
        "mixture_table": tables_run.mixture_table(run),
        "cost_table": tables_run.cost_table(run),
        "origin_table": tables_run.origin_table(run),
        "command": redacted_command(command),
        "suite_text": yaml.safe_dump(without_secrets(run.suite), sort_keys=False, allow_unicode=True, width=100),
        "notes": agreement.notes,
        "glossary": glossary(),
    }
