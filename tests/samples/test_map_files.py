"""Files that a column map names lie beside the data; what they are decides on scores, and no output replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, InvalidRows, load_samples, map_files, rows_policy

NAMES = {name: name for name in ("query", "item_id", "title", "label")}


@pytest.mark.parametrize(
    "name", ["../secret.csv", "/etc/hostname", "a/../../secret.csv", "C:\\secret.csv", "..\\x.csv"]
)
def test_nothing_outside_of_the_folder_is_read(name: str, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    for folder in (shop, tmp_path):
        (folder / "secret.csv").write_text("query,item_id,title,label\nq,1,Lamp,1\n")
    given = ColumnMap.model_validate({"columns": NAMES, "files": {"main": name}})
    with pytest.raises(InputError, match="outside the data's folder"):
        load_samples(shop, column_map=given)
    with pytest.raises(InputError, match="outside"):
        map_files(given, shop)
    inside = ColumnMap.model_validate({"columns": NAMES, "files": {"main": "secret.csv"}})
    assert len(load_samples(shop, column_map=inside)) == 1 and map_files(inside, shop) == [shop / "secret.csv"]


def test_a_file_of_the_list_s_name_that_is_read_stays(tmp_path: Path) -> None:
    data = tmp_path / "invalid-rows.csv"
    data.write_text("row,field,problem,text\n1,title,x,y\n")
    with pytest.raises(InputError, match="is what is read"):
        rows_policy(tmp_path, data=data)
    assert data.is_file()
    assert isinstance(rows_policy(tmp_path / "other", data=data), InvalidRows)
