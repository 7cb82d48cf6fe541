"""Data sets in folders: classes by name, splits and configs that are asked for, nothing read from outside."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.utils.progress import set_quiet

READ = [None, 1, 3, 50]
NAMES = ["relevant", "irrelevant"]
COLUMNS = {name: name for name in ("query", "item_id", "title")}


def read(source: Path, rows: int | None, **how: Any) -> pd.DataFrame:
    if rows is None:
        return load_samples(source, **how)
    return pd.concat(list(stream_samples(source, chunk_rows=rows, **how)), ignore_index=True)


def rows_of(*ids: str, **columns: list[Any]) -> pa.Table:
    count = len(ids)
    usual = {"sample_id": list(ids), "query": ["lamp"] * count, "item_id": list(ids), "title": ["A lamp"] * count}
    return pa.table({**usual, **columns})


def save(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        table.to_pandas().to_csv(path, index=False)
    return path


def features(**columns: Any) -> Any:
    import datasets

    text = datasets.Value("string")
    return datasets.Features(dict.fromkeys(("sample_id", "query", "item_id", "title"), text) | columns)


def classes(folder: Path, kind: str, labels: list[int | None], names: list[str] = NAMES) -> Path:
    """Rows with a ClassLabel, saved in one of the ways in which data sets are."""
    import datasets

    ids = [f"s{number}" for number in range(len(labels))]
    given = {**rows_of(*ids).to_pydict(), "label": labels}
    if kind != "README":
        data = datasets.Dataset.from_dict(given, features=features(label=datasets.ClassLabel(names=names)))
    if kind == "saved":
        data.save_to_disk(str(folder))
    elif kind == "saved splits":
        datasets.DatasetDict({"train": data}).save_to_disk(str(folder))
    elif kind == "README":
        table = pa.table(given)
        save(folder / "train.parquet", table)
        listed = {
            "config_name": "default",
            "features": [{"name": "label", "dtype": {"class_label": {"names": dict(enumerate(names))}}}],
        }
        (folder / "README.md").write_text(f"---\ndataset_info: {json.dumps(listed)}\n---\n# Shop\n")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        data.to_parquet(str(folder / "train.parquet"))
    return folder / "train.parquet" if kind == "file" else folder


KINDS = ["saved", "saved splits", "file", "folder", "README"]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_known_by_their_names(tmp_path: Path, kind: str, rows: int | None) -> None:
    path = classes(tmp_path / "shop", kind, [0, 1, 0])
    own = ColumnMap(
        columns={**COLUMNS, "user_id": "label"}, label={"column": "label", "values": {"relevant": 1, "irrelevant": 0}}
    )
    table = read(path, rows, column_map=own)
    assert table["label"].tolist() == [1.0, 0.0, 1.0]
    assert table["user_id"].tolist() == ["relevant", "irrelevant", "relevant"]
    only = ColumnMap(columns=COLUMNS, filters={"label": ["irrelevant"]})
    assert read(path, rows, column_map=only)["item_id"].tolist() == ["s1"]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["label", "grade"])
def test_a_class_without_a_map_by_names_is_no_number(tmp_path: Path, kind: str, name: str, rows: int | None) -> None:
    path = classes(tmp_path / "shop", kind, [0, 1, 0])
    with pytest.raises(InputError, match=rf"the {name} 'relevant' is not a number.*values"):
        read(path, rows, column_map=ColumnMap(columns={**COLUMNS, name: "label"}))
    scale = {"column": "label", "minimum": 0, "maximum": 1}
    with pytest.raises(InputError, match=rf"the {name} 'relevant' is not a number"):
        read(path, rows, column_map=ColumnMap(columns=COLUMNS, **{name: scale}))


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("kind", KINDS)
def test_names_that_are_numbers_count_and_rows_without_a_class_are_empty(
    tmp_path: Path, kind: str, rows: int | None
) -> None:
    path = classes(tmp_path / "shop", kind, [0, 1, -1, None], names=["1", "0"])
    table = read(path, rows, allow_missing_labels=True)
    assert table["label"].tolist()[:2] == [1.0, 0.0] and table["label"].isna().tolist()[2:] == [True, True]


@pytest.mark.parametrize("rows", READ)
def test_the_number_of_no_class_is_refused(tmp_path: Path, rows: int | None) -> None:
    path = classes(tmp_path / "shop", "README", [0, 2, 1])
    with pytest.raises(InputError, match=r"train\.parquet, field 'label': 2 is the number of no class; there are 2"):
        read(path, rows, column_map=ColumnMap(columns={**COLUMNS, "user_id": "label"}))


@pytest.mark.parametrize("rows", READ)
def test_lists_and_objects_of_classes(tmp_path: Path, rows: int | None) -> None:
    import datasets

    label = datasets.ClassLabel(names=["i7", "i9"])
    given = {**rows_of("a", "b").to_pydict(), "history": [[1, 0], []], "attributes": [{"kind": 0}, {"kind": 1}]}
    kinds = features(history=datasets.List(label), attributes={"kind": label})
    data = datasets.Dataset.from_dict(given, features=kinds)
    data.save_to_disk(str(tmp_path / "saved"))
    data.to_parquet(str(tmp_path / "log.parquet"))
    for path in (tmp_path / "saved", tmp_path / "log.parquet"):
        table = read(path, rows)
        assert table["history"].tolist() == ['["i9", "i7"]', "[]"]
        assert table["attributes"].tolist() == ['{"kind": "i7"}', '{"kind": "i9"}']


@pytest.mark.parametrize(
    "metadata", [b"{", b"[]", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}', b"\xff"]
)
def test_metadata_that_tell_no_names_are_passed_over(tmp_path: Path, metadata: bytes) -> None:
    table = rows_of("a", "b", label=[1, 0]).replace_schema_metadata({b"huggingface": metadata})
    for rows in READ:
        assert read(save(tmp_path / "log.parquet", table), rows)["label"].tolist() == [1.0, 0.0]


def two_splits(folder: Path, kind: str) -> Path:
    import datasets

    train, test = rows_of("a", "b"), rows_of("c")
    if kind == "saved":
        parts = {name: datasets.Dataset(part) for name, part in (("train", train), ("test", test))}
        datasets.DatasetDict(parts).save_to_disk(str(folder))
    elif kind == "README":
        save(folder / "one.parquet", train)
        save(folder / "two.parquet", test)
        files = [{"split": "train", "path": "one.parquet"}, {"split": "test", "path": ["two.*"]}]
        configs = [{"config_name": "default", "data_files": files}]
        (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    else:
        save(folder / "data" / f"train-0{kind}", train)
        save(folder / "data" / f"test-0{kind}", test)
    return folder


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("kind", ["saved", "README", ".parquet", ".csv", ".jsonl"])
def test_several_splits_are_asked_for(tmp_path: Path, kind: str, rows: int | None) -> None:
    folder = two_splits(tmp_path / "shop", kind)
    with pytest.raises(InputError, match=r"shop: there are several splits: test, train\. .*--split") as caught:
        read(folder, rows)
    assert caught.value.exit_code == 2
    assert read(folder, rows, split="train")["sample_id"].tolist() == ["a", "b"]
    assert read(folder, rows, split="test")["sample_id"].tolist() == ["c"]
    assert sorted(read(folder, rows, split="all")["sample_id"]) == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"no split 'dev'; there are: (test, train|train, test)"):
        read(folder, rows, split="dev")


def with_configs(folder: Path) -> Path:
    save(folder / "en" / "train.parquet", rows_of("a", "b"))
    save(folder / "en" / "test.parquet", rows_of("c"))
    # other columns, in other types: that does not matter to the config that was chosen
    save(folder / "de" / "log.parquet", rows_of("d", title=[b"bytes"]))
    configs = [
        {"config_name": "en", "data_files": "en/*.parquet"},
        {"config_name": "de", "data_dir": "de", "default": True},
    ]
    configs[0]["data_files"] = [
        {"split": "train", "path": "en/train.parquet"},
        {"split": "test", "path": "en/test.parquet"},
    ]
    (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    return folder


@pytest.mark.parametrize("rows", READ)
def test_several_configs_are_asked_for(tmp_path: Path, rows: int | None) -> None:
    folder = with_configs(tmp_path / "shop")
    asked = r"shop: there are several configs and splits: de/train, en/test, en/train\. Choose one"
    for split in (None, "train"):
        with pytest.raises(InputError, match=asked if split is None else "several configs and splits: de/train, en/tr"):
            read(folder, rows, split=split)
    assert read(folder, rows, split="en/train")["sample_id"].tolist() == ["a", "b"]
    assert read(folder, rows, split="test")["sample_id"].tolist() == ["c"]
    with pytest.raises(InputError, match="several configs and splits: en/test, en/train"):
        read(folder, rows, split="en")
    own = ColumnMap(columns={**COLUMNS, "title": "query"})
    assert read(folder, rows, split="de", column_map=own)["item_id"].tolist() == ["d"]


def test_a_folder_of_saved_data_sets_lists_them(tmp_path: Path) -> None:
    for name in ("de", "en"):
        two_splits(tmp_path / "shop" / name, "saved")
    with pytest.raises(InputError, match=r"shop: the folder holds several saved data sets: de, en\. Give one of them"):
        load_samples(tmp_path / "shop")


STRANGE = [
    "dir[1]",
    "a*b",
    "what?",
    "{x,y}",
    "with space",
    "été ☃",
    "hash#1",
    "per%20cent",
    "a'b",
    "semi;colon",
    "!x",
    "a:b",
    "~x",
    "[!a]",
    "**",
]


@pytest.mark.parametrize("rows", [None, 1])
@pytest.mark.parametrize("name", STRANGE)
def test_any_name_of_a_file_or_folder_is_read(tmp_path: Path, name: str, rows: int | None) -> None:
    import datasets

    for ending in (".parquet", ".csv", ".jsonl"):
        folder = tmp_path / ending / name
        path = save(folder / f"{name}{ending}", rows_of("a", "b"))
        save(folder / "deeper" / name / f"b{ending}", rows_of("c"))
        assert read(path, rows)["sample_id"].tolist() == ["a", "b"]
        assert sorted(read(folder, rows)["sample_id"]) == ["a", "b", "c"]
    datasets.Dataset(rows_of("a", "b")).save_to_disk(str(tmp_path / "saved" / name))
    assert read(tmp_path / "saved" / name, rows)["sample_id"].tolist() == ["a", "b"]
    listed = tmp_path / "listed" / name
    save(listed / f"{name}.parquet", rows_of("a"))
    configs = [{"config_name": "default", "data_files": f"{name}.parquet"}]
    (listed / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    if not name.startswith("~"):
        assert read(listed, rows)["sample_id"].tolist() == ["a"]


def outside_of(tmp_path: Path, kind: str, *, alone: bool) -> Path:
    """A folder that leads to rows outside of it; with rows of its own unless *alone*."""
    folder = tmp_path / "shop"
    secret = save(tmp_path / "secret.parquet", rows_of("secret"))
    save(tmp_path / "secrets" / "secret.parquet", rows_of("secret"))
    folder.mkdir(exist_ok=True)
    named = {
        "parent": "../secret.parquet",
        "deep parent": "x/../../secret.parquet",
        "absolute": str(secret),
        "URL": secret.as_uri(),
        "https": "https://localhost:1/secret.parquet",
        "pattern": "../*.parquet",
        "home": "~/secret.parquet",
        "link": "link.parquet",
        "linked pattern": "l*.parquet",
        "linked folder": "folder/*.parquet",
        "data_dir": "secret.parquet",
    }
    if "link" in kind:
        (folder / "link.parquet").symlink_to(secret)
        (folder / "folder").symlink_to(tmp_path / "secrets")
    if not alone:
        save(folder / "own.parquet", rows_of("own"))
    if kind != "link without a README":
        files = [named[kind], *([] if alone or kind == "data_dir" else ["own.parquet"])]
        config = {"config_name": "default", "data_files": files, **({"data_dir": ".."} if kind == "data_dir" else {})}
        (folder / "README.md").write_text(f"---\nconfigs: {json.dumps([config])}\n---\n")
    return folder


OUTSIDE = [
    "parent",
    "deep parent",
    "absolute",
    "URL",
    "https",
    "pattern",
    "home",
    "link",
    "linked pattern",
    "linked folder",
    "link without a README",
]


@pytest.mark.parametrize("rows", [None, 1])
@pytest.mark.parametrize("kind", OUTSIDE)
def test_nothing_outside_of_the_folder_is_read(
    tmp_path: Path, kind: str, rows: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_quiet(False)
    folder = outside_of(tmp_path, kind, alone=False)
    assert read(folder, rows)["sample_id"].tolist() == ["own"]
    said = [line for line in capsys.readouterr().err.splitlines() if "lies outside the folder and is not read" in line]
    assert len(said) == 1 and "shop" in said[0]


@pytest.mark.parametrize("rows", [None, 1])
@pytest.mark.parametrize("kind", [*OUTSIDE, "data_dir"])
def test_a_folder_with_nothing_but_what_lies_outside(tmp_path: Path, kind: str, rows: int | None) -> None:
    with pytest.raises(InputError, match="shop: the folder has no data files"):
        read(outside_of(tmp_path, kind, alone=True), rows)


@pytest.mark.parametrize("rows", [None, 1])
def test_a_saved_data_set_that_leads_outside(tmp_path: Path, rows: int | None) -> None:
    import datasets

    datasets.Dataset(rows_of("secret")).save_to_disk(str(tmp_path / "secret"))
    datasets.Dataset(rows_of("own")).save_to_disk(str(tmp_path / "shop"))
    state = json.loads((tmp_path / "shop" / "state.json").read_text())
    state["_data_files"] = [{"filename": "../secret/data-00000-of-00001.arrow"}]
    (tmp_path / "shop" / "state.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match=r"shop: '\.\./secret/data-.*' lies outside the folder and is not read"):
        read(tmp_path / "shop", rows)
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "dataset_dict.json").write_text('{"splits": ["../secret"]}')
    with pytest.raises(InputError, match="lies outside the folder and is not read"):
        read(tmp_path / "both", rows)


def test_a_snapshot_in_the_cache_of_the_hub_is_read(tmp_path: Path) -> None:
    blob = save(tmp_path / "datasets--me--shop" / "blobs" / "x.parquet", rows_of("a"))
    blob = blob.rename(blob.with_suffix(""))
    snapshot = tmp_path / "datasets--me--shop" / "snapshots" / "0123" / "data"
    snapshot.mkdir(parents=True)
    (snapshot / "train.parquet").symlink_to(os.path.relpath(blob, snapshot))
    for rows in READ:
        assert read(snapshot.parent, rows)["sample_id"].tolist() == ["a"]


@pytest.mark.parametrize("rows", [None, 1])
def test_loading_scripts_are_not_run(tmp_path: Path, rows: int | None) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('x')\n")
    with pytest.raises(InputError, match=r"shop: the folder has no data files; its script shop\.py is not run"):
        read(folder, rows)
    save(folder / "log.parquet", rows_of("a"))
    assert read(folder, rows)["sample_id"].tolist() == ["a"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "head",
    [
        "",
        "# Shop\n",
        "---\n",
        "---\n: [\n---\n",
        "---\n- 1\n---\n",
        "---\nconfigs: 3\n---\n",
        "---\nconfigs: [3]\ndataset_info: x\n---\n",
        "---\nconfigs: []\n---\n",
    ],
)
def test_a_readme_that_says_nothing_of_the_files(tmp_path: Path, head: str) -> None:
    save(tmp_path / "log.parquet", rows_of("a"))
    (tmp_path / "README.md").write_text(head)
    assert load_samples(tmp_path)["sample_id"].tolist() == ["a"]


@pytest.mark.parametrize(
    "told",
    ["en/*.parquet", ["en/*.parquet"], {"train": "en/**"}, {"train": ["en"]}, "**/*.parquet", "./en/log.parquet"],
)
def test_the_forms_of_data_files(tmp_path: Path, told: Any) -> None:
    save(tmp_path / "en" / "log.parquet", rows_of("a"))
    save(tmp_path / "en" / "log.txt.json", rows_of("a"))
    configs = [{"config_name": "default", "data_files": told}]
    (tmp_path / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    for rows in READ:
        assert read(tmp_path, rows)["sample_id"].tolist() == ["a"]


@pytest.mark.parametrize(
    "told",
    [
        "x" * 5_000,
        "a\0b",
        "**x.parquet",
        "",
        ".",
        [["own.parquet"]],
        {"train": {"path": "own.parquet"}},
        3,
        [None],
        "loop.parquet",
    ],
)
def test_data_files_that_name_nothing(tmp_path: Path, told: Any) -> None:
    """Names that no file can have, no patterns, links that lead to themselves: one line, or what lies in the folder."""
    save(tmp_path / "own.parquet", rows_of("own"))
    (tmp_path / "loop.parquet").symlink_to("loop.parquet")
    configs = [{"config_name": "default", "data_files": told}]
    (tmp_path / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    if told in ("", "."):
        assert load_samples(tmp_path)["sample_id"].tolist() == ["own"]
        return
    for rows in READ:
        with pytest.raises(InputError, match=r"the folder has no data files of those that its README\.md names"):
            read(tmp_path, rows)
