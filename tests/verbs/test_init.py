"""A suite and a map for someone's file: valid, commented, never over another file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from sie_agent.errors import InputError
from sie_agent.run import load_suite
from sie_agent.samples import LOGS, load_column_map, load_samples
from sie_agent.verbs.init import init

from ..samples.raw_logs import MAP, raw_file


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
    pd.read_csv(path).drop(columns="relevance").to_csv(path, index=False)
    said = init(path, tmp_path, column_map=tmp_path / "mine.yaml")
    assert said["map"] is None and load_suite(said["suite"]).data.map == str(tmp_path / "mine.yaml")


def test_a_whole_map_gets_what_it_leaves_out(tmp_path: Path) -> None:
    path = export(tmp_path / "log.csv", brand="Acme", price=9.5)
    columns = {"query": "Search Term", "item_id": "sku", "title": "Product Name", "label": "clicked"}
    own = tmp_path / "mine.yaml"
    own.write_text(yaml.safe_dump({"columns": columns}))
    said = init(path, tmp_path, column_map=own)
    content = yaml.safe_load(Path(said["map"]).read_text())
    assert content["columns"] == columns and content["attributes"] == {"brand": "brand", "price": "price"}
    assert content["grade"]["column"] == "relevance" and yaml.safe_load(own.read_text()) == {"columns": columns}
    told = f"Added to what {own} says: grade, attributes.brand, attributes.price. That file stays as it is."
    assert said["notes"][0] == told and said["exit_code"] == 0


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


def raw(folder: Path, **changes: int) -> Path:
    """A raw log as a shop exports it."""
    return raw_file(folder, count=600, missing_names=20, **changes)


def test_a_raw_export_is_mapped_whole_and_three_rows_are_shown(tmp_path: Path) -> None:
    said = init(raw(tmp_path), tmp_path / "out")
    content = yaml.safe_load(Path(said["map"]).read_text())
    assert content == MAP and said["exit_code"] == 0 and said["unmapped"] == ["session"]
    assert len(said["rows"]) == 3 and said["rows"][0]["impressions"] and "<" not in said["rows"][0]["description"]
    assert any("rows are impressions" in note for note in said["notes"]) and said["invalid_rows"] == 20
    assert load_suite(said["suite"]).log.kind == "given"


def test_what_is_missing_is_marked_in_the_map(tmp_path: Path) -> None:
    path = raw(tmp_path)
    pd.read_csv(path).drop(columns="search_phrase").drop(columns="user").to_csv(path, index=False)
    said = init(path, tmp_path / "out")
    text = Path(said["map"]).read_text()
    assert said["missing"] == ["query"] and said["exit_code"] == 3
    assert "  # query: YOUR_COLUMN    # TODO" in text and yaml.safe_load(text)["columns"]["item_id"] == "sku"
    assert Path(said["suite"]).is_file() and said["rows"][0]["item_id"].startswith("SKU")


def test_the_line_that_is_filled_in_makes_the_map_whole(tmp_path: Path) -> None:
    path = raw(tmp_path).rename(tmp_path / "log.csv")
    pd.read_csv(path).rename(columns={"search_phrase": "zz", "user": "vv"}).assign(zz=range(600)).to_csv(
        path, index=False
    )
    said = init(path, tmp_path)
    assert said["missing"] == ["query"]
    map_path = Path(said["map"])
    map_path.write_text(map_path.read_text().replace("  # query: YOUR_COLUMN", "  query: name"))
    with pytest.raises(InputError, match=f"--map {map_path}"):
        init(path, tmp_path)
    again = init(path, tmp_path, column_map=map_path)
    assert again["map"] is None and load_suite(again["suite"]).data.map == str(map_path) and again["exit_code"] == 0


def test_only_comments_under_columns_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("columns:\n  # query: a\nattributes:\n")
    assert load_column_map(tmp_path / "map.yaml").columns == {}


def test_a_partial_map_is_completed(tmp_path: Path) -> None:
    path = raw(tmp_path)
    partial = {"columns": {"query": "search_phrase"}, "events": {"purchased": 1.0}, "attributes": {"shelf": "category"}}
    (tmp_path / "partial.yaml").write_text(yaml.safe_dump(partial))
    said = init(path, tmp_path / "out", column_map=tmp_path / "partial.yaml")
    content = yaml.safe_load(Path(said["map"]).read_text())
    assert content["events"] == {"purchased": 1.0} and content["columns"]["title"] == "name"
    assert content["attributes"] == {"shelf": "category", "brand": "brand", "price": "price"}
    assert load_suite(said["suite"]).data.map == said["map"] and said["exit_code"] == 0
    assert yaml.safe_load((tmp_path / "partial.yaml").read_text()) == partial


def test_a_partial_map_of_the_name_to_write_stays(tmp_path: Path) -> None:
    path = raw(tmp_path)
    own = tmp_path / "raw-log-map.yaml"
    own.write_text("columns: {query: search_phrase}\n")
    said = init(path, tmp_path, column_map=own)
    assert own.read_text() == "columns: {query: search_phrase}\n" and said["map"].endswith("-completed.yaml")


def test_a_partial_map_that_names_an_absent_column(tmp_path: Path) -> None:
    (tmp_path / "partial.yaml").write_text("columns: {query: search_frase}\n")
    with pytest.raises(InputError, match="did you mean 'search_phrase'"):
        init(raw(tmp_path), tmp_path, column_map=tmp_path / "partial.yaml")


def test_a_second_time_writes_its_own_files_anew(tmp_path: Path) -> None:
    path = raw(tmp_path)
    first = init(path, tmp_path)
    written = Path(first["map"]).read_text()
    assert init(path, tmp_path) == first and Path(first["map"]).read_text() == written


def test_an_error_leaves_no_file_that_the_next_try_stumbles_over(tmp_path: Path) -> None:
    path = raw(tmp_path)
    good = path.read_text()
    frame = pd.read_csv(path)
    frame.assign(name="").to_csv(path, index=False)
    with pytest.raises(InputError):
        init(path, tmp_path / "out", column_map=written_map(tmp_path))
    assert not list((tmp_path / "out").glob("*.yaml"))
    path.write_text(good)
    assert init(path, tmp_path / "out", column_map=written_map(tmp_path))["exit_code"] == 0


def written_map(folder: Path) -> Path:
    """A map that lacks the item."""
    (folder / "some.yaml").write_text("columns: {query: search_phrase, title: name}\n")
    return folder / "some.yaml"


@pytest.mark.parametrize("name", ["map", "suite"])
def test_a_file_that_the_user_changed_stays(tmp_path: Path, name: str) -> None:
    path = raw(tmp_path)
    changed = Path(init(path, tmp_path)[name])
    changed.write_text(changed.read_text().replace("#", "# mine:", 1))
    before = changed.read_text()
    with pytest.raises(InputError, match="--force"):
        init(path, tmp_path)
    assert changed.read_text() == before
    init(path, tmp_path, force=True)
    assert changed.read_text() != before


def test_nothing_can_go_on_without_any_known_column(tmp_path: Path) -> None:
    pd.DataFrame({"aa": [1, 2], "bb": [3, 4]}).to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(InputError, match=r"no column looks like a query.*aa, bb"):
        init(tmp_path / "log.csv", tmp_path / "out")


def test_of_several_splits_one_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shop"
    folder.mkdir()
    for split, rows in (("train", 12), ("test", 3)):
        lines = [f"lamp,{split}{row},Lamp {row},{row % 2}" for row in range(rows)]
        (folder / f"{split}.csv").write_text("\n".join(["query,item_id,title,clicked", *lines]) + "\n")
    with pytest.raises(InputError, match="--split"):
        init("shop")
    result = init("shop", split="train")
    suite = load_suite(result["suite"])
    assert suite.data.split == "train" and result["exit_code"] == 0
