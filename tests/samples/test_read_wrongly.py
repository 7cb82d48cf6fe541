"""What a tester saw read wrongly without a word: dates, equal times, names that were taken, encodings of 7 bits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.samples.maps.mapping import joined
from sie_agent.samples.shop_logs.next_events import moments_of

NAMES = ("sample_id", "query", "item_id", "title", "label", "user_id", "history")
OF_EVENTS = {"events": True, "user_id": "u", "item_id": "i", "timestamp": "t", "title": "i", "others": 1}
EVENTS = ColumnMap.model_validate({"next_item": OF_EVENTS, "columns": {name: name for name in NAMES}})


def events(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    path.write_text("u,i,t\n" + "\n".join(",".join(row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["03.02.2024", "13.01.2024", "14.02.2024"], [1, 0, 2]),
        (["3/2/2024", "13/1/2024", "14/2/2024"], [1, 0, 2]),
        (["2/3/2024", "1/13/2024", "2/14/2024"], [1, 0, 2]),
        (["03.02.24 10:00", "13.01.24 09:00", "03.02.24 09:00"], [2, 0, 1]),
        (["2024-02-03", "2024-01-13", "03 Feb 2024"], [1, 0, 1]),
        (["1700000000000000020", "1700000000000000010", "1.5e18"], [2, 1, 0]),
    ],
)
def test_all_dates_of_a_column_are_read_in_one_order(dates: list[str], order: list[int]) -> None:
    assert moments_of(pd.Series(dates), "log.csv").ranks.tolist() == order


@pytest.mark.parametrize("dates", [["03/02/2024", "04/05/2024"], ["13/02/2024", "02/14/2024"]])
def test_dates_that_may_mean_two_days_are_refused(dates: list[str]) -> None:
    with pytest.raises(InputError, match=r"day.*first.*2024-02-03"):
        moments_of(pd.Series(dates), "log.csv")


def test_events_of_one_moment_are_the_same_in_any_order_of_the_file(tmp_path: Path) -> None:
    rows = [("u", "a", "1"), ("u", "c", "2"), ("u", "b", "2"), ("u", "d", "3"), ("v", "e", "1"), ("v", "f", "2")]
    first = load_samples(events(tmp_path / "one.csv", rows), column_map=EVENTS)
    other = load_samples(events(tmp_path / "two.csv", [rows[0], rows[2], rows[1], *rows[3:]]), column_map=EVENTS)
    pd.testing.assert_frame_equal(first, other)


def test_an_item_with_two_titles_is_refused(tmp_path: Path) -> None:
    events(tmp_path / "log.csv", [("u", "a", "1"), ("u", "b", "2")])
    (tmp_path / "items.csv").write_text("item_id,title\na,Lamp\nb,Desk\na,Chair\n")
    told = {"events": True, "user_id": "u", "item_id": "item_id", "timestamp": "t", "items": "items.csv"}
    (tmp_path / "log.csv").write_text("u,item_id,t\nu,a,1\nu,b,2\n")
    with pytest.raises(InputError, match="'a' occurs twice, as 'Lamp' and as 'Chair'"):
        load_samples(tmp_path / "log.csv", column_map=ColumnMap.model_validate({"next_item": told}))


@pytest.mark.parametrize("name", ["impressions", "_visit", "_anything"])
def test_names_of_the_program_s_own_are_not_kept(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be kept"):
        ColumnMap(columns={"query": "q", "item_id": "i", "title": "t"}, keep=[name])


def test_ids_of_several_columns_stay_apart() -> None:
    frame = pd.DataFrame({"a": ["1", "", "1", ""], "b": ["", "1", "2", ""]})
    assert joined(frame, ["a", "b"], "-", "columns.item_id", "log").tolist() == ["1-", "-1", "1-2", ""]
    assert joined(frame, ["a", "b"], "\n", "columns.title", "log").tolist() == ["1", "1", "1\n2", ""]


def test_a_list_of_one_column_is_that_column() -> None:
    assert ColumnMap.model_validate({"columns": {"label": ["lab"], "query": ["q", "r"]}}).columns == {
        "label": "lab",
        "query": ["q", "r"],
    }


def test_an_encoding_of_seven_bits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes("query,item_id,title,label\nランプ,1,ランプ,1\n".encode("iso2022_jp"))
    with pytest.raises(InputError, match=r"7 bits.*UTF-8"):
        load_samples(tmp_path / "log.csv")


COLUMNS = "query,item_id,title,label,position\n"


def at(path: Path, cells: list[str]) -> Path:
    rows = [f'q{row // 3},i{row},Lamp,0,"{cell}"' for row, cell in enumerate(cells)]
    path.write_text(COLUMNS + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("cells", "read"),
    [(["0", "1", "999", "1 000", "1 001"], [1, 2, 1000, 1001, 1002]), (["0,0", "1,0", "2,0"], [1, 2, 3])],
)
def test_positions_from_0_are_shifted_whatever_their_marks(tmp_path: Path, cells: list[str], read: list[int]) -> None:
    path = at(tmp_path / "log.csv", cells)
    assert load_samples(path)["position"].tolist() == read
    streamed = pd.concat(list(stream_samples(path)))
    assert streamed["position"].tolist() == read


def test_a_position_that_may_be_two_numbers_is_refused_where_they_count_from_0(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="may mean two numbers"):
        load_samples(at(tmp_path / "log.csv", ["0", "1", "1.000"]))


@pytest.mark.parametrize("cell", ["12.000", "1,000", "3 000", "0.4"])
def test_counts_that_may_be_two_numbers_are_refused(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f'q,i,t,n,buy\na,1,Lamp,9,1\nb,2,Desk,9,"{cell}"\n')
    columns = {"query": "q", "item_id": "i", "title": "t"}
    for told in ({"events": {"buy": 1.0}}, {"impressions": {"count": "buy"}, "events": {"n": 0.3}}):
        with pytest.raises(InputError, match=r"row 2|buy"):
            load_samples(path, column_map=ColumnMap.model_validate({"columns": columns, **told}))
