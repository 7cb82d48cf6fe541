"""What a run folder holds, and when a run in it goes on with the same work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.files.yaml_files import read_yaml
from sie_agent.outputs import Folder, Work
from sie_agent.suite.parts import NOT_ANSWERS
from sie_agent.suite.settings import Suite, dump_suite, load_suite
from sie_agent.suite.suite_paths import find_suite

SUITE = "suite.yaml"
NAMES = (
    *(SUITE, "manifest.json", "agreement.json", "failures.json", "explanations.json", "next-steps.json"),
    *("samples.parquet", "judgments.parquet", "labels.parquet", "scores.parquet", "reference.parquet"),
    *("log_columns.parquet", ".log_columns.parquet.new", "report.html", "scorer/", "draws/"),
)
# draws that are there stay when others are asked for; the headline is chosen among figures that are there
NOT_RESULTS = {"draws", "headline_judge", "headline_reference", "judges", "data"}


def run_folder(out: str | Path) -> Folder:
    """The folder of a run, as an output."""
    return Folder("--out", out, NAMES)


def work_of(suite: Suite, source: str | Path, place: Folder) -> Work:
    """What a run is: another suite, or a setting that changes what is computed, is other work.

    Parameters
    ----------
    source : of the suite.
    """
    from sie_agent.samples import resolve

    data = suite.data
    reads: dict[str, Any] = {
        "data.source": resolve(data.source)[0] or data.source,
        "data.map": data.map,
        "data.grades": data.grades,
    }
    settings: dict[str, Any] = suite.model_dump(mode="json", exclude=NOT_RESULTS)
    settings |= data.model_dump(mode="json", exclude={"source", "map", "grades"})
    judges = [judge.model_dump(mode="json", exclude=NOT_ANSWERS) for judge in suite.judges]
    settings["judges"] = {str(judge.pop("name")): judge for judge in judges}
    uses: dict[str, Any] = {"the suite": None if is_its_own(suite, source, place) else find_suite(source)}
    uses |= {f"judges.{one.name}.model": one.model for one in suite.judges}
    uses |= {f"judges.{one.name}.variant": one.variant for one in suite.judges}
    return Work("run", reads, settings, uses=uses)


def is_its_own(suite: Suite, source: str | Path, place: Folder) -> bool:
    """Whether the suite is the one that an earlier run wrote into the folder: writing it again loses nothing."""
    file, own = find_suite(source), place.path / SUITE
    if not own.is_file() or not own.samefile(file) or load_suite(own, told=False) != suite:
        return False
    # with comments or in another order it is the user's
    written = Suite.model_validate(read_yaml(own, hint="Give a suite in YAML.").content)
    return own.read_text(encoding="utf-8") == dump_suite(written)
