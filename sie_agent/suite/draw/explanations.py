"""Explanations of the rows that the report lists, computed while the scorer is at hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sie_agent.files.typed_json import write_document
from sie_agent.report import doubted, ranking_label, scored_rows, shown_ids, with_support
from sie_agent.results import Explanations
from sie_agent.scorer import explain_rows, load_scorer
from sie_agent.selection import RELEVANCE
from sie_agent.suite.draw.rows_read import read_rows


def write_run_explanations(folder: Path) -> None:
    """Write ``explanations.json`` of a run folder from its samples, scores and scorer, whatever was there before.

    The rows that are listed as most likely wrong are explained by ``relevance``, those listed by the label that rows
    are ranked by, by that label.

    Raises
    ------
    InputError : one of them is missing or damaged.
    EnvironmentFailure : the file cannot be written.
    """
    scorer = load_scorer(folder / "scorer")
    samples, scores, labels = read_rows(folder)
    by = ranking_label(scores.columns)
    rows = with_support(scored_rows(samples, scores), labels)
    wanted = [(RELEVANCE, doubted(rows)["sample_id"].tolist()), (by, shown_ids(samples, scores))]
    explained = []
    for label, ids in wanted:
        if label in scorer.students and ids:
            listed = samples[samples["sample_id"].isin(ids)].reset_index(drop=True)
            explained += explain_rows(scorer, listed, label)
    content = {"by": by, "explanations": [asdict(one) for one in explained]}
    write_document(folder / "explanations.json", Explanations, content)
