"""Loading: files of every kind, folders, splits, limits."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.samples.tables import write_table

ROWS = [
    {"sample_id": "007", "query": "null", "item_id": "01", "title": "A lamp, brass", "label": 1.0},
    {"sample_id": "008", "query": "NA", "item_id": "02", "title": 'A 6" shelf\nof oak', "label": 0.0},
    {"sample_id": "009", "query": "été", "item_id": "03", "title": "Un abat-jour", "label": 0.5},
]


def save(folder: Path, ending: str, rows: list[dict[str, object]], name: str = "log") -> Path:
    path = folder / f"{name}{ending}"
    frame = pd.DataFrame(rows)
    if ending == ".parquet":
        frame.to_parquet(path, index=False)
    elif ending.startswith(".jsonl"):
        text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in ending else ",")
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".jsonl.gz"])
def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, ending: str) -> None:
    table = load_samples(save(tmp_path, ending, ROWS))
    assert table["sample_id"].tolist() == ["007", "008", "009"]
    assert table["item_id"].tolist() == ["01", "02", "03"]
    assert table["query"].tolist() == ["null", "NA", "été"]
    assert table["title"].tolist() == ["A lamp, brass", 'A 6" shelf of oak', "Un abat-jour"]
    assert table["label"].tolist() == [1.0, 0.0, 0.5]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    for ending in (".csv", ".jsonl"):
        path = save(tmp_path, ending, ROWS)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert load_samples(path)["sample_id"].tolist() == ["007", "008", "009"]


def test_json_lines_need_not_share_their_keys(tmp_path: Path) -> None:
    rows = [dict(ROWS[0]), {**ROWS[1], "attributes": {"brand": "Acme"}, "history": ["a"]}]
    table = load_samples(save(tmp_path, ".jsonl", rows))
    assert table["attributes"].tolist() == ["{}", '{"brand": "Acme"}']
    assert table["history"].tolist() == ["[]", '["a"]']


def test_the_first_rows_up_to_the_limit(tmp_path: Path) -> None:
    path = save(tmp_path, ".csv", ROWS)
    assert load_samples(path, limit=2)["sample_id"].tolist() == ["007", "008"]
    assert len(load_samples(path, limit=99)) == 3


def test_a_split_column_of_a_file(tmp_path: Path) -> None:
    rows = [{**row, "split": name} for row, name in zip(ROWS, ["train", "test", "train"], strict=True)]
    path = save(tmp_path, ".parquet", rows)
    assert load_samples(path, split="train")["sample_id"].tolist() == ["007", "009"]
    assert load_samples(path, split="train", limit=1)["sample_id"].tolist() == ["007"]
    assert len(load_samples(path)) == 3


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_a_folder_with_a_file_per_split(tmp_path: Path, hub_cache: Path, ending: str) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    save(folder, ending, ROWS[:2], "train-00000-of-00001")
    save(folder, ending, ROWS[2:], "test-00000-of-00001")
    assert sorted(load_samples(folder, split="all")["sample_id"]) == ["007", "008", "009"]
    assert load_samples(folder, split="test")["sample_id"].tolist() == ["009"]
    with pytest.raises(InputError, match=r"no split 'dev'; there are: test, train|there are: train, test"):
        load_samples(folder, split="dev")


def test_hidden_files_of_a_folder_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path, ".csv", ROWS)
    (tmp_path / ".cache").mkdir()
    save(tmp_path / ".cache", ".csv", ROWS)
    assert len(load_samples(tmp_path)) == 3


@pytest.mark.parametrize("several", [True, False])
def test_a_data_set_saved_to_disk(tmp_path: Path, several: bool) -> None:
    import datasets

    one = datasets.Dataset.from_list(ROWS)
    saved = datasets.DatasetDict({"train": one, "test": one.select([0]).map(lambda row: {"sample_id": "010"})})
    (saved if several else one).save_to_disk(str(tmp_path / "saved"))
    table = load_samples(tmp_path / "saved", split="train")
    assert table["sample_id"].tolist() == ["007", "008", "009"]
    assert len(load_samples(tmp_path / "saved", split="all")) == (4 if several else 3)


def test_what_a_run_wrote_can_be_loaded_again(tmp_path: Path, graded: pd.DataFrame) -> None:
    path = write_table(graded.assign(query_set="test"), tmp_path / "samples.parquet")
    pd.testing.assert_frame_equal(load_samples(path).drop(columns="query_set"), graded)


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        ".csv",
        [
            {
                "q": "lamp",
                "sku": 4,
                "market": "uk",
                "name": "Lamp &amp; <b>shade</b>",
                "stars": 4,
                "colour": "red",
            },
            {"q": "lamp", "sku": 5, "market": "us", "name": "Torch", "stars": 2, "colour": ""},
        ],
    )
    own = tmp_path / "map.yaml"
    own.write_text(
        "columns: {sample_id: [sku, market], query: q, item_id: sku, title: name}\n"
        "constants: {user_id: nobody}\nattributes: {color: colour}\n"
        "grade: {column: stars, minimum: 1, maximum: 5}\nhtml: [title]\nkeep: [market]\n"
    )
    table = load_samples(path, column_map=own)
    assert table["sample_id"].tolist() == ["4-uk", "5-us"]
    assert [" ".join(title.split()) for title in table["title"]] == ["Lamp & shade", "Torch"]
    assert table["attributes"].tolist() == ['{"color": "red"}', "{}"]
    assert table["grade"].tolist() == [0.75, 0.25]
    assert table["user_id"].tolist() == ["nobody", "nobody"]
    assert table["market"].tolist() == ["uk", "us"]
    filtered = ColumnMap(columns={"query": "q", "item_id": "sku", "title": "name"}, filters={"market": ["us"]})
    assert load_samples(path, column_map=filtered)["item_id"].tolist() == ["5"]
    # the row of the source, though the filter left but one
    assert load_samples(path, column_map=filtered)["sample_id"].tolist() == ["2"]


def test_the_hub_out_of_reach_is_one_line_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[float] = []

    def unreachable(self: object, name: str, *, timeout: float) -> None:
        asked.append(timeout)
        raise ConnectionError("Name or service\nnot known")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(EnvironmentFailure, match=r"owner/shop: .*Hub cannot be reached") as caught:
        load_samples("owner/shop")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1
    assert asked == [10.0]


def test_the_hub_offline_is_not_asked(monkeypatch: pytest.MonkeyPatch, hub_cache: Path) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(EnvironmentFailure, match="HF_HUB_OFFLINE=1"):
        load_samples("owner/shop")


def test_the_hub_without_that_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    class Absent(RepositoryNotFoundError):
        """The error without the HTTP response, whose type differs between versions."""

        def __init__(self) -> None:
            Exception.__init__(self, "404")

    def absent(self: object, name: str, *, timeout: float) -> None:
        raise Absent

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", absent)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(InputError, match="no such data set"):
        load_samples("owner/shop")


def test_the_hub_is_read_through_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda self, name, timeout: None)
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name: datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)}),
    )
    assert load_samples("owner/shop", split="train", limit=2)["sample_id"].tolist() == ["007", "008"]


@pytest.mark.parametrize("rows", [None, 1])
def test_the_configs_of_the_hub_are_asked_for(monkeypatch: pytest.MonkeyPatch, rows: int | None) -> None:
    import datasets
    import huggingface_hub

    def load(name: str, config: str | None = None) -> datasets.DatasetDict:
        if config is None:
            raise ValueError("Config name is missing.\nPlease pick one among the available configs: ['de', 'en']")
        label = datasets.ClassLabel(names=["1", "0"])
        features = datasets.Features({**datasets.Dataset.from_list(ROWS).features, "label": label})
        part = datasets.Dataset.from_list([{**row, "label": 0} for row in ROWS], features=features)
        return datasets.DatasetDict({"train": part, "test": part.select([1])} if config == "en" else {"train": part})

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda self, name, timeout: None)
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda name: ["de", "en"])

    def ids(split: str | None) -> list[str]:
        if rows is None:
            return load_samples("owner/shop", split=split)["sample_id"].tolist()
        chunks = list(stream_samples("owner/shop", split=split, chunk_rows=rows))
        assert all(chunk["label"].eq(1).all() for chunk in chunks)
        return [one for chunk in chunks for one in chunk["sample_id"]]

    for split, there in ((None, "de/…, en/…"), ("fr", "de/…, en/…"), ("en", "en/test, en/train")):
        with pytest.raises(InputError, match=rf"owner/shop: there are several configs and splits: {there}\."):
            ids(split)
    assert ids("de") == ids("en/train") == ["007", "008", "009"]
    assert ids("en/test") == ["008"]
