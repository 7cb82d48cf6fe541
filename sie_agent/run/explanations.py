"""Why the rows that the report lists have their score, computed where the scorer is at hand."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sie_agent.report import shown_ids
from sie_agent.run.manifest import write_json
from sie_agent.samples import read_table
from sie_agent.scorer import explain_rows, load_scorer

# the report ranks its rows by it
EXPLAINED = "value"


def write_run_explanations(folder: Path) -> None:
    """Write ``explanations.json`` of a run folder from its samples, scores and scorer, whatever was there before.

    Raises
    ------
    InputError : one of them is missing or damaged.
    EnvironmentFailure : the file cannot be written.
    """
    scorer = load_scorer(folder / "scorer")
    samples = read_table(folder / "samples.parquet")
    shown = shown_ids(samples, read_table(folder / "scores.parquet")) if EXPLAINED in scorer.students else []
    rows = samples[samples["sample_id"].isin(shown)].reset_index(drop=True)
    explained = explain_rows(scorer, rows, EXPLAINED) if len(rows) else []
    write_json(folder / "explanations.json", {"by": EXPLAINED, "explanations": [asdict(one) for one in explained]})
