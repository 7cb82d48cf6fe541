"""Assembles the page of a comparison: one file that opens without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.report.comparison import calibration, costs, differing, matrix, method, quality, swayed, top
from sie_agent.report.comparison.arms import ShownComparison
from sie_agent.report.page import TEMPLATES, drawing_library, for_script, render, write_page
from sie_agent.results import Comparison

PAGE = "comparison.html"
SCRIPTS = ("report.js", "comparison.js")


def write_comparison_page(folder: Path, comparison: Comparison) -> Path:
    """Write ``comparison.html`` into a folder: one self-contained page, no network needed to open it.

    It opens with the decision; figures of all arms, the matrix of pairs, what quality costs and the pairs on which arms
    differ most follow; how all of it was computed is folded at the end. What the comparison lacks is left out.

    Parameters
    ----------
    folder : where ``comparison.json`` lies. comparison : its content.

    Returns
    -------
    path of the page.

    Raises
    ------
    EnvironmentFailure : the page cannot be written.
    """
    from markupsafe import Markup

    scripts = [drawing_library(), *((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)]
    block = {"data_block": lambda text: Markup(for_script(text))}
    return write_page(Path(folder) / PAGE, render("comparison.html.j2", scripts, **content(comparison), **block))


def content(comparison: Comparison) -> dict[str, Any]:
    """What the template shows; texts are plain, so that the template escapes them."""
    compared = ShownComparison(comparison)
    return {
        "top": top.top_of(compared),
        "arms_plot": quality.interval_plot(compared),
        "arms_table": quality.quality_table(compared),
        "powered_table": quality.powered_table(compared),
        "agreement_table": swayed.agreement_table(compared),
        "matrix": matrix.matrix_of(compared),
        "reliability_plot": calibration.reliability_plot(compared),
        "calibration_table": calibration.calibration_table(compared),
        "cost_plot": costs.cost_plot(compared),
        "cost_table": costs.cost_table(compared),
        "differing": differing.differing_of(compared),
        "bias_table": swayed.bias_table(compared),
        "bias_plot": swayed.bias_plot(compared),
        "bias_rows": swayed.bias_rows(compared),
        "brand_table": swayed.brand_table(compared),
        "stability_table": swayed.stability_table(compared),
        "confusions": method.confusion_tables(compared),
        "method_words": method.method_words(compared),
        "batches_table": method.batches_table(compared),
        "failed_table": method.failed_table(compared),
        "controls_table": method.controls_table(compared),
        "reasons_table": method.reasons_table(compared),
    }
