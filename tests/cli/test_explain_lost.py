"""``sie explain`` of rows that have no score of their own: left out, put together with others, or not there at all."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
import yaml

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import Sie

FIELDS = ("search", "sku", "name", "shop", "clicked")
MAP = {
    "columns": {"query": "search", "item_id": "sku", "title": "name"},
    "label": {"column": "clicked", "minimum": 0, "maximum": 1},
    "impressions": {},
}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scorer")
    samples = load_samples("sample", limit=60)
    labels = samples[["sample_id"]].assign(value=samples["title"].str.len().astype(float))
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=3)), folder)
    return folder


def raw_rows(count: int = 60) -> list[dict[str, str]]:
    """A raw log of 20 pairs, each shown three times; rows 7 and 21 have no name."""
    rows = []
    for number in range(1, count + 1):
        pair = (number - 1) % 20
        name = "" if number in (7, 21) else f"Lamp {pair}"
        rows.append(
            {
                "search": f"lamp {pair // 5}" if number < 41 else f" LAMP  {pair // 5}",
                "sku": f"i{pair}",
                "name": name,
                "shop": "de" if number % 2 else "at",
                "clicked": str(number % 3 // 2),
            }
        )
    return rows


def raw_log(folder: Path, rows: list[dict[str, str]] | None = None, **changed: object) -> tuple[str, ...]:
    with (folder / "raw.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", *FIELDS] if rows and "id" in rows[0] else FIELDS)
        writer.writeheader()
        writer.writerows(rows or raw_rows())
    (folder / "map.yaml").write_text(yaml.safe_dump({**MAP, **changed}))
    return ("--data", "raw.csv", "--map", "map.yaml")


def test_each_kind_is_told_apart(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    command = ("explain", "--scorer", scorer, *raw_log(tmp_path))
    unusable = sie(*command, "--id", "7")
    assert unusable.code == 0, unusable.err
    line, _ = unusable.out.splitlines()
    assert line.startswith("row 7 (") and "raw.csv, row 7)" in line
    assert "left out as unusable" in line and "field 'title': the title is empty" in line
    folded = sie(*command, "--id", "44")
    assert folded.code == 0, folded.err
    assert "row 44 (" in folded.out and "another impression of a pair (query 'lamp 0', item 'i3')" in folded.out
    assert "the id of its first one: '4'; the pair is explained below" in folded.out and "\nrow    4\n" in folded.out
    absent = sie(*command, "--id", "61")
    assert absent.code == 2 and absent.out == "" and "no row has the id '61'" in absent.err


def test_a_pair_whose_first_impression_is_unusable_has_the_id_of_the_next(
    sie: Sie, scorer: Path, tmp_path: Path
) -> None:
    command = ("explain", "--scorer", scorer, *raw_log(tmp_path), "--output", "json")
    told = sie(*command, "--id", "47", "--id", "1", "--id", "41", "--id", "21").json
    assert [one["sample_id"] for one in told["explanations"]] == ["27", "1"]
    facts = [(one["sample_id"], one["reason"], one["row"], one["pair"]) for one in told["lost"]]
    assert facts == [("47", "folded", 47, "27"), ("41", "folded", 41, "1"), ("21", "unusable", 21, None)]
    rows = load_samples(tmp_path / "raw.csv", column_map=tmp_path / "map.yaml", invalid=None, limit=6)
    assert rows["sample_id"].iloc[0] == "1"


def test_ids_of_the_log_and_where_they_stand(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    rows = [{"id": f"r{number}", **row} for number, row in enumerate(raw_rows(), start=101)]
    columns = {**MAP["columns"], "sample_id": "id"}
    command = ("explain", "--scorer", scorer, *raw_log(tmp_path, rows, columns=columns), "--output", "json")
    told = sie(*command, "--id", "r107", "--id", "r150").json
    assert [(one["sample_id"], one["row"], one["pair"]) for one in told["lost"]] == [
        ("r107", 7, None),
        ("r150", 50, "r110"),
    ]
    assert sie(*command, "--id", "r100").code == 2


def test_what_limit_filters_and_split_leave_out(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    command = ("explain", "--scorer", scorer, *raw_log(tmp_path, filters={"shop": ["de"]}), "--output", "json")
    assert [one["reason"] for one in sie(*command, "--id", "2").json["lost"]] == ["filters"]
    limited = sie(*command, "--limit", "5", "--id", "2", "--id", "11", "--id", "3").json
    assert {one["sample_id"]: one["reason"] for one in limited["lost"]} == {"11": "limit", "2": "filters"}
    assert [one["sample_id"] for one in limited["explanations"]] == ["3"]
    command = ("explain", "--scorer", scorer, *raw_log(tmp_path, split_column="shop"), "--output", "json")
    (one,) = sie(*command, "--split", "at", "--id", "3").json["lost"]
    assert one["reason"] == "split" and "'at'" in one["problem"]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_other_files_and_folders(sie: Sie, scorer: Path, tmp_path: Path, ending: str) -> None:
    raw_log(tmp_path)
    table, folder = pd.DataFrame(raw_rows()), tmp_path / "parts"
    folder.mkdir()
    for name, part in (("a", table.iloc[:30]), ("b", table.iloc[30:])):
        path = folder / f"{name}.{ending}"
        part.to_parquet(path) if ending == "parquet" else part.to_json(path, orient="records", lines=True)
    options = ("--data", "parts", "--map", "map.yaml", "--split", "all", "--output", "json")
    told = sie("explain", "--scorer", scorer, *options, "--id", "7", "--id", "45").json
    assert [(one["reason"], one["pair"]) for one in told["lost"]] == [("unusable", None), ("folded", "5")]
    assert "a." in told["lost"][0]["place"] and told["lost"][1]["place"].endswith(" 15")


def test_rows_that_are_not_impressions(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    """Without impressions in the map no row is folded, and a page is written only where a row is explained."""
    raw_log(tmp_path)
    (tmp_path / "map.yaml").write_text(yaml.safe_dump({name: MAP[name] for name in ("columns", "label")}))
    command = ("explain", "--scorer", scorer, "--data", "raw.csv", "--map", "map.yaml", "--output", "json")
    assert sie(*command, "--id", "44").json["lost"] == []
    told = sie(*command, "--id", "7", "--html", "why.html").json
    assert told["html"] is None and not (tmp_path / "why.html").exists() and told["explanations"] == []


def test_a_run_folder_looks_rows_up_in_its_source(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    raw_log(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    data = {"source": str(tmp_path / "raw.csv"), "map": str(tmp_path / "map.yaml"), "split": None, "limit": None}
    (run / "suite.yaml").write_text(yaml.safe_dump({"data": data}))
    samples = load_samples("sample", limit=5).assign(sample_id=["1", "2", "3", "4", "5"])
    samples.to_parquet(run / "samples.parquet")
    command = ("explain", "--scorer", scorer, "--data", "run/samples.parquet", "--output", "json")
    told = sie(*command, "--id", "7", "--id", "44", "--id", "9").json
    assert [one["reason"] for one in told["lost"]] == ["unusable", "folded", "run"]
    assert [one["sample_id"] for one in told["explanations"]] == ["4"]
    assert sie(*command, "--id", "99").code == 2
    (tmp_path / "raw.csv").unlink()
    assert sie(*command, "--id", "7").code == 2


def test_a_number_beyond_the_rows_that_are_used(sie: Sie, scorer: Path, tmp_path: Path) -> None:
    ran = sie("explain", "--scorer", scorer, *raw_log(tmp_path), "--row", "44")
    assert ran.code == 2 and "no row 44" in ran.err and "20 rows once unusable rows" in ran.err and "--id" in ran.err
