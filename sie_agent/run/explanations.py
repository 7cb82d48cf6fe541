"""Why the rows that the report lists have their score, computed where the scorer is at hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sie_agent.report import ranking_label, shown_ids
from sie_agent.run.manifest import write_json
from sie_agent.samples import read_table
from sie_agent.scorer import explain_rows, load_scorer


def write_run_explanations(folder: Path) -> None:
    """Write ``explanations.json`` of a run folder from its samples, scores and scorer, whatever was there before.

    Raises
    ------
    InputError : one of them is missing or damaged.
    EnvironmentFailure : the file cannot be written.
    """
    scorer = load_scorer(folder / "scorer")
    samples, scores = read_table(folder / "samples.parquet"), read_table(folder / "scores.parquet")
    by = ranking_label(scores.columns)
    shown = shown_ids(samples, scores) if by in scorer.students else []
    rows = samples[samples["sample_id"].isin(shown)].reset_index(drop=True)
    explained = explain_rows(scorer, rows, by) if by is not None and len(rows) else []
    write_json(folder / "explanations.json", {"by": by, "explanations": [asdict(one) for one in explained]})
