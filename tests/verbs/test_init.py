"""A suite and a map for someone's file: valid, commented, never over another file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from sie_agent.errors import InputError
from sie_agent.run import load_suite
from sie_agent.samples import LOGS, load_samples
from sie_agent.verbs.init import init


def export(path: Path, **changes: object) -> Path:
    """A file with names of its own."""
    count = 30
    table = pd.DataFrame(
        {
            "Search Term": [f"query {row % 6}" for row in range(count)],
            "sku": [f"p{row}" for row in range(count)],
            "Product Name": [f"thing {row}" for row in range(count)],
            "clicked": [row % 2 for row in range(count)],
            "relevance": [1 + row % 3 for row in range(count)],
        }
    )
    table.assign(**changes).to_csv(path, index=False)
    return path


def test_both_files_fit_the_data(tmp_path: Path) -> None:
    said = init(export(tmp_path / "my log.csv"), tmp_path / "out")
    assert said["guessed"]["query"] == "Search Term"
    suite = load_suite(said["suite"])
    assert suite.data.source == str(tmp_path / "my log.csv") and suite.data.map == said["map"]
    assert suite.log.kind == "given" and "tune" in suite.query_sets and suite.downstream.draws > 0
    text = Path(said["suite"]).read_text()
    assert all(f"#   {kind.name}: " in text and kind.rate_means.split()[-1] in text for kind in LOGS.values())
    samples = load_samples(suite.data.source, column_map=suite.data.map)
    assert samples["grade"].max() == 1 and samples["label"].notna().all()


def test_a_log_without_grades(tmp_path: Path) -> None:
    path = export(tmp_path / "log.csv")
    pd.read_csv(path).drop(columns="relevance").to_csv(path, index=False)
    said = init(path, tmp_path)
    suite = load_suite(said["suite"])
    assert set(suite.query_sets) == {"log-judged", "log-unseen"} and suite.downstream.draws == 0
    assert any("no verdict" in note for note in said["notes"])


def test_grades_without_a_label(tmp_path: Path) -> None:
    path = export(tmp_path / "log.csv")
    pd.read_csv(path).drop(columns="clicked").to_csv(path, index=False)
    assert load_suite(init(path, tmp_path)["suite"]).log.kind == "ranked-clicks"


def test_the_sample_needs_no_map(tmp_path: Path) -> None:
    said = init("sample", tmp_path)
    assert said["map"] is None and load_suite(said["suite"]).data.map is None


def test_a_made_up_shop_needs_no_map(tmp_path: Path) -> None:
    summary = init("generated:30", out=tmp_path)
    assert summary["map"] is None
    assert load_suite(summary["suite"]).data.source == "generated:30"


def test_a_map_that_is_there_already(tmp_path: Path) -> None:
    path = export(tmp_path / "log.csv")
    columns = {"query": "Search Term", "item_id": "sku", "title": "Product Name", "label": "clicked"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"columns": columns}))
    said = init(path, tmp_path, column_map=tmp_path / "mine.yaml")
    assert said["map"] is None and load_suite(said["suite"]).data.map == str(tmp_path / "mine.yaml")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = export(tmp_path / "log.csv")
    (tmp_path / "log-map.yaml").write_text("mine")
    with pytest.raises(InputError, match="--force"):
        init(path, tmp_path)
    assert (tmp_path / "log-map.yaml").read_text() == "mine" and not (tmp_path / "log-suite.yaml").exists()
    init(path, tmp_path, force=True)
    assert (tmp_path / "log-map.yaml").read_text() != "mine"


def test_names_that_yaml_would_stumble_over(tmp_path: Path) -> None:
    path = export(tmp_path / 'a: "b" #1.csv')
    suite = load_suite(init(path, tmp_path)["suite"])
    assert suite.data.source == str(path)
