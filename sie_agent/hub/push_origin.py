"""What a file of labels holds and where it is from, as far as the file and what lies beside it tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json
from sie_agent.labels import label_names
from sie_agent.scorer.cards import table_of
from sie_agent.scorer.files import read_config

SCORED = {"sample_id", "query", "label"}
# files of earlier versions lack some of these
BESIDE = {"item_id", "impressions", "label_error", "label_error_from"}


def origin_of(path: Path) -> tuple[str, dict[str, Any]]:
    """``weak labels``, ``scores`` or ``not recorded``, and for weak labels who judged.

    Weak labels are known by their name, ``labels.parquet``, beside the manifest of `sie distill` or `sie run`; scores
    by the columns that `sie score` writes, or by their name in a run folder. A manifest says nothing of other files
    that lie beside it.
    """
    if is_scored(path):
        return "scores", {}
    if path.name == "labels.parquet" and (facts := judge_beside(path.parent)) is not None:
        return "weak labels", facts
    return ("scores" if path.name == "scores.parquet" else "not recorded"), {}


def is_scored(path: Path) -> bool:
    """Whether a file has the columns that `sie score` writes, and no others."""
    import pyarrow.parquet as pq

    try:
        columns = set(pq.read_schema(path).names)
    except (OSError, ValueError):
        return False
    return columns >= SCORED and columns - SCORED - BESIDE <= set(label_names())


def judge_beside(folder: Path) -> dict[str, Any] | None:
    """Who judged, as the manifest in the folder has it; None where it is not that of `sie distill` or `sie run`."""
    try:
        manifest = table_of(read_json(folder / "manifest.json"))
    except InputError:
        return None
    hashes = table_of(manifest.get("hashes"))
    facts = table_of(manifest.get("judge"))
    if "suite" in hashes:
        facts = judge_of_run(folder)
    elif "variant" not in facts:
        # `sie label` has a judge too, of several variants
        return None
    return {**facts, "log_hash": hashes.get("log"), "versions": manifest.get("versions")}


def judge_of_run(folder: Path) -> dict[str, Any]:
    """Who judged in a run, as the scorer that was made of the same labels has it."""
    try:
        return table_of(read_config(folder / "scorer")["about"])
    except InputError:
        return {}
