"""A suite and a map for someone's file: valid, commented, never over another file."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from sie_agent.cli import main
from sie_agent.commands.init import init
from sie_agent.errors import InputError
from sie_agent.samples import LOGS, load_column_map, load_samples
from sie_agent.suite import load_suite

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


NAMELESS: dict[str, list[dict[str, object]]] = {
    "csv": [{"aa": row, "bb": row % 2} for row in range(5)],
    "Chinese": [{"甲": f"台灯 {row}", "乙": row} for row in range(5)],
    "nested": [{"aa": {"bb": row, "cc": {"dd": [1, row]}}, "ee": [{"ff": row}]} for row in range(5)],
}


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".csv"])
@pytest.mark.parametrize("kind", NAMELESS)
def test_of_columns_that_nobody_knows_the_map_has_todos(tmp_path: Path, kind: str, ending: str) -> None:
    path, table = tmp_path / f"log{ending}", NAMELESS[kind]
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    elif ending == ".csv":
        pd.DataFrame(table).to_csv(path, index=False)
    else:
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in table))
    said = init(path, tmp_path / "out")
    assert said["exit_code"] == 3 and said["missing"] == ["query", "title", "item_id", "label"]
    text = Path(said["map"]).read_text()
    assert "  # query: YOUR_COLUMN    # TODO" in text and load_column_map(said["map"]).columns == {}
    assert len(said["rows"]) == 3 and all(row for row in said["rows"]) and said["unmapped"]
    # filled in, it is a map
    again = init(path, tmp_path / "out")
    assert again["exit_code"] == 3


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("aa,bb\n")
    with pytest.raises(InputError, match="no rows"):
        init(tmp_path / "log.csv", tmp_path / "out")


CHINESE = {
    "搜索词": "query",
    "商品编号": "item_id",
    "商品名称": "title",
    "点击": "label",
    "价格": "price",
    "用户ID": "user_id",
}
JAPANESE = {"検索キーワード": "query", "商品コード": "item_id", "商品名": "title", "クリック": "label", "価格": "price",
            "ユーザーID": "user_id"}  # fmt: skip


@pytest.mark.parametrize("names", [CHINESE, JAPANESE], ids=["Chinese", "Japanese"])
def test_names_in_chinese_and_japanese(tmp_path: Path, names: dict[str, str]) -> None:
    cells = {"query": "ランプ {0}", "item_id": "i{1}", "title": "机 のランプ {1}", "label": "{2}", "price": "{1}",
             "user_id": "u{0}"}  # fmt: skip
    table = [{name: cells[what].format(row % 5, row, row % 2) for name, what in names.items()} for row in range(40)]
    pd.DataFrame(table).to_csv(tmp_path / "log.csv", index=False)
    said = init(tmp_path / "log.csv", tmp_path / "out")
    guessed = {what.removeprefix("attributes."): name for what, name in said["guessed"].items()}
    assert said["exit_code"] == 0 and guessed == {what: name for name, what in names.items()}


MAPS: dict[str, dict[str, object]] = {
    "positions of their own": {"position": {"column": "rank", "first": 1}},
    "kept columns of the schema": {"keep": ["query", "brand"]},
    "constant attributes": {"constants": {"attributes": '{"shop": "x"}'}},
    "a constant label": {"label": None, "constants": {"label": 1.0}},
    "a filter": {"filters": {"brand": ["Acme"]}},
    "counted": {"impressions": {"count": "shown", "visit": "session"}},
    "events": {"label": None, "events": {"clicked": 0.5}},
    "joined": {"columns": {"query": ["Search Term", "brand"], "item_id": "sku", "title": "Product Name"}},
}


@pytest.mark.parametrize("kind", MAPS)
def test_a_map_that_label_accepts_is_accepted(tmp_path: Path, kind: str) -> None:
    path = export(
        tmp_path / "log.csv",
        brand="Acme",
        price=1,
        rank=range(1, 31),
        position=range(1, 31),
        shown=2,
        session=range(30),
    )
    content: dict[str, object] = {
        "columns": {"query": "Search Term", "item_id": "sku", "title": "Product Name"},
        "label": {"column": "clicked", "minimum": 0, "maximum": 1},
        **MAPS[kind],
    }
    own = tmp_path / "mine.yaml"
    own.write_text(yaml.safe_dump({name: value for name, value in content.items() if value is not None}))
    assert len(load_samples(path, column_map=own)) == 30
    said = init(path, tmp_path / "out", column_map=own)
    assert said["exit_code"] == 0 and len(load_samples(path, column_map=said["map_in_use"])) == 30
    again = init(path, tmp_path / "more", column_map=said["map_in_use"])
    assert again["exit_code"] == 0 and again["map"] is None and again["map_in_use"] == said["map_in_use"]


def test_a_map_of_sequences_in_a_folder_is_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    sequences = {"user_id": ["a", "b"], "history": ['["1", "2"]', '["2", "3"]'], "target_item_id": ["3", "4"]}
    pd.DataFrame(sequences).to_csv(folder / "sequences.csv", index=False)
    pd.DataFrame({"item_id": list("12345"), "title": list("vwxyz")}).to_csv(folder / "items.csv", index=False)
    columns = {name: name for name in ("sample_id", "query", "item_id", "title", "label", "user_id", "history")}
    rule = {"items": "items.csv", "sequences": "sequences.csv"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"columns": columns, "next_item": rule}))
    said = init(folder, tmp_path / "out", column_map=tmp_path / "mine.yaml")
    assert said["exit_code"] == 0 and said["map"] is None and said["rows"][0]["query"] == "v; w"


def test_what_a_map_in_use_does_not_say_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = export(tmp_path / "log.csv", sku="p1")
    pd.read_csv(path).drop(columns="relevance").assign(**{"Product Name": "<b>Lamp</b>"}).to_csv(path, index=False)
    own = tmp_path / "mine.yaml"
    columns = {"query": "Search Term", "item_id": "sku", "title": "Product Name", "label": "clicked"}
    own.write_text(yaml.safe_dump({"columns": columns}))
    said = init(path, tmp_path, column_map=own)
    assert said["map"] is None and said["map_in_use"] == str(own)
    assert said["notes"][0] == (
        f"The map in use is {own}, as it is: it says all that a run needs, so no other map is written."
    )
    assert (
        "24 rows repeat a pair of query and item. The map in use has no `impressions`, so each row" in said["notes"][1]
    )
    assert not any("become one row" in note for note in said["notes"])
    assert any("add `html: [title]`" in note for note in said["notes"])
    assert main(["init", str(path), "--map", str(own), "--out", str(tmp_path)]) == 0
    assert f"Column map: {own} (yours, in use as it is)" in capsys.readouterr().out


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


@pytest.mark.parametrize("column", ["query", "item_id"])
@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_an_empty_cell_among_repeated_pairs_is_no_fault(tmp_path: Path, column: str, kind: str) -> None:
    rows = [
        {"query": f"lamp {n % 3}", "item_id": f"i{n % 4}", "title": f"Lamp {n % 4}", "clicked": n % 2}
        for n in range(24)
    ]
    rows[3][column] = None
    path = tmp_path / f"log.{kind}"
    table = pd.DataFrame(rows)
    if kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    result = init(path, tmp_path / "out")
    assert "map" in json.dumps(result)
