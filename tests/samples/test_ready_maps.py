"""The ready maps, on files of the shapes of the public sets with texts of the tests' own."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.files.paths import data_dir
from sie_agent.samples import load_column_map, load_samples, ready_maps, simulate_clicks, validate_samples

AT_HAND = (data_dir() / "homedepot" / "pairs.parquet").is_file()
CROWDFLOWER_AT_HAND = (data_dir() / "crowdflower" / "pairs.parquet").is_file()
GAMES_AT_HAND = (data_dir() / "games" / "sequences.parquet").is_file()


@pytest.mark.parametrize("name", ready_maps())
def test_every_ready_map_loads(name: str) -> None:
    assert load_column_map(name).note


def test_the_public_sets_have_a_ready_map() -> None:
    assert {"crowdflower", "esci-us-small", "games", "homedepot", "sample", "tasksource-esci", "wands"} <= set(
        ready_maps()
    )


def product(number: int) -> dict[str, object]:
    return {
        "product_id": f"B{number:03d}",
        "product_title": ("Kettle &amp; stand", "Tea strainer", "Copper kettle, 2 l", "Whistle")[number % 4],
        "product_description": None if number == 1 else "<p>Boils <b>water</b></p>",
        "product_bullet_point": "Two litres\nNo lid",
        "product_brand": None if number == 2 else "Fennwick",
        "product_color": "copper",
    }


def test_esci_us_small_as_a_folder_of_parquet(tmp_path: Path, hub_cache: Path) -> None:
    folder = tmp_path / "esci" / "data"
    folder.mkdir(parents=True)
    for split, labels in (("train", [0, 1, 2, 3]), ("test", [3, 0])):
        rows = [
            {"id": 10 * len(labels) + number, "query": "copper kettle", "query_id": 4, "product_locale": "us",
             "label": label, "split": split, **product(number)}
            for number, label in enumerate(labels)
        ]  # fmt: skip
        pd.DataFrame(rows).to_parquet(folder / f"{split}-00000-of-00001.parquet", index=False)
    table = load_samples(tmp_path / "esci", column_map="esci-us-small", split="train")
    assert table["sample_id"].tolist() == ["40", "41", "42", "43"]
    assert table["grade"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert table["label"].isna().all()
    assert table["title"].iloc[0] == "Kettle & stand"
    assert table["description"].iloc[0].split() == ["Boils", "water", "Two", "litres", "No", "lid"]
    assert table["description"].iloc[1] == "Two litres\nNo lid"
    assert json.loads(table["attributes"].iloc[0]) == {"brand": "Fennwick", "color": "copper"}
    assert json.loads(table["attributes"].iloc[2]) == {"color": "copper"}
    assert len(load_samples(tmp_path / "esci", column_map="esci-us-small", split="all")) == 6


def test_tasksource_esci_keeps_the_rows_of_one_locale(tmp_path: Path) -> None:
    words = ["Exact", "Substitute", "Complement", "Irrelevant"]
    rows = [
        {"query": "copper kettle", "query_id": 4, "product_locale": "jp" if number == 3 else "us",
         "esci_label": words[number], "split": "train" if number else "test", "product_text": "all",
         **product(number)}
        for number in range(4)
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(tmp_path / "esci.parquet", index=False)
    table = load_samples(tmp_path / "esci.parquet", column_map="tasksource-esci")
    assert table["sample_id"].tolist() == ["4-B000", "4-B001", "4-B002"]
    assert table["grade"].tolist() == pytest.approx([1, 2 / 3, 1 / 3], abs=1e-4)
    assert len(load_samples(tmp_path / "esci.parquet", column_map="tasksource-esci", split="test")) == 1


QUERIES = ("query_id,query,query_class", "0,salon chair,Chairs", "1,smart coffee table,Tables")
PRODUCTS = (
    "product_id,product_name,product_class,category hierarchy,product_description,product_features,rating",
    "7,Hydraulic stool,Chairs,Salon / Chairs,Goes up and down,color:black|arms:none,3",
    "9,Table with a socket,Tables,Living / Tables,,usb:yes,",
)
LABELS = ("id,query_id,product_id,label", "0,0,7,Exact", "1,1,9,Partial", "2,1,7,Irrelevant")


def wands_folder(folder: Path) -> Path:
    """The three files, written with commas above and with tabs on the disk, as WANDS has them."""
    for name, lines in (("query", QUERIES), ("product", PRODUCTS), ("label", LABELS)):
        text = "\n".join(lines).replace(",", "\t").replace("stool", 'stool, "tall"')
        (folder / f"{name}.csv").write_text(text + "\n")
    return folder


def test_wands_joins_its_three_files(tmp_path: Path) -> None:
    table = load_samples(wands_folder(tmp_path), column_map="wands")
    assert table["query"].tolist() == ["salon chair", "smart coffee table", "smart coffee table"]
    assert table["item_id"].tolist() == ["7", "9", "7"]
    assert table["title"].iloc[0] == 'Hydraulic stool, "tall"'
    assert table["grade"].tolist() == [1.0, 0.5, 0.0]
    assert json.loads(table["attributes"].iloc[1]) == {
        "class": "Tables", "category": "Living / Tables", "features": "usb:yes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "label.csv",
            "1\t1\t9",
            "1\t1\t8",
            r"label\.csv, row 2, field 'product_id': '8' is not in product\.csv",
        ),
        (
            "query.csv",
            "1\tsmart",
            "0\tsmart",
            r"query\.csv, row 2, field 'query_id': the key '0' occurs more",
        ),
        (
            "label.csv",
            "Partial",
            "Partly",
            r"row 2, field 'label': unknown grade 'Partly'; known are: Exact, P",
        ),
        ("product.csv", "product_name", "name", "names the column 'product_name'"),
    ],
)
def test_wands_with_a_fault(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    path = wands_folder(tmp_path) / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path, column_map="wands")


def test_wands_without_one_of_its_files(tmp_path: Path) -> None:
    (wands_folder(tmp_path) / "product.csv").unlink()
    with pytest.raises(InputError, match=r"product\.csv: there is no such file"):
        load_samples(tmp_path, column_map="wands")
    with pytest.raises(InputError, match="needs a folder"):
        load_samples(tmp_path / "label.csv", column_map="wands")


def games_folder(folder: Path) -> Path:
    pd.DataFrame({"item_id": range(9), "title": [f"Game {'abcdefghi'[number]}" for number in range(9)]}).to_parquet(
        folder / "items.parquet", index=False
    )
    sequences = {"user_id": [4, 6], "history": [[0, 1, 2, 3], [5]], "target_item_id": [4, 6]}
    pd.DataFrame(sequences).to_parquet(folder / "sequences.parquet", index=False)
    return folder


def test_games_are_made_of_purchase_sequences(tmp_path: Path) -> None:
    table = load_samples(games_folder(tmp_path), column_map="games")
    assert table["query"].tolist() == ["Game b; Game c; Game d"] * 2 + ["Game f"] * 2
    assert table["label"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert table["item_id"].iloc[[0, 2]].tolist() == ["4", "6"]
    assert table["item_id"].iloc[1] not in {"0", "1", "2", "3", "4"}
    assert table["item_id"].iloc[3] not in {"5", "6"}
    assert table["user_id"].tolist() == ["4", "4", "6", "6"]
    assert table["history"].tolist() == ['["0", "1", "2", "3"]'] * 2 + ['["5"]'] * 2
    assert table["sample_id"].iloc[0] == "4-4"
    assert table.equals(load_samples(tmp_path, column_map="games"))
    assert load_samples(tmp_path, column_map="games", limit=3).equals(table.iloc[:3])


def test_games_with_more_others_draw_each_item_once(tmp_path: Path) -> None:
    ready = load_column_map("games")
    assert ready.next_item is not None
    more = ready.model_copy(update={"next_item": ready.next_item.model_copy(update={"others": 4, "seed": 2})})
    table = load_samples(games_folder(tmp_path), column_map=more)
    assert table["label"].tolist() == [1.0, 0, 0, 0, 0] * 2
    assert table.groupby("user_id")["item_id"].nunique().tolist() == [5, 5]
    assert set(table["item_id"].iloc[:5]) == {"4", "5", "6", "7", "8"}
    many = ready.model_copy(update={"next_item": ready.next_item.model_copy(update={"others": 5})})
    with pytest.raises(InputError, match="too few to draw 5"):
        load_samples(tmp_path, column_map=many)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("history", [[0], []], "row 2, field 'history': the history is empty"),
        ("history", [[0], [77]], "row 2, field 'history': the item '77' is not in items"),
        ("target_item_id", [99, 1], "row 1, field 'target_item_id': the item '99' is not in items"),
    ],
)
def test_games_with_a_fault(tmp_path: Path, column: str, value: list[object], message: str) -> None:
    path = games_folder(tmp_path) / "sequences.parquet"
    sequences = pd.read_parquet(path)
    sequences[column] = pd.Series(value)
    sequences.to_parquet(path, index=False)
    with pytest.raises(InputError, match=message):
        load_samples(tmp_path, column_map="games")


@pytest.mark.data
@pytest.mark.skipif(not AT_HAND, reason="the Home Depot pairs are not at hand: set SIE_DATA")
def test_home_depot() -> None:
    table = load_samples("homedepot")
    assert len(table) == 51_193
    assert table["query"].nunique() > 8_000
    assert table["grade"].between(0, 1).all()
    assert not table["title"].str.contains("&amp;").any()
    # a threshold on the [0, 1] scale is a relevance of 2.5
    source = pd.read_parquet(data_dir() / "homedepot" / "pairs.parquet")
    assert ((table["grade"] >= 0.75) == (source["relevance"] >= 2.5)).all()


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not AT_HAND, reason="the Home Depot pairs are not at hand: set SIE_DATA")
def test_home_depot_is_loaded_and_clicked_on_quickly() -> None:
    from time import process_time

    load_samples("homedepot", limit=10)
    start = process_time()
    table = load_samples("homedepot")
    loaded = process_time()
    clicks = simulate_clicks(table, seed=0)
    clicked = process_time()
    assert loaded - start < 2
    assert clicked - loaded < 5
    assert clicks["label"].sum() > 10_000


@pytest.mark.data
@pytest.mark.skipif(not CROWDFLOWER_AT_HAND, reason="the crowdflower pairs are not at hand: set SIE_DATA")
def test_crowdflower() -> None:
    table = load_samples("crowdflower")
    assert len(table) == 6_456
    assert table["query"].nunique() == 168
    assert sorted(table["grade"].unique()) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    source = pd.read_parquet(data_dir() / "crowdflower" / "pairs.parquet")
    # relevant is what the median rater gave the best of the four marks
    assert ((table["grade"] >= 0.75) == (source["median_relevance"] == 4)).all()
    assert ((table["description"] == "") >= source["product_description"].isna()).all()
    assert table["relevance_variance"].equals(source["relevance_variance"])
    assert not table["description"].str.contains("<br").any()


def test_crowdflower_rows_without_a_description(tmp_path: Path) -> None:
    rows = {
        "id": [1, 2],
        "query": ["brass lamp", "brass lamp"],
        "product_title": ["Lamp &amp; shade", "Lamp &amp; shade"],
        "product_description": ["<p>Made of brass.</p>", None],
        "median_relevance": [4, 2],
        "relevance_variance": [0.0, 0.471],
    }
    pd.DataFrame(rows).to_parquet(tmp_path / "pairs.parquet", index=False)
    table = load_samples(tmp_path / "pairs.parquet", column_map="crowdflower")
    assert table["item_id"].tolist() == table["sample_id"].tolist() == ["1", "2"]
    assert table["title"].tolist() == ["Lamp & shade"] * 2
    assert [text.strip() for text in table["description"]] == ["Made of brass.", ""]
    assert table["grade"].tolist() == pytest.approx([1, 1 / 3])
    assert table["relevance_variance"].tolist() == [0.0, 0.471]


@pytest.mark.data
@pytest.mark.skipif(not GAMES_AT_HAND, reason="the game purchases are not at hand: set SIE_DATA")
def test_games() -> None:
    table = load_samples("games", limit=2_001)
    assert len(table) == 2_001
    assert table["label"].mean() == pytest.approx(0.5, abs=0.01)
    assert validate_samples(table, "again").equals(table)


@pytest.mark.parametrize("name", ["homedepot", "crowdflower", "games"])
def test_real_data_that_is_not_at_hand(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"is not at hand\. Set SIE_DATA"):
        load_samples(name)
