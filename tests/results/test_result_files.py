"""The classes of the result files: described, light, faithful to what they read, and told on a page of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from scripts.tools.result_pages import PAGE, objects_in, page
from sie_agent.errors import InputError
from sie_agent.files.manifest import Manifest
from sie_agent.files.typed_json import read_model, write_document
from sie_agent.results import FILES, Agreement, Comparison, RunManifest, json_schemas

from ..report.fixtures import build_run

KEPT = sorted(Path("eval/results").rglob("*manifest.json"))


def shapes() -> Iterator[type[BaseModel]]:
    """Every class that some file holds."""
    waiting: list[type[BaseModel]] = list(FILES.values())
    while waiting:
        shape = waiting.pop()
        yield shape
        waiting += [one for field in shape.model_fields.values() for one in objects_in(field.annotation)]


def test_the_page_of_result_files_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python scripts/tools/result_pages.py"


def test_every_field_is_described_and_every_file_has_a_schema() -> None:
    bare = {
        f"{shape.__name__}.{name}"
        for shape in shapes()
        for name, field in shape.model_fields.items()
        if not field.description
    }
    assert bare == set()
    assert set(json_schemas()) == set(FILES)
    assert json_schemas()["agreement.json"]["properties"]["verdicts"]["description"] == "by ranker, on every judge"
    json.dumps(json_schemas())


def test_importing_the_results_loads_nothing_heavy() -> None:
    code = "import sys, sie_agent.results; print({'torch', 'pandas', 'duckdb', 'plotly', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("shape", "content"),
    [
        (Agreement, {"suite": "x", "verdict": {"judge": "a", "against": []}, "rows": [{"label": "v", "metric": "m"}]}),
        (RunManifest, {"counts": {"samples": 3}, "recipe": {"by": "support"}, "cost": {"amount": None}}),
        (Comparison, {"variants": [{"variant": "a", "auc": {"value": 0.5}}], "failed": [], "cost": None}),
    ],
)
def test_what_is_given_is_written_and_nothing_else(tmp_path: Path, shape: Any, content: dict[str, Any]) -> None:
    path = tmp_path / "file.json"
    made = write_document(path, shape, content)
    assert json.loads(path.read_text()) == {"format": 1, **content} and read_model(path, shape) == made


def test_figures_that_are_not_known_are_null(tmp_path: Path) -> None:
    content = {"rows": [{"label": "value", "metric": "spearman", "value": float("nan")}]}
    write_document(tmp_path / "a.json", Agreement, content)
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["value"] is None
    (tmp_path / "older.json").write_text(json.dumps(content))
    assert read_model(tmp_path / "older.json", Agreement).rows[0].value is None


def test_files_of_earlier_versions_load(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    for name in ("agreement.json", "manifest.json"):
        before = json.loads((run / name).read_text("utf-8"))
        assert before.items() <= read_model(run / name, FILES[name]).as_json().items()
    for path in KEPT:
        assert read_model(path, RunManifest).as_json() == {"format": 1, **json.loads(path.read_text("utf-8"))}


def test_a_file_of_a_newer_layout_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "agreement.json"
    path.write_text('{"format": 2}')
    with pytest.raises(InputError, match=r"agreement\.json: field 'format': expected .* at most 1, found 2"):
        read_model(path, Agreement)


def test_the_manifest_of_every_verb_has_a_format(tmp_path: Path) -> None:
    Manifest("sie label", counts={"samples": 1}).write(tmp_path / "manifest.json")
    assert read_model(tmp_path / "manifest.json", RunManifest).counts == {"samples": 1}
    assert json.loads((tmp_path / "manifest.json").read_text())["format"] == 1
