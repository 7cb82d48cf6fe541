"""Numbers as people write them: read as they are meant, or refused; never something else in silence."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, Doubtful, guessed_numbers, load_samples, stream_samples
from sie_agent.samples.sources import decimals
from sie_agent.samples.sources.decimals import mark_of, number_of

COLUMNS = {"query": "query", "item_id": "item_id", "title": "title"}


def log(folder: Path, values: list[str], name: str = "value", ending: str = ".csv") -> Path:
    """A log with these cells in one column."""
    path = folder / f"log{ending}"
    rows = [{"query": f"q{row}", "item_id": "i", "title": "t", name: value} for row, value in enumerate(values)]
    if ending == ".jsonl":
        pd.DataFrame(rows).to_json(path, orient="records", lines=True)
    elif ending == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        pd.DataFrame(rows).to_csv(path, index=False, sep=";")
    return path


def outcome(path: Path, rows: int | None, scale: tuple[float, float] | None, name: str = "label") -> list[float] | str:
    """The numbers of a column, or what is wrong with them."""
    how = None
    if scale is not None:
        how = ColumnMap.model_validate(
            {"columns": COLUMNS, name: {"column": "value", "minimum": scale[0], "maximum": scale[1]}}
        )
    try:
        if rows is None:
            table = load_samples(path, column_map=how)
        else:
            table = pd.concat(list(stream_samples(path, column_map=how, chunk_rows=rows)))
    except InputError as error:
        return str(error)
    low, high = scale or (0.0, 1.0)
    return [round(value * (high - low) + low, 9) for value in table[name].astype(float)]


READ: list[tuple[list[str], tuple[float, float], list[float]]] = [
    (["0,5", "1", "0,25"], (0, 1), [0.5, 1, 0.25]),
    (["1,5", "2", "2,333"], (1, 3), [1.5, 2, 2.333]),
    (["2,333", "3"], (1, 3), [2.333, 3]),
    (["2.333", "3"], (1, 3), [2.333, 3]),
    (["1.234,5", "987", "2.345"], (0, 5000), [1234.5, 987, 2345]),
    (["0,5", "2.345", "1.234.567"], (0, 2e6), [0.5, 2345, 1234567]),
    (["1,234.5", "987", "2,345"], (0, 5000), [1234.5, 987, 2345]),
    (["0.5", "2,345", "1,234,567"], (0, 2e6), [0.5, 2345, 1234567]),
    (["1 234,5", "2\u202f345", "3\u00a0456,25"], (0, 5000), [1234.5, 2345, 3456.25]),
    (["1'234.5", "2’345"], (0, 5000), [1234.5, 2345]),
    (["-0,5", "+1,5", ",25"], (-1, 2), [-0.5, 1.5, 0.25]),
    (["1,5e3", "2e-1"], (0, 5000), [1500, 0.2]),
    (["12.345", "1234.5", "1.234"], (0, 5000), [12.345, 1234.5, 1.234]),
    (["0.125", "1.234"], (0, 5000), [0.125, 1.234]),
    (["1000.125", "2.5", " 3 "], (0, 5000), [1000.125, 2.5, 3]),
    (["true", "FALSE"], (0, 1), [1, 0]),
    (["1.234", "987"], (500, 5000), [1234, 987]),
    (["987", "1,234"], (500, 5000), [987, 1234]),
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(("texts", "scale", "expected"), READ)
def test_numbers_are_read_as_they_are_meant(
    texts: list[str], scale: tuple[float, float], expected: list[float], ending: str, tmp_path: Path
) -> None:
    path = log(tmp_path, texts, ending=ending)
    for rows in (None, 1, 2):
        assert outcome(path, rows, scale) == pytest.approx(expected)


REFUSED: list[tuple[list[str], tuple[float, float], str]] = [
    (["1.234", "987"], (0, 5000), "row 1, field 'value': the label '1.234' may mean 1.234 or 1234"),
    (["987", "1,234"], (0, 5000), "row 2, field 'value': the label '1,234' may mean 1.234 or 1234"),
    (["987", "-1,234"], (-5000, 5000), "row 2, field 'value': the label '-1,234' may mean -1234 or -1.234"),
    (["0,5", "0.5"], (0, 1), "row 2, field 'value': the label '0.5' has a decimal point, and the rows before have a"),
    (
        ["0.5", "1", "0,5"],
        (0, 1),
        "row 3, field 'value': the label '0,5' has a decimal comma, and the rows before have",
    ),
    (["1.234,5", "1,234.5"], (0, 5000), "row 2, field 'value': the label '1,234.5' has a decimal point, and the rows"),
    (["1,25", "2.345"], (1, 3), "row 2, field 'value': the label must be on its scale, between 1 and 3, found 2345"),
    (["1,5", "12.34"], (0, 50), "row 2, field 'value': the label '12.34' has a decimal point"),
    (["0.5", "1.234,5"], (0, 5000), "row 2, field 'value': the label '1.234,5' has a decimal comma"),
    (["1", "0,5,5"], (0, 1), "row 2, field 'value': the label '0,5,5' is not a number"),
    (["1", "1.2.3"], (0, 1), "row 2, field 'value': the label '1.2.3' is not a number"),
    (["1", "0.123,5"], (0, 1), "row 2, field 'value': the label '0.123,5' is not a number"),
    (["1", "12 34"], (0, 5000), "row 2, field 'value': the label '12 34' is not a number"),
    (["1", "5 %"], (0, 1), "row 2, field 'value': the label '5 %' is not a number"),
    (["1", "€ 5"], (0, 1), "row 2, field 'value': the label '€ 5' is not a number"),
    (["1", "1,5"], (0, 1), "row 2, field 'value': the label must be on its scale, between 0 and 1, found 1.5"),
]


@pytest.mark.parametrize(("texts", "scale", "message"), REFUSED)
def test_what_may_be_read_otherwise_is_refused(
    texts: list[str], scale: tuple[float, float], message: str, tmp_path: Path
) -> None:
    path = log(tmp_path, texts)
    for rows in (None, 1, 2):
        assert message in str(outcome(path, rows, scale))


def test_commas_of_all_three_columns_are_read_without_a_map(tmp_path: Path) -> None:
    for name, texts, expected in (
        ("label", ["0,5", "1"], [0.5, 1.0]),
        ("grade", ["0,667", "0"], [0.667, 0.0]),
        ("position", ["1,0", "12"], [1.0, 12.0]),
    ):
        for rows in (None, 1):
            assert outcome(log(tmp_path, texts, name), rows, None, name) == expected
    told = "row 1, field 'position': the position '1.500' may mean 1.5 or 1500"
    for rows in (None, 1):
        assert told in str(outcome(log(tmp_path, ["1.500", "2"], "position"), rows, None, "position"))


def test_what_commas_mean_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path, ["987", "1.234,5"])
    for rows in (None, 1):
        outcome(path, rows, (0, 5000))
    said = capsys.readouterr().err.splitlines()
    assert said[1:] == [f"{path}: numbers of the column 'value' have a decimal comma: '1.234,5' is read as 1234.5"]


def test_only_numbers_lose_their_commas(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("q;i;t;value\n3,5;1,5;0,5;0,5\n", encoding="utf-8")
    how = ColumnMap.model_validate(
        {
            "columns": {"query": "q", "item_id": "i", "title": "t"},
            "label": {"column": "value", "minimum": 0, "maximum": 1},
            "attributes": {"width": "value"},
            "keep": ["value"],
        }
    )
    row = load_samples(path, column_map=how).iloc[0]
    assert [row["query"], row["item_id"], row["title"], row["value"]] == ["3,5", "1,5", "0,5", "0,5"]
    assert (row["attributes"], row["label"]) == ('{"width": "0,5"}', 0.5)


def test_a_chunk_is_read_as_the_rows_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimals, "ROWS_LOOKED_AT", 5)
    monkeypatch.setattr("sie_agent.samples.sample_loading.ROWS_LOOKED_AT", 5)
    path = log(tmp_path, ["987", "0,5", *["1"] * 20, "2.345", *["1"] * 7])
    assert outcome(path, 4, (0, 5000)) == outcome(path, None, (0, 5000))
    assert outcome(path, 4, (0, 5000))[22] == 2345
    path = log(tmp_path, ["987", *["1"] * 20, "0,5", "2.345"])
    told = "row 23, field 'value': the label '2.345' may mean 2.345 or 2345"
    for rows in (None, 4):
        assert told in str(outcome(path, rows, (0, 5000)))


def grouped(text: str, between: str) -> str:
    """Whole digits in groups of three."""
    head = len(text) % 3 or 3
    return between.join([text[:head], *(text[place : place + 3] for place in range(head, len(text), 3))])


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 5)), min_size=1, max_size=15),
    style=st.sampled_from([(",", "."), (".", ","), (",", ""), (".", ""), (",", " "), (".", "'")]),
    high=st.sampled_from([1.0, 100.0, 1e4, 1e9]),
)
def test_no_number_is_read_as_another(values: list[tuple[int, int]], style: tuple[str, str], high: float) -> None:
    """Whatever the way of writing numbers, each is read as what was written, or refused as doubtful."""
    mark, between = style
    numbers = [number / 10**places for number, places in values]
    assert all(0 <= number <= 1e7 for number in numbers)
    numbers = [min(number, high) for number in numbers]
    texts = []
    for number, (_, places) in zip(numbers, values, strict=True):
        whole, _, rest = f"{number:.{places}f}".partition(".")
        texts.append(grouped(whole, between) + (mark + rest if rest else ""))
    found = mark_of(texts, 0.0, high)
    assert found in (None, mark)
    for text, number, (_, places) in zip(texts, numbers, values, strict=True):
        try:
            read = number_of(text, found, 0.0, high)
        except Doubtful:
            assert found is None
            continue
        assert read is not None and math.isclose(read, float(f"{number:.{places}f}"))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["0,5", "1"], [0.5, 1]),
        (["2.333", "3", "1"], [2.333, 3, 1]),
        (["2,333", "3", "1"], [2.333, 3, 1]),
        (["1.234,50", "987"], [1234.5, 987]),
        (["good", "1"], [math.nan, 1]),
    ],
)
def test_numbers_of_an_unknown_range(texts: list[str], expected: list[float]) -> None:
    assert guessed_numbers(pd.Series(texts)).tolist() == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("texts", [["1.234", "987"], ["987", "1,234"], ["0,5", "0.5"]])
def test_numbers_of_an_unknown_range_that_may_be_others(texts: list[str]) -> None:
    with pytest.raises(Doubtful):
        guessed_numbers(pd.Series(texts))
